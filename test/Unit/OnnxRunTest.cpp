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

} // namespace
