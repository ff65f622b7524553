// From the text of a model to the varve dialect: one function at one binding
// of the dimensions, with all state that the model has.
#ifndef VARVE_LANGUAGE_IMPORT_H
#define VARVE_LANGUAGE_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "varve/Dialect/Varve/Network.h"
#include "varve/Result.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace varve {

struct ImportRequest {
  /// Of the main file: shown in diagnostics, and its folder is where `use`
  /// and `labels` look.
  std::string path;
  std::string text;
  /// `KEY=EXPR` of the command line, in order.
  std::vector<std::string> set;
  /// "train_step", in greedy learning also "train_step:STAGE" for each stage
  /// but the first; "train_batch" is the same step on a batch that lies ready,
  /// gathered and prepared; "eval_step"; "infer" takes the model's inputs, and
  /// "infer_stored" samples as the data set stores them, through `prepare`;
  /// "generate" is "infer" of what text is written from, on as many tokens as
  /// "generate:16" says; "prepare" gives what training makes of stored samples;
  /// "stage_input:STAGE" what the stages below a greedy one make of them.
  std::string function = "train_step";
  bool trains() const {
    return function.compare(0, function.find(':'), "train_step") == 0 ||
           function == "train_batch";
  }
  bool infers() const { return function == "infer_stored" || isAlone(); }
  /// Whether it needs no `train` block.
  bool isAlone() const { return function == "infer" || generates(); }
  bool generates() const {
    return function.compare(0, function.find(':'), "generate") == 0;
  }
  /// Samples in a batch; 0: what the file says, to infer 1.
  int64_t batch = 0;
  /// The model, where the file has several to choose from.
  std::string model;
  /// Sizes of dimensions that the data does not bind (`--dim T=128`).
  std::map<std::string, int64_t> dims;
  /// Reads what `import` names; without it, that is refused.
  NetworkReader readNetwork;
  /// Inference is on matrices that have their low-rank updates inside.
  bool updatesMerged = false;
};

struct ImportedProgram {
  /// Holds one `varve.program` with all state and the requested function.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// The files that were read, without the main one.
  std::vector<std::string> files;
};

/// Fails with every diagnostic found: of kind Input where the text is wrong, of
/// kind Unsupported where it is right and no pass can compile it.
Result<ImportedProgram> importProgram(mlir::MLIRContext &context,
                                      const ImportRequest &request);

} // namespace varve
#endif
