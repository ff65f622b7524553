// Importing ONNX models: values by the reference interpreter, what is known at
// import, and diagnostics.
#include "Onnx/Import.h"
#include "OnnxNet.h"
#include "varve/Reference/Reference.h"

using namespace varve;
using namespace varve::test;

namespace {

struct OnnxImport : testing::Test {
  mlir::MLIRContext context;
  onnx::ImportRequest request;

  Result<onnx::ImportedModel> import(const Net &net) {
    request.path = net.write();
    return onnx::importModel(context, request);
  }
  std::string failure(const Net &net, ErrorKind kind = ErrorKind::Input) {
    auto model = import(net);
    if (model)
      return "";
    EXPECT_EQ(model.error().kind, kind);
    std::string text = model.error().message, path = request.path + ": error: ";
    for (size_t at; (at = text.find(path)) != std::string::npos;)
      text.erase(at, path.size());
    return text;
  }
  void give(const pb::Tensor &tensor) {
    request.inputs[tensor.name()] = tensor.SerializeAsString();
  }
};

FuncOp functionOf(onnx::ImportedModel &model) {
  ProgramOp program = *model.module->getOps<ProgramOp>().begin();
  return *program.getOps<FuncOp>().begin();
}

TEST_F(OnnxImport, ComputesAProduct) {
  Net net;
  net.input("a", {"2", "2"}).input("b", {"2", "1"}).output("y", {"2", "1"});
  net.node("Gemm", {"a", "b", ""}, {"y"}).with("transA", 1);
  auto model = import(net);
  ASSERT_TRUE(model) << model.error().message;
  mlir::Type f32 = mlir::Float32Type::get(&context);
  RefTensor a(f32, {2, 2}), b(f32, {2, 1});
  a.f = {1, 2, 3, 4};
  b.f = {10, 100};
  RefState none;
  auto y = evaluateFunction(functionOf(*model), {a, b}, none);
  ASSERT_TRUE(mlir::succeeded(y));
  EXPECT_EQ((*y)[0].f, (std::vector<double>{310, 420}));
}

TEST_F(OnnxImport, BindsSizesByDims) {
  Net net;
  net.input("x", {"N", "3"}).output("y", {"N", "3"});
  net.node("Relu", {"x"}, {"y"});
  EXPECT_EQ(failure(net), "the sizes of input 'x' [N, 3] are not known: give "
                          "the input, or its sizes by --dim NAME=SIZE");
  request.dims["N"] = 4;
  auto model = import(net);
  ASSERT_TRUE(model) << model.error().message;
  auto type = functionOf(*model).getBody().getArgument(0).getType();
  EXPECT_EQ(llvm::cast<mlir::RankedTensorType>(type).getDimSize(0), 4);
}

TEST_F(OnnxImport, IsMadeForTheValueOfAShape) {
  Net net;
  net.input("x", {"6"}).input("s", {"2"}, 7).output("y", {"M", "N"});
  net.node("Reshape", {"x", "s"}, {"y"});
  EXPECT_EQ(failure(net, ErrorKind::Unsupported),
            "node 'Reshape_1' (Reshape): the value of 's' decides shapes, and "
            "is not known before the model runs: give it by --input s=FILE");
  give(floats("x", {6}, std::vector<float>(6, 1)));
  give(ints("s", {2}, {2, -1}));
  auto model = import(net);
  ASSERT_TRUE(model) << model.error().message;
  // Of x the type counts alone.
  EXPECT_EQ(model->specialized, Strings{"s"});
}

TEST_F(OnnxImport, ListsAllThatIsNotSupported) {
  Net net;
  net.input("x", {"2"}).output("z", {"2"});
  net.node("Frobnicate", {"x"}, {"y"}).node("Defenestrate", {"y"}, {"z"});
  EXPECT_EQ(failure(net, ErrorKind::Unsupported),
            "node 'Frobnicate_1' (Frobnicate): operator 'Frobnicate' of opset "
            "13 is not supported\n"
            "node 'Defenestrate_2' (Defenestrate): operator 'Defenestrate' of "
            "opset 13 is not supported");
}

TEST_F(OnnxImport, RefusesAttributesThatItDoesNotKnow) {
  Net net;
  net.input("x", {"2"}).output("y", {"2"});
  net.node("Relu", {"x"}, {"y"}).with("leak", 1);
  EXPECT_EQ(failure(net, ErrorKind::Unsupported),
            "node 'Relu_1' (Relu): attribute 'leak' is not supported");
}

TEST_F(OnnxImport, SaysWhatIsMissing) {
  Net net;
  net.input("x", {"2"}).output("y", {"2"});
  net.node("Add", {"x", "w"}, {"y"});
  EXPECT_EQ(failure(net),
            "node 'Add_1' (Add): reads 'w', which no input, initializer or "
            "earlier node gives (nodes must be in an order without cycles)");
}

TEST_F(OnnxImport, SaysWhichOutputNothingGives) {
  Net net;
  net.input("x", {"2"}).output("y", {"2"}).output("z", {"2"});
  net.node("Relu", {"x"}, {"y"});
  EXPECT_EQ(failure(net), "no node gives the output 'z'");
}

TEST_F(OnnxImport, SaysWhichTypeAnOutputDoesNotHave) {
  Net net;
  net.input("x", {"2"}).output("y", {"2"}, 7);
  net.node("Relu", {"x"}, {"y"});
  EXPECT_EQ(failure(net), "output 'y' is declared as i64, and is f32[2]");
}

TEST_F(OnnxImport, RefusesAnInputOfMoreThanThereCanBe) {
  Net net;
  net.input("x", {"4000000000", "4000000000", "4000000000"}).output("y", {});
  net.node("ReduceSum", {"x"}, {"y"}).with("keepdims", 0);
  EXPECT_EQ(failure(net), "input 'x' is too large");
}

TEST_F(OnnxImport, SaysWhichShapesDoNotFit) {
  Net net;
  net.input("x", {"2"}).input("w", {"3"}).output("y", {"2"});
  net.node("Add", {"x", "w"}, {"y"});
  EXPECT_EQ(failure(net), "node 'Add_1' (Add): shapes [2] and [3] do not fit "
                          "together");
}

TEST_F(OnnxImport, ChecksWhatIsGiven) {
  Net net;
  net.input("x", {"2"}).output("y", {"2"});
  net.node("Relu", {"x"}, {"y"});
  give(floats("x", {3}, {1, 2, 3}));
  EXPECT_EQ(failure(net), "input 'x' is f32[3], the model takes f32[2]");
}

} // namespace
