// Every operation's lowering by the examples of its test file: what compiled
// code gives, through upstream's loops and MLIR's execution engine, against the
// reference value; and the same of its gradient.
#include "Dialect/Varve/Ops/Build.h"
#include "OpExamples.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "varve/Conversion/Passes.h"
#include "varve/Dialect/Kernel/Kernel.h"
#include "varve/Reference/Reference.h"
#include "varve/Transforms/Differentiate.h"
#include "llvm/Support/TargetSelect.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace varve;

namespace {

const char *const pipeline =
    "one-shot-bufferize,"
    "convert-linalg-to-loops,expand-strided-metadata,lower-affine,"
    "convert-scf-to-cf,convert-math-to-llvm,convert-math-to-libm,arith-expand,"
    "convert-arith-to-llvm,convert-index-to-llvm,finalize-memref-to-llvm,"
    "convert-func-to-llvm,convert-cf-to-llvm,reconcile-unrealized-casts";

void registerLowering(DialectRegistry &registry) {
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  static const bool once = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    registerVarveConversionPasses();
    registerConversionPasses();
    arith::registerArithPasses();
    bufferization::registerBufferizationPasses();
    memref::registerMemRefPasses();
    registerLinalgPasses();
    return true;
  }();
  (void)once;
}

/// The bytes of a tensor, as compiled code sees it, and their description.
class Buffer {
public:
  explicit Buffer(const RefTensor &x) : element(x.element), shape(x.shape) {
    width = (element.getIntOrFloatBitWidth() + 7) / 8;
    bytes.resize(x.size() * width + 64, 0xff);
    for (int64_t e = 0; e < x.size(); ++e) {
      float f32 = x.isFloat() ? float(x.f[e]) : 0;
      const void *from = !x.isFloat() ? (const void *)&x.i[e]
                         : width == 8 ? (const void *)&x.f[e]
                                      : &f32;
      memcpy(at(e), from, width); // little-endian
    }
    descriptor = {intptr_t(bytes.data()), intptr_t(bytes.data()), 0};
    llvm::append_range(descriptor, shape);
    for (size_t d = 0; d < shape.size(); ++d) {
      int64_t stride = 1;
      for (size_t inner = d + 1; inner < shape.size(); ++inner)
        stride *= shape[inner];
      descriptor.push_back(stride);
    }
  }
  Buffer(const Buffer &) = delete;

  RefTensor read() {
    RefTensor x(element, shape);
    for (int64_t e = 0; e < x.size(); ++e) {
      if (!x.isFloat()) {
        memcpy(&x.i[e], at(e), width);
        x.i[e] = wrapToType(x.i[e], element);
      } else if (width == 8) {
        memcpy(&x.f[e], at(e), 8);
      } else {
        float f32;
        memcpy(&f32, at(e), 4);
        x.f[e] = f32;
      }
    }
    return x;
  }
  void *argument() {
    pointer = descriptor.data();
    return &pointer;
  }

private:
  unsigned char *at(int64_t e) { return bytes.data() + e * width; }

  Type element;
  std::vector<int64_t> shape;
  int64_t width;
  std::vector<unsigned char> bytes;
  std::vector<int64_t> descriptor;
  void *pointer = nullptr;
};

bool isNarrowFloat(Type type) {
  auto real =
      dyn_cast<FloatType>(cast<RankedTensorType>(type).getElementType());
  return real && real.getWidth() < 32;
}

/// Whether the execution engine has what f16 and bf16 need depends on the
/// machine; they are tested where they are expanded.
bool usesNarrowFloats(func::FuncOp func) {
  bool narrow = false;
  func.walk([&](Operation *op) {
    for (Value v : op->getOperands())
      narrow |= isNarrowFloat(v.getType());
  });
  return narrow;
}

/// What rounding leaves: the interpreter does not round to f32.
double toleranceOf(func::FuncOp func) {
  double tolerance = 1e-9;
  func.walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      if (cast<RankedTensorType>(type).getElementType().isF32())
        tolerance = 1e-5;
  });
  return tolerance;
}

/// Writes a convolution as loops over all products, those of padding left out.
void writeLoops(kernel::ConvOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto x = op.getX(), w = op.getW(), y = op.getY();
  int64_t axes = x.getRank() - 2, groups = op.getGroups();
  auto number = [](LocBuilder &in, int64_t n) -> Value {
    return arith::ConstantIndexOp::create(in, n);
  };
  // Samples, features, places, channels of a group, taps.
  SmallVector<int64_t> shape(y.getShape());
  llvm::append_range(shape, w.getShape().drop_front());
  auto type = cast<RankedTensorType>(op.getType());
  Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(type));
  auto addProduct = [&](LocBuilder &in, ArrayRef<Value> at,
                        ArrayRef<Value> sums) {
    ArrayRef<Value> places = at.slice(2, axes), taps = at.drop_front(3 + axes);
    Value group =
        arith::DivSIOp::create(in, at[1], number(in, y.getDimSize(1) / groups));
    Value channel =
        arith::MulIOp::create(in, group, number(in, w.getDimSize(1)));
    SmallVector<Value> inX{at[0],
                           arith::AddIOp::create(in, channel, at[2 + axes])};
    SmallVector<Value> inW{at[1], at[2 + axes]}, inY(at.take_front(2 + axes));
    Value inside = arith::ConstantIntOp::create(in, 1, 1);
    for (int64_t d = 0; d < axes; ++d) {
      Value i =
          arith::MulIOp::create(in, places[d], number(in, op.getStrides()[d]));
      Value tap =
          arith::MulIOp::create(in, taps[d], number(in, op.getDilations()[d]));
      i = arith::AddIOp::create(in, i, tap);
      i = arith::SubIOp::create(in, i, number(in, op.getPadding()[d]));
      Value test = arith::CmpIOp::create(in, arith::CmpIPredicate::ult, i,
                                         number(in, x.getDimSize(2 + d)));
      inside = arith::AndIOp::create(in, inside, test);
      inX.push_back(arith::SelectOp::create(in, test, i, number(in, 0)));
      inW.push_back(taps[d]);
    }
    auto &lhs = op.getKind() == kernel::ConvKind::Data ? inY : inX;
    auto &rhs = op.getKind() == kernel::ConvKind::Weight ? inY : inW;
    auto &to = op.getKind() == kernel::ConvKind::Forward ? inY
               : op.getKind() == kernel::ConvKind::Data  ? inX
                                                         : inW;
    Value p = arith::MulFOp::create(
        in, tensor::ExtractOp::create(in, op.getLhs(), lhs),
        tensor::ExtractOp::create(in, op.getRhs(), rhs));
    Value old = tensor::ExtractOp::create(in, sums[0], to);
    Value sum = arith::AddFOp::create(in, old, p);
    sum = arith::SelectOp::create(in, inside, sum, old);
    return SmallVector<Value>{tensor::InsertOp::create(in, sum, sums[0], to)};
  };
  op.replaceAllUsesWith(buildLoops(b, shape, {zeros}, addProduct)[0]);
  op.erase();
}

/// `func`'s results by the interpreter.
std::vector<RefTensor> interpret(func::FuncOp func,
                                 const std::vector<RefTensor> &arguments) {
  RefValues values;
  for (auto [arg, x] : llvm::zip_equal(func.getArguments(), arguments))
    values[arg] = x;
  std::vector<RefTensor> results;
  EXPECT_TRUE(succeeded(evaluateBlock(func.front(), values)));
  for (Value v : returned(func))
    results.push_back(values.at(v));
  return results;
}

class OpLowering : public ::testing::TestWithParam<std::string> {};

TEST_P(OpLowering, GivesTheReferenceValue) {
  DialectRegistry registry;
  registry.insert<VarveDialect, func::FuncDialect, LLVM::LLVMDialect>();
  registerLowering(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  unsigned functions = 0;
  for (auto &module : parseExamples(context, GetParam())) {
    ASSERT_TRUE(module);
    struct Case {
      std::string name;
      std::vector<RefTensor> arguments, want;
      double tolerance;
    };
    std::vector<Case> cases;
    OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
    for (auto func :
         llvm::make_early_inc_range(module->getOps<func::FuncOp>())) {
      if (usesNarrowFloats(func)) {
        func.erase();
        continue;
      }
      returnGradients(func);
      auto arguments = drawArguments(func);
      cases.push_back({func.getName().str(), arguments,
                       interpret(func, arguments), toleranceOf(func)});
      wrap(func, b);
    }
    PassManager convert(&context), passes(&context);
    convert.addPass(createConvertVarveToLinalg());
    ASSERT_TRUE(succeeded(convert.run(*module)));
    module->walk([](kernel::ConvOp op) { writeLoops(op); });
    for (auto func : module->getOps<func::FuncOp>())
      func->setAttr("llvm.emit_c_interface", b.getUnitAttr());
    ASSERT_TRUE(succeeded(parsePassPipeline(pipeline, passes)));
    ASSERT_TRUE(succeeded(passes.run(*module)));
    ExecutionEngineOptions options;
    StringRef library = VARVE_RUNNER_UTILS; // copies of strided buffers
    options.sharedLibPaths = library;
    auto engine = ExecutionEngine::create(*module, options);
    ASSERT_TRUE(bool(engine)) << llvm::toString(engine.takeError());
    for (Case &one : cases) {
      SCOPED_TRACE(GetParam() + ": @" + one.name);
      std::vector<std::unique_ptr<Buffer>> buffers;
      SmallVector<void *> packed;
      for (auto *list : {&one.arguments, &one.want})
        for (RefTensor &x : *list) {
          // Results begin as what they are not: nothing may be left unwritten.
          buffers.push_back(std::make_unique<Buffer>(
              list == &one.want ? RefTensor(x.element, x.shape) : x));
          packed.push_back(buffers.back()->argument());
        }
      auto address = (*engine)->lookupPacked("_mlir_ciface_" + one.name);
      ASSERT_TRUE(bool(address)) << llvm::toString(address.takeError());
      (*address)(packed.data());
      for (size_t i = 0; i < one.want.size(); ++i)
        expectClose(buffers[one.arguments.size() + i]->read(), one.want[i],
                    one.tolerance);
      ++functions;
    }
  }
  EXPECT_GT(functions, 0u);
}

INSTANTIATE_TEST_SUITE_P(Ops, OpLowering, ::testing::ValuesIn(testedOps()),
                         [](auto &info) { return info.param; });

} // namespace
