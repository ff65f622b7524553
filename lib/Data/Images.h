// Collections of images by class: folders and tar files of PNGs and JPEGs.
#ifndef VARVE_DATA_IMAGES_H
#define VARVE_DATA_IMAGES_H

#include "Data/DataSpec.h"
#include "Data/Dataset.h"
#include "varve/Result.h"
#include <cstdint>
#include <string>
#include <vector>

namespace varve {

/// How much of a data set is read.
struct LoadOptions {
  int64_t limit = INT64_MAX; ///< the first so many samples
  bool skipBad = false;      ///< leaves images out that cannot be decoded
};

/// The images of a folder or a tar file (.tar, .tar.gz, .tgz), by name.
struct ImageList {
  struct Item {
    std::string path;      ///< in the archive; else of the file
    std::string part;      ///< "train", "test"; empty: it is in none
    std::string className; ///< its folder's name, or 4 of "17_4.jpg"
  };
  std::string origin;
  bool archive = false;
  std::vector<Item> items; ///< sorted by path; an archive's as they stand
  std::vector<std::string> classes; ///< of all parts, sorted

  bool hasPart(const std::string &part) const;
};

/// Whether a file of this name is a tar file.
bool isTarName(std::string_view name);

/// Lists [PART/]CLASS/IMAGE below a folder or in a tar file. Empty where there
/// is none; fails on what cannot be read.
Result<ImageList> listImages(const std::string &path);

/// Decodes the images of a part and resizes them to the field that the model
/// declares, u8[channels, height, width] or u8[height, width], on as many
/// threads as there are CPUs, from a queue of bounded length. A field with
/// classes becomes the number of an image's class: its place among the names
/// that the field has, else its own number, else its place among all classes.
/// Fails at the first image that cannot be decoded, naming it.
Result<Dataset> readImages(const DataSpec &spec, const ImageList &list,
                           const std::string &part, const LoadOptions &options);

} // namespace varve
#endif
