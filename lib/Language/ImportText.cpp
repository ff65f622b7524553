// Texts as data sets: what `data text` may say, and how a step gathers windows
// from the one row of tokens that is stored. Also what `infer` says about
// writing text: its tokenizer, `generate`.
#include "Language/ImportImpl.h"
#include "Language/Printer.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace varve::importer {

using ast::Expr;
using ast::ExprKind;

namespace {
/// The column that a field is: what `from` says, else its name.
const std::string &columnOf(const SampleField &field) {
  return field.from.empty() ? field.name : field.from[0];
}
} // namespace

/// A tokenizer is a name, with the names of its files.
bool Importer::readTokenizer(Frame &frame, const Expr &expr,
                             std::string &text) {
  static const std::map<std::string, size_t> files = {
      {"characters", 0}, {"bpe", 2}, {"wordpiece", 1}, {"sentencepiece", 1}};
  const Expr &named = expr.is(ExprKind::Call) ? expr.callee() : expr;
  auto known = named.is(ExprKind::Name) ? files.find(named.text) : files.end();
  if (known == files.end()) {
    std::vector<std::string> names;
    for (const auto &[name, count] : files)
      names.push_back(name);
    error(frame, named.span, "unknown tokenizer `" + print(named) + "`",
          suggest(named.text, names));
    return false;
  }
  size_t given = expr.is(ExprKind::Call) ? expr.arguments.size() : 0;
  bool strings = given == known->second;
  for (size_t i = 0; i < given; ++i)
    strings &= !expr.arguments[i].name &&
               expr.arguments[i].value.is(ExprKind::String);
  if (!strings) {
    error(frame, expr.span,
          "`" + known->first + "` takes " +
              (known->second ? "the names of " + std::to_string(known->second) +
                                   (known->second == 1 ? " file" : " files")
                             : "no files"));
    return false;
  }
  text = print(expr);
  return true;
}

/// What `data text` needs: a tokenizer, a length, fields of that length.
bool Importer::checkText(Frame &frame, const ast::Data &data) {
  int64_t length = 0;
  bool tokenizer = false, good = true;
  TextInfo text;
  for (const ast::Argument &argument : data.arguments) {
    const std::string key = argument.name ? argument.name->text : "";
    const Expr &expr = argument.value;
    if (key == "tokenizer") {
      std::string printed;
      good &= tokenizer = readTokenizer(frame, expr, printed);
    } else if (key == "length") {
      auto size = evaluateInt(frame, expr, "`length`");
      if (!size)
        return false;
      length = *size;
      info.options[key] = std::to_string(length);
    } else if (key == "masked" || key == "pairs") {
      Datum datum = value(frame, expr);
      bool part = key == "masked";
      bool fits = part ? datum.isNumber() && datum.number() > 0 &&
                             datum.number() <= 1
                       : datum.is(Datum::Kind::Bool);
      if (!fits && !datum.isPoison())
        error(frame, expr.span,
              "`" + key + "` is " +
                  (part ? "a part above 0, up to 1" : "a bool") +
                  ", this is " + describe(datum));
      if (fits && part)
        text.masked = datum.number();
      else if (fits)
        text.pairs = datum.boolValue;
      good &= fits;
    } else if (!key.empty()) {
      error(frame, argument.name->span, "`text` has no option `" + key + "`",
            suggest(key, {"tokenizer", "length", "masked", "pairs"}));
      good = false;
    }
  }
  if (!good)
    return false;
  if (!tokenizer || !info.options.count("length")) {
    error(frame, data.set.span, "`text` needs a tokenizer and a length",
          "such as `tokenizer: characters, length: 128`");
    return false;
  }
  if (text.pairs && !text.masked) {
    error(frame, data.set.span, "`pairs` come with `masked`");
    return false;
  }
  // Room for a token beside the marks of BERT's samples.
  text.marks = !text.masked ? 0 : text.pairs ? 3 : 2;
  int64_t least = text.pairs ? 5 : text.marks + 1;
  if (length < least || length > (1 << 20)) {
    error(frame, data.set.span,
          "`length` is from " + std::to_string(least) + " to 1048576, this is " +
              std::to_string(length));
    return false;
  }
  if (text.masked)
    info.options["marks"] = std::to_string(text.marks);
  info.text = text;
  return checkTextFields(frame, data, length);
}

/// The columns that samples have, and their types.
bool Importer::checkTextFields(Frame &frame, const ast::Data &data,
                               int64_t length) {
  std::vector<std::string> columns = {"tokens", "next"};
  if (info.text.masked)
    columns = {"tokens", "segments", "masked"};
  if (info.text.pairs)
    columns.push_back("follows");
  bool good = true;
  for (auto [field, node] : llvm::zip(info.fields, *data.fields)) {
    const std::string &column = columnOf(field);
    bool whole = column != "follows";
    RankedTensorType type = field.stored;
    if (field.from.size() > 1 || !llvm::is_contained(columns, column)) {
      error(frame, node.name.span, "a text has no column `" + column + "`",
            "it has `" + llvm::join(columns, "`, `") + "`");
      good = false;
    } else if (whole ? type.getRank() != 1 || type.getDimSize(0) != length ||
                           !isInteger(type.getElementType()) ||
                           type.getElementTypeBitWidth() < 32
                     : field.classes != 2) {
      error(frame, node.name.span,
            "`" + field.name + "` of windows of " + std::to_string(length) +
                " tokens is " +
                (whole ? "i64[" + std::to_string(length) + "]" : "class(2)") +
                ", this is " +
                (field.classes
                     ? "class(" + std::to_string(field.classes) + ")"
                     : spellTensor(type.getElementType(), type.getShape())));
      good = false;
    }
  }
  return good;
}

/// What `data parallel_text` needs: a tokenizer, and the fields of two texts.
bool Importer::checkParallelText(Frame &frame, const ast::Data &data) {
  bool good = true, tokenizer = false;
  for (const ast::Argument &argument : data.arguments) {
    const std::string key = argument.name ? argument.name->text : "";
    const Expr &expr = argument.value;
    if (key == "tokenizer") {
      std::string printed;
      tokenizer = true;
      good &= readTokenizer(frame, expr, printed);
    } else if (key == "pad" || key == "begin" || key == "end") {
      auto token = evaluateInt(frame, expr, ("`" + key + "`").c_str());
      if (!token)
        return false;
      info.options[key] = std::to_string(*token);
    } else if (!key.empty()) {
      error(frame, argument.name->span,
            "`parallel_text` has no option `" + key + "`",
            suggest(key, {"tokenizer", "pad", "begin", "end"}));
      good = false;
    }
  }
  if (!tokenizer || !info.options.count("path2") ||
      info.options.count("path3")) {
    error(frame, data.set.span,
          "`parallel_text` needs the names of two files and a tokenizer",
          "such as `\"train.en\", \"train.de\", tokenizer: characters`");
    return false;
  }
  return good && checkParallelFields(frame, data);
}

/// Each column is a row of tokens; those of the target are of one length.
bool Importer::checkParallelFields(Frame &frame, const ast::Data &data) {
  const std::vector<std::string> columns = {"source", "target", "next"};
  std::map<std::string, int64_t> lengths;
  for (auto [field, node] : llvm::zip(info.fields, *data.fields)) {
    std::string column = columnOf(field);
    RankedTensorType type = field.stored;
    if (field.from.size() > 1 || !llvm::is_contained(columns, column)) {
      error(frame, node.name.span,
            "a parallel text has no column `" + column + "`",
            "it has `" + llvm::join(columns, "`, `") + "`");
      return false;
    }
    if (field.classes || type.getRank() != 1 || type.getDimSize(0) < 2 ||
        !isInteger(type.getElementType()) ||
        type.getElementTypeBitWidth() < 32) {
      error(frame, node.name.span,
            "`" + field.name + "` is tokens, such as i64[64], this is " +
                (field.classes
                     ? "class(" + std::to_string(field.classes) + ")"
                     : spellTensor(type.getElementType(), type.getShape())));
      return false;
    }
    // `next` is `target`, one token on.
    std::string text = column == "source" ? column : "target";
    auto [known, first] = lengths.emplace(text, type.getDimSize(0));
    if (!first && known->second != type.getDimSize(0)) {
      error(frame, node.name.span,
            "`" + field.name + "` has " + std::to_string(type.getDimSize(0)) +
                " tokens, another field of the same text " +
                std::to_string(known->second));
      return false;
    }
  }
  if (lengths.size() == 2)
    return true;
  error(frame, data.set.span,
        "`parallel_text` needs fields of both texts, `source` and `target`");
  return false;
}

namespace {

/// Operations on i64 tensors of one shape, in `prepare`.
class TextBuilder {
public:
  TextBuilder(OpBuilder &b, llvm::function_ref<Value(StringRef, ValueRange,
                                                     ArrayRef<NamedAttribute>)>
                                build,
              ArrayRef<int64_t> shape)
      : b(b), build(build), shape(shape) {}

  Value op(StringRef name, ValueRange operands,
           ArrayRef<NamedAttribute> attributes = {}) {
    return build(name, operands, attributes);
  }
  NamedAttribute named(StringRef name, Attribute value) {
    return b.getNamedAttr(name, value);
  }
  NamedAttribute ints(StringRef name, ArrayRef<int64_t> values) {
    return named(name, b.getDenseI64ArrayAttr(values));
  }
  NamedAttribute integer(StringRef name, int64_t value) {
    return named(name, b.getI64IntegerAttr(value));
  }
  NamedAttribute stream(StringRef of) {
    return integer("stream", int64_t(llvm::xxh3_64bits(of) >> 1));
  }
  Value spread(Value x, ArrayRef<int64_t> axes) {
    return op("broadcast", x, {ints("shape", shape), ints("axis", axes)});
  }
  Value gather(Value x, Value index) {
    return op("gather", {x, index}, integer("axis", 0));
  }
  Value compare(Value x, Value y, StringRef predicate) {
    return op("compare", {x, y},
              named("predicate", b.getStringAttr(predicate)));
  }
  Value where(Value condition, Value x, Value y) {
    return op("where", {condition, x, y});
  }

private:
  OpBuilder &b;
  llvm::function_ref<Value(StringRef, ValueRange, ArrayRef<NamedAttribute>)>
      build;
  ArrayRef<int64_t> shape;
};

} // namespace

// Window i begins at token i * (length - marks). In training all windows of an
// epoch are shifted by one draw, so that the text is not always cut at the same
// places.
void Importer::gatherText(Frame &frame, Value row, Value marks,
                          Value indices) {
  int64_t length = std::stoll(info.options.at("length"));
  int64_t stride = length - info.text.marks;
  Type i64 = builder.getIntegerType(64);
  SmallVector<int64_t> shape = {samplesInBatch, length};
  auto build = [&](StringRef name, ValueRange operands,
                   ArrayRef<NamedAttribute> attributes) {
    return buildValue(frame, {}, name, operands, attributes);
  };
  TextBuilder b(builder, build, shape);
  auto number = [&](ArrayRef<int64_t> size, double value) {
    return splat(frame, {}, i64, size, value);
  };
  Value start = b.op("mul", {indices, number(samplesInBatch, double(stride))});
  if (frame.training) {
    Value shift = b.op("random_int", {sampleSeed, number({}, 0)},
                       {b.stream("text.shift"), b.integer("below", stride),
                        b.ints("shape", {})});
    start = b.op("add", {start, b.op("broadcast", shift,
                                     {b.ints("shape", {samplesInBatch}),
                                      b.ints("axis", {})})});
  }
  std::map<std::string, Value> columns;
  if (info.text.masked) {
    columns = gatherMasked(frame, row, marks, start);
  } else {
    Value place = b.op("add", {b.spread(start, {0}),
                               b.op("iota", {},
                                    {b.ints("shape", shape),
                                     b.integer("axis", 1),
                                     b.named("dtype", TypeAttr::get(i64))})});
    columns["tokens"] = b.gather(row, place);
    columns["next"] = b.gather(row, b.op("add", {place, number(shape, 1)}));
  }
  for (const SampleField &field : info.fields) {
    Type type = field.classes ? i64 : field.stored.getElementType();
    frame.names[field.name] = Datum::of(
        cast(frame, {}, columns.at(columnOf(field)), type), /*batched=*/true);
  }
}

// BERT's samples (Devlin 2019): [CLS] A [SEP], or [CLS] A [SEP] B [SEP], where B
// is what follows A or what follows the A of the next sample of the batch. Of
// the tokens between the marks a part is to be guessed; of these, 8 of 10 become
// [MASK], one any token, and one stays.
std::map<std::string, Value>
Importer::gatherMasked(Frame &frame, Value row, Value marks, Value start) {
  int64_t length = std::stoll(info.options.at("length"));
  SmallVector<int64_t> shape = {samplesInBatch, length}, each = {samplesInBatch};
  Type i64 = builder.getIntegerType(64);
  auto build = [&](StringRef name, ValueRange operands,
                   ArrayRef<NamedAttribute> attributes) {
    return buildValue(frame, {}, name, operands, attributes);
  };
  TextBuilder b(builder, build, shape);
  // What stands at each place: a token of A or B, or a mark.
  enum Kind : int64_t { First, Second, Begin, End };
  int64_t first = info.text.pairs ? (length - 2) / 2 : length - 2;
  SmallVector<int64_t> kinds, offsets, segments;
  for (int64_t i = 0; i < length; ++i) {
    bool second = i > first + 1;
    kinds.push_back(i == 0                               ? Begin
                    : i == first + 1 || i == length - 1 ? End
                    : second                            ? Second
                                                        : First);
    offsets.push_back(second ? i - 2 : i - 1);
    segments.push_back(second);
  }
  auto list = [&](ArrayRef<int64_t> values) {
    Datum datum = constant(frame, {}, Datum::ints(values), i64);
    return b.spread(datum.tensor, {1});
  };
  auto numbers = [&](double value) { return splat(frame, {}, i64, shape, value); };
  Value kind = list(kinds);
  auto isKind = [&](Kind which) {
    return b.compare(kind, numbers(double(which)), "eq");
  };
  // The reader's marks: [MASK], [CLS], [SEP], and how many tokens there are.
  auto mark = [&](int64_t which) {
    Value index = splat(frame, {}, i64, {}, double(which));
    return b.spread(cast(frame, {}, b.gather(marks, index), i64), {});
  };
  // Evaluation draws the same in all epochs.
  Value seedOf = frame.training ? sampleSeed : seed;
  auto draw = [&](StringRef name, StringRef stream, ArrayRef<int64_t> size,
                  NamedAttribute attribute) {
    return b.op(name, {seedOf, sampleNumbers},
                {b.stream(stream), b.ints("shape", size), attribute});
  };

  std::map<std::string, Value> columns;
  Value from = b.spread(start, {0});
  if (info.text.pairs) {
    Value follows = draw("bernoulli", "text.follows", each,
                         b.named("p", builder.getF64FloatAttr(0.5)));
    SmallVector<int64_t> others;
    for (int64_t i = 0; i < samplesInBatch; ++i)
      others.push_back((i + 1) % samplesInBatch);
    Datum index = constant(frame, {}, Datum::ints(others), i64);
    Value second = b.where(follows, start, b.gather(start, index.tensor));
    from = b.where(isKind(Second), b.spread(second, {0}), from);
    columns["follows"] = cast(frame, {}, follows, i64);
  }
  Value token = cast(
      frame, {}, b.gather(row, b.op("add", {from, list(offsets)})), i64);
  token = b.where(isKind(Begin), mark(1),
                  b.where(isKind(End), mark(2), token));
  Value guessed = draw("bernoulli", "text.masked", shape,
                       b.named("p", builder.getF64FloatAttr(info.text.masked)));
  guessed = b.op("and", {guessed, b.compare(kind, numbers(Begin), "lt")});
  Value way = draw("random_int", "text.way", shape, b.integer("below", 10));
  Value any = draw("random_int", "text.any", shape,
                   b.integer("below", int64_t(1) << 40));
  any = b.op("remainder", {any, b.op("maximum", {mark(3), numbers(1)})});
  Value shown = b.where(b.compare(way, numbers(8), "lt"), mark(0),
                        b.where(b.compare(way, numbers(8), "eq"), any, token));
  columns["tokens"] = b.where(guessed, shown, token);
  columns["masked"] = b.where(guessed, token, numbers(-100));
  columns["segments"] = list(segments);
  return columns;
}

bool Importer::readGenerate(Frame &frame, const ast::Generate &node) {
  GenerateInfo generate;
  generate.node = &node;
  std::vector<std::string> known;
  for (const auto &[key, value] : generate.numbers)
    known.push_back(key);
  bool good = true;
  for (const ast::Argument &argument : node.arguments) {
    const std::string key = argument.name ? argument.name->text : "";
    auto slot = generate.numbers.find(key);
    if (slot == generate.numbers.end()) {
      error(frame, argument.name ? argument.name->span : argument.value.span,
            key.empty() ? "arguments of `generate` have names"
                        : "`generate` has no argument `" + key + "`",
            suggest(key, known));
      good = false;
      continue;
    }
    Datum datum = value(frame, argument.value);
    if (datum.isPoison()) {
      good = false;
      continue;
    }
    bool whole = key != "temperature" && key != "top_p";
    if (!(whole ? datum.is(Datum::Kind::Int) : datum.isNumber()) ||
        datum.number() < 0 || (key == "top_p" && datum.number() > 1)) {
      error(frame, argument.value.span,
            "`" + key + "` is " +
                (whole            ? "an int of 0 or more"
                 : key == "top_p" ? "a number from 0 to 1"
                                  : "a number of 0 or more") +
                ", this is " + describe(datum));
      good = false;
      continue;
    }
    slot->second = datum.number();
  }
  info.generate = std::move(generate);
  return good;
}

/// How many tokens a call of "generate" takes: as many as the request says,
/// else one where caches hold those before, else a window of training.
bool Importer::bindGenerated(Frame &frame) {
  constexpr int64_t windowWithoutTraining = 64;
  if (!info.generate) {
    error(frame, model->name.span,
          "`" + model->name.text + "` does not say what it generates",
          "write `infer " + model->name.text +
              " { generate tokens from logits }`");
    return false;
  }
  const ast::Name &name = info.generate->node->input;
  const ast::Dim *length = nullptr;
  for (const ast::Input &input : model->inputs)
    if (input.name.text == name.text && input.type.dims.size() == 2)
      length = &input.type.dims[1];
  if (!length || !length->size || !length->size->is(ExprKind::Name)) {
    error(frame, name.span, "tokens are an input i64[N, T] of the model");
    return false;
  }
  const std::string &dim = length->size->text;
  StringRef wanted = StringRef(request.function).split(':').second;
  int64_t tokens = 0;
  if (!wanted.empty() && (wanted.getAsInteger(10, tokens) || tokens < 1)) {
    error(frame, name.span,
          "\"" + request.function + "\" is on no number of tokens");
    return false;
  }
  if (tokens)
    modelDims[dim] = tokens;
  else if (hasCaches && !trial)
    modelDims[dim] = 1;
  else
    modelDims.emplace(dim, windowWithoutTraining);
  return true;
}

/// The names of `generate` are an input and a result of the model; its tokens
/// are as many as the result's last axis is long.
bool Importer::checkGenerate(Frame &frame) {
  if (!info.generate)
    return true;
  const ast::Generate &node = *info.generate->node;
  bool input = llvm::any_of(model->inputs, [&](const ast::Input &each) {
    return each.name.text == node.input.text;
  });
  if (!input) {
    error(frame, node.input.span,
          "`" + node.input.text + "` is no input of `" + model->name.text +
              "`");
    return false;
  }
  auto output = modelResults.find(node.output.text);
  if (output == modelResults.end()) {
    error(frame, node.output.span,
          "`" + node.output.text + "` is no result of `" + model->name.text +
              "`",
          suggest(node.output.text, resultOrder));
    return false;
  }
  const Datum &logits = output->second;
  if (!logits.isTensor() || logits.rank() != 3 || !logits.element().isF32()) {
    error(frame, node.output.span,
          "tokens are drawn from f32[N, T, tokens], this is " +
              describe(logits));
    return false;
  }
  info.generate->vocabulary = logits.shape().back();
  return true;
}

} // namespace varve::importer
