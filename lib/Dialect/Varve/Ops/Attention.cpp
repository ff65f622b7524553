// Attention, and its gradient. Both take some rows of queries at a time, block
// after block, so that no more than the scores of these are in memory.
#include "Dialect/Varve/Ops/Random.h"
#include "Dialect/Varve/Ops/Reduce.h"
#include <cmath>

using namespace mlir;
using namespace varve;

/// Scores that are in memory at a time, where the choice is ours: 4 MiB of f32.
static constexpr int64_t kScores = 1 << 20;
/// Rows are a multiple of this, so that products have whole tiles.
static constexpr int64_t kRowTile = 16;
/// Blocks that we choose at most: each has kernels of its own.
static constexpr int64_t kBlocks = 16;

namespace {

/// What both operations are about, from their operands and attributes.
struct AttentionShape {
  SmallVector<int64_t> lead; ///< of q
  SmallVector<int64_t> keyLead;
  int64_t queries, keys, width, valueWidth;
  int64_t shared = 1; ///< heads that share a key
  bool causal = false;
  double scale = 1, dropout = 0;
  int64_t stream = 0, rows = 0;

  int64_t scoresInRow() const { return llvm::product_of(lead) * keys; }
  SmallVector<int64_t> ofRows(ArrayRef<int64_t> before,
                              ArrayRef<int64_t> after) const {
    SmallVector<int64_t> shape(before);
    shape.append(after.begin(), after.end());
    return shape;
  }
};

/// The optional operands.
struct Extras {
  Value mask, seed, step;
};

template <class Op> AttentionShape shapeOfOp(Op op) {
  AttentionShape s;
  ArrayRef<int64_t> q = shapeOf(op.getQ()), k = shapeOf(op.getK()),
                    v = shapeOf(op.getV());
  s.lead.assign(q.begin(), q.end() - 2);
  s.keyLead.assign(k.begin(), k.end() - 2);
  s.queries = q[q.size() - 2];
  s.width = q.back();
  s.keys = k[k.size() - 2];
  s.valueWidth = v.back();
  if (!s.lead.empty() && s.keyLead.back() > 0)
    s.shared = s.lead.back() / s.keyLead.back();
  s.causal = op.getCausal();
  s.scale = op.getScale() ? op.getScale()->convertToDouble()
                          : 1 / std::sqrt(double(std::max<int64_t>(s.width, 1)));
  s.dropout = op.getDropout().convertToDouble();
  s.stream = op.getStream().value_or(0);
  s.rows = op.getRows().value_or(0);
  if (s.rows == 0) {
    int64_t scores = s.scoresInRow() * s.queries;
    int64_t blocks = std::min((scores + kScores - 1) / kScores, kBlocks);
    s.rows = blocks < 2 ? std::max<int64_t>(s.queries, 1)
                        : llvm::alignTo((s.queries + blocks - 1) / blocks,
                                        kRowTile);
  }
  return s;
}

bool isBoolTensor(Value v) { return typeOf(v).getElementType().isInteger(1); }

Extras extrasOf(ArrayRef<Value> operands) {
  Extras extras;
  if (!operands.empty() && isBoolTensor(operands[0])) {
    extras.mask = operands[0];
    operands = operands.drop_front();
  }
  if (operands.size() == 2) {
    extras.seed = operands[0];
    extras.step = operands[1];
  }
  return extras;
}

} // namespace

// ---- types ----

/// Constraints of both operations.
template <class Adaptor>
static LogicalResult checkAttention(std::optional<Location> loc,
                                    Adaptor adaptor) {
  auto q = typeOf(adaptor.getQ()), k = typeOf(adaptor.getK()),
       v = typeOf(adaptor.getV());
  int64_t rank = q.getRank();
  // attention C1, attention_grad C1
  if (rank < 2 || k.getRank() != rank || v.getRank() != rank ||
      k.getElementType() != q.getElementType() ||
      v.getElementType() != q.getElementType())
    return emitOptionalError(loc, "cannot attend from ", q, " to ", k, " and ",
                             v);
  // attention C2, attention_grad C2
  for (int64_t d = 0; d < rank - 2; ++d) {
    int64_t heads = q.getDimSize(d), keys = k.getDimSize(d);
    bool last = d == rank - 3;
    if (v.getDimSize(d) != keys ||
        (heads != keys && !(last && keys > 0 && heads % keys == 0)))
      return emitOptionalError(loc, "leading sizes of ", q, ", ", k, " and ", v,
                               " do not fit together");
  }
  // attention C3, attention_grad C3
  if (q.getDimSize(rank - 1) != k.getDimSize(rank - 1))
    return emitOptionalError(loc, "queries have ", q.getDimSize(rank - 1),
                             " numbers, keys ", k.getDimSize(rank - 1));
  if (k.getDimSize(rank - 2) != v.getDimSize(rank - 2))
    return emitOptionalError(loc, "there are ", k.getDimSize(rank - 2),
                             " keys, but ", v.getDimSize(rank - 2), " values");
  SmallVector<int64_t> scores(q.getShape());
  scores[rank - 1] = k.getDimSize(rank - 2);
  SmallVector<Value> operands = llvm::to_vector(adaptor.getExtras());
  bool masked = !operands.empty() && isBoolTensor(operands[0]);
  if (masked) {
    auto mask = typeOf(operands[0]);
    bool fits = mask.getRank() <= rank;
    for (int64_t d = 1; fits && d <= mask.getRank(); ++d) {
      int64_t size = mask.getDimSize(mask.getRank() - d);
      fits = size == 1 || size == scores[rank - d];
    }
    // attention C4, attention_grad C4
    if (!fits)
      return emitOptionalError(loc, "mask ", mask,
                               " does not suit scores of shape [", scores,
                               "]");
  }
  double dropout = adaptor.getDropout().convertToDouble();
  auto random = ArrayRef(operands).drop_front(masked ? 1 : 0);
  bool draws = dropout > 0;
  auto isNumber = [](Value v) {
    return typeOf(v).getRank() == 0 && typeOf(v).getElementType().isInteger(64);
  };
  // attention C5, attention_grad C5
  if (!(dropout >= 0 && dropout < 1))
    return emitOptionalError(loc, "dropout ", dropout, " is not in [0, 1)");
  if (random.size() != (draws ? 2 : 0) || !llvm::all_of(random, isNumber) ||
      draws != adaptor.getStream().has_value())
    return emitOptionalError(loc, "a seed, a step and a stream come with "
                                  "dropout, and only with it");
  // attention C6, attention_grad C6
  if (draws && llvm::product_of(scores) >= int64_t(1) << 32)
    return emitOptionalError(loc, "cannot draw [", scores, "]");
  // attention C7, attention_grad C7
  if (adaptor.getRows() && *adaptor.getRows() < 1)
    return emitOptionalError(loc, "rows ", *adaptor.getRows(),
                             " is not positive");
  return success();
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  if (failed(checkAttention(loc, adaptor)))
    return failure();
  auto q = typeOf(adaptor.getQ());
  SmallVector<int64_t> y(q.getShape());
  y.back() = typeOf(adaptor.getV()).getShape().back();
  types.assign({q.clone(y), q.clone(q.getShape().drop_back())});
  return success();
}

LogicalResult AttentionGradOp::inferReturnTypes(MLIRContext *,
                                                std::optional<Location> loc,
                                                Adaptor adaptor,
                                                SmallVectorImpl<Type> &types) {
  if (failed(checkAttention(loc, adaptor)))
    return failure();
  auto q = typeOf(adaptor.getQ());
  Type row = q.clone(q.getShape().drop_back());
  SmallVector<int64_t> y(q.getShape());
  y.back() = typeOf(adaptor.getV()).getShape().back();
  if (adaptor.getLogSum().getType() != row ||
      adaptor.getShift().getType() != row ||
      adaptor.getDy().getType() != q.clone(y)) // attention_grad C8
    return emitOptionalError(loc, "log_sum ", adaptor.getLogSum().getType(),
                             ", shift ", adaptor.getShift().getType(),
                             " or dy ", adaptor.getDy().getType(),
                             " does not suit ", q);
  types.assign({q, adaptor.getK().getType(), adaptor.getV().getType()});
  return success();
}

// ---- some rows ----

namespace {

/// Builds what is about a block of rows, of operations of the dialect. Values
/// of a block have the leading axes of q, then its rows.
class Rows {
public:
  Rows(LocBuilder &b, const AttentionShape &s, int64_t first, int64_t count)
      : first(first), count(count), keys(s.keys), b(b), s(s) {
    // What comes after the last row is not looked at. Draws count all keys.
    if (s.causal && s.dropout == 0)
      keys = std::min(s.keys, first + count);
  }

  const int64_t first, count;
  int64_t keys; ///< that some row may see: the first ones

  /// The block's part of `x`, which has rows at the axis of queries.
  Value ofQueries(Value x) { return slice(x, s.lead.size(), first, count); }
  /// The keys' part of `x`, which has them at the axis `fromEnd` from the last.
  Value ofKeys(Value x, int64_t fromEnd) {
    return slice(x, typeOf(x).getRank() - 1 - fromEnd, 0, keys);
  }
  /// The scores of queries, where the axis of keys of `turned` is the last.
  Value scores(Value queries, Value turned) {
    return apart(MatmulOp::create(b, together(queries), ofKeys(turned, 0)),
                 keys);
  }
  /// Where keys are seen, or null: everywhere.
  Value seen(Value mask);
  /// 0 where a weight is left out, else what it is multiplied by; or null.
  Value kept(const Extras &extras, Type element);
  /// `weights` (or the gradients of scores) times rows of keys or values.
  Value times(Value weights, Value x) {
    return apart(MatmulOp::create(b, together(weights), ofKeys(x, 1)),
                 shapeOf(x).back());
  }
  /// `sum` and the transposed weights times rows of queries or cotangents: for
  /// each key, as far as keys go.
  Value addTransposed(Value sum, Value weights, Value x) {
    Value turned = TransposeOp::create(b, together(weights), nullptr);
    Value more = MatmulOp::create(b, turned, together(x));
    return sum ? add(b, lengthened(sum, keys), more) : more;
  }
  /// `x`, of some keys, with zeros up to `length`.
  Value lengthened(Value x, int64_t length) {
    int64_t missing = length - shapeOf(x).drop_back().back();
    if (missing == 0)
      return x;
    return PadOp::create(b, x, ArrayRef<int64_t>{0, 0},
                         ArrayRef<int64_t>{missing, 0}, APFloat(0.0),
                         "constant", nullptr);
  }
  /// A number for each row, at each of `like`.
  Value each(Value x, Value like) {
    return expand(b, x, shapeOf(like), {typeOf(like).getRank() - 1});
  }

private:
  Value slice(Value x, int64_t axis, int64_t from, int64_t size) {
    SmallVector<int64_t> begin(typeOf(x).getRank(), 0), end(shapeOf(x)),
        step(typeOf(x).getRank(), 1);
    if (size == end[axis])
      return x;
    begin[axis] = from;
    end[axis] = from + size;
    return SliceOp::create(b, x, begin, end, step);
  }
  /// Heads that share a key as rows of one, and back.
  Value together(Value x) {
    int64_t last = shapeOf(x).back();
    return s.shared == 1
               ? x
               : reshape(b, x, s.ofRows(s.keyLead, {s.shared * count, last}));
  }
  Value apart(Value x, int64_t last) {
    return s.shared == 1 ? x : reshape(b, x, s.ofRows(s.lead, {count, last}));
  }

  LocBuilder &b;
  const AttentionShape &s;
};

} // namespace

Value Rows::seen(Value mask) {
  SmallVector<int64_t> shape = s.ofRows(s.lead, {count, keys});
  int64_t rank = shape.size();
  Value all;
  if (mask) {
    int64_t own = typeOf(mask).getRank();
    SmallVector<int64_t> axes;
    for (int64_t d = rank - own; d < rank; ++d)
      axes.push_back(d);
    if (own > 1 && shapeOf(mask)[own - 2] != 1)
      mask = slice(mask, own - 2, first, count);
    if (own > 0 && shapeOf(mask)[own - 1] != 1)
      mask = ofKeys(mask, 0);
    all = broadcast(b, mask, shape, axes);
  }
  // Nothing before the first row is hidden from it.
  if (!s.causal || keys <= first + 1)
    return all;
  Type i64 = b.getI64Type();
  SmallVector<int64_t> two{count, keys};
  Value row = IotaOp::create(b, two, 0, i64);
  if (first)
    row = add(b, row, constantLike(b, row, double(first)));
  Value before = compare(b, IotaOp::create(b, two, 1, i64), "le", row);
  before = broadcast(b, before, shape, {rank - 2, rank - 1});
  return all ? AndOp::create(b, all, before).getResult() : before;
}

// Drawn with rows first, each at its own step.
Value Rows::kept(const Extras &extras, Type element) {
  if (s.dropout == 0)
    return {};
  Value row = IotaOp::create(b, ArrayRef<int64_t>{count}, 0, b.getI64Type());
  if (first)
    row = add(b, row, constantLike(b, row, double(first)));
  Value start = mul(b, extras.step, double(s.queries));
  row = add(b, row, broadcast(b, start, {count}, {}));
  SmallVector<int64_t> shape{count};
  shape.append(s.lead);
  shape.push_back(keys);
  Value keep = BernoulliOp::create(b, extras.seed, row, s.stream,
                                   APFloat(1 - s.dropout), shape);
  int64_t leading = s.lead.size();
  SmallVector<int64_t> perm;
  for (int64_t d = 1; d <= leading; ++d)
    perm.push_back(d);
  perm.append({0, leading + 1});
  if (leading)
    keep = transpose(b, keep, perm);
  return mul(b, castTo(b, keep, element), 1 / (1 - s.dropout));
}

using RowBody = llvm::function_ref<SmallVector<Value>(Rows &)>;

/// Calls `body` for each block of rows, in order, and joins what it gives: rows
/// of some results.
static SmallVector<Value> forEachBlock(LocBuilder &b, const AttentionShape &s,
                                       RowBody body) {
  SmallVector<SmallVector<Value>> parts;
  int64_t first = 0;
  do {
    int64_t count = std::min(s.rows, s.queries - first);
    Rows rows(b, s, first, count);
    SmallVector<Value> results = body(rows);
    parts.resize(results.size());
    for (auto [list, y] : llvm::zip(parts, results))
      list.push_back(y);
    first += count;
  } while (first < s.queries);
  SmallVector<Value> joined;
  for (ArrayRef<Value> list : parts)
    joined.push_back(list.size() == 1
                         ? list[0]
                         : ConcatOp::create(b, ValueRange(list),
                                            int64_t(s.lead.size()))
                               .getResult());
  return joined;
}

/// Narrow floats are computed in f32.
static Type wideType(Type element) {
  bool narrow = element.getIntOrFloatBitWidth() < 32;
  return narrow ? Float32Type::get(element.getContext()) : element;
}
static Value toType(LocBuilder &b, Value x, Type element) {
  return typeOf(x).getElementType() == element ? x : castTo(b, x, element);
}

/// Far below any score, so that its weight is 0, and yet a number: it may be
/// the largest in its row.
static double leastScore(Type element) {
  return element.isF64() ? -1e300 : -1e38;
}

// ---- attention ----

SmallVector<Value> AttentionOp::lower(LocBuilder &b, Values in) {
  AttentionShape s = shapeOfOp(*this);
  Type element = elementOf(*this), wide = wideType(element);
  Value q = toType(b, in[0], wide), k = toType(b, in[1], wide),
        v = toType(b, in[2], wide);
  Extras extras = extrasOf(in.drop_front(3));
  q = mul(b, q, s.scale);
  Value kt = TransposeOp::create(b, k, nullptr);
  int64_t last = s.lead.size() + 1;
  auto body = [&](Rows &rows) -> SmallVector<Value> {
    Value scores = rows.scores(rows.ofQueries(q), kt);
    Value seen = rows.seen(extras.mask);
    if (seen)
      scores =
          select(b, seen, scores, constantLike(b, scores, leastScore(wide)));
    Value top = MaxOp::create(b, scores, ArrayRef<int64_t>{last}, false);
    Value e = ExpOp::create(b, sub(b, scores, rows.each(top, scores)));
    if (extras.mask) // Where no key is seen, all have the largest score.
      e = select(b, seen, e, constantLike(b, e, 0));
    Value total = sum(b, e, {last});
    Value logSum = add(b, top, LogOp::create(b, total));
    if (Value keep = rows.kept(extras, wide))
      e = mul(b, e, keep);
    Value y = rows.times(e, v);
    if (extras.mask || s.keys == 0) { // A query may see no key.
      Value none = compare(b, total, "eq", constantLike(b, total, 0));
      total = select(b, none, constantLike(b, total, 1), total);
    }
    return {div(b, y, rows.each(total, y)), logSum};
  };
  SmallVector<Value> results = forEachBlock(b, s, body);
  for (Value &y : results)
    y = toType(b, y, element);
  return results;
}

// With the mean y of values: d log_sum / d score = p, and that of y is
// p (v - y), so that both take p (dv' - shift).
void AttentionOp::buildVjp(LocBuilder &b, Values dy, Grads d) {
  Value y = getY(), out = dy[0] ? dy[0] : constantLike(b, y, 0);
  int64_t last = typeOf(y).getRank() - 1;
  Value shift = sum(b, mul(b, out, y), {last});
  if (dy[1])
    shift = sub(b, shift, dy[1]);
  auto grad = AttentionGradOp::create(
      b, getQ(), getK(), getV(), getLogSum(), out, shift, getExtras(),
      getCausalAttr(), getScaleAttr(), getDropoutAttr(), getStreamAttr(),
      getRowsAttr());
  for (auto [to, from] : llvm::zip(d.take_front(3), grad.getResults()))
    to = from;
}

namespace {
/// One row of the naive computation.
struct NaiveRow {
  std::vector<double> weights; ///< of seen keys; of others 0
  std::vector<double> keep;    ///< what dropout multiplies them by
  double logSum = -INFINITY;
};
/// Positions of a row in the tensors.
struct RowPlace {
  int64_t row, head, keyHead, i;
};
} // namespace

static RowPlace placeOf(const AttentionShape &s, int64_t row) {
  int64_t head = row / s.queries;
  return {row, head, head / s.shared, row % s.queries};
}

/// The weights of a row; with `logSum` those that belong to it.
static NaiveRow evaluateRow(const AttentionShape &s, const RowPlace &at,
                            ArrayRef<RefTensor> in, ArrayRef<RefTensor> extras,
                            const double *logSum) {
  bool masked = !extras.empty() && extras[0].element.isInteger(1);
  ArrayRef<RefTensor> random = extras.drop_front(masked ? 1 : 0);
  SmallVector<int64_t> shape = s.ofRows(s.lead, {s.queries, s.keys});
  NaiveRow row{std::vector<double>(s.keys), std::vector<double>(s.keys, 1)};
  std::vector<double> scores(s.keys, -INFINITY);
  for (int64_t j = 0; j < s.keys; ++j) {
    if (masked) {
      std::vector<int64_t> index = indexOf(at.row * s.keys + j, shape);
      ArrayRef<int64_t> own = extras[0].shape;
      index.erase(index.begin(), index.end() - own.size());
      for (auto [n, size] : llvm::zip(index, own))
        n = size == 1 ? 0 : n;
      if (!extras[0].i[positionOf(index, own)])
        continue;
    }
    if (s.causal && j > at.i)
      continue;
    scores[j] = 0;
    for (int64_t d = 0; d < s.width; ++d)
      scores[j] += s.scale * in[0].f[at.row * s.width + d] *
                   in[1].f[(at.keyHead * s.keys + j) * s.width + d];
  }
  double top = -INFINITY, total = 0;
  for (double score : scores)
    top = std::max(top, score);
  for (double score : scores)
    total += std::isinf(score) ? 0 : std::exp(score - top);
  row.logSum = total > 0 ? top + std::log(total) : -INFINITY;
  for (int64_t j = 0; j < s.keys; ++j) {
    if (!std::isinf(scores[j]))
      row.weights[j] = std::exp(scores[j] - (logSum ? *logSum : row.logSum));
    if (s.dropout == 0)
      continue;
    int64_t step = random[1].i[0] * s.queries + at.i;
    bool kept = drawBernoulli(random[0].i[0], step, s.stream,
                              at.head * s.keys + j, 1 - s.dropout);
    row.keep[j] = kept ? 1 / (1 - s.dropout) : 0;
  }
  return row;
}

void AttentionOp::evaluate(ArrayRef<RefTensor> in,
                           MutableArrayRef<RefTensor> out) {
  AttentionShape s = shapeOfOp(*this);
  for (int64_t r = 0; r < out[1].size(); ++r) {
    RowPlace at = placeOf(s, r);
    NaiveRow row = evaluateRow(s, at, in, in.drop_front(3), nullptr);
    out[1].f[r] = row.logSum;
    for (int64_t j = 0; j < s.keys; ++j)
      for (int64_t e = 0; e < s.valueWidth; ++e)
        out[0].f[r * s.valueWidth + e] +=
            row.weights[j] * row.keep[j] *
            in[2].f[(at.keyHead * s.keys + j) * s.valueWidth + e];
  }
}

// ---- attention_grad ----

/// dq, dk and dv, of operations of the dialect.
static SmallVector<Value> buildGrad(LocBuilder &b, const AttentionShape &s,
                                    ArrayRef<Value> in) {
  Value q = mul(b, in[0], s.scale), k = in[1], v = in[2];
  Extras extras = extrasOf(in.drop_front(6));
  Value kt = TransposeOp::create(b, k, nullptr);
  Value vt = TransposeOp::create(b, v, nullptr);
  Type element = typeOf(q).getElementType();
  Value dk, dv;
  auto body = [&](Rows &rows) -> SmallVector<Value> {
    Value query = rows.ofQueries(q), dy = rows.ofQueries(in[4]);
    Value scores = rows.scores(query, kt);
    Value logSum = rows.each(rows.ofQueries(in[3]), scores);
    Value p = sub(b, scores, logSum);
    if (Value seen = rows.seen(extras.mask))
      p = select(b, seen, p, constantLike(b, p, leastScore(element)));
    p = ExpOp::create(b, p);
    Value dp = rows.scores(dy, vt), kept = p;
    if (Value keep = rows.kept(extras, element)) {
      kept = mul(b, p, keep);
      dp = mul(b, dp, keep);
    }
    Value shift = rows.each(rows.ofQueries(in[5]), dp);
    Value ds = mul(b, p, sub(b, dp, shift));
    dk = rows.addTransposed(dk, ds, query);
    dv = rows.addTransposed(dv, kept, dy);
    Value dq = mul(b, rows.times(ds, k), s.scale);
    if (rows.first + rows.count == s.queries) { // Some keys nobody may look at.
      dk = rows.lengthened(dk, s.keys);
      dv = rows.lengthened(dv, s.keys);
    }
    return {dq};
  };
  Value dq = forEachBlock(b, s, body)[0];
  return {dq, dk, dv};
}

SmallVector<Value> AttentionGradOp::lower(LocBuilder &b, Values in) {
  Type element = elementOf(*this), wide = wideType(element);
  SmallVector<Value> operands(in);
  for (Value &x : MutableArrayRef(operands).take_front(6))
    x = toType(b, x, wide);
  SmallVector<Value> results = buildGrad(b, shapeOfOp(*this), operands);
  for (Value &y : results)
    y = toType(b, y, element);
  return results;
}

void AttentionGradOp::evaluate(ArrayRef<RefTensor> in,
                               MutableArrayRef<RefTensor> out) {
  AttentionShape s = shapeOfOp(*this);
  const RefTensor &q = in[0], &k = in[1], &v = in[2], &dy = in[4];
  for (int64_t r = 0; r < in[3].size(); ++r) {
    RowPlace at = placeOf(s, r);
    NaiveRow row = evaluateRow(s, at, in, in.drop_front(6), &in[3].f[r]);
    for (int64_t j = 0; j < s.keys; ++j) {
      int64_t key = at.keyHead * s.keys + j;
      double dp = 0;
      for (int64_t e = 0; e < s.valueWidth; ++e) {
        int64_t of = key * s.valueWidth + e, by = r * s.valueWidth + e;
        dp += row.keep[j] * dy.f[by] * v.f[of];
        out[2].f[of] += row.weights[j] * row.keep[j] * dy.f[by];
      }
      double ds = s.scale * row.weights[j] * (dp - in[5].f[r]);
      for (int64_t d = 0; d < s.width; ++d) {
        out[0].f[r * s.width + d] += ds * k.f[key * s.width + d];
        out[1].f[key * s.width + d] += ds * q.f[r * s.width + d];
      }
    }
  }
}

// Second order takes all scores at once, by the same formulas. Operands depend
// on one another (log_sum on q), which is not theirs to count: others stand for
// them meanwhile.
LogicalResult AttentionGradOp::buildRegionVjp(LocBuilder &b, Values dOut,
                                              Grads d,
                                              BuildGradients gradient) {
  AttentionShape s = shapeOfOp(*this);
  s.rows = std::max<int64_t>(s.queries, 1);
  SmallVector<Value> operands(getOperands()), results, cotangents;
  MutableArrayRef reals = MutableArrayRef(operands).take_front(6);
  for (Value &x : reals)
    x = StopGradientOp::create(b, x);
  for (auto [y, cotangent] : llvm::zip(buildGrad(b, s, operands), dOut))
    if (cotangent) {
      results.push_back(y);
      cotangents.push_back(cotangent);
    }
  auto gradients = gradient(b, results, cotangents, reals);
  for (auto [x, operand] : llvm::zip(reals, getOperands())) {
    Operation *placeholder = x.getDefiningOp();
    if (succeeded(gradients))
      for (Value &g : *gradients)
        g = g == x ? operand : g;
    x.replaceAllUsesWith(operand);
    placeholder->erase();
  }
  if (failed(gradients))
    return failure();
  llvm::copy(*gradients, d.begin());
  return success();
}
