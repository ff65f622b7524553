// `varve compile`: ahead of time, to a library with a C header or to a form
// that other tools take.
#include "Driver/CompilerLibrary.h"
#include "OnnxValues.h"
#include "Verbs.h"
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>

namespace varve::cli {
namespace {

Result<varve_output> outputOf(const CompileArgs &args) {
  std::string end = std::filesystem::path(args.output).extension().string();
  if (!args.header.empty() && end != ".so")
    return Error{fmt::format("a header goes with a library (.so), not with "
                             "'{}'",
                             args.output),
                 ErrorKind::Usage};
  if (end == ".so")
    return args.header.empty() ? VARVE_OUTPUT_ARTIFACT : VARVE_OUTPUT_LIBRARY;
  if (end == ".o")
    return VARVE_OUTPUT_OBJECT;
  if (end == ".ll")
    return VARVE_OUTPUT_LLVM_IR;
  if (end == ".mlir")
    return VARVE_OUTPUT_MLIR;
  if (end == ".s")
    return VARVE_OUTPUT_ASSEMBLY;
  if (end == ".onnx")
    return VARVE_OUTPUT_ONNX;
  return Error{
      fmt::format("'{}' ends in none of .so, .o, .ll, .mlir, .onnx, .s",
                  args.output),
      ErrorKind::Usage};
}

/// The seconds it took.
Result<double> compileTo(const CompileArgs &args, varve_output output) {
  auto given = readGivenInputs(args.file, args.inputs);
  if (!given)
    return given.error();
  auto library = CompilerLibrary::load();
  if (!library)
    return library.error();
  std::vector<const char *> sets, dims, passes;
  // Of an ONNX model, `--dim` is no setting.
  constexpr std::string_view dim = "dim.";
  for (const std::string &set : args.sets)
    if (isOnnx(args.file) && set.rfind(dim, 0) == 0)
      dims.push_back(set.c_str() + dim.size());
    else
      sets.push_back(set.c_str());
  for (const std::string &pass : args.disabledPasses)
    passes.push_back(pass.c_str());
  std::vector<varve_given_input> inputs = requested(*given);
  std::vector<varve_function_request> functions;
  for (int64_t batch : args.batches)
    functions.push_back({args.function.c_str(), batch});
  if (functions.empty())
    functions.push_back({args.function.c_str(), 0});
  auto orNull = [](const std::string &text) {
    return text.empty() ? nullptr : text.c_str();
  };
  varve_compile_request request = {};
  request.size = sizeof request;
  request.path = args.file.c_str();
  request.set = sets.data();
  request.sets = static_cast<int64_t>(sets.size());
  request.dim = dims.data();
  request.dims = static_cast<int64_t>(dims.size());
  request.input = inputs.data();
  request.inputs = static_cast<int64_t>(inputs.size());
  request.function = functions.data();
  request.functions = static_cast<int64_t>(functions.size());
  request.cpu = orNull(args.cpu);
  request.disabled_pass = passes.data();
  request.disabled_passes = static_cast<int64_t>(passes.size());
  request.output = output;
  request.output_path = orNull(args.output);
  request.header_path = orNull(args.header);
  request.weights = orNull(args.weights);
  request.stop_after = orNull(args.stopAfter);
  request.print_phases = args.printPhases;
  request.external_data = args.externalData;
  request.reproducer = orNull(args.reproducer);
  varve_compile_result result = {};
  library->compile(&request, &result);
  auto textOf = [](const char *text) { return std::string(text ? text : ""); };
  Error outcome{textOf(result.diagnostic),
                static_cast<ErrorKind>(result.status)};
  double seconds = result.seconds;
  bool done = result.status == VARVE_OK;
  if (done && isOnnx(args.file))
    showMadeFor(result.text);
  std::string note = isOnnx(args.file) ? "" : textOf(result.text);
  library->clear(&result);
  if (!done)
    return outcome;
  std::fputs(outcome.message.c_str(), stderr);
  if (output == VARVE_OUTPUT_ONNX && !note.empty() && !args.output.empty())
    fmt::print(stderr, "varve: warning: {} takes one sample: {}\n", args.output,
               note);
  return seconds;
}

} // namespace

Status compileOnnx(const CompileArgs &args) {
  Result<double> seconds = compileTo(args, VARVE_OUTPUT_ONNX);
  return seconds ? Status() : seconds.error();
}

int runCompile(const CompileArgs &args) {
  auto output = outputOf(args);
  if (!output)
    return fail(output.error());
  if (!args.weights.empty() && *output != VARVE_OUTPUT_LIBRARY &&
      *output != VARVE_OUTPUT_ONNX)
    return fail({"weights are carried by a library (-o lib.so --header lib.h) "
                 "or an ONNX model only",
                 ErrorKind::Usage});
  if (args.externalData && *output != VARVE_OUTPUT_ONNX)
    return fail({"--external-data is of ONNX models", ErrorKind::Usage});
  if (!args.weights.empty() && isOnnx(args.file))
    return fail({"an ONNX model has its weights", ErrorKind::Usage});
  if (!args.batches.empty() && isOnnx(args.file))
    return fail({"--batch is not for an ONNX model: --dim gives its open sizes",
                 ErrorKind::Usage});
  Result<double> seconds = compileTo(args, *output);
  if (!seconds)
    return fail(seconds.error());
  fmt::print("{} compiled in {:.3f} s\n", args.output, *seconds);
  return 0;
}

} // namespace varve::cli
