// What the verbs that run a model share: its file, its settings, its data.
#ifndef VARVE_TOOLS_MODEL_H
#define VARVE_TOOLS_MODEL_H

#include "Data/DataSource.h"
#include "Driver/Artifacts.h"
#include "Learn/Program.h"
#include "Learn/Train.h"
#include "Learn/Weights.h"
#include "varve/Result.h"
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace varve::cli {

struct ModelArgs {
  std::string file;
  /// The text for a network: then `file` is the text, see takeConfig.
  std::string config, network;
  std::vector<std::string> sets, disabledPasses;
  int64_t threads = 0;
  bool json = false;
  bool profile = false;
};

struct DataArgs {
  std::string data, dataDir, tokenizer;
  int64_t limit = INT64_MAX;
  bool skipBad = false;
};

/// A model with its first function loaded.
struct Model {
  std::shared_ptr<Artifacts> artifacts;
  Program program;
  /// What `--set` gave that needs no compilation: values of the training loop
  /// and hyperparameters.
  TrainOptions settings;
};

/// Opens the model with a function at a batch size; 0 is what `--set batch`
/// says, else the model's. A setting that the compiled program takes at run
/// time is not given to the compiler.
Result<Model> openModel(const ModelArgs &args, const std::string &function,
                        int64_t batch);

/// Reads the weights in a file. Without one (""), those of imported networks
/// must be all that there are.
Result<LoadedWeights> openWeights(Program &program, const std::string &file);

/// Finds the data of a model that has a `train` block. `metadata` is what a
/// file of weights says of a text's tokenizer.
Result<DataSource>
openData(const ModelArgs &model, const DataArgs &args, const Manifest &manifest,
         const std::map<std::string, std::string> &metadata = {});

/// Reads a part of it; tells on stderr what was left out.
Result<Dataset> loadData(const DataSource &source, DataSplit split,
                         const DataArgs &args);

/// Reads each "NAME=FILE.npy" of a flag.
Result<std::vector<NamedTensor>>
readArrays(const std::string &flag, const std::vector<std::string> &texts);

/// Tensors by the names of a function's arguments.
using TensorsByName = std::map<std::string, const Tensor *>;

/// Runs a function on its inputs and returns its results in order. Each input
/// must be there, in its type and shape; a cotangent that is not there is zero,
/// as is what is neither.
Result<std::vector<Tensor>> callFunction(Program &program,
                                         const varve_function_desc &function,
                                         const TensorsByName &inputs,
                                         const TensorsByName &cotangents = {});

/// Shows the compiler's warnings on stderr, once.
void showWarnings(const Model &model);

} // namespace varve::cli
#endif
