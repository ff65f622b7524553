// Drives an import: texts, settings, the functions, the verifier.
#include "Language/Import.h"

#include "Language/ImportImpl.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace varve::importer {

Importer::Importer(MLIRContext &context, const ImportRequest &request)
    : context(context), request(request), builder(&context),
      diagnostics(sources), dims(request.dims) {
  builder.setListener(&listener);
}

// The training step is built first, whatever is asked for: it has every
// parameter, so all artifacts of a program agree on the table of its state.
bool Importer::buildFunctions() {
  if (!train && !request.isAlone()) {
    Frame top;
    top.scope = mainScope;
    error(top, model->name.span,
          "`" + model->name.text + "` has no `train` block",
          "write `train " + model->name.text + " { }`");
    return false;
  }
  bool greedy = info.learning.node && info.learning.way == "greedy";
  if (train && (greedy || !request.trains())) {
    stateComplete = buildStep("train_step");
    if (!stateComplete && !inferAlone())
      return false;
    for (FuncOp built : llvm::make_early_inc_range(program.getOps<FuncOp>()))
      built.erase();
    if (!stateComplete)
      clearProgram();
  }
  if (request.function == "prepare")
    return buildPrepare();
  if (request.infers())
    return buildInfer();
  if (StringRef(request.function).starts_with("stage_input:"))
    return buildStageInput();
  return greedy && request.trains() ? buildGreedyStep()
                                    : buildStep(request.function);
}

void Importer::clearProgram() {
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(program.getBody().front())))
    if (&op != counter)
      op.erase();
  variables.clear();
  modelDims.clear();
  stateComplete = false;
}

bool Importer::tryWithStandIn() {
  // Only this way a message can say which size is the number of samples.
  for (const ast::Input &input : model->inputs)
    if (input.type.kind == ast::Type::Kind::Tensor) {
      if (!input.type.dims.empty() && input.type.dims[0].size &&
          input.type.dims[0].size->is(ast::ExprKind::Name))
        samplesName = input.type.dims[0].size->text;
      break;
    }
  trial = true;
  bool good = buildFunctions() && !diagnostics.hasErrors();
  trial = false;
  clearProgram();
  spent = 0;
  if (good || !inconclusive)
    return good;
  diagnostics.clear();
  reported.clear();
  onlyRefusals = true;
  return true;
}

bool Importer::inferAlone() {
  if (!request.isAlone() || !onlyRefusals)
    return false;
  diagnostics.clear();
  reported.clear();
  train = nullptr;
  return true;
}

/// What `--set precision=` says of products, or null: of a model without
/// `train`, which else would say it.
static Type precisionSet(MLIRContext &context, ArrayRef<std::string> sets) {
  for (StringRef set : llvm::reverse(sets))
    if (set.consume_front("precision="))
      return set == "bf16"  ? Type(BFloat16Type::get(&context))
             : set == "f16" ? Type(Float16Type::get(&context))
                            : Type();
  return {};
}

Result<ImportedProgram> Importer::run() {
  context.loadDialect<VarveDialect>();
  auto fail = [&] {
    return diagnostics.toError(onlyRefusals ? ErrorKind::Unsupported
                                            : ErrorKind::Input);
  };
  if (!load())
    return fail();
  if (!readSettings()) {
    // Inference has no need of settings that nothing supports.
    if (!request.isAlone() || !anyRefusal || !train)
      return fail();
    diagnostics.clear();
    reported.clear();
    onlyRefusals = true;
    train = nullptr;
    info = {};
    if (!readSettings())
      return fail();
  }

  Location loc = FileLineColLoc::get(&context, request.path, 1, 1);
  module = ModuleOp::create(loc);
  builder.setInsertionPointToStart(module->getBody());
  program = ProgramOp::create(builder, loc, model->name.text, DictionaryAttr(),
                              DictionaryAttr());
  builder.setInsertionPointToStart(&program.getBody().emplaceBlock());
  counter = StateOp::create(builder, loc, "step",
                            RankedTensorType::get({}, builder.getI64Type()),
                            "counter");
  if (!tryWithStandIn() || !buildFunctions() || diagnostics.hasErrors())
    return fail();
  program.setSettingsAttr(settingsAttribute());
  if (train)
    program.setTrainAttr(trainAttribute());
  else if (Type precision = precisionSet(context, request.set))
    program->setAttr("varve.precision", TypeAttr::get(precision));

  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  if (failed(verify(*module)))
    return Error{request.path +
                     ": the imported program is not valid: " + message,
                 ErrorKind::Input};
  return ImportedProgram{std::move(module), std::move(filesRead)};
}

} // namespace varve::importer

varve::Result<varve::ImportedProgram>
varve::importProgram(MLIRContext &context, const ImportRequest &request) {
  return importer::Importer(context, request).run();
}
