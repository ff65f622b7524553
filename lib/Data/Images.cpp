// Lists and decodes collections of images. One thread reads, the others decode
// into the place of each image, so that no order of threads shows.
#include "Data/Images.h"
#include "Data/Fit.h"
#include "Data/Image.h"
#include "Support/File.h"
#include "Support/Tar.h"
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unistd.h>

namespace varve {
namespace {

namespace fs = std::filesystem;

bool endsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         text.substr(text.size() - end.size()) == end;
}

/// "train", "test" for the names that folders of parts have, or "".
std::string partOf(std::string_view folder) {
  if (folder == "train" || folder == "training")
    return "train";
  for (std::string_view name : {"test", "val", "valid", "validation"})
    if (folder == name)
      return "test";
  return "";
}

bool isNumber(std::string_view text) {
  return !text.empty() && text.size() < 10 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// What a path says: [PART/]CLASS/FILE, or [PART/]INDEX_CLASS.jpg.
ImageList::Item itemOf(const std::string &path) {
  ImageList::Item item{path, "", ""};
  std::vector<std::string> folders;
  for (const fs::path &piece : fs::path(path).parent_path())
    if (piece != "." && piece != "/")
      folders.push_back(piece.string());
  if (!folders.empty() && !(item.part = partOf(folders.back())).empty())
    folders.clear();
  if (!folders.empty()) {
    item.className = folders.back();
    if (folders.size() > 1)
      item.part = partOf(folders[folders.size() - 2]);
    return item;
  }
  std::string stem = fs::path(path).stem().string();
  std::string label = stem.substr(stem.rfind('_') + 1);
  if (label.size() < stem.size() && isNumber(label))
    item.className = label;
  return item;
}

Status listArchive(ImageList &list) {
  auto bytes = readFile(list.origin);
  if (!bytes)
    return bytes.error();
  TarReader reader(*bytes);
  while (true) {
    auto entry = reader.next(/*contents=*/false);
    if (!entry)
      return Error{fmt::format("'{}': {}", list.origin, entry.error().message)};
    if (!*entry)
      return {};
    if (isImageName((*entry)->name))
      list.items.push_back(itemOf((*entry)->name));
  }
}

Status listFolder(ImageList &list) {
  std::error_code code;
  fs::recursive_directory_iterator files(
      list.origin, fs::directory_options::follow_directory_symlink, code);
  for (; !code && files != fs::recursive_directory_iterator();
       files.increment(code)) {
    std::error_code ignored;
    // PART/CLASS/FILE and no deeper: a link may lead back up.
    if (files.depth() > 2)
      files.disable_recursion_pending();
    if (!isImageName(files->path().string()) ||
        !files->is_regular_file(ignored))
      continue;
    ImageList::Item item =
        itemOf(fs::relative(files->path(), list.origin, ignored).string());
    item.path = files->path().string();
    list.items.push_back(std::move(item));
  }
  if (code)
    return Error{
        fmt::format("cannot list '{}': {}", list.origin, code.message())};
  std::sort(list.items.begin(), list.items.end(),
            [](const auto &a, const auto &b) { return a.path < b.path; });
  return {};
}

// ---- fields ----

struct Fields {
  const FieldSpec *image = nullptr, *label = nullptr;
  int64_t channels = 0, height = 0, width = 0;
};

Result<Fields> fieldsOf(const DataSpec &spec, const std::string &origin) {
  Fields fields;
  for (const FieldSpec &field : spec.fields)
    (field.classes > 0 ? fields.label : fields.image) = &field;
  size_t wanted = (fields.image ? 1 : 0) + (fields.label ? 1 : 0);
  if (!fields.image || wanted != spec.fields.size())
    return Error{fmt::format("{}: images have one field of pixels and one of "
                             "classes at most",
                             origin)};
  std::vector<int64_t> shape = fields.image->shape;
  if (shape.size() == 2)
    shape.insert(shape.begin(), 1);
  bool fits = fields.image->type == DType::U8 && shape.size() == 3 &&
              (shape[0] == 1 || shape[0] == 3) && shape[1] > 0 && shape[2] > 0;
  if (!fits)
    return Error{fmt::format(
        "{}: images are u8[3, height, width] (RGB), u8[1, height, width] or "
        "u8[height, width] (grey); the model's '{}' is {}",
        origin, fields.image->name,
        toString(fields.image->type, fields.image->shape))};
  fields.channels = shape[0];
  fields.height = shape[1];
  fields.width = shape[2];
  return fields;
}

/// The number of each class name. See readImages.
Result<std::map<std::string, int64_t>> numberClasses(const FieldSpec &label,
                                                     const ImageList &list) {
  std::map<std::string, int64_t> numbers;
  bool numeric = label.classNames.empty() &&
                 std::all_of(list.classes.begin(), list.classes.end(),
                             [](const std::string &c) { return isNumber(c); });
  for (size_t i = 0; i < list.classes.size(); ++i) {
    const std::string &name = list.classes[i];
    int64_t number = static_cast<int64_t>(i);
    if (!label.classNames.empty()) {
      auto found =
          std::find(label.classNames.begin(), label.classNames.end(), name);
      if (found == label.classNames.end())
        return Error{fmt::format("{}: folder '{}' is none of the classes '{}'",
                                 list.origin, name,
                                 fmt::join(label.classNames, "', '"))};
      number = found - label.classNames.begin();
    } else if (numeric) {
      number = std::stoll(name);
    }
    numbers[name] = number;
  }
  auto count = static_cast<int64_t>(list.classes.size());
  if (!numeric && label.classNames.empty() && count != label.classes)
    return Error{fmt::format("{}: it has {} classes ('{}'), the model's '{}' "
                             "has {}",
                             list.origin, count,
                             fmt::join(list.classes, "', '"), label.name,
                             label.classes)};
  return numbers;
}

// ---- decoding ----

/// Images that wait for a thread: the reader stops while there are many.
class Queue {
public:
  struct Work {
    size_t index;
    std::string bytes;
  };

  void push(Work work) {
    std::unique_lock lock(mutex);
    room.wait(lock, [&] { return waiting.size() < most; });
    waiting.push_back(std::move(work));
    some.notify_one();
  }
  void close() {
    std::unique_lock lock(mutex);
    closed = true;
    some.notify_all();
  }
  std::optional<Work> pop() {
    std::unique_lock lock(mutex);
    some.wait(lock, [&] { return closed || !waiting.empty(); });
    if (waiting.empty())
      return std::nullopt;
    Work work = std::move(waiting.front());
    waiting.pop_front();
    room.notify_one();
    return work;
  }

private:
  static constexpr size_t most = 64;
  std::mutex mutex;
  std::condition_variable some, room;
  std::deque<Work> waiting;
  bool closed = false;
};

/// Decodes items into their places; errors by item.
class Decoder {
public:
  Decoder(const Fields &fields, Tensor &images, bool goesOn)
      : fields(fields), images(images), goesOn(goesOn) {
    unsigned count = std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < count; ++i)
      threads.emplace_back([this] { work(); });
  }
  ~Decoder() { finish(); }

  /// False where it is of no use to give more.
  bool add(size_t index, std::string bytes) {
    queue.push({index, std::move(bytes)});
    std::unique_lock lock(mutex);
    return goesOn || errors.empty();
  }
  void fail(size_t index, std::string message) {
    std::unique_lock lock(mutex);
    errors.emplace(index, std::move(message));
  }
  /// What went wrong, by item. All before the first was decoded.
  const std::map<size_t, std::string> &finish() {
    queue.close();
    for (std::thread &thread : threads)
      thread.join();
    threads.clear();
    return errors;
  }

private:
  void work() {
    while (auto next = queue.pop()) {
      auto image = decodeImage(next->bytes, fields.channels);
      if (!image) {
        fail(next->index, image.error().message);
        continue;
      }
      Image sized = resizeImage(*image, fields.height, fields.width);
      std::memcpy(images.data.data() + next->index * sized.values.size(),
                  sized.values.data(), sized.values.size());
    }
  }

  const Fields &fields;
  Tensor &images;
  bool goesOn;
  Queue queue;
  std::mutex mutex;
  std::map<size_t, std::string> errors;
  std::vector<std::thread> threads;
};

/// Gives the wanted items' bytes to the decoder.
Status feed(const ImageList &list, const std::vector<size_t> &wanted,
            Decoder &decoder) {
  if (!list.archive) {
    for (size_t i = 0; i < wanted.size(); ++i) {
      auto bytes = readFile(list.items[wanted[i]].path);
      if (!bytes)
        return bytes.error();
      if (!decoder.add(i, std::move(*bytes)))
        break;
    }
    return {};
  }
  auto bytes = readFile(list.origin);
  if (!bytes)
    return bytes.error();
  TarReader reader(*bytes);
  size_t place = 0, next = 0;
  while (next < wanted.size()) {
    auto entry = reader.next();
    if (!entry)
      return Error{fmt::format("'{}': {}", list.origin, entry.error().message)};
    if (!*entry)
      return Error{fmt::format("'{}' changed while it was read", list.origin)};
    if (!isImageName((*entry)->name) || place++ != wanted[next])
      continue;
    if (!decoder.add(next++, std::move((*entry)->content)))
      break;
  }
  return {};
}

/// Moves what is not in `bad` to the front.
void dropSamples(Tensor &tensor, const std::map<size_t, std::string> &bad) {
  auto count = static_cast<size_t>(tensor.shape[0]);
  size_t each = count ? tensor.data.size() / count : 0, to = 0;
  for (size_t from = 0; from < count; ++from)
    if (!bad.count(from))
      std::memmove(tensor.data.data() + each * to++,
                   tensor.data.data() + each * from, each);
  tensor.shape[0] = static_cast<int64_t>(to);
  tensor.data.resize(each * to);
}

std::string placeOf(const ImageList &list, const ImageList::Item &item) {
  return list.archive ? fmt::format("{}: {}", list.origin, item.path)
                      : item.path;
}

Status checkMemory(double bytes, const std::string &origin) {
  double have = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes <= 0.8 * have)
    return {};
  return Error{fmt::format("{}: its images take {:.0f} MB, this machine has "
                           "{:.0f} MB; declare a smaller size or give --limit",
                           origin, bytes / 1e6, have / 1e6)};
}

} // namespace

bool ImageList::hasPart(const std::string &part) const {
  return std::any_of(items.begin(), items.end(),
                     [&](const Item &item) { return item.part == part; });
}

bool isTarName(std::string_view name) {
  return endsWith(name, ".tar") || endsWith(name, ".tar.gz") ||
         endsWith(name, ".tgz");
}

Result<ImageList> listImages(const std::string &path) {
  ImageList list;
  list.origin = path;
  std::error_code ignored;
  list.archive = !fs::is_directory(path, ignored);
  Status listed = list.archive ? listArchive(list) : listFolder(list);
  if (!listed)
    return listed.error();
  std::set<std::string> classes;
  for (const ImageList::Item &item : list.items)
    classes.insert(item.className);
  list.classes.assign(classes.begin(), classes.end());
  return list;
}

Result<Dataset> readImages(const DataSpec &spec, const ImageList &list,
                           const std::string &part,
                           const LoadOptions &options) {
  auto fields = fieldsOf(spec, list.origin);
  if (!fields)
    return fields.error();
  std::map<std::string, int64_t> numbers;
  if (fields->label) {
    auto numbered = numberClasses(*fields->label, list);
    if (!numbered)
      return numbered.error();
    numbers = std::move(*numbered);
  }
  std::vector<size_t> wanted;
  for (size_t i = 0; i < list.items.size(); ++i)
    if (list.items[i].part == part &&
        static_cast<int64_t>(wanted.size()) < options.limit)
      wanted.push_back(i);
  for (size_t i : wanted)
    if (fields->label && list.items[i].className.empty())
      return Error{fmt::format("{}: an image stands in the folder of its class",
                               placeOf(list, list.items[i]))};
  auto count = static_cast<int64_t>(wanted.size());
  double bytes = static_cast<double>(count) *
                 static_cast<double>(fields->channels * fields->height) *
                 static_cast<double>(fields->width);
  if (Status fits = checkMemory(bytes, list.origin); !fits)
    return fits.error();

  Tensor images(DType::U8,
                {count, fields->channels, fields->height, fields->width});
  Tensor labels(DType::I64, {count});
  for (size_t i = 0; i < wanted.size(); ++i)
    labels.as<int64_t>()[i] = numbers[list.items[wanted[i]].className];
  Decoder decoder(*fields, images, options.skipBad);
  Status fed = feed(list, wanted, decoder);
  const std::map<size_t, std::string> &errors = decoder.finish();
  if (!fed)
    return fed.error();
  if (!errors.empty() && !options.skipBad) {
    const auto &[index, message] = *errors.begin();
    return Error{fmt::format("{}: {}; --skip-bad leaves such images out",
                             placeOf(list, list.items[wanted[index]]),
                             message)};
  }
  dropSamples(images, errors);
  dropSamples(labels, errors);
  std::vector<Dataset::Field> arrays;
  arrays.push_back({sourceOf(*fields->image), std::move(images)});
  if (fields->label)
    arrays.push_back({sourceOf(*fields->label), std::move(labels)});
  auto data = fitDataset(spec, std::move(arrays), list.origin);
  if (data)
    for (const auto &[index, message] : errors)
      data->notes.push_back(
          fmt::format("{}: left out: {}",
                      placeOf(list, list.items[wanted[index]]), message));
  return data;
}

} // namespace varve
