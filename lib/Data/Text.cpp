// Texts as data sets.
#include "Data/Text.h"
#include "Support/File.h"
#include "Support/Inflate.h"
#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>

namespace varve {
namespace {

/// An option that is a whole number; absent: 0.
Result<int64_t> numberOf(const DataSpec &spec, const char *key) {
  auto option = spec.options.find(key);
  if (option == spec.options.end())
    return int64_t(0);
  const std::string &text = option->second;
  int64_t value = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    return Error{fmt::format("`{}: {}` of `data text` is no whole number", key,
                             text)};
  return value;
}

Result<std::string> readPlain(const std::string &path) {
  auto bytes = readFile(path);
  if (!bytes || !isGzip(*bytes))
    return bytes;
  auto plain = gunzip(*bytes);
  if (!plain)
    return Error{fmt::format("{}: {}", path, plain.error().message)};
  return plain;
}

/// The tokens that BERT's samples have beside the text's.
Result<Tensor> marksOf(const Tokenizer &tokenizer) {
  Tensor marks(DType::I32, {4});
  int32_t *mark = marks.as<int32_t>();
  for (const char *name : {"[MASK]", "[CLS]", "[SEP]"}) {
    auto number = tokenizer.find(name);
    if (!number)
      return Error{fmt::format("the tokenizer has no '{}', which masked "
                               "samples need",
                               name)};
    *mark++ = *number;
  }
  *mark = static_cast<int32_t>(tokenizer.size());
  return marks;
}

} // namespace

Result<Dataset> readText(const DataSpec &spec, const std::string &path,
                         const TokenizerPlace &given, int64_t limit) {
  auto length = numberOf(spec, "length"), marks = numberOf(spec, "marks"),
       vocabulary = numberOf(spec, "vocabulary");
  for (const auto *number : {&length, &marks, &vocabulary})
    if (!*number)
      return number->error();
  *length -= *marks;
  auto setting = spec.options.find("tokenizer");
  if (*length < 1 || setting == spec.options.end())
    return Error{"`data text` needs a tokenizer and a length of 1 or more"};
  auto kind = parseTokenizer(setting->second);
  if (!kind)
    return kind.error();
  auto text = readPlain(path);
  if (!text)
    return text.error();
  TokenizerPlace place = given;
  place.text = &*text;
  place.folders.push_back(std::filesystem::path(path).parent_path().string());
  auto fail = [&](const Error &error) {
    return Error{fmt::format("{}: {}", path, error.message), error.kind};
  };
  auto tokenizer = openTokenizer(*kind, place);
  if (!tokenizer)
    return kind->kind == "characters" ? fail(tokenizer.error())
                                      : tokenizer.error();
  if (*vocabulary > 0 && (*tokenizer)->size() > *vocabulary)
    return Error{fmt::format("{}: there are {} different tokens, the model "
                             "tells {} apart",
                             path, (*tokenizer)->size(), *vocabulary)};
  std::vector<int32_t> tokens;
  if (Status cut = (*tokenizer)->encode(*text, tokens); !cut)
    return fail(cut.error());

  Dataset data;
  auto count = static_cast<int64_t>(tokens.size());
  data.samples = std::min((count - 1) / *length, limit);
  if (data.samples < 1)
    return Error{fmt::format("{}: {} tokens are too few for one window of {} "
                             "and the token behind it",
                             path, count, *length)};
  count = std::min(count, data.samples * *length + 1);
  Tensor row(DType::I32, {count});
  std::memcpy(row.data.data(), tokens.data(), row.data.size());
  data.fields.push_back({"text", std::move(row)});
  data.isText = true;
  if (*marks > 0) {
    auto found = marksOf(**tokenizer);
    if (!found)
      return fail(found.error());
    data.fields.push_back({"marks", std::move(*found)});
  }
  data.metadata = (*tokenizer)->metadata();
  return data;
}

} // namespace varve
