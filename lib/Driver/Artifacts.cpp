// From a model file and settings to artifacts.
#include "Driver/Artifacts.h"
#include "Driver/CompilerLibrary.h"
#include "Support/File.h"
#include "Support/Hash.h"
#include "varve-c/Runtime.h"
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <sstream>

namespace varve {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t maxModelBytes = 64 << 20;
/// An ONNX model carries its weights.
constexpr uint64_t maxOnnxBytes = INT32_MAX;

std::vector<const char *> pointersTo(const std::vector<std::string> &texts) {
  std::vector<const char *> pointers;
  for (const std::string &text : texts)
    pointers.push_back(text.c_str());
  return pointers;
}

} // namespace

bool isOnnx(const std::string &path) {
  return fs::path(path).extension() == ".onnx";
}

std::vector<varve_given_input>
requested(const std::vector<GivenInput> &inputs) {
  std::vector<varve_given_input> list;
  for (const GivenInput &input : inputs)
    list.push_back({input.name.c_str(), input.bytes.data(),
                    static_cast<int64_t>(input.bytes.size())});
  return list;
}

std::string nativeCpu() {
  for (const char *cpu : {"x86-64-v4", "x86-64-v3", "neon"})
    if (varve_cpu_supports(cpu))
      return cpu;
  return "unknown";
}

Result<Artifacts> Artifacts::open(CompileOptions options) {
  Artifacts artifacts;
  if (!options.text && fs::path(options.path).extension() == ".so") {
    if (!options.sets.empty() || !options.disabledPasses.empty())
      return Error{fmt::format("'{}' is compiled already: {} needs the model "
                               "file",
                               options.path,
                               options.sets.empty()
                                   ? "--disable-pass"
                                   : "--set " + options.sets[0]),
                   ErrorKind::Usage};
    artifacts.compiled = true;
    artifacts.options = std::move(options);
    return Result<Artifacts>(std::move(artifacts));
  }
  Result<std::string> text =
      options.text
          ? Result<std::string>(*options.text)
          : readFile(options.path,
                     isOnnx(options.path) ? maxOnnxBytes : maxModelBytes);
  if (!text)
    return text.error();
  if (!isOnnx(options.path) && text->find('\0') != std::string::npos)
    return Error{
        fmt::format("'{}' is not a model file: it is no text", options.path)};
  artifacts.text = std::move(*text);
  artifacts.folder = fs::path(options.path).parent_path().string();
  if (options.cpu.empty())
    options.cpu = nativeCpu();
  artifacts.options = std::move(options);
  artifacts.cache = ArtifactCache::standard();
  return Result<Artifacts>(std::move(artifacts));
}

Artifacts::Artifacts(Artifacts &&other) noexcept
    : options(std::move(other.options)), compiled(other.compiled),
      text(std::move(other.text)), folder(std::move(other.folder)),
      cache(std::move(other.cache)), temporary(std::move(other.temporary)),
      seconds(other.seconds), notes(std::move(other.notes)) {
  other.temporary.clear();
}

Artifacts::~Artifacts() {
  std::error_code ignored;
  if (!temporary.empty())
    fs::remove_all(temporary, ignored);
}

std::string Artifacts::keyOf(const std::string &function,
                             const std::vector<int64_t> &batches,
                             const std::vector<std::string> &values) const {
  Sha256 hash;
  auto list = [&](const std::vector<std::string> &parts) {
    hash.updatePart(fmt::format("{}", parts.size()));
    for (const std::string &part : parts)
      hash.updatePart(part);
  };
  hash.updatePart("varve artifact 1");
  hash.updatePart(CompilerLibrary::identity());
  hash.updatePart(options.cpu);
  hash.updatePart(options.profile ? "profile" : "");
  hash.updatePart(text);
  list(options.sets);
  list(options.disabledPasses);
  hash.updatePart(function);
  for (int64_t batch : batches)
    hash.updatePart(fmt::format("{}", batch));
  list(options.dims);
  for (const GivenInput &input : options.inputs) {
    hash.updatePart(input.name);
    hash.updatePart(input.type);
    bool counts =
        std::find(values.begin(), values.end(), input.name) != values.end();
    hash.updatePart(counts ? input.bytes : "");
  }
  return hash.hexDigest();
}

Result<std::string> Artifacts::get(const std::string &function,
                                   const std::vector<int64_t> &batches) {
  // dlopen looks for a plain name elsewhere.
  if (compiled)
    return fs::absolute(options.path).string();
  // Which inputs' values count is known once the model was compiled, and is
  // noted in the cache: each note names more of them.
  std::vector<std::string> values;
  while (cache) {
    std::string key = keyOf(function, batches, values);
    if (auto path = cache->find(key, folder))
      return *path;
    std::vector<std::string> more = cache->findNote(key);
    if (more.size() <= values.size())
      break;
    values = std::move(more);
  }
  return compile(values, function, batches);
}

Result<Artifacts::Compiled>
Artifacts::compileTo(const std::string &path, const std::string &function,
                     const std::vector<int64_t> &batches) {
  auto library = CompilerLibrary::load();
  if (!library)
    return library.error();
  std::vector<const char *> sets = pointersTo(options.sets),
                            passes = pointersTo(options.disabledPasses),
                            dims = pointersTo(options.dims);
  std::vector<varve_function_request> functions;
  for (int64_t batch : batches)
    functions.push_back({function.c_str(), batch});
  std::vector<varve_given_input> inputs = requested(options.inputs);
  varve_compile_request request = {};
  request.size = sizeof request;
  request.path = options.path.c_str();
  request.text = isOnnx(options.path) ? nullptr : text.c_str();
  request.set = sets.data();
  request.sets = static_cast<int64_t>(sets.size());
  request.function = functions.data();
  request.functions = static_cast<int64_t>(functions.size());
  request.cpu = options.cpu.c_str();
  request.disabled_pass = passes.data();
  request.disabled_passes = static_cast<int64_t>(passes.size());
  request.output = VARVE_OUTPUT_ARTIFACT;
  request.output_path = path.c_str();
  request.profile = options.profile;
  request.input = inputs.data();
  request.inputs = static_cast<int64_t>(inputs.size());
  request.dim = dims.data();
  request.dims = static_cast<int64_t>(dims.size());
  varve_compile_result result = {};
  library->compile(&request, &result);
  seconds += result.seconds;
  std::string diagnostic = result.diagnostic ? result.diagnostic : "";
  Compiled made;
  made.files = result.dependencies ? result.dependencies : "";
  std::istringstream names(result.text ? result.text : "");
  for (std::string name; std::getline(names, name);)
    made.values.push_back(name);
  auto status = static_cast<ErrorKind>(result.status);
  bool failed = result.status != VARVE_OK;
  library->clear(&result);
  if (failed)
    return Error{diagnostic, status};
  notes += diagnostic;
  return made;
}

Result<std::string> Artifacts::compile(const std::vector<std::string> &values,
                                       const std::string &function,
                                       const std::vector<int64_t> &batches) {
  if (temporary.empty()) {
    const char *place = std::getenv("TMPDIR");
    std::string name =
        fmt::format("{}/varve-XXXXXX", place && *place ? place : "/tmp");
    if (!mkdtemp(name.data()))
      return Error{fmt::format("cannot make a temporary folder '{}'", name)};
    temporary = name;
  }
  std::string key = keyOf(function, batches, values);
  std::string path = fmt::format("{}/{}.so", temporary, key);
  auto made = compileTo(path, function, batches);
  if (!made)
    return made.error();
  if (!cache)
    return path;
  std::vector<CacheDependency> dependencies;
  std::istringstream lines(made->files);
  std::error_code code;
  for (std::string file; std::getline(lines, file);) {
    if (file.empty() || file == options.path ||
        fs::equivalent(file, options.path, code))
      continue;
    auto content = readFile(file);
    if (!content)
      return path; // it changed meanwhile: good for this run only
    fs::path relative = fs::relative(file, folder.empty() ? "." : folder, code);
    dependencies.push_back({code ? file : relative.string(), sha256(*content)});
  }
  auto bytes = readFile(path);
  if (!bytes)
    return bytes.error();
  std::vector<std::string> counted = values;
  for (const std::string &name : made->values)
    if (std::find(values.begin(), values.end(), name) == values.end())
      counted.push_back(name);
  std::string counting = keyOf(function, batches, counted);
  if (counting != key)
    cache->storeNote(key, counted);
  // A cache that cannot be written costs time only.
  auto stored = cache->store(counting, *bytes, dependencies);
  return stored ? *stored : path;
}

} // namespace varve
