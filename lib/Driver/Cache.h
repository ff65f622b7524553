// The folder of compiled artifacts: found by what they were made from, bounded
// in size, safe to use from several processes at once.
//
//   KEY.json       which artifact, its digest, and the files it depends on; or
//                  a note: which inputs' values the right key is made of, too
//   ARTIFACT.so    never changed after it was written
#ifndef VARVE_DRIVER_CACHE_H
#define VARVE_DRIVER_CACHE_H

#include "varve/Result.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace varve {

/// A file that an artifact depends on besides the request's own text.
struct CacheDependency {
  std::string path; ///< relative to the model's folder, or absolute
  std::string digest;
};

class ArtifactCache {
public:
  /// At $VARVE_CACHE, else $XDG_CACHE_HOME/varve, else ~/.cache/varve. Nothing
  /// where none of these is set.
  static std::optional<ArtifactCache> standard();
  explicit ArtifactCache(std::string folder) : root(std::move(folder)) {}

  const std::string &folder() const { return root; }

  /// The artifact made from `key`, if it is whole and the files it depends on
  /// have not changed. `modelFolder` is what their paths are relative to.
  std::optional<std::string> find(const std::string &key,
                                  const std::string &modelFolder) const;

  /// Files the bytes of an artifact under a key and returns its path. The
  /// artifacts used longest ago are removed until all are below `limit()`.
  Result<std::string> store(const std::string &key, std::string_view artifact,
                            const std::vector<CacheDependency> &dependencies);

  /// A note under a key that has no artifact. A failure costs time only.
  void storeNote(const std::string &key, const std::vector<std::string> &names);
  /// The note under a key, or nothing.
  std::vector<std::string> findNote(const std::string &key) const;

  struct Entry {
    std::string path;
    uint64_t bytes = 0;
    int64_t used = 0; ///< seconds since 1970
  };
  /// All artifacts, those used last first.
  std::vector<Entry> entries() const;
  /// Removes everything that this class wrote; returns the bytes freed.
  Result<uint64_t> clear();

  /// Bytes that the artifacts may take: $VARVE_CACHE_MB megabytes, else 512.
  static uint64_t limit();

private:
  Status makeFolder() const;
  void evict(const std::string &keep);

  std::string root;
};

} // namespace varve
#endif
