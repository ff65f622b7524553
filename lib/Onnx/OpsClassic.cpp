// The simplest operators of ai.onnx.ml: tables of labels, columns, thresholds.
#include "Onnx/ImportImpl.h"
#include "Onnx/Indices.h"
#include <map>

using namespace mlir;

namespace varve::onnx {
namespace {

void binarize(Call &c) {
  Value x = c.in(0);
  Value bound = constantLike(c.b, x, c.real("threshold", 0));
  c.give(c.cast(compare(c.b, x, "gt", bound), typeOf(x).getElementType()));
}

/// Columns of the last axis.
void extractFeatures(Call &c) {
  Value x = c.moved(0);
  if (rankOf(x) == 0)
    c.fail("input 0 has no columns");
  Value index = c.reshape(c.in(1), {countOf(shapeOf(c.in(1)))});
  index = axisIndices(c, index, shapeOf(x).back());
  Value y = c.make("gather", {x, index}, {{"axis", rankOf(x) - 1}});
  if (rankOf(x) == 1)
    y = c.make("unsqueeze", y, {{"axis", Ints{0}}});
  c.give(y, c.element(0));
}

// ---- labels ----

/// The keys, the values or the default of a table: the attribute `_tensor`, or
/// the list that is there. Nothing if there is none.
std::optional<TensorData> columnOf(Call &c, const std::string &name) {
  if (const NodeAttribute *found = c.attribute(name + "_tensor")) {
    if (!found->tensor)
      c.fail("attribute '" + name + "_tensor' is no tensor");
    return *found->tensor;
  }
  TensorData data;
  auto fill = [&](Element type, const auto &values) {
    data.type = type;
    data.dims = {int64_t(values.size())};
    data.value = Tensor(*storageOf(type), data.dims);
  };
  if (auto texts = c.texts(name + "_strings")) {
    data.type = Element::String;
    data.dims = {int64_t(texts->size())};
    data.strings = std::move(*texts);
  } else if (auto numbers = c.list(name + "_int64s")) {
    fill(Element::I64, *numbers);
    std::copy(numbers->begin(), numbers->end(), data.value.as<int64_t>());
  } else if (auto numbers = c.reals(name + "_floats")) {
    fill(Element::F32, *numbers);
    std::copy(numbers->begin(), numbers->end(), data.value.as<float>());
  } else {
    return std::nullopt;
  }
  return data;
}

/// What a label gets that no key is, of the values' type.
TensorData defaultOf(Call &c, Element type) {
  if (const NodeAttribute *found = c.attribute("default_tensor")) {
    if (!found->tensor || found->tensor->type != type ||
        elementCount(found->tensor->dims) != 1)
      c.fail("attribute 'default_tensor' is no value of the table");
    return *found->tensor;
  }
  TensorData data;
  data.type = type;
  data.dims = {1};
  std::string text = c.text("default_string", "_Unused");
  int64_t whole = c.integer("default_int64", -1);
  double real = c.real("default_float", 0);
  if (type == Element::String) {
    data.strings = {text};
    return data;
  }
  data.value = Tensor(*storageOf(type), {1});
  if (type == Element::I64)
    *data.value.as<int64_t>() = whole;
  else if (type == Element::F32)
    *data.value.as<float>() = float(real);
  else
    c.fail("attribute 'default_tensor' is missing");
  return data;
}

/// The place of each label among the keys, their number if it is none: i64.
Value placesOfLabels(Call &c, const TensorData &keys) {
  int64_t count = keys.dims[0];
  const Datum &x = c.datum(0);
  if (keys.type == Element::String) {
    if (!x.is(Datum::Kind::Strings))
      c.fail("input 0 is " + describe(x) + ", not strings");
    std::map<std::string, int64_t> places;
    for (auto [i, key] : llvm::enumerate(keys.strings))
      places[key] = int64_t(i);
    RefTensor known(c.b.getI64Type(), x.strings->dims);
    for (auto [e, label] : llvm::enumerate(x.strings->strings)) {
      auto found = places.find(label);
      known.i[e] = found == places.end() ? count : found->second;
    }
    return c.constant(known);
  }
  Value labels = c.in(0);
  if (c.element(0) != keys.type)
    c.fail("input 0 is " + describe(x) + ", not of the keys' type");
  Ints shape(shapeOf(labels)), column = shape;
  shape.push_back(count);
  column.push_back(1);
  Value same =
      c.elementwise("compare", {c.reshape(labels, column), c.constant(keys)},
                    {{"predicate", "eq"}});
  Value places = indicesAlong(c, shape, rankOf(labels));
  Value none = constantLike(c.b, places, double(count));
  return c.make("min", select(c.b, same, places, none),
                {{"axis", Ints{rankOf(labels)}}});
}

void encodeLabels(Call &c) {
  auto keys = columnOf(c, "keys"), values = columnOf(c, "values");
  if (!keys || !values || keys->dims != values->dims ||
      keys->dims.size() != 1 || keys->dims[0] == 0)
    c.fail("there are not as many values as keys, or none");
  TensorData otherwise = defaultOf(c, values->type);
  Value places = placesOfLabels(c, *keys);
  if (values->type != Element::String) {
    Ints one = {1};
    Value table = c.make(
        "concat", {c.constant(*values), c.reshape(c.constant(otherwise), one)},
        {{"axis", 0}});
    return c.give(c.make("gather", {table, places}, {{"axis", 0}}),
                  values->type);
  }
  const RefTensor *known = c.importer.known(places);
  if (!known)
    c.refuse("labels that become strings are to be known before the model "
             "runs");
  TensorData texts;
  texts.type = Element::String;
  texts.dims = known->shape;
  values->strings.push_back(otherwise.strings.at(0));
  for (int64_t place : known->i)
    texts.strings.push_back(values->strings[size_t(place)]);
  c.give(Datum::of(std::move(texts)));
}

} // namespace

ArrayRef<Operator> classicOperators() {
  static constexpr const char *domain = "ai.onnx.ml";
  static constexpr Operator entries[] = {
      {"ArrayFeatureExtractor", 1, extractFeatures, domain},
      {"Binarizer", 1, binarize, domain},
      {"LabelEncoder", 2, encodeLabels, domain},
  };
  return entries;
}

} // namespace varve::onnx
