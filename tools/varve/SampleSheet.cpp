// `varve inspect --data`: a page of samples, as stored and as some epochs of
// training see them.
#include "Data/Image.h"
#include "Learn/Samples.h"
#include "Page.h"
#include "Support/File.h"
#include "Verbs.h"
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace varve::cli {
namespace {

constexpr int64_t sheetSamples = 12, sheetEpochs = 4;

std::string base64(std::string_view bytes) {
  constexpr const char *digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k)
      word = word << 8 |
             (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0);
    for (size_t k = 0; k < 4; ++k)
      text += k <= count ? digits[word >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

/// Sample `index` of u8 or f32 values by channel, row, column; grey from the
/// smallest to white at the largest value. Nothing where it is no image.
std::optional<Image> imageOf(const Tensor &values, int64_t index) {
  std::vector<int64_t> shape(values.shape.begin() + 1, values.shape.end());
  if (shape.size() == 2)
    shape.insert(shape.begin(), 1);
  if (shape.size() != 3 || (shape[0] != 1 && shape[0] != 3) || shape[1] < 1 ||
      shape[2] < 1)
    return std::nullopt;
  auto count = static_cast<size_t>(shape[0] * shape[1] * shape[2]);
  Image image{shape[0], shape[1], shape[2], std::vector<uint8_t>(count)};
  size_t from = static_cast<size_t>(index) * count;
  if (values.type == DType::U8) {
    std::copy_n(values.as<uint8_t>() + from, count, image.values.begin());
    return image;
  }
  if (values.type != DType::F32)
    return std::nullopt;
  const float *first = values.as<float>() + from;
  auto [low, high] = std::minmax_element(first, first + count);
  float range = *high > *low ? *high - *low : 1;
  for (size_t i = 0; i < count; ++i)
    image.values[i] =
        static_cast<uint8_t>(std::lround(255 * (first[i] - *low) / range));
  return image;
}

std::string figure(const Tensor &values, int64_t index,
                   const std::string &alt) {
  auto image = imageOf(values, index);
  if (!image)
    return "<td>";
  return fmt::format("<td><img alt=\"{}\" src=\"data:image/png;base64,{}\">",
                     escaped(alt), base64(encodePng(*image)));
}

int64_t labelAt(const Tensor &labels, int64_t index) {
  switch (labels.type) {
  case DType::U8:
    return labels.as<uint8_t>()[index];
  case DType::U16:
    return labels.as<uint16_t>()[index];
  case DType::U32:
    return labels.as<uint32_t>()[index];
  case DType::I64:
    return labels.as<int64_t>()[index];
  default:
    return -1;
  }
}

/// "label 3 (cat)" for each field of classes.
std::string labelsOf(const Manifest &manifest, const Dataset &data,
                     int64_t index) {
  std::string text;
  for (const FieldSpec &field : manifest.train->data.fields) {
    const Tensor *labels = data.find(field.name);
    if (field.classes == 0 || !labels)
      continue;
    int64_t label = labelAt(*labels, index);
    auto at = static_cast<size_t>(label);
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", field.name, label);
    if (at < field.classNames.size())
      text += fmt::format(" ({})", field.classNames[at]);
  }
  return text;
}

} // namespace

int runSampleSheet(const InspectArgs &args) {
  auto model = openModel(args.model, "prepare", sheetSamples);
  if (!model)
    return fail(model.error());
  showWarnings(*model);
  const Manifest &manifest = model->program.manifest();
  auto source = openData(args.model, args.data, manifest);
  if (!source)
    return fail(source.error());
  auto data =
      loadData(*source, source->named().value_or(DataSplit::Train), args.data);
  if (!data)
    return fail(data.error());
  // Spread over the set, so that sets in the order of their classes show more.
  int64_t count = std::min(sheetSamples, data->samples);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < count; ++i)
    indices.push_back(i * data->samples / count);
  int64_t seed = model->settings.seed.value_or(manifest.train->seed);
  std::vector<std::vector<NamedTensor>> epochs;
  for (int64_t epoch = 0; epoch < sheetEpochs; ++epoch) {
    auto prepared = prepareSamples(model->program, *data, indices, seed, epoch);
    if (!prepared)
      return fail(prepared.error());
    epochs.push_back(std::move(*prepared));
  }

  std::string page =
      pageHead(manifest.model + ": samples") +
      fmt::format("<style>img{{width:64px;height:64px;object-fit:contain;"
                  "image-rendering:pixelated;display:block}}</style>\n"
                  "<p>{} samples of {}, seed {}. Prepared values are shown "
                  "from black (smallest) to white (largest).</p>\n",
                  grouped(data->samples), escaped(source->origin()), seed);
  bool images = false;
  for (size_t input = 0; input < epochs[0].size(); ++input) {
    const std::string &name = epochs[0][input].name;
    const Tensor &first = epochs[0][input].value;
    if (first.shape.empty() || !imageOf(first, 0))
      continue;
    images = true;
    const Tensor *stored = data->find(name);
    page += fmt::format("<h2>{}: {}</h2>\n<div class=\"wide\"><table>\n"
                        "<tr><th>sample<th>stored",
                        escaped(name), toString(first.type, first.shape));
    for (int64_t epoch = 0; epoch < sheetEpochs; ++epoch)
      page += fmt::format("<th>epoch {}", epoch + 1);
    for (int64_t i = 0; i < count; ++i) {
      int64_t index = indices[static_cast<size_t>(i)];
      page += fmt::format("\n<tr><td>{}<br>{}", index,
                          escaped(labelsOf(manifest, *data, index)));
      page += stored
                  ? figure(*stored, index, fmt::format("{} as stored", index))
                  : "<td>";
      for (size_t epoch = 0; epoch < epochs.size(); ++epoch)
        page += figure(epochs[epoch][input].value, i,
                       fmt::format("{} in epoch {}", index, epoch + 1));
    }
    page += "\n</table></div>\n";
  }
  if (!images)
    return fail({fmt::format("model '{}' has no input that is an image of one "
                             "or three channels",
                             manifest.model),
                 ErrorKind::Unsupported});
  Status written = writeFile(args.html, {page + "</html>\n"});
  return written ? 0 : fail(written.error());
}

} // namespace varve::cli
