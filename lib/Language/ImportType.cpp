// Signatures: arguments against declared types, dimensions and element kinds
// bound on the way.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"

using namespace mlir;

namespace varve::importer {

using ast::Dim;
using ast::Expr;
using ast::ExprKind;

/// `float`, `int` and `any` stand for several element types.
static bool isKind(StringRef name) {
  return name == "float" || name == "int" || name == "any";
}

static bool kindAdmits(StringRef kind, Type element) {
  if (kind == "float")
    return isFloat(element);
  if (kind == "int")
    return isInteger(element);
  return true;
}

/// The element type that `name` means in this signature; none where it is a
/// kind that no argument has bound yet, or unknown.
Type Importer::kindOf(Frame &frame, const ast::Name &name) {
  if (!isKind(name.text))
    return elementType(&context, name.text);
  auto found = frame.kinds.find(name.text);
  return found == frame.kinds.end() ? Type() : found->second;
}

// ---- static arguments ----

static const char *articleOf(StringRef type) {
  return type == "int" || type == "init" ? "an " : "a ";
}

Datum Importer::bindStatic(Frame &frame, const ast::Input &input,
                           Datum argument, Span span) {
  const ast::Type &type = input.type;
  auto mismatch = [&] {
    std::string wanted = print(type);
    std::string note =
        argument.isTensor() ? ", known when the model is compiled" : "";
    return error(
        frame, span,
        "`" + input.name.text + "` is " +
            (type.kind == ast::Type::Kind::List ? "" : articleOf(wanted)) +
            wanted + note + ", this is " + describe(argument));
  };
  auto convert = [&](StringRef name, const Datum &x) -> std::optional<Datum> {
    if (name == "int" && x.is(Datum::Kind::Int))
      return x;
    if (name == "float" && x.isNumber())
      return Datum::real(x.number());
    if ((name == "bool" && x.is(Datum::Kind::Bool)) ||
        (name == "string" && x.is(Datum::Kind::String)) ||
        (name == "dtype" && x.is(Datum::Kind::Dtype)) ||
        (name == "tensor" &&
         (x.isTensor() || x.isNumber() || x.is(Datum::Kind::List))))
      return x;
    if (name == "init")
      if (std::optional<InitSpec> init = toInit(x))
        return Datum::initialiser(*init);
    return std::nullopt;
  };
  if (type.kind == ast::Type::Kind::Static) {
    auto out = convert(type.name.text, argument);
    return out ? *out : mismatch();
  }
  // One number stands for a list of equal ones.
  size_t wanted = type.elements.size() > 1 ? type.elements.size() : 0;
  std::vector<Datum> items;
  if (argument.is(Datum::Kind::List))
    items = argument.items;
  else
    items.assign(std::max<size_t>(wanted, 1), argument);
  if (wanted && items.size() != wanted)
    return mismatch();
  for (auto [i, item] : llvm::enumerate(items)) {
    auto out = convert(type.elements[wanted ? i : 0].text, item);
    if (!out)
      return mismatch();
    item = *out;
  }
  return Datum::list(std::move(items));
}

// ---- shapes ----

std::optional<int64_t> Importer::dimSize(Frame &frame, const ast::Type &type,
                                         const Dim &dim, Span span) {
  Datum size = value(frame, *dim.size);
  if (size.isPoison())
    return std::nullopt;
  const Expr &expr = *dim.size;
  if (size.is(Datum::Kind::Int)) {
    if (size.intValue >= 0)
      return size.intValue;
    error(frame, span,
          "size `" + print(expr) + "` = " + describe(size) + " is negative",
          "in " + print(type));
    return std::nullopt;
  }
  std::string value = describe(size);
  if (expr.is(ExprKind::Binary) && expr.op == ast::Operator::Divide) {
    Datum x = this->value(frame, expr.operands[0]);
    Datum y = this->value(frame, expr.operands[1]);
    value = describe(x) + " / " + describe(y);
  }
  error(frame, span, print(expr) + " = " + value + " is not whole",
        "in " + print(type));
  return std::nullopt;
}

bool Importer::bindDim(Frame &frame, const ast::Type &type, const Dim &dim,
                       int64_t size, const std::string &what,
                       const Datum &argument, Span span) {
  if (dim.kind == Dim::Kind::Any)
    return true;
  const Expr &expr = *dim.size;
  if (expr.is(ExprKind::Name) && !frame.names.count(expr.text)) {
    frame.names[expr.text] = Datum::of(size);
    frame.dimOwner[expr.text] = what;
    return true;
  }
  std::optional<int64_t> expected = dimSize(frame, type, dim, span);
  if (!expected)
    return false;
  if (*expected == size)
    return true;
  std::string name = print(expr);
  auto owner = frame.dimOwner.find(name);
  std::string where =
      owner == frame.dimOwner.end() ? "" : " in `" + owner->second + "`";
  if (!expr.is(ExprKind::Int))
    error(frame, span,
          "`" + name + "` is " + std::to_string(*expected) + where + ", " +
              std::to_string(size) + " in `" + what + "`",
          describe(argument));
  else
    error(frame, span,
          "`" + what + "` is " + print(type) + ", this is " +
              describe(argument));
  return false;
}

bool Importer::bindShape(Frame &frame, const ast::Type &type,
                         const std::string &what, const Datum &argument,
                         Span span, bool result) {
  ArrayRef<int64_t> shape = argument.shape();
  const std::vector<Dim> &dims = type.dims;
  auto isEllipsis = [](const Dim &dim) {
    return dim.kind == Dim::Kind::Ellipsis;
  };
  auto at = llvm::find_if(dims, isEllipsis);
  size_t before = at - dims.begin();
  bool open = at != dims.end();
  size_t after = open ? dims.size() - before - 1 : 0;
  if (open ? shape.size() < before + after : shape.size() != dims.size()) {
    error(frame, span,
          "`" + what + "` is " + print(type) + ", this is " +
              describe(argument));
    return false;
  }
  for (size_t i = 0; i < before; ++i)
    if (!bindDim(frame, type, dims[i], shape[i], what, argument, span))
      return false;
  if (!open)
    return true;
  SmallVector<int64_t> middle(
      shape.slice(before, shape.size() - before - after));
  if (!frame.ellipsis) {
    frame.ellipsis = middle;
    frame.ellipsisOwner = what;
  } else if (*frame.ellipsis != middle) {
    error(frame, span,
          "`...` is " + describe(Datum::ints(*frame.ellipsis)) + " in `" +
              frame.ellipsisOwner + "`, " + describe(Datum::ints(middle)) +
              " in `" + what + "`",
          describe(argument));
    return false;
  }
  for (size_t i = 0; i < after; ++i)
    if (!bindDim(frame, type, dims[before + 1 + i],
                 shape[shape.size() - after + i], what, argument, span))
      return false;
  return true;
}

// ---- tensors ----

Datum Importer::bindTensor(Frame &frame, const ast::Type &type,
                           const std::string &what, Datum argument, Span span,
                           bool result) {
  const std::string &name = type.name.text;
  if (!isKind(name) && !elementType(&context, name))
    return error(frame, type.name.span, "unknown element type `" + name + "`",
                 suggest(name, {"float", "int", "any", "bool", "f16", "bf16",
                                "f32", "f64", "i8", "i16", "i32", "i64", "u8",
                                "u16", "u32", "u64"}));
  Type known = kindOf(frame, type.name);
  if (!argument.isTensor()) {
    bool fits = argument.isNumber() || argument.is(Datum::Kind::List) ||
                argument.is(Datum::Kind::Bool);
    if (!fits)
      return error(frame, span,
                   "`" + what + "` is " + print(type) + ", this is " +
                       describe(argument));
    Type element = known;
    if (!element)
      element = name == "int" ? Type(builder.getIntegerType(64))
                : argument.is(Datum::Kind::Bool) ? Type(builder.getI1Type())
                                                 : Type(builder.getF32Type());
    Datum number = argument;
    argument = constant(frame, span, argument, element);
    if (argument.isPoison())
      return {};
    // A number fills the shape, where the shape is known.
    if (!number.is(Datum::Kind::List)) {
      SmallVector<int64_t> shape;
      bool whole = true;
      for (const Dim &dim : type.dims) {
        if (dim.kind == Dim::Kind::Ellipsis) {
          if (frame.ellipsis)
            shape.append(*frame.ellipsis);
          continue;
        }
        whole &=
            dim.kind == Dim::Kind::Size && (!dim.size->is(ExprKind::Name) ||
                                            frame.names.count(dim.size->text));
        if (!whole)
          break;
        auto size = dimSize(frame, type, dim, span);
        if (!size)
          return {};
        shape.push_back(*size);
      }
      if (whole)
        argument = Datum::of(broadcastTo(frame, span, argument, shape, false));
    }
  }
  Type element = argument.element();
  if (known ? element != known : !kindAdmits(name, element)) {
    std::string wanted = known ? elementName(known) : name;
    bool floats = known ? isFloat(known) : name == "float";
    std::string remedy;
    if (floats && !isFloat(element))
      remedy = "write `cast(" + std::string(sources.text(span).substr(0, 40)) +
               ", " + (known ? wanted : "f32") + ")`";
    return error(frame, span,
                 "`" + what + "` is " + print(type) + ", this is " +
                     describe(argument),
                 remedy);
  }
  if (name == "float" || name == "any")
    frame.kinds.emplace(name, element);
  return bindShape(frame, type, what, argument, span, result) ? argument
                                                              : Datum();
}

Datum Importer::bindInput(Frame &frame, const ast::Input &input, Datum argument,
                          Span span) {
  if (argument.isPoison())
    return {};
  bool optional = input.fallback && input.fallback->is(ExprKind::None);
  if (optional && argument.is(Datum::Kind::None))
    return argument;
  if (input.type.kind == ast::Type::Kind::Tensor)
    return bindTensor(frame, input.type, input.name.text, std::move(argument),
                      span, /*result=*/false);
  if (input.type.kind == ast::Type::Kind::Class)
    return error(frame, input.type.span, "only a data field is a class");
  return bindStatic(frame, input, std::move(argument), span);
}

bool Importer::checkResultSizes(Frame &frame) {
  for (const ast::BlockResult &result : frame.block->results)
    for (const Dim &dim : result.type.dims) {
      if (!dim.size || !dim.size->is(ExprKind::Binary) ||
          dim.size->op != ast::Operator::Divide)
        continue;
      bool known = true;
      for (const Expr &side : dim.size->operands)
        known &= side.is(ExprKind::Int) ||
                 (side.is(ExprKind::Name) && frame.names.count(side.text));
      if (!known)
        continue;
      Span span = frame.callSpan.end ? frame.callSpan : dim.span;
      frame.binding = true;
      bool good = dimSize(frame, result.type, dim, span).has_value();
      frame.binding = false;
      if (!good)
        return false;
    }
  return true;
}

RankedTensorType Importer::declaredType(Frame &frame, const ast::Type &type) {
  const std::string &name = type.name.text;
  bool tensor = type.kind == ast::Type::Kind::Tensor;
  Type element = tensor ? kindOf(frame, type.name) : Type();
  if (tensor && !element && isKind(name))
    element = name == "int" ? Type(builder.getIntegerType(64))
                            : Type(builder.getF32Type());
  if (!element) {
    error(frame, type.span, "`" + print(type) + "` is no type of a tensor");
    return {};
  }
  SmallVector<int64_t> shape;
  for (const Dim &dim : type.dims) {
    if (dim.kind == Dim::Kind::Ellipsis && frame.ellipsis) {
      shape.append(*frame.ellipsis);
      continue;
    }
    if (dim.kind != Dim::Kind::Size) {
      error(frame, dim.span, "a size is needed here");
      return {};
    }
    auto size = dimSize(frame, type, dim, type.span);
    if (!size)
      return {};
    shape.push_back(*size);
  }
  // Sizes multiply to what fits in memory, so that bytes cannot overflow.
  int64_t elements = 1;
  for (int64_t size : shape)
    if (llvm::MulOverflow(elements, size, elements) ||
        elements > (int64_t(1) << 40)) {
      error(frame, type.span,
            "`" + print(type) + "` has more than 2 ** 40 elements");
      return {};
    }
  return RankedTensorType::get(shape, element);
}

} // namespace varve::importer
