// A folder for files of this process alone.
#ifndef VARVE_SUPPORT_TEMPORARYFOLDER_H
#define VARVE_SUPPORT_TEMPORARYFOLDER_H

#include "varve/Result.h"
#include <string>
#include <utility>

namespace varve {

/// A new folder among the system's temporary ones ($TMPDIR); it goes, with what
/// is in it, when this does.
class TemporaryFolder {
public:
  static Result<TemporaryFolder> make();

  TemporaryFolder(TemporaryFolder &&other) noexcept
      : name(std::exchange(other.name, {})) {}
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;
  ~TemporaryFolder();

  const std::string &path() const { return name; }

private:
  explicit TemporaryFolder(std::string name) : name(std::move(name)) {}

  std::string name;
};

} // namespace varve
#endif
