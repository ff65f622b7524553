// `scan` and `while`: their bodies run once, in a region whose arguments are
// the names that they carry on.
#include "Language/ImportImpl.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;

/// The names that statements may bind.
static void collectBound(const ast::Body &body, std::set<std::string> &names) {
  for (const ast::Statement &statement : body.statements) {
    const std::vector<ast::Name> *targets = nullptr;
    if (auto *assign = statement.as<ast::Assign>())
      targets = &assign->targets;
    if (auto *scan = statement.as<ast::Scan>())
      targets = &scan->targets;
    if (targets)
      for (const ast::Name &target : *targets)
        names.insert(target.text);
    if (auto *scan = statement.as<ast::Scan>())
      collectBound(scan->body, names);
    if (auto *layer = statement.as<ast::Layer>())
      collectBound(layer->body, names);
    if (auto *repeat = statement.as<ast::Repeat>())
      collectBound(repeat->body, names);
    if (auto *loop = statement.as<ast::While>())
      collectBound(loop->body, names);
    if (auto *node = statement.as<ast::If>()) {
      collectBound(node->then, names);
      if (node->otherwise)
        collectBound(*node->otherwise, names);
    }
  }
}

bool Importer::findCarried(Frame &frame, const ast::Body &body, Span span,
                           std::vector<std::string> &names,
                           SmallVectorImpl<Datum> &values) {
  std::set<std::string> bound;
  collectBound(body, bound);
  for (const std::string &name : bound) {
    auto before = frame.names.find(name);
    if (before == frame.names.end())
      continue;
    Datum datum = before->second;
    if (datum.isPoison())
      return false;
    // A number is carried as a tensor of its kind.
    if (datum.isNumber())
      datum =
          constant(frame, span, datum,
                   datum.is(Datum::Kind::Int) ? Type(builder.getIntegerType(64))
                                              : Type(builder.getF32Type()));
    if (!datum.isTensor()) {
      error(frame, span,
            "`" + name +
                "` is carried on, but is no tensor: " + describe(datum));
      return false;
    }
    names.push_back(name);
    values.push_back(datum);
  }
  return true;
}

SmallVector<Value> Importer::runRegion(Frame &frame, ImplicitLocOpBuilder &b,
                                       ArrayRef<std::string> names,
                                       ArrayRef<Datum> before,
                                       ValueRange arguments, Span span,
                                       llvm::function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(builder);
  builder.restoreInsertionPoint(b.saveInsertionPoint());
  std::map<std::string, Datum> outside = frame.names;
  bool loops = frame.loops;
  frame.loops = true;
  for (auto [name, datum, argument] : llvm::zip(names, before, arguments))
    frame.names[name] = Datum::of(argument, datum.batched);
  body();
  SmallVector<Value> values;
  for (auto [name, datum, argument] : llvm::zip(names, before, arguments)) {
    Datum after = frame.names[name];
    if (after.isNumber())
      after = constant(frame, span, after, datum.element());
    bool same = after.isTensor() && after.tensorType() == datum.tensorType() &&
                after.batched == datum.batched;
    if (!same && !after.isPoison())
      error(frame, span,
            "`" + name + "` is " + describe(datum) + " before a turn, " +
                describe(after) + " after it");
    values.push_back(same ? after.tensor : argument);
  }
  // What is bound inside is not seen outside.
  frame.names = std::move(outside);
  frame.loops = loops;
  b.restoreInsertionPoint(builder.saveInsertionPoint());
  return values;
}

bool Importer::readSequences(Frame &frame, const ast::Scan &scan,
                             int64_t &along, std::vector<Datum> &sequences) {
  if (scan.along) {
    auto axis = evaluateInt(frame, *scan.along, "an axis");
    if (!axis)
      return false;
    along = *axis;
  }
  for (const Expr &expr : scan.sequences) {
    Datum x = value(frame, expr);
    if (x.isPoison())
      return false;
    if (!x.isTensor() || along < -x.rank() || along >= x.rank()) {
      error(frame, expr.span,
            "`scan` goes along axis " + std::to_string(along) +
                " of a tensor, this is " + describe(x));
      return false;
    }
    if (along < 0)
      along += x.rank();
    if (!sequences.empty() && x.shape()[along] != sequences[0].shape()[along]) {
      error(frame, expr.span,
            "sequences have " + std::to_string(sequences[0].shape()[along]) +
                " and " + std::to_string(x.shape()[along]) + " slices",
            describe(x));
      return false;
    }
    sequences.push_back(std::move(x));
  }
  return true;
}

void Importer::runScan(Frame &frame, const ast::Scan &scan) {
  Span span = scan.slices[0].span;
  int64_t along = 0;
  std::vector<Datum> sequences;
  std::vector<std::string> names;
  SmallVector<Datum> carried;
  bool good = readSequences(frame, scan, along, sequences) &&
              findCarried(frame, scan.body, span, names, carried);
  for (const ast::Name &target : scan.targets)
    frame.names[target.text] = {};
  if (!good)
    return;

  SmallVector<Value> inits, values;
  SmallVector<int64_t> axes;
  for (const Datum &datum : carried)
    inits.push_back(datum.tensor);
  for (const Datum &datum : sequences) {
    values.push_back(datum.tensor);
    axes.push_back(along + (datum.batched ? 1 : 0));
  }
  const char *barrier = frame.stateBarrier;
  std::vector<Datum> *outer = frame.yields;
  frame.stateBarrier = "`scan`";
  std::vector<Datum> yields;
  bool batched = frame.batched;
  SmallVector<int64_t> outAxes(scan.targets.size(), along + (batched ? 1 : 0));
  auto body = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> arguments) {
    size_t count = carried.size();
    auto run = [&] {
      for (auto [name, sequence, slice] :
           llvm::zip(scan.slices, sequences, arguments.drop_front(count)))
        frame.names[name.text] = Datum::of(slice, sequence.batched);
      frame.yields = &yields;
      runBody(frame, scan.body);
    };
    SmallVector<Value> out = runRegion(frame, b, names, carried,
                                       arguments.take_front(count), span, run);
    if (yields.size() != scan.targets.size())
      error(frame, span,
            std::to_string(scan.targets.size()) + " names for " +
                std::to_string(yields.size()) + " yielded values");
    yields.resize(scan.targets.size());
    for (Datum &one : yields) {
      if (one.isNumber())
        one = constant(frame, span, one, b.getF32Type());
      bool fits =
          one.isTensor() && one.batched == batched && along <= one.rank();
      if (!one.isPoison() && !fits)
        error(frame, span,
              "a yielded value is stacked along axis " + std::to_string(along) +
                  ", this is " + describe(one));
      // After an error any value does.
      good &= fits;
      out.push_back(fits ? one.tensor : arguments[count]);
    }
    return out;
  };
  ImplicitLocOpBuilder b(location(frame, span), builder);
  ScanOp op = buildScan(b, sequences[0].shape()[along], inits, values, axes,
                        /*constants=*/{}, outAxes, body);
  frame.yields = outer;
  frame.stateBarrier = barrier;
  if (frame.returned)
    error(frame, span, "`return` may not stand in `scan`");
  frame.returned = false;
  frame.results.clear();
  if (!good)
    return;
  for (auto [i, name] : llvm::enumerate(names))
    frame.names[name] = Datum::of(op.getResult(i), carried[i].batched);
  for (auto [i, target] : llvm::enumerate(scan.targets))
    frame.names[target.text] =
        Datum::of(op.getResult(names.size() + i), batched);
  if (!scan.targets.empty())
    frame.lastBound = scan.targets[0].text;
}

void Importer::runWhile(Frame &frame, const ast::While &node) {
  Span span = node.condition.span;
  std::vector<std::string> names;
  SmallVector<Datum> carried;
  if (!findCarried(frame, node.body, span, names, carried))
    return;
  for (auto [name, datum] : llvm::zip(names, carried))
    frame.names[name] = datum;
  Value runtime;
  std::optional<bool> known = evaluateCondition(frame, node.condition, runtime);
  if (known)
    error(frame, span,
          std::string("this is always ") + (*known ? "true" : "false"),
          "`repeat` goes over what is known");
  if (!runtime)
    return;
  SmallVector<Value> inits;
  for (const Datum &datum : carried)
    inits.push_back(datum.tensor);
  const char *barrier = frame.stateBarrier;
  frame.stateBarrier = "`while`";
  auto condition = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> arguments) {
    Value holds;
    auto run = [&] { evaluateCondition(frame, node.condition, holds); };
    runRegion(frame, b, names, carried, arguments, span, run);
    // After an error any value does.
    return SmallVector<Value>{holds ? holds : runtime};
  };
  auto body = [&](ImplicitLocOpBuilder &b, ArrayRef<Value> arguments) {
    auto run = [&] { runBody(frame, node.body); };
    return runRegion(frame, b, names, carried, arguments, span, run);
  };
  ImplicitLocOpBuilder b(location(frame, span), builder);
  WhileOp op = buildWhile(b, inits, condition, body);
  frame.stateBarrier = barrier;
  if (frame.returned)
    error(frame, span, "`return` may not stand in `while`");
  frame.returned = false;
  frame.results.clear();
  for (auto [i, name] : llvm::enumerate(names))
    frame.names[name] = Datum::of(op.getResult(i), carried[i].batched);
}

} // namespace varve::importer
