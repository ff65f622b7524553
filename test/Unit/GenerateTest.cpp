// Texts, from a file to what is written behind a prompt: the command line and
// the real compiler.
#include "CommandLine.h"
#include "Support/Safetensors.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace varve;

namespace {

class Writing : public CommandLine {
protected:
  void SetUp() override {
    std::string text;
    for (int i = 0; i < 400; ++i)
      text += i % 3 ? "to be, or not to be.\n" : "what is to be?\n";
    folder.write("hamlet.txt", text);
    folder.write("cached.varve", model("cached: true"));
    folder.write("plain.varve", model("cached: false"));
  }

  /// One layer of attention; what it has seen is kept or read again.
  static std::string model(const std::string &how) {
    return R"(
block look_back(x: float[N, T, C], start: int[], context: int, cached: bool)
    -> float[N, T, C] {
  q = dense(x, C, bias: false) as query
  k = dense(x, C, bias: false) as key
  v = dense(x, C, bias: false) as value
  if cached {
    cache keys: float[N, context, C] = zeros
    cache values: float[N, context, C] = zeros
    keys = dynamic_update_slice(keys, k, start, axis: 1)
    values = dynamic_update_slice(values, v, start, axis: 1)
    k = keys
    v = values
    seen = range(context) <= unsqueeze(start + range(T), 1)
  } else {
    seen = range(T) <= unsqueeze(range(T), 1)
  }
  scores = q @ transpose(k, perm: [0, 2, 1]) * C ** -0.5
  return softmax(where(seen, scores, -1e9), axis: -1) @ v
}

model writer(tokens: i64[N, T], letters: int = 16, context: int = 64,
             width: int = 32, cached: bool = false) -> logits: f32[N, T, letters] {
  start = 0
  if cached {
    cache length: i64[] = 0
    start = length
    length = length + T
  }
  require start + T <= context, "the writer sees at most 64 tokens"
  x = embedding(tokens, letters, width) as letter
      + embedding(start + range(T), context, width) as place
  x = x + look_back(x, start, context, cached) as look
  return x |> dense(4 * width) as up |> relu |> dense(letters) as head
}

train writer {
  data text("hamlet.txt", tokenizer: characters, length: 64) { tokens: i64[64]  next: i64[64] }
  validate 0.1
  loss cross_entropy(logits, next)
  optimizer adam(lr: 3e-3)
  batch 16
  epochs 30
}

infer writer()" +
           how + R"() {
  tokenizer characters
  generate tokens from logits (max: 20, temperature: 0)
}
)";
  }
  void train() {
    ASSERT_EQ(varve("train plain.varve --out w.safetensors --json --threads 1"), 0) << err;
    loss = lines()[29]["val_loss"].get<double>();
  }
  std::string written(const std::string &arguments) {
    EXPECT_EQ(varve("generate " + arguments + " --weights w.safetensors"), 0)
        << err;
    return out;
  }

  double loss = 0;
};

TEST_F(Writing, FromAFileToAText) {
  train();
  EXPECT_LT(loss, 0.6);
  auto metadata = readSafetensorsMetadata(folder / "w.safetensors");
  ASSERT_TRUE(metadata);
  EXPECT_EQ(metadata->at("tokenizer"), "characters");
  EXPECT_EQ(metadata->at("characters"), "\n ,.?abehinorstw");
}

TEST_F(Writing, CachesWriteWhatReadingAgainWrites) {
  train();
  std::string again = written("plain.varve --prompt 'what is'");
  EXPECT_EQ(again.substr(0, 15), "what is to be?\n");
  EXPECT_EQ(again.size(), 7u + 20 + 1);
  EXPECT_EQ(written("cached.varve --prompt 'what is'"), again);
  // A prompt that is read in parts.
  std::string prompt = "what is to be?\nto be, or not to be.\nto";
  std::string flags = " --max-tokens 9 --prompt '" + prompt + "'";
  std::string read = written("plain.varve" + flags);
  EXPECT_EQ(read.substr(0, prompt.size() + 3), prompt + " be");
  EXPECT_EQ(written("cached.varve" + flags), read);
}

TEST_F(Writing, DrawsDependOnTheSeedAlone) {
  train();
  std::string flags =
      "cached.varve --prompt 't' --max-tokens 40 --temperature 1.5 ";
  std::string first = written(flags + "--seed 1 --threads 1");
  EXPECT_EQ(written(flags + "--seed 1 --threads 2"), first);
  EXPECT_NE(written(flags + "--seed 2"), first);
  EXPECT_EQ(written(flags + "--seed 2 --top-k 1"),
            written("cached.varve --prompt 't' --max-tokens 40"));
  EXPECT_EQ(written(flags + "--seed 2 --top-p 0"),
            written("cached.varve --prompt 't' --max-tokens 40"));
}

TEST_F(Writing, SaysWhatIsWrong) {
  train();
  std::string weights = " --weights w.safetensors";
  EXPECT_EQ(varve("generate plain.varve --prompt 'to bx'" + weights), 1);
  EXPECT_EQ(err, "varve: error: --prompt: line 1, column 5: 'x' (U+0078) is "
                 "none of the 16 characters that the model learnt\n");
  EXPECT_EQ(varve("generate plain.varve --prompt ''" + weights), 1);
  EXPECT_EQ(err, "varve: error: a text begins with a prompt of one token or "
                 "more\n");
  EXPECT_EQ(varve("generate cached.varve --max-tokens 100 --prompt to" +
                  weights),
            1);
  EXPECT_EQ(err, "varve: error: the writer sees at most 64 tokens\n");
  for (const char *flag : {"--temperature nan", "--top-p nan",
                           "--temperature inf", "--top-p 1.5", "--top-k -1"})
    EXPECT_EQ(varve(std::string("generate plain.varve --prompt to ") + flag +
                    weights),
              64)
        << flag;
  // Another text's characters are not those of the weights.
  folder.write("other.txt", std::string(400, 'x'));
  EXPECT_EQ(varve("eval plain.varve --data other.txt" + weights), 1);
  EXPECT_NE(err.find("other.txt: line 1, column 1: 'x'"), std::string::npos)
      << err;
  EXPECT_EQ(varve("eval plain.varve --data hamlet.txt" + weights), 0) << err;
}

// A vocabulary may be padded to a round size in the model.
TEST_F(Writing, DrawsTokensOfTheTokenizerAlone) {
  ASSERT_EQ(varve("train plain.varve --set model.letters=300 --epochs 1 "
                  "--out w.safetensors"),
            0)
      << err;
  std::string text = written("plain.varve --set model.letters=300 --prompt to "
                             "--temperature 100 --max-tokens 40");
  EXPECT_EQ(text.size(), 2u + 40 + 1);
  EXPECT_EQ(text.find_first_not_of("\n ,.?abehinorstw"), std::string::npos)
      << text;
}

TEST_F(Writing, LogitsThatAreNotFiniteEndTheText) {
  ASSERT_EQ(varve("train plain.varve --epochs 1 --out w.safetensors"), 0)
      << err;
  auto weights = readSafetensors(folder / "w.safetensors");
  ASSERT_TRUE(weights);
  std::vector<SafetensorsEntry> entries;
  for (auto &[name, tensor] : weights->tensors) {
    if (name == "head.bias")
      tensor.as<float>()[3] = NAN;
    entries.push_back({name, tensor.type, tensor.shape, tensor.data.data()});
  }
  ASSERT_TRUE(
      writeSafetensors(folder / "w.safetensors", entries, weights->metadata));
  EXPECT_EQ(varve("generate plain.varve --prompt to --weights w.safetensors"),
            1);
  EXPECT_NE(err.find("varve: error: no token can be drawn behind 2: the logits "
                     "'logits' are not finite\n"),
            std::string::npos)
      << err;
}

} // namespace
