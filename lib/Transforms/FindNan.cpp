// Names the first operation that makes a NaN: checks of every float, beside
// the step and without effect on it. Operations stand in an order in which a
// result comes after what it is made of, so that the first one with a NaN had
// none among its operands.
#include "Dialect/Varve/Ops/Build.h"
#include "varve/Dialect/Kernel/Place.h"
#include "varve/Transforms/Passes.h"

using namespace mlir;
using namespace varve;

namespace varve {
#define GEN_PASS_DEF_FINDNAN
#include "varve/Transforms/Passes.h.inc"
} // namespace varve

/// The places of a location, from the innermost text to what calls it, and the
/// names around them.
static void readLocation(Location loc, SmallVectorImpl<FileLineColLoc> &places,
                         SmallVectorImpl<StringRef> &names) {
  if (auto place = dyn_cast<FileLineColLoc>(loc)) {
    places.push_back(place);
  } else if (auto call = dyn_cast<CallSiteLoc>(loc)) {
    readLocation(call.getCallee(), places, names);
    readLocation(call.getCaller(), places, names);
  } else if (auto named = dyn_cast<NameLoc>(loc)) {
    names.push_back(named.getName());
    readLocation(named.getChildLoc(), places, names);
  } else if (auto fused = dyn_cast<FusedLoc>(loc)) {
    readLocation(fused.getLocations().front(), places, names);
  }
}

/// "`log` (gradient, hidden) at net.varve:5:7", in the model's own file.
static std::string describe(Operation *op, StringRef file) {
  SmallVector<FileLineColLoc> places;
  SmallVector<StringRef> names;
  if (placeOf(op->getLoc(), "phase") == "backward")
    names.push_back("gradient");
  readLocation(op->getLoc(), places, names);
  std::string text = "`" + op->getName().stripDialect().str() + "`";
  if (!names.empty())
    text += " (" + llvm::join(names, ", ") + ")";
  auto own = llvm::find_if(
      places, [&](FileLineColLoc at) { return at.getFilename() == file; });
  if (own != places.end())
    text += " at " + file.str() + ":" + std::to_string(own->getLine()) + ":" +
            std::to_string(own->getColumn());
  return text;
}

static std::string nameOf(Attribute info) {
  return cast<DictionaryAttr>(info).getAs<StringAttr>("name").str();
}

static bool isOfFloats(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType()) && type.hasStaticShape();
}

namespace {
class Checker {
public:
  Checker(FuncOp func, StringRef file)
      : func(func), file(file), b(func.getLoc(), func->getContext()),
        counts(RankedTensorType::get({}, b.getI64Type())) {}

  SmallVector<std::string> run();

private:
  void check(Value value, size_t number);
  Value any(Value conditions);
  Value isNan(Value value);
  Value isInfinite(Value value);
  void lower(Value &first, Value condition, size_t number);

  FuncOp func;
  StringRef file;
  ImplicitLocOpBuilder b;
  RankedTensorType counts;
  Value none, firstNan, firstInfinite;
};
} // namespace

Value Checker::any(Value conditions) {
  int64_t rank = cast<RankedTensorType>(conditions.getType()).getRank();
  if (rank == 0)
    return conditions;
  return AnyOp::create(b, conditions,
                       llvm::to_vector(llvm::seq<int64_t>(0, rank)), false);
}

Value Checker::isNan(Value value) {
  return any(CompareOp::create(b, value, value, "ne"));
}

/// inf - inf is NaN.
Value Checker::isInfinite(Value value) {
  Value zero = SubOp::create(b, value, value);
  return any(CompareOp::create(b, zero, zero, "ne"));
}

void Checker::lower(Value &first, Value condition, size_t number) {
  first = MinimumOp::create(
      b, first,
      WhereOp::create(b, condition, constant(b, counts, double(number)), none));
}

void Checker::check(Value value, size_t number) {
  if (!isOfFloats(value))
    return;
  if (cast<RankedTensorType>(value.getType())
          .getElementType()
          .getIntOrFloatBitWidth() < 32)
    value = CastOp::create(b, value, b.getF32Type()); // says as much
  lower(firstNan, isNan(value), number);
  lower(firstInfinite, isInfinite(value), number);
}

SmallVector<std::string> Checker::run() {
  SmallVector<std::string> operations;
  Block &body = func.getBody().front();
  SmallVector<Operation *> order;
  for (Operation &op : body.without_terminator())
    order.push_back(&op);
  b.setInsertionPointToStart(&body);
  firstNan = firstInfinite = none = constant(b, counts, 0x1p62);
  for (BlockArgument argument : body.getArguments()) {
    unsigned i = argument.getArgNumber();
    bool input = i < func.getNumInputs();
    check(argument, operations.size());
    operations.push_back(input
                             ? "input `" + nameOf(func.getInputs()[i]) + "`"
                             : "`" +
                                   cast<FlatSymbolRefAttr>(
                                       func.getUses()[i - func.getNumInputs()])
                                       .getValue()
                                       .str() +
                                   "` before the step");
  }
  for (Operation *op : order) {
    if (isa<ConstantOp>(op))
      continue;
    b.setInsertionPointAfter(op);
    for (Value result : op->getResults())
      check(result, operations.size());
    operations.push_back(describe(op, file));
  }

  ReturnOp end = func.getReturn();
  b.setInsertionPoint(end);
  Value stays;
  for (auto [i, value] : llvm::enumerate(end.getValues())) {
    if (!isOfFloats(value))
      continue;
    Value bad = isInfinite(value);
    stays = stays ? OrOp::create(b, stays, bad).getResult() : bad;
  }
  if (!stays)
    stays = constant(b, RankedTensorType::get({}, b.getI1Type()), 0);
  SmallVector<Attribute> infos(func.getResults().getValue());
  SmallVector<Value> values(end.getValues());
  auto add = [&](StringRef name, Value value) {
    values.insert(values.begin() + infos.size(), value);
    infos.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("name", b.getStringAttr(name)),
         b.getNamedAttr("kind", b.getStringAttr("output"))}));
  };
  add("first_nan", firstNan);
  add("first_infinite", firstInfinite);
  add("nan_stays", stays);
  func.setResultsAttr(b.getArrayAttr(infos));
  end.getValuesMutable().assign(values);
  return operations;
}

namespace {
struct FindNanPass : public varve::impl::FindNanBase<FindNanPass> {
  void runOnOperation() override {
    ProgramOp program = getOperation();
    auto place = dyn_cast<FileLineColLoc>(program.getLoc());
    StringRef file = place ? place.getFilename().getValue() : "";
    Builder b(&getContext());
    for (FuncOp func : program.getOps<FuncOp>()) {
      SmallVector<Attribute> names;
      for (const std::string &name : Checker(func, file).run())
        names.push_back(b.getStringAttr(name));
      NamedAttrList settings(program.getSettingsAttr());
      settings.set("operations", b.getArrayAttr(names));
      program.setSettingsAttr(settings.getDictionary(&getContext()));
    }
  }
};
} // namespace
