// A fresh folder for a test's files, removed with them at the end.
#ifndef VARVE_TEST_TEMPORARYFOLDER_H
#define VARVE_TEST_TEMPORARYFOLDER_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <string_view>

namespace varve {

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = testing::TempDir() + "/varve-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }

  std::string operator/(std::string_view name) const {
    return path + "/" + std::string(name);
  }
  /// Writes a file the plain way and returns its path.
  std::string write(std::string_view name, std::string_view text) const {
    std::string file = *this / name;
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }
  std::string read(std::string_view name) const {
    std::ifstream file(*this / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t entries() const {
    std::filesystem::directory_iterator begin(path);
    return static_cast<size_t>(std::distance(begin, {}));
  }

  std::string path;
};

} // namespace varve
#endif
