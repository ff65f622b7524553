// Signals: windows, discrete Fourier transforms. And products by a letter for
// each axis.
#include "Onnx/Convert.h"
#include "Onnx/Indices.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <map>

using namespace mlir;

namespace varve::onnx {
namespace {

/// A sum of cosines over `size` places, which repeats after it if periodic.
void window(Call &c, ArrayRef<double> factors) {
  Ints size = c.ints(0);
  if (size.size() != 1 || size[0] < 0)
    c.fail("a window's size is one number, not negative");
  if (size[0] > (int64_t(1) << 24))
    c.refuse("a window of " + std::to_string(size[0]) + " is not supported");
  Element to = elementNamed(c, c.integer("output_datatype", 1));
  bool isPeriodic = c.flag("periodic", true);
  double period = double(size[0]) - (isPeriodic ? 0 : 1);
  RefTensor values(c.b.getF64Type(), {size[0]});
  for (int64_t i = 0; i < size[0]; ++i)
    for (auto [k, factor] : llvm::enumerate(factors))
      values.f[size_t(i)] +=
          factor * std::cos(2 * M_PI * double(k) * double(i) / period);
  c.give(convert(c, c.constant(values), Element::F64, to), to);
}

void hann(Call &c) { window(c, {0.5, -0.5}); }
void hamming(Call &c) { window(c, {25.0 / 46, -21.0 / 46}); }
void blackman(Call &c) { window(c, {0.42, -0.5, 0.08}); }

// ---- transforms ----

/// Transforms are products with matrices of that size.
constexpr int64_t longest = int64_t(1) << 12;

/// cos or sin of 2 pi i k / n, over i and k.
Value angles(Call &c, Type element, int64_t rows, int64_t columns, int64_t n,
             bool isSine) {
  RefTensor table(element, {rows, columns});
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < columns; ++k) {
      // Angles repeat: small ones lose nothing.
      auto place = double(uint64_t(i) * uint64_t(k) % uint64_t(n));
      double angle = 2 * M_PI * place / double(n);
      table.f[size_t(i * columns + k)] =
          isSine ? std::sin(angle) : std::cos(angle);
    }
  return c.constant(table);
}

struct Complex {
  Value real, imaginary; ///< null: 0
};

/// The transform of the rows of matrices; `count` frequencies of n.
Complex transformRows(Call &c, Complex x, int64_t n, int64_t count) {
  Type element = typeOf(x.real).getElementType();
  int64_t size = shapeOf(x.real)[1];
  Value cosine = angles(c, element, size, count, n, false);
  Value sine = angles(c, element, size, count, n, true);
  Value real = c.make("matmul", {x.real, cosine});
  Value imaginary = neg(c.b, c.make("matmul", {x.real, sine}));
  if (x.imaginary) {
    real = add(c.b, real, c.make("matmul", {x.imaginary, sine}));
    imaginary =
        add(c.b, imaginary, c.make("matmul", {x.imaginary, cosine}));
  }
  return {real, imaginary};
}

/// The inverse: the conjugate of the conjugate's transform, over n. Of one half
/// of the frequencies those in the other are the conjugates, so that the sum is
/// real.
Complex inverseOfRows(Call &c, Complex x, int64_t n, bool oneSided) {
  Type element = typeOf(x.real).getElementType();
  RefTensor factor(element, {shapeOf(x.real)[1]});
  for (auto [k, each] : llvm::enumerate(factor.f))
    each = (oneSided && k > 0 && int64_t(2 * k) != n ? 2.0 : 1.0) / double(n);
  Value by = c.broadcast(c.constant(factor), shapeOf(x.real));
  x.real = mul(c.b, x.real, by);
  if (x.imaginary)
    x.imaginary = neg(c.b, mul(c.b, x.imaginary, by));
  Complex y = transformRows(c, x, n, n);
  return {y.real, neg(c.b, y.imaginary)};
}

/// x with its last axis, of 1 or 2 parts, taken apart, in f64: sums of many
/// terms of any sign lose less.
Complex partsOf(Call &c, Value x) {
  int64_t last = rankOf(x) - 1;
  int64_t parts = last < 0 ? 0 : shapeOf(x)[size_t(last)];
  if (parts != 1 && parts != 2)
    c.fail("the last axis has neither 1 nor 2 parts");
  x = c.cast(x, c.b.getF64Type());
  auto part = [&](int64_t i) {
    return c.make("squeeze", c.slice(x, last, i, i + 1),
                  {{"axis", Ints{last}}});
  };
  return {part(0), parts == 2 ? part(1) : Value()};
}

void dft(Call &c, int64_t axis) {
  Value x = c.in(0);
  int64_t rank = rankOf(x);
  axis = c.axis(axis, rank);
  if (axis == rank - 1)
    c.fail("the last axis is that of the parts");
  bool inverse = c.flag("inverse"), oneSided = c.flag("onesided");
  int64_t size = shapeOf(x)[size_t(axis)];
  int64_t n = inverse && oneSided ? 2 * (size - 1) : size;
  if (c.has(1)) {
    Ints length = c.ints(1);
    if (length.size() != 1)
      c.fail("a length is one number");
    n = length[0];
  }
  if (n < 1 || n > longest)
    c.refuse("a transform of " + std::to_string(n) + " is not supported");
  int64_t half = n / 2 + 1;
  int64_t used = std::min(inverse && oneSided ? half : n, size);
  int64_t count = oneSided && !inverse ? half : n;

  Complex parts = partsOf(c, c.slice(x, axis, 0, used));
  Ints toLast, back, moved;
  for (int64_t i = 0; i < rank - 1; ++i)
    if (i != axis)
      toLast.push_back(i);
  toLast.push_back(axis);
  for (int64_t i : toLast)
    moved.push_back(shapeOf(parts.real)[size_t(i)]);
  back.resize(toLast.size());
  for (auto [i, from] : llvm::enumerate(toLast))
    back[size_t(from)] = int64_t(i);
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < moved.size(); ++i)
    rows *= moved[i];
  auto flat = [&](Value v) {
    return v ? c.reshape(c.transpose(v, toLast), {rows, used}) : v;
  };
  Complex y = {flat(parts.real), flat(parts.imaginary)};
  if (inverse)
    y = inverseOfRows(c, y, n, oneSided);
  else
    y = transformRows(c, y, n, count);
  moved.back() = count;
  auto whole = [&](Value v) {
    v = c.transpose(c.reshape(v, moved), back);
    return c.cast(v, typeOf(x).getElementType());
  };
  if (inverse && oneSided)
    return c.give(
        c.make("unsqueeze", whole(y.real), {{"axis", Ints{rank - 1}}}));
  c.give(c.make("stack", {whole(y.real), whole(y.imaginary)},
                {{"axis", rank - 1}}));
}

void dft17(Call &c) { dft(c, c.integer("axis", 1)); }

void dft20(Call &c) {
  Ints axis = c.has(2) ? c.ints(2) : Ints{-2};
  if (axis.size() != 1)
    c.fail("an axis is one number");
  dft(c, axis[0]);
}

/// signal, step between frames, window, length of frames.
void stft(Call &c) {
  Value x = c.in(0);
  Ints step = c.ints(1);
  int64_t length = 0;
  if (c.has(3) && c.ints(3).size() == 1)
    length = c.ints(3)[0];
  else if (c.has(2) && shapeOf(c.in(2)).size() == 1)
    length = shapeOf(c.in(2))[0];
  if (shapeOf(x).size() != 3 || step.size() != 1 || step[0] < 1 || length < 1 ||
      length > shapeOf(x)[1])
    c.fail("signal, step or length of frames do not fit together");
  if (length > longest)
    c.refuse("frames of " + std::to_string(length) + " are not supported");
  int64_t frames = (shapeOf(x)[1] - length) / step[0] + 1;
  RefTensor places(c.b.getI64Type(), {frames, length});
  for (int64_t f = 0; f < frames; ++f)
    for (int64_t i = 0; i < length; ++i)
      places.i[size_t(f * length + i)] = f * step[0] + i;
  Value index = c.constant(places);
  Complex parts = partsOf(c, x);
  int64_t batch = shapeOf(x)[0];
  auto cut = [&](Value v) {
    if (!v)
      return v;
    v = c.make("gather", {v, index}, {{"axis", 1}});
    if (c.has(2)) {
      Value w = c.cast(c.in(2), c.b.getF64Type());
      v = c.make("mul", {v, c.broadcast(w, shapeOf(v))});
    }
    return c.reshape(v, {batch * frames, length});
  };
  int64_t count = c.flag("onesided", true) ? length / 2 + 1 : length;
  Complex y = transformRows(c, {cut(parts.real), cut(parts.imaginary)}, length,
                            count);
  auto whole = [&](Value v) {
    return c.cast(c.reshape(v, {batch, frames, count}),
                  typeOf(x).getElementType());
  };
  c.give(c.make("stack", {whole(y.real), whole(y.imaginary)}, {{"axis", 3}}));
}

/// The one number of an input that is known.
double number(Call &c, size_t i) {
  const RefTensor &value = c.known(i);
  if (value.size() != 1)
    c.fail("input " + std::to_string(i) + " is " + describe(c.datum(i)) +
           ", not one number");
  return value.isFloat() ? value.f[0] : double(value.i[0]);
}

/// A triangle over the frequencies of a transform for each band; bands are
/// equally wide on the mel scale.
void melWeights(Call &c) {
  auto bands = int64_t(number(c, 0)), length = int64_t(number(c, 1));
  double rate = number(c, 2), low = number(c, 3), high = number(c, 4);
  Element to = elementNamed(c, c.integer("output_datatype", 1));
  constexpr int64_t most = int64_t(1) << 20;
  if (bands < 1 || length < 1 || bands > most || length > most ||
      bands * length > 16 * most || !(rate > 0) || !(low >= 0) ||
      !(high >= low))
    c.fail("the bands, the length, the rate and the edges do not make a "
           "matrix");
  auto melOf = [](double hertz) {
    return 2595 * std::log1p(hertz / 700) / M_LN10;
  };
  double step = (melOf(high) - melOf(low)) / double(bands + 2);
  SmallVector<int64_t> edges;
  int64_t rows = length / 2 + 1;
  for (int64_t i = 0; i < bands + 2; ++i) {
    double mel = double(i) * step + melOf(low);
    double hertz = 700 * std::expm1(mel / 2595 * M_LN10);
    edges.push_back(int64_t(std::floor(double(length + 1) * hertz / rate)));
    if (edges.back() >= rows)
      c.fail("an edge is above half the sample rate");
  }
  RefTensor y(c.b.getF64Type(), {rows, bands});
  for (int64_t band = 0; band < bands; ++band) {
    auto at = [&](int64_t row) -> double & {
      return y.f[size_t(row * bands + band)];
    };
    int64_t left = edges[size_t(band)], middle = edges[size_t(band + 1)],
            right = edges[size_t(band + 2)];
    at(middle) = 1;
    for (int64_t row = left; row < middle; ++row)
      at(row) = double(row - left) / double(middle - left);
    for (int64_t row = middle; row < right; ++row)
      at(row) = double(right - row) / double(right - middle);
  }
  c.give(convert(c, c.constant(y), Element::F64, to), to);
}

// ---- Einsum ----

/// A term with letters in place of `...`, for `dots` axes there.
std::string spell(const std::string &term, size_t dots) {
  size_t at = term.find("...");
  if (at == std::string::npos)
    return term;
  // Letters that an equation cannot have: they are told apart from its own.
  std::string letters;
  for (size_t i = 0; i < dots; ++i)
    letters += char('0' + char(i));
  return term.substr(0, at) + letters + term.substr(at + 3);
}

/// Axes of one letter become one: its diagonal.
Value takeDiagonals(Call &c, Value x, std::string &term) {
  for (size_t i = 0; i < term.size(); ++i)
    for (size_t j = term.find(term[i], i + 1); j != std::string::npos;
         j = term.find(term[i], i + 1)) {
      Ints shape(shapeOf(x));
      if (shape[i] != shape[j])
        c.fail(std::string("the sizes of '") + term[i] + "' do not agree");
      Value same = compare(c.b, indicesAlong(c, shape, int64_t(i)), "eq",
                           indicesAlong(c, shape, int64_t(j)));
      x = select(c.b, same, x, constantLike(c.b, x, 0));
      x = c.make("sum", x, {{"axis", Ints{int64_t(j)}}});
      term.erase(j, 1);
    }
  return x;
}

void einsum(Call &c) {
  std::string text = c.text("equation"), result;
  llvm::erase(text, ' ');
  size_t arrow = text.find("->");
  std::vector<std::string> terms(1);
  for (char letter : text.substr(0, arrow)) {
    if (letter == ',')
      terms.emplace_back();
    else
      terms.back() += letter;
  }
  if (terms.size() != c.inputs())
    c.fail("the equation has " + std::to_string(terms.size()) +
           " terms for " + std::to_string(c.inputs()) + " inputs");
  Values operands = c.rest(0);
  size_t dots = 0;
  for (auto [term, operand] : llvm::zip(terms, operands)) {
    size_t rank = shapeOf(operand).size();
    size_t named = term.find("...") == std::string::npos
                       ? rank
                       : term.size() - std::min<size_t>(term.size(), 3);
    if (named > rank || rank - named > 9)
      c.fail("'" + term + "' does not have the rank " + std::to_string(rank));
    if (dots && rank != named && rank - named != dots)
      c.refuse("'...' for different numbers of axes is not supported");
    dots = std::max(dots, rank - named);
  }
  for (std::string &term : terms)
    term = spell(term, dots);
  if (arrow != std::string::npos) {
    result = spell(text.substr(arrow + 2), dots);
  } else {
    // Letters that stand once, in alphabetical order, after the dots.
    std::map<char, int> count;
    for (const std::string &term : terms)
      for (char letter : term)
        ++count[letter];
    for (auto [letter, times] : count)
      if (times == 1 || (letter >= '0' && letter <= '9'))
        result += letter;
  }
  std::map<char, char> letters;
  auto rename = [&](std::string &term) {
    for (char &letter : term) {
      char next = char('a' + char(letters.size()));
      auto [found, isNew] = letters.emplace(letter, next);
      if (isNew && letters.size() > 26)
        c.refuse("more than 26 letters are not supported");
      letter = found->second;
    }
  };
  for (auto [term, operand] : llvm::zip(terms, operands)) {
    if (term.size() != shapeOf(operand).size())
      c.fail("'" + term + "' does not have the operand's rank");
    operand = takeDiagonals(c, operand, term);
    rename(term);
  }
  rename(result);
  constexpr size_t most = 3;
  if (operands.size() > most)
    c.refuse("more than 3 inputs are not supported");
  c.give(c.make("einsum", operands,
                {{"equation", llvm::join(terms, ",") + "->" + result}}));
}

} // namespace

ArrayRef<Operator> signalOperators() {
  static constexpr Operator entries[] = {
      {"BlackmanWindow", 17, blackman},
      {"DFT", 17, dft17},
      {"DFT", 20, dft20},
      {"Einsum", 12, einsum},
      {"HammingWindow", 17, hamming},
      {"HannWindow", 17, hann},
      {"MelWeightMatrix", 17, melWeights},
      {"STFT", 17, stft},
  };
  return entries;
}

} // namespace varve::onnx
