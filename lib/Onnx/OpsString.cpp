// Strings, which are known at import: programs hold numbers only.
#include "Onnx/Indices.h"
#include "Onnx/Nested.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace varve::onnx {
namespace {

using Texts = std::vector<std::string>;

const TensorData &strings(Call &c, size_t i) {
  const Datum &datum = c.datum(i);
  if (!datum.is(Datum::Kind::Strings))
    c.fail("input " + std::to_string(i) + " is " + describe(datum) +
           ", not strings");
  return *datum.strings;
}

Datum stringsOf(Texts texts, ArrayRef<int64_t> shape) {
  TensorData tensor;
  tensor.type = Element::String;
  tensor.dims.assign(shape.begin(), shape.end());
  tensor.strings = std::move(texts);
  return Datum::of(std::move(tensor));
}

/// The element of a tensor of shape `own` that stands at place `e` of `shape`,
/// to which it is broadcast.
size_t placeIn(ArrayRef<int64_t> own, ArrayRef<int64_t> shape, int64_t e) {
  int64_t place = 0, stride = 1;
  for (size_t i = 0; i < own.size(); ++i) {
    size_t axis = own.size() - 1 - i, outer = shape.size() - 1 - i;
    int64_t at = e % shape[outer];
    e /= shape[outer];
    place += own[axis] == 1 ? 0 : at * stride;
    stride *= own[axis];
  }
  return size_t(place);
}

/// Calls `take` with each pair of strings after broadcasting; the shape.
Ints eachPair(
    Call &c,
    llvm::function_ref<void(const std::string &, const std::string &)> take) {
  const TensorData &x = strings(c, 0), &y = strings(c, 1);
  Ints shape = c.commonShape({ArrayRef(x.dims), ArrayRef(y.dims)});
  int64_t count = elementCount({shape.begin(), shape.end()});
  constexpr int64_t most = int64_t(1) << 24;
  if (count < 0 || count > most)
    c.refuse("so many strings are not supported");
  for (int64_t e = 0; e < count; ++e)
    take(x.strings[placeIn(x.dims, shape, e)],
         y.strings[placeIn(y.dims, shape, e)]);
  return shape;
}

void concatStrings(Call &c) {
  Texts texts;
  Ints shape = eachPair(c, [&](const std::string &x, const std::string &y) {
    texts.push_back(x + y);
  });
  c.give(stringsOf(std::move(texts), shape));
}

/// At white space, of which several are one, and none is at the beginning.
Texts splitAtSpace(StringRef text, int64_t most) {
  constexpr const char *space = " \t\n\v\f\r";
  Texts parts;
  for (text = text.ltrim(space); !text.empty(); text = text.ltrim(space)) {
    size_t end = text.find_first_of(space);
    if (int64_t(parts.size()) == most)
      end = StringRef::npos;
    parts.push_back(text.substr(0, end).str());
    text = end == StringRef::npos ? "" : text.substr(end);
  }
  return parts;
}

Texts splitAt(StringRef text, StringRef delimiter, int64_t most) {
  SmallVector<StringRef> parts;
  text.split(parts, delimiter,
             most < 0 ? -1 : int(std::min<int64_t>(most, INT32_MAX)));
  Texts texts;
  for (StringRef part : parts)
    texts.push_back(part.str());
  return texts;
}

void splitStrings(Call &c) {
  const TensorData &x = strings(c, 0);
  std::string delimiter = c.text("delimiter", "");
  int64_t most = c.integer("maxsplit", -1);
  std::vector<Texts> all;
  size_t width = 0;
  for (const std::string &text : x.strings) {
    all.push_back(delimiter.empty() ? splitAtSpace(text, most)
                                    : splitAt(text, delimiter, most));
    width = std::max(width, all.back().size());
  }
  Texts padded;
  RefTensor counts(c.b.getI64Type(), x.dims);
  for (auto [e, parts] : llvm::enumerate(all)) {
    counts.i[e] = int64_t(parts.size());
    parts.resize(width);
    padded.insert(padded.end(), parts.begin(), parts.end());
  }
  Ints shape(x.dims.begin(), x.dims.end());
  shape.push_back(int64_t(width));
  c.give(stringsOf(std::move(padded), shape));
  c.give(c.constant(counts));
}

/// Strings without those that are stop words, in one case.
void normalizeStrings(Call &c) {
  const TensorData &x = strings(c, 0);
  if (x.dims.empty() || x.dims.size() > 2 ||
      (x.dims.size() == 2 && x.dims[0] != 1))
    c.fail("input 0 is " + describe(c.datum(0)) + ", not one row of strings");
  c.ignore("locale");
  std::string action = c.text("case_change_action", "NONE");
  bool isSensitive = c.flag("is_case_sensitive");
  Texts stops = c.texts("stopwords").value_or(Texts());
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    c.fail("case_change_action is '" + action + "'");
  auto changed = [&](const std::string &text, StringRef how) {
    if (how != "NONE" &&
        !llvm::all_of(text, [](char each) { return llvm::isASCII(each); }))
      c.refuse("the case of letters outside ASCII is not supported");
    return how == "LOWER"   ? StringRef(text).lower()
           : how == "UPPER" ? StringRef(text).upper()
                            : text;
  };
  auto compared = [&](const std::string &text) {
    return isSensitive ? text : changed(text, "LOWER");
  };
  std::set<std::string> stopped;
  for (const std::string &stop : stops)
    stopped.insert(compared(stop));
  Texts kept;
  for (const std::string &text : x.strings)
    if (stopped.empty() || !stopped.count(compared(text)))
      kept.push_back(changed(text, action));
  if (kept.empty())
    kept.emplace_back();
  Ints shape(x.dims.begin(), x.dims.end());
  shape.back() = int64_t(kept.size());
  c.give(stringsOf(std::move(kept), shape));
}

// ---- counts of word groups ----

/// The words of each row as numbers: those of the pool, or their places in it.
Value numbersOf(Call &c, Ints &pool) {
  if (c.hasAttribute("pool_int64s")) {
    pool = *c.list("pool_int64s");
    return c.cast(c.in(0), c.b.getI64Type());
  }
  auto words = c.texts("pool_strings");
  if (!words)
    c.fail("there is no pool");
  std::map<std::string, int64_t> places;
  for (const std::string &word : *words)
    pool.push_back(places.emplace(word, int64_t(places.size())).first->second);
  const TensorData &x = strings(c, 0);
  RefTensor numbers(c.b.getI64Type(), x.dims);
  for (auto [e, word] : llvm::enumerate(x.strings)) {
    auto found = places.find(word);
    numbers.i[e] = found == places.end() ? -1 : found->second;
  }
  return c.constant(numbers);
}

/// How often each of `grams`, [count, length], stands in each row of x, with
/// words `step` apart: f32[rows, count].
Value countGrams(Call &c, Value x, const RefTensor &grams, int64_t step) {
  int64_t rows = shapeOf(x)[0], count = grams.shape[0];
  int64_t length = grams.shape[1];
  int64_t places = shapeOf(x)[1] - step * (length - 1);
  if (places < 1)
    return c.splat(c.b.getF32Type(), 0, {rows, count});
  Value pool = c.constant(grams), all;
  for (int64_t k = 0; k < length; ++k) {
    Value word = c.slice(x, 1, k * step, k * step + places);
    word = c.reshape(word, {rows, places, 1});
    Value wanted = c.reshape(c.slice(pool, 1, k, k + 1), {1, 1, count});
    Value same =
        c.elementwise("compare", {word, wanted}, {{"predicate", "eq"}});
    all = all ? c.make("and", {all, same}) : same;
  }
  return c.make("sum", c.cast(all, c.b.getF32Type()), {{"axis", Ints{1}}});
}

/// TfIdfVectorizer: counts of groups of words, weighed.
void countWords(Call &c) {
  Ints pool, begins = c.list("ngram_counts").value_or(Ints());
  Ints places = c.list("ngram_indexes").value_or(Ints());
  int64_t shortest = c.integer("min_gram_length");
  int64_t longest = c.integer("max_gram_length");
  int64_t skips = c.integer("max_skip_count");
  std::string mode = c.text("mode");
  auto weights = c.reals("weights");
  Value x = numbersOf(c, pool);
  ArrayRef<int64_t> shape = shapeOf(x);
  if (shape.empty() || shape.size() > 2)
    c.fail("input 0 is " + describe(c.datum(0)) + ", not rows of words");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    c.fail("mode is '" + mode + "'");
  constexpr int64_t most = 100;
  if (shortest < 1 || longest < shortest || skips < 0)
    c.fail("lengths or skips are negative or do not fit together");
  if (longest > most || skips > most)
    c.refuse("groups of more than 100 words are not supported");
  bool isRow = shape.size() == 1;
  if (isRow)
    x = c.reshape(x, {1, shape[0]});

  int64_t size = 0;
  for (int64_t place : places)
    size = std::max(size, place + 1);
  if (weights && int64_t(weights->size()) < size)
    c.fail("there are too few weights");
  Value total = c.splat(c.b.getF32Type(), 0, {shapeOf(x)[0], size});
  size_t gram = 0;
  for (int64_t length = 1; length <= int64_t(begins.size()); ++length) {
    int64_t begin = begins[size_t(length - 1)];
    int64_t end = length < int64_t(begins.size()) ? begins[size_t(length)]
                                                  : int64_t(pool.size());
    if (begin < 0 || end < begin || end > int64_t(pool.size()))
      c.fail("ngram_counts does not fit the pool");
    int64_t count = (end - begin) / length;
    if (gram + size_t(count) > places.size())
      c.fail("ngram_indexes does not fit the pool");
    ArrayRef<int64_t> to = ArrayRef(places).slice(gram, size_t(count));
    gram += size_t(count);
    if (length < shortest || length > longest || count == 0)
      continue;
    RefTensor grams(c.b.getI64Type(), {count, length});
    std::copy_n(pool.begin() + begin, count * length, grams.i.begin());
    // Where each is counted.
    RefTensor where(c.b.getF32Type(), {count, size});
    for (auto [i, place] : llvm::enumerate(to)) {
      if (place < 0)
        c.fail("an entry of ngram_indexes is negative");
      where.f[i * size_t(size) + size_t(place)] = 1;
    }
    for (int64_t skip = 0; skip <= (length == 1 ? 0 : skips); ++skip)
      total = add(c.b, total,
                  c.make("matmul", {countGrams(c, x, grams, skip + 1),
                                    c.constant(where)}));
  }
  if (mode == "IDF")
    total = c.make("minimum", {total, constantLike(c.b, total, 1)});
  if (weights && mode != "TF") {
    RefTensor by(c.b.getF32Type(), {size});
    std::copy_n(weights->begin(), size, by.f.begin());
    total = c.elementwise("mul", {total, c.constant(by)});
  }
  c.give(isRow ? c.reshape(total, {size}) : total);
}

} // namespace

void equalStrings(Call &c) {
  std::vector<int64_t> same;
  Ints shape = eachPair(c, [&](const std::string &x, const std::string &y) {
    same.push_back(x == y);
  });
  RefTensor result(c.b.getI1Type(), shape);
  result.i = std::move(same);
  c.give(c.constant(result));
}

ArrayRef<Operator> stringOperators() {
  static constexpr Operator entries[] = {
      {"StringConcat", 20, concatStrings},
      {"StringNormalizer", 10, normalizeStrings},
      {"StringSplit", 20, splitStrings},
      {"TfIdfVectorizer", 9, countWords},
  };
  return entries;
}

} // namespace varve::onnx
