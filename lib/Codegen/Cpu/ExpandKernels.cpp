// --varve-expand-kernels: a function on flat buffers for every kernel and
// combination of layouts, and calls of these.
#include "KernelBody.h"
#include "KernelCost.h"
#include "varve/Codegen/Passes.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace varve {
#define GEN_PASS_DEF_EXPANDKERNELS
#include "varve/Codegen/Passes.h.inc"
} // namespace varve

using namespace mlir;
using namespace varve;
using linalg::GenericOp;

namespace {

struct ExpandKernels : varve::impl::ExpandKernelsBase<ExpandKernels> {
  using ExpandKernelsBase::ExpandKernelsBase;

  void runOnOperation() override {
    if (failed(setTile()))
      return signalPassFailure();
    for (auto f : getOperation().getOps<func::FuncOp>())
      if (!f.isExternal())
        functions.push_back(f);
    for (func::FuncOp f : functions)
      if (failed(rewrite(f)))
        return signalPassFailure();
    for (auto def :
         llvm::make_early_inc_range(getOperation().getOps<kernel::DefOp>()))
      def.erase();
  }

  LogicalResult setTile() {
    // Vectors of 16 floats are one register in v4, two in v3, four in neon.
    if (target == "v4")
      tile = {14, 2, 512};
    else if (target == "v3")
      tile = {6, 1, 512};
    else if (target == "neon")
      tile = {6, 1, 512};
    else
      return getOperation().emitError("unknown target '") << target << "'";
    if (rows)
      tile.rows = rows;
    if (vectors)
      tile.vectors = vectors;
    tile.kc = kc;
    if (tile.rows < 1 || tile.vectors < 1)
      return getOperation().emitError("a tile of no size");
    if (tile.kc < 1 || tile.kc % kLanes)
      return getOperation().emitError("kc is no multiple of ") << kLanes;
    return success();
  }

  LogicalResult rewrite(func::FuncOp f) {
    Location loc = f.getLoc();
    Type index = IndexType::get(&getContext());
    unsigned n = f.getNumArguments();
    (void)f.insertArguments({n, n}, {index, index}, {{}, {}}, {loc, loc});
    Value thread = f.getArgument(n), threads = f.getArgument(n + 1);

    SmallVector<kernel::CallOp> calls;
    f.walk([&](kernel::CallOp call) { calls.push_back(call); });
    for (kernel::CallOp call : calls)
      if (failed(replace(call, thread, threads)))
        return failure();
    return flattenArguments(f);
  }

  LogicalResult replace(kernel::CallOp call, Value thread, Value threads) {
    FailureOr<func::FuncOp> callee =
        expansion(call.getDef(), call->getOperandTypes());
    if (failed(callee))
      return failure();
    OpBuilder b(call);
    Location loc = call.getLoc();
    SmallVector<Value> args;
    for (auto [v, type] :
         llvm::zip(call.getOperands(), callee->getArgumentTypes()))
      args.push_back(isa<MemRefType>(type)
                         ? flatten(b, loc, v, cast<MemRefType>(type))
                         : v);
    // At most `limit` threads share the work; the others pass by.
    int64_t limit = call.getThreads().value_or(usefulThreads(call.getDef()));
    Value most = arith::ConstantIndexOp::create(b, loc, limit);
    if (auto first = call->getAttrOfType<IntegerAttr>(kFirstThread))
      thread = countFrom(b, loc, first.getInt(), thread, threads);
    Value mine =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, thread, most);
    auto branch = scf::IfOp::create(b, loc, mine, /*withElseRegion=*/false);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    args.push_back(thread);
    args.push_back(arith::MinUIOp::create(b, loc, threads, most));
    func::CallOp::create(b, loc, *callee, args);
    call.erase();
    return success();
  }

  // The number of a thread, counted from thread `first` of the team.
  static Value countFrom(OpBuilder &b, Location loc, int64_t first,
                         Value thread, Value threads) {
    Value from = arith::RemUIOp::create(
        b, loc, arith::ConstantIndexOp::create(b, loc, first), threads);
    Value shifted = arith::SubIOp::create(
        b, loc, arith::AddIOp::create(b, loc, thread, threads), from);
    return arith::RemUIOp::create(b, loc, shifted, threads);
  }

  // The bytes of `v` as the kernel takes them.
  Value flatten(OpBuilder &b, Location loc, Value v, MemRefType type) {
    while (auto view = v.getDefiningOp<ViewLikeOpInterface>()) {
      if (auto at = dyn_cast<memref::ViewOp>(*view))
        return memref::ViewOp::create(b, loc, type, at.getSource(),
                                      at.getByteShift(), ValueRange());
      auto strided = dyn_cast<memref::ReinterpretCastOp>(*view);
      bool sameStart = strided && strided.getStaticOffsets()[0] == 0;
      if (!sameStart &&
          !isa<memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(
              *view))
        break;
      v = view.getViewSource();
    }
    // Arguments get this type when all calls are done.
    auto arg = dyn_cast<BlockArgument>(v);
    bool ofFunction = arg && isa<func::FuncOp>(arg.getOwner()->getParentOp());
    if (ofFunction || v.getType() == type)
      return v;
    // The address of the first element, wherever in a buffer that is:
    // reinterpret_cast would count from the buffer's start.
    return UnrealizedConversionCastOp::create(b, loc, type, v).getResult(0);
  }

  LogicalResult flattenArguments(func::FuncOp f) {
    // Calls take arguments themselves: views of them are dead, and views of
    // those.
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(f.front())))
      if (isa<ViewLikeOpInterface>(op) && isOpTriviallyDead(&op))
        op.erase();
    // Conditions are read by every thread.
    f.walk([&](memref::LoadOp load) {
      OpBuilder b(load);
      auto type = load.getMemRefType();
      FailureOr<MemRefType> flat = flatType(type);
      if (type.getRank() || failed(flat))
        return;
      Location loc = load.getLoc();
      Value zero = arith::ConstantIndexOp::create(b, loc, 0);
      Value from = flatten(b, loc, load.getMemRef(), *flat);
      from.setType(*flat);
      Value v = memref::LoadOp::create(b, loc, from, ValueRange(zero));
      if (v.getType() != load.getType())
        v = arith::TruncIOp::create(b, loc, load.getType(), v);
      load.replaceAllUsesWith(v);
      load.erase();
    });
    for (BlockArgument arg : f.getArguments()) {
      auto type = dyn_cast<MemRefType>(arg.getType());
      if (!type)
        continue;
      FailureOr<MemRefType> flat = flatType(type);
      if (failed(flat))
        return f.emitError("argument ")
               << arg.getArgNumber()
               << " has a layout that is not supported: " << type;
      keepType(arg);
      arg.setType(*flat);
    }
    f.setFunctionType(FunctionType::get(
        &getContext(), f.front().getArgumentTypes(), f.getResultTypes()));
    return success();
  }

  // What is no kernel, a slice, goes on seeing the argument as it was.
  static void keepType(BlockArgument arg) {
    OpBuilder b = OpBuilder::atBlockBegin(arg.getOwner());
    Value old;
    for (OpOperand &use : llvm::make_early_inc_range(arg.getUses())) {
      if (isa<func::CallOp, UnrealizedConversionCastOp>(use.getOwner()))
        continue;
      if (!old)
        old = UnrealizedConversionCastOp::create(b, arg.getLoc(), arg.getType(),
                                                 arg)
                  .getResult(0);
      use.set(old);
    }
  }

  FailureOr<func::FuncOp> expansion(kernel::DefOp def, TypeRange operands) {
    SmallVector<Type> key(operands);
    auto &known = expansions[def];
    for (auto &[types, f] : known)
      if (types == key)
        return f;
    std::string name = def.getSymName().str() + ".impl";
    if (!known.empty())
      name += "." + std::to_string(known.size());
    FailureOr<func::FuncOp> f = expand(def, operands, name);
    if (succeeded(f))
      known.push_back({key, *f});
    return f;
  }

  FailureOr<func::FuncOp> expand(kernel::DefOp def, TypeRange operands,
                                 StringRef name) {
    // Named operations are their generic form here.
    IRRewriter rewriter(def.getContext());
    for (auto op :
         llvm::to_vector(def.getBody().front().getOps<linalg::LinalgOp>()))
      if (!isa<GenericOp, linalg::FillOp>(op)) {
        rewriter.setInsertionPoint(op);
        if (failed(linalg::generalizeNamedOp(rewriter, op)))
          return op.emitError("has no generic form");
      }
    KernelBody body(def, operands, name);
    if (failed(body.start()))
      return failure();
    SmallVector<GenericOp> roots;
    for (auto g : def.getBody().front().getOps<GenericOp>())
      if (g.getNumReductionLoops())
        roots.push_back(g);
    if (roots.size() > 1 && llvm::any_of(roots, isContraction))
      return roots[1].emitError("a second root in kernel '")
             << def.getSymName() << "'";
    bool loops = !def.getBody().front().getOps<scf::ForOp>().empty();
    auto convs = def.getBody().front().getOps<kernel::ConvOp>();
    auto conv = convs.empty() ? kernel::ConvOp() : *convs.begin();
    if (!roots.empty() && loops)
      return def.emitError("a loop and a reduction in one kernel");
    if (conv && (!roots.empty() || loops || !llvm::hasSingleElement(convs)))
      return def.emitError("a convolution and another root in one kernel");
    LogicalResult done = success();
    if (conv)
      done = expandConvolution(body, conv, tile);
    else if (loops)
      done = expandSequential(body);
    else if (roots.empty())
      done = expandElementwise(body);
    else if (isContraction(roots[0]))
      done = expandContraction(body, roots[0], tile);
    else
      done = expandReduction(body, roots);
    if (failed(done) || failed(body.finish()))
      return failure();
    // For the emitter's profile.
    Builder b(&getContext());
    body.fn->setAttr("varve.flops", b.getI64IntegerAttr(flopsOf(def)));
    body.fn->setAttr("varve.bytes", b.getI64IntegerAttr(bytesOf(def)));
    return body.fn;
  }

  TileOptions tile;
  SmallVector<func::FuncOp> functions;
  DenseMap<Operation *, SmallVector<std::pair<SmallVector<Type>, func::FuncOp>>>
      expansions;
};

} // namespace
