// `varve cache`: what was compiled, where it is, and away with it.
#include "Driver/Cache.h"
#include "Verbs.h"
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>

namespace varve::cli {

int runCache(const CacheArgs &args) {
  auto cache = ArtifactCache::standard();
  if (!cache)
    return fail({"there is no cache: none of VARVE_CACHE, XDG_CACHE_HOME and "
                 "HOME is set"});
  if (args.action == "path") {
    fmt::print("{}\n", cache->folder());
    return 0;
  }
  if (args.action == "clear") {
    auto freed = cache->clear();
    if (!freed)
      return fail(freed.error());
    fmt::print("freed {:.1f} MB\n", static_cast<double>(*freed) / 1e6);
    return 0;
  }
  uint64_t total = 0;
  auto entries = cache->entries();
  for (const ArtifactCache::Entry &entry : entries) {
    total += entry.bytes;
    fmt::print("{:%Y-%m-%d %H:%M:%S} {:>9.1f} kB  {}\n",
               fmt::localtime(static_cast<std::time_t>(entry.used)),
               static_cast<double>(entry.bytes) / 1e3, entry.path);
  }
  fmt::print("{} artifacts, {:.1f} of {:.0f} MB\n", entries.size(),
             static_cast<double>(total) / 1e6,
             static_cast<double>(ArtifactCache::limit()) / 1e6);
  return 0;
}

} // namespace varve::cli
