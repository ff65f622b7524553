// What an expression of the language stands for while a model is imported: a
// value known now (a number, a list, an initialiser ...) or a tensor of the
// function that is being built.
#ifndef VARVE_LANGUAGE_IMPORTDATUM_H
#define VARVE_LANGUAGE_IMPORTDATUM_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace varve::importer {

/// How a state's first value is drawn: as `varve.state` has it.
struct InitSpec {
  std::string kind = "constant";
  double a = 0, b = 0;

  bool operator==(const InitSpec &other) const {
    return kind == other.kind && a == other.a && b == other.b;
  }
};

struct Datum {
  enum class Kind {
    Poison, ///< an error was reported: whatever uses this says nothing more
    None,
    Int,
    Float,
    Bool,
    String,
    Dtype,
    Init,
    List,    ///< `items`, tensors among them
    Tensor,  ///< `tensor`
    Results, ///< `items`: of a call with several; as one value, the first
  };
  Kind kind = Kind::Poison;
  int64_t intValue = 0;
  double floatValue = 0;
  bool boolValue = false;
  std::string text;
  mlir::Type dtype;
  InitSpec init;
  std::vector<Datum> items;
  mlir::Value tensor;
  /// In `prepare`: axis 0 of `tensor` counts samples and is not seen.
  bool batched = false;

  static Datum none();
  static Datum of(int64_t value);
  static Datum real(double value);
  static Datum boolean(bool value);
  static Datum string(std::string value);
  static Datum type(mlir::Type type);
  static Datum initialiser(InitSpec init);
  static Datum list(std::vector<Datum> items);
  static Datum ints(llvm::ArrayRef<int64_t> values);
  static Datum of(mlir::Value tensor, bool batched = false);

  bool is(Kind other) const { return kind == other; }
  bool isPoison() const { return kind == Kind::Poison; }
  bool isTensor() const { return kind == Kind::Tensor; }
  bool isNumber() const { return kind == Kind::Int || kind == Kind::Float; }
  double number() const {
    return kind == Kind::Int ? double(intValue) : floatValue;
  }

  mlir::RankedTensorType tensorType() const {
    return llvm::cast<mlir::RankedTensorType>(tensor.getType());
  }
  mlir::Type element() const { return tensorType().getElementType(); }
  /// The shape that the language sees.
  llvm::ArrayRef<int64_t> shape() const {
    return tensorType().getShape().drop_front(batched ? 1 : 0);
  }
  int64_t rank() const { return shape().size(); }

  /// Equal values known now; tensors are equal if they are the same value.
  bool operator==(const Datum &other) const;
};

/// `f32`, `u8`, `bool`: the language's name of an element type.
std::string elementName(mlir::Type type);
/// The element type of that name, or none.
mlir::Type elementType(mlir::MLIRContext *context, llvm::StringRef name);
bool isInteger(mlir::Type element);
bool isBool(mlir::Type element);
bool isFloat(mlir::Type element);

/// The shortest text that reads back as `value`.
std::string spell(double value);
/// `f32[128, 784]`
std::string spellTensor(mlir::Type element, llvm::ArrayRef<int64_t> shape);
/// For diagnostics: `f32[128, 784]`, `3`, `"same"`, `[1, 2]`.
std::string describe(const Datum &datum);

/// The ints of a list of ints, or none.
std::optional<llvm::SmallVector<int64_t>> intsOf(const Datum &datum);

} // namespace varve::importer
#endif
