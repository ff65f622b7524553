// The terms of a convolution's sums in the contract's order, those outside
// skipped.
#include "Convolution.h"

using namespace mlir;

namespace varve {

Convolution::Values Convolution::run(Value lo, Value hi, ValueRange acc,
                                     int64_t columns, RowAt rowAt,
                                     LanesAt lanesAt, Value packedFrom) {
  const int64_t nv = vectorsIn(columns), height = acc.size() / nv;
  body.newPoint();
  Values sums = b.loop(lo, hi, 1, acc, [&](Value k, ValueRange in) {
    body.newPoint();
    Values next(in.begin(), in.end()), lanes;
    auto lanesOf = [&](int64_t j) { return firstLane(j).withLane(1); };
    for (int64_t j = 0; j < nv; ++j) {
      if (packedFrom) {
        Value place = b.scalarPart(Index::of(packedFrom) + Index::of(k, width) +
                                   j * kLanes);
        lanes.push_back(vector::LoadOp::create(b, b.vec(element), packedLanes,
                                               ValueRange{place}));
        continue;
      }
      Position p{lanesAt(lanesOf(j), Index::of(k)), true, maskOf(columns, j)};
      lanes.push_back(b.toVector(body.element(laneFactor, p)));
    }
    for (int64_t i = 0; i < height; ++i) {
      Value x;
      for (int64_t j = 0; j < nv; ++j) {
        if (!x || depthwise) {
          Position p{rowAt(Index::of(i), lanesOf(j), Index::of(k)), true,
                     depthwise ? maskOf(columns, j) : Value()};
          x = b.toVector(body.element(rowFactor, p));
        }
        next[i * nv + j] = b.multiplyAdd(x, lanes[j], next[i * nv + j]);
      }
    }
    return next;
  });
  body.newPoint();
  return sums;
}

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
  // Along the rows of a tile every tap is inside.
  bool check = int(d) != along;
  if (toFeatures) {
    Value from = b.scalarPart(at * strides[d] + k * dilations[d] + -padding[d]);
    if (check && (padding[d] || (out[d] - 1) * strides[d] + reach >= size))
      require(compare(arith::CmpIPredicate::ult, from, size));
    return {from, inside};
  }
  // A negative one is a large one without a sign, and so is its part.
  Value from = b.scalarPart(at + k * -dilations[d] + padding[d]);
  if (strides[d] > 1)
    require(compare(arith::CmpIPredicate::eq, b.rem(from, strides[d]), 0));
  from = b.div(from, strides[d]);
  if (check &&
      (padding[d] < reach || in[d] - 1 + padding[d] >= size * strides[d]))
    require(compare(arith::CmpIPredicate::ult, from, size));
  return {from, inside};
}

Convolution::Indices Convolution::laneFactorAt(Index lanes, Index term,
                                               ArrayRef<Index> tap) {
  Indices at;
  if (depthwise)
    at = {lanes, Index()};
  else if (toFeatures)
    at = {channelLane(lanes, features), term};
  else
    at = {channelLane(term, features), lanes};
  at.append(tap.begin(), tap.end());
  return at;
}

// Forward and data: (tap, channel read).
Convolution::Values Convolution::chunkOfTaps(Value q, int64_t height,
                                             int64_t columns) {
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
    Value packedFrom;
    if (packed) {
      Index number;
      for (auto [k, first, count] : llvm::zip(tap, firstTap, packedTaps))
        number = number * count + k + -first;
      packedFrom = b.scalarPart(number * (depth * width));
    }
    return run(
        lo, hi, acc, columns,
        [&](Index row, Index lanes, Index term) {
          Indices at = {along < 0 ? Index::of(firstRow) + row : image,
                        depthwise ? lanes : channelLane(term, depth)};
          for (auto [d, i] : llvm::enumerate(from)) {
            int64_t step = toFeatures ? strides[d] : 1;
            at.push_back(int(d) == along ? i + row * step : i);
          }
          return at;
        },
        [&](Index lanes, Index term) { return laneFactorAt(lanes, term, tap); },
        packedFrom);
  });
}

// The places of y for which the tap is inside of x.
void Convolution::findInside() {
  inside.clear();
  for (unsigned d = 0; d < taps.size(); ++d) {
    Value shift = b.scalarPart(spot[d] * -dilations[d] + padding[d]);
    auto upTo = [&](int64_t more) {
      Value n = b.add(shift, b.index(more));
      return b.div(b.max(n, b.index(0)), strides[d]);
    };
    inside.push_back({upTo(strides[d] - 1),
                      b.min(upTo(in[d] - 1 + strides[d]), b.index(out[d]))});
  }
}

// Weight: (image, place of y). Runs are lines along the last dimension that is
// no single place.
Convolution::Values Convolution::chunkOfPlaces(Value q, int64_t height,
                                               int64_t columns) {
  SmallVector<int64_t> sizes = {batch};
  llvm::append_range(sizes, out);
  while (sizes.size() > 1 && sizes.back() == 1)
    sizes.pop_back();
  const int64_t line = sizes.pop_back_val(), along = int64_t(sizes.size()) - 1;
  Value k0 = b.mul(q, options.kc);
  Value k1 = b.min(b.add(k0, b.index(options.kc)), b.index(terms));
  Value first = b.div(k0, line);
  Value end = b.div(b.add(k1, b.index(line - 1)), line);
  if (sizes.empty()) {
    first = b.index(0);
    end = b.index(1);
  }
  // A tap that is nowhere inside has no lines.
  for (auto range : inside)
    end = arith::SelectOp::create(b, b.less(range.first, range.second), end,
                                  first);
  Values zero(height * vectorsIn(columns), b.zeros(element));
  return b.loop(first, end, 1, zero, [&](Value l, ValueRange acc) {
    Indices place = b.delinearize(l, sizes);
    place.resize(taps.size() + 1); // the rest are the run and single places
    Value start = b.mul(l, line);
    Value lo = b.max(arith::SubIOp::create(b, k0, start), b.index(0));
    Value hi = b.min(arith::SubIOp::create(b, k1, start), b.index(line));
    Value valid;
    for (auto [d, range] : llvm::enumerate(inside)) {
      if (int64_t(d) == along) {
        lo = b.max(lo, range.first);
        hi = b.min(hi, range.second);
        continue;
      }
      Value at = b.scalarPart(place[d + 1]);
      Value from =
          arith::CmpIOp::create(b, arith::CmpIPredicate::sge, at, range.first);
      Value fits = arith::AndIOp::create(b, from, b.less(at, range.second));
      valid = valid ? Value(arith::AndIOp::create(b, valid, fits)) : fits;
    }
    if (valid)
      hi = arith::SelectOp::create(b, valid, hi, lo);
    auto at = [&](unsigned d, Index term) {
      return int64_t(d) == along + 1 ? term : place[d];
    };
    // A channel of x and a feature of y; depthwise both are the lane.
    auto ofX = [&](Index channel, Index term) {
      Indices i = {at(0, term), channelLane(channel, depthwise ? N : channels)};
      for (unsigned d = 0; d < taps.size(); ++d)
        i.push_back(at(d + 1, term) * strides[d] + spot[d] * dilations[d] +
                    -padding[d]);
      return i;
    };
    auto ofY = [&](Index feature, Index term) {
      Indices i = {at(0, term), channelLane(feature, depthwise ? N : features)};
      for (unsigned d = 0; d < taps.size(); ++d)
        i.push_back(at(d + 1, term));
      return i;
    };
    auto rowOf = [&](Index row, Index lanes) {
      return depthwise ? lanes : Index::of(firstRow) + row;
    };
    if (toFeatures)
      return run(
          lo, hi, acc, columns,
          [&](Index row, Index lanes, Index term) {
            return ofX(rowOf(row, lanes), term);
          },
          ofY);
    return run(
        lo, hi, acc, columns,
        [&](Index row, Index lanes, Index term) {
          return ofY(rowOf(row, lanes), term);
        },
        ofX);
  });
}

} // namespace varve
