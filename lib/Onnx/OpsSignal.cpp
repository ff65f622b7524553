// Signals: windows, discrete Fourier transforms. And products by a letter for
// each axis.
#include "Onnx/Convert.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <map>

using namespace mlir;

namespace varve::onnx {
namespace {

/// A sum of cosines over `size` places, which repeats after it if periodic.
void window(Call &c, ArrayRef<double> factors) {
  Ints size = c.ints(0);
  if (size.size() != 1 || size[0] < 0 || size[0] > (int64_t(1) << 32))
    c.fail("a window's size is one number, not negative");
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

/// x with its last axis, of 1 or 2 parts, taken apart, in f64: sums of many
/// terms of any sign lose less.
Complex partsOf(Call &c, Value x) {
  int64_t last = int64_t(shapeOf(x).size()) - 1;
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
  int64_t rank = int64_t(shapeOf(x).size());
  axis = c.axis(axis, rank);
  if (axis == rank - 1)
    c.fail("the last axis is that of the parts");
  bool inverse = c.flag("inverse"), oneSided = c.flag("onesided");
  if (inverse)
    c.refuse("the inverse transform is not supported");
  int64_t n = shapeOf(x)[size_t(axis)];
  if (c.has(1)) {
    Ints length = c.ints(1);
    if (length.size() != 1)
      c.fail("a length is one number");
    n = length[0];
  }
  if (n < 1 || n > (int64_t(1) << 14))
    c.refuse("a transform of " + std::to_string(n) + " is not supported");
  int64_t used = std::min(n, shapeOf(x)[size_t(axis)]);
  int64_t count = oneSided ? n / 2 + 1 : n;

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
  Complex y =
      transformRows(c, {flat(parts.real), flat(parts.imaginary)}, n, count);
  moved.back() = count;
  auto whole = [&](Value v) {
    v = c.transpose(c.reshape(v, moved), back);
    return c.cast(v, typeOf(x).getElementType());
  };
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
  if (length > (int64_t(1) << 14))
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
      Type i64 = c.b.getI64Type();
      auto iota = [&](size_t axis) {
        return c.make("iota", {},
                      {{"shape", shape}, {"axis", int64_t(axis)},
                       {"dtype", i64}});
      };
      Value same = compare(c.b, iota(i), "eq", iota(j));
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
      {"BlackmanWindow", 17, blackman}, {"DFT", 17, dft17},
      {"DFT", 20, dft20},               {"Einsum", 12, einsum},
      {"HammingWindow", 17, hamming},   {"HannWindow", 17, hann},
      {"STFT", 17, stft},
  };
  return entries;
}

} // namespace varve::onnx
