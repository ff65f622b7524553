// From a model file and settings to artifacts.
#include "Driver/Artifacts.h"
#include "Driver/CompilerLibrary.h"
#include "Support/File.h"
#include "Support/Hash.h"
#include "varve-c/Runtime.h"
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <sstream>

namespace varve {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t maxModelBytes = 64 << 20;

std::vector<const char *> pointersTo(const std::vector<std::string> &texts) {
  std::vector<const char *> pointers;
  for (const std::string &text : texts)
    pointers.push_back(text.c_str());
  return pointers;
}

} // namespace

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
  Result<std::string> text = options.text
                                 ? Result<std::string>(*options.text)
                                 : readFile(options.path, maxModelBytes);
  if (!text)
    return text.error();
  if (text->find('\0') != std::string::npos)
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
                             const std::vector<int64_t> &batches) const {
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
  return hash.hexDigest();
}

Result<std::string> Artifacts::get(const std::string &function,
                                   const std::vector<int64_t> &batches) {
  // dlopen looks for a plain name elsewhere.
  if (compiled)
    return fs::absolute(options.path).string();
  std::string key = keyOf(function, batches);
  if (cache)
    if (auto path = cache->find(key, folder))
      return *path;
  return compile(key, function, batches);
}

// Returns the list of files that were read.
Result<std::string> Artifacts::compileTo(const std::string &path,
                                         const std::string &function,
                                         const std::vector<int64_t> &batches) {
  auto library = CompilerLibrary::load();
  if (!library)
    return library.error();
  std::vector<const char *> sets = pointersTo(options.sets),
                            passes = pointersTo(options.disabledPasses);
  std::vector<varve_function_request> functions;
  for (int64_t batch : batches)
    functions.push_back({function.c_str(), batch});
  varve_compile_request request = {};
  request.size = sizeof request;
  request.path = options.path.c_str();
  request.text = text.c_str();
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
  varve_compile_result result = {};
  library->compile(&request, &result);
  seconds += result.seconds;
  std::string diagnostic = result.diagnostic ? result.diagnostic : "";
  std::string read = result.dependencies ? result.dependencies : "";
  auto status = static_cast<ErrorKind>(result.status);
  bool failed = result.status != VARVE_OK;
  library->clear(&result);
  if (failed)
    return Error{diagnostic, status};
  notes += diagnostic;
  return read;
}

Result<std::string> Artifacts::compile(const std::string &key,
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
  std::string path = fmt::format("{}/{}.so", temporary, key);
  auto read = compileTo(path, function, batches);
  if (!read)
    return read.error();
  if (!cache)
    return path;
  std::vector<CacheDependency> dependencies;
  std::istringstream lines(*read);
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
  // A cache that cannot be written costs time only.
  auto stored = cache->store(key, *bytes, dependencies);
  return stored ? *stored : path;
}

} // namespace varve
