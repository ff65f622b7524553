// `varve check`: runs one function on random data twice, compiled and by the
// reference interpreter in double, and compares all that comes out. With
// gradients, also the reference's gradients against central differences; with
// the contract, bits.
#include "Compiler/CheckedProgram.h"
#include "Compiler/Compile.h"
#include "varve/Reference/Reference.h"
#include <fmt/format.h>
#include <random>

using namespace mlir;

namespace varve {
namespace {

/// For what is in bf16 or f16 or made by products in them.
constexpr double narrowBound = 2e-2;

/// The largest relative error that is let pass. Relative to the largest
/// element of a tensor; updates may divide by what a gradient rounds to.
double boundOf(Type element, bool isState) {
  if (!isa<FloatType>(element))
    return 0;
  unsigned width = element.getIntOrFloatBitWidth();
  if (width == 64)
    return 1e-9;
  if (width == 32)
    return isState ? 1e-4 : 1e-5;
  return narrowBound;
}

/// max |got - want| / max |want|; infinite where only one of them is NaN. What
/// is 0 beside `largest`, of which double leaves no such part, is measured by
/// that: some gradients are 0 by their formula.
double errorOf(const RefTensor &got, const RefTensor &want, double largest) {
  double worst = 0, scale = 0;
  for (int64_t e = 0; e < want.size(); ++e) {
    double g = got.isFloat() ? got.f[e] : double(got.i[e]);
    double w = want.isFloat() ? want.f[e] : double(want.i[e]);
    if (std::isnan(g) != std::isnan(w))
      return INFINITY;
    if (!std::isnan(w) && g != w)
      worst = std::max(worst, std::fabs(g - w));
    scale = std::max(scale, std::fabs(w));
  }
  if (scale < 1e-10 * largest)
    scale = largest;
  return worst == 0 ? 0 : worst / std::max(scale, 1e-30);
}

class Checker {
public:
  Checker(const varve_check_request &request, const Target &target,
          std::string &report)
      : request(request), target(target), report(report),
        context(createContext()) {}

  Status run();

private:
  Result<OwningOpRef<ModuleOp>> importUntil(Phase phase);
  Result<CheckedProgram> compileFrom(Phase phase, ModuleOp module);
  Status checkValues();
  Status checkContract(FuncOp func, ArrayRef<RefTensor> inputs, RefState state,
                       ArrayRef<RefTensor> got, const RefState &after);
  LogicalResult runAlone(Operation *op, ArrayRef<RefTensor> operands,
                         MutableArrayRef<RefTensor> results);
  void compareBits(const std::string &what, const RefTensor &got,
                   const RefTensor &want);
  Status checkGradients();
  void compare(const std::string &what, const RefTensor &got,
               const RefTensor &want, bool isState,
               double largest = 0);
  void checkDifferences(FuncOp func, ArrayRef<RefTensor> inputs,
                        const RefState &state, ArrayRef<RefTensor> results);
  void line(const std::string &what, double error, double bound,
            const std::string &note = "");

  const varve_check_request &request;
  const Target &target;
  std::string &report;
  std::unique_ptr<MLIRContext> context;
  ImportRequest import;
  std::map<std::string, CheckedProgram> alone; ///< by what they compute
  bool passed = true;
  bool isNarrow = false; ///< the model asks for narrow products
};

FuncOp functionOf(ModuleOp module) {
  ProgramOp program = *module.getOps<ProgramOp>().begin();
  return *program.getOps<FuncOp>().begin();
}

std::string nameOf(Attribute info) {
  return cast<DictionaryAttr>(info).getAs<StringAttr>("name").str();
}
StringRef kindOf(Attribute info) {
  return cast<DictionaryAttr>(info).getAs<StringAttr>("kind").getValue();
}

} // namespace

void Checker::line(const std::string &what, double error, double bound,
                   const std::string &note) {
  bool ok = error <= bound;
  passed &= ok;
  report += fmt::format("{:<44} {:9.2e}  {} {:.0e}{}\n", what, error,
                        ok ? "<=" : "ABOVE", bound, note);
}

void Checker::compare(const std::string &what, const RefTensor &got,
                      const RefTensor &want, bool isState,
                      double largest) {
  double bound = boundOf(want.element, isState);
  // The reference knows no rounding, that of narrow products included.
  if (isNarrow && want.isFloat())
    bound = std::max(bound, narrowBound);
  line(what, errorOf(got, want, largest), bound);
}

Result<OwningOpRef<ModuleOp>> Checker::importUntil(Phase phase) {
  Result<ImportedProgram> program = importProgram(*context, import);
  if (!program)
    return program.error();
  ProgramOp whole = *program->module->getOps<ProgramOp>().begin();
  isNarrow = whole.getTrainAttr() && whole.getTrainAttr().get("precision");
  PipelineOptions options;
  options.target = target;
  options.stopAfter = phase;
  options.verify = true;
  if (auto done = runPipeline(*program->module, options); !done)
    return done.error();
  return std::move(program->module);
}

Result<CheckedProgram> Checker::compileFrom(Phase phase, ModuleOp module) {
  PipelineOptions options;
  options.target = target;
  options.startFrom = phase;
  options.verify = true;
  return CheckedProgram::compile(module, options, request.seed);
}

Status Checker::checkValues() {
  Result<OwningOpRef<ModuleOp>> reference = importUntil(Phase::Update);
  if (!reference)
    return reference.error();
  OwningOpRef<ModuleOp> clone((*reference)->clone());
  Result<CheckedProgram> compiled = compileFrom(Phase::Lower, *clone);
  if (!compiled)
    return compiled.error();
  FuncOp func = functionOf(**reference);
  SmallVector<RefTensor> inputs = compiled->makeInputs(func, request.seed);
  compiled->fillSlots(request.seed);
  const RefState before = compiled->exportState();
  RefState state = before;
  auto want = evaluateFunction(func, inputs, state);
  if (failed(want))
    return Error{"the reference interpreter has no value for this model",
                 ErrorKind::Unsupported};
  SmallVector<RefTensor> got = compiled->call(inputs);
  for (auto [i, info] : llvm::enumerate(func.getResults()))
    compare(nameOf(info), got[i], (*want)[i], false);
  RefState after = compiled->exportState();
  for (auto update : func.getUpdates().getAsRange<FlatSymbolRefAttr>()) {
    std::string name = update.getValue().str();
    compare("new " + name, after[name], state[name], true);
  }
  if (request.contract)
    return checkContract(func, inputs, before, got, after);
  return {};
}

// ---- the numeric contract ----

void Checker::compareBits(const std::string &what, const RefTensor &got,
                          const RefTensor &want) {
  int64_t different = 0;
  for (int64_t e = 0; e < want.size(); ++e) {
    RefScalar g = got.at(e), w = want.at(e);
    bool bothNan = std::isnan(g.f) && std::isnan(w.f);
    different += !bothNan && memcmp(&g, &w, sizeof g) != 0;
  }
  passed &= different == 0;
  report += fmt::format("{:<44} {:>9}  {}\n", "bits of " + what, want.size(),
                        different ? fmt::format("{} DIFFER", different)
                                  : "the same");
}

// What arithmetic alone does not decide is compiled as a program of its own:
// by the contract no neighbour changes its bits.
LogicalResult Checker::runAlone(Operation *op, ArrayRef<RefTensor> operands,
                                MutableArrayRef<RefTensor> results) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << op->getName() << op->getAttrDictionary();
  for (Type type : op->getOperandTypes())
    os << type;
  op->walk([&](Operation *inner) {
    if (inner != op)
      inner->print(os);
  });
  auto known = alone.find(key);
  if (known == alone.end()) {
    OwningOpRef<ModuleOp> module(ModuleOp::create(op->getLoc()));
    ImplicitLocOpBuilder b(op->getLoc(), module->getBodyRegion());
    auto program = ProgramOp::create(b, "alone", nullptr, nullptr);
    b.setInsertionPointToStart(&program.getBody().emplaceBlock());
    auto infos = [&](size_t count, StringRef kind) {
      SmallVector<Attribute> all;
      for (size_t i = 0; i < count; ++i)
        all.push_back(b.getDictionaryAttr(
            {b.getNamedAttr("name", b.getStringAttr(kind + Twine(i))),
             b.getNamedAttr("kind", b.getStringAttr(kind))}));
      return b.getArrayAttr(all);
    };
    auto func = FuncOp::create(b, b.getStringAttr("alone"),
                               infos(operands.size(), "input"),
                               infos(results.size(), "output"),
                               b.getArrayAttr({}), b.getArrayAttr({}),
                               b.getI64IntegerAttr(1), nullptr);
    Block &body = func.getBody().emplaceBlock();
    for (Type type : op->getOperandTypes())
      body.addArgument(type, op->getLoc());
    b.setInsertionPointToStart(&body);
    Operation *copy = b.clone(*op);
    copy->setOperands(body.getArguments());
    ReturnOp::create(b, copy->getResults());
    Result<CheckedProgram> made = compileFrom(Phase::Lower, *module);
    if (!made)
      return op->emitOpError("does not compile alone: ")
             << made.error().message;
    known = alone.emplace(key, std::move(*made)).first;
  }
  llvm::move(known->second.call(operands), results.begin());
  return success();
}

Status Checker::checkContract(FuncOp func, ArrayRef<RefTensor> inputs,
                              RefState state, ArrayRef<RefTensor> got,
                              const RefState &after) {
  auto want = evaluateContract(
      func, inputs, state,
      [&](Operation *op, ArrayRef<RefTensor> operands,
          MutableArrayRef<RefTensor> results) {
        return runAlone(op, operands, results);
      });
  if (failed(want))
    return Error{"this model has no value by the numeric contract",
                 ErrorKind::Unsupported};
  for (auto [i, info] : llvm::enumerate(func.getResults()))
    compareBits(nameOf(info), got[i], (*want)[i]);
  for (auto update : func.getUpdates().getAsRange<FlatSymbolRefAttr>()) {
    std::string name = update.getValue().str();
    compareBits("new " + name, after.at(name), state[name]);
  }
  return {};
}

Status Checker::checkGradients() {
  Result<OwningOpRef<ModuleOp>> reference = importUntil(Phase::Differentiate);
  if (!reference)
    return reference.error();
  // The same function with its gradients as outputs.
  OwningOpRef<ModuleOp> clone((*reference)->clone());
  FuncOp exposed = functionOf(*clone);
  Builder b(context.get());
  SmallVector<Attribute> infos;
  for (Attribute info : exposed.getResults()) {
    NamedAttrList entries(cast<DictionaryAttr>(info));
    if (kindOf(info) == "gradient" || kindOf(info) == "schedule")
      entries.set("kind", b.getStringAttr("output"));
    infos.push_back(entries.getDictionary(context.get()));
  }
  exposed.setResultsAttr(b.getArrayAttr(infos));
  exposed.setLearns(false);
  Result<CheckedProgram> compiled = compileFrom(Phase::Update, *clone);
  if (!compiled)
    return compiled.error();

  FuncOp func = functionOf(**reference);
  SmallVector<RefTensor> inputs = compiled->makeInputs(func, request.seed);
  const RefState state = compiled->exportState();
  RefState scratch = state;
  auto want = evaluateFunction(func, inputs, scratch);
  if (failed(want))
    return Error{"the reference interpreter has no value for this model",
                 ErrorKind::Unsupported};
  SmallVector<RefTensor> got = compiled->call(inputs);
  double largest = 0;
  for (auto [i, info] : llvm::enumerate(func.getResults()))
    if (kindOf(info) == "gradient")
      for (double g : (*want)[i].f)
        largest = std::max(largest, std::fabs(g));
  for (auto [i, info] : llvm::enumerate(func.getResults()))
    if (kindOf(info) == "gradient")
      compare(nameOf(info), got[i], (*want)[i], false, largest);
  checkDifferences(func, inputs, state, *want);
  return {};
}

// Leaves of the function what its first result, the loss, is made of.
static void keepLoss(FuncOp func) {
  Builder b(func.getContext());
  func.setResultsAttr(b.getArrayAttr(func.getResults()[0]));
  func.setUpdatesAttr(b.getArrayAttr({}));
  func.getReturn().getValuesMutable().assign(func.getReturn().getOperand(0));
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(func.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

// Central differences at some elements of each parameter, fewer where there are
// many parameters. Where steps of h and h/2 disagree there is a kink near by,
// and the element is passed over.
void Checker::checkDifferences(FuncOp func, ArrayRef<RefTensor> inputs,
                               const RefState &state,
                               ArrayRef<RefTensor> results) {
  if (isNarrow) {
    report +=
        "no differences: they would see the rounding of narrow products\n";
    return;
  }
  OwningOpRef<ModuleOp> clone(func->getParentOfType<ModuleOp>().clone());
  FuncOp forward = functionOf(*clone);
  keepLoss(forward);
  std::mt19937_64 random(request.seed);
  // Of the loss only what depends on the parameter that moves is done again.
  Block &block = forward.getBody().front();
  RefValues values;
  for (auto [i, x] : llvm::enumerate(inputs))
    values[block.getArgument(i)] = x;
  for (auto use : forward.getUses().getAsRange<FlatSymbolRefAttr>())
    values[forward.getUse(use.getValue())] = state.at(use.getValue().str());
  if (failed(evaluateBlock(block, values)))
    return;
  auto lossAt = [&](Value parameter, int64_t element, double move) {
    double old = values[parameter].f[element];
    values[parameter].f[element] += move;
    (void)evaluateAgain(block, parameter, values);
    values[parameter].f[element] = old;
    return values[forward.getReturn().getOperand(0)].f[0];
  };
  int64_t parameters = llvm::count_if(func.getResults(), [](Attribute info) {
    return kindOf(info) == "gradient";
  });
  const int elements =
      int(std::clamp<int64_t>(64 / std::max<int64_t>(parameters, 1), 1, 8));
  for (auto [i, info] : llvm::enumerate(func.getResults())) {
    if (kindOf(info) != "gradient")
      continue;
    std::string name = cast<DictionaryAttr>(info)
                           .getAs<FlatSymbolRefAttr>("of")
                           .getValue()
                           .str();
    const RefTensor &gradient = results[i];
    double scale = 1e-3, worst = 0;
    for (double g : gradient.f)
      scale = std::max(scale, std::fabs(g));
    int tried = 0, kinks = 0;
    Value parameter = forward.getUse(name);
    for (; tried < elements; ++tried) {
      int64_t e = int64_t(random() % uint64_t(gradient.size()));
      double slope[2];
      for (int k = 0; k < 2; ++k) {
        double h = 1e-4 / (k + 1);
        slope[k] =
            (lossAt(parameter, e, h) - lossAt(parameter, e, -h)) / (2 * h);
      }
      if (std::fabs(slope[0] - slope[1]) > 1e-7 * scale)
        ++kinks;
      else
        worst = std::max(worst, std::fabs(slope[1] - gradient.f[e]) / scale);
    }
    (void)evaluateAgain(block, parameter, values);
    line("differences of " + name, worst, 1e-6,
         kinks ? fmt::format("  ({} of {} at a kink)", kinks, tried) : "");
  }
}

Status Checker::run() {
  Result<std::string> text = textOf(request.path, request.text);
  if (!text)
    return text.error();
  import.path = request.path;
  import.text = std::move(*text);
  import.set = strings(request.set, request.sets);
  import.readNetwork = networkReader();
  import.function = request.function;
  import.batch = request.batch ? request.batch : 8;
  report += fmt::format("{:<44} {:>9}  bound\n", "compiled against reference",
                        "error");
  if (Status s = checkValues(); !s)
    return s;
  if (request.gradients)
    if (Status s = checkGradients(); !s)
      return s;
  if (!passed)
    return Error{request.contract
                     ? "the check found errors above their bounds, or other bits"
                     : "the check found errors above their bounds"};
  return {};
}

Status check(const varve_check_request &request, std::string &report) {
  Result<Target> target = resolveTarget(request.cpu ? request.cpu : "native");
  if (!target)
    return target.error();
  if (request.gradients && std::string_view(request.function) != "train_step")
    return Error{"only train_step has gradients", ErrorKind::Usage};
  return Checker(request, *target, report).run();
}

} // namespace varve
