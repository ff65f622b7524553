// What a name of an ONNX graph stands for while it is imported.
#ifndef VARVE_ONNX_IMPORTDATUM_H
#define VARVE_ONNX_IMPORTDATUM_H

#include "Onnx/Model.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace varve::onnx {

struct Datum {
  enum class Kind {
    Poison, ///< something was reported: what reads this says nothing more
    Absent,
    Tensor,   ///< `value`
    Strings,  ///< `strings`: known now, since programs have no strings
    Sequence, ///< `items`
    Optional, ///< `items`, none or one
  };
  Kind kind = Kind::Absent;
  Element element = Element::Undefined;
  /// In storage type (see storageOf).
  mlir::Value value;
  std::shared_ptr<const TensorData> strings;
  std::vector<Datum> items;

  bool is(Kind k) const { return kind == k; }
  static Datum poison() { return make(Kind::Poison); }
  static Datum make(Kind kind) {
    Datum datum;
    datum.kind = kind;
    return datum;
  }
  static Datum of(mlir::Value value, Element element) {
    Datum datum = make(Kind::Tensor);
    datum.value = value;
    datum.element = element;
    return datum;
  }
  static Datum of(TensorData strings) {
    Datum datum = make(Kind::Strings);
    datum.element = Element::String;
    datum.strings = std::make_shared<TensorData>(std::move(strings));
    return datum;
  }
  static Datum sequence(std::vector<Datum> items, Element element) {
    Datum datum = make(Kind::Sequence);
    datum.items = std::move(items);
    datum.element = element;
    return datum;
  }
};

/// The dialect's type for elements in storage.
mlir::Type storageType(mlir::MLIRContext *context, Element element);
/// The element type that is stored as itself as this type.
Element elementOf(mlir::Type type);
/// "f32[2, 3]", "sequence of 2": for diagnostics.
std::string describe(const Datum &datum);

} // namespace varve::onnx
#endif
