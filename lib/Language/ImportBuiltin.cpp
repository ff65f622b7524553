// Calls that are known now or are no single operation: shapes, constants,
// initialisers.
#include "Language/ImportImpl.h"

#include <cmath>

using namespace mlir;

namespace varve::importer {

namespace {
/// In the language's notation, as primitives have theirs.
const std::map<std::string, const char *> &builtinSignatures() {
  static const std::map<std::string, const char *> table = {
      {"shape", "shape(x: any[...]) -> any[...]"},
      {"size", "size(x: any[...]) -> any[...]"},
      {"zeros", "zeros(shape: [int], dtype: dtype = f32) -> any[...]"},
      {"ones", "ones(shape: [int], dtype: dtype = f32) -> any[...]"},
      {"bilinear", "bilinear(image: any[...], y: any[...], x: any[...], "
                   "outside: string = \"edge\") -> any[...]"},
      {"range", "range(count: int, dtype: dtype = i64) -> any[...]"},
      {"glorot_uniform",
       "glorot_uniform(fan_in: float, fan_out: float) -> any[...]"},
      {"glorot_normal",
       "glorot_normal(fan_in: float, fan_out: float) -> any[...]"},
      {"he_normal", "he_normal(fan: float) -> any[...]"},
      {"he_uniform", "he_uniform(fan: float) -> any[...]"},
      {"orthogonal", "orthogonal(gain: float = 1) -> any[...]"},
      {"truncated_normal", "truncated_normal(std: float) -> any[...]"},
  };
  return table;
}

/// The random operations' own first values, without a shape.
bool drawsInit(StringRef name) { return name == "normal" || name == "uniform"; }
} // namespace

const ast::Block *Importer::primitiveSignature(const std::string &name) {
  auto known = signatures.find(name);
  if (known == signatures.end()) {
    std::string text;
    auto builtin = builtinSignatures().find(name);
    if (builtin != builtinSignatures().end())
      text = builtin->second;
    else if (auto signature = getPrimitiveSignature(&context, name))
      text = signature->str();
    else
      return nullptr;
    signatures.emplace(name, parseSignature(name, text));
    known = signatures.find(name);
  }
  const ast::File &file = known->second;
  return file.declarations.empty() ? nullptr
                                   : file.declarations[0].as<ast::Block>();
}

std::optional<Datum>
Importer::initialiserByName(const std::string &name) const {
  InitSpec init;
  if (name == "zeros")
    return Datum::initialiser({"constant", 0, 0});
  if (name == "ones")
    return Datum::initialiser({"constant", 1, 0});
  if (name == "normal")
    return Datum::initialiser({"normal", 0, 1});
  if (name == "uniform")
    return Datum::initialiser({"uniform", 0, 1});
  if (name == "orthogonal")
    return Datum::initialiser({"orthogonal", 1, 0});
  return std::nullopt;
}

std::optional<Datum> Importer::callBuiltin(Frame &frame,
                                           const std::string &name,
                                           ArrayRef<CallArgument> arguments,
                                           Span span) {
  bool draws = drawsInit(name);
  if (draws)
    for (const CallArgument &argument : arguments)
      draws &= !argument.name || argument.name->text != "shape";
  if (!draws && !builtinSignatures().count(name))
    return std::nullopt;
  const ast::Block *signature = primitiveSignature(name);
  std::vector<BoundArgument> bound;
  if (!signature) {
    // `normal` initialises even where there is no such operation.
    return error(frame, span, "unknown block `" + name + "`");
  }
  if (!matchArguments(frame, name, span, signature->inputs, arguments, bound))
    return Datum();
  Frame inner;
  inner.scope = preludeScope;
  inner.caller = &frame;
  std::map<std::string, Datum> named;
  for (BoundArgument &argument : bound) {
    const ast::Input &input = *argument.input;
    Datum given =
        argument.given ? argument.value : value(inner, *input.fallback);
    Span at = argument.given ? argument.span : span;
    bool tensor = input.type.kind == ast::Type::Kind::Tensor;
    if (tensor && !given.isTensor())
      return error(frame, at,
                   "`" + name + "` of " + describe(given) +
                       ", which is no tensor");
    bool absent = input.fallback && given.is(Datum::Kind::None);
    named[input.name.text] =
        tensor || absent ? given : bindStatic(frame, input, given, at);
    if (named[input.name.text].isPoison())
      return Datum();
  }
  auto number = [&](const char *key) { return named[key].number(); };
  auto init = [](const char *kind, double a, double b) {
    return Datum::initialiser({kind, a, b});
  };

  if (name == "shape")
    return Datum::ints(named["x"].shape());
  if (name == "size") {
    int64_t size = 1;
    for (int64_t d : named["x"].shape())
      size *= d;
    return Datum::of(size);
  }
  if (name == "zeros" || name == "ones" || name == "range") {
    Type element = named["dtype"].dtype;
    SmallVector<int64_t> shape;
    if (name == "range")
      shape.push_back(named["count"].intValue);
    else
      shape = *intsOf(named["shape"]);
    int64_t elements = 1;
    for (int64_t size : shape)
      if (size < 0 || llvm::MulOverflow(elements, size, elements) ||
          elements > (int64_t(1) << 40))
        return error(frame, span,
                     "no tensor has shape " + describe(Datum::ints(shape)));
    if (name != "range")
      return Datum::of(
          splat(frame, span, element, shape, name == "ones" ? 1 : 0));
    if (isBool(element))
      return error(frame, span, "`range` counts in numbers, not in bool");
    Value y = buildValue(
        frame, span, "iota", {},
        {builder.getNamedAttr("shape", builder.getDenseI64ArrayAttr(shape)),
         builder.getNamedAttr("axis", builder.getI64IntegerAttr(0)),
         builder.getNamedAttr("dtype", TypeAttr::get(element))});
    return y ? Datum::of(y) : Datum();
  }
  if (name == "bilinear") {
    const std::string &outside = named["outside"].text;
    if (outside != "edge" && outside != "zero")
      return error(frame, span,
                   "`outside` is \"edge\" or \"zero\", this is \"" + outside +
                       "\"");
    return sampleBilinear(frame, named["image"], named["y"], named["x"],
                          outside == "zero", span);
  }
  if (name == "normal")
    return init("normal", number("mean"), number("std"));
  if (name == "uniform")
    return init("uniform", number("low"), number("high"));
  if (name == "orthogonal")
    return init("orthogonal", number("gain"), 0);
  if (name == "truncated_normal")
    return init("truncated_normal", 0, number("std"));

  bool glorot = StringRef(name).starts_with("glorot");
  double fan =
      glorot ? (number("fan_in") + number("fan_out")) / 2 : number("fan");
  if (!(fan > 0))
    return error(frame, span,
                 "`" + name + "` needs a positive fan, this is " + spell(fan));
  // Glorot 2010: variance 1 / fan; He 2015: 2 / fan.
  double variance = (glorot ? 1 : 2) / fan;
  if (StringRef(name).ends_with("normal"))
    return init("normal", 0, std::sqrt(variance));
  double bound3 = std::sqrt(3 * variance);
  return init("uniform", -bound3, bound3);
}

} // namespace varve::importer
