// The folder of compiled artifacts. Every file is written whole or not at all
// and an artifact is never rewritten, so readers need no lock.
#include "Driver/Cache.h"
#include "Support/File.h"
#include "Support/Hash.h"
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace varve {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr uint64_t maxIndexBytes = 1 << 20;

std::string resolve(const std::string &path, const std::string &folder) {
  return (fs::path(folder) / path).string();
}

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

// Only names that this class gives are listed and removed: 64 hexadecimal
// digits and an ending.
bool isOwn(const std::string &name, std::string_view end) {
  return name.size() == 64 + end.size() &&
         name.compare(64, std::string::npos, end) == 0 &&
         name.find_first_not_of("0123456789abcdef") == 64;
}

} // namespace

std::optional<ArtifactCache> ArtifactCache::standard() {
  if (std::string folder = environment("VARVE_CACHE"); !folder.empty())
    return ArtifactCache(folder);
  if (std::string folder = environment("XDG_CACHE_HOME"); !folder.empty())
    return ArtifactCache(folder + "/varve");
  if (std::string folder = environment("HOME"); !folder.empty())
    return ArtifactCache(folder + "/.cache/varve");
  return std::nullopt;
}

uint64_t ArtifactCache::limit() {
  uint64_t megabytes = 512;
  if (std::string text = environment("VARVE_CACHE_MB"); !text.empty())
    megabytes = std::strtoull(text.c_str(), nullptr, 10);
  return std::min<uint64_t>(megabytes, UINT64_MAX / 1000000) * 1000000;
}

std::optional<std::string>
ArtifactCache::find(const std::string &key,
                    const std::string &modelFolder) const {
  auto text = readFile(fmt::format("{}/{}.json", root, key), maxIndexBytes);
  if (!text)
    return std::nullopt;
  json index = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!index.is_object() || !index["artifact"].is_string() ||
      !index["digest"].is_string() || !index["dependencies"].is_object())
    return std::nullopt;
  for (const auto &[path, digest] : index["dependencies"].items()) {
    auto content = readFile(resolve(path, modelFolder));
    if (!content || !digest.is_string() ||
        sha256(*content) != digest.get<std::string>())
      return std::nullopt;
  }
  std::string name = index["artifact"].get<std::string>();
  if (!isOwn(name, ".so"))
    return std::nullopt;
  std::string path = fmt::format("{}/{}", root, name);
  auto artifact = readFile(path);
  if (!artifact || sha256(*artifact) != index["digest"].get<std::string>())
    return std::nullopt;
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // used now
  return path;
}

Status ArtifactCache::makeFolder() const {
  if (std::error_code code; fs::exists(root, code))
    return {};
  if (Status status = makeFolders(root); !status)
    return status.error();
  // Artifacts are loaded as code: the folder is its owner's alone.
  (void)chmod(root.c_str(), 0700);
  return {};
}

Result<std::string>
ArtifactCache::store(const std::string &key, std::string_view artifact,
                     const std::vector<CacheDependency> &dependencies) {
  if (Status status = makeFolder(); !status)
    return status.error();
  Sha256 hash;
  hash.updatePart(key);
  json index = {{"dependencies", json::object()}};
  for (const CacheDependency &dependency : dependencies) {
    hash.updatePart(dependency.path);
    hash.updatePart(dependency.digest);
    index["dependencies"][dependency.path] = dependency.digest;
  }
  index["digest"] = sha256(artifact);
  hash.updatePart(index["digest"].get<std::string>());
  std::string name = hash.hexDigest() + ".so";
  index["artifact"] = name;
  std::string path = fmt::format("{}/{}", root, name);
  if (Status status = writeFile(path, {artifact}); !status)
    return status.error();
  if (Status status =
          writeFile(fmt::format("{}/{}.json", root, key), {index.dump()});
      !status)
    return status.error();
  evict(name);
  return path;
}

void ArtifactCache::storeNote(const std::string &key,
                              const std::vector<std::string> &names) {
  if (!makeFolder())
    return;
  (void)writeFile(fmt::format("{}/{}.json", root, key),
                  {json{{"values", names}}.dump(
                      -1, ' ', false, json::error_handler_t::replace)});
}

std::vector<std::string> ArtifactCache::findNote(const std::string &key) const {
  auto text = readFile(fmt::format("{}/{}.json", root, key), maxIndexBytes);
  std::vector<std::string> names;
  if (!text)
    return names;
  json note = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (note.is_object() && note["values"].is_array())
    for (const json &name : note["values"])
      if (name.is_string())
        names.push_back(name.get<std::string>());
  return names;
}

std::vector<ArtifactCache::Entry> ArtifactCache::entries() const {
  std::vector<Entry> result;
  std::error_code code;
  fs::directory_iterator files(root, code);
  for (; !code && files != fs::directory_iterator(); files.increment(code)) {
    struct stat info;
    if (isOwn(files->path().filename().string(), ".so") &&
        stat(files->path().c_str(), &info) == 0)
      result.push_back({files->path().string(),
                        static_cast<uint64_t>(info.st_size), info.st_mtime});
  }
  std::sort(result.begin(), result.end(), [](const Entry &a, const Entry &b) {
    return std::tie(b.used, a.path) < std::tie(a.used, b.path);
  });
  return result;
}

// Files of the last minute stay: another process may be about to load one.
void ArtifactCache::evict(const std::string &keep) {
  uint64_t total = 0, bound = limit();
  int64_t recent = std::time(nullptr) - 60;
  for (const Entry &entry : entries()) {
    total += entry.bytes;
    if (total > bound && entry.used < recent &&
        fs::path(entry.path).filename() != keep)
      unlink(entry.path.c_str());
  }
}

Result<uint64_t> ArtifactCache::clear() {
  uint64_t freed = 0;
  std::error_code code;
  fs::directory_iterator files(root, code);
  for (; !code && files != fs::directory_iterator(); files.increment(code)) {
    std::string name = files->path().filename().string();
    if (!isOwn(name, ".so") && !isOwn(name, ".json"))
      continue;
    std::error_code ignored;
    uintmax_t bytes = files->file_size(ignored);
    if (unlink(files->path().c_str()) != 0)
      return Error{fmt::format("cannot remove '{}'", files->path().string())};
    freed += ignored ? 0 : bytes;
  }
  return freed;
}

} // namespace varve
