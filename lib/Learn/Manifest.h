// The manifest of an artifact: what training and evaluation need to know
// beyond the functions' signatures. JSON; absent keys are defaults.
#ifndef VARVE_LEARN_MANIFEST_H
#define VARVE_LEARN_MANIFEST_H

#include "Data/DataSpec.h"
#include "varve/Result.h"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// A field of the data set as the compiled step reads it.
using ManifestField = FieldSpec;

struct Manifest {
  std::string model;

  using Data = DataSpec;

  struct Train {
    Data data;
    int64_t batch = 0;
    int64_t accumulate = 1;        ///< batches to a step
    int64_t epochs = 0, steps = 0; ///< one of them; both 0: one epoch
    int64_t seed = 0;
    double validate = 0;
    int64_t patience = 0;
    std::string monitor;
    int64_t checkpointEvery = 0;
    std::string initFrom;
    std::vector<std::string> losses, metrics;
    /// Of greedy learning: stages in their order, the epochs of each.
    std::vector<std::string> stages;
    std::vector<int64_t> stageEpochs;
    /// Of greedy learning: what frozen stages give is computed once.
    int64_t cache = 0;
  };
  std::optional<Train> train; ///< absent: the program is not trained

  /// What other programs call our variables: the first rule whose `ours`
  /// matches a name gives theirs; others keep theirs.
  struct NameMap {
    std::string name; ///< "torchvision"
    std::vector<std::string> ours, theirs;
  };
  std::vector<NameMap> names; ///< in the order of the model file

  /// A layer of the model that no other contains, in the order of the text.
  struct Layer {
    std::string name, type;    ///< of its value: "f32[128, 10]"
    std::vector<int64_t> from; ///< the layers whose values it reads
  };
  std::vector<Layer> graph;

  /// A part of the model that learns by itself.
  struct Stage {
    std::string name;
    std::vector<std::string> layers;
  };
  std::vector<Stage> stages; ///< empty: it learns end to end
  /// What a layer of the text gives, at the batch of the artifact.
  struct LayerValue {
    std::string name;
    DType type = DType::F32;
    std::vector<int64_t> shape;
  };
  std::vector<LayerValue> layers; ///< in the order of the text

  /// What `infer` says about writing text.
  struct Generate {
    std::string input, output; ///< the tokens so far; logits of the next ones
    std::string tokenizer;     ///< as the language prints it
    double temperature = 1, topP = 1;
    int64_t topK = 0, max = 256;
    int64_t begin = -1, end = -1; ///< tokens; -1: none
  };
  std::optional<Generate> generate;

  /// A low-rank update: weight + scale * b a stands in place of a matrix, the
  /// product transposed where its columns are what comes out.
  struct Adapter {
    std::string weight, a, b;
    double scale = 1;
    int64_t transposed = 0;
  };
  std::vector<Adapter> adapters;
  /// Parameters that do not learn, where there are adapters.
  std::vector<std::string> frozen;

  /// Variables whose first values come from networks of other files.
  struct Imports {
    /// A file, as the model's text has it, and what its weights' names get in
    /// front, with a dot; `keys` are all such variables.
    std::vector<std::string> files, prefixes, keys;
    /// Those that training moves and that are no parameters.
    std::vector<std::string> moving;
    /// Not 0: the model is the network, and nothing else.
    int64_t whole = 0;
  };
  std::optional<Imports> imports;

  std::map<std::string, double> hyper;
  std::map<std::string, std::vector<std::string>> labels; ///< of outputs
  /// What the numbers that "find_nan" gives stand for.
  std::vector<std::string> operations;
};

/// Fails on what is no JSON or has values of wrong kinds.
Result<Manifest> parseManifest(std::string_view json);

} // namespace varve
#endif
