// Writes sequences. A model with caches reads each token once: the prompt in
// parts, then one token a call. One without reads its whole window again for
// each token; what lies behind the last one is filled with zeros, which a model
// that only looks back does not see.
#include "Learn/Generate.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <optional>

namespace varve {
namespace {

/// One function and buffers for a call of it.
class Writer {
public:
  static Result<Writer> bind(Program &program,
                             const varve_function_desc &function,
                             const Manifest::Generate &names);

  /// Tokens that a call takes; those that the model tells apart.
  int64_t length() const { return window; }
  int64_t vocabulary() const { return tokens; }

  /// Logits of what follows the last of `count` tokens, at most `length()`.
  /// Fails where the model says that it must not be called so.
  Result<const float *> next(const int32_t *sequence, int64_t count);

private:
  Status bindInput(const varve_tensor_desc &desc, const std::string &name);
  Status bindResult(const varve_tensor_desc &desc, const std::string &name);

  Program *program = nullptr;
  const varve_function_desc *function = nullptr;
  std::vector<Tensor> own;
  std::vector<void *> args;
  Tensor *input = nullptr;
  const float *logits = nullptr;
  std::vector<std::pair<std::string, const bool *>> checks;
  int64_t window = 0, tokens = 0;
};

std::string describe(const varve_tensor_desc &desc) {
  return toString(static_cast<DType>(desc.dtype),
                  {desc.shape, desc.shape + desc.rank});
}

Status Writer::bindInput(const varve_tensor_desc &desc,
                         const std::string &name) {
  if (desc.kind != VARVE_ARG_INPUT)
    return {}; // the seed: nothing draws
  if (desc.name != name)
    return Error{fmt::format("text is written from '{}' alone; the model also "
                             "takes '{}', {}",
                             name, desc.name, describe(desc)),
                 ErrorKind::Unsupported};
  auto type = static_cast<DType>(desc.dtype);
  if (desc.rank != 2 || (type != DType::I64 && type != DType::I32))
    return Error{fmt::format("tokens are i64[N, T], '{}' is {}", name,
                             describe(desc)),
                 ErrorKind::Unsupported};
  input = &own.back();
  window = desc.shape[1];
  return {};
}

Status Writer::bindResult(const varve_tensor_desc &desc,
                          const std::string &name) {
  if (desc.kind == VARVE_ARG_CHECK)
    checks.emplace_back(desc.name, own.back().as<bool>());
  if (desc.kind != VARVE_ARG_OUTPUT || desc.name != name)
    return {};
  logits = own.back().as<float>();
  tokens = desc.shape[desc.rank - 1];
  return {};
}

Result<Writer> Writer::bind(Program &program,
                            const varve_function_desc &function,
                            const Manifest::Generate &names) {
  Writer writer;
  writer.program = &program;
  writer.function = &function;
  int64_t count = function.inputs + function.results;
  writer.own.reserve(static_cast<size_t>(count)); // `input` points into it
  for (int64_t i = 0; i < count; ++i) {
    const varve_tensor_desc &desc = function.args[i];
    Tensor &buffer = writer.own.emplace_back(
        static_cast<DType>(desc.dtype),
        std::vector<int64_t>(desc.shape, desc.shape + desc.rank));
    if (buffer.data.empty())
      buffer.data.resize(1); // an empty buffer still has its own address
    writer.args.push_back(buffer.data.data());
    Status bound = i < function.inputs ? writer.bindInput(desc, names.input)
                                       : writer.bindResult(desc, names.output);
    if (!bound)
      return bound.error();
  }
  if (!writer.input || !writer.logits)
    return Error{fmt::format("'{}' does not take '{}' and give '{}'",
                             function.name, names.input, names.output)};
  return writer;
}

Result<const float *> Writer::next(const int32_t *sequence, int64_t count) {
  std::fill(input->data.begin(), input->data.end(), std::byte(0));
  for (int64_t i = 0; i < count; ++i)
    if (input->type == DType::I64)
      input->as<int64_t>()[i] = sequence[i];
    else
      input->as<int32_t>()[i] = sequence[i];
  program->call(*function, args.data());
  for (const auto &[message, holds] : checks)
    if (!*holds)
      return Error{message};
  return logits + (count - 1) * tokens;
}

/// What a sequence is written by, one token or several at a time.
class Sequence {
public:
  static Result<Sequence> begin(Program &program,
                                const Manifest::Generate &names);

  int64_t vocabulary() const { return one->vocabulary(); }
  /// Logits of what follows all tokens; the first `read` were given before.
  Result<const float *> next(const std::vector<int32_t> &all, size_t read);

private:
  /// Tokens of a prompt that are read in one call, where there are caches.
  static constexpr int64_t part = 32;

  Status clearCaches();
  Result<const float *> nextByCaches(const std::vector<int32_t> &all,
                                     size_t read);

  Program *program = nullptr;
  const Manifest::Generate *names = nullptr;
  bool cached = false;
  std::optional<Writer> one, several;
};

// Caches begin at zero or at what their declaration says.
Status Sequence::clearCaches() {
  const varve_artifact &artifact = program->artifact();
  for (int64_t i = 0; i < artifact.states; ++i) {
    const varve_state_desc &state = artifact.state[i];
    if (state.role != VARVE_CACHE)
      continue;
    cached = true;
    Tensor first(static_cast<DType>(state.dtype),
                 {state.shape, state.shape + state.rank});
    varve_error error;
    if (!varve_state_initialize(&state, 0, state.name, first.data.data(),
                                &error))
      return Error{error.message};
    if (Status set = program->importState(i, first); !set)
      return set;
  }
  return {};
}

Result<Sequence> Sequence::begin(Program &program,
                                 const Manifest::Generate &names) {
  Sequence sequence;
  sequence.program = &program;
  sequence.names = &names;
  const varve_function_desc *function = program.find("generate", 1);
  if (!function)
    return Error{"'generate' is not loaded"};
  auto one = Writer::bind(program, *function, names);
  if (!one)
    return one.error();
  sequence.one = std::move(*one);
  if (Status cleared = sequence.clearCaches(); !cleared)
    return cleared.error();
  return sequence;
}

Result<const float *> Sequence::nextByCaches(const std::vector<int32_t> &all,
                                             size_t read) {
  Result<const float *> logits = nullptr;
  while (read < all.size()) {
    auto left = static_cast<int64_t>(all.size() - read);
    if (left >= part && !several) {
      ArtifactRequest request{fmt::format("generate:{}", part), {1}};
      if (Status got = program->require(request); !got)
        return got.error();
      auto bound =
          Writer::bind(*program, *program->find(request.function, 1), *names);
      if (!bound)
        return bound.error();
      several = std::move(*bound);
    }
    Writer &writer = left >= part ? *several : *one;
    logits = writer.next(all.data() + read, writer.length());
    if (!logits)
      return logits;
    read += static_cast<size_t>(writer.length());
  }
  return logits;
}

Result<const float *> Sequence::next(const std::vector<int32_t> &all,
                                     size_t read) {
  if (cached)
    return nextByCaches(all, read);
  auto count = std::min(static_cast<int64_t>(all.size()), one->length());
  return one->next(all.data() + all.size() - count, count);
}

/// Whether softmax of the logits is a distribution.
bool canDraw(const float *logits, int64_t count) {
  float largest = -INFINITY;
  for (int64_t i = 0; i < count; ++i) {
    if (std::isnan(logits[i]))
      return false;
    largest = std::max(largest, logits[i]);
  }
  return std::isfinite(largest);
}

} // namespace

Result<std::vector<int32_t>> generate(Program &program,
                                      const std::vector<int32_t> &prompt,
                                      const GenerateOptions &options) {
  const auto &names = program.manifest().generate;
  if (!names)
    return Error{fmt::format("model '{}' does not say what it generates: "
                             "`infer {} {{ generate tokens from logits }}`",
                             program.manifest().model,
                             program.manifest().model)};
  auto begun = Sequence::begin(program, *names);
  if (!begun)
    return begun.error();
  Sequence sequence = std::move(*begun);
  if (prompt.empty())
    return Error{"a text begins with a prompt of one token or more"};
  for (int32_t token : prompt)
    if (token < 0 || token >= sequence.vocabulary())
      return Error{fmt::format("token {} is none of the {} that the model "
                               "tells apart",
                               token, sequence.vocabulary())};

  int64_t tokens = sequence.vocabulary();
  if (options.tokens >= 0)
    tokens = std::min(tokens, options.tokens);
  std::vector<int32_t> all = prompt;
  Sampler sampler(options.sampling);
  size_t read = 0;
  for (int64_t i = 0; i < options.maxTokens; ++i) {
    auto logits = sequence.next(all, read);
    if (!logits)
      return logits.error();
    read = all.size();
    if (!canDraw(*logits, tokens))
      return Error{fmt::format("no token can be drawn behind {}: the logits "
                               "'{}' are not finite",
                               all.size(), names->output)};
    int32_t token = sampler.draw(*logits, tokens,
                                 samplingNumber(options.seed, uint64_t(i)));
    if (token == options.end)
      break;
    all.push_back(token);
    if (options.onToken && !options.onToken(token))
      break;
  }
  return std::vector<int32_t>(
      all.begin() + static_cast<ptrdiff_t>(prompt.size()), all.end());
}

} // namespace varve
