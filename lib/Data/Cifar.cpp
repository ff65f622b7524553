// The binary files of CIFAR-10 and CIFAR-100. They have no header: the size
// is the only thing to check.
#include "Data/Cifar.h"
#include "Support/File.h"
#include "Support/Inflate.h"
#include "Support/Tar.h"
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <map>

namespace varve {
namespace {

constexpr size_t imageBytes = 3 * 32 * 32;

std::vector<Dataset::Field> fieldsOf(Tensor images, Tensor labels) {
  std::vector<Dataset::Field> fields;
  fields.push_back({"image", std::move(images)});
  fields.push_back({"label", std::move(labels)});
  return fields;
}

} // namespace

Status appendCifar(std::string_view bytes, const std::string &name,
                   size_t labelBytes, Tensor &images, Tensor &labels) {
  size_t record = labelBytes + imageBytes;
  if (bytes.empty() || bytes.size() % record)
    return Error{fmt::format("'{}' is not a valid CIFAR file: its {} bytes are "
                             "no whole number of records of {} bytes",
                             name, bytes.size(), record)};
  size_t count = bytes.size() / record, before = labels.data.size();
  labels.data.resize(before + count);
  images.data.resize((before + count) * imageBytes);
  const auto *next = reinterpret_cast<const std::byte *>(bytes.data());
  for (size_t i = before; i < before + count; ++i, next += record) {
    labels.data[i] = next[labelBytes - 1];
    std::copy(next + labelBytes, next + record,
              images.data.begin() + static_cast<ptrdiff_t>(i * imageBytes));
  }
  auto samples = static_cast<int64_t>(before + count);
  images.shape = {samples, 3, 32, 32};
  labels.shape = {samples};
  return {};
}

Result<std::vector<Dataset::Field>>
readCifar(const std::vector<std::string> &paths, size_t labelBytes) {
  Tensor images(DType::U8, {0, 3, 32, 32}), labels(DType::U8, {0});
  for (const std::string &path : paths) {
    auto bytes = readFile(path);
    if (bytes && isGzip(*bytes)) {
      bytes = gunzip(*bytes);
      if (!bytes)
        return Error{fmt::format("'{}': {}", path, bytes.error().message)};
    }
    if (!bytes)
      return bytes.error();
    if (Status status = appendCifar(*bytes, path, labelBytes, images, labels);
        !status)
      return status.error();
  }
  return fieldsOf(std::move(images), std::move(labels));
}

Result<std::vector<Dataset::Field>>
readCifarArchive(const std::string &path, const std::vector<std::string> &files,
                 size_t labelBytes) {
  auto bytes = readFile(path);
  if (!bytes)
    return bytes.error();
  // An archive may have them in any order.
  std::map<std::string, std::string> contents;
  TarReader reader(*bytes);
  while (contents.size() < files.size()) {
    auto entry = reader.next();
    if (!entry)
      return Error{fmt::format("'{}': {}", path, entry.error().message)};
    if (!*entry)
      return Error{fmt::format("'{}' does not have all of {}", path,
                               fmt::join(files, ", "))};
    std::string name = std::filesystem::path((*entry)->name).filename();
    if (std::find(files.begin(), files.end(), name) != files.end())
      contents[name] = std::move((*entry)->content);
  }
  Tensor images(DType::U8, {0, 3, 32, 32}), labels(DType::U8, {0});
  for (const std::string &file : files)
    if (Status status =
            appendCifar(contents[file], fmt::format("{}: {}", path, file),
                        labelBytes, images, labels);
        !status)
      return status.error();
  return fieldsOf(std::move(images), std::move(labels));
}

} // namespace varve
