// Random programs of the varve dialect: the same program for the same seed, on
// every machine.
#ifndef VARVE_TEST_PROPERTY_RANDOMPROGRAM_H
#define VARVE_TEST_PROPERTY_RANDOMPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "varve/Reference/Reference.h"

namespace varve {

/// A program with one function @train_step that learns, and values to run it
/// on.
struct RandomProgram {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::SmallVector<RefTensor> inputs;
  /// What a session that is initialized with the same seed begins with.
  RefState state;
  uint64_t seed;

  FuncOp function() const;
};

/// Two to five parameters and 10 to 30 operations that end in a scalar loss.
/// Each value is of moderate size, and none lies where a function jumps or has
/// a pole: what f32 rounds off changes little.
/// `exact` ones have a value by the numeric contract (evaluateContract), and so
/// have their gradients.
RandomProgram makeRandomProgram(mlir::MLIRContext &context, uint64_t seed,
                                bool exact = false);

} // namespace varve
#endif
