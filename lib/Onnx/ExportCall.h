// One operation of the dialect, as its entry in the table of exported
// operations sees it: the names of its operands, and the nodes that it becomes.
// docs/Onnx.md, "Export", is the guide.
#ifndef VARVE_ONNX_EXPORTCALL_H
#define VARVE_ONNX_EXPORTCALL_H

#include "Dialect/Varve/Ops/Build.h"
#include "Onnx/Model.h"

namespace varve::onnx {

class Exporter;

using Ints = llvm::SmallVector<int64_t>;
using Names = std::vector<std::string>;

/// An attribute of a node. What it is made of says which kind it is.
struct Setting {
  Setting(const char *name, int64_t value) : name(name) {
    attribute.kind = NodeAttribute::Kind::Int;
    attribute.i = value;
  }
  Setting(const char *name, int value) : Setting(name, int64_t(value)) {}
  Setting(const char *name, bool value) : Setting(name, int64_t(value)) {}
  Setting(const char *name, double value) : name(name) {
    attribute.kind = NodeAttribute::Kind::Float;
    attribute.f = float(value);
  }
  Setting(const char *name, llvm::StringRef value) : name(name) {
    attribute.kind = NodeAttribute::Kind::String;
    attribute.s = value.str();
  }
  Setting(const char *name, const char *value)
      : Setting(name, llvm::StringRef(value)) {}
  Setting(const char *name, llvm::ArrayRef<int64_t> value) : name(name) {
    attribute.kind = NodeAttribute::Kind::Ints;
    attribute.ints = value.vec();
  }
  Setting(const char *name, const Ints &value)
      : Setting(name, llvm::ArrayRef<int64_t>(value)) {}
  Setting(const char *name, Graph graph) : name(name) {
    attribute.kind = NodeAttribute::Kind::Graph;
    attribute.graph = std::make_shared<Graph>(std::move(graph));
  }

  const char *name;
  NodeAttribute attribute;
};

class ExportCall {
public:
  ExportCall(Exporter &exporter, mlir::Operation *op)
      : op(op), exporter(exporter) {}

  mlir::Operation *const op;
  Exporter &exporter;

  /// What ONNX cannot say (exit status 2). Leaves the entry.
  [[noreturn]] void refuse(const std::string &message) const;

  // ---- operands ----
  mlir::Value operand(size_t i) const { return op->getOperand(i); }
  mlir::RankedTensorType type(size_t i = 0) const { return typeOf(operand(i)); }
  mlir::RankedTensorType resultType(size_t i = 0) const {
    return typeOf(op->getResult(i));
  }
  /// The name of an operand's value.
  std::string in(size_t i);
  std::string value(mlir::Value v);
  /// The operands of an elementwise operation, without repetitions that the
  /// operator does by itself.
  Names stretched();
  /// An integer operand as i64.
  std::string index(size_t i);

  // ---- constants ----
  std::string constant(TensorData tensor);
  /// i64[n]
  std::string ints(llvm::ArrayRef<int64_t> values);
  /// i64[]
  std::string integer(int64_t value);
  /// Of rank 0, or another shape that is all ones.
  std::string number(mlir::Type element, double value);
  /// `values` as elements of a type, of this shape.
  std::string numbers(mlir::Type element, llvm::ArrayRef<int64_t> shape,
                      llvm::ArrayRef<double> values);

  // ---- nodes ----
  /// A node with one result, whose name it gives.
  std::string make(const char *op, Names inputs,
                   std::vector<Setting> settings = {});
  /// A node with `count` results; those not `wanted` are left out.
  Names makeSeveral(const char *op, Names inputs, llvm::ArrayRef<bool> wanted,
                    std::vector<Setting> settings = {});
  std::string cast(const std::string &x, mlir::Type element);
  std::string reshape(const std::string &x, llvm::ArrayRef<int64_t> shape);
  std::string transpose(const std::string &x, llvm::ArrayRef<int64_t> perm);
  std::string unsqueeze(const std::string &x, llvm::ArrayRef<int64_t> axes);
  std::string expand(const std::string &x, llvm::ArrayRef<int64_t> shape);
  std::string slice(const std::string &x, llvm::ArrayRef<int64_t> begin,
                    llvm::ArrayRef<int64_t> end, llvm::ArrayRef<int64_t> axes,
                    llvm::ArrayRef<int64_t> step = {});
  /// A reduction that takes its axes as an input; none: x.
  std::string reduce(const char *op, const std::string &x,
                     llvm::ArrayRef<int64_t> axes, bool keepdims);
  /// 0, 1, ... count - 1 as i64[count].
  std::string range(int64_t count);
  /// A tensor of i64 with indices outside [0, size) held to it.
  std::string held(const std::string &index, int64_t size);

  // ---- results ----
  /// The next result.
  void give(std::string name);

private:
  size_t given = 0;
};

/// An entry of the table: what `varve.NAME` becomes.
struct ExportRule {
  const char *name;
  void (*emit)(ExportCall &);
};

/// The entry for an operation, or null.
const ExportRule *findExportRule(llvm::StringRef name);

// The families, each in the file Export*.cpp of its name.
llvm::ArrayRef<ExportRule> elementwiseRules();
llvm::ArrayRef<ExportRule> shapeRules();
llvm::ArrayRef<ExportRule> reduceRules();
llvm::ArrayRef<ExportRule> windowRules();
llvm::ArrayRef<ExportRule> indexingRules();
llvm::ArrayRef<ExportRule> randomRules();
llvm::ArrayRef<ExportRule> controlRules();

} // namespace varve::onnx
#endif
