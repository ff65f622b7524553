// The texts of a program: main file, files it uses, prelude; and what the
// command line overrides in them before anything is read.
#include "Language/ImportImpl.h"
#include "Language/Parser.h"
#include "Language/Printer.h"
#include "Support/File.h"

using namespace mlir;

namespace varve::importer {

/// No text of a program is larger.
constexpr uint64_t maxFileBytes = 64 << 20;

static std::string folderOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

const FileScope *Importer::loadFile(const std::string &path, std::string text,
                                    std::vector<std::string> &stack) {
  FileId file = sources.add(path, std::move(text));
  size_t before = diagnostics.errors().size();
  trees.push_back(parseFile(sources, file, diagnostics));
  ast::File *tree = &trees.back();
  if (diagnostics.errors().size() != before) {
    onlyRefusals = false;
    return nullptr;
  }
  scopes.emplace_back();
  FileScope *scope = &scopes.back();
  scope->file = file;
  scope->tree = tree;
  stack.push_back(path);
  bool good = true;
  auto declare = [&](const ast::Name &name, BlockRef block) {
    if (!scope->networks.count(name.text) &&
        scope->blocks.emplace(name.text, block).second)
      return;
    onlyRefusals = false;
    diagnostics.error(name.span, "`" + name.text + "` is declared twice");
    good = false;
  };
  for (const ast::Declaration &declaration : tree->declarations) {
    if (auto *node = declaration.as<ast::Use>())
      good &= use(*scope, *node, path, stack);
    if (auto *block = declaration.as<ast::Block>())
      declare(block->name, {block, scope});
    if (auto *node = declaration.as<ast::Import>())
      good &= importNetwork(*scope, *node, path);
  }
  stack.pop_back();
  return good ? scope : nullptr;
}

bool Importer::use(FileScope &scope, const ast::Use &node,
                   const std::string &path, std::vector<std::string> &stack) {
  auto fail = [&](Span span, std::string message, std::string remedy = "") {
    onlyRefusals = false;
    diagnostics.error(span, std::move(message), std::move(remedy));
    return false;
  };
  const std::string &name = node.file.text;
  // Not above the main file's folder, however the path is spelt.
  int64_t level = 0;
  bool absolute = StringRef(name).starts_with("/");
  SmallVector<StringRef> parts;
  std::string full = folderOf(path) + name;
  StringRef relative = full;
  relative.consume_front(folderOf(request.path));
  relative.split(parts, '/');
  for (StringRef part : parts) {
    level += part == ".." ? -1 : part == "." || part.empty() ? 0 : 1;
    absolute |= level < 0;
  }
  if (absolute)
    return fail(node.file.span,
                "\"" + name + "\" is not below the folder of the main file");
  if (llvm::is_contained(stack, full))
    return fail(node.file.span, "\"" + name + "\" uses this file: a cycle");
  const FileScope *used = nullptr;
  for (const FileScope &known : scopes)
    if (sources.name(known.file) == full)
      used = &known;
  if (!used) {
    Result<std::string> text = readFile(full, maxFileBytes);
    if (!text)
      return fail(node.file.span, text.error().message);
    filesRead.push_back(full);
    used = loadFile(full, std::move(*text), stack);
    if (!used)
      return false;
  }
  bool good = true;
  for (const ast::Name &block : node.names) {
    std::vector<std::string> known;
    const BlockRef *found = nullptr;
    for (const auto &[key, ref] : used->blocks)
      if (ref.scope == used) { // What a file uses stays private.
        known.push_back(key);
        if (key == block.text)
          found = &ref;
      }
    if (!found)
      good =
          fail(block.span, "\"" + name + "\" has no block `" + block.text + "`",
               suggest(block.text, known));
    else if (!scope.blocks.emplace(block.text, *found).second)
      good = fail(block.span, "`" + block.text + "` is declared twice");
  }
  return good;
}

std::optional<BlockRef> Importer::findBlock(const FileScope *scope,
                                            const std::string &name) const {
  for (const FileScope *each : {scope, preludeScope}) {
    auto found = each->blocks.find(name);
    if (found != each->blocks.end())
      return found->second;
  }
  return std::nullopt;
}

bool Importer::load() {
  std::vector<std::string> stack;
  preludeScope = loadFile("prelude.varve", std::string(preludeText()), stack);
  assert(preludeScope && "the prelude is well formed");
  preludeFile = preludeScope->file;
  if (request.text.size() > maxFileBytes) {
    FileId file = sources.add(request.path, "");
    diagnostics.error({file, 0, 0}, "the file is larger than 64 MiB");
    onlyRefusals = false;
    return false;
  }
  mainScope = loadFile(request.path, request.text, stack);
  if (!mainScope)
    return false;
  for (ast::File &tree : trees)
    if (&tree == mainScope->tree)
      mainTree = &tree;
  return chooseModel() && applyOverrides();
}

// The model that is asked for; else the one with a `train` block, else the one.
bool Importer::chooseModel() {
  std::vector<const ast::Block *> models, trained;
  std::vector<std::string> names;
  // A network is a model where `train` or `infer` speak of it.
  auto isSpokenOf = [&](const std::string &name) {
    return llvm::any_of(mainTree->declarations, [&](const auto &declaration) {
      auto *node = declaration.template as<ast::Train>();
      return node && node->model.text == name;
    });
  };
  auto trainOf = [&](const std::string &name) -> ast::Train * {
    for (ast::Declaration &declaration : mainTree->declarations)
      if (auto *node = std::get_if<ast::Train>(&declaration.node))
        if (!node->isInfer && node->model.text == name)
          return node;
    return nullptr;
  };
  for (const ast::Declaration &declaration : mainTree->declarations)
    if (auto *block = declaration.as<ast::Block>())
      if (block->isModel) {
        models.push_back(block);
        names.push_back(block->name.text);
        if (trainOf(block->name.text))
          trained.push_back(block);
      }
  for (const auto &[name, network] : mainScope->networks)
    if (isSpokenOf(name)) {
      models.push_back(modelOfNetwork(network));
      if (!models.back())
        return false;
      names.push_back(name);
      if (trainOf(name))
        trained.push_back(models.back());
    }
  auto fail = [&](Span span, std::string message, std::string remedy = "") {
    onlyRefusals = false;
    diagnostics.error(span, std::move(message), std::move(remedy));
    return false;
  };
  for (const ast::Declaration &declaration : mainTree->declarations)
    if (auto *node = declaration.as<ast::Train>())
      if (!llvm::is_contained(names, node->model.text))
        return fail(node->model.span,
                    "unknown model `" + node->model.text + "`",
                    suggest(node->model.text, names));

  Span top{mainScope->file, 0, 0};
  if (!request.model.empty()) {
    for (const ast::Block *candidate : models)
      if (candidate->name.text == request.model)
        model = candidate;
    if (!model)
      return fail(top, "there is no model `" + request.model + "`",
                  suggest(request.model, names));
  } else if (models.empty()) {
    return fail(top, "there is no model in this file",
                "write `model NAME(...) -> ... { }`");
  } else if (trained.size() == 1) {
    model = trained[0];
  } else if (models.size() == 1) {
    model = models[0];
  } else {
    return fail(models[1]->name.span, "the file has several models: which one?",
                "--model " + models[1]->name.text);
  }
  for (ast::Declaration &declaration : mainTree->declarations) {
    auto *node = std::get_if<ast::Train>(&declaration.node);
    if (!node || node->model.text != model->name.text)
      continue;
    ast::Train *&slot = node->isInfer ? infer : train;
    if (slot)
      return fail(node->model.span,
                  "`" + model->name.text + "` has two such blocks");
    slot = node;
  }
  return true;
}

// ---- --set ----

static ast::Expr listOfNames(StringRef text, Span span) {
  ast::Expr list;
  list.kind = ast::ExprKind::List;
  list.span = span;
  for (StringRef name : llvm::split(text, ',')) {
    ast::Expr item;
    item.kind = ast::ExprKind::String;
    item.text = name.trim(" \"[]").str();
    item.span = span;
    list.operands.push_back(item);
  }
  return list;
}

bool Importer::applyOverrides() {
  for (const std::string &text : request.set) {
    FileId file = sources.add(overrideName, text);
    size_t equals = text.find('=');
    Span whole{file, 0, uint32_t(text.size())};
    if (equals == std::string::npos || equals == 0) {
      onlyRefusals = false;
      diagnostics.error(whole, "an override is KEY=VALUE",
                        "such as `batch=64`");
      return false;
    }
    std::string key = text.substr(0, equals), right = text.substr(equals + 1);
    Span name{file, 0, uint32_t(equals)};
    // Cuts are names, which need no quotes here.
    ast::Expr value = key == "learning.cuts" || key == "import"
                          ? listOfNames(right, name)
                                             : parseOverride(key, right);
    if (!applyOverride(key, std::move(value), name))
      return false;
  }
  return true;
}

// An expression if it parses as one, a list if commas stand in it, else a
// string.
ast::Expr Importer::parseOverride(const std::string &key,
                                  const std::string &text) {
  const std::string place = overrideName + (" " + key);
  for (const std::string &attempt : {text, "[" + text + "]"}) {
    FileId file = sources.add(place, attempt);
    Diagnostics own(sources);
    std::optional<ast::Expr> expr = parseExpression(sources, file, own);
    if (expr && !own.hasErrors())
      return *expr;
  }
  ast::Expr expr;
  expr.kind = ast::ExprKind::String;
  expr.text = text;
  FileId file = sources.add(place, text);
  expr.span = {file, 0, uint32_t(text.size())};
  return expr;
}

/// The dimensions of a type that are names.
static void addDimNames(const ast::Type &type, std::set<std::string> &names) {
  for (const ast::Dim &dim : type.dims)
    if (dim.size && dim.size->is(ast::ExprKind::Name))
      names.insert(dim.size->text);
}

// A size of the data's fields, or of the model's inputs.
bool Importer::setDim(const std::string &name, const ast::Expr &value,
                      Span span) {
  auto fail = [&](std::string message, std::string remedy = "") {
    onlyRefusals = false;
    diagnostics.error(span, std::move(message), std::move(remedy));
    return false;
  };
  if (train)
    for (const ast::Setting &setting : train->settings.list)
      if (auto *data = setting.as<ast::Data>(); data && data->fields)
        for (const ast::Field &field : *data->fields)
          addDimNames(field.type, fieldDims);
  std::set<std::string> known = fieldDims;
  const ast::Type *first = nullptr;
  for (const ast::Input &input : model->inputs) {
    addDimNames(input.type, known);
    if (!first && input.type.kind == ast::Type::Kind::Tensor)
      first = &input.type;
  }
  if (first && !first->dims.empty() && first->dims[0].size &&
      first->dims[0].size->is(ast::ExprKind::Name) &&
      first->dims[0].size->text == name)
    return fail("`" + name + "` counts samples", "say `--batch`");
  if (!known.count(name))
    return fail("`" + model->name.text + "` has no dimension `" + name + "`",
                suggest(name, {known.begin(), known.end()}));
  if (!value.is(ast::ExprKind::Int) || value.intValue < 1)
    return fail("a size is an int of 1 or more");
  dims[name] = value.intValue;
  return true;
}

bool Importer::applyOverride(const std::string &key, ast::Expr value,
                             Span span) {
  auto fail = [&](std::string message, std::string remedy = "") {
    onlyRefusals = false;
    diagnostics.error(span, std::move(message), std::move(remedy));
    return false;
  };
  auto [head, rest] = StringRef(key).split('.');
  if (head == "dim")
    return setDim(rest.str(), value, span);
  if (key == "import") { // It was read with the file.
    if (mainScope->networks.size() == 1)
      return true;
    return fail("the file has " +
                    std::to_string(mainScope->networks.size()) +
                    " imports, and takes the model of the command line in "
                    "place of one",
                "write `import \"net.onnx\" as net`");
  }
  if (head == "model") {
    for (const ast::Input &input : model->inputs)
      if (input.name.text == rest && input.fallback) {
        modelSets[rest.str()] = std::move(value);
        return true;
      }
    std::vector<std::string> known;
    for (const ast::Input &input : model->inputs)
      if (input.fallback)
        known.push_back(input.name.text);
    return fail("`" + model->name.text + "` has no argument `" + rest.str() +
                    "` to set",
                suggest(rest.str(), known));
  }
  std::vector<std::string> known = ast::valueSettings();
  known.push_back("learning");
  if (!llvm::is_contained(known, head.str()))
    return fail("`" + head.str() + "` cannot be set from here",
                suggest(head.str(), known));
  if (!train && key == "precision") // Import.cpp reads it.
    return llvm::is_contained({"f32", "bf16", "f16"}, value.text) ||
           fail("`precision` is f32, bf16 or f16");
  if (!train)
    return fail("there is no `train` block to set `" + key + "` in");

  // The last setting of that name is the one that holds.
  ast::Setting *setting = nullptr;
  for (ast::Setting &candidate : train->settings.list)
    if (candidate.keyword.text == head)
      setting = &candidate;
  if (!setting) {
    train->settings.list.emplace_back();
    setting = &train->settings.list.back();
    setting->keyword = {head.str(), span};
    setting->span = span;
    ast::Expr none;
    none.span = span;
    if (head == "learning")
      setting->node = ast::Learning{{"end_to_end", span}, {}, {}};
    else
      setting->node = ast::Value{{head.str(), span}, none};
  }
  std::vector<ast::Argument> *arguments = nullptr;
  if (auto *learning = std::get_if<ast::Learning>(&setting->node)) {
    if (rest.empty()) {
      if (!value.is(ast::ExprKind::Name))
        return fail("`learning` is a name, such as `decoupled`");
      *learning = ast::Learning{{value.text, value.span}, {}, {}};
      return true;
    }
    arguments = &learning->arguments;
  } else {
    auto &node = std::get<ast::Value>(setting->node);
    if (rest.empty()) {
      node.value = std::move(value);
      return true;
    }
    if (!node.value.is(ast::ExprKind::Call))
      return fail("`" + head.str() + "` has no argument `" + rest.str() + "`");
    arguments = &node.value.arguments;
  }
  for (ast::Argument &argument : *arguments)
    if (argument.name && argument.name->text == rest) {
      argument.value = std::move(value);
      return true;
    }
  arguments->push_back({ast::Name{rest.str(), span}, std::move(value)});
  return true;
}

} // namespace varve::importer
