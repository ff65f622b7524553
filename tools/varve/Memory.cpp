// `varve inspect --memory`: what a training step needs, by stage and phase. The
// compiler plans it; nothing is run.
#include "Driver/CompilerLibrary.h"
#include "Verbs.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace varve::cli {
namespace {

void show(const nlohmann::json &report) {
  fmt::print("{}: a step of {} samples\n\n", std::string(report["model"]),
             int64_t(report["batch"]));
  fmt::print("  {:<20} {:>12} {:>12} {:>12} {:>12}\n", "stage", "forward MB",
             "backward MB", "update MB", "activations");
  for (const auto &stage : report["stages"]) {
    auto number = [&](const char *key) { return stage.value(key, 0.0); };
    std::string name = stage["stage"];
    fmt::print("  {:<20} {:>12.3f} {:>12.3f} {:>12.3f} {:>12.3f}\n",
               name.empty() ? "-" : name, number("forward_mb"),
               number("backward_mb"), number("update_mb"),
               number("activation_mb"));
  }
  fmt::print("\n  MB: arena {:.3f} (activations at most {:.3f}), parameters "
             "{:.3f}, optimizer {:.3f}\n",
             double(report["arena_mb"]), double(report["peak_activation_mb"]),
             double(report["parameters_mb"]), double(report["optimizer_mb"]));
}

} // namespace

Result<std::string> planMemory(const ModelArgs &model, int64_t batch) {
  auto library = CompilerLibrary::load();
  if (!library)
    return library.error();
  std::vector<const char *> sets, passes;
  for (const std::string &set : model.sets)
    sets.push_back(set.c_str());
  for (const std::string &pass : model.disabledPasses)
    passes.push_back(pass.c_str());
  varve_function_request function = {"train_step", batch};
  varve_compile_request request = {};
  request.size = sizeof request;
  request.path = model.file.c_str();
  request.set = sets.data();
  request.sets = static_cast<int64_t>(sets.size());
  request.function = &function;
  request.functions = 1;
  request.disabled_pass = passes.data();
  request.disabled_passes = static_cast<int64_t>(passes.size());
  request.output = VARVE_OUTPUT_MEMORY;
  varve_compile_result result = {};
  library->compile(&request, &result);
  bool done = result.status == VARVE_OK;
  Error error{result.diagnostic ? result.diagnostic : "",
              static_cast<ErrorKind>(result.status)};
  std::string text = result.text ? result.text : "";
  library->clear(&result);
  if (!done)
    return error;
  return text;
}

int showMemory(const InspectArgs &args) {
  auto report = planMemory(args.model, args.batch);
  if (!report)
    return fail(report.error());
  if (args.model.json)
    fmt::print("{}\n", *report);
  else
    show(nlohmann::json::parse(*report));
  return 0;
}

} // namespace varve::cli
