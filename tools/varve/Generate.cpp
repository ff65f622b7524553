// `varve generate`: text behind a prompt.
#include "Learn/Generate.h"
#include "Learn/Weights.h"
#include "Model.h"
#include "Text/Tokenizer.h"
#include "Verbs.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace varve::cli {
namespace {

Result<std::unique_ptr<Tokenizer>> tokenizerOf(const GenerateArgs &args,
                                               const Program &program) {
  const Manifest &manifest = program.manifest();
  if (!manifest.generate || manifest.generate->tokenizer.empty())
    return Error{fmt::format("model '{}' does not say how it writes: `infer {} "
                             "{{ tokenizer characters  generate tokens from "
                             "logits }}`",
                             manifest.model, manifest.model)};
  auto spec = parseTokenizer(manifest.generate->tokenizer);
  if (!spec)
    return spec.error();
  std::string folder =
      std::filesystem::path(args.model.file).parent_path().string();
  return openTokenizer(
      *spec, {args.tokenizer, {folder}, program.metadata(), nullptr});
}

GenerateOptions optionsOf(const GenerateArgs &args,
                          const Manifest::Generate &model) {
  GenerateOptions options;
  options.sampling.temperature = args.temperature.value_or(model.temperature);
  options.sampling.topK = args.topK.value_or(model.topK);
  options.sampling.topP = args.topP.value_or(model.topP);
  options.maxTokens = args.maxTokens.value_or(model.max);
  options.end = model.end;
  options.seed = args.seed;
  return options;
}

/// Shows a text while it grows: each time what is new of it, in whole
/// characters.
class GrowingText {
public:
  GrowingText(const Tokenizer &tokenizer, std::vector<int32_t> tokens)
      : tokenizer(tokenizer), tokens(std::move(tokens)) {}

  void show(int32_t token) {
    tokens.push_back(token);
    show(false);
  }
  void show(bool last) {
    std::string text = tokenizer.decode(tokens);
    std::string_view whole = text;
    // The bytes of one character may be several tokens.
    for (size_t back = 1; !last && back <= std::min<size_t>(3, text.size());
         ++back) {
      auto lead = static_cast<unsigned char>(text[text.size() - back]);
      size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
      if ((lead & 0xC0) == 0x80)
        continue;
      if (length > back)
        whole.remove_suffix(back);
      break;
    }
    if (whole.size() <= shown)
      return;
    std::fwrite(whole.data() + shown, 1, whole.size() - shown, stdout);
    std::fflush(stdout);
    shown = whole.size();
  }

private:
  const Tokenizer &tokenizer;
  std::vector<int32_t> tokens;
  size_t shown = 0;
};

} // namespace

int runGenerate(const GenerateArgs &args) {
  auto model = openModel(args.model, "generate", 1);
  if (!model)
    return fail(model.error());
  showWarnings(*model);
  Program &program = model->program;
  auto loaded = loadWeights(program, args.weights);
  if (!loaded)
    return fail(loaded.error());
  auto tokenizer = tokenizerOf(args, program);
  if (!tokenizer)
    return fail(tokenizer.error());
  std::vector<int32_t> prompt;
  if (Status cut = (*tokenizer)->encode(args.prompt, prompt); !cut)
    return fail({"--prompt: " + cut.error().message, cut.error().kind});
  GenerateOptions options = optionsOf(args, *program.manifest().generate);
  options.tokens = (*tokenizer)->size();
  GrowingText text(**tokenizer, prompt);
  if (!args.model.json) {
    text.show(false);
    options.onToken = [&](int32_t token) {
      text.show(token);
      return true;
    };
  }
  auto start = std::chrono::steady_clock::now();
  auto written = generate(program, prompt, options);
  if (!written) {
    if (!args.model.json)
      fmt::print("\n");
    return fail(written.error());
  }
  double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  if (!args.model.json) {
    text.show(true);
    fmt::print("\n");
    return 0;
  }
  std::vector<int32_t> all = prompt;
  all.insert(all.end(), written->begin(), written->end());
  nlohmann::ordered_json line = {
      {"event", "text"},      {"text", (*tokenizer)->decode(all)},
      {"prompt", prompt},     {"tokens", *written},
      {"seconds", seconds}};
  fmt::print("{}\n",
             line.dump(-1, ' ', false,
                       nlohmann::ordered_json::error_handler_t::replace));
  return 0;
}

} // namespace varve::cli
