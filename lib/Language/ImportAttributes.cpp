// Settings as attributes: `settings` of the program, which becomes the
// manifest, and `train` of the function, which the update phase reads.
#include "Language/ImportImpl.h"
#include "Support/Pattern.h"

using namespace mlir;

namespace varve::importer {

namespace {
/// Collects the entries of a dictionary; absent means default.
struct Entries {
  OpBuilder &b;
  SmallVector<NamedAttribute> list;

  void set(StringRef key, Attribute value) {
    list.push_back(b.getNamedAttr(key, value));
  }
  void set(StringRef key, const std::string &value) {
    set(key, b.getStringAttr(value));
  }
  void set(StringRef key, int64_t value) {
    set(key, b.getI64IntegerAttr(value));
  }
  void setIf(StringRef key, int64_t value) {
    if (value)
      set(key, value);
  }
  void setIf(StringRef key, const std::string &value) {
    if (!value.empty())
      set(key, value);
  }
  void setIf(StringRef key, const std::vector<std::string> &values) {
    if (!values.empty())
      set(key, strings(values));
  }
  ArrayAttr strings(const std::vector<std::string> &values) {
    SmallVector<Attribute> out;
    for (const std::string &value : values)
      out.push_back(b.getStringAttr(value));
    return b.getArrayAttr(out);
  }
  DictionaryAttr get() { return b.getDictionaryAttr(list); }
};
} // namespace

DictionaryAttr Importer::settingsAttribute() {
  Entries out{builder, {}};
  out.set("model", model->name.text);
  if (train) {
    SmallVector<Attribute> fieldList;
    for (const SampleField &field : info.fields) {
      Entries entry{builder, {}};
      entry.set("name", field.name);
      entry.set("dtype", elementName(field.stored.getElementType()));
      SmallVector<Attribute> shape;
      for (int64_t size : field.stored.getShape())
        shape.push_back(builder.getI64IntegerAttr(size));
      entry.set("shape", builder.getArrayAttr(shape));
      entry.setIf("from", field.from);
      entry.setIf("classes", field.classes);
      entry.setIf("class_names", field.classNames);
      fieldList.push_back(entry.get());
    }
    Entries options{builder, {}};
    for (const auto &[key, text] : info.options)
      options.set(key, text);
    bool isText = info.dataName == "text" || info.dataName == "parallel_text";
    if (isText && info.generate)
      options.set("vocabulary", std::to_string(info.generate->vocabulary));
    Entries data{builder, {}};
    data.set("name", info.dataName);
    data.set("options", options.get());
    data.set("fields", builder.getArrayAttr(fieldList));

    Entries learn{builder, {}};
    learn.set("data", data.get());
    learn.set("batch", request.batch > 0 ? request.batch : info.batch);
    if (info.accumulate > 1)
      learn.set("accumulate", info.accumulate);
    learn.setIf("epochs", info.epochs);
    learn.setIf("steps", info.steps);
    learn.set("seed", info.seed);
    if (info.validate > 0)
      learn.set("validate", builder.getF64FloatAttr(info.validate));
    learn.setIf("patience", info.patience);
    learn.setIf("monitor", info.monitor);
    learn.setIf("checkpoint_every", info.checkpointEvery);
    learn.setIf("init_from", info.initFrom);
    std::vector<std::string> losses = {"loss"};
    if (info.losses.size() > 1 ||
        (!info.losses.empty() && info.losses[0]->name))
      losses.insert(losses.end(), info.lossNames.begin(), info.lossNames.end());
    losses.insert(losses.end(), stageLosses.begin(), stageLosses.end());
    learn.setIf("losses", losses);
    learn.setIf("metrics", info.metricNames);
    if (info.learning.way == "greedy") {
      std::vector<std::string> names;
      for (const Cut &cut : stageCuts)
        names.push_back(cut.name);
      names.push_back(lastStage);
      learn.set("stages", learn.strings(names));
      learn.set("stage_epochs", builder.getI64ArrayAttr(stageEpochs));
      learn.setIf("cache", int64_t(info.learning.cache));
    }
    out.set("train", learn.get());
  }
  if (info.generate) {
    Entries generate{builder, {}};
    generate.set("input", info.generate->node->input.text);
    generate.set("output", info.generate->node->output.text);
    generate.setIf("tokenizer", info.tokenizer);
    for (const auto &[key, number] : info.generate->numbers)
      if (key == "temperature" || key == "top_p")
        generate.set(key, builder.getF64FloatAttr(number));
      else
        generate.set(key, int64_t(number));
    out.set("generate", generate.get());
  }
  SmallVector<Attribute> nodes;
  for (const GraphLayer &layer : graph) {
    Entries entry{builder, {}};
    entry.set("name", layer.name);
    entry.set("type", layer.type);
    SmallVector<Attribute> from;
    for (int64_t index : layer.from)
      from.push_back(builder.getI64IntegerAttr(index));
    entry.set("from", builder.getArrayAttr(from));
    nodes.push_back(entry.get());
  }
  if (!nodes.empty())
    out.set("graph", builder.getArrayAttr(nodes));
  // A stage ends with the layer at its cut; its head's layers have its name.
  std::vector<size_t> ends;
  for (const Cut &cut : stageCuts) {
    size_t end = 0;
    for (size_t i = 0; i < graph.size(); ++i)
      if (graph[i].name == cut.layer)
        end = i + 1;
    ends.push_back(end);
  }
  std::vector<std::vector<std::string>> members(stageCuts.size() + 1);
  for (size_t i = 0; i < graph.size(); ++i) {
    size_t stage = 0;
    while (stage < ends.size() && i >= ends[stage])
      ++stage;
    for (size_t s = 0; s < stageCuts.size(); ++s)
      if (StringRef(graph[i].name)
              .starts_with("stage." + stageCuts[s].name + "."))
        stage = s;
    members[stage].push_back(graph[i].name);
  }
  SmallVector<Attribute> stages;
  for (size_t s = 0; s < members.size() && !stageCuts.empty(); ++s) {
    Entries entry{builder, {}};
    entry.set("name", s < stageCuts.size() ? stageCuts[s].name : lastStage);
    entry.set("layers", entry.strings(members[s]));
    stages.push_back(entry.get());
  }
  if (!stages.empty())
    out.set("stages", builder.getArrayAttr(stages));
  SmallVector<Attribute> names;
  for (const ast::Names *map : info.names) {
    Entries entry{builder, {}};
    std::vector<std::string> ours, theirs;
    for (const ast::KeyRule &rule : map->rules) {
      ours.push_back(rule.ours.text);
      theirs.push_back(rule.theirs.text);
    }
    entry.set("name", map->name.text);
    entry.set("ours", entry.strings(ours));
    entry.set("theirs", entry.strings(theirs));
    names.push_back(entry.get());
  }
  if (!names.empty())
    out.set("names", builder.getArrayAttr(names));
  SmallVector<Attribute> updates;
  for (const Adapter &adapter : adapters) {
    Entries entry{builder, {}};
    entry.set("weight", adapter.weight);
    entry.set("a", adapter.a);
    entry.set("b", adapter.b);
    entry.set("scale", builder.getF64FloatAttr(adapter.scale));
    entry.setIf("transposed", int64_t(adapter.transposed));
    updates.push_back(entry.get());
  }
  if (!updates.empty()) {
    out.set("adapters", builder.getArrayAttr(updates));
    out.setIf("frozen", frozenKeys());
  }
  std::vector<std::string> imported, moving;
  for (const auto &[key, variable] : variables) {
    if (variable.imported)
      imported.push_back(key);
    if (variable.moves)
      moving.push_back(key);
  }
  if (!imported.empty()) {
    std::vector<std::string> files, prefixes;
    for (const auto &[prefix, file] : importedAt) {
      files.push_back(file);
      prefixes.push_back(prefix);
    }
    Entries entry{builder, {}};
    entry.set("files", entry.strings(files));
    entry.set("prefixes", entry.strings(prefixes));
    entry.set("keys", entry.strings(imported));
    bool isWhole = findNetwork(mainScope, model->name.text) != nullptr;
    entry.setIf("whole", int64_t(isWhole));
    entry.setIf("moving", moving);
    out.set("imports", entry.get());
  }
  SmallVector<Attribute> layerList;
  for (const LayerRecord &layer : layers) {
    if (!layer.type)
      continue;
    Entries entry{builder, {}};
    entry.set("name", layer.path);
    entry.set("dtype", elementName(layer.type.getElementType()));
    SmallVector<Attribute> shape;
    for (int64_t size : layer.type.getShape())
      shape.push_back(builder.getI64IntegerAttr(size));
    entry.set("shape", builder.getArrayAttr(shape));
    layerList.push_back(entry.get());
  }
  if (!layerList.empty())
    out.set("layers", builder.getArrayAttr(layerList));
  if (!info.labels.empty()) {
    Entries labels{builder, {}};
    for (const auto &[name, texts] : info.labels)
      labels.set(name, labels.strings(texts));
    out.set("labels", labels.get());
  }
  return out.get();
}

DictionaryAttr Importer::trainAttribute() {
  Entries optimizer{builder, {}};
  optimizer.set("name", info.optimizer);
  for (const auto &[key, value] : info.hyper)
    optimizer.set(key, value);
  Entries out{builder, {}};
  out.set("optimizer", optimizer.get());
  auto patterns = [&](Entries &entry, const MatchRule &rule) {
    std::vector<std::string> texts;
    for (const ast::StringLiteral &pattern : rule.node->patterns)
      texts.push_back(pattern.text);
    entry.set("patterns", entry.strings(texts));
  };
  SmallVector<Attribute> groups;
  for (const MatchRule &rule : info.groups) {
    Entries entry{builder, {}};
    patterns(entry, rule);
    for (const auto &[key, value] : rule.values)
      entry.set(key, value);
    groups.push_back(entry.get());
  }
  if (!groups.empty())
    out.set("groups", builder.getArrayAttr(groups));
  SmallVector<Attribute> stages;
  for (const StageOptimizer &own : stageOptimizers) {
    Entries entry{builder, {}};
    entry.set("stage", own.stage);
    if (own.name != info.optimizer) {
      entry.set("name", own.name);
      entry.set("trains", entry.strings(own.parameters));
    }
    for (const auto &[key, value] : own.values)
      entry.set(key, value);
    stages.push_back(entry.get());
  }
  if (!stages.empty())
    out.set("stages", builder.getArrayAttr(stages));
  std::vector<std::string> frozen;
  for (const MatchRule &rule : info.freezes)
    for (const ast::StringLiteral &pattern : rule.node->patterns)
      frozen.push_back(pattern.text);
  // Patterns would freeze low-rank updates with their matrices.
  out.setIf("freeze", info.loras.empty() ? frozen : frozenKeys());
  if (info.learning.way == "greedy")
    out.set("greedy", builder.getUnitAttr());
  if (info.learning.parallel)
    out.set("parallel", builder.getUnitAttr());
  out.setIf("memory_budget", info.memoryBudget);
  if (info.clipNorm)
    out.set("clip_norm", builder.getF64FloatAttr(*info.clipNorm));
  if (info.clipValue)
    out.set("clip_value", builder.getF64FloatAttr(*info.clipValue));
  if (info.average)
    out.set("average", builder.getF64FloatAttr(*info.average));
  if (info.precision && !info.precision.isF32())
    out.set("precision", TypeAttr::get(info.precision));
  if (shardSizes.size() > 1)
    out.set("shards", builder.getDenseI64ArrayAttr(shardSizes));
  return out.get();
}

bool Importer::checkPatterns(Frame &frame) {
  bool good = true;
  auto check = [&](const MatchRule &rule) {
    for (const ast::StringLiteral &pattern : rule.node->patterns) {
      bool found = false;
      std::vector<std::string> known;
      for (const auto &[key, variable] : variables) {
        found |= matchesPattern(pattern.text, key);
        known.push_back(key);
        // "*.bias" for "*.biass"; "**.bias" where there are more dots.
        StringRef last = StringRef(key).rsplit('.').second;
        if (!last.empty()) {
          known.push_back("*." + last.str());
          known.push_back("**." + last.str());
        }
      }
      if (found)
        continue;
      std::string remedy = suggest(pattern.text, known);
      if (auto meant = closest(pattern.text, known)) {
        int64_t count = 0;
        for (const auto &[key, variable] : variables)
          count += matchesPattern(*meant, key);
        remedy = "did you mean \"" + *meant + "\" (" + std::to_string(count) +
                 " of them)?";
      }
      error(frame, pattern.span,
            "\"" + pattern.text + "\" matches no parameter", remedy);
      good = false;
    }
  };
  for (const MatchRule &rule : info.groups)
    check(rule);
  for (const MatchRule &rule : info.freezes)
    check(rule);
  return good;
}

} // namespace varve::importer
