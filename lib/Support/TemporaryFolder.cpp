// A folder for files of this process alone.
#include "Support/TemporaryFolder.h"
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>

namespace varve {

namespace fs = std::filesystem;

Result<TemporaryFolder> TemporaryFolder::make() {
  std::error_code code;
  std::string name = fs::temp_directory_path(code).string() + "/varve-XXXXXX";
  if (code || !mkdtemp(name.data()))
    return Error{fmt::format("cannot make a temporary folder: {}",
                             code ? code.message() : strerror(errno))};
  return TemporaryFolder(std::move(name));
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code code;
  if (!name.empty())
    fs::remove_all(name, code);
}

} // namespace varve
