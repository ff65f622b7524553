// Weight files and the snapshot of the best weights.
#include "Learn/Weights.h"
#include "Support/Safetensors.h"
#include <cstring>
#include <fmt/format.h>
#include <string_view>

namespace varve {

bool isWeight(const varve_state_desc &state) {
  return (state.role == VARVE_PARAM || state.role == VARVE_RUNNING) &&
         std::string_view(state.name).substr(0, 6) != "stage.";
}

Status saveWeights(const Program &program, const std::string &path) {
  const varve_artifact &artifact = program.artifact();
  std::vector<Tensor> values;
  std::vector<SafetensorsEntry> entries;
  for (int64_t i = 0; i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    if (!isWeight(state))
      continue;
    values.push_back(program.exportState(i));
    entries.push_back({state.name, values.back().type, values.back().shape,
                       values.back().data.data()});
  }
  return writeSafetensors(path, entries, {{"model", artifact.name}});
}

Result<std::vector<std::string>> loadWeights(Program &program,
                                             const std::string &path) {
  Result<Safetensors> file = readSafetensors(path);
  if (!file)
    return file.error();
  const varve_artifact &artifact = program.artifact();
  std::vector<std::pair<int64_t, const Tensor *>> found;
  for (int64_t i = 0; i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    if (!isWeight(state))
      continue;
    const Tensor *value = file->find(state.name);
    if (!value)
      return Error{fmt::format("{}: no weight '{}', which model '{}' needs",
                               path, state.name, artifact.name)};
    std::vector<int64_t> shape(state.shape, state.shape + state.rank);
    auto type = static_cast<DType>(state.dtype);
    if (value->type != type || value->shape != shape)
      return Error{fmt::format("{}: weight '{}' is {}, model '{}' needs {}",
                               path, state.name,
                               toString(value->type, value->shape),
                               artifact.name, toString(type, shape))};
    found.push_back({i, value});
  }
  for (auto [index, value] : found)
    varve_session_import(program.session(), index, value->data.data());
  varve_error error;
  if (!varve_session_initialize_copies(program.session(), &error))
    return Error{error.message};
  std::vector<std::string> unknown;
  for (const auto &[name, value] : file->tensors) {
    int64_t index = varve_session_find(program.session(), name.c_str());
    if (index < 0 || !isWeight(artifact.state[index]))
      unknown.push_back(name);
  }
  return unknown;
}

bool Snapshot::holds(const varve_state_desc &state) {
  return state.role == VARVE_PARAM || state.role == VARVE_RUNNING ||
         state.role == VARVE_AVERAGE;
}

void Snapshot::allocate(const Program &program) {
  const varve_artifact &artifact = program.artifact();
  if (!buffers.empty())
    return;
  buffers.resize(static_cast<size_t>(artifact.states));
  for (int64_t i = 0; i < artifact.states; ++i)
    if (holds(artifact.state[i]))
      buffers[static_cast<size_t>(i)].resize(
          static_cast<size_t>(artifact.state[i].bytes));
}

std::byte *Snapshot::physical(const Program &program, int64_t index) {
  allocate(program);
  return buffers[static_cast<size_t>(index)].data();
}

void Snapshot::capture(const Program &program) {
  allocate(program);
  for (size_t i = 0; i < buffers.size(); ++i)
    if (!buffers[i].empty())
      std::memcpy(
          buffers[i].data(),
          varve_session_state(program.session(), static_cast<int64_t>(i)),
          buffers[i].size());
}

void Snapshot::restore(Program &program) const {
  for (size_t i = 0; i < buffers.size(); ++i)
    if (!buffers[i].empty())
      std::memcpy(
          varve_session_state(program.session(), static_cast<int64_t>(i)),
          buffers[i].data(), buffers[i].size());
}

} // namespace varve
