// A network from elsewhere (an ONNX file) that becomes a part of a program: it
// builds itself into a function, and asks its host for state.
#ifndef VARVE_DIALECT_VARVE_NETWORK_H
#define VARVE_DIALECT_VARVE_NETWORK_H

#include "varve/Dialect/Varve/Varve.h"
#include "varve/Result.h"
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace varve {

/// The function that a network is built into.
class NetworkHost {
public:
  virtual ~NetworkHost() = default;
  /// The value of the state variable `key`; null after a fault of the host's.
  virtual mlir::Value variable(const std::string &key,
                               mlir::RankedTensorType type, bool learns) = 0;
  /// The program is right for the first value of this variable alone: it does
  /// not learn.
  virtual void keep(mlir::Value variable) = 0;
  /// Whether layers that tell training from evaluation are in training; nothing:
  /// as the network's file says. `weights` are those of the node being built.
  virtual std::optional<bool> training(mlir::ValueRange weights) = 0;
  /// From here on, and after a step, the variable has this value. False where
  /// it is no variable.
  virtual bool update(mlir::Value variable, mlir::Value value) = 0;
  /// What a random operation of the node being built takes: its numbers are
  /// others in each step.
  struct Draw {
    mlir::Value seed, step;
    int64_t stream = 0;
  };
  virtual Draw draw() = 0;
  /// What is built in between is one node; `value` is its first result, or
  /// null. Nodes do not nest.
  virtual void enterNode(const std::string &path) = 0;
  virtual void leaveNode(mlir::Value value) = 0;
};

class Network {
public:
  virtual ~Network() = default;

  /// A declared size: a number, a name, or neither.
  struct Size {
    int64_t size = -1;
    std::string name;
  };
  struct Port {
    std::string name;
    mlir::Type element; ///< null: no tensor of numbers
    std::optional<std::vector<Size>> shape; ///< nothing: of any rank
  };
  /// What is given in each call; weights are not.
  virtual std::vector<Port> inputs(mlir::MLIRContext &context) const = 0;
  virtual std::vector<Port> outputs(mlir::MLIRContext &context) const = 0;
  /// Every name that may be asked for as a result.
  virtual std::vector<std::string> values() const = 0;
  /// The files that it was read from.
  virtual std::vector<std::string> files() const = 0;

  struct Fault {
    std::string message;
    bool unsupported = false;
  };
  /// Builds what the values `wanted` depend on, at the end of the builder's
  /// block, with an input for each port. `results` has a value for each of
  /// them where no fault comes back.
  virtual std::vector<Fault>
  build(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::Value> inputs,
        llvm::ArrayRef<std::string> wanted, NetworkHost &host,
        llvm::SmallVectorImpl<mlir::Value> &results) const = 0;
};

/// Reads the network in a file.
using NetworkReader =
    std::function<Result<std::shared_ptr<const Network>>(const std::string &)>;

} // namespace varve
#endif
