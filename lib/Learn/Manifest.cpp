// Reads the manifest. Each value is checked before it is used: an artifact
// file may be damaged or of another version.
#include "Learn/Manifest.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace varve {
namespace {

using nlohmann::json;

/// Reads keys of one object into variables; remembers the first mistake.
class ObjectReader {
public:
  ObjectReader(const json &object, std::string path, std::string &mistake)
      : object(object), path(std::move(path)), mistake(mistake) {
    if (!object.is_object())
      fail("an object");
  }

  void read(const char *key, std::string &to) const {
    if (const json *value = find(key))
      value->is_string() ? void(to = value->get<std::string>())
                         : fail("a string", key);
  }
  void read(const char *key, int64_t &to) const {
    if (const json *value = find(key))
      value->is_number_integer() ? void(to = value->get<int64_t>())
                                 : fail("an integer", key);
  }
  void read(const char *key, double &to) const {
    if (const json *value = find(key))
      value->is_number() ? void(to = value->get<double>())
                         : fail("a number", key);
  }
  template <class T> void read(const char *key, std::vector<T> &to) const {
    const json *value = find(key);
    if (!value)
      return;
    if (!value->is_array())
      return fail("an array", key);
    for (const json &element : *value) {
      T item{};
      readElement(element, key, item);
      to.push_back(std::move(item));
    }
  }

  const json *find(const char *key) const {
    if (!object.is_object())
      return nullptr;
    auto it = object.find(key);
    return it == object.end() || it->is_null() ? nullptr : &*it;
  }
  void fail(const char *wanted, const char *key = nullptr) const {
    if (mistake.empty())
      mistake = fmt::format("{}{}{} is not {}", path, key ? "." : "",
                            key ? key : "", wanted);
  }

private:
  void readElement(const json &value, const char *key, std::string &to) const {
    value.is_string() ? void(to = value.get<std::string>())
                      : fail("an array of strings", key);
  }
  void readElement(const json &value, const char *key, int64_t &to) const {
    value.is_number_integer() ? void(to = value.get<int64_t>())
                              : fail("an array of integers", key);
  }

  const json &object;
  std::string path;
  std::string &mistake;
};

ManifestField readField(const json &value, std::string &mistake) {
  ManifestField field;
  ObjectReader reader(value, "train.data.fields", mistake);
  std::string type = "f32";
  reader.read("name", field.name);
  reader.read("dtype", type);
  reader.read("shape", field.shape);
  reader.read("from", field.from);
  reader.read("classes", field.classes);
  reader.read("class_names", field.classNames);
  if (!parseDType(type, field.type))
    reader.fail("an element type", "dtype");
  return field;
}

Manifest::Data readData(const json &value, std::string &mistake) {
  Manifest::Data data;
  ObjectReader reader(value, "train.data", mistake);
  reader.read("name", data.name);
  if (const json *options = reader.find("options"); options)
    for (const auto &[key, option] : options->items())
      data.options[key] =
          option.is_string() ? option.get<std::string>() : option.dump();
  if (const json *fields = reader.find("fields"); fields)
    for (const json &field : *fields)
      data.fields.push_back(readField(field, mistake));
  return data;
}

Manifest::Train readTrain(const json &value, std::string &mistake) {
  Manifest::Train train;
  ObjectReader reader(value, "train", mistake);
  if (const json *data = reader.find("data"))
    train.data = readData(*data, mistake);
  reader.read("batch", train.batch);
  reader.read("accumulate", train.accumulate);
  reader.read("epochs", train.epochs);
  reader.read("steps", train.steps);
  reader.read("seed", train.seed);
  reader.read("validate", train.validate);
  reader.read("patience", train.patience);
  reader.read("monitor", train.monitor);
  reader.read("checkpoint_every", train.checkpointEvery);
  reader.read("init_from", train.initFrom);
  reader.read("losses", train.losses);
  reader.read("metrics", train.metrics);
  reader.read("stages", train.stages);
  reader.read("stage_epochs", train.stageEpochs);
  reader.read("cache", train.cache);
  if (train.stages.size() != train.stageEpochs.size())
    reader.fail("as long as stages", "stage_epochs");
  return train;
}

Manifest::NameMap readNames(const json &value, std::string &mistake) {
  Manifest::NameMap map;
  ObjectReader reader(value, "names", mistake);
  reader.read("name", map.name);
  reader.read("ours", map.ours);
  reader.read("theirs", map.theirs);
  if (map.ours.size() != map.theirs.size())
    reader.fail("as long as ours", "theirs");
  return map;
}

Manifest::Generate readGenerate(const json &value, std::string &mistake) {
  Manifest::Generate generate;
  ObjectReader reader(value, "generate", mistake);
  reader.read("input", generate.input);
  reader.read("output", generate.output);
  reader.read("tokenizer", generate.tokenizer);
  reader.read("temperature", generate.temperature);
  reader.read("top_p", generate.topP);
  reader.read("top_k", generate.topK);
  reader.read("max", generate.max);
  reader.read("begin", generate.begin);
  reader.read("end", generate.end);
  return generate;
}

Manifest::Layer readLayer(const json &value, size_t index,
                          std::string &mistake) {
  Manifest::Layer layer;
  ObjectReader reader(value, "graph", mistake);
  reader.read("name", layer.name);
  reader.read("type", layer.type);
  reader.read("from", layer.from);
  for (int64_t from : layer.from)
    if (from < 0 || from >= static_cast<int64_t>(index))
      reader.fail("a list of earlier layers", "from");
  return layer;
}

Manifest::Stage readStage(const json &value, std::string &mistake) {
  Manifest::Stage stage;
  ObjectReader reader(value, "stages", mistake);
  reader.read("name", stage.name);
  reader.read("layers", stage.layers);
  return stage;
}

Manifest::Adapter readAdapter(const json &value, std::string &mistake) {
  Manifest::Adapter adapter;
  ObjectReader reader(value, "adapters", mistake);
  reader.read("weight", adapter.weight);
  reader.read("a", adapter.a);
  reader.read("b", adapter.b);
  reader.read("scale", adapter.scale);
  reader.read("transposed", adapter.transposed);
  return adapter;
}

Manifest::Imports readImports(const json &value, std::string &mistake) {
  Manifest::Imports imports;
  ObjectReader reader(value, "imports", mistake);
  reader.read("files", imports.files);
  reader.read("prefixes", imports.prefixes);
  reader.read("keys", imports.keys);
  reader.read("whole", imports.whole);
  reader.read("moving", imports.moving);
  if (imports.files.size() != imports.prefixes.size())
    reader.fail("as long as files", "prefixes");
  return imports;
}

Manifest::LayerValue readLayerValue(const json &value, std::string &mistake) {
  Manifest::LayerValue layer;
  ObjectReader reader(value, "layers", mistake);
  std::string type = "f32";
  reader.read("name", layer.name);
  reader.read("dtype", type);
  reader.read("shape", layer.shape);
  if (!parseDType(type, layer.type))
    reader.fail("an element type", "dtype");
  return layer;
}

} // namespace

Result<Manifest> parseManifest(std::string_view text) {
  json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded())
    return Error{"the artifact's manifest is no JSON"};
  Manifest manifest;
  std::string mistake;
  ObjectReader reader(root, "manifest", mistake);
  reader.read("model", manifest.model);
  reader.read("operations", manifest.operations);
  if (const json *train = reader.find("train"))
    manifest.train = readTrain(*train, mistake);
  if (const json *generate = reader.find("generate"))
    manifest.generate = readGenerate(*generate, mistake);
  if (const json *names = reader.find("names"))
    for (const json &map : *names)
      manifest.names.push_back(readNames(map, mistake));
  if (const json *graph = reader.find("graph"))
    for (const json &layer : *graph)
      manifest.graph.push_back(
          readLayer(layer, manifest.graph.size(), mistake));
  if (const json *stages = reader.find("stages"))
    for (const json &stage : *stages)
      manifest.stages.push_back(readStage(stage, mistake));
  if (const json *adapters = reader.find("adapters"))
    for (const json &adapter : *adapters)
      manifest.adapters.push_back(readAdapter(adapter, mistake));
  reader.read("frozen", manifest.frozen);
  if (const json *imports = reader.find("imports"))
    manifest.imports = readImports(*imports, mistake);
  if (const json *layers = reader.find("layers"); layers)
    for (const json &layer : *layers)
      manifest.layers.push_back(readLayerValue(layer, mistake));
  if (const json *hyper = reader.find("hyper"))
    for (const auto &[name, value] : hyper->items())
      ObjectReader(*hyper, "hyper", mistake)
          .read(name.c_str(), manifest.hyper[name]);
  if (const json *labels = reader.find("labels"))
    for (const auto &[name, value] : labels->items())
      ObjectReader(*labels, "labels", mistake)
          .read(name.c_str(), manifest.labels[name]);
  if (!mistake.empty())
    return Error{"the artifact's manifest is malformed: " + mistake};
  return manifest;
}

} // namespace varve
