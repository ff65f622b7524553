// Byte-level byte pair encoding (Sennrich 2016, Radford 2019).
#include "Text/BytePair.h"
#include "Support/Utf8.h"
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <queue>
#include <unicode/uchar.h>

namespace varve {
namespace {

enum class Class { Letter, Number, Space, Other };

Class classOf(char32_t c) {
  auto code = static_cast<UChar32>(c);
  uint32_t mask = U_GET_GC_MASK(code);
  if (mask & U_GC_L_MASK)
    return Class::Letter;
  if (mask & U_GC_N_MASK)
    return Class::Number;
  return u_isUWhiteSpace(code) ? Class::Space : Class::Other;
}

/// Bytes of the characters of one class at the front, and how many of these.
struct Run {
  size_t bytes = 0, characters = 0, last = 0; ///< last: bytes of the last one
};

Run runOf(std::string_view text, Class wanted) {
  Run run;
  while (!text.empty()) {
    std::string_view rest = text;
    if (classOf(takeCharacter(rest)) != wanted)
      break;
    run.last = text.size() - rest.size();
    run.bytes += run.last;
    ++run.characters;
    text = rest;
  }
  return run;
}

/// The bytes that stand for themselves; the others are the characters from
/// U+0100 on, in order.
bool isPrinted(unsigned byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
         byte >= 0xAE;
}

/// The character for each byte.
const std::array<char32_t, 256> &byteCharacters() {
  static const std::array<char32_t, 256> table = [] {
    std::array<char32_t, 256> made{};
    char32_t next = 256;
    for (unsigned byte = 0; byte < 256; ++byte)
      made[byte] = isPrinted(byte) ? byte : next++;
    return made;
  }();
  return table;
}

std::string spell(std::string_view bytes) {
  std::string text;
  for (char byte : bytes)
    appendCharacter(text, byteCharacters()[static_cast<unsigned char>(byte)]);
  return text;
}

/// The bytes that a token's spelling stands for; a special token's are its own.
std::string unspell(std::string_view spelling) {
  static const std::unordered_map<char32_t, char> known = [] {
    std::unordered_map<char32_t, char> made;
    for (unsigned byte = 0; byte < 256; ++byte)
      made[byteCharacters()[byte]] = static_cast<char>(byte);
    return made;
  }();
  std::string bytes;
  for (std::string_view rest = spelling; !rest.empty();) {
    auto found = known.find(takeCharacter(rest));
    if (found == known.end())
      return std::string(spelling);
    bytes += found->second;
  }
  return bytes;
}

uint64_t keyOf(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 |
         static_cast<uint32_t>(right);
}

/// Token numbers must be 0, 1, .. without holes.
Result<std::vector<std::string>>
readVocabulary(std::string_view text, const std::string &name,
               std::unordered_map<std::string, int32_t> &numbers) {
  auto root = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object())
    return Error{fmt::format("{}: it is no JSON object of tokens", name)};
  std::vector<std::string> bytes(root.size());
  std::vector<bool> seen(root.size());
  for (const auto &[token, number] : root.items()) {
    bool whole = number.is_number_unsigned();
    uint64_t at = whole ? number.get<uint64_t>() : 0;
    if (!whole || at >= bytes.size() || seen[at])
      return Error{fmt::format("{}: token '{}' has number {}; {} tokens are "
                               "numbered from 0, each once",
                               name, token, number.dump(), bytes.size())};
    seen[at] = true;
    bytes[at] = unspell(token);
    numbers.emplace(token, static_cast<int32_t>(at));
  }
  return bytes;
}

} // namespace

size_t wordLength(std::string_view text) {
  for (std::string_view end : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.substr(0, end.size()) == end)
      return end.size();
  size_t space = text[0] == ' ' ? 1 : 0;
  for (Class wanted : {Class::Letter, Class::Number, Class::Other})
    if (Run run = runOf(text.substr(space), wanted); run.characters)
      return space + run.bytes;
  Run spaces = runOf(text, Class::Space);
  // The last space goes with the word behind it.
  bool more = spaces.bytes < text.size();
  return more && spaces.characters > 1 ? spaces.bytes - spaces.last
                                       : spaces.bytes;
}

Result<std::unique_ptr<Tokenizer>>
BytePairTokenizer::parse(std::string_view vocabulary,
                         const std::string &vocabularyName,
                         std::string_view mergeList,
                         const std::string &mergesName) {
  auto made = std::make_unique<BytePairTokenizer>();
  auto bytes = readVocabulary(vocabulary, vocabularyName, made->numbers);
  if (!bytes)
    return bytes.error();
  made->bytes = std::move(*bytes);
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string spelling = spell(std::string(1, static_cast<char>(byte)));
    auto number = made->numbers.find(spelling);
    if (number == made->numbers.end())
      return Error{fmt::format("{}: byte 0x{:02x}, '{}', is no token",
                               vocabularyName, byte, spelling)};
    made->byteTokens[byte] = number->second;
  }
  int32_t rank = 0;
  size_t line = 0;
  while (!mergeList.empty()) {
    size_t end = std::min(mergeList.find('\n'), mergeList.size());
    std::string_view text = mergeList.substr(0, end);
    mergeList.remove_prefix(std::min(end + 1, mergeList.size()));
    ++line;
    if (!text.empty() && text.back() == '\r')
      text.remove_suffix(1);
    if (text.empty() || (line == 1 && text.substr(0, 8) == "#version"))
      continue;
    size_t space = text.find(' ');
    std::string left(text.substr(0, space)), right;
    if (space != text.npos)
      right = text.substr(space + 1);
    auto first = made->numbers.find(left), second = made->numbers.find(right),
         both = made->numbers.find(left + right);
    auto none = made->numbers.end();
    if (first == none || second == none || both == none)
      return Error{fmt::format("{}:{}: '{}' does not merge two tokens of {} to "
                               "a third",
                               mergesName, line, text, vocabularyName)};
    made->merges.try_emplace(keyOf(first->second, second->second),
                             Merge{rank++, both->second});
  }
  return std::unique_ptr<Tokenizer>(std::move(made));
}

const BytePairTokenizer::Merge *
BytePairTokenizer::mergeOf(int32_t left, int32_t right) const {
  auto found = merges.find(keyOf(left, right));
  return found == merges.end() ? nullptr : &found->second;
}

// The pair that the list names first is merged first, of equals the leftmost:
// a queue of pairs over a linked list, so that a word of n bytes takes
// n log n.
void BytePairTokenizer::encodeWord(std::string_view word,
                                   std::vector<int32_t> &tokens) const {
  struct Part {
    int32_t token;
    size_t before, after;
  };
  struct Candidate {
    int32_t rank;
    size_t at;
    int32_t left, right, merged;
    bool operator<(const Candidate &other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  const size_t none = word.size();
  std::vector<Part> parts;
  for (size_t i = 0; i < word.size(); ++i)
    parts.push_back({byteTokens[static_cast<unsigned char>(word[i])],
                     i == 0 ? none : i - 1, i + 1});
  std::priority_queue<Candidate> queue;
  auto offer = [&](size_t at) {
    if (at == none || parts[at].after == none)
      return;
    int32_t left = parts[at].token, right = parts[parts[at].after].token;
    if (const Merge *merge = mergeOf(left, right))
      queue.push({merge->rank, at, left, right, merge->token});
  };
  for (size_t i = 0; i < word.size(); ++i)
    offer(i);
  while (!queue.empty()) {
    Candidate best = queue.top();
    queue.pop();
    Part &part = parts[best.at];
    // One of the two may have been merged with another meanwhile.
    if (part.token != best.left || part.after == none ||
        parts[part.after].token != best.right)
      continue;
    size_t gone = part.after;
    part.token = best.merged;
    part.after = parts[gone].after;
    parts[gone].token = -1;
    if (part.after != none)
      parts[part.after].before = best.at;
    offer(part.before);
    offer(best.at);
  }
  for (size_t i = 0; i < word.size(); i = parts[i].after)
    tokens.push_back(parts[i].token);
}

Status BytePairTokenizer::encode(std::string_view text,
                                 std::vector<int32_t> &tokens) const {
  std::unordered_map<std::string_view, std::vector<int32_t>> known;
  while (!text.empty()) {
    std::string_view word = text.substr(0, wordLength(text));
    text.remove_prefix(word.size());
    auto [entry, isNew] = known.try_emplace(word);
    if (isNew)
      encodeWord(word, entry->second);
    tokens.insert(tokens.end(), entry->second.begin(), entry->second.end());
  }
  return {};
}

std::string BytePairTokenizer::decode(const std::vector<int32_t> &tokens) const {
  std::string text;
  for (int32_t token : tokens)
    text += bytes[static_cast<size_t>(token)];
  return text;
}

std::optional<int32_t> BytePairTokenizer::find(std::string_view token) const {
  for (const std::string &spelling : {std::string(token), spell(token)})
    if (auto found = numbers.find(spelling); found != numbers.end())
      return found->second;
  return std::nullopt;
}

} // namespace varve
