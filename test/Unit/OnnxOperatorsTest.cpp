// Operators of ONNX where the backend suite does not look: errors, ends of
// ranges, sizes that it lacks. Values by the reference interpreter.
#include "Onnx/Import.h"
#include "OnnxNet.h"
#include "varve/Reference/Reference.h"
#include <cmath>
#include <complex>

using namespace varve;
using namespace varve::test;

namespace {

using Reals = std::vector<double>;

struct OnnxOperators : testing::Test {
  mlir::MLIRContext context;

  Result<onnx::ImportedModel> import(const Net &net) {
    onnx::ImportRequest request;
    request.path = net.write();
    return onnx::importModel(context, request);
  }
  /// The value of the first output. What is given are the inputs, of f32.
  RefTensor value(const Net &net, std::vector<Reals> given = {}) {
    auto model = import(net);
    if (!model) {
      ADD_FAILURE() << model.error().message;
      return {};
    }
    ProgramOp program = *model->module->getOps<ProgramOp>().begin();
    FuncOp function = *program.getOps<FuncOp>().begin();
    llvm::SmallVector<RefTensor> inputs;
    for (auto [i, values] : llvm::enumerate(given)) {
      auto type = function.getBody().getArgument(unsigned(i)).getType();
      inputs.emplace_back(llvm::cast<mlir::RankedTensorType>(type));
      inputs.back().f = values;
    }
    RefState weights;
    for (const pb::Tensor &each : net.model.graph().initializer()) {
      Sizes dims(each.dims().begin(), each.dims().end());
      RefTensor weight(mlir::Float32Type::get(&context), dims);
      weight.f.assign(each.float_data().begin(), each.float_data().end());
      weights[each.name()] = weight;
    }
    auto results = evaluateFunction(function, inputs, weights);
    if (mlir::failed(results)) {
      ADD_FAILURE() << "no value";
      return {};
    }
    return (*results)[0];
  }
  std::string failure(const Net &net) {
    auto model = import(net);
    if (model)
      return "";
    std::string text = model.error().message;
    return text.substr(text.find("): ") + 3);
  }
};

Net net(int64_t opset = 18) { return Net(opset); }

TEST_F(OnnxOperators, SlicesBackToTheFirstElement) {
  Net n = net();
  n.weight(ints("x", {5}, {0, 1, 2, 3, 4})).weight(ints("from", {1}, {-1}));
  n.weight(ints("to", {1}, {INT64_MIN})).weight(ints("axis", {1}, {0}));
  n.weight(ints("step", {1}, {-2})).output("y", {"3"}, 7);
  n.node("Slice", {"x", "from", "to", "axis", "step"}, {"y"});
  EXPECT_EQ(value(n).i, (Sizes{4, 2, 0}));
}

TEST_F(OnnxOperators, SlicesNothingBehindTheEnd) {
  Net n = net();
  n.weight(ints("x", {3}, {0, 1, 2})).weight(ints("from", {1}, {7}));
  n.weight(ints("to", {1}, {INT64_MAX})).output("y", {"0"}, 7);
  n.node("Slice", {"x", "from", "to"}, {"y"});
  EXPECT_EQ(value(n).shape, (Sizes{0}));
}

TEST_F(OnnxOperators, DividesTowardsZeroByFmod) {
  Net n = net();
  n.weight(ints("x", {4}, {INT64_MIN, -7, 7, -6})).output("z", {"4"}, 7);
  n.weight(ints("y", {4}, {3, 3, -3, 3}));
  n.node("Mod", {"x", "y"}, {"z"}).with("fmod", 1);
  EXPECT_EQ(value(n).i, (Sizes{INT64_MIN % 3, -1, 1, 0}));
}

TEST_F(OnnxOperators, WrapsPowersOfIntegers) {
  Net n = net();
  n.weight(ints("x", {6}, {3, -2, 7, -1, 2, 0})).output("z", {"6"}, 7);
  n.weight(ints("y", {6}, {40, 63, 0, -3, -1, 5}));
  n.node("Pow", {"x", "y"}, {"z"});
  EXPECT_EQ(value(n).i,
            (Sizes{int64_t(12157665459056928801ULL), INT64_MIN, 1, -1, 0, 0}));
}

TEST_F(OnnxOperators, SaysWhichIndexIsOutside) {
  Net n = net();
  n.weight(ints("x", {3}, {0, 1, 2})).weight(ints("i", {2}, {-3, 3}));
  n.output("y", {"2"}, 7).node("Gather", {"x", "i"}, {"y"});
  EXPECT_EQ(failure(n), "index 3 is outside an axis of size 3");
}

TEST_F(OnnxOperators, JoinsRowsThatAreNamedTwice) {
  Net n = net();
  n.weight(ints("x", {2, 2}, {1, 2, 3, 4})).output("z", {"2", "2"}, 7);
  n.weight(ints("i", {3, 1}, {1, -1, 0}));
  n.weight(ints("y", {3, 2}, {2, 3, 5, 7, 0, 9}));
  n.node("ScatterND", {"x", "i", "y"}, {"z"}).with("reduction", "mul");
  EXPECT_EQ(value(n).i, (Sizes{0, 18, 30, 84}));
}

// As ONNX Runtime does: PyTorch writes index_add with such indices.
TEST_F(OnnxOperators, PutsTheLastOfRowsThatAreNamedTwice) {
  Net n = net();
  n.weight(floats("x", {4}, {1, 2, 3, 4})).output("z", {"4"});
  n.weight(floats("y", {4}, {5, 6, 7, 8}));
  Net known = n, given = n;
  known.weight(ints("i", {4, 1}, {1, 1, 3, -3}));
  known.node("ScatterND", {"x", "i", "y"}, {"z"});
  EXPECT_EQ(value(known).f, (Reals{1, 8, 3, 7}));
  given.input("at", {"4"}).node("Cast", {"at"}, {"i"}).with("to", 7);
  given.node("ScatterElements", {"x", "i", "y"}, {"z"});
  EXPECT_EQ(value(given, {{1, 1, 3, -3}}).f, (Reals{1, 8, 3, 7}));
}

TEST_F(OnnxOperators, RefusesReductionsThatItDoesNotKnow) {
  Net n = net();
  n.weight(ints("x", {2}, {1, 2})).weight(ints("i", {1, 1}, {0}));
  n.weight(ints("y", {1}, {5})).output("z", {"2"}, 7);
  n.node("ScatterND", {"x", "i", "y"}, {"z"}).with("reduction", "median");
  EXPECT_EQ(failure(n), "reduction is 'median'");
}

TEST_F(OnnxOperators, TakesTheSmallestOfAllIntegers) {
  Net n = net();
  n.weight(ints("x", {4}, {INT64_MIN, 5, INT64_MIN, INT64_MAX}));
  n.weight(ints("k", {1}, {3})).output("at", {"3"}, 7);
  n.node("TopK", {"x", "k"}, {"y", "at"}).with("largest", 0);
  EXPECT_EQ(value(n).i, (Sizes{0, 2, 1}));
}

/// alpha 1 and beta 1, so that the sums can be read off.
TEST_F(OnnxOperators, NormalizesByOneMoreChannelAfterIt) {
  Net n = net();
  n.input("x", {"1", "3", "1"}).output("y", {"1", "3", "1"});
  n.node("LRN", {"x"}, {"y"}).with("size", 2).with("alpha", 2.0f);
  n.with("beta", 1.0f);
  Reals y = value(n, {{1, 2, 3}}).f, want = {1.0 / 6, 2.0 / 14, 3.0 / 10};
  for (size_t i = 0; i < 3; ++i)
    EXPECT_NEAR(y[i], want[i], 1e-6);
}

TEST_F(OnnxOperators, ComputesInverseFunctions) {
  struct Case {
    const char *op;
    double (*want)(double);
    Reals x;
  };
  Reals some = {-1e30, -30, -2.5, -0.7, -1e-4, 0, 0.3, 0.9, 1.7, 88.9};
  Reals unit = {-1, -0.99, -0.5, -1e-5, 0, 0.3, 0.7, 1};
  Reals small = {-89, -3, -0.9, -1e-5, 0, 0.4, 1.1, 89.2};
  for (const Case &each :
       {Case{"Atan", std::atan, some}, Case{"Asinh", std::asinh, some},
        Case{"Asin", std::asin, unit}, Case{"Acos", std::acos, unit},
        Case{"Atanh", std::atanh, unit}, Case{"Sinh", std::sinh, small},
        Case{"Cosh", std::cosh, small},
        Case{"Acosh", std::acosh, {1, 1.001, 2, 1e30}}}) {
    Net n(22);
    std::string size = std::to_string(each.x.size());
    n.input("x", {size}).output("y", {size}).node(each.op, {"x"}, {"y"});
    Reals y = value(n, {each.x}).f;
    for (size_t i = 0; i < y.size(); ++i) {
      double want = each.want(each.x[i]);
      if (std::isinf(want))
        EXPECT_EQ(y[i], want) << each.op << " of " << each.x[i];
      else
        EXPECT_NEAR(y[i], want, 1e-6 * std::abs(want) + 1e-12)
            << each.op << " of " << each.x[i];
    }
  }
}

TEST_F(OnnxOperators, FindsUniqueRowsInTheirOrder) {
  Net n = net();
  n.weight(ints("x", {3, 2}, {5, 1, 2, 9, 5, 1})).output("at", {"3"}, 7);
  n.node("Unique", {"x"}, {"y", "first", "at"}).with("axis", 0);
  n.with("sorted", 0);
  EXPECT_EQ(value(n).i, (Sizes{0, 1, 0}));
}

TEST_F(OnnxOperators, BroadcastsFromAnAxisBeforeOpset7) {
  Net n = net(6);
  n.weight(ints("x", {2, 2}, {1, 2, 3, 4})).weight(ints("y", {2}, {10, 20}));
  n.output("z", {"2", "2"}, 7).node("Add", {"x", "y"}, {"z"});
  EXPECT_EQ(failure(n), "shapes differ, and 'broadcast' is not set");
  n.with("broadcast", 1).with("axis", 0);
  EXPECT_EQ(value(n).i, (Sizes{11, 12, 23, 24}));
}

TEST_F(OnnxOperators, ComputesDeterminants) {
  Net n = net(22);
  n.input("x", {"3", "3", "3"}).output("y", {"3"}).node("Det", {"x"}, {"y"});
  // A row to swap, a singular matrix, one with rows of other sizes.
  Reals y = value(n, {{0,   2, 1, 3, 4,    5, 6, 7, 9, //
                       1,   2, 3, 2, 4,    6, 7, 8, 9, //
                       1e3, 0, 0, 0, 1e-3, 0, 5, 6, 2}})
                .f;
  EXPECT_NEAR(y[0], 3, 1e-12);
  EXPECT_EQ(y[1], 0);
  EXPECT_NEAR(y[2], 2, 1e-12);
  n = net(22);
  n.input("x", {"65", "65"}).output("y", {}).node("Det", {"x"}, {"y"});
  EXPECT_EQ(failure(n),
            "the determinant of a matrix of 65 rows is not supported");
}

/// Against the sums of the definition, of 3 of 5 frequencies, too.
TEST_F(OnnxOperators, InvertsTransforms) {
  Reals x = {1, -2, 0.5, 3, 4}, re(5), im(5);
  for (size_t k = 0; k < 5; ++k)
    for (size_t i = 0; i < 5; ++i) {
      re[k] += x[i] * std::cos(2 * M_PI * double(i * k) / 5);
      im[k] -= x[i] * std::sin(2 * M_PI * double(i * k) / 5);
    }
  for (size_t count : {5, 3}) {
    Reals given;
    for (size_t k = 0; k < count; ++k)
      given.insert(given.end(), {re[k], im[k]});
    std::string size = std::to_string(count);
    Net n = net(20);
    n.input("x", {"1", size, "2"}).output("y", {"1", "5", "N"});
    n.weight(ints("n", {}, {5}));
    n.node("DFT", {"x", "n"}, {"y"}).with("inverse", 1);
    n.with("onesided", count == 3);
    RefTensor y = value(n, {given});
    size_t parts = count == 3 ? 1 : 2;
    ASSERT_EQ(y.shape, (Sizes{1, 5, int64_t(parts)}));
    for (size_t i = 0; i < 5; ++i)
      EXPECT_NEAR(y.f[i * parts], x[i], 1e-6) << i;
  }
}

/// Against the sums of the definition: each radix, several of them, primes that
/// are products with a matrix, of real and complex signals.
TEST_F(OnnxOperators, TransformsSignalsOfEachLength) {
  for (size_t size : {1, 2, 3, 4, 8, 10, 11, 13, 17, 36, 38, 60, 64})
    for (size_t parts : {1, 2}) {
      Reals x(2 * size * parts);
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = std::sin(double(i * i)) + 0.25;
      Net n = net(20);
      std::string sizeText = std::to_string(size);
      n.input("x", {"2", sizeText, std::to_string(parts)});
      n.output("y", {"2", sizeText, "2"}).node("DFT", {"x"}, {"y"});
      Reals y = value(n, {x}).f;
      for (size_t row = 0; row < 2; ++row)
        for (size_t k = 0; k < size; ++k) {
          std::complex<double> want = 0;
          for (size_t i = 0; i < size; ++i) {
            size_t at = (row * size + i) * parts;
            want += std::complex(x[at], parts == 2 ? x[at + 1] : 0) *
                    std::polar(1.0, -2 * M_PI * double(i * k) / double(size));
          }
          size_t at = 2 * (row * size + k);
          EXPECT_NEAR(y[at], want.real(), 2e-6 * double(size)) << size;
          EXPECT_NEAR(y[at + 1], want.imag(), 2e-6 * double(size)) << size;
        }
    }
}

/// A shorter signal is followed by zeros, of a longer one the first part
/// counts.
TEST_F(OnnxOperators, TransformsToTheLengthGiven) {
  Reals x = {1, -2, 0.5, 3};
  for (int64_t length : {3, 6}) {
    Net n = net(20);
    n.input("x", {"1", "4", "1"}).output("y", {"1", "N", "2"});
    n.weight(ints("n", {}, {length}));
    n.node("DFT", {"x", "n"}, {"y"}).with("onesided", 1);
    RefTensor y = value(n, {x});
    ASSERT_EQ(y.shape, (Sizes{1, length / 2 + 1, 2}));
    for (size_t k = 0; k < y.f.size() / 2; ++k) {
      std::complex<double> want = 0;
      for (int64_t i = 0; i < std::min<int64_t>(length, 4); ++i)
        want += x[size_t(i)] * std::polar(1.0, -2 * M_PI * double(k) *
                                                   double(i) / double(length));
      EXPECT_NEAR(y.f[2 * k], want.real(), 1e-5);
      EXPECT_NEAR(y.f[2 * k + 1], want.imag(), 1e-5);
    }
  }
}

TEST_F(OnnxOperators, RefusesTransformsThatTakeTooMuch) {
  // Prime and too long for a matrix; too long.
  for (const char *size : {"4099", "2097152"}) {
    Net n = net(20);
    n.input("x", {"1", size, "1"}).output("y", {"1", size, "2"});
    n.node("DFT", {"x"}, {"y"});
    EXPECT_EQ(failure(n),
              "a transform of " + std::string(size) + " is not supported");
  }
}

/// A plane is its value at the middle of each bin, whatever the samples.
TEST_F(OnnxOperators, AveragesRegionsOfAPlane) {
  Reals plane;
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 8; ++x)
      plane.push_back(2 * y + 3 * x);
  for (int ratio : {0, 1, 3}) {
    Net n = net(16);
    n.input("x", {"1", "1", "6", "8"}).output("y", {"1", "1", "2", "2"});
    n.weight(floats("rois", {1, 4}, {2, 1, 12, 9}));
    n.weight(ints("image", {1}, {0}));
    n.node("RoiAlign", {"x", "rois", "image"}, {"y"});
    n.with("output_height", 2).with("output_width", 2);
    n.with("sampling_ratio", ratio).with("spatial_scale", 0.5f);
    // From (0, 0.5) to (4, 5.5): bins 2 high and 2.5 wide.
    Reals y = value(n, {plane}).f;
    Reals want = {2 * 1 + 3 * 1.75, 2 * 1 + 3 * 4.25, 2 * 3 + 3 * 1.75,
                  2 * 3 + 3 * 4.25};
    for (size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(y[i], want[i], 1e-5) << ratio;
  }
}

TEST_F(OnnxOperators, NeedsRegionsOrASamplingRatio) {
  Net n = net(16);
  n.input("x", {"1", "1", "6", "8"}).output("y", {"1", "1", "1", "1"});
  n.input("rois", {"1", "4"}).weight(ints("image", {1}, {0}));
  n.node("RoiAlign", {"x", "rois", "image"}, {"y"});
  EXPECT_EQ(failure(n), "regions that are not known before the model runs are "
                        "not supported without a sampling_ratio");
}

/// [2, 4, 1] with 3 new places a sample, the second sample's around the end.
TEST_F(OnnxOperators, WritesAroundTheEndOfACache) {
  Net n = net(24);
  n.input("x", {"2", "4", "1"}).input("u", {"2", "3", "1"});
  n.weight(ints("at", {2}, {0, 2})).output("y", {"2", "4", "1"});
  n.node("TensorScatter", {"x", "u", "at"}, {"y"}).with("mode", "circular");
  EXPECT_EQ(value(n, {{0, 1, 2, 3, 4, 5, 6, 7}, {10, 11, 12, 20, 21, 22}}).f,
            (Reals{10, 11, 12, 3, 22, 5, 20, 21}));
}

/// Running sums of a batch, one sample shorter and from its end.
TEST_F(OnnxOperators, ScansABatch) {
  Net n = net(8);
  n.weight(ints("lengths", {2}, {3, 2}))
      .input("s", {"2"})
      .input("x", {"2", "3"});
  n.output("z", {"2", "3"});
  n.node("Scan", {"lengths", "s", "x"}, {"y", "z"}).with("num_scan_inputs", 1);
  auto *node = n.model.mutable_graph()->mutable_node(0);
  auto *backward = node->add_attribute();
  backward->set_name("directions");
  backward->set_type(7);
  backward->add_ints(1);
  auto *body = node->add_attribute();
  body->set_name("body");
  body->set_type(5);
  pb::Graph &graph = *body->mutable_g();
  Net::declare(*graph.add_input(), "sum", {}, 1);
  Net::declare(*graph.add_input(), "each", {}, 1);
  auto *sum = graph.add_node();
  sum->set_op_type("Add");
  sum->add_input("sum");
  sum->add_input("each");
  sum->add_output("next");
  Net::declare(*graph.add_output(), "next", {}, 1);
  Net::declare(*graph.add_output(), "next", {}, 1);
  EXPECT_EQ(value(n, {{100, 200}, {1, 2, 3, 4, 5, 6}}).f,
            (Reals{103, 105, 106, 205, 209, 0}));
}

/// Classes of probability 0, 3/4 and 1/4.
TEST_F(OnnxOperators, DrawsClasses) {
  Net n = net(22);
  n.input("x", {"1", "3"}).output("y", {"1", "4000"}, 6);
  n.node("Multinomial", {"x"}, {"y"}).with("sample_size", 4000);
  Sizes y = value(n, {{-INFINITY, std::log(3.0), 0}}).i;
  auto share = [&](int64_t each) {
    return double(std::count(y.begin(), y.end(), each)) / 4000;
  };
  EXPECT_EQ(share(0), 0);
  EXPECT_NEAR(share(1), 0.75, 0.03);
  EXPECT_EQ(share(1) + share(2), 1);
}

TEST_F(OnnxOperators, CountsPartsOfStrings) {
  auto split = [&](const char *delimiter, int64_t most) {
    Net n = net(20);
    pb::Tensor x;
    x.set_name("x");
    x.set_data_type(8);
    x.add_dims(4);
    for (const char *text : {" a  b c ", "a,b", "", ",,"})
      x.add_string_data(text);
    n.weight(x).output("z", {"4"}, 7);
    n.node("StringSplit", {"x"}, {"y", "z"}).with("maxsplit", most);
    n.with("delimiter", delimiter);
    return value(n).i;
  };
  EXPECT_EQ(split("", -1), (Sizes{3, 1, 0, 1}));
  EXPECT_EQ(split("", 1), (Sizes{2, 1, 0, 1}));
  EXPECT_EQ(split(",", -1), (Sizes{1, 2, 1, 3}));
  EXPECT_EQ(split(",", 1), (Sizes{1, 2, 1, 2}));
}

/// Numbers by keys, one that is none, too.
TEST_F(OnnxOperators, EncodesNumbers) {
  Net n = net();
  n.weight(ints("x", {2, 2}, {7, 3, 5, 3})).output("y", {"2", "2"});
  n.node("LabelEncoder", {"x"}, {"y"}).with("default_float", 0.5f);
  pb::Node &node = *n.model.mutable_graph()->mutable_node(0);
  node.set_domain("ai.onnx.ml");
  auto *set = n.model.add_opset_import();
  set->set_domain("ai.onnx.ml");
  set->set_version(2);
  auto *keys = node.add_attribute();
  keys->set_name("keys_int64s");
  keys->set_type(7);
  for (int64_t key : {3, 7})
    keys->add_ints(key);
  auto *values = node.add_attribute();
  values->set_name("values_floats");
  values->set_type(6);
  for (float value : {1.5f, -2.0f})
    values->add_floats(value);
  EXPECT_EQ(value(n).f, (Reals{-2, 1.5, 0.5, 1.5}));
}

TEST_F(OnnxOperators, RefusesTensorsOfMoreThanThereCanBe) {
  Net n = net();
  n.input("x", {"100"}).output("y", {"N"});
  n.weight(ints("r", {1}, {int64_t(1) << 60}));
  n.node("Tile", {"x", "r"}, {"y"});
  EXPECT_EQ(failure(n),
            "a tensor of shape [1152921504606846976, 100] is too large");
  n = net();
  n.weight(ints("s", {2}, {int64_t(1) << 30, int64_t(1) << 20}));
  n.output("y", {"M", "N"}).node("ConstantOfShape", {"s"}, {"y"});
  EXPECT_EQ(failure(n), "a tensor of shape [1073741824, 1048576] is too large");
}

TEST_F(OnnxOperators, TakesConditionsOfTruths) {
  Net n = net();
  n.weight(floats("x", {2}, {1, 2})).weight(floats("is", {2}, {0, 1}));
  n.output("y", {"N"}).node("Compress", {"x", "is"}, {"y"});
  EXPECT_EQ(failure(n), "input 1 is f32[2], not integers");
}

TEST_F(OnnxOperators, RefusesWindowsThatAreTooLong) {
  Net n = net(22);
  n.input("x", {"1", "1", "3000000000"}).output("y", {"1", "1", "N"});
  n.node("AveragePool", {"x"}, {"y"}).with("auto_pad", "VALID");
  auto *kernel = n.model.mutable_graph()->mutable_node(0)->add_attribute();
  kernel->set_name("kernel_shape");
  kernel->set_type(7);
  kernel->add_ints(2);
  EXPECT_EQ(failure(n),
            "windows over more than 67108864 places are not supported");
}

/// A model with the operators of the preview of training.
Net training() {
  Net n = net(12);
  auto *preview = n.model.add_opset_import();
  preview->set_domain("ai.onnx.preview.training");
  preview->set_version(1);
  return n;
}

Net &gradient(Net &n, const Strings &given, const std::string &result) {
  n.node("Gradient", given, {result});
  auto *nodes = n.model.mutable_graph()->mutable_node();
  nodes->rbegin()->set_domain("ai.onnx.preview.training");
  return n;
}

/// y = sum of x^3 z: by x 3 x^2 z; that once more, 6 x z.
TEST_F(OnnxOperators, DifferentiatesByAnOperator) {
  for (bool isSecond : {false, true}) {
    Net n = training();
    n.input("x", {"3"}).input("z", {"3"});
    n.output(isSecond ? "ddx" : "dx", {"3"});
    n.node("Mul", {"x", "x"}, {"square"})
        .node("Mul", {"square", "x"}, {"cube"});
    n.node("Mul", {"cube", "z"}, {"y"});
    gradient(n, {"x", "z"}, "dx").with("xs", Strings{"x"});
    n.with("zs", Strings{"z"}).with("y", "y");
    if (isSecond)
      gradient(n, {"x"}, "ddx").with("xs", Strings{"x"}).with("y", "dx");
    Reals x = {1, -2, 0.5}, z = {3, 0.25, -7}, y = value(n, {x, z}).f;
    for (size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(y[i], isSecond ? 6 * x[i] * z[i] : 3 * x[i] * x[i] * z[i],
                  1e-5);
  }
}

TEST_F(OnnxOperators, RefusesGradientsOfAnotherRun) {
  auto said = [&](const Strings &given, const Strings &constants,
                  const char *y) {
    Net n = training();
    n.input("x", {"3"}).input("z", {"3"}).output("dx", {"3"});
    n.node("Exp", {"x"}, {"e"}).node("Mul", {"e", "z"}, {"y"});
    gradient(n, given, "dx").with("xs", Strings{"x"}).with("y", y);
    if (!constants.empty())
      n.with("zs", constants);
    return failure(n);
  };
  EXPECT_EQ(said({"z"}, {}, "y"),
            "an input other than 'x' in its place is not supported");
  EXPECT_EQ(said({"x", "e"}, {"e"}, "y"),
            "a constant of 'zs' that depends on 'xs' is not supported");
  EXPECT_EQ(said({"x"}, {}, "w"), "no earlier node gives 'w'");
  EXPECT_EQ(said({"x"}, {}, "y"), "");
}

} // namespace
