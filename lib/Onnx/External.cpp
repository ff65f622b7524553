// External data, held inside the model's folder.
#include "Onnx/External.h"
#include "Support/File.h"
#include <charconv>
#include <filesystem>
#include <fmt/format.h>

namespace varve::onnx {

namespace fs = std::filesystem;

Status ExternalPlace::set(const std::string &key, const std::string &value) {
  if (key == "location") {
    location = value;
    return {};
  }
  if (key != "offset" && key != "length")
    return {};
  uint64_t &to = key == "offset" ? offset : length;
  const char *end = value.data() + value.size();
  auto [stop, code] = std::from_chars(value.data(), end, to);
  if (code != std::errc() || stop != end)
    return Error{
        fmt::format("the {} of its external data is '{}'", key, value)};
  return {};
}

/// Whether no part of the path leads upwards.
static bool staysBelow(const fs::path &path) {
  if (path.empty() || path.is_absolute())
    return false;
  for (const fs::path &part : path)
    if (part == "..")
      return false;
  return true;
}

Result<std::string> readExternal(const std::string &folder,
                                 const ExternalPlace &place, size_t bytes) {
  std::error_code code;
  fs::path root = fs::canonical(folder, code);
  fs::path file = fs::weakly_canonical(root / place.location, code);
  fs::path relative = file.lexically_relative(root);
  if (!staysBelow(place.location) || code || !staysBelow(relative))
    return Error{fmt::format("its external data are in '{}', which is not in "
                             "the model's folder",
                             place.location)};
  if (place.length && place.length != bytes)
    return Error{fmt::format("its external data have {} bytes, not {}",
                             place.length, bytes)};
  auto input = InputFile::open(file.string());
  if (!input)
    return input.error();
  if (place.offset > input->size() || bytes > input->size() - place.offset)
    return Error{fmt::format("'{}' has {} bytes, not {} at {}", place.location,
                             input->size(), bytes, place.offset)};
  std::string data(bytes, '\0');
  if (Status read = input->read(place.offset, data.data(), bytes); !read)
    return read.error();
  return data;
}

} // namespace varve::onnx
