// Random programs: values, and the program around the operations.
#include "Writer.h"
#include "varve-c/Runtime.h"
#include <cmath>

using namespace mlir;
using namespace varve;

FuncOp RandomProgram::function() const {
  ProgramOp program = *module.get().getOps<ProgramOp>().begin();
  return *program.getOps<FuncOp>().begin();
}

// ---- draws ----

Shape Writer::shape(int64_t rank) {
  Shape drawn;
  for (int64_t d = 0, elements = 1; d < rank; ++d) {
    int64_t n = size();
    if (elements * n > maxElements)
      n = 1;
    elements *= n;
    drawn.push_back(n);
  }
  return drawn;
}

SmallVector<int64_t> Writer::permutation(int64_t n) {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, n));
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(order[i], order[draw(i + 1)]);
  return order;
}

SmallVector<int64_t> Writer::someAxes(int64_t rank, bool mayBeAll) {
  SmallVector<int64_t> axes;
  if (mayBeAll && chance(0.2))
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  for (int64_t d = 0; d < rank; ++d)
    if (chance(0.5))
      axes.push_back(d);
  if (axes.empty() && rank)
    axes.push_back(draw(rank));
  return axes;
}

// ---- values ----

RefTensor Writer::drawTensor(RankedTensorType type) {
  RefTensor x(type);
  for (double &v : x.f)
    v = float(real(-1, 1));
  for (int64_t &v : x.i)
    v = type.getElementType().isInteger(1) ? draw(2) : draw(6);
  return x;
}

Value Writer::addInput(RankedTensorType type) {
  std::string name = "x" + std::to_string(made.inputs.size());
  Value v = func.addInput(
      type, b.getDictionaryAttr({text("name", name), text("kind", "input")}));
  made.inputs.push_back(drawTensor(type));
  samples[v] = made.inputs.back();
  pool.push_back(v);
  return v;
}

Value Writer::addState(RankedTensorType type) {
  std::string name = "s" + std::to_string(made.state.size());
  ImplicitLocOpBuilder top(b.getLoc(), func);
  auto state = StateOp::create(top, name, type, "param");
  state.setInit("uniform");
  state.setA(llvm::APFloat(-1.0));
  state.setB(llvm::APFloat(1.0));

  // The first value, as the runtime draws it.
  bool wide = type.getElementType().isF64();
  varve_state_desc desc = {};
  desc.name = name.c_str();
  desc.of = "";
  desc.role = VARVE_PARAM;
  desc.dtype = wide ? VARVE_F64 : VARVE_F32;
  desc.rank = type.getRank();
  desc.shape = type.getShape().data();
  auto perm = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  desc.perm = perm.data();
  desc.bytes = type.getNumElements() * (wide ? 8 : 4);
  desc.init = VARVE_INIT_UNIFORM;
  desc.a = -1;
  desc.b = 1;
  std::vector<double> bytes(type.getNumElements() + 1);
  varve_error error;
  if (!varve_state_initialize(&desc, seed, name.c_str(), bytes.data(), &error))
    llvm::report_fatal_error(error.message);
  RefTensor x(type);
  for (int64_t e = 0; e < x.size(); ++e)
    x.f[e] = wide ? bytes[e] : reinterpret_cast<const float *>(bytes.data())[e];
  made.state[name] = x;
  Value v = func.addUse(state);
  samples[v] = x;
  pool.push_back(v);
  return v;
}

Value Writer::constant(RankedTensorType type) {
  RefTensor x = drawTensor(type);
  if (chance(0.3))
    for (int64_t e = 1; e < x.size(); ++e)
      x.set(e, x.at(0));
  Value v = ConstantOp::create(b, type, x.toElements());
  samples[v] = x;
  pool.push_back(v);
  return v;
}

// A known value that a broadcast brings to this type.
Value Writer::repeated(RankedTensorType type) {
  Value v = pick([&](Value v) {
    auto from = typeOf(v);
    if (from.getElementType() != type.getElementType() ||
        from.getRank() > type.getRank() || from == type)
      return false;
    for (int64_t d = 0, skip = type.getRank() - from.getRank();
         d < from.getRank(); ++d)
      if (from.getDimSize(d) != 1 &&
          from.getDimSize(d) != type.getDimSize(d + skip))
        return false;
    return true;
  });
  return v ? value("broadcast", v, list("shape", type.getShape())) : Value();
}

Value Writer::valueOf(RankedTensorType type) {
  if (chance(0.6))
    if (Value v = pick([&](Value v) { return v.getType() == type; }))
      return v;
  if (chance(0.5))
    if (Value v = repeated(type))
      return v;
  bool isFloat = isa<FloatType>(type.getElementType());
  if (isFloat && made.state.size() < 5 && chance(0.6))
    return addState(type);
  if (made.inputs.size() < 4 && chance(0.5))
    return addInput(type);
  return constant(type);
}

bool Writer::depends(Value v) {
  SmallVector<Value> stack = {v};
  DenseSet<Value> seen;
  while (!stack.empty()) {
    Value at = stack.pop_back_val();
    if (!seen.insert(at).second)
      continue;
    if (auto arg = dyn_cast<BlockArgument>(at)) {
      if (arg.getArgNumber() >= func.getNumInputs())
        return true;
    } else if (!at.getDefiningOp()->hasTrait<NoGradient>()) {
      llvm::append_range(stack, at.getDefiningOp()->getOperands());
    }
  }
  return false;
}

// ---- the program ----

// The sum of means of some values, of which a parameter has a say in one.
Value Writer::loss() {
  Type f32 = b.getF32Type();
  SmallVector<Value> terms;
  auto add = [&](Value v) {
    if (!v)
      return;
    if (chance(0.5))
      v = value(chance(0.5) || exact ? "square" : "tanh", v);
    if (v && rankOf(v))
      v = value(
          "mean", v,
          list("axis", llvm::to_vector(llvm::seq<int64_t>(0, rankOf(v)))));
    if (v && typeOf(v).getElementType() != f32)
      v = value("cast", v, b.getNamedAttr("to", TypeAttr::get(f32)));
    if (v)
      terms.push_back(v);
  };
  // What nothing has read yet, first.
  int64_t wanted = 1 + draw(4);
  SmallVector<Value> known(pool);
  for (Value v : llvm::reverse(known))
    if (int64_t(terms.size()) < wanted && isReal(v) && v.use_empty() &&
        depends(v))
      add(v);
  while (terms.empty())
    add(func.getBody().getArgument(func.getNumInputs() +
                                   draw(made.state.size())));
  Value total = terms.front();
  for (Value v : ArrayRef(terms).drop_front())
    if (Value sum = value("add", {total, v}))
      total = sum;
  return total;
}

// Some results beside the loss, bare inputs, state and repetitions among them.
void Writer::finish(Value lossValue) {
  SmallVector<Value> results = {lossValue};
  SmallVector<Attribute> infos;
  for (int64_t n = draw(4); n > 0; --n)
    results.push_back(chance(0.2) ? results[draw(results.size())]
                                  : pick([](Value) { return true; }));
  for (size_t i = 0; i < results.size(); ++i)
    infos.push_back(b.getDictionaryAttr(
        {text("name", i ? "out" + std::to_string(i) : "loss"),
         text("kind", i ? "output" : "loss")}));
  func.setResultsAttr(b.getArrayAttr(infos));
  ReturnOp::create(b, results);
}

RandomProgram Writer::write() {
  made.seed = seed;
  made.module = ModuleOp::create(b.getLoc());
  b.setInsertionPointToEnd(made.module->getBody());
  program = ProgramOp::create(b, "random", nullptr, nullptr);
  Block &top = program.getBody().emplaceBlock();
  b.setInsertionPointToEnd(&top);
  func = FuncOp::create(b, "train_step", b.getArrayAttr({}), b.getArrayAttr({}),
                        b.getArrayAttr({}), b.getArrayAttr({}), 1, true);
  b.setInsertionPointToEnd(&func.getBody().emplaceBlock());

  mainFloat = chance(0.2) ? Type(b.getF64Type()) : Type(b.getF32Type());
  otherFloat = mainFloat.isF32() ? Type(b.getF64Type()) : Type(b.getF32Type());
  mixing = chance(0.25) ? 0.2 : 0;
  for (int i = 0; i < 3; ++i)
    sizes.push_back(oneOf(allSizes));
  Type element = floatType();
  addInput(RankedTensorType::get(shape(draw(4)), element));
  for (int64_t n = 2 + draw(2); n > 0; --n) {
    element = floatType();
    addState(
        RankedTensorType::get(shape(chance(0.1) ? 0 : 1 + draw(3)), element));
  }
  int64_t wanted = 10 + draw(21);
  for (int64_t done = 0, tries = 0; done < wanted && tries < 300; ++tries)
    done += step();
  finish(loss());
  return std::move(made);
}

RandomProgram varve::makeRandomProgram(MLIRContext &context, uint64_t seed,
                                       bool exact) {
  return Writer(context, seed, exact).write();
}
