// The examples of an operation's test file, test/Ops/<op>.mlir: every function
// in it that is not there to be refused. What the tests here know of an
// operation, they know from these.
#ifndef VARVE_TEST_UNIT_OPEXAMPLES_H
#define VARVE_TEST_UNIT_OPEXAMPLES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "varve/Dialect/Varve/Varve.h"
#include "varve/Transforms/Differentiate.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"
#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace varve {

/// The mnemonics that have a test file, in order.
inline std::vector<std::string> testedOps() {
  std::vector<std::string> names;
  for (auto &entry : std::filesystem::directory_iterator(VARVE_OPS_DIR))
    if (entry.path().extension() == ".mlir")
      names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

/// The sections of test/Ops/<name>.mlir that expect no error.
inline std::vector<mlir::OwningOpRef<mlir::ModuleOp>>
parseExamples(mlir::MLIRContext &context, const std::string &name) {
  std::string path = std::string(VARVE_OPS_DIR) + "/" + name + ".mlir";
  auto buffer = llvm::MemoryBuffer::getFile(path);
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  if (!buffer)
    return modules;
  llvm::SmallVector<llvm::StringRef> sections;
  (*buffer)->getBuffer().split(sections, "// -----");
  for (llvm::StringRef section : sections)
    if (!section.contains("expected-error"))
      modules.push_back(
          mlir::parseSourceString<mlir::ModuleOp>(section, &context, path));
  return modules;
}

/// Random arguments, the same each time. `varve.range = [low, high]` on an
/// argument holds its numbers in it; else floats have a magnitude from 0.3 to
/// 1.3, away from kinks at 0, and integers are 0, 1 or 2.
inline std::vector<RefTensor> drawArguments(mlir::func::FuncOp func) {
  std::mt19937_64 engine(1);
  auto draw = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine);
  };
  std::vector<RefTensor> arguments;
  for (mlir::BlockArgument arg : func.getArguments()) {
    RefTensor x(llvm::cast<mlir::RankedTensorType>(arg.getType()));
    auto range = func.getArgAttrOfType<mlir::ArrayAttr>(arg.getArgNumber(),
                                                        "varve.range");
    auto bound = [&](unsigned i) {
      if (auto f = llvm::dyn_cast<mlir::FloatAttr>(range[i]))
        return f.getValueAsDouble();
      return double(llvm::cast<mlir::IntegerAttr>(range[i]).getInt());
    };
    for (double &v : x.f)
      v = range ? draw(bound(0), bound(1))
                : (draw(0, 1) < 0.5 ? -1 : 1) * draw(0.3, 1.3);
    for (int64_t &v : x.i)
      v = range                    ? std::floor(draw(bound(0), bound(1) + 1))
          : x.element.isInteger(1) ? draw(0, 1) < 0.5
                                   : int64_t(draw(0, 3));
    // What the type can hold, so that compiled code sees the same number.
    if (x.isFloat() && !x.element.isF64())
      x = RefTensor(x.toElements());
    arguments.push_back(std::move(x));
  }
  return arguments;
}

/// The same integers, and floats within `tolerance` of 1 and of what is wanted.
inline void expectClose(const RefTensor &got, const RefTensor &want,
                        double tolerance) {
  ASSERT_EQ(got.shape, want.shape);
  EXPECT_EQ(got.i, want.i);
  for (size_t e = 0; e < want.f.size(); ++e) {
    double g = got.f[e], w = want.f[e];
    if (std::isnan(w) || std::isinf(w))
      EXPECT_TRUE(std::isnan(w) ? std::isnan(g) : g == w)
          << "element " << e << " is " << g << ", not " << w;
    else
      EXPECT_NEAR(g, w, tolerance * (1 + std::fabs(w))) << "element " << e;
  }
}

/// What a function returns.
inline llvm::SmallVector<mlir::Value> returned(mlir::func::FuncOp func) {
  return llvm::to_vector(func.front().getTerminator()->getOperands());
}

inline bool isDouble(mlir::Value v) {
  return llvm::cast<mlir::RankedTensorType>(v.getType())
      .getElementType()
      .isF64();
}

/// A constant of random numbers, of v's type.
inline mlir::Value randomLike(mlir::ImplicitLocOpBuilder &b, mlir::Value v,
                              unsigned seed) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<double> draw(0.5, 1.5);
  RefTensor x(llvm::cast<mlir::RankedTensorType>(v.getType()));
  for (double &e : x.f)
    e = draw(engine);
  return ConstantOp::create(b, v.getType(), x.toElements());
}

/// The values of type f64 among these.
inline llvm::SmallVector<mlir::Value> doublesOf(mlir::ValueRange values) {
  return llvm::to_vector(llvm::make_filter_range(values, isDouble));
}

/// The function as one of a program: what a pass lowers.
inline FuncOp wrap(mlir::func::FuncOp func, mlir::OpBuilder &b) {
  auto program =
      ProgramOp::create(b, func.getLoc(), func.getName(), nullptr, nullptr);
  mlir::Block &block = program.getBody().emplaceBlock();
  mlir::OpBuilder inner = mlir::OpBuilder::atBlockBegin(&block);
  auto infos = [&](size_t count, llvm::StringRef kind) {
    llvm::SmallVector<mlir::Attribute> all;
    for (size_t i = 0; i < count; ++i)
      all.push_back(b.getDictionaryAttr(
          {b.getNamedAttr("name", b.getStringAttr(kind + llvm::Twine(i))),
           b.getNamedAttr("kind", b.getStringAttr(kind))}));
    return b.getArrayAttr(all);
  };
  auto wrapped =
      FuncOp::create(inner, func.getLoc(), func.getSymNameAttr(),
                     infos(func.getNumArguments(), "input"),
                     infos(returned(func).size(), "output"), b.getArrayAttr({}),
                     b.getArrayAttr({}), b.getI64IntegerAttr(1), nullptr);
  wrapped.getBody().takeBody(func.getBody());
  mlir::Operation *end = wrapped.getBody().front().getTerminator();
  mlir::OpBuilder atEnd(end);
  ReturnOp::create(atEnd, end->getLoc(), end->getOperands());
  end->erase();
  func.erase();
  return wrapped;
}

/// Adds gradients of what is returned, weighed at random, to what is returned.
inline void returnGradients(mlir::func::FuncOp func) {
  mlir::Operation *end = func.front().getTerminator();
  mlir::ImplicitLocOpBuilder b(end->getLoc(), end);
  llvm::SmallVector<mlir::Value> values = returned(func),
                                 results = doublesOf(values);
  llvm::SmallVector<mlir::Value> wrt = doublesOf(func.getArguments()), weights;
  if (results.empty() || wrt.empty())
    return;
  for (mlir::Value v : results)
    weights.push_back(randomLike(b, v, 2));
  auto gradients = buildGradients(b, results, weights, wrt);
  ASSERT_TRUE(mlir::succeeded(gradients));
  for (mlir::Value v : *gradients)
    if (v)
      values.push_back(v);
  end->setOperands(values);
}

} // namespace varve
#endif
