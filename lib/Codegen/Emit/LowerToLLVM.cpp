// Expanded functions to the LLVM dialect. A memref is the address of its first
// element here, so that loads, stores and calls lower one to one and nothing
// is left for an optimizer to clean up. See Passes.td for the ABI.
#include "LowerMemory.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "varve/Codegen/Emit/Passes.h"
#include "varve/Dialect/Kernel/Kernel.h"

using namespace mlir;

namespace varve {
#define GEN_PASS_DEF_LOWERTOLLVM
#include "varve/Codegen/Emit/Passes.h.inc"

namespace {

constexpr StringLiteral barrierName = "varve.barrier";
constexpr StringLiteral statesAttr = "varve.states";

// Operand numbers of a lowered entry function.
enum EntryOperand { State, Args, Arena, Team, Thread, Threads };

// ---- entry functions ----

/// Round to nearest, subnormals kept, exceptions masked: MXCSR at 0x1f80, FPCR
/// at 0. Emits the code that sets it, and appends what restores it to `f`'s
/// returns.
void setFloatEnvironment(func::FuncOp f, ImplicitLocOpBuilder &b) {
  auto triple = f->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(
      LLVM::LLVMDialect::getTargetTripleAttrName());
  StringRef arch = triple ? triple.getValue().split('-').first : "";
  auto call = [](ImplicitLocOpBuilder &b, StringRef name, Value operand) {
    LLVM::CallIntrinsicOp::create(b, b.getStringAttr(name),
                                  ValueRange{operand});
  };
  Value saved;
  StringRef restore;
  if (arch == "x86_64") {
    // One slot for the caller's value, one for ours.
    Type i32 = b.getI32Type();
    saved = LLVM::AllocaOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), i32,
        LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(2)));
    Value wanted = LLVM::GEPOp::create(b, saved.getType(), i32, saved,
                                       ArrayRef<LLVM::GEPArg>{1});
    LLVM::StoreOp::create(
        b, LLVM::ConstantOp::create(b, i32, b.getI32IntegerAttr(0x1f80)),
        wanted);
    restore = "llvm.x86.sse.ldmxcsr";
    call(b, "llvm.x86.sse.stmxcsr", saved);
    call(b, restore, wanted);
  } else if (arch == "aarch64") {
    Type i64 = b.getI64Type();
    saved = LLVM::CallIntrinsicOp::create(
                b, i64, b.getStringAttr("llvm.aarch64.get.fpcr"), ValueRange{})
                .getResult(0);
    restore = "llvm.aarch64.set.fpcr";
    call(b, restore, LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(0)));
  } else {
    return;
  }
  f.walk([&](func::ReturnOp r) {
    ImplicitLocOpBuilder end(r.getLoc(), r);
    call(end, restore, saved);
  });
}

/// Times calls on thread 0: each has a row of varve_profile_row, whose last two
/// of six fields it counts.
class Profile {
public:
  explicit Profile(ModuleOp module) : module(module) {}

  /// Puts the counter's readings around `op`, inside the entry `f`.
  void time(Operation *op, StringRef function, StringRef kernel,
            func::FuncOp callee, Value thread) {
    MLIRContext *ctx = module.getContext();
    Builder attr(ctx);
    auto count = [&](StringRef name) -> int64_t {
      auto a = callee ? callee->getAttrOfType<IntegerAttr>(name) : nullptr;
      return a ? a.getInt() : 0;
    };
    ImplicitLocOpBuilder b(op->getLoc(), op);
    Value begin = ticks(b);
    b.setInsertionPointAfter(op);
    Value spent = LLVM::SubOp::create(b, ticks(b), begin);
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value first =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, zero);
    auto guard = scf::IfOp::create(b, first, /*withElseRegion=*/false);
    b.setInsertionPointToStart(guard.thenBlock());
    auto ptr = LLVM::LLVMPointerType::get(ctx);
    Value table = LLVM::AddressOfOp::create(b, ptr, rowsName);
    auto addTo = [&](int32_t field, Value v) {
      Value at = LLVM::GEPOp::create(
          b, ptr, b.getI64Type(), table,
          ArrayRef<LLVM::GEPArg>{int32_t(6 * rows.size() + field)});
      Value old = LLVM::LoadOp::create(b, b.getI64Type(), at, 8);
      LLVM::StoreOp::create(b, LLVM::AddOp::create(b, old, v), at, 8);
    };
    addTo(4, LLVM::ConstantOp::create(b, b.getI64Type(), 1));
    addTo(5, spent);
    kernel.consume_back(".impl");
    rows.push_back(attr.getArrayAttr(
        {attr.getStringAttr(function), attr.getStringAttr(kernel),
         attr.getI64IntegerAttr(count("varve.flops")),
         attr.getI64IntegerAttr(count("varve.bytes"))}));
  }

  void finish() {
    auto b =
        ImplicitLocOpBuilder::atBlockBegin(module.getLoc(), module.getBody());
    // Defined with the artifact's table.
    auto type = LLVM::LLVMArrayType::get(b.getI64Type(), 6 * rows.size());
    LLVM::GlobalOp::create(b, type, /*isConstant=*/false,
                           LLVM::Linkage::External, rowsName, Attribute());
    module->setAttr("varve.profile", b.getArrayAttr(rows));
  }

private:
  Value ticks(ImplicitLocOpBuilder &b) {
    return LLVM::CallIntrinsicOp::create(
               b, b.getI64Type(), b.getStringAttr("llvm.readcyclecounter"),
               ValueRange{})
        .getResult(0);
  }

  static constexpr StringLiteral rowsName = "varve.profile.rows";
  ModuleOp module;
  SmallVector<Attribute> rows;
};

/// Replaces the memref operands of an entry by the ABI's six.
LogicalResult lowerEntry(func::FuncOp f, int64_t states, Profile *profile) {
  unsigned n = f.getNumArguments();
  if (states < 0 || n < 3 + states || f.getNumResults())
    return f.emitOpError("is an entry of ")
           << states << " states and needs an arena, a thread, a number of "
           << "threads and no result";
  Block &body = f.front();
  auto b = ImplicitLocOpBuilder::atBlockBegin(f.getLoc(), &body);
  auto ptr = LLVM::LLVMPointerType::get(f.getContext());
  SmallVector<Type> types = {
      ptr, ptr, ptr, ptr, b.getIndexType(), b.getIndexType()};
  SmallVector<Value> abi;
  for (Type t : types)
    abi.push_back(body.addArgument(t, f.getLoc()));

  auto view = [&](Value pointer, unsigned i) {
    BlockArgument old = body.getArgument(i);
    old.replaceAllUsesWith(
        UnrealizedConversionCastOp::create(b, old.getType(), pointer)
            .getResult(0));
  };
  auto loadPointer = [&](Value table, int64_t i) -> Value {
    Value at = LLVM::GEPOp::create(b, ptr, ptr, table,
                                   ArrayRef<LLVM::GEPArg>{int32_t(i)});
    return LLVM::LoadOp::create(b, ptr, at, /*alignment=*/8);
  };
  auto slots = f->getAttrOfType<DenseI64ArrayAttr>("varve.state_operands");
  for (unsigned i = 0; i + 3 < n; ++i) {
    if (!isa<MemRefType>(body.getArgument(i).getType()))
      return f.emitOpError("operand ") << i << " of an entry is no memref";
    if (body.getArgument(i).use_empty())
      continue;
    bool state = i < states;
    view(loadPointer(abi[state ? State : Args], !state  ? i - states
                                                : slots ? slots[i]
                                                        : i),
         i);
  }
  view(abi[Arena], n - 3);
  body.getArgument(n - 2).replaceAllUsesWith(abi[Thread]);
  body.getArgument(n - 1).replaceAllUsesWith(abi[Threads]);
  body.eraseArguments(0, n);
  f.setType(b.getFunctionType(types, {}));
  f.setAllArgAttrs(ArrayRef<DictionaryAttr>(
      SmallVector<DictionaryAttr>(types.size(), b.getDictionaryAttr({}))));

  setFloatEnvironment(f, b);

  if (profile) {
    SymbolTable symbols(f->getParentOfType<ModuleOp>());
    SmallVector<Operation *> timed;
    f.walk([&](Operation *op) {
      if (isa<func::CallOp, kernel::BarrierOp>(op))
        timed.push_back(op);
    });
    for (Operation *op : timed) {
      auto call = dyn_cast<func::CallOp>(op);
      StringRef name = call ? call.getCallee() : "barrier";
      profile->time(op, f.getName(), name, symbols.lookup<func::FuncOp>(name),
                    abi[Thread]);
    }
  }

  SmallVector<kernel::BarrierOp> barriers;
  f.walk([&](kernel::BarrierOp op) { barriers.push_back(op); });
  for (kernel::BarrierOp op : barriers) {
    OpBuilder at(op);
    Value count = arith::IndexCastOp::create(at, op.getLoc(), at.getI64Type(),
                                             abi[Threads]);
    LLVM::CallOp::create(at, op.getLoc(), TypeRange{}, barrierName,
                         ValueRange{abi[Team], count});
    op.erase();
  }
  return success();
}

/// `varve.barrier(team, threads)`: team->barrier(team), unless alone.
void addBarrier(ModuleOp m) {
  auto b = ImplicitLocOpBuilder::atBlockBegin(m.getLoc(), m.getBody());
  MLIRContext *ctx = m.getContext();
  auto ptr = LLVM::LLVMPointerType::get(ctx);
  auto none = LLVM::LLVMVoidType::get(ctx);
  auto f = LLVM::LLVMFuncOp::create(
      b, barrierName, LLVM::LLVMFunctionType::get(none, {ptr, b.getI64Type()}),
      LLVM::Linkage::Internal);
  Block *entry = f.addEntryBlock(b);
  Block *wait = f.addBlock(), *done = f.addBlock();
  b.setInsertionPointToStart(entry);
  Value one =
      LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(1));
  Value alone = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::eq,
                                     entry->getArgument(1), one);
  LLVM::CondBrOp::create(b, alone, done, wait);
  b.setInsertionPointToStart(wait);
  Value team = entry->getArgument(0);
  Value function = LLVM::LoadOp::create(b, ptr, team, /*alignment=*/8);
  LLVM::CallOp::create(b, LLVM::LLVMFunctionType::get(none, {ptr}),
                       ValueRange{function, team});
  LLVM::BrOp::create(b, done);
  b.setInsertionPointToStart(done);
  LLVM::ReturnOp::create(b, ValueRange{});
}

// ---- functions ----

struct FuncLowering : ConvertOpToLLVMPattern<func::FuncOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(func::FuncOp f, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    const bool library = f.isExternal();
    if (library && !f.getName().starts_with("libm."))
      return f.emitOpError("has no body: compiled code calls nothing but libm");
    if (f.getNumResults() > 1)
      return f.emitOpError("returns more than one value");
    const LLVMTypeConverter &types = *getTypeConverter();
    TypeConverter::SignatureConversion signature(f.getNumArguments());
    if (failed(types.convertSignatureArgs(f.getArgumentTypes(), signature)))
      return failure();
    Type result = LLVM::LLVMVoidType::get(getContext());
    if (f.getNumResults())
      result = types.convertType(f.getResultTypes()[0]);
    auto lowered = LLVM::LLVMFuncOp::create(
        rewriter, f.getLoc(), f.getName(),
        LLVM::LLVMFunctionType::get(result, signature.getConvertedTypes()),
        library ? LLVM::Linkage::External : LLVM::Linkage::Internal);
    // What the emitter wants to know stays; the signature's attributes do not.
    for (NamedAttribute a : f->getDiscardableAttrs())
      lowered->setAttr(a.getName(), a.getValue());
    rewriter.inlineRegionBefore(f.getBody(), lowered.getBody(), lowered.end());
    if (failed(
            rewriter.convertRegionTypes(&lowered.getBody(), types, &signature)))
      return failure();
    rewriter.eraseOp(f);
    return success();
  }
};

struct CallLowering : ConvertOpToLLVMPattern<func::CallOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(func::CallOp call, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> results;
    if (failed(
            getTypeConverter()->convertTypes(call.getResultTypes(), results)))
      return failure();
    rewriter.replaceOpWithNewOp<LLVM::CallOp>(call, results, call.getCallee(),
                                              adaptor.getOperands());
    return success();
  }
};

struct ReturnLowering : ConvertOpToLLVMPattern<func::ReturnOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(func::ReturnOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<LLVM::ReturnOp>(op, adaptor.getOperands());
    return success();
  }
};

/// Between types that lower to the same one, e.g. two views of one address.
struct CastLowering : ConvertOpToLLVMPattern<UnrealizedConversionCastOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(UnrealizedConversionCastOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    if (op->getNumOperands() != 1 || op->getNumResults() != 1)
      return failure();
    Value from = adaptor.getOperands()[0];
    if (from.getType() !=
        getTypeConverter()->convertType(op.getResult(0).getType()))
      return failure();
    rewriter.replaceOp(op, from);
    return success();
  }
};

// ---- before the conversion ----

/// Vector operations that need rewriting among themselves first.
bool isStructuredVector(Operation *op) {
  if (!isa_and_nonnull<vector::VectorDialect>(op->getDialect()))
    return false;
  if (isa<vector::TransferReadOp, vector::TransferWriteOp, vector::CreateMaskOp,
          vector::ConstantMaskOp, vector::StepOp, vector::BitCastOp,
          vector::ShapeCastOp, vector::TransposeOp, vector::ContractionOp,
          vector::OuterProductOp, vector::MultiDimReductionOp,
          vector::ExtractStridedSliceOp, vector::InsertStridedSliceOp,
          vector::InterleaveOp, vector::DeinterleaveOp, vector::FromElementsOp,
          vector::ToElementsOp>(op))
    return true;
  auto wide = [](Type t) {
    auto v = dyn_cast<VectorType>(t);
    return v && v.getRank() > 1;
  };
  return llvm::any_of(op->getOperandTypes(), wide) ||
         llvm::any_of(op->getResultTypes(), wide);
}

LogicalResult prepare(ModuleOp m) {
  MLIRContext *ctx = m.getContext();
  bool vectors = false, affine = false;
  m.walk([&](Operation *op) {
    vectors |= isStructuredVector(op);
    affine |= isa_and_nonnull<affine::AffineDialect>(op->getDialect());
  });
  if (affine) {
    RewritePatternSet patterns(ctx);
    populateAffineToStdConversionPatterns(patterns);
    if (failed(applyPatternsGreedily(m, std::move(patterns))))
      return failure();
  }
  if (!vectors)
    return success();
  RewritePatternSet patterns(ctx);
  vector::populateVectorBitCastLoweringPatterns(patterns);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorMaskOpLoweringPatterns(patterns);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  vector::populateVectorInterleaveLoweringPatterns(patterns);
  vector::populateVectorTransposeLoweringPatterns(
      patterns, vector::VectorTransposeLowering::Shuffle1D);
  vector::populateVectorTransferLoweringPatterns(patterns, 1);
  vector::populateVectorMaskMaterializationPatterns(patterns, true);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  vector::populateVectorStepLoweringPatterns(patterns);
  vector::populateVectorRankReducingFMAPattern(patterns);
  vector::populateVectorGatherLoweringPatterns(patterns);
  return applyPatternsGreedily(m, std::move(patterns));
}

struct LowerToLLVM : impl::LowerToLLVMBase<LowerToLLVM> {
  using LowerToLLVMBase::LowerToLLVMBase;

  void runOnOperation() override {
    ModuleOp m = getOperation();
    MLIRContext *ctx = m.getContext();
    bool barriers = false;
    Profile timed(m);
    for (func::FuncOp f : m.getOps<func::FuncOp>())
      if (auto states = f->getAttrOfType<IntegerAttr>(statesAttr)) {
        if (failed(lowerEntry(f, states.getInt(), profile ? &timed : nullptr)))
          return signalPassFailure();
        barriers = true;
      }
    if (barriers)
      addBarrier(m);
    if (profile)
      timed.finish();
    if (failed(prepare(m)))
      return signalPassFailure();

    RewritePatternSet structure(ctx);
    populateSCFToControlFlowConversionPatterns(structure);
    ConversionTarget flat(*ctx);
    flat.addIllegalDialect<scf::SCFDialect>();
    flat.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    if (failed(applyPartialConversion(m, flat, std::move(structure))))
      return signalPassFailure();

    LLVMTypeConverter types(ctx);
    types.addConversion(
        [&](MemRefType t) -> Type { return LLVM::LLVMPointerType::get(ctx); });
    RewritePatternSet patterns(ctx);
    arith::populateArithToLLVMConversionPatterns(types, patterns);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    cf::populateControlFlowToLLVMConversionPatterns(types, patterns);
    index::populateIndexToLLVMConversionPatterns(types, patterns);
    populateMathToLLVMConversionPatterns(types, patterns,
                                         /*approximateLog1p=*/false);
    populateVectorToLLVMConversionPatterns(types, patterns);
    ub::populateUBToLLVMConversionPatterns(types, patterns);
    patterns.add<FuncLowering, CallLowering, ReturnLowering, CastLowering>(
        types, PatternBenefit(10));
    populateMemoryLowering(types, patterns);
    LLVMConversionTarget target(*ctx);
    target.addLegalOp<ModuleOp>();
    target.addIllegalOp<UnrealizedConversionCastOp>();
    if (failed(applyFullConversion(m, target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace varve
