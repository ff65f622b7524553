// `varve import`: an ONNX model as a text to read and edit, and its weights.
#include "Driver/CompilerLibrary.h"
#include "OnnxValues.h"
#include "Verbs.h"
#include <fmt/format.h>

namespace varve::cli {

int runImport(const ImportArgs &args) {
  if (!isOnnx(args.file))
    return fail({fmt::format("'{}' does not end in .onnx", args.file),
                 ErrorKind::Usage});
  if (isOnnx(args.output) || args.output == args.weights)
    return fail({fmt::format("'{}' cannot be the text, too", args.output),
                 ErrorKind::Usage});
  auto given = readGivenInputs(args.file, args.inputs);
  if (!given)
    return fail(given.error());
  auto library = CompilerLibrary::load();
  if (!library)
    return fail(library.error());
  std::vector<const char *> dims;
  for (const std::string &each : args.dims)
    dims.push_back(each.c_str());
  std::vector<varve_given_input> inputs = requested(*given);
  varve_function_request function = {"infer", 0};
  varve_compile_request request = {};
  request.size = sizeof request;
  request.path = args.file.c_str();
  request.function = &function;
  request.functions = 1;
  request.output = VARVE_OUTPUT_TEXT;
  request.output_path = args.output.c_str();
  request.weights_path = args.weights.c_str();
  request.dim = dims.data();
  request.dims = static_cast<int64_t>(dims.size());
  request.input = inputs.data();
  request.inputs = static_cast<int64_t>(inputs.size());
  varve_compile_result result = {};
  library->compile(&request, &result);
  Error outcome{result.diagnostic ? result.diagnostic : "",
                static_cast<ErrorKind>(result.status)};
  bool done = result.status == VARVE_OK;
  if (done)
    showMadeFor(result.text);
  library->clear(&result);
  if (!done)
    return fail(outcome);
  fmt::print("{}\n{}\n", args.output, args.weights);
  return 0;
}

} // namespace varve::cli
