// Finds the files of a data set and reads them.
#ifndef VARVE_DATA_DATASOURCE_H
#define VARVE_DATA_DATASOURCE_H

#include "Data/DataSpec.h"
#include "Data/Dataset.h"
#include "Data/Images.h"
#include "Text/Tokenizer.h"
#include "varve/Result.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace varve {

enum class DataSplit { Train, Test };

/// Where to look.
struct DataLocation {
  std::string data;    ///< `--data`: a known set, one of its files, a folder
  std::string dataDir; ///< `--data-dir`: the folder of folders
  std::string modelFolder = {}; ///< what a model's "path" is relative to
  TokenizerPlace tokenizer = {}; ///< of texts
};

/// The files of a data set. Known sets are looked for as folders of
/// `--data-dir`, else of $VARVE_DATA, else where Debian's packages put them.
class DataSource {
public:
  /// Finds the files; reads none.
  static Result<DataSource> open(DataSpec spec, const DataLocation &location);

  bool has(DataSplit split) const { return part(split).has_value(); }
  /// The split of the one file that `--data` named, if it named one.
  std::optional<DataSplit> named() const { return namedSplit; }
  /// The folder or file that was found.
  const std::string &origin() const { return place; }

  /// Reads a split. Fails where there is no such split.
  Result<Dataset> load(DataSplit split, const LoadOptions &options = {}) const;

private:
  enum class Format {
    Idx,
    Cifar10,
    Cifar100,
    Csv,
    Npz,
    Images,
    Text,
    ParallelText
  };
  /// Files of one split; for IDX, `arrays` names each file's field, for CIFAR
  /// the files in an archive.
  struct Part {
    Format format;
    std::vector<std::string> paths, arrays;
  };

  const std::optional<Part> &part(DataSplit split) const {
    return split == DataSplit::Train ? train : test;
  }
  std::optional<Part> &part(DataSplit split) {
    return split == DataSplit::Train ? train : test;
  }
  bool findKnown(const std::string &name, const std::string &dataDir,
                 std::vector<std::string> &tried);
  bool findInFolder(const std::string &folder);
  bool findImages(const std::string &folder);
  bool findPair(const std::string &folder);
  Status openFile(const std::string &path);
  Status openArchive(const std::string &path);
  Status openPath(const std::string &path);

  DataSpec spec;
  std::string place;
  TokenizerPlace tokenizer;
  std::optional<Part> train, test;
  std::optional<DataSplit> namedSplit;
};

} // namespace varve
#endif
