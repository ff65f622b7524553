// From the setting `tokenizer` to a tokenizer: what it says, where the files
// are.
#include "Text/Tokenizer.h"
#include "Support/File.h"
#include "Text/BytePair.h"
#include "Text/Characters.h"
#include "Text/SentencePiece.h"
#include "Text/WordPiece.h"
#include <cctype>
#include <filesystem>
#include <fmt/format.h>

namespace varve {
namespace {

struct Kind {
  std::string_view name;
  size_t files;
};
constexpr Kind kinds[] = {
    {"characters", 0}, {"bpe", 2}, {"wordpiece", 1}, {"sentencepiece", 1}};

namespace fs = std::filesystem;

/// A file of a tokenizer, and the place where it was found.
struct FoundFile {
  std::string path, bytes;
};

Result<FoundFile> readOf(const TokenizerSpec &spec, size_t number,
                         const TokenizerPlace &place) {
  const std::string &name = spec.files[number];
  std::vector<std::string> tried;
  std::error_code ignored;
  if (!place.given.empty()) {
    bool folder = fs::is_directory(place.given, ignored);
    if (!folder && spec.files.size() > 1)
      return Error{fmt::format("'{}' is no folder: tokenizer `{}` has {} files",
                               place.given, spec.kind, spec.files.size())};
    tried.push_back(
        folder ? (fs::path(place.given) / fs::path(name).filename()).string()
               : place.given);
  } else {
    for (const std::string &folder : place.folders)
      tried.push_back(
          (fs::path(folder) / name).lexically_normal().string());
  }
  for (const std::string &path : tried) {
    if (!fs::is_regular_file(path, ignored))
      continue;
    auto bytes = readFile(path);
    if (!bytes)
      return bytes.error();
    return FoundFile{path, std::move(*bytes)};
  }
  return Error{fmt::format("'{}' of tokenizer `{}` is not found as {}; give "
                           "its folder with --tokenizer",
                           name, spec.kind, fmt::join(tried, ", "))};
}

Result<std::unique_ptr<Tokenizer>>
openCharacters(const TokenizerPlace &place) {
  if (!place.given.empty()) {
    auto text = readFile(place.given);
    if (!text)
      return text.error();
    auto made = CharacterTokenizer::ofText(*text);
    if (!made)
      return Error{fmt::format("{}: {}", place.given, made.error().message)};
    return made;
  }
  if (auto kept = place.metadata.find("characters");
      kept != place.metadata.end())
    return CharacterTokenizer::ofText(kept->second);
  if (place.text)
    return CharacterTokenizer::ofText(*place.text);
  return Error{"the weights do not say which characters they were trained on; "
               "give the text with --tokenizer"};
}

} // namespace

Result<TokenizerSpec> parseTokenizer(std::string_view text) {
  TokenizerSpec spec;
  size_t end = 0;
  while (end < text.size() &&
         (std::isalnum(static_cast<unsigned char>(text[end])) ||
          text[end] == '_'))
    ++end;
  spec.kind = text.substr(0, end);
  // The rest is `("a", "b")` as the language's printer writes it.
  for (size_t from = end; (from = text.find('"', from)) != text.npos;) {
    size_t to = text.find('"', from + 1);
    if (to == text.npos)
      break;
    spec.files.emplace_back(text.substr(from + 1, to - from - 1));
    from = to + 1;
  }
  for (const Kind &kind : kinds) {
    if (kind.name != spec.kind)
      continue;
    if (spec.files.size() != kind.files)
      return Error{fmt::format("tokenizer `{}` takes {} file{}, not {}",
                               spec.kind, kind.files,
                               kind.files == 1 ? "" : "s", spec.files.size())};
    return spec;
  }
  return Error{fmt::format("there is no tokenizer `{}`; there are characters, "
                           "bpe, wordpiece, sentencepiece",
                           text)};
}

Result<std::unique_ptr<Tokenizer>> openTokenizer(const TokenizerSpec &spec,
                                                 const TokenizerPlace &place) {
  if (spec.kind == "characters")
    return openCharacters(place);
  auto first = readOf(spec, 0, place);
  if (!first)
    return first.error();
  if (spec.kind == "wordpiece")
    return WordPieceTokenizer::parse(first->bytes, first->path);
  if (spec.kind == "sentencepiece")
    return parseSentencePiece(first->bytes, first->path);
  auto second = readOf(spec, 1, place);
  if (!second)
    return second.error();
  return BytePairTokenizer::parse(first->bytes, first->path, second->bytes,
                                  second->path);
}

} // namespace varve
