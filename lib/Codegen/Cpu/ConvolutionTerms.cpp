// The terms of a convolution's sums in the contract's order, those outside
// skipped.
#include "Convolution.h"

using namespace mlir;

namespace varve {

std::pair<Value, Value> Convolution::source(unsigned d, Index at, Index k) {
  int64_t size = toFeatures ? in[d] : out[d];
  Value inside;
  auto require = [&](Value condition) {
    inside =
        inside ? Value(arith::AndIOp::create(b, inside, condition)) : condition;
  };
  auto compare = [&](arith::CmpIPredicate p, Value x, int64_t y) {
    return Value(arith::CmpIOp::create(b, p, x, b.index(y)));
  };
  int64_t reach = (taps[d] - 1) * dilations[d];
  if (toFeatures) {
    Value from = b.scalarPart(at * strides[d] + k * dilations[d] + -padding[d]);
    if (padding[d] || (out[d] - 1) * strides[d] + reach >= size)
      require(compare(arith::CmpIPredicate::ult, from, size));
    return {from, inside};
  }
  // A negative one is a large one without a sign, and so is its part.
  Value from = b.scalarPart(at + k * -dilations[d] + padding[d]);
  if (strides[d] > 1)
    require(compare(arith::CmpIPredicate::eq, b.rem(from, strides[d]), 0));
  from = b.div(from, strides[d]);
  if (padding[d] < reach || in[d] - 1 + padding[d] >= size * strides[d])
    require(compare(arith::CmpIPredicate::ult, from, size));
  return {from, inside};
}

// Forward and data: (tap, channel read).
Convolution::Values Convolution::chunkOfTaps(Value q, int64_t height,
                                             int64_t columns) {
  const int64_t depth = toFeatures ? channels : features;
  Value k0 = b.mul(q, options.kc);
  Value k1 = b.min(b.add(k0, b.index(options.kc)), b.index(terms));
  Value first = b.div(k0, depth);
  Value end = b.div(b.add(k1, b.index(depth - 1)), depth);
  bool wholeTaps = chunks == 1 || options.kc % depth == 0;
  if (chunks == 1) {
    first = b.index(0);
    end = b.index(terms / depth);
  }
  Values zero(height * vectorsIn(columns), b.zeros(element));
  return b.loop(first, end, 1, zero, [&](Value t, ValueRange acc) {
    Indices tap = b.delinearize(t, taps), from;
    Value valid;
    for (unsigned d = 0; d < taps.size(); ++d) {
      auto [place, inside] = source(d, spot[d], tap[d]);
      from.push_back(Index::of(place));
      if (inside)
        valid = valid ? Value(arith::AndIOp::create(b, valid, inside)) : inside;
    }
    Value lo = b.index(0), hi = b.index(depth);
    if (!wholeTaps) {
      Value start = b.mul(t, depth);
      lo = b.max(lo, arith::SubIOp::create(b, k0, start));
      hi = b.min(hi, arith::SubIOp::create(b, k1, start));
    }
    if (valid)
      hi = arith::SelectOp::create(b, valid, hi, lo);
    return run(
        lo, hi, acc, columns,
        [&](Index row, Index term) {
          Indices at = {row, group * depth + term};
          at.append(from);
          return at;
        },
        [&](Index lanes, Index term) {
          Indices at;
          if (toFeatures)
            at = {group * features + lanes, term};
          else
            at = {group * features + term, lanes};
          at.append(tap);
          return at;
        });
  });
}

// Weight: (image, place of y). Lines along the last dimension are runs.
Convolution::Values Convolution::chunkOfPlaces(Value q, int64_t height,
                                               int64_t columns) {
  const int64_t line = out.back();
  Value k0 = b.mul(q, options.kc);
  Value k1 = b.min(b.add(k0, b.index(options.kc)), b.index(terms));
  Value first = b.div(k0, line);
  Value end = b.div(b.add(k1, b.index(line - 1)), line);
  SmallVector<int64_t> lines = {batch};
  lines.append(out.begin(), out.end() - 1);
  Values zero(height * vectorsIn(columns), b.zeros(element));
  return b.loop(first, end, 1, zero, [&](Value l, ValueRange acc) {
    Indices place = b.delinearize(l, lines);
    Index image = place.front();
    place.erase(place.begin());
    Value start = b.mul(l, line);
    Value lo = b.max(inside.back().first, arith::SubIOp::create(b, k0, start));
    Value hi = b.min(inside.back().second, arith::SubIOp::create(b, k1, start));
    for (auto [p, range] : llvm::zip(place, inside)) {
      Value at = b.scalarPart(p);
      Value fits = arith::AndIOp::create(
          b,
          arith::CmpIOp::create(b, arith::CmpIPredicate::sge, at, range.first),
          b.less(at, range.second));
      hi = arith::SelectOp::create(b, fits, hi, lo);
    }
    auto ofX = [&](Index channel, Index term) {
      Indices at = {image, group * channels + channel};
      for (unsigned d = 0; d < taps.size(); ++d) {
        Index p = d < place.size() ? place[d] : term;
        at.push_back(p * strides[d] + spot[d] * dilations[d] + -padding[d]);
      }
      return at;
    };
    auto ofY = [&](Index feature, Index term) {
      Indices at = {image, group * features + feature};
      at.append(place);
      at.push_back(term);
      return at;
    };
    if (toFeatures)
      return run(lo, hi, acc, columns, ofX, ofY);
    return run(lo, hi, acc, columns, ofY, ofX);
  });
}

} // namespace varve
