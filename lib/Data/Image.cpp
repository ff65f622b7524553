// Decoding through libjpeg-turbo and libpng. Both report errors by jumping out
// of their calls; so each runs in a function that holds nothing to destroy.
#include "Data/Image.h"
#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <jpeglib.h>
// After the header that they belong to.
#include <jerror.h>
#include <png.h>
#include <string>

namespace varve {
namespace {

/// 128 million pixels: what claims more is no photograph.
constexpr int64_t maxPixels = int64_t(1) << 27;
/// A byte of deflate gives at most 1032, a byte of a PNG at most 8 pixels.
constexpr int64_t maxPixelsOfByte = 8 * 1032;

bool isJpeg(std::string_view bytes) { return bytes.substr(0, 2) == "\xff\xd8"; }

bool isPng(std::string_view bytes) {
  return bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n";
}

/// From pixels, row by row, to planes.
void takeRow(const uint8_t *row, int64_t y, Image &image) {
  for (int64_t c = 0; c < image.channels; ++c) {
    uint8_t *to = image.values.data() + (c * image.height + y) * image.width;
    for (int64_t x = 0; x < image.width; ++x)
      to[x] = row[x * image.channels + c];
  }
}

Status resizeTo(Image &image, int64_t height, int64_t width, size_t bytes) {
  int64_t most = std::min(
      maxPixels, maxPixelsOfByte *
                     static_cast<int64_t>(std::min<size_t>(bytes, maxPixels)));
  if (height < 1 || width < 1 || height > most / width)
    return Error{fmt::format("it claims {} x {} pixels", height, width)};
  image.height = height;
  image.width = width;
  image.values.resize(static_cast<size_t>(image.channels * height * width));
  return {};
}

// ---- JPEG ----

struct JpegErrors {
  jpeg_error_mgr manager; ///< first: libjpeg knows this address
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void jpegFail(j_common_ptr info) {
  auto *errors = reinterpret_cast<JpegErrors *>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

// A warning is about damage that libjpeg fills with grey, but for bytes between
// markers, which cameras leave.
void jpegWarn(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code != JWRN_EXTRANEOUS_DATA)
    jpegFail(info);
}

struct JpegReader {
  jpeg_decompress_struct info;
  JpegErrors errors;
};

/// False where libjpeg failed; the message is in the errors.
bool beginJpeg(JpegReader &reader, std::string_view bytes, int64_t channels) {
  reader.info.err = jpeg_std_error(&reader.errors.manager);
  reader.errors.manager.error_exit = jpegFail;
  reader.errors.manager.emit_message = jpegWarn;
  reader.errors.message[0] = 0;
  if (setjmp(reader.errors.jump))
    return false;
  jpeg_create_decompress(&reader.info);
  jpeg_mem_src(&reader.info,
               reinterpret_cast<const unsigned char *>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&reader.info, TRUE);
  reader.info.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  // The same bytes on every machine.
  reader.info.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&reader.info);
  return true;
}

bool readJpeg(JpegReader &reader, uint8_t *row, Image *image) {
  if (setjmp(reader.errors.jump))
    return false;
  while (reader.info.output_scanline < reader.info.output_height) {
    int64_t y = reader.info.output_scanline;
    jpeg_read_scanlines(&reader.info, &row, 1);
    takeRow(row, y, *image);
  }
  jpeg_finish_decompress(&reader.info);
  return true;
}

Status decodeJpeg(std::string_view bytes, Image &image) {
  JpegReader reader;
  std::memset(&reader.info, 0, sizeof reader.info);
  bool fine = beginJpeg(reader, bytes, image.channels);
  Status sized;
  std::vector<uint8_t> row;
  if (fine) {
    sized = resizeTo(image, reader.info.output_height, reader.info.output_width,
                     bytes.size());
    if (sized) {
      row.resize(static_cast<size_t>(image.channels * image.width));
      fine = readJpeg(reader, row.data(), &image);
    }
  }
  jpeg_destroy_decompress(&reader.info);
  if (!sized)
    return sized;
  return fine ? Status() : Status(Error{reader.errors.message});
}

// ---- PNG ----

struct PngReader {
  std::string_view bytes;
  size_t at = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  char message[256] = "";
};

void pngFail(png_structp png, png_const_charp message) {
  auto *reader = static_cast<PngReader *>(png_get_error_ptr(png));
  std::snprintf(reader->message, sizeof reader->message, "%s", message);
  std::longjmp(png_jmpbuf(png), 1);
}

void pngWarn(png_structp, png_const_charp) {}

void pngRead(png_structp png, png_bytep to, size_t size) {
  auto *reader = static_cast<PngReader *>(png_get_io_ptr(png));
  if (reader->bytes.size() - reader->at < size)
    png_error(png, "the file ends");
  std::memcpy(to, reader->bytes.data() + reader->at, size);
  reader->at += size;
}

/// Reads the header and asks for 8 bits, RGB or grey, no alpha.
bool beginPng(PngReader &reader) {
  if (setjmp(png_jmpbuf(reader.png)))
    return false;
  png_set_read_fn(reader.png, &reader, pngRead);
  png_read_info(reader.png, reader.info);
  png_set_expand(reader.png);
  png_set_strip_16(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool readPng(PngReader &reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)))
    return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

/// Luma of ITU-R 601: .299, .587 and .114 in 16 bits, rounded.
void takeGreyRow(const uint8_t *row, int64_t y, Image &image) {
  for (int64_t x = 0; x < image.width; ++x)
    image.values[static_cast<size_t>(y * image.width + x)] =
        static_cast<uint8_t>((19595 * row[3 * x] + 38470 * row[3 * x + 1] +
                              7471 * row[3 * x + 2] + 32768) >>
                             16);
}

Status decodePng(std::string_view bytes, Image &image) {
  PngReader reader;
  reader.bytes = bytes;
  reader.png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, pngFail, pngWarn);
  if (reader.png)
    reader.info = png_create_info_struct(reader.png);
  bool fine = reader.info && beginPng(reader);
  Status sized;
  if (fine) {
    sized =
        resizeTo(image, png_get_image_height(reader.png, reader.info),
                 png_get_image_width(reader.png, reader.info), bytes.size());
    size_t each = png_get_rowbytes(reader.png, reader.info);
    if (sized && each != static_cast<size_t>(3 * image.width))
      sized = Error{"its pixels are no RGB"};
    if (sized) {
      std::vector<uint8_t> pixels(each * static_cast<size_t>(image.height));
      std::vector<png_bytep> rows;
      for (int64_t y = 0; y < image.height; ++y)
        rows.push_back(pixels.data() + static_cast<size_t>(y) * each);
      fine = readPng(reader, rows.data());
      for (int64_t y = 0; fine && y < image.height; ++y)
        (image.channels == 1 ? takeGreyRow
                             : takeRow)(rows[static_cast<size_t>(y)], y, image);
    }
  }
  png_destroy_read_struct(&reader.png, &reader.info, nullptr);
  if (!sized)
    return sized;
  return fine ? Status() : Status(Error{reader.message});
}

// ---- resizing ----

/// What each place of the new axis takes of the old one.
struct Weights {
  int64_t first;
  std::vector<double> values;
};

std::vector<Weights> weightsOf(int64_t from, int64_t to) {
  std::vector<Weights> all;
  double scale = static_cast<double>(from) / static_cast<double>(to);
  double reach = std::max(scale, 1.0);
  for (int64_t i = 0; i < to; ++i) {
    double centre = (static_cast<double>(i) + 0.5) * scale;
    auto low = static_cast<int64_t>(std::floor(centre - reach));
    auto high = static_cast<int64_t>(std::ceil(centre + reach));
    low = std::max<int64_t>(low, 0);
    high = std::min(high, from);
    Weights weights{low, {}};
    double sum = 0;
    for (int64_t j = low; j < high; ++j) {
      double distance = std::abs(static_cast<double>(j) + 0.5 - centre);
      weights.values.push_back(std::max(0.0, 1 - distance / reach));
      sum += weights.values.back();
    }
    for (double &value : weights.values)
      value /= sum;
    all.push_back(std::move(weights));
  }
  return all;
}

} // namespace

bool isImageName(std::string_view name) {
  std::string end(name.substr(std::min(name.rfind('.'), name.size())));
  std::transform(end.begin(), end.end(), end.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

Result<Image> decodeImage(std::string_view bytes, int64_t channels) {
  Image image;
  image.channels = channels;
  Status done = isJpeg(bytes)  ? decodeJpeg(bytes, image)
                : isPng(bytes) ? decodePng(bytes, image)
                               : Status(Error{"it is neither PNG nor JPEG"});
  if (!done)
    return done.error();
  return image;
}

std::string encodePng(const Image &image) {
  auto pixels = static_cast<size_t>(image.height * image.width);
  auto channels = static_cast<size_t>(image.channels);
  std::vector<uint8_t> rows(image.values.size());
  for (size_t c = 0; c < channels; ++c)
    for (size_t i = 0; i < pixels; ++i)
      rows[i * channels + c] = image.values[c * pixels + i];
  png_image info;
  std::memset(&info, 0, sizeof info);
  info.version = PNG_IMAGE_VERSION;
  info.width = static_cast<png_uint_32>(image.width);
  info.height = static_cast<png_uint_32>(image.height);
  info.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  // Asked for its size first.
  png_alloc_size_t size = 0;
  std::string bytes;
  if (!png_image_write_to_memory(&info, nullptr, &size, 0, rows.data(), 0,
                                 nullptr))
    return bytes;
  bytes.resize(size);
  if (!png_image_write_to_memory(&info, bytes.data(), &size, 0, rows.data(), 0,
                                 nullptr))
    size = 0;
  bytes.resize(size);
  return bytes;
}

Image resizeImage(const Image &image, int64_t height, int64_t width) {
  if (image.height == height && image.width == width)
    return image;
  std::vector<Weights> rows = weightsOf(image.height, height),
                       columns = weightsOf(image.width, width);
  Image result{image.channels, height, width, {}};
  result.values.resize(static_cast<size_t>(image.channels * height * width));
  std::vector<double> line(static_cast<size_t>(image.width));
  uint8_t *to = result.values.data();
  for (int64_t c = 0; c < image.channels; ++c)
    for (const Weights &row : rows) {
      std::fill(line.begin(), line.end(), 0.0);
      const uint8_t *from =
          image.values.data() + (c * image.height + row.first) * image.width;
      for (double weight : row.values)
        for (double &sum : line)
          sum += weight * *from++;
      for (const Weights &column : columns) {
        double sum = 0;
        for (size_t i = 0; i < column.values.size(); ++i)
          sum += column.values[i] * line[static_cast<size_t>(column.first) + i];
        *to++ = static_cast<uint8_t>(std::lround(std::clamp(sum, 0.0, 255.0)));
      }
    }
  return result;
}

} // namespace varve
