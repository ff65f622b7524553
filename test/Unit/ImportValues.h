// What an imported model computes, by the reference interpreter.
#ifndef VARVE_TEST_IMPORTVALUES_H
#define VARVE_TEST_IMPORTVALUES_H

#include "ImportHelper.h"
#include "varve/Reference/Reference.h"

#include <gtest/gtest.h>

namespace varve::test {

using Numbers = std::vector<double>;

struct Tensor {
  std::vector<int64_t> shape;
  Numbers values;
};

inline RefTensor toRef(const Tensor &tensor, mlir::Type element) {
  RefTensor out(element, tensor.shape);
  for (int64_t e = 0; e < out.size(); ++e)
    out.set(e, {tensor.values[e], int64_t(tensor.values[e])});
  return out;
}

/// 0, 1, 2 ... in a shape.
inline Tensor counting(std::vector<int64_t> shape, double from = 0) {
  int64_t size = 1;
  for (int64_t d : shape)
    size *= d;
  Tensor out{shape, {}};
  for (int64_t i = 0; i < size; ++i)
    out.values.push_back(from + double(i));
  return out;
}

/// Runs the function on inputs by name; the first result.
inline Tensor run(const ImportRequest &request,
                  const std::map<std::string, Tensor> &inputs,
                  RefState *kept = nullptr) {
  Imported net(request);
  EXPECT_TRUE(net.func) << net.error.message;
  if (!net.func)
    return {};
  std::vector<RefTensor> arguments;
  for (auto [i, info] : llvm::enumerate(net.func.getInputs())) {
    auto name =
        llvm::cast<mlir::DictionaryAttr>(info).getAs<mlir::StringAttr>("name");
    auto type = llvm::cast<mlir::RankedTensorType>(
        net.func.getBody().getArgument(i).getType());
    auto given = inputs.find(name.getValue().str());
    Tensor value = given == inputs.end() ? Tensor{{}, {0}} : given->second;
    arguments.push_back(toRef(value, type.getElementType()));
  }
  RefState state;
  for (StateOp op : net.top.getOps<StateOp>()) {
    RefTensor value(op.getTensorType());
    for (int64_t e = 0; e < value.size(); ++e)
      value.set(e, {op.getA().convertToDouble() + double(e % 5),
                    int64_t(op.getA().convertToDouble())});
    state[op.getSymName().str()] = value;
  }
  auto results = evaluateFunction(net.func, arguments, state);
  EXPECT_TRUE(mlir::succeeded(results));
  if (mlir::failed(results))
    return {};
  if (kept)
    *kept = state;
  const RefTensor &first = (*results)[0];
  Tensor out{first.shape, {}};
  for (int64_t e = 0; e < first.size(); ++e)
    out.values.push_back(first.isFloat() ? first.f[e] : double(first.i[e]));
  return out;
}

} // namespace varve::test
#endif
