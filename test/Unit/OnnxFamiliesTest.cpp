// Operators of ONNX where the backend suite does not look: every rounding of
// narrow floats, limits of loops, branches at run time.
#include "Onnx/Import.h"
#include "OnnxNet.h"
#include "varve/Reference/Reference.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>

using namespace varve;
using namespace varve::test;

namespace {

struct OnnxFamilies : testing::Test {
  mlir::MLIRContext context;
  onnx::ImportRequest request;

  Result<onnx::ImportedModel> import(const Net &net) {
    request.path = net.write();
    return onnx::importModel(context, request);
  }
  FuncOp function(onnx::ImportedModel &model) {
    ProgramOp program = *model.module->getOps<ProgramOp>().begin();
    return *program.getOps<FuncOp>().begin();
  }
  RefTensor run(const Net &net, std::vector<RefTensor> inputs) {
    auto model = import(net);
    EXPECT_TRUE(model) << model.error().message;
    RefState none;
    auto results = evaluateFunction(function(*model), inputs, none);
    EXPECT_TRUE(mlir::succeeded(results));
    return (*results)[0];
  }
  RefTensor numbers(std::vector<double> values) {
    RefTensor tensor(mlir::Float32Type::get(&context),
                     {int64_t(values.size())});
    tensor.f = std::move(values);
    return tensor;
  }
  void expectRounding(int to, const llvm::fltSemantics &semantics,
                      unsigned bits, bool saturate);
};

/// All that f32 has around the numbers of a format and around their middles.
std::vector<double> near(const llvm::fltSemantics &semantics, unsigned bits) {
  std::vector<double> finite, values = {NAN, INFINITY, -INFINITY, 1e30, -1e30};
  for (unsigned code = 0; code < 1u << bits; ++code) {
    llvm::APFloat number(semantics, llvm::APInt(bits, code));
    if (number.isFinite())
      finite.push_back(number.convertToDouble());
  }
  std::sort(finite.begin(), finite.end());
  double last = finite.back();
  finite.push_back(2 * last - finite[finite.size() - 2]);
  for (size_t i = 0; i + 1 < finite.size(); ++i)
    for (double at : {finite[i], (finite[i] + finite[i + 1]) / 2})
      for (float towards : {-INFINITY, float(at), INFINITY})
        values.push_back(std::nextafterf(float(at), towards));
  values.push_back(-0.0);
  return values;
}

/// Against LLVM's own conversion.
void OnnxFamilies::expectRounding(int to, const llvm::fltSemantics &semantics,
                                  unsigned bits, bool saturate) {
  std::vector<double> values = near(semantics, bits);
  std::string count = std::to_string(values.size());
  Net net(19);
  net.input("x", {count}).output("y", {count}, to);
  net.node("Cast", {"x"}, {"y"}).with("to", to).with("saturate", saturate);
  RefTensor codes = run(net, {numbers(values)});
  double largest = llvm::APFloat::getLargest(semantics).convertToDouble();
  for (size_t i = 0; i < values.size(); ++i) {
    double x = values[i];
    if (saturate && !std::isnan(x))
      x = std::clamp(x, -largest, largest);
    llvm::APFloat want(x);
    bool lossy;
    want.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lossy);
    llvm::APFloat got(semantics, llvm::APInt(bits, uint64_t(codes.i[i])));
    if (want.isNaN())
      EXPECT_TRUE(got.isNaN()) << values[i];
    else
      EXPECT_TRUE(got.bitwiseIsEqual(want))
          << values[i] << " becomes " << codes.i[i];
  }
}

TEST_F(OnnxFamilies, RoundToEveryNarrowFloat) {
  for (bool saturate : {true, false}) {
    expectRounding(17, llvm::APFloat::Float8E4M3FN(), 8, saturate);
    expectRounding(18, llvm::APFloat::Float8E4M3FNUZ(), 8, saturate);
    expectRounding(19, llvm::APFloat::Float8E5M2(), 8, saturate);
    expectRounding(20, llvm::APFloat::Float8E5M2FNUZ(), 8, saturate);
  }
}

/// A graph that gives one of two names from outside.
pb::Graph passing(const std::string &name, const Strings &dims) {
  pb::Graph graph;
  auto *node = graph.add_node();
  node->set_op_type("Neg");
  node->add_input(name);
  node->add_output("inner");
  Net::declare(*graph.add_output(), "inner", dims, 1);
  return graph;
}

void setGraph(Net &net, const std::string &name, const pb::Graph &graph) {
  auto *node = net.model.mutable_graph()->mutable_node(0);
  auto *attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(5);
  *attribute->mutable_g() = graph;
}

Net branches(const Strings &second) {
  Net net;
  net.input("c", {}, 9).input("x", {"2"}).input("w", second);
  net.output("y", {"N"}).node("If", {"c"}, {"y"});
  setGraph(net, "then_branch", passing("x", {"2"}));
  setGraph(net, "else_branch", passing("w", second));
  return net;
}

TEST_F(OnnxFamilies, BranchAtRunTime) {
  Net net = branches({"2"});
  for (bool condition : {false, true}) {
    RefTensor c(mlir::IntegerType::get(&context, 1), {});
    c.i[0] = condition;
    RefTensor y = run(net, {c, numbers({1, 2}), numbers({3, 4})});
    EXPECT_EQ(y.f, condition ? (std::vector<double>{-1, -2})
                             : (std::vector<double>{-3, -4}));
  }
}

TEST_F(OnnxFamilies, BranchesOfOtherShapesNeedTheCondition) {
  auto model = import(branches({"3"}));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().kind, ErrorKind::Unsupported);
  pb::Tensor condition;
  condition.set_name("c");
  condition.set_data_type(9);
  condition.add_int32_data(0);
  request.inputs["c"] = condition.SerializeAsString();
  model = import(branches({"3"}));
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(model->specialized, Strings{"c"});
}

Net loop(int64_t steps) {
  Net net;
  net.input("x", {"2"}).output("y", {"2"});
  net.weight(ints("m", {}, {steps}));
  net.node("Loop", {"m", "", "x"}, {"y"});
  pb::Graph body;
  Net::declare(*body.add_input(), "i", {}, 7);
  Net::declare(*body.add_input(), "goes_on", {}, 9);
  Net::declare(*body.add_input(), "sum", {"2"}, 1);
  auto *node = body.add_node();
  node->set_op_type("Add");
  node->add_input("sum");
  node->add_input("x");
  node->add_output("next");
  Net::declare(*body.add_output(), "goes_on", {}, 9);
  Net::declare(*body.add_output(), "next", {"2"}, 1);
  setGraph(net, "body", body);
  return net;
}

TEST_F(OnnxFamilies, LoopsAreWrittenOut) {
  EXPECT_EQ(run(loop(3), {numbers({1, 10})}).f,
            (std::vector<double>{4, 40}));
}

TEST_F(OnnxFamilies, LoopsOfTooManyStepsAreRefused) {
  auto model = import(loop(int64_t(1) << 40));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().kind, ErrorKind::Unsupported);
  EXPECT_NE(model.error().message.find("more than 1000 steps"),
            std::string::npos);
}

TEST_F(OnnxFamilies, NodesInACircleAreNamed) {
  Net net;
  net.input("x", {"2"}).output("y", {"2"});
  net.node("Add", {"x", "z"}, {"y"}).node("Neg", {"y"}, {"z"});
  auto model = import(net);
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message.find("reads 'z'"), std::string::npos);
}

/// A function that calls another twice, and so on: short, and without end.
Net functions(int count, bool isCircle) {
  Net net;
  net.input("x", {"2"}).output("y", {"2"});
  auto call = [](pb::Node &node, int which, const char *from, const char *to) {
    node.set_op_type("f" + std::to_string(which));
    node.set_domain("here");
    node.add_input(from);
    node.add_output(to);
  };
  call(*net.model.mutable_graph()->add_node(), 0, "x", "y");
  auto *set = net.model.add_opset_import();
  set->set_domain("here");
  set->set_version(1);
  for (int i = 0; i < count; ++i) {
    pb::Function &function = *net.model.add_functions();
    function.set_name("f" + std::to_string(i));
    function.set_domain("here");
    function.add_input("a");
    function.add_output("c");
    for (const char *domain : {"", "here"}) {
      auto *own = function.add_opset_import();
      own->set_domain(domain);
      own->set_version(*domain ? 1 : 13);
    }
    int next = i + 1;
    if (next == count && isCircle)
      next = 0;
    if (next < count) {
      call(*function.add_node(), next, "a", "b");
      call(*function.add_node(), next, "b", "c");
      continue;
    }
    pb::Node &node = *function.add_node();
    node.set_op_type("Neg");
    node.add_input("a");
    node.add_output("c");
  }
  return net;
}

TEST_F(OnnxFamilies, FunctionsThatDoubleHaveAnEnd) {
  EXPECT_EQ(run(functions(4, false), {numbers({1, 10})}).f,
            (std::vector<double>{1, 10}));
  auto model = import(functions(60, false));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().kind, ErrorKind::Unsupported);
  EXPECT_NE(model.error().message.find("more than 262144 nodes"),
            std::string::npos);
}

TEST_F(OnnxFamilies, FunctionsInACircleAreNamed) {
  for (int count : {1, 3}) {
    auto model = import(functions(count, true));
    ASSERT_FALSE(model);
    EXPECT_NE(model.error().message.find("function 'f0' calls itself"),
              std::string::npos);
  }
}

} // namespace
