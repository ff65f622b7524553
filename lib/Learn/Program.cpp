// Loads artifacts as they are needed and attaches them to one session.
#include "Learn/Program.h"
#include <chrono>
#include <fmt/format.h>

namespace varve {

struct Program::Impl {
  ArtifactSource source;
  const varve_allocator *allocator = nullptr;
  double sourceSeconds = 0;
  Manifest manifest;
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> base;
  std::vector<void *> handles;
  std::vector<const varve_artifact *> artifacts;
  varve_team *team = nullptr;
  varve_session *session = nullptr;

  ~Impl() {
    varve_session_destroy(session);
    varve_team_destroy(team);
    for (void *handle : handles)
      varve_close(handle);
  }

  Result<const varve_artifact *> load(const ArtifactRequest &request);
  Status use(const varve_artifact *artifact);
};

namespace {

std::string describe(const ArtifactRequest &request) {
  return fmt::format("'{}' at batch {}", request.function,
                     fmt::join(request.batches, ", "));
}

/// Whether a low-rank update fits its matrix: an artifact may be damaged.
bool fits(const Manifest::Adapter &adapter, const varve_artifact &artifact) {
  const varve_state_desc *found[3] = {};
  const std::string *names[] = {&adapter.weight, &adapter.a, &adapter.b};
  for (int64_t i = 0; i < artifact.states; ++i)
    for (int n = 0; n < 3; ++n)
      if (*names[n] == artifact.state[i].name)
        found[n] = &artifact.state[i];
  for (const varve_state_desc *state : found)
    if (!state || state->rank != 2 || state->dtype != found[0]->dtype)
      return false;
  const auto &[weight, a, b] = found;
  int64_t in = weight->shape[adapter.transposed ? 0 : 1];
  int64_t out = weight->shape[adapter.transposed ? 1 : 0];
  return a->shape[1] == in && b->shape[0] == out && a->shape[0] == b->shape[1];
}

} // namespace

Result<const varve_artifact *>
Program::Impl::load(const ArtifactRequest &request) {
  auto start = std::chrono::steady_clock::now();
  Result<std::string> path = source(request);
  sourceSeconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  if (!path)
    return path.error();
  varve_error error;
  void *handle = nullptr;
  const varve_artifact *artifact = varve_open(path->c_str(), &handle, &error);
  if (!artifact)
    return Error{error.message};
  handles.push_back(handle);
  for (int64_t batch : request.batches)
    if (!varve_find_function(artifact, request.function.c_str(), batch))
      return Error{fmt::format("{} has no {}", *path, describe(request))};
  return artifact;
}

Status Program::Impl::use(const varve_artifact *artifact) {
  varve_error error;
  if (!session)
    session = varve_session_create(artifact, allocator, &error);
  else if (!varve_session_attach(session, artifact, &error))
    return Error{error.message};
  if (!session)
    return Error{error.message};
  artifacts.push_back(artifact);
  return {};
}

Program::Program(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Program::Program(Program &&) noexcept = default;
Program &Program::operator=(Program &&) noexcept = default;
Program::~Program() = default;

Result<Program> Program::open(ArtifactSource source, int64_t threads,
                              const ArtifactRequest &first,
                              const varve_allocator *allocator) {
  auto impl = std::make_unique<Impl>();
  impl->allocator = allocator;
  impl->source = std::move(source);
  Result<const varve_artifact *> artifact = impl->load(first);
  if (!artifact)
    return artifact.error();
  Result<Manifest> manifest = parseManifest((*artifact)->manifest);
  if (!manifest)
    return manifest.error();
  for (const Manifest::Adapter &adapter : manifest->adapters)
    if (!fits(adapter, **artifact))
      return Error{fmt::format("the artifact's manifest is malformed: there is "
                               "no such update of '{}'",
                               adapter.weight)};
  impl->manifest = std::move(*manifest);
  if (Status used = impl->use(*artifact); !used)
    return used.error();
  varve_error error;
  impl->team =
      varve_team_create(threads == 0 ? varve_cpu_count() : threads, &error);
  if (!impl->team)
    return Error{error.message, ErrorKind::Usage};
  return Program(std::move(impl));
}

Status Program::require(const ArtifactRequest &request) {
  ArtifactRequest missing{request.function, {}};
  for (int64_t batch : request.batches)
    if (!find(request.function, batch))
      missing.batches.push_back(batch);
  if (missing.batches.empty())
    return {};
  Result<const varve_artifact *> artifact = impl->load(missing);
  if (!artifact)
    return artifact.error();
  return impl->use(*artifact);
}

const varve_function_desc *Program::find(const std::string &name,
                                         int64_t batch) const {
  for (const varve_artifact *artifact : impl->artifacts)
    if (const varve_function_desc *function =
            varve_find_function(artifact, name.c_str(), batch))
      return function;
  return nullptr;
}

const varve_artifact &Program::artifact() const { return *impl->artifacts[0]; }
const Manifest &Program::manifest() const { return impl->manifest; }
Result<Manifest> Program::manifestOf(const std::string &name,
                                     int64_t batch) const {
  for (const varve_artifact *artifact : impl->artifacts)
    if (varve_find_function(artifact, name.c_str(), batch))
      return parseManifest(artifact->manifest);
  return Error{fmt::format("{} is not loaded", describe({name, {batch}}))};
}

std::map<std::string, std::string> &Program::metadata() {
  return impl->metadata;
}
const std::map<std::string, std::string> &Program::metadata() const {
  return impl->metadata;
}

varve_session *Program::session() const { return impl->session; }
varve_team *Program::team() const { return impl->team; }
double Program::sourceSeconds() const { return impl->sourceSeconds; }

Status Program::initialize(uint64_t seed) {
  varve_error error;
  if (!varve_session_initialize(impl->session, seed, &error))
    return Error{error.message};
  return impl->base.empty() ? Status() : setBase(std::move(impl->base));
}

Status Program::setBase(std::map<std::string, Tensor> values) {
  for (const auto &[name, value] : values) {
    int64_t index = varve_session_find(impl->session, name.c_str());
    if (index < 0)
      return Error{fmt::format("the program has no variable '{}'", name)};
    if (Status set = importState(index, value); !set)
      return set;
  }
  impl->base = std::move(values);
  varve_error error;
  if (!varve_session_initialize_copies(impl->session, &error))
    return Error{error.message};
  return {};
}

bool Program::hasBase(const std::string &name) const {
  return impl->base.count(name);
}

Tensor Program::exportState(int64_t index) const {
  const varve_state_desc &state = artifact().state[index];
  Tensor value(static_cast<DType>(state.dtype),
               {state.shape, state.shape + state.rank});
  varve_session_export(impl->session, index, value.data.data());
  return value;
}

Status Program::importState(int64_t index, const Tensor &value) {
  const varve_state_desc &state = artifact().state[index];
  std::vector<int64_t> shape(state.shape, state.shape + state.rank);
  auto type = static_cast<DType>(state.dtype);
  if (value.type != type || value.shape != shape)
    return Error{fmt::format("'{}' is {}, not {}", state.name,
                             toString(type, shape),
                             toString(value.type, value.shape))};
  varve_session_import(impl->session, index, value.data.data());
  return {};
}

void Program::call(const varve_function_desc &function,
                   std::vector<Tensor> &args) {
  std::byte none; // An empty tensor has an address, too.
  std::vector<void *> buffers;
  for (Tensor &arg : args)
    buffers.push_back(arg.data.empty() ? &none : arg.data.data());
  call(function, buffers.data());
}

std::vector<Tensor> zerosFor(const varve_function_desc &function,
                             int64_t open) {
  std::vector<Tensor> args;
  for (int64_t i = 0; i < function.inputs + function.results; ++i) {
    const varve_tensor_desc &desc = function.args[i];
    std::vector<int64_t> shape(desc.shape, desc.shape + desc.rank);
    if (!shape.empty() && shape[0] < 0)
      shape[0] = open;
    args.emplace_back(static_cast<DType>(desc.dtype), std::move(shape));
  }
  return args;
}

} // namespace varve
