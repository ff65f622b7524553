// Finds the files of a data set and reads them.
#include "Data/DataSource.h"
#include "Data/Cifar.h"
#include "Data/Csv.h"
#include "Data/Fit.h"
#include "Data/Idx.h"
#include "Data/Text.h"
#include "Support/Npy.h"
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>

namespace varve {
namespace {

namespace fs = std::filesystem;

struct KnownSet {
  std::string_view name;
  std::vector<std::string_view> folders; ///< as people and tools call them
  std::string_view debianFolder, remedy;
};

const std::vector<KnownSet> &knownSets() {
  static const std::vector<KnownSet> sets = {
      {"mnist",
       {"mnist", "MNIST", "MNIST/raw"},
       "/usr/share/datasets/mnist",
       "put its four IDX files (train-images-idx3-ubyte.gz, ...) in a folder "
       "'mnist' and name the folder above it with --data-dir or VARVE_DATA"},
      {"fashion_mnist",
       {"fashion_mnist", "fashion-mnist", "FashionMNIST", "FashionMNIST/raw"},
       "/usr/share/datasets/fashion-mnist",
       "install Debian's package dataset-fashion-mnist, or put its four IDX "
       "files in a folder 'fashion_mnist' and name the folder above it with "
       "--data-dir or VARVE_DATA"},
      {"cifar10",
       {"cifar10", "cifar-10-batches-bin", "CIFAR10"},
       "/usr/share/datasets/cifar10",
       "put its six binary files (data_batch_1.bin, ..., test_batch.bin) in a "
       "folder 'cifar10' and name the folder above it with --data-dir or "
       "VARVE_DATA"},
      {"cifar100",
       {"cifar100", "cifar-100-binary", "CIFAR100"},
       "/usr/share/datasets/cifar100",
       "put its binary files (train.bin, test.bin) in a folder 'cifar100' and "
       "name the folder above it with --data-dir or VARVE_DATA"},
  };
  return sets;
}

const KnownSet *findKnownSet(std::string_view name) {
  for (const KnownSet &set : knownSets())
    if (std::find(set.folders.begin(), set.folders.end(), name) !=
            set.folders.end() ||
        set.name == name)
      return &set;
  return nullptr;
}

bool isFile(const std::string &path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool isFolder(const std::string &path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool endsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

// "train-images-idx3-ubyte.gz" and its variants, or "".
std::string findIdxFile(const std::string &folder, std::string_view prefix,
                        std::string_view what, int rank) {
  for (char dash : {'-', '.'})
    for (std::string_view end : {".gz", ""}) {
      std::string path = fmt::format("{}/{}-{}{}idx{}-ubyte{}", folder, prefix,
                                     what, dash, rank, end);
      if (isFile(path))
        return path;
    }
  return "";
}

// "data_batch_1.bin", plain or packed, or "".
std::string findPackedFile(const std::string &folder, std::string_view name) {
  for (std::string_view end : {"", ".gz"})
    if (std::string path = fmt::format("{}/{}{}", folder, name, end);
        isFile(path))
      return path;
  return "";
}

// The tar files of a folder whose name has a word in it, or "" where there are
// none or several.
std::string findArchive(const std::string &folder, std::string_view word) {
  std::vector<std::string> found;
  std::error_code code;
  for (fs::directory_iterator files(folder, code), end; !code && files != end;
       files.increment(code)) {
    std::string name = files->path().filename().string();
    if (isTarName(name) && name.find(word) != std::string::npos)
      found.push_back(files->path().string());
  }
  return found.size() == 1 ? found[0] : "";
}

// The files of CIFAR that an archive of this name has.
struct CifarArchive {
  std::string_view file;
  bool fine; ///< CIFAR-100
};
constexpr CifarArchive cifarArchives[] = {{"cifar-10-binary.tar.gz", false},
                                          {"cifar-100-binary.tar.gz", true}};

std::vector<std::string> cifarBatches(bool fine, DataSplit split) {
  if (fine)
    return {split == DataSplit::Train ? "train.bin" : "test.bin"};
  if (split == DataSplit::Test)
    return {"test_batch.bin"};
  return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
          "data_batch_4.bin", "data_batch_5.bin"};
}

std::string_view idxPrefix(DataSplit split) {
  return split == DataSplit::Train ? "train" : "t10k";
}

// Which part of a known set a file's name belongs to.
std::optional<DataSplit> splitOfFile(std::string_view file) {
  auto startsWith = [&](std::string_view start) {
    return file.substr(0, start.size()) == start;
  };
  bool idx = file.find("-ubyte") != std::string_view::npos;
  bool binary = endsWith(file, ".bin") || endsWith(file, ".bin.gz");
  if (idx && startsWith("train-"))
    return DataSplit::Train;
  if (idx && startsWith("t10k-"))
    return DataSplit::Test;
  if (binary && (startsWith("data_batch_") || startsWith("train.")))
    return DataSplit::Train;
  if (binary && (startsWith("test_batch.") || startsWith("test.")))
    return DataSplit::Test;
  return std::nullopt;
}

bool isTable(std::string_view path) {
  return endsWith(path, ".csv") || endsWith(path, ".csv.gz");
}

std::string listOf(const std::vector<std::string> &names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

} // namespace

bool DataSource::findInFolder(const std::string &folder) {
  auto allFiles = [](Format format, std::vector<std::string> paths,
                     std::vector<std::string> arrays) -> std::optional<Part> {
    for (const std::string &path : paths)
      if (path.empty())
        return std::nullopt;
    return Part{format, std::move(paths), std::move(arrays)};
  };
  auto idx = [&](DataSplit split) {
    return allFiles(Format::Idx,
                    {findIdxFile(folder, idxPrefix(split), "images", 3),
                     findIdxFile(folder, idxPrefix(split), "labels", 1)},
                    {"image", "label"});
  };
  auto cifar = [&](bool fine, DataSplit split) {
    std::vector<std::string> paths;
    for (const std::string &name : cifarBatches(fine, split))
      paths.push_back(findPackedFile(folder, name));
    return allFiles(fine ? Format::Cifar100 : Format::Cifar10, std::move(paths),
                    {});
  };
  train = idx(DataSplit::Train);
  test = idx(DataSplit::Test);
  for (bool fine : {false, true})
    if (!train && !test) {
      train = cifar(fine, DataSplit::Train);
      test = cifar(fine, DataSplit::Test);
    }
  auto single = [&](std::string_view name) -> std::optional<Part> {
    for (std::string_view end : {".txt", ".txt.gz"})
      if (std::string path = fmt::format("{}/{}{}", folder, name, end);
          spec.name == "text" && isFile(path))
        return Part{Format::Text, {path}, {}};
    for (std::string_view end : {".csv", ".csv.gz", ".npz"})
      if (std::string path = fmt::format("{}/{}{}", folder, name, end);
          isFile(path))
        return Part{end == ".npz" ? Format::Npz : Format::Csv, {path}, {}};
    return std::nullopt;
  };
  if (!train && !test) {
    train = single("train");
    test = single("test");
  }
  if (!train && !test && !findImages(folder))
    return false;
  place = folder;
  return true;
}

// CIFAR's own archive, or a tar file for each part, or folders.
bool DataSource::findImages(const std::string &folder) {
  if (spec.name == "csv" || spec.name == "npz" || spec.name == "text")
    return false;
  for (const CifarArchive &archive : cifarArchives)
    if (std::string path = fmt::format("{}/{}", folder, archive.file);
        isFile(path))
      return bool(openArchive(path));
  for (DataSplit split : {DataSplit::Train, DataSplit::Test})
    if (std::string path =
            findArchive(folder, split == DataSplit::Train ? "train" : "test");
        !path.empty())
      part(split) = Part{Format::Images, {path}, {}};
  if (train || test)
    return true;
  auto list = listImages(folder);
  if (!list || list->items.empty())
    return false;
  bool split = list->hasPart("train");
  train = Part{Format::Images, {folder}, {}};
  if (split && list->hasPart("test"))
    test = train;
  return true;
}

// The two files that the model names, and those of the test, which are named
// "test" where these are named "train".
bool DataSource::findPair(const std::string &folder) {
  auto first = spec.options.find("path"), second = spec.options.find("path2");
  if (first == spec.options.end() || second == spec.options.end())
    return false;
  std::string names[] = {first->second, second->second};
  auto pair = [&]() -> std::optional<Part> {
    Part found{Format::ParallelText, {}, {}};
    for (const std::string &name : names) {
      found.paths.push_back((fs::path(folder) / name).lexically_normal());
      if (!isFile(found.paths.back()))
        return std::nullopt;
    }
    return found;
  };
  train = pair();
  bool tests = true;
  for (std::string &name : names) {
    std::string file = fs::path(name).filename().string();
    tests &= file.rfind("train", 0) == 0;
    if (tests)
      name =
          (fs::path(name).parent_path() / ("test" + file.substr(5))).string();
  }
  if (train && tests)
    test = pair();
  place = folder;
  return train.has_value();
}

// A tar file alone is both parts where its folders say so.
Status DataSource::openArchive(const std::string &path) {
  place = path;
  std::string file = fs::path(path).filename().string();
  for (const CifarArchive &archive : cifarArchives)
    if (file == archive.file) {
      Format format = archive.fine ? Format::Cifar100 : Format::Cifar10;
      for (DataSplit split : {DataSplit::Train, DataSplit::Test})
        part(split) = Part{format, {path}, cifarBatches(archive.fine, split)};
      return {};
    }
  auto list = listImages(path);
  if (!list)
    return list.error();
  if (list->items.empty())
    return Error{fmt::format("'{}' holds no PNG or JPEG", path)};
  Part images{Format::Images, {path}, {}};
  if (list->hasPart("train") && list->hasPart("test")) {
    train = test = images;
    return {};
  }
  namedSplit = file.find("test") == std::string::npos ? DataSplit::Train
                                                      : DataSplit::Test;
  part(*namedSplit) = images;
  return {};
}

bool DataSource::findKnown(const std::string &name, const std::string &dataDir,
                           std::vector<std::string> &tried) {
  const KnownSet &set = *findKnownSet(name);
  const char *environment = std::getenv("VARVE_DATA");
  for (const std::string &above :
       {dataDir, std::string(environment ? environment : "")}) {
    for (std::string_view folder : set.folders) {
      if (above.empty())
        break;
      tried.push_back(fmt::format("{}/{}", above, folder));
      if (findInFolder(tried.back()))
        return true;
    }
    // A folder that was asked for is not replaced by another one.
    if (!above.empty() && above == dataDir)
      return false;
  }
  tried.emplace_back(set.debianFolder);
  return findInFolder(tried.back());
}

Status DataSource::openFile(const std::string &path) {
  std::string file = fs::path(path).filename().string();
  std::string folder = fs::path(path).parent_path().string();
  if (folder.empty())
    folder = ".";
  place = path;
  if (spec.name == "text") {
    train = Part{Format::Text, {path}, {}};
    return {};
  }
  if (isTable(file) || endsWith(file, ".npz")) {
    train = Part{isTable(file) ? Format::Csv : Format::Npz, {path}, {}};
    return {};
  }
  if (auto split = splitOfFile(file)) {
    namedSplit = split;
    if (findInFolder(folder) && has(*split)) {
      const std::vector<std::string> &paths = part(*split)->paths;
      if (std::any_of(paths.begin(), paths.end(), [&](const auto &found) {
            std::error_code ignored;
            return fs::equivalent(found, path, ignored);
          }))
        return {};
    }
    // CIFAR's files are each a set of samples.
    if (file.find(".bin") != std::string::npos) {
      bool fine = file.find("_batch") == std::string::npos;
      train = test = std::nullopt;
      part(*split) =
          Part{fine ? Format::Cifar100 : Format::Cifar10, {path}, {}};
      place = path;
      return {};
    }
    return Error{fmt::format("'{}' has '{}', but not the files that belong "
                             "to it",
                             folder, file)};
  }
  if (isTarName(file))
    return openArchive(path);
  return Error{fmt::format("'{}' is no data set that is known by its name: "
                           ".csv, .csv.gz, .npz, .tar, or a file such as "
                           "train-images-idx3-ubyte.gz or test_batch.bin",
                           path),
               ErrorKind::Unsupported};
}

Status DataSource::openPath(const std::string &path) {
  if (spec.name == "parallel_text") {
    // In the folder itself, too, where the model names one below it.
    for (const char *key : {"path", "path2"})
      if (auto named = spec.options.find(key); named != spec.options.end())
        named->second = fs::path(named->second).filename().string();
    if (isFolder(path) && findPair(path))
      return {};
    return Error{fmt::format("'{}' is no folder with the two files of the "
                             "model's `data parallel_text`",
                             path)};
  }
  if (isFile(path))
    return openFile(path);
  if (findInFolder(path))
    return {};
  if (const KnownSet *set = findKnownSet(spec.name))
    for (std::string_view folder : set->folders)
      if (findInFolder(fmt::format("{}/{}", path, folder)))
        return {};
  auto own = spec.options.find("path");
  if (own != spec.options.end())
    if (std::string file = fmt::format(
            "{}/{}", path, fs::path(own->second).filename().string());
        isFile(file))
      return openFile(file);
  return Error{fmt::format("folder '{}' holds no data set: neither IDX files "
                           "(train-images-idx3-ubyte.gz, ...) nor CIFAR's "
                           "(data_batch_1.bin, ...) nor train.csv nor "
                           "train.npz nor images in folders of their class",
                           path)};
}

Result<DataSource> DataSource::open(DataSpec spec,
                                    const DataLocation &location) {
  DataSource source;
  source.spec = std::move(spec);
  source.tokenizer = location.tokenizer;
  source.tokenizer.folders = {location.dataDir, location.modelFolder};
  std::vector<std::string> tried;
  auto notFound = [&](const std::string &name) {
    return Error{fmt::format("data set '{}' is not found in {}; {}", name,
                             listOf(tried), findKnownSet(name)->remedy)};
  };
  if (!location.data.empty()) {
    bool known = findKnownSet(location.data);
    if (known && source.findKnown(location.data, location.dataDir, tried))
      return source;
    if (isFile(location.data) || isFolder(location.data)) {
      if (Status status = source.openPath(location.data); !status)
        return status.error();
      return source;
    }
    if (known)
      return notFound(location.data);
    std::string names;
    for (const KnownSet &set : knownSets())
      names += fmt::format("{}{}", names.empty() ? "" : ", ", set.name);
    return Error{fmt::format("'{}' is neither a file, nor a folder, nor a "
                             "known data set ({})",
                             location.data, names)};
  }
  const std::string &name = source.spec.name;
  if (findKnownSet(name)) {
    if (source.findKnown(name, location.dataDir, tried))
      return source;
    return notFound(name);
  }
  if (name == "memory")
    return Error{"the model's `data memory` is given by the program that "
                 "trains it; give a file with --data"};
  bool isPair = name == "parallel_text";
  if (name != "csv" && name != "npz" && name != "images" && name != "text" &&
      !isPair)
    return Error{fmt::format("data set '{}' is not supported", name),
                 ErrorKind::Unsupported};
  auto path = source.spec.options.find("path");
  if (path == source.spec.options.end())
    return Error{fmt::format("the model's `data {}` names no file; give one "
                             "with --data",
                             name)};
  auto second = source.spec.options.find("path2");
  if (isPair && second == source.spec.options.end())
    return Error{"the model's `data parallel_text` names one file, and needs "
                 "two"};
  const char *environment = std::getenv("VARVE_DATA");
  for (const std::string &folder :
       {location.dataDir,
        location.modelFolder.empty() ? "." : location.modelFolder,
        std::string(environment ? environment : "")}) {
    if (folder.empty())
      continue;
    // Texts may stand in a folder of their own.
    for (const char *below : {"", "text"}) {
      if (*below && name != "text" && !isPair)
        continue;
      if (isPair) {
        tried.push_back((fs::path(folder) / below).lexically_normal().string());
        if (source.findPair(tried.back()))
          return source;
        continue;
      }
      tried.push_back(
          (fs::path(folder) / below / path->second).lexically_normal().string());
      bool folderOfImages = name == "images" && isFolder(tried.back());
      if (!isFile(tried.back()) && !folderOfImages)
        continue;
      if (Status status = source.openPath(tried.back()); !status)
        return status.error();
      return source;
    }
  }
  if (isPair)
    return Error{fmt::format("'{}' and '{}' are not found in one of the "
                             "folders {}",
                             path->second, second->second, listOf(tried))};
  return Error{
      fmt::format("'{}' is not found as {}", path->second, listOf(tried))};
}

Result<Dataset> DataSource::load(DataSplit split,
                                 const LoadOptions &options) const {
  const std::optional<Part> &files = part(split);
  if (!files)
    return Error{fmt::format("'{}' has no {} samples", place,
                             split == DataSplit::Train ? "training" : "test")};
  auto cut = [&](Result<Dataset> data) {
    if (data)
      keepFirst(*data, options.limit);
    return data;
  };
  switch (files->format) {
  case Format::Csv:
    return cut(readCsv(spec, files->paths[0]));
  case Format::Text:
    return readText(spec, files->paths[0], tokenizer, options.limit);
  case Format::ParallelText:
    return readParallelText(spec, files->paths[0], files->paths[1], tokenizer,
                            options.limit);
  case Format::Npz: {
    std::vector<std::string> wanted;
    for (const FieldSpec &field : spec.fields)
      wanted.push_back(sourceOf(field));
    auto arrays = readNpz(files->paths[0], wanted);
    if (!arrays)
      return arrays.error();
    std::vector<Dataset::Field> fields;
    for (auto &[name, values] : *arrays)
      fields.push_back({name, std::move(values)});
    return cut(fitDataset(spec, std::move(fields), files->paths[0]));
  }
  case Format::Cifar10:
  case Format::Cifar100: {
    size_t labelBytes = files->format == Format::Cifar10 ? 1 : 2;
    auto fields =
        files->arrays.empty()
            ? readCifar(files->paths, labelBytes)
            : readCifarArchive(files->paths[0], files->arrays, labelBytes);
    if (!fields)
      return fields.error();
    return cut(fitDataset(spec, std::move(*fields), place));
  }
  case Format::Images: {
    auto list = listImages(files->paths[0]);
    if (!list)
      return list.error();
    std::string name = split == DataSplit::Train ? "train" : "test";
    return readImages(spec, *list, list->hasPart(name) ? name : "", options);
  }
  case Format::Idx: {
    std::vector<Dataset::Field> fields;
    for (size_t i = 0; i < files->paths.size(); ++i) {
      auto values = readIdx(files->paths[i]);
      if (!values)
        return values.error();
      fields.push_back({files->arrays[i], std::move(*values)});
    }
    return cut(fitDataset(spec, std::move(fields), place));
  }
  }
  return Error{"unknown format"};
}

} // namespace varve
