// The speller of programs, which Spell.cpp and SpellControl.cpp share.
#ifndef VARVE_LANGUAGE_SPELLIMPL_H
#define VARVE_LANGUAGE_SPELLIMPL_H

#include "Language/Spell.h"
#include "llvm/ADT/DenseMap.h"
#include <optional>
#include <set>

namespace varve {

/// The node of a graph that an operation came from, or "".
std::string nodeOf(mlir::Operation *op);

/// A name of the language for that node.
std::string nameOfNode(mlir::Operation *op);

class Speller {
public:
  Speller(ProgramOp program, const std::string &path)
      : program(program), path(path) {}
  Result<SpelledModel> run();

private:
  struct Text {
    std::string text;
    bool atom = true; ///< stands anywhere without parentheses
  };
  std::string unique(llvm::StringRef wanted);
  std::string name(mlir::Value value, llvm::StringRef wanted);
  void refuse(mlir::Operation *op, const std::string &why);
  Text spell(mlir::Operation *op);
  Text call(mlir::Operation *op);
  Text infix(mlir::Operation *op, const char *symbol);
  /// An operand as it stands in an expression.
  std::string operand(mlir::Value value);
  /// The same where the operation broadcasts by itself and takes numbers.
  std::string stretched(mlir::Operation *op, unsigned i);
  std::string constant(ConstantOp op);
  std::string repeated(BroadcastOp op);
  std::optional<std::string> splat(mlir::Value value) const;
  std::string slice(SliceOp op);
  bool standsInside(mlir::Operation *op, const Text &text);
  void statement(mlir::Operation &op);
  void declare(mlir::BlockArgument argument, llvm::StringRef state);
  /// A line of the region that is spelled.
  void line(const std::string &text);
  /// A line before the statement that is spelled, outside of all regions.
  void declaration(const std::string &text) { declared += text + "\n"; }

  // SpellControl.cpp
  void branch(IfOp op);
  void scan(ScanOp op);
  /// Names what a loop carries, for its results and its region.
  std::vector<std::string> carry(ScanOp op);
  /// Gives the carried names the values that the region yields for them.
  void rebind(llvm::ArrayRef<std::string> carried, mlir::Block &block);
  /// The lines of a region whose arguments are spelled, and what `end` adds.
  std::string inside(mlir::Region &region, llvm::function_ref<void()> end);

  ProgramOp program;
  const std::string &path;
  FuncOp func;
  SpelledModel spelled;
  std::string body, declared;
  unsigned depth = 0; ///< of regions
  llvm::DenseMap<mlir::Value, Text> texts;
  /// State that is declared before what reads it first.
  llvm::DenseMap<mlir::Value, std::string> undeclared;
  std::set<std::string> taken;
  std::vector<std::string> errors;
};

} // namespace varve
#endif
