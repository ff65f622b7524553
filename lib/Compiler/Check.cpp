// `varve check`: runs one function on random data twice, compiled and by the
// reference interpreter in double, and compares all that comes out. With
// gradients, also the reference's gradients against central differences.
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

/// max |got - want| / max |want|; infinite where only one of them is NaN.
double errorOf(const RefTensor &got, const RefTensor &want) {
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
  Status checkGradients();
  void compare(const std::string &what, const RefTensor &got,
               const RefTensor &want, bool isState);
  void checkDifferences(FuncOp func, ArrayRef<RefTensor> inputs,
                        const RefState &state, ArrayRef<RefTensor> results);
  void line(const std::string &what, double error, double bound,
            const std::string &note = "");

  const varve_check_request &request;
  const Target &target;
  std::string &report;
  std::unique_ptr<MLIRContext> context;
  ImportRequest import;
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
                      const RefTensor &want, bool isState) {
  double bound = boundOf(want.element, isState);
  // The reference knows no rounding, that of narrow products included.
  if (isNarrow && want.isFloat())
    bound = std::max(bound, narrowBound);
  line(what, errorOf(got, want), bound);
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
  RefState state = compiled->exportState();
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
  for (auto [i, info] : llvm::enumerate(func.getResults()))
    if (kindOf(info) == "gradient")
      compare(nameOf(info), got[i], (*want)[i], false);
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
  auto lossAt = [&](const std::string &name, int64_t element, double move) {
    RefState moved = state;
    moved[name].f[element] += move;
    return (*evaluateFunction(forward, inputs, moved))[0].f[0];
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
    for (; tried < elements; ++tried) {
      int64_t e = int64_t(random() % uint64_t(gradient.size()));
      double slope[2];
      for (int k = 0; k < 2; ++k) {
        double h = 1e-4 / (k + 1);
        slope[k] = (lossAt(name, e, h) - lossAt(name, e, -h)) / (2 * h);
      }
      if (std::fabs(slope[0] - slope[1]) > 1e-7 * scale)
        ++kinks;
      else
        worst = std::max(worst, std::fabs(slope[1] - gradient.f[e]) / scale);
    }
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
    return Error{"the check found errors above their bounds"};
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
