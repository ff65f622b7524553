// Optimizers: which slots each needs and the formula of its step.
#ifndef VARVE_LIB_TRANSFORMS_OPTIMIZER_H
#define VARVE_LIB_TRANSFORMS_OPTIMIZER_H

#include "varve/Dialect/Varve/Varve.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace varve {

/// The static shape of an optimizer: what the text's values decide. Whether a
/// momentum or a decay is zero changes the program; its size does not.
struct OptimizerKind {
  enum Name { Sgd, Adam, AdamW, RmsProp, Adagrad } name = Sgd;
  bool momentum = false, nesterov = false, decay = false;

  /// From a `train` dictionary: what its `optimizer` or one of its `groups`
  /// asks for. Fails with a diagnostic at `loc`.
  static mlir::FailureOr<OptimizerKind> get(mlir::Location loc,
                                            mlir::DictionaryAttr train);
  /// The kind that updates this parameter: its stage's, if that has its own.
  static mlir::FailureOr<OptimizerKind> of(mlir::Location loc,
                                           mlir::DictionaryAttr train,
                                           llvm::StringRef parameter);
  /// The slots of each parameter: "m", "v", ...
  llvm::SmallVector<llvm::StringRef> slots() const;
};

/// State of f16: the loss is multiplied by it before it is differentiated.
inline constexpr llvm::StringRef kLossScale = "step:loss_scale";
/// How many steps were without overflow since it last changed.
inline constexpr llvm::StringRef kFiniteSteps = "step:finite_steps";

/// What one parameter's step reads. Scalars are f32[].
struct StepInputs {
  mlir::Value parameter, gradient;
  llvm::SmallVector<mlir::Value> slots;
  mlir::Value step; ///< i64[], this step's number from 1
  mlir::Value lr;   ///< with the schedule's factor
  /// The hyperparameter of this name: "eps", "betas[0]".
  llvm::function_ref<mlir::Value(llvm::StringRef)> hyper;
};

/// Builds the new value of the parameter, then those of its slots. Formulas
/// and order of operations are PyTorch's.
llvm::SmallVector<mlir::Value> buildStep(mlir::ImplicitLocOpBuilder &b,
                                         const OptimizerKind &kind,
                                         const StepInputs &in);

} // namespace varve
#endif
