// What an artifact says about itself: the C structs of varve-c/Artifact.h with
// owned strings and vectors. The pipeline fills it, the emitter turns it into
// the constant `varve_artifact_v1`. Standard library only.
#ifndef VARVE_CODEGEN_ARTIFACTDESCRIPTION_H
#define VARVE_CODEGEN_ARTIFACTDESCRIPTION_H

#include "varve/Tensor.h"
#include <string>
#include <vector>

namespace varve {

/// An argument or result of a function.
struct TensorDescription {
  std::string name;
  varve_argument kind = VARVE_ARG_INPUT;
  DType type = DType::F32;
  std::vector<int64_t> shape; ///< -1: a leading dimension known at run time
  double defaultValue = 0;    ///< of a hyperparameter
};

/// A state variable, see varve_state_desc for the meaning of the layout.
struct StateDescription {
  std::string name, of;
  varve_role role = VARVE_PARAM;
  DType type = DType::F32;
  std::vector<int64_t> shape; ///< canonical
  std::vector<int64_t> perm;  ///< empty: the identity
  int64_t panel = 0;
  /// Empty, or the part that functions see: its offsets, then its sizes.
  std::vector<int64_t> window;
  int64_t bytes = 0; ///< of the physical buffer; 0: shape times element size
  varve_init init = VARVE_INIT_CONSTANT;
  double a = 0, b = 0;
};

struct FunctionDescription {
  std::string name;   ///< "train_step"
  std::string symbol; ///< of the function in the module
  int64_t batch = 0;
  int64_t arenaBytes = 0;
  int64_t flops = 0;
  std::string memory; ///< JSON: peaks of the arena by stage and phase
  /// The state variable behind each of the function's leading operands;
  /// empty: all of them in the order of the table.
  std::vector<int64_t> stateOperands;
  std::vector<TensorDescription> inputs, results;
};

struct ArtifactDescription {
  std::string name, digest, compiler, manifest;
  std::vector<StateDescription> states;
  std::vector<FunctionDescription> functions;
};

} // namespace varve
#endif
