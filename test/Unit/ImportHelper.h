// What tests of the importer share: an imported program, and why there is none.
#ifndef VARVE_TEST_IMPORTHELPER_H
#define VARVE_TEST_IMPORTHELPER_H

#include "Language/Import.h"
#include "varve/Dialect/Varve/Varve.h"

namespace varve::test {

inline ImportRequest requestOf(std::string text, std::string function) {
  ImportRequest request;
  request.path = "net.varve";
  request.text = std::move(text);
  request.function = std::move(function);
  return request;
}

struct Imported {
  explicit Imported(const ImportRequest &request) {
    Result<ImportedProgram> result = importProgram(context, request);
    if (!result) {
      error = result.error();
      return;
    }
    program = std::move(*result);
    top = *program.module->getOps<ProgramOp>().begin();
    func = *top.getOps<FuncOp>().begin();
  }

  mlir::MLIRContext context;
  ImportedProgram program;
  ProgramOp top;
  FuncOp func; ///< null after an error
  Error error;
};

} // namespace varve::test
#endif
