// Values of the importer: making, comparing and naming them.
#include "Language/ImportDatum.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringSwitch.h"
#include <charconv>

using namespace mlir;

namespace varve::importer {

Datum Datum::none() {
  Datum out;
  out.kind = Kind::None;
  return out;
}
Datum Datum::of(int64_t value) {
  Datum out;
  out.kind = Kind::Int;
  out.intValue = value;
  return out;
}
Datum Datum::real(double value) {
  Datum out;
  out.kind = Kind::Float;
  out.floatValue = value;
  return out;
}
Datum Datum::boolean(bool value) {
  Datum out;
  out.kind = Kind::Bool;
  out.boolValue = value;
  return out;
}
Datum Datum::string(std::string value) {
  Datum out;
  out.kind = Kind::String;
  out.text = std::move(value);
  return out;
}
Datum Datum::type(Type type) {
  Datum out;
  out.kind = Kind::Dtype;
  out.dtype = type;
  return out;
}
Datum Datum::initialiser(InitSpec init) {
  Datum out;
  out.kind = Kind::Init;
  out.init = std::move(init);
  return out;
}
Datum Datum::list(std::vector<Datum> items) {
  Datum out;
  out.kind = Kind::List;
  out.items = std::move(items);
  return out;
}
Datum Datum::ints(ArrayRef<int64_t> values) {
  std::vector<Datum> items;
  for (int64_t value : values)
    items.push_back(of(value));
  return list(std::move(items));
}
Datum Datum::of(Value tensor, bool batched) {
  Datum out;
  out.kind = Kind::Tensor;
  out.tensor = tensor;
  out.batched = batched;
  return out;
}

bool Datum::operator==(const Datum &other) const {
  if (isNumber() && other.isNumber())
    return number() == other.number();
  if (kind != other.kind)
    return false;
  switch (kind) {
  case Kind::Poison:
  case Kind::None:
    return true;
  case Kind::Bool:
    return boolValue == other.boolValue;
  case Kind::String:
    return text == other.text;
  case Kind::Dtype:
    return dtype == other.dtype;
  case Kind::Init:
    return init == other.init;
  case Kind::List:
  case Kind::Results:
    return items == other.items;
  case Kind::Tensor:
    return tensor == other.tensor;
  case Kind::Int:
  case Kind::Float:
    break;
  }
  return false;
}

std::string elementName(Type type) {
  if (type.isBF16())
    return "bf16";
  if (auto real = dyn_cast<FloatType>(type))
    return "f" + std::to_string(real.getWidth());
  auto integer = cast<IntegerType>(type);
  if (integer.getWidth() == 1)
    return "bool";
  return (integer.isUnsigned() ? "u" : "i") +
         std::to_string(integer.getWidth());
}

Type elementType(MLIRContext *context, StringRef name) {
  auto integer = [&](unsigned width, bool isSigned) -> Type {
    return IntegerType::get(context, width,
                            isSigned ? IntegerType::Signless
                                     : IntegerType::Unsigned);
  };
  return llvm::StringSwitch<Type>(name)
      .Case("f16", Float16Type::get(context))
      .Case("bf16", BFloat16Type::get(context))
      .Case("f32", Float32Type::get(context))
      .Case("f64", Float64Type::get(context))
      .Case("i8", integer(8, true))
      .Case("i16", integer(16, true))
      .Case("i32", integer(32, true))
      .Case("i64", integer(64, true))
      .Case("u8", integer(8, false))
      .Case("u16", integer(16, false))
      .Case("u32", integer(32, false))
      .Case("u64", integer(64, false))
      .Case("bool", integer(1, true))
      .Default({});
}

bool isInteger(Type element) {
  return isa<IntegerType>(element) && !element.isInteger(1);
}
bool isBool(Type element) { return element.isInteger(1); }
bool isFloat(Type element) { return isa<FloatType>(element); }

std::string spell(double value) {
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  return std::string(buffer, end);
}

std::string spellTensor(Type element, ArrayRef<int64_t> shape) {
  std::string out = elementName(element) + "[";
  for (size_t i = 0; i < shape.size(); ++i)
    out += (i ? ", " : "") +
           (ShapedType::isDynamic(shape[i]) ? "?" : std::to_string(shape[i]));
  return out + "]";
}

std::string describe(const Datum &datum) {
  switch (datum.kind) {
  case Datum::Kind::Poison:
    return "an error";
  case Datum::Kind::None:
    return "none";
  case Datum::Kind::Int:
    return std::to_string(datum.intValue);
  case Datum::Kind::Float:
    return spell(datum.floatValue);
  case Datum::Kind::Bool:
    return datum.boolValue ? "true" : "false";
  case Datum::Kind::String:
    return "\"" + datum.text + "\"";
  case Datum::Kind::Dtype:
    return elementName(datum.dtype);
  case Datum::Kind::Init:
    return "an initialiser";
  case Datum::Kind::Tensor:
    return spellTensor(datum.element(), datum.shape());
  case Datum::Kind::List:
  case Datum::Kind::Results: {
    bool list = datum.is(Datum::Kind::List);
    std::string out = list ? "[" : "(";
    for (size_t i = 0; i < datum.items.size(); ++i) {
      if (i == 8) {
        out += ", ...";
        break;
      }
      out += (i ? ", " : "") + describe(datum.items[i]);
    }
    return out + (list ? "]" : ")");
  }
  }
  return "";
}

std::optional<SmallVector<int64_t>> intsOf(const Datum &datum) {
  if (!datum.is(Datum::Kind::List))
    return std::nullopt;
  SmallVector<int64_t> out;
  for (const Datum &item : datum.items) {
    if (!item.is(Datum::Kind::Int))
      return std::nullopt;
    out.push_back(item.intValue);
  }
  return out;
}

} // namespace varve::importer
