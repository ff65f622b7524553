// `varve run` and `varve gradients` of ONNX models as their users meet them:
// the command line, the files that are written, and those that are not.
#include "CommandLine.h"
#include "OnnxNet.h"

using namespace varve;
using namespace varve::test;

namespace {

class OnnxRun : public CommandLine {
protected:
  /// `net.onnx`, and `x.pb`: 1, 2, 3.
  void write(const Net &net) {
    folder.write("net.onnx", net.model.SerializeAsString());
    folder.write("x.pb", floats("x", {3}, {1, 2, 3}).SerializeAsString());
  }
  int run(const std::string &arguments) {
    return varve("run net.onnx --output-dir out.d --input x=x.pb " + arguments);
  }
  bool exists(const std::string &name) const {
    return std::filesystem::exists(folder / name);
  }
};

TEST_F(OnnxRun, WritesAllOutputsOrNone) {
  pb::Tensor text;
  text.set_name("text");
  text.set_data_type(8);
  text.add_dims(1);
  text.add_string_data("a");
  write(Net(13)
            .input("x", {"3"})
            .weight(text)
            .node("Neg", {"x"}, {"y"})
            .node("Identity", {"text"}, {"z"})
            .output("y", {"3"})
            .output("z", {"1"}, 8));
  EXPECT_EQ(run(""), 2);
  EXPECT_NE(err.find("output 'z' is of strings"), std::string::npos) << err;
  EXPECT_FALSE(exists("out.d"));
  EXPECT_EQ(run("--format pb"), 0) << err;
  EXPECT_TRUE(exists("out.d/z.pb"));
}

TEST_F(OnnxRun, NoTwoOutputsHaveOneFile) {
  write(Net(13)
            .input("x", {"3"})
            .node("Neg", {"x"}, {"a/../b"})
            .node("Abs", {"x"}, {"a/_/b"})
            .output("a/../b", {"3"})
            .output("a/_/b", {"3"}));
  EXPECT_EQ(run(""), 1);
  EXPECT_EQ(err, "varve: error: 'a/../b' and 'a/_/b' would both be written as "
                 "'out.d/a/_/b.npy'\n");
  EXPECT_FALSE(exists("out.d"));
}

TEST_F(OnnxRun, NamesThatNoFileCanHaveAreAnError) {
  std::string name(300, 'n');
  write(Net(13).input("x", {"3"}).node("Neg", {"x"}, {name}).output(name,
                                                                    {"3"}));
  EXPECT_EQ(run(""), 1);
  EXPECT_EQ(err, "varve: error: the name '" + name +
                     "' is too long for a file\n");
  EXPECT_FALSE(exists("out.d"));
}

TEST_F(OnnxRun, AnInputIsGivenOnce) {
  write(Net(13).input("x", {"3"}).node("Neg", {"x"}, {"y"}).output("y", {"3"}));
  EXPECT_EQ(run(""), 0) << err;
  EXPECT_EQ(run("--input x=x.pb"), 1);
  EXPECT_EQ(err, "varve: error: --input x is given twice\n");
}

// What has no meaning for a model is a slip, not a setting to be dropped.
TEST_F(OnnxRun, FlagsThatChangeNothingAreRefused) {
  write(Net(13).input("x", {"N"}).node("Neg", {"x"}, {"y"}).output("y", {"N"}));
  EXPECT_EQ(run("--dim N=3"), 0) << err;
  EXPECT_EQ(run("--dim M=3"), 1);
  EXPECT_NE(err.find("no input has a size 'M'; there are: N\n"),
            std::string::npos)
      << err;
  EXPECT_EQ(run("--weights w.safetensors"), 64);
  EXPECT_EQ(varve("compile net.onnx -o out.onnx --batch 3"), 64);
  EXPECT_EQ(varve("compile net.onnx -o out.onnx --dim N=3"), 0) << err;
}

TEST_F(OnnxRun, ATextDoesNotReplaceTheModel) {
  write(Net(13).input("x", {"3"}).node("Neg", {"x"}, {"y"}).output("y", {"3"}));
  EXPECT_EQ(varve("import net.onnx -o net.onnx --weights w.safetensors"), 64);
  EXPECT_EQ(varve("import net.onnx -o net.varve --weights net.varve"), 64);
  EXPECT_FALSE(exists("net.varve"));
  EXPECT_EQ(run(""), 0) << err;
}

TEST_F(OnnxRun, InspectShowsNamesAndWhatLearns) {
  write(Net(13)
            .input("x", {"N", "2"})
            .weight(floats("onnx::MatMul_7", {2, 3}, {1, 2, 3, 4, 5, 6}))
            .weight(floats("mean", {3}, {0, 0, 0}))
            .weight(floats("one", {3}, {1, 1, 1}))
            .node("MatMul", {"x", "onnx::MatMul_7"}, {"h"})
            .node("BatchNormalization", {"h", "one", "mean", "mean", "one"},
                  {"y"})
            .output("y", {"N", "3"}));
  ASSERT_EQ(varve("inspect net.onnx --json"), 0) << err;
  nlohmann::json shown = lines()[0];
  EXPECT_EQ(shown["parameters"], 6);
  EXPECT_EQ(shown["inputs"].dump(),
            R"([{"name":"x","type":"f32[N, 2]"}])");
  EXPECT_EQ(shown["weights"][0].dump(),
            R"({"learned":true,"name":"weight","type":"f32[2, 3]"})");
  EXPECT_EQ(shown["weights"][1]["learned"], false);
  EXPECT_EQ(shown["nodes"][0].dump(),
            R"({"operator":"MatMul","path":"MatMul_1","values":["h"]})");
  ASSERT_EQ(varve("inspect net.onnx"), 0) << err;
  EXPECT_NE(out.find("net: 6 parameters, 2 nodes, opset 13"),
            std::string::npos)
      << out;
  EXPECT_EQ(varve("inspect x.pb.onnx"), 1);
  EXPECT_EQ(varve("inspect net.onnx --memory"), 64);
}

// PyTorch's exporter writes equal weights once and names them by Identity.
TEST_F(OnnxRun, InspectLooksBehindIdentity) {
  Net net(13);
  net.input("x", {"N", "2"})
      .weight(floats("onnx::MatMul_7", {2, 2}, {1, 2, 3, 4}))
      .weight(floats("ones", {2}, {1, 1}))
      .node("Identity", {"onnx::MatMul_7"}, {"onnx::MatMul_8"})
      .node("Identity", {"ones"}, {"var"})
      .node("MatMul", {"x", "onnx::MatMul_8"}, {"h"})
      .node("BatchNormalization", {"h", "ones", "ones", "ones", "var"}, {"y"})
      .output("y", {"N", "2"});
  net.model.mutable_graph()->mutable_node(2)->set_name("/encoder/fc/MatMul");
  write(net);
  ASSERT_EQ(varve("inspect net.onnx --json"), 0) << err;
  nlohmann::json weights = lines()[0]["weights"];
  EXPECT_EQ(weights[0]["name"], "encoder.fc.weight");
  EXPECT_EQ(weights[0]["learned"], true);
  EXPECT_EQ(weights[1]["learned"], false);
}

} // namespace
