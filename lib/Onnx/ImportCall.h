// One call of an operator, as the operator's entry in the table sees it:
// inputs, attributes, and what it builds. docs/Onnx.md, "Adding an operator",
// is the guide.
#ifndef VARVE_ONNX_IMPORTCALL_H
#define VARVE_ONNX_IMPORTCALL_H

#include "Dialect/Varve/Ops/Build.h"
#include "Onnx/ImportDatum.h"
#include "varve/Dialect/Varve/Varve.h"
#include <set>

namespace varve::onnx {

class Importer;

using Ints = llvm::SmallVector<int64_t>;
using Values = llvm::SmallVector<mlir::Value>;

inline int64_t rankOf(mlir::Value x) { return int64_t(shapeOf(x).size()); }

/// An attribute of an operation of the dialect. What it is made of says which
/// kind it is.
struct Named {
  Named(llvm::StringRef key, int64_t value) : key(key), number(value) {}
  Named(llvm::StringRef key, int value) : key(key), number(value) {}
  Named(llvm::StringRef key, double value)
      : key(key), kind(Float), real(value) {}
  Named(llvm::StringRef key, bool value)
      : key(key), kind(Bool), number(value) {}
  Named(llvm::StringRef key, const char *value)
      : key(key), kind(Text), text(value) {}
  Named(llvm::StringRef key, std::string value)
      : key(key), kind(Text), text(std::move(value)) {}
  Named(llvm::StringRef key, llvm::ArrayRef<int64_t> value)
      : key(key), kind(List), list(value) {}
  Named(llvm::StringRef key, const Ints &value)
      : Named(key, llvm::ArrayRef<int64_t>(value)) {}
  Named(llvm::StringRef key, llvm::ArrayRef<double> value)
      : key(key), kind(Reals), reals(value) {}
  Named(llvm::StringRef key, mlir::Type value)
      : key(key), kind(Type), type(value) {}

  mlir::NamedAttribute build(mlir::Builder &b) const;

private:
  enum Kind { Int, Float, Bool, Text, List, Reals, Type };
  llvm::StringRef key;
  Kind kind = Int;
  int64_t number = 0;
  double real = 0;
  std::string text;
  Ints list;
  llvm::SmallVector<double> reals;
  mlir::Type type;
};

/// Thrown by `fail` and `refuse`, and caught where the operator was called: 200
/// operators need no check after each line. Never leaves this layer.
struct Failure {
  std::string message;
  bool unsupported = false;
};

class Call {
public:
  Call(Importer &importer, const Node &node, int64_t opset, LocBuilder &b,
       std::vector<Datum> arguments)
      : b(b), node(node), opset(opset), importer(importer),
        arguments(std::move(arguments)), results(node.outputs.size()) {}

  LocBuilder &b;
  const Node &node;
  const int64_t opset;
  Importer &importer;

  // ---- failing ----
  /// The model is wrong (exit status 1).
  [[noreturn]] void fail(const std::string &message) const;
  /// The model is right, and not supported (exit status 2).
  [[noreturn]] void refuse(const std::string &message) const;

  // ---- inputs ----
  size_t inputs() const { return arguments.size(); }
  bool has(size_t i) const {
    return i < arguments.size() && !arguments[i].is(Datum::Kind::Absent);
  }
  /// Any value, absent ones too.
  const Datum &datum(size_t i);
  /// A tensor that is stored as itself; others are refused.
  mlir::Value in(size_t i);
  /// A tensor in storage, of any type; `give` the result with its `element`.
  mlir::Value stored(size_t i);
  /// The same where an element is one number in storage: of what is moved along
  /// axes.
  mlir::Value moved(size_t i);
  Element element(size_t i) { return datum(i).element; }
  /// All inputs from `first` on.
  Values rest(size_t first);
  /// The value of a tensor, which must be known now.
  const RefTensor &known(size_t i);
  /// The same as integers.
  Ints ints(size_t i);
  /// Whether it is known, without asking for more than constants.
  const RefTensor *ifKnown(size_t i);

  // ---- attributes: each is asked for, or the call is refused ----
  bool hasAttribute(const std::string &name) const {
    return node.attributes.count(name);
  }
  const NodeAttribute *attribute(const std::string &name);
  int64_t integer(const std::string &name,
                  std::optional<int64_t> otherwise = std::nullopt);
  bool flag(const std::string &name, bool otherwise = false) {
    return integer(name, otherwise) != 0;
  }
  double real(const std::string &name,
              std::optional<double> otherwise = std::nullopt);
  std::string text(const std::string &name,
                   std::optional<std::string> otherwise = std::nullopt);
  std::optional<Ints> list(const std::string &name);
  std::optional<llvm::SmallVector<double>> reals(const std::string &name);
  std::optional<std::vector<std::string>> texts(const std::string &name);
  /// Takes note of an attribute that changes nothing here.
  void ignore(const std::string &name) { asked.insert(name); }
  /// An attribute of earlier opsets that became input i, if either is there.
  std::optional<Ints> listOrInput(const std::string &name, size_t i);

  // ---- building ----
  /// `varve.NAME` with inferred types; fails with its diagnostic.
  mlir::Operation *makeOp(llvm::StringRef name, mlir::ValueRange operands,
                          llvm::ArrayRef<Named> attributes = {});
  mlir::Value make(llvm::StringRef name, mlir::ValueRange operands,
                   llvm::ArrayRef<Named> attributes = {}) {
    return makeOp(name, operands, attributes)->getResult(0);
  }
  /// A tensor that is known now.
  mlir::Value constant(const RefTensor &value);
  mlir::Value constant(const TensorData &value);
  /// A splat; rank 0 by default.
  mlir::Value splat(mlir::Type element, double value,
                    llvm::ArrayRef<int64_t> shape = {});
  /// i64[n].
  mlir::Value intsConstant(llvm::ArrayRef<int64_t> values);
  mlir::Value cast(mlir::Value x, mlir::Type element);
  /// Repeats x along new leading axes and axes of size 1 (NumPy's rule).
  mlir::Value broadcast(mlir::Value x, llvm::ArrayRef<int64_t> shape);
  /// The shape that all broadcast to.
  Ints commonShape(mlir::ValueRange values) const;
  Ints commonShape(llvm::ArrayRef<llvm::ArrayRef<int64_t>> shapes) const;
  /// An elementwise operation after broadcasting all operands.
  mlir::Value elementwise(llvm::StringRef name, mlir::ValueRange operands,
                          llvm::ArrayRef<Named> attributes = {});
  mlir::Value reshape(mlir::Value x, llvm::ArrayRef<int64_t> shape) {
    return make("reshape", x, {{"shape", shape}});
  }
  mlir::Value transpose(mlir::Value x, llvm::ArrayRef<int64_t> perm) {
    return make("transpose", x, {{"perm", perm}});
  }
  mlir::Value slice(mlir::Value x, int64_t axis, int64_t begin, int64_t end);
  /// x held between two numbers.
  mlir::Value clamp(mlir::Value x, double low, double high);
  /// Numbers, one for each channel of x (axis 1), that broadcast to x.
  mlir::Value perChannel(mlir::Value numbers, mlir::Value x);
  /// A matrix: the axes before attribute `axis`, 1 if it is not said, and those
  /// from it on.
  mlir::Value flatten(mlir::Value x);

  /// An axis counted from the end if negative, held to the rank.
  int64_t axis(int64_t axis, int64_t rank) const;
  /// The axis of x that attribute `axis` names.
  int64_t axisOf(mlir::Value x,
                 std::optional<int64_t> otherwise = std::nullopt) {
    return axis(integer("axis", otherwise), rankOf(x));
  }
  /// The same for several, in ascending order.
  Ints axes(llvm::ArrayRef<int64_t> axes, int64_t rank) const;

  // ---- results ----
  size_t outputs() const { return results.size(); }
  /// Whether the model reads result i.
  bool wants(size_t i) const {
    return i < node.outputs.size() && !node.outputs[i].empty();
  }
  /// The next result: a tensor stored as itself, or of a type given.
  void give(mlir::Value value) {
    give(Datum::of(value, elementOf(typeOf(value).getElementType())));
  }
  void give(mlir::Value value, Element element) {
    give(Datum::of(value, element));
  }
  void give(Datum datum);

  /// What was given; refuses attributes and results that the entry left out.
  std::vector<Datum> finish();

private:
  std::vector<Datum> arguments;
  std::vector<Datum> results;
  size_t given = 0;
  std::set<std::string> asked;
};

/// An entry of the table: from opset `since` of its domain on, until an entry
/// of the same name with a later one.
struct Operator {
  const char *name;
  int64_t since;
  void (*build)(Call &);
  const char *domain = "";
};

/// The entry for an operator, or null.
const Operator *findOperator(llvm::StringRef domain, llvm::StringRef name,
                             int64_t opset);
/// All entries, for the tables in docs.
std::vector<const Operator *> allOperators();

// The families, each in the file Ops*.cpp of its name.
llvm::ArrayRef<Operator> elementwiseOperators();
llvm::ArrayRef<Operator> shapeOperators();
llvm::ArrayRef<Operator> contractionOperators();
llvm::ArrayRef<Operator> windowOperators();
llvm::ArrayRef<Operator> constantOperators();
llvm::ArrayRef<Operator> normalizeOperators();
llvm::ArrayRef<Operator> activationOperators();
llvm::ArrayRef<Operator> attentionOperators();
llvm::ArrayRef<Operator> bitOperators();
llvm::ArrayRef<Operator> castOperators();
llvm::ArrayRef<Operator> classicOperators();
llvm::ArrayRef<Operator> controlOperators();
llvm::ArrayRef<Operator> cutOperators();
llvm::ArrayRef<Operator> firstOperators();
llvm::ArrayRef<Operator> fourierOperators();
llvm::ArrayRef<Operator> gatherOperators();
llvm::ArrayRef<Operator> logicOperators();
llvm::ArrayRef<Operator> lossOperators();
llvm::ArrayRef<Operator> normalizeAxesOperators();
llvm::ArrayRef<Operator> optimizerOperators();
llvm::ArrayRef<Operator> orderOperators();
llvm::ArrayRef<Operator> quantizeOperators();
llvm::ArrayRef<Operator> randomOperators();
llvm::ArrayRef<Operator> recurrentOperators();
llvm::ArrayRef<Operator> reduceOperators();
llvm::ArrayRef<Operator> resizeOperators();
llvm::ArrayRef<Operator> sampleOperators();
llvm::ArrayRef<Operator> scatterOperators();
llvm::ArrayRef<Operator> selectOperators();
llvm::ArrayRef<Operator> sequenceOperators();
llvm::ArrayRef<Operator> signalOperators();
llvm::ArrayRef<Operator> stringOperators();
llvm::ArrayRef<Operator> unpoolOperators();

} // namespace varve::onnx
#endif
