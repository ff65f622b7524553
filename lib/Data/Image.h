// One image of a file: decoded to bytes and resized.
#ifndef VARVE_DATA_IMAGE_H
#define VARVE_DATA_IMAGE_H

#include "varve/Result.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// Bytes by channel, row, column. One channel is luma, three are RGB.
struct Image {
  int64_t channels = 0, height = 0, width = 0;
  std::vector<uint8_t> values;
};

/// Whether a file of this name is a PNG or a JPEG.
bool isImageName(std::string_view name);

/// Decodes a PNG or a JPEG to 1 or 3 channels, as stored: no colour profile is
/// applied, and transparency is dropped. Fails on what is damaged or cut.
Result<Image> decodeImage(std::string_view bytes, int64_t channels);

/// Resizes by a triangle filter, as wide as the factor where the image gets
/// smaller, pixel centres at halves: bilinear, without aliasing.
Image resizeImage(const Image &image, int64_t height, int64_t width);

/// A PNG of the image.
std::string encodePng(const Image &image);

} // namespace varve
#endif
