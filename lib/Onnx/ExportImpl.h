// The exporter: it goes through the operations of a function in order, each by
// its entry in the table, and keeps the name of every value. One object makes
// one model.
#ifndef VARVE_ONNX_EXPORTIMPL_H
#define VARVE_ONNX_EXPORTIMPL_H

#include "Onnx/Export.h"
#include "Onnx/ExportCall.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include <set>

namespace varve::onnx {

class Exporter {
public:
  Exporter(ProgramOp program, ExportRequest request)
      : program(program), request(std::move(request)), graph(&model.graph) {}
  Result<Model> run();

  /// The name of a value, whole.
  std::string nameOf(mlir::Value value);
  /// The name of a value that lacks repetitions along axes, and its shape,
  /// which broadcasts to the value's.
  std::pair<std::string, Ints> partOf(mlir::Value value);
  void setName(mlir::Value value, std::string name) {
    names[value] = std::move(name);
  }
  /// The graph of a region whose arguments have names; its outputs are what
  /// the region yields.
  Graph region(mlir::Region &region, llvm::ArrayRef<std::string> arguments);
  /// The same in the graph that is being built: the names of what is yielded.
  Names inlined(mlir::Region &region, llvm::ArrayRef<std::string> arguments);

  /// The bodies of loops; `counted`: with one more slice, which says nothing.
  Graph scanBody(ScanOp op, const Names &constants, bool counted);
  Graph loopBody(WhileOp op, const Names &constants);

  /// A node of the graph that is being built.
  Names addNode(mlir::Operation *of, const char *op, Names inputs,
                llvm::ArrayRef<bool> wanted, std::vector<Setting> settings);
  std::string addConstant(TensorData tensor);
  /// A name that nothing has.
  std::string unique(const std::string &base);
  static ValueInfo infoOf(const std::string &name, mlir::RankedTensorType type);

private:
  void bindInputs();
  void bindState();
  void giveResults();
  bool expandOperations();
  void exportBlock(mlir::Block &block);
  void exportOperation(mlir::Operation &op);
  void addOutput(mlir::Value value, const std::string &name);
  void reserve(const std::string &name, const std::string &what);
  void error(const std::string &message, bool unsupported = true);

  ProgramOp program;
  ExportRequest request;
  FuncOp func;
  Model model;
  Graph *graph; ///< nodes go there

  llvm::DenseMap<mlir::Value, std::string> names;
  llvm::DenseMap<mlir::Value, std::pair<std::string, Ints>> parts;
  std::set<std::string> taken;
  llvm::StringMap<unsigned> counts;
  llvm::StringMap<std::string> constants; ///< by type, sizes and bytes
  /// Names of the main graph's nodes that outputs take over.
  std::map<std::string, std::string> renamed;
  std::vector<std::string> errors;
  bool onlyRefusals = true;
};

} // namespace varve::onnx
#endif
