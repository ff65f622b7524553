// What a function needs in memory, from its plan alone: nothing is run.
#include "Compiler/Compile.h"
#include "varve/Tensor.h"
#include "llvm/Support/JSON.h"

using namespace llvm;

namespace varve {

static double megabytes(int64_t bytes) { return double(bytes) / 1e6; }

static int64_t bytesOf(const StateDescription &state) {
  if (state.bytes)
    return state.bytes;
  int64_t elements = 1;
  for (int64_t size : state.shape)
    elements *= size;
  return elements * int64_t(byteSize(state.type));
}

// The planner's entries, one for each stage and phase, as one for each stage.
static json::Array stagesOf(const json::Object &memory) {
  json::Array stages;
  for (const json::Value &value : *memory.getArray("phases")) {
    const json::Object &entry = *value.getAsObject();
    StringRef name = *entry.getString("stage");
    json::Object *stage = nullptr;
    for (json::Value &known : stages)
      if (known.getAsObject()->getString("stage") == name)
        stage = known.getAsObject();
    if (!stage) {
      stages.push_back(json::Object{{"stage", name}, {"activation_mb", 0.0}});
      stage = stages.back().getAsObject();
    }
    std::string phase = entry.getString("phase")->str();
    (*stage)[phase + "_mb"] = megabytes(*entry.getInteger("live_bytes"));
    double kept = megabytes(*entry.getInteger("activation_bytes"));
    (*stage)["activation_mb"] =
        std::max(kept, *stage->getNumber("activation_mb"));
  }
  return stages;
}

std::string describeMemory(const CompiledProgram &program) {
  const ArtifactDescription &d = program.description;
  const FunctionDescription &f = d.functions.front();
  int64_t parameters = 0, optimizer = 0;
  for (const StateDescription &state : d.states)
    (state.role == VARVE_PARAM || state.role == VARVE_RUNNING ? parameters
                                                              : optimizer) +=
        bytesOf(state);
  json::Object report{
      {"model", d.name},
      {"function", f.name},
      {"batch", f.batch},
      {"arena_mb", megabytes(f.arenaBytes)},
      {"parameters_mb", megabytes(parameters)},
      {"optimizer_mb", megabytes(optimizer)},
  };
  if (Expected<json::Value> memory = json::parse(f.memory)) {
    const json::Object &peaks = *memory->getAsObject();
    report["peak_activation_mb"] =
        megabytes(*peaks.getInteger("peak_activation_bytes"));
    report["stages"] = stagesOf(peaks);
  } else {
    consumeError(memory.takeError());
  }
  std::string text;
  raw_string_ostream(text) << json::Value(std::move(report));
  return text;
}

} // namespace varve
