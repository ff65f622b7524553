// A compiled function that takes and gives reference values.
#include "Compiler/CheckedProgram.h"
#include "varve/Codegen/Emit.h"
#include "varve/Tensor.h"
#include "llvm/Support/FileSystem.h"
#include <random>

using namespace mlir;

namespace varve {

// ---- between reference values and bytes ----

static float fromHalf(uint16_t bits, const llvm::fltSemantics &semantics) {
  APFloat value(semantics, APInt(16, bits));
  bool lossy;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lossy);
  return value.convertToFloat();
}

static uint16_t toHalf(double x, const llvm::fltSemantics &semantics) {
  APFloat value(x);
  bool lossy;
  value.convert(semantics, APFloat::rmNearestTiesToEven, &lossy);
  return uint16_t(value.bitcastToAPInt().getZExtValue());
}

static void toBytes(const RefTensor &x, std::byte *bytes) {
  unsigned width = x.element.getIntOrFloatBitWidth();
  size_t size = width == 1 ? 1 : width / 8;
  for (int64_t e = 0; e < x.size(); ++e) {
    std::byte *at = bytes + e * size;
    if (!x.isFloat()) {
      memcpy(at, &x.i[e], size); // little endian
    } else if (width == 64) {
      memcpy(at, &x.f[e], 8);
    } else if (width == 32) {
      float f = float(x.f[e]);
      memcpy(at, &f, 4);
    } else {
      uint16_t h =
          toHalf(x.f[e], cast<FloatType>(x.element).getFloatSemantics());
      memcpy(at, &h, 2);
    }
  }
}

static RefTensor fromBytes(RankedTensorType type, const std::byte *bytes) {
  RefTensor x(type);
  unsigned width = x.element.getIntOrFloatBitWidth();
  size_t size = width == 1 ? 1 : width / 8;
  for (int64_t e = 0; e < x.size(); ++e) {
    const std::byte *at = bytes + e * size;
    if (!x.isFloat()) {
      memcpy(&x.i[e], at, size);
      x.i[e] = wrapToType(x.i[e], x.element);
    } else if (width == 64) {
      memcpy(&x.f[e], at, 8);
    } else if (width == 32) {
      float f;
      memcpy(&f, at, 4);
      x.f[e] = f;
    } else {
      uint16_t h;
      memcpy(&h, at, 2);
      x.f[e] = fromHalf(h, cast<FloatType>(x.element).getFloatSemantics());
    }
  }
  return x;
}

static Tensor hostTensor(const RefTensor &x, int64_t dtype) {
  Tensor host(DType(dtype), x.shape);
  toBytes(x, host.data.data());
  return host;
}

// ---- compilation ----

/// A file name of our own that goes when we do.
namespace {
struct TemporaryFile {
  llvm::SmallString<128> path;
  bool valid = !llvm::sys::fs::createTemporaryFile("varve-check", "so", path);
  ~TemporaryFile() {
    if (valid)
      llvm::sys::fs::remove(path);
  }
};
} // namespace

Result<CheckedProgram> CheckedProgram::compile(ModuleOp module,
                                               const PipelineOptions &options,
                                               uint64_t seed) {
  CheckedProgram p;
  OwningOpRef<ModuleOp> declared(module.clone());
  if (options.startFrom < Phase::Lower) {
    PipelineOptions declare = options;
    declare.stopAfter = Phase::Update;
    declare.afterPhase = nullptr;
    if (auto done = runPipeline(*declared, declare); !done)
      return done.error();
  }
  // Types as the update leaves them: they go when the program is lowered.
  ProgramOp whole = *declared->getOps<ProgramOp>().begin();
  for (StateOp state : whole.getOps<StateOp>()) {
    RankedTensorType type = state.getTensorType();
    // Of a window, files and first values are of the whole.
    p.states.push_back(state.getShape() ? type.clone(*state.getShape()) : type);
  }
  FuncOp func = *whole.getOps<FuncOp>().begin();
  for (Value v :
       func.getReturn().getValues().take_front(func.getResults().size()))
    p.results.push_back(cast<RankedTensorType>(v.getType()));

  Result<ArtifactDescription> description = runPipeline(module, options);
  if (!description)
    return description.error();
  TemporaryFile file;
  if (!file.valid)
    return Error{"no temporary file can be made"};
  std::string path(file.path);
  if (Status s = emitArtifact(module, *description, options.target, path); !s)
    return s.error();
  varve_error error = {};
  p.artifact = varve_open(path.c_str(), &p.library, &error);
  if (!p.artifact)
    return Error{error.message};
  p.session = varve_session_create(p.artifact, nullptr, &error);
  if (!p.session || !varve_session_attach(p.session, p.artifact, &error))
    return Error{error.message};
  if (Status s = p.start(seed, 2); !s)
    return s.error();
  return p;
}

Status CheckedProgram::start(uint64_t seed, int threads) {
  varve_error error = {};
  varve_team_destroy(team);
  team = varve_team_create(threads, &error);
  if (!team || !varve_session_initialize(session, seed, &error))
    return Error{error.message};
  return {};
}

CheckedProgram::CheckedProgram(CheckedProgram &&other) noexcept
    : library(std::exchange(other.library, nullptr)),
      artifact(std::exchange(other.artifact, nullptr)),
      session(std::exchange(other.session, nullptr)),
      team(std::exchange(other.team, nullptr)),
      results(std::move(other.results)), states(std::move(other.states)) {}

CheckedProgram::~CheckedProgram() {
  varve_team_destroy(team);
  if (session)
    varve_session_destroy(session);
  if (library)
    varve_close(library);
}

// ---- values ----

/// An option of the data set where it is a text, as a number; else nothing.
static std::optional<int64_t> textOption(FuncOp func, StringRef key) {
  DictionaryAttr at = func->getParentOfType<ProgramOp>().getSettingsAttr();
  for (StringRef part : {"train", "data"})
    at = at ? at.getAs<DictionaryAttr>(part) : DictionaryAttr();
  if (!at || at.getAs<StringAttr>("name") != "text")
    return std::nullopt;
  int64_t number = 0;
  if (auto text = at.getAs<DictionaryAttr>("options").getAs<StringAttr>(key))
    text.getValue().getAsInteger(10, number);
  return number;
}

/// The number of classes of a data set's field, or 0.
static int64_t classesOf(FuncOp func, StringRef field) {
  if (auto tokens = textOption(func, "vocabulary"))
    return *tokens;
  auto program = func->getParentOfType<ProgramOp>();
  DictionaryAttr at = program.getSettingsAttr();
  for (StringRef key : {"train", "data"})
    at = at ? at.getAs<DictionaryAttr>(key) : DictionaryAttr();
  auto fields = at ? at.getAs<ArrayAttr>("fields") : ArrayAttr();
  if (fields)
    for (auto entry : fields.getAsRange<DictionaryAttr>())
      if (entry.getAs<StringAttr>("name") == field)
        if (auto classes = entry.getAs<IntegerAttr>("classes"))
          return classes.getInt();
  return 0;
}

SmallVector<RefTensor> CheckedProgram::makeInputs(FuncOp func,
                                                  uint64_t seed) const {
  std::mt19937_64 random(seed + 1);
  std::uniform_real_distribution<double> real(-1, 1);
  int64_t samples = 2 * int64_t(func.getBatch());
  SmallVector<RefTensor> inputs;
  for (auto [i, attribute] : llvm::enumerate(func.getInputs())) {
    auto info = cast<DictionaryAttr>(attribute);
    StringRef kind = info.getAs<StringAttr>("kind").getValue();
    auto type = cast<RankedTensorType>(func.getBody().getArgument(i).getType());
    SmallVector<int64_t> shape(type.getShape());
    for (int64_t &size : shape)
      if (ShapedType::isDynamic(size)) {
        // Training shifts the windows of a text by up to a whole one.
        auto length = textOption(func, "length");
        size = length ? (samples + 1) * *length + 1 : samples;
      }
    RefTensor x(type.getElementType(), shape);
    int64_t classes = classesOf(func, info.getAs<StringAttr>("name"));
    for (int64_t e = 0; e < x.size(); ++e) {
      if (kind == "hyper")
        // As the compiled function sees it: rounded to f32.
        x.f[e] = float(info.getAs<FloatAttr>("default").getValueAsDouble());
      else if (kind == "steps")
        x.set(e, {100, 100});
      else if (kind == "seed" || kind == "epoch" || kind == "epochs")
        x.set(e, {double(kind == "epochs"), kind == "epochs"});
      else if (x.isFloat())
        x.f[e] = float(real(random));
      else if (kind == "indices")
        x.i[e] = int64_t(random() % uint64_t(samples));
      else
        x.i[e] = wrapToType(
            int64_t(random() % uint64_t(classes ? classes : 256)), x.element);
    }
    inputs.push_back(std::move(x));
  }
  return inputs;
}

void CheckedProgram::fillSlots(uint64_t seed) {
  std::mt19937_64 random(seed + 2);
  std::uniform_real_distribution<double> real(1e-4, 2e-4);
  for (auto [i, type] : llvm::enumerate(states)) {
    if (artifact->state[i].role != VARVE_SLOT)
      continue;
    RefTensor x(type);
    for (double &v : x.f)
      v = real(random);
    Tensor host = hostTensor(x, artifact->state[i].dtype);
    varve_session_import(session, i, host.data.data());
  }
}

RefState CheckedProgram::exportState() const {
  RefState state;
  for (auto [i, type] : llvm::enumerate(states)) {
    const varve_state_desc &d = artifact->state[i];
    Tensor host(DType(d.dtype), {d.shape, d.shape + d.rank});
    varve_session_export(session, i, host.data.data());
    state[d.name] = fromBytes(type, host.data.data());
  }
  return state;
}

SmallVector<RefTensor> CheckedProgram::call(ArrayRef<RefTensor> inputs) {
  const varve_function_desc &function = artifact->function[0];
  std::vector<Tensor> buffers;
  for (auto [i, x] : llvm::enumerate(inputs))
    buffers.push_back(hostTensor(x, function.args[i].dtype));
  for (int64_t i = 0; i < function.results; ++i) {
    const varve_tensor_desc &d = function.args[function.inputs + i];
    buffers.emplace_back(DType(d.dtype),
                         std::vector<int64_t>(d.shape, d.shape + d.rank));
  }
  std::vector<void *> args;
  for (Tensor &buffer : buffers)
    args.push_back(buffer.data.data());
  varve_session_call(session, &function, args.data(), team);
  SmallVector<RefTensor> values;
  for (auto [i, type] : llvm::enumerate(results))
    values.push_back(fromBytes(type, buffers[inputs.size() + i].data.data()));
  return values;
}

} // namespace varve
