// The syntax tree of a .varve file: what the parser makes, the printer prints
// and the importer reads. Plain values without behaviour, free of MLIR: nodes
// own their children, copy deeply, and know where they stand in the text.
#ifndef VARVE_LANGUAGE_AST_H
#define VARVE_LANGUAGE_AST_H

#include "Language/Source.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace varve::ast {

/// Expressions, statements and settings are nested at most this deep, each in
/// its own kind, so a recursive function over a tree is safe.
constexpr unsigned maxNesting = 200;

/// A name (or a word after a dot) where it stands.
struct Name {
  std::string text;
  Span span;
};

/// The comments of a statement, setting, field or declaration. Comments inside
/// of one, between its tokens, count as standing above it.
struct Comments {
  /// The lines above, `//` included; "" is a blank line (never two in a row).
  std::vector<std::string> above;
  /// What follows on its last line, `//` included; "" where nothing does.
  std::string after;
};

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

struct Argument;
struct PathSegment;
struct Subscript;

/// Where a layer or parameter sits: `h[i].attn.c_attn`. Empty: there is none.
struct Path {
  std::vector<PathSegment> segments;
  Span span;

  explicit operator bool() const { return !segments.empty(); }
};

enum class ExprKind {
  Int,    ///< `intValue`, `text` (as it was spelt)
  Float,  ///< `floatValue`, `text` (as it was spelt)
  String, ///< `text`, escapes resolved
  Bool,   ///< `boolValue`
  None,   ///< none
  Name,   ///< `text`: a value, a size, a layer, a block or an element type
  List,   ///< `operands`: `[a, b]`
  Unary,  ///< `op` (Negate, Not), `operands[0]`
  Binary, ///< `op`, `operands[0]`, `operands[1]`
  Call,   ///< `operands[0]` is called: a Name, or a path of Member and Index
          ///< on a Name; `arguments`, `as`, `piped`
  Index,  ///< `operands[0]`, `subscripts`: `x[i, ..., 1:n]`
  Member, ///< `operands[0]`, `text`: `embed.weight`
};

enum class Operator {
  // Unary.
  Negate,
  Not,
  // Binary, by rising precedence; comparisons do not chain.
  Or,
  And,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Add,
  Subtract,
  Multiply,
  Divide,
  Remainder,
  MatMul,
  Power,
};

/// `+`, `@`, `not`: as in the text.
const char *spelling(Operator op);

/// One expression. `kind` says which members mean something; the others keep
/// their defaults.
struct Expr {
  ExprKind kind = ExprKind::None;
  /// From the first to the last character, with enclosing parentheses.
  Span span;
  /// Unary, Binary: the operator. Member: the word after the dot.
  Span opSpan;

  std::string text;
  std::int64_t intValue = 0;
  double floatValue = 0;
  bool boolValue = false;
  Operator op = Operator::Negate;
  std::vector<Expr> operands;

  /// Call, in the order of the text.
  std::vector<Argument> arguments;
  /// Call: the layer it makes.
  Path as;
  /// Call: written `x |> f(a)`. The first argument is `x` all the same, so only
  /// the printer need look at this.
  bool piped = false;
  /// Index.
  std::vector<Subscript> subscripts;

  /// Height of this tree, at most maxNesting; 1 without children.
  unsigned height = 1;

  bool is(ExprKind other) const { return kind == other; }
  bool isName(const char *name) const {
    return kind == ExprKind::Name && text == name;
  }
  /// Call: what is called.
  const Expr &callee() const { return operands[0]; }
};

/// `x` or `kernel: 3`.
struct Argument {
  std::optional<Name> name;
  Expr value;
};

/// `.word` (the first segment without the dot) or `[expr]`: one is set.
struct PathSegment {
  std::string word;
  std::optional<Expr> index;
  Span span;
};

/// One place between the brackets of an Index.
struct Subscript {
  enum class Kind {
    Ellipsis, ///< `...`
    Single,   ///< `begin`
    Slice,    ///< `begin : end : step`, each optional
  };
  Kind kind = Kind::Single;
  std::optional<Expr> begin;
  std::optional<Expr> end;
  std::optional<Expr> step;
  Span span;
};

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// One place of a shape.
struct Dim {
  enum class Kind {
    Ellipsis, ///< `...`: any number of axes
    Any,      ///< `_`: any size
    Size,     ///< `size`
  };
  Kind kind = Kind::Size;
  std::optional<Expr> size;
  Span span;
};

/// The type of an input, result, parameter or data field.
struct Type {
  enum class Kind {
    Static, ///< `name`: int, float, bool, string, dtype, init; or an element
            ///< type, which is a data field of rank 0
    Tensor, ///< `name[dims]`; `f32[]` has no dims
    List,   ///< `[int]`, `[int, int]`: `elements`
    Class,  ///< `class(10)`, `class("cat", "dog")`: `classes`
  };
  Kind kind = Kind::Static;
  Name name;
  std::vector<Dim> dims;
  std::vector<Name> elements;
  std::vector<Expr> classes;
  Span span;
};

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

struct Statement;

/// `{ ... }`
struct Body {
  std::vector<Statement> statements;
  /// Comments above the closing brace.
  std::vector<std::string> commentsAtEnd;
  Span span;
};

/// `a, b = value`. Several targets take the results of a call, or of a list.
struct Assign {
  std::vector<Name> targets;
  Expr value;
};

/// `y = scan xt, zt in x, z along 1 { ... yield h }`; without targets it
/// yields nothing. `along` is absent for axis 0.
struct Scan {
  std::vector<Name> targets;
  std::vector<Name> slices;
  std::vector<Expr> sequences;
  std::optional<Expr> along;
  Body body;
};

/// `if c { } else if d { } else { }`: `else if` is an `otherwise` of one
/// statement with `elseIf` set.
struct If {
  Expr condition;
  Body then;
  std::optional<Body> otherwise;
  bool elseIf = false;
};

/// `layer conv[i] { ... }`
struct Layer {
  Path path;
  Body body;
};

enum class VariableRole { Param, State, Cache };

/// `param weight: float[units, I] = init`; state and cache likewise.
struct Variable {
  VariableRole role = VariableRole::Param;
  Name name;
  Type type;
  Expr init;
};

/// `repeat i in first..end { }` over ints, or `repeat m in first { }` over the
/// values of a list.
struct Repeat {
  Name variable;
  Expr first;
  std::optional<Expr> end;
  Body body;
};

struct While {
  Expr condition;
  Body body;
};

struct Yield {
  std::vector<Expr> values;
};

struct Return {
  std::vector<Expr> values;
};

/// `require T <= 512, "why"`; `message` is an Expr of kind String.
struct Require {
  Expr condition;
  std::optional<Expr> message;
};

struct Statement {
  std::variant<Assign, Scan, If, Layer, Variable, Repeat, While, Yield, Return,
               Require>
      node;
  Comments comments;
  Span span;

  /// The node as a T, or null: `if (auto *layer = s.as<Layer>())`.
  template <class T> const T *as() const { return std::get_if<T>(&node); }
};

//===----------------------------------------------------------------------===//
// Settings of train and infer
//===----------------------------------------------------------------------===//

struct Setting;

/// `{ ... }` of settings, in the order of the text.
struct Settings {
  std::vector<Setting> list;
  std::vector<std::string> commentsAtEnd;
  Span span;
};

/// A string where it stands; `text` has its escapes resolved.
struct StringLiteral {
  std::string text;
  Span span;
};

/// `flower: f32[4] from "sepal_length", "sepal_width"`
struct Field {
  Name name;
  Type type;
  std::vector<StringLiteral> from;
  Comments comments;
  Span span;
};

/// `data csv("iris.csv") { fields }`; without braces the set knows its fields.
struct Data {
  Name set;
  std::vector<Argument> arguments;
  std::optional<std::vector<Field>> fields;
  std::vector<std::string> commentsAtEnd;
};

/// `prepare { ... }`
struct Prepare {
  Body body;
};

enum class TermKind { Loss, Metric, Output };

/// `loss similar = expr`, `metric expr`, `output digit = expr`
struct Term {
  TermKind kind = TermKind::Loss;
  std::optional<Name> name;
  Expr value;
};

enum class MatchKind { Group, Freeze, Lora };

/// `group "*.bias", "norm*.*" (weight_decay: 0)`
struct Match {
  MatchKind kind = MatchKind::Group;
  std::vector<StringLiteral> patterns;
  std::vector<Argument> arguments;
};

/// `learning decoupled(cuts: "conv.*") { loss ... }`
struct Learning {
  Name name;
  std::vector<Argument> arguments;
  std::optional<Settings> settings;
};

/// `stage "conv.0" { optimizer ... }`
struct Stage {
  std::vector<StringLiteral> patterns;
  Settings settings;
};

/// `labels digit ["zero", "one"]`, `labels class "file.txt"`
struct Labels {
  Name output;
  Expr value;
};

/// `generate tokens from logits (end: 0, max: 256)`
struct Generate {
  Name input;
  Name output;
  std::vector<Argument> arguments;
};

/// Any other setting: `batch 128`, `optimizer adam(lr: 1e-3)`, `schedule ...`.
/// `keyword` is one of valueSettings().
struct Value {
  Name keyword;
  Expr value;
};

/// The keywords of the settings that hold one value, in alphabetical order.
const std::vector<std::string> &valueSettings();

struct Setting {
  std::variant<Data, Prepare, Term, Match, Learning, Stage, Labels, Generate,
               Value>
      node;
  /// The word the setting begins with.
  Name keyword;
  Comments comments;
  Span span;

  template <class T> const T *as() const { return std::get_if<T>(&node); }
};

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

/// `use a, b from "blocks.varve"`
struct Use {
  std::vector<Name> names;
  StringLiteral file;
};

/// `import "net.onnx" as net (training: true)`
struct Import {
  StringLiteral file;
  Name name;
  std::vector<Argument> arguments;
};

/// `x: float[N, C]` or `stride: int = 1`
struct Input {
  Name name;
  Type type;
  std::optional<Expr> fallback;
  Span span;
};

/// `logits: f32[N, 10]`, or a type alone. (Not `Result`, which is an error or
/// a value in this project.)
struct BlockResult {
  std::optional<Name> name;
  Type type;
  Span span;
};

/// `gradient(dy) { ... }`: one cotangent for each result.
struct Gradient {
  std::vector<Name> cotangents;
  Body body;
};

/// A block or a model.
struct Block {
  bool isModel = false;
  Name name;
  std::vector<Input> inputs;
  std::vector<BlockResult> results;
  Body body;
  std::optional<Gradient> gradient;
};

/// `train mlp { ... }` or `infer gpt2(cached: true) { ... }`
struct Train {
  bool isInfer = false;
  Name model;
  std::vector<Argument> arguments; ///< of infer
  Settings settings;
};

/// `"ours" = "theirs"`
struct KeyRule {
  StringLiteral ours;
  StringLiteral theirs;
  Comments comments;
};

/// `names torchvision { ... }`
struct Names {
  Name name;
  std::vector<KeyRule> rules;
  std::vector<std::string> commentsAtEnd;
};

struct Declaration {
  std::variant<Use, Import, Block, Train, Names> node;
  Comments comments;
  Span span;

  template <class T> const T *as() const { return std::get_if<T>(&node); }
};

struct File {
  std::vector<Declaration> declarations;
  std::vector<std::string> commentsAtEnd;
  FileId file = 0;
};

/// The tree as one line per node, without places: for tests and for looking at
/// what the parser understood. Two trees with one dump are the same program
/// with the same comments.
std::string dump(const File &file);
std::string dump(const Expr &expr);

} // namespace varve::ast
#endif
