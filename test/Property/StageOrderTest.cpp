// Stages that learn on one batch have the same bits in any order, and beside
// each other: the training step with its operations in random orders, all of
// which their operands allow.
#include "Compiler/CheckedProgram.h"
#include "Language/Import.h"
#include "varve/InitAll.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir;
using namespace varve;

namespace {

const char *const modelText =
    "model net(x: f32[N, 12]) -> logits: f32[N, 3] {\n"
    "  layer first { h = x |> dense(24) as map |> batch_norm as norm |> relu }\n"
    "  h = dropout(h, 0.25)\n"
    "  layer second { h = h |> dense(160) as map |> tanh }\n"
    "  layer third { h = h |> dense(20) as map |> relu }\n"
    "  return dense(h, 3) as out\n}\n\n"
    "train net {\n  data npz(\"rows.npz\") { x: f32[12]  kind: class(3) }\n"
    "  loss cross_entropy(logits, kind)\n  metric mean(logits)\n"
    "  optimizer adam(lr: 0.01)\n  batch 24\n  epochs 1\n"
    "  learning decoupled(cuts: [\"first\", \"second\", \"third\"]";

FuncOp functionOf(ModuleOp module) {
  ProgramOp program = *module.getOps<ProgramOp>().begin();
  return *program.getOps<FuncOp>().begin();
}

/// Each time one of the operations whose operands are there.
void shuffle(FuncOp func, unsigned seed) {
  std::mt19937 draw(seed);
  Block &body = func.getBody().front();
  llvm::MapVector<Operation *, unsigned> waiting;
  std::vector<Operation *> ready;
  for (Operation &op : body.without_terminator()) {
    unsigned count = 0;
    for (Value v : op.getOperands())
      count += v.getDefiningOp() != nullptr;
    waiting[&op] = count;
    if (!count)
      ready.push_back(&op);
  }
  while (!ready.empty()) {
    std::swap(ready[draw() % ready.size()], ready.back());
    Operation *op = ready.back();
    ready.pop_back();
    op->moveBefore(body.getTerminator());
    for (Value result : op->getResults())
      for (OpOperand &use : result.getUses())
        if (use.getOwner() != body.getTerminator() &&
            --waiting[use.getOwner()] == 0)
          ready.push_back(use.getOwner());
  }
}

/// State and results after two steps, on so many threads.
RefState runSteps(MLIRContext &context, const std::string &end, unsigned order,
                  int threads, bool fuse) {
  ImportRequest request;
  request.path = "net.varve";
  request.text = modelText + end;
  auto program = importProgram(context, request);
  if (!program) {
    ADD_FAILURE() << program.error().message;
    return {};
  }
  PipelineOptions options;
  options.target = *resolveTarget("native");
  options.verify = true;
  options.stopAfter = Phase::Update;
  auto updated = runPipeline(*program->module, options);
  if (order)
    shuffle(functionOf(*program->module), order);
  OwningOpRef<ModuleOp> kept(program->module->clone());
  options.startFrom = Phase::Lower;
  options.stopAfter = lastPhase;
  if (!fuse)
    options.disabledPasses = {"fuse"};
  auto compiled = CheckedProgram::compile(*program->module, options, 5);
  if (!updated || !compiled) {
    ADD_FAILURE() << (updated ? compiled.error() : updated.error()).message;
    return {};
  }
  EXPECT_TRUE(compiled->start(5, threads));
  FuncOp func = functionOf(*kept);
  auto inputs = compiled->makeInputs(func, 5);
  RefState all;
  for (int step = 0; step < 2; ++step)
    for (auto [info, value] :
         llvm::zip(func.getResults(), compiled->call(inputs)))
      all["result " + std::to_string(step) + " " +
          cast<DictionaryAttr>(info).getAs<StringAttr>("name").str()] = value;
  for (auto &[name, value] : compiled->exportState())
    all[name] = value;
  return all;
}

void expectSame(const RefState &x, const RefState &y) {
  ASSERT_EQ(x.size(), y.size());
  ASSERT_GT(x.size(), 20u);
  for (const auto &[name, value] : x) {
    ASSERT_TRUE(y.count(name)) << name;
    EXPECT_EQ(value.f, y.at(name).f) << name;
    EXPECT_EQ(value.i, y.at(name).i) << name;
  }
}

TEST(StageOrder, AnyOrderAndBesideEachOther) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  RefState inOrder = runSteps(context, ")\n}\n", 0, 1, true);
  for (unsigned order : {1, 2, 3})
    expectSame(inOrder, runSteps(context, ")\n}\n", order, 2, order != 2));
  for (int threads : {1, 2, 3})
    expectSame(inOrder, runSteps(context, ", parallel: true)\n}\n", 0, threads,
                                 threads != 2));
  expectSame(inOrder, runSteps(context, ", parallel: true)\n}\n", 4, 2, true));
}

} // namespace
