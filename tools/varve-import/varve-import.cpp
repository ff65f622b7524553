// varve-import: shows what the importer makes of a .varve file, as MLIR text.
#include "Language/Import.h"
#include "Support/File.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

static cl::opt<std::string> path(cl::Positional, cl::desc("FILE.varve"),
                                 cl::Required);
static cl::opt<std::string> function("function",
                                     cl::desc("train_step, eval_step or infer"),
                                     cl::init("train_step"));
static cl::opt<int64_t> batch("batch", cl::desc("samples in a batch"),
                              cl::init(0));
static cl::opt<std::string> model("model", cl::desc("one of several models"));
static cl::list<std::string> overrides("set", cl::desc("KEY=EXPR"));
static cl::list<std::string> dims("dim", cl::desc("NAME=SIZE"));
static cl::opt<bool> locations("locations", cl::desc("print locations"));

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "Varve's importer\n");
  varve::ImportRequest request;
  request.path = path;
  request.function = function;
  request.batch = batch;
  request.model = model;
  request.set.assign(overrides.begin(), overrides.end());
  for (llvm::StringRef dim : dims) {
    auto [name, size] = dim.split('=');
    if (size.getAsInteger(10, request.dims[name.str()])) {
      llvm::errs() << "--dim is NAME=SIZE\n";
      return int(varve::ErrorKind::Usage);
    }
  }
  varve::Result<std::string> text = varve::readFile(path);
  if (!text) {
    llvm::errs() << text.error().message << '\n';
    return int(text.error().kind);
  }
  request.text = std::move(*text);
  mlir::MLIRContext context;
  auto program = varve::importProgram(context, request);
  if (!program) {
    llvm::errs() << program.error().message << '\n';
    return int(program.error().kind);
  }
  mlir::OpPrintingFlags flags;
  if (locations)
    flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/true);
  program->module->print(llvm::outs(), flags);
  return 0;
}
