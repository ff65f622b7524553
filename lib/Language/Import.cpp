// Drives an import: texts, settings, the functions, the verifier.
#include "Language/Import.h"

#include "Language/ImportImpl.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace varve::importer {

Importer::Importer(MLIRContext &context, const ImportRequest &request)
    : context(context), request(request), builder(&context),
      diagnostics(sources) {}

// The training step is built first, whatever is asked for: it has every
// parameter, so all artifacts of a program agree on the table of its state.
bool Importer::buildFunctions() {
  bool infers = request.function == "infer";
  if (!train && !infers) {
    Frame top;
    top.scope = mainScope;
    error(top, model->name.span,
          "`" + model->name.text + "` has no `train` block",
          "write `train " + model->name.text + " { }`");
    return false;
  }
  if (train && request.function != "train_step") {
    if (!buildStep("train_step"))
      return false;
    func.erase();
    stateComplete = true;
  }
  return infers ? buildInfer() : buildStep(request.function);
}

Result<ImportedProgram> Importer::run() {
  context.loadDialect<VarveDialect>();
  auto fail = [&] {
    return diagnostics.toError(onlyRefusals ? ErrorKind::Unsupported
                                            : ErrorKind::Input);
  };
  if (!load() || !readSettings())
    return fail();

  Location loc = FileLineColLoc::get(&context, request.path, 1, 1);
  module = ModuleOp::create(loc);
  builder.setInsertionPointToStart(module->getBody());
  program = ProgramOp::create(builder, loc, model->name.text, DictionaryAttr(),
                              DictionaryAttr());
  builder.setInsertionPointToStart(&program.getBody().emplaceBlock());
  counter = StateOp::create(builder, loc, "step",
                            RankedTensorType::get({}, builder.getI64Type()),
                            "counter");
  if (!buildFunctions() || diagnostics.hasErrors())
    return fail();
  program.setSettingsAttr(settingsAttribute());
  if (train)
    program.setTrainAttr(trainAttribute());

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
