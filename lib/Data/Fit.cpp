// From arrays that were found to the fields that a model wants.
#include "Data/Fit.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>

namespace varve {
namespace {

// Calls `f` with a value of the C++ type of `type`; false for half floats.
template <class F> bool visitType(DType type, F f) {
  switch (type) {
  case DType::F32:
    return f(float());
  case DType::F64:
    return f(double());
  case DType::I8:
    return f(int8_t());
  case DType::I16:
    return f(int16_t());
  case DType::I32:
    return f(int32_t());
  case DType::I64:
    return f(int64_t());
  case DType::U8:
  case DType::Bool:
    return f(uint8_t());
  case DType::U16:
    return f(uint16_t());
  case DType::U32:
    return f(uint32_t());
  case DType::U64:
    return f(uint64_t());
  case DType::F16:
  case DType::BF16:
    return false;
  }
  return false;
}

// The largest value that a field takes, for integers.
template <class To> uint64_t upperBound(const FieldSpec &field) {
  if (field.classes > 0)
    return static_cast<uint64_t>(field.classes - 1);
  if (field.type == DType::Bool)
    return 1;
  return static_cast<uint64_t>(std::numeric_limits<To>::max());
}

// Converts all elements; returns the index of the first that does not fit, or
// the number of elements.
template <class From, class To>
size_t convertElements(const From *from, To *to, size_t count,
                       const FieldSpec &field) {
  if constexpr (std::is_integral_v<To> && std::is_integral_v<From>) {
    uint64_t high = upperBound<To>(field);
    int64_t low = field.classes > 0
                      ? 0
                      : static_cast<int64_t>(std::numeric_limits<To>::min());
    for (size_t i = 0; i < count; ++i) {
      bool fits = from[i] < 0 ? static_cast<int64_t>(from[i]) >= low
                              : static_cast<uint64_t>(from[i]) <= high;
      if (!fits)
        return i;
      to[i] = static_cast<To>(from[i]);
    }
  } else {
    for (size_t i = 0; i < count; ++i)
      to[i] = static_cast<To>(from[i]);
  }
  return count;
}

bool isFloat(DType type) { return type == DType::F32 || type == DType::F64; }

std::vector<int64_t> withoutOnes(std::vector<int64_t> shape, size_t from) {
  shape.erase(
      std::remove(shape.begin() + static_cast<ptrdiff_t>(from), shape.end(), 1),
      shape.end());
  return shape;
}

std::string describe(const FieldSpec &field) {
  std::string text = toString(field.type, field.shape);
  if (field.classes > 0)
    text += fmt::format(" of {} classes", field.classes);
  return text;
}

Result<Tensor> fitField(const FieldSpec &field, Tensor array,
                        const std::string &origin) {
  std::vector<int64_t> shape = field.shape;
  shape.insert(shape.begin(), array.shape.empty() ? 0 : array.shape[0]);
  bool typeFits = array.type == field.type ||
                  (array.type != DType::F16 && array.type != DType::BF16 &&
                   field.type != DType::F16 && field.type != DType::BF16 &&
                   (!isFloat(array.type) || isFloat(field.type)));
  if (array.shape.empty() || !typeFits ||
      withoutOnes(array.shape, 1) != withoutOnes(shape, 1))
    return Error{fmt::format(
        "{}: array '{}' is {}, the model's '{}' is {} for each sample", origin,
        sourceOf(field), toString(array.type, array.shape), field.name,
        describe(field))};
  array.shape = shape;
  bool checked = field.classes > 0 || field.type == DType::Bool;
  if (array.type == field.type && !checked)
    return array;

  Tensor result(field.type, shape);
  size_t count = static_cast<size_t>(array.elements()), done = 0;
  std::string value;
  visitType(array.type, [&](auto source) {
    return visitType(field.type, [&](auto target) {
      const auto *from = array.as<decltype(source)>();
      done = convertElements(from, result.as<decltype(target)>(), count, field);
      if (done < count)
        value = fmt::format("{}", +from[done]);
      return true;
    });
  });
  if (done == count)
    return result;
  size_t each = count / static_cast<size_t>(shape[0]);
  return Error{fmt::format("{}: '{}' of sample {} is {}, which is not in {}",
                           origin, sourceOf(field), done / each, value,
                           describe(field))};
}

std::string namesOf(const std::vector<Dataset::Field> &arrays) {
  std::string text;
  for (const Dataset::Field &array : arrays)
    text += (text.empty() ? "" : ", ") + array.name;
  return text.empty() ? "none" : text;
}

} // namespace

Result<Dataset> fitDataset(const DataSpec &spec,
                           std::vector<Dataset::Field> arrays,
                           const std::string &origin) {
  Dataset data;
  for (const FieldSpec &field : spec.fields) {
    if (field.from.size() > 1)
      return Error{fmt::format("{}: field '{}' is made from {} arrays; only "
                               "columns of a table can be joined",
                               origin, field.name, field.from.size()),
                   ErrorKind::Unsupported};
    auto found = std::find_if(arrays.begin(), arrays.end(), [&](auto &array) {
      return array.name == sourceOf(field);
    });
    if (found == arrays.end())
      return Error{fmt::format("{}: it has no '{}', which field '{}' needs; "
                               "it has: {}",
                               origin, sourceOf(field), field.name,
                               namesOf(arrays))};
    // Moved, not copied, for its last field: it may be most of the memory.
    bool last = std::none_of(
        &field + 1, spec.fields.data() + spec.fields.size(),
        [&](const FieldSpec &other) { return sourceOf(other) == found->name; });
    auto values = fitField(
        field, last ? std::move(found->values) : found->values, origin);
    if (!values)
      return values.error();
    int64_t samples = values->shape[0];
    if (data.fields.empty())
      data.samples = samples;
    if (samples != data.samples)
      return Error{fmt::format("{}: '{}' has {} samples, '{}' has {}", origin,
                               sourceOf(spec.fields[0]), data.samples,
                               sourceOf(field), samples)};
    data.fields.push_back({field.name, std::move(*values)});
  }
  if (data.samples == 0)
    return Error{fmt::format("{}: it has no samples", origin)};
  return data;
}

void keepFirst(Dataset &data, int64_t count) {
  if (count >= data.samples)
    return;
  for (Dataset::Field &field : data.fields) {
    size_t each = field.values.data.size() / static_cast<size_t>(data.samples);
    field.values.data.resize(each * static_cast<size_t>(count));
    field.values.data.shrink_to_fit();
    field.values.shape[0] = count;
  }
  data.samples = count;
}

} // namespace varve
