// Signals: windows and bands of frequencies; transforms are in OpsFourier.cpp.
// And products by a letter for each axis.
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
      {"Einsum", 12, einsum},
      {"HammingWindow", 17, hamming},
      {"HannWindow", 17, hann},
      {"MelWeightMatrix", 17, melWeights},
  };
  return entries;
}

} // namespace varve::onnx
