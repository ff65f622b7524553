// Programs, state and functions: verifiers, assembly, accessors.
#include "mlir/IR/OpImplementation.h"
#include "varve/Dialect/Varve/Varve.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace varve;

// ---- varve.state ----

LogicalResult StateOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape())
    return emitOpError() << "type " << getType()
                         << " is not a tensor of static shape";
  StringRef role = getRole();
  bool derived = role == "slot" || role == "average";
  // state C1
  if (!derived && role != "param" && role != "running" && role != "counter" &&
      role != "cache")
    return emitOpError() << "role \"" << role << "\" is none of the roles";
  // state C2
  if (derived != bool(getOf()))
    return emitOpError() << "role \"" << role << "\" "
                         << (derived ? "needs" : "has no") << " `of`";
  // state C3
  static const char *const inits[] = {"constant",   "uniform",
                                      "normal",     "truncated_normal",
                                      "orthogonal", "copy"};
  if (!llvm::is_contained(inits, getInit()))
    return emitOpError() << "unknown init \"" << getInit() << "\"";
  // state C4
  if (auto perm = getPerm()) {
    SmallVector<int64_t> sorted(*perm);
    llvm::sort(sorted);
    bool whole = int64_t(sorted.size()) == type.getRank();
    for (auto [i, axis] : llvm::enumerate(sorted))
      whole &= axis == int64_t(i);
    if (!whole)
      return emitOpError() << "perm [" << *perm
                           << "] is no permutation of the axes of " << type;
  }
  int64_t panel = getPanel();
  if (panel < 0 || (panel > 0 && type.getRank() < 2))
    return emitOpError() << "panel " << getPanel() << " does not suit " << type;
  // state C5
  auto shape = getShape(), offset = getOffset();
  bool inside = bool(shape) == bool(offset);
  if (inside && shape) {
    auto rank = size_t(type.getRank());
    inside = shape->size() == rank && offset->size() == rank;
    for (size_t i = 0; inside && i < rank; ++i)
      inside = (*offset)[i] >= 0 && (*shape)[i] >= 0 &&
               type.getDimSize(i) <= (*shape)[i] - (*offset)[i];
  }
  if (!inside)
    return emitOpError() << "the window of " << type
                         << " does not lie inside its shape";
  return success();
}

// ---- varve.func ----

ReturnOp FuncOp::getReturn() {
  return cast<ReturnOp>(getBody().front().getTerminator());
}

Value FuncOp::getUse(StringRef name) {
  for (auto [i, use] : llvm::enumerate(getUses()))
    if (cast<FlatSymbolRefAttr>(use).getValue() == name)
      return getBody().getArgument(getNumInputs() + i);
  return {};
}

Value FuncOp::addUse(StateOp state) {
  if (Value known = getUse(state.getSymName()))
    return known;
  SmallVector<Attribute> uses(getUses().getValue());
  uses.push_back(FlatSymbolRefAttr::get(state.getSymNameAttr()));
  setUsesAttr(ArrayAttr::get(getContext(), uses));
  return getBody().addArgument(state.getType(), state.getLoc());
}

Value FuncOp::addInput(Type type, DictionaryAttr info) {
  SmallVector<Attribute> inputs(getInputs().getValue());
  unsigned position = inputs.size();
  inputs.push_back(info);
  setInputsAttr(ArrayAttr::get(getContext(), inputs));
  return getBody().insertArgument(position, type, getLoc());
}

Value FuncOp::getInputOfKind(StringRef kind) {
  for (auto [i, info] : llvm::enumerate(getInputs()))
    if (cast<DictionaryAttr>(info).getAs<StringAttr>("kind").getValue() == kind)
      return getBody().getArgument(i);
  return {};
}

static LogicalResult verifyInfos(FuncOp func, ArrayAttr infos, StringRef what) {
  for (auto [i, info] : llvm::enumerate(infos)) {
    auto entry = dyn_cast<DictionaryAttr>(info);
    if (!entry || !entry.getAs<StringAttr>("name") ||
        !entry.getAs<StringAttr>("kind"))
      return func.emitOpError()
             << what << " " << i << " has no dictionary with name and kind";
  }
  return success();
}

LogicalResult FuncOp::verifyRegions() {
  // func C1
  if (failed(verifyInfos(*this, getInputs(), "input")) ||
      failed(verifyInfos(*this, getResults(), "result")))
    return failure();
  if (getBody().getNumArguments() != getInputs().size() + getUses().size())
    return emitOpError() << "has " << getBody().getNumArguments()
                         << " block arguments for " << getInputs().size()
                         << " inputs and " << getUses().size() << " uses";
  auto end = dyn_cast<ReturnOp>(getBody().front().back());
  if (!end)
    return emitOpError() << "does not end in varve.return";
  if (end.getNumOperands() != getResults().size() + getUpdates().size())
    return emitOpError() << "returns " << end.getNumOperands() << " values for "
                         << getResults().size() << " results and "
                         << getUpdates().size() << " updates";
  return success();
}

LogicalResult FuncOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto check = [&](ArrayAttr names, StringRef verb,
                   function_ref<Type(unsigned)> typeAt) -> LogicalResult {
    llvm::StringSet<> seen;
    for (auto [i, name] : llvm::enumerate(names)) {
      auto symbol = cast<FlatSymbolRefAttr>(name);
      auto state = tables.lookupNearestSymbolFrom<StateOp>(*this, symbol);
      if (!state)
        return emitOpError() << verb << " unknown state " << symbol;
      if (state.getType() != typeAt(i)) // func C2, C3
        return emitOpError() << verb << " " << symbol << " as " << typeAt(i)
                             << ", it is " << state.getType();
      if (!seen.insert(symbol.getValue()).second) // func C4
        return emitOpError() << verb << " " << symbol << " twice";
    }
    return success();
  };
  if (failed(check(getUses(), "uses", [&](unsigned i) {
        return getBody().getArgument(getNumInputs() + i).getType();
      })))
    return failure();
  return check(getUpdates(), "updates", [&](unsigned i) {
    return getReturn().getOperand(getResults().size() + i).getType();
  });
}

// varve.func @f(%x: type {name, kind}, ...) uses(%w = @w: type, ...)
//     -> ({name, kind}, ...) updates(@w, ...) attributes {...} { ... }
void FuncOp::print(OpAsmPrinter &p) {
  p << ' ';
  p.printSymbolName(getSymName());
  Block &body = getBody().front();
  p << '(';
  llvm::interleaveComma(llvm::enumerate(getInputs()), p, [&](auto input) {
    p.printRegionArgument(body.getArgument(input.index()));
    p << ' ' << input.value();
  });
  p << ')';
  if (!getUses().empty()) {
    p << " uses(";
    llvm::interleaveComma(llvm::enumerate(getUses()), p, [&](auto use) {
      BlockArgument arg = body.getArgument(getNumInputs() + use.index());
      p.printOperand(arg);
      p << " = " << use.value() << ": " << arg.getType();
    });
    p << ')';
  }
  p << " -> (";
  llvm::interleaveComma(getResults(), p);
  p << ')';
  if (!getUpdates().empty()) {
    p << " updates(";
    llvm::interleaveComma(getUpdates(), p);
    p << ')';
  }
  p.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {"sym_name", "inputs", "results", "uses", "updates"});
  p << ' ';
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

ParseResult FuncOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> args;
  SmallVector<Attribute> inputs, results, uses, updates;
  if (parser.parseSymbolName(name, "sym_name", result.attributes))
    return failure();
  auto parseInput = [&] {
    DictionaryAttr info;
    return failure(parser.parseArgument(args.emplace_back(),
                                        /*allowType=*/true) ||
                   parser.parseAttribute(info) ||
                   (inputs.push_back(info), false));
  };
  auto parseUse = [&] {
    FlatSymbolRefAttr symbol;
    auto &arg = args.emplace_back();
    return failure(parser.parseArgument(arg) || parser.parseEqual() ||
                   parser.parseAttribute(symbol) ||
                   parser.parseColonType(arg.type) ||
                   (uses.push_back(symbol), false));
  };
  auto parseInto = [&](SmallVector<Attribute> &list) {
    return [&] { return parser.parseAttribute(list.emplace_back()); };
  };
  using Delimiter = OpAsmParser::Delimiter;
  if (parser.parseCommaSeparatedList(Delimiter::Paren, parseInput))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("uses")) &&
      parser.parseCommaSeparatedList(Delimiter::Paren, parseUse))
    return failure();
  if (parser.parseArrow() ||
      parser.parseCommaSeparatedList(Delimiter::Paren, parseInto(results)))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("updates")) &&
      parser.parseCommaSeparatedList(Delimiter::Paren, parseInto(updates)))
    return failure();
  result.addAttribute("inputs", b.getArrayAttr(inputs));
  result.addAttribute("results", b.getArrayAttr(results));
  result.addAttribute("uses", b.getArrayAttr(uses));
  result.addAttribute("updates", b.getArrayAttr(updates));
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), args);
}

// ---- varve.layer ----

LogicalResult LayerOp::evaluateRegions(ArrayRef<RefTensor>,
                                       MutableArrayRef<RefTensor> results,
                                       RunRegion run) {
  auto values = run(getBody(), {});
  if (failed(values))
    return failure();
  llvm::move(*values, results.begin());
  return success();
}
