// The importer: it runs the nodes of a graph in order, each by its entry in the
// table of operators, and keeps what every name stands for. One object makes
// one program.
#ifndef VARVE_ONNX_IMPORTIMPL_H
#define VARVE_ONNX_IMPORTIMPL_H

#include "Onnx/Import.h"
#include "Onnx/ImportCall.h"
#include "Onnx/Parameters.h"
#include "varve/Dialect/Varve/Network.h"
#include "varve/Reference/Reference.h"

namespace varve::onnx {

/// The names of a graph; those of the graph around it are seen through it.
struct Scope {
  const Scope *outer = nullptr;
  std::map<std::string, Datum> names;
  /// Operator sets, and attributes of the call where this is a function.
  const Opsets *opsets = nullptr;
  const std::map<std::string, NodeAttribute> *attributes = nullptr;
  int depth = 0;

  const Datum *find(const std::string &name) const;
};

/// "[N, 3]", "[?, 3]": a declared shape.
std::string shapeText(const std::vector<Dim> &shape);

class Importer {
public:
  Importer(mlir::MLIRContext &context, const ImportRequest &request)
      : context(context), request(request), builder(&context) {}
  Result<ImportedModel> run();
  /// Builds a part of a model into another program's function; see
  /// Network::build.
  std::vector<Network::Fault>
  runInto(std::shared_ptr<const Model> network,
          const std::map<std::string, Parameter> &known, NetworkHost &into,
          const mlir::OpBuilder &at, llvm::ArrayRef<mlir::Value> given,
          llvm::ArrayRef<std::string> wanted,
          llvm::SmallVectorImpl<mlir::Value> &results);

  /// The value of a tensor if it follows from constants, weights, and inputs
  /// whose values are given; the program is then made for those values.
  const RefTensor *known(mlir::Value value);
  /// The input for want of which the last value was not known, or "".
  const std::string &missingInput() const { return missing; }
  /// Whether it follows from constants alone.
  const RefTensor *knownConstant(mlir::Value value);

  /// Runs the nodes of a graph inside an operator's call (If, Loop): its
  /// inputs are `arguments`.
  std::vector<Datum> runGraph(const Graph &graph,
                              llvm::ArrayRef<Datum> arguments,
                              mlir::OpBuilder &at);
  /// The tensor as a constant of the function.
  mlir::Value constant(const TensorData &tensor);
  /// The names that the node being built sees.
  const Scope &scope() const { return *current; }
  /// The function that it is built into, if that is another program's.
  NetworkHost *builtInto() const { return host; }

  mlir::MLIRContext &context;

private:
  void checkOpsets();
  bool checkOperators(const std::vector<Node> &nodes, const Opsets &opsets,
                      int depth);
  void checkOperator(const Node &node, const Opsets &opsets, int depth);
  const Function *findFunction(const Node &node) const;
  void checkDims();
  bool bindInputs(Scope &scope);
  Datum bindGiven(const HostValue &value, const std::string &name,
                  const std::string &input);
  Datum bindDeclared(const ValueInfo &info);
  Datum bindTensor(const TensorData &tensor);
  std::optional<std::string> mismatch(const TypeInfo &type,
                                      const HostValue &value) const;
  void runNodes(const std::vector<Node> &nodes, Scope &scope);
  void runNode(const Node &node, Scope &scope);
  std::vector<Datum> callFunction(const Function &function, const Node &node,
                                  const Scope &scope,
                                  llvm::ArrayRef<Datum> arguments);
  void giveOutputs(const Scope &scope);
  mlir::Attribute describeOutput(const Datum &datum, const std::string &name);
  mlir::DictionaryAttr tensorInfo(const std::string &name, const char *kind);
  void prune();
  bool bindValues(llvm::ArrayRef<mlir::Value> given, Scope &scope);
  Datum spreadShape(const Node &node, const std::vector<Datum> &arguments,
                    LocBuilder &b);
  void error(const std::string &message, bool unsupported = false);
  void error(const Node &node, const std::string &message,
             bool unsupported = false);
  Error failure() const;
  bool spend(int64_t elements);
  std::optional<RefTensor> leaf(mlir::Value value, bool inputs);
  const RefTensor *evaluate(mlir::Value value, bool inputs);

  const ImportRequest &request;
  std::shared_ptr<const Model> model;
  std::map<std::string, HostValue> given; ///< inputs
  mlir::OpBuilder builder;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ProgramOp program;
  FuncOp func;
  llvm::SmallVector<mlir::Attribute> uses, resultInfo, outputs;
  Values returned;
  const Scope *current = nullptr;
  /// Where it is built into another program.
  NetworkHost *host = nullptr;
  const std::map<std::string, Parameter> *parameters = nullptr;
  /// A graph made for one sample takes so many; else 0.
  int64_t samples = 0;
  /// Names of the main graph that depend on its inputs.
  std::set<std::string> reached;

  /// What block arguments of the function stand for.
  llvm::DenseMap<mlir::Value, const TensorData *> sources;
  llvm::DenseMap<mlir::Value, std::string> inputOf;
  /// What was evaluated; pointers to it stay good.
  llvm::DenseMap<mlir::Value, std::unique_ptr<RefTensor>> values;
  llvm::DenseSet<mlir::Value> unknown;
  std::set<std::string> specialized;
  std::string missing;
  int64_t spent = 0;

  /// Functions whose operators were looked at, and whether to the end.
  std::map<const Function *, bool> checkedFunctions;
  int64_t nodesRun = 0;

  std::vector<Network::Fault> errors;
  bool errorsEnd = false; ///< nothing that follows is worth saying
  bool onlyRefusals = true;
};

} // namespace varve::onnx
#endif
