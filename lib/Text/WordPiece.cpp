// WordPiece with BERT's cleaning and cutting of texts (Devlin 2019).
#include "Text/WordPiece.h"
#include "Support/Utf8.h"
#include <fmt/format.h>
#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

namespace varve {
namespace {

/// Longer words are unknown as a whole.
constexpr size_t longestWord = 100;

bool isSpace(char32_t c) {
  return u_isUWhiteSpace(static_cast<UChar32>(c));
}

/// Dropped: controls, formats, private characters.
bool isDropped(char32_t c) {
  uint32_t other = U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK | U_GC_CS_MASK;
  return c == 0 || c == replacementCharacter ||
         (c != '\t' && c != '\n' && c != '\r' &&
          (U_GET_GC_MASK(static_cast<UChar32>(c)) & other));
}

/// ASCII's marks are all punctuation, also "$", "+" and "~".
bool isPunctuation(char32_t c) {
  if (c < 0x80)
    return c > ' ' && c < 0x7F && !u_isalnum(static_cast<UChar32>(c));
  return U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_P_MASK;
}

/// The blocks of CJK ideographs, each of which is a word.
bool isIdeograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/// Without accents: decomposed, non-spacing marks dropped.
std::u32string withoutAccents(const std::u32string &text) {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2 *form = icu::Normalizer2::getNFDInstance(code);
  auto given = icu::UnicodeString::fromUTF32(
      reinterpret_cast<const UChar32 *>(text.data()),
      static_cast<int32_t>(text.size()));
  icu::UnicodeString apart = form->normalize(given, code);
  if (U_FAILURE(code))
    return text; // there is no memory, or a text of more than 2 GiB
  std::u32string bare;
  for (int32_t i = 0; i < apart.length(); i = apart.moveIndex32(i, 1))
    if (UChar32 c = apart.char32At(i); u_charType(c) != U_NON_SPACING_MARK)
      bare += static_cast<char32_t>(c);
  return bare;
}

/// Character by character: a sigma at the end of a word is one like others.
std::u32string lowered(const std::u32string &text) {
  std::u32string low;
  for (char32_t c : text) {
    icu::UnicodeString one(static_cast<UChar32>(c));
    one.toLower(icu::Locale::getRoot());
    for (int32_t i = 0; i < one.length(); i = one.moveIndex32(i, 1))
      low += static_cast<char32_t>(one.char32At(i));
  }
  return low;
}

/// A line of text, cleaned, as words with spaces between.
std::u32string clean(std::string_view text, bool lowerCase) {
  std::u32string cleaned;
  while (!text.empty()) {
    char32_t c = takeCharacter(text);
    if (isDropped(c))
      continue;
    if (isIdeograph(c))
      cleaned += {U' ', c, U' '};
    else
      cleaned += isSpace(c) ? U' ' : c;
  }
  return lowerCase ? lowered(withoutAccents(cleaned)) : cleaned;
}

} // namespace

Result<std::unique_ptr<Tokenizer>>
WordPieceTokenizer::parse(std::string_view vocabulary,
                          const std::string &name) {
  auto made = std::make_unique<WordPieceTokenizer>();
  while (!vocabulary.empty()) {
    size_t end = std::min(vocabulary.find('\n'), vocabulary.size());
    std::string token(vocabulary.substr(0, end));
    vocabulary.remove_prefix(std::min(end + 1, vocabulary.size()));
    if (!token.empty() && token.back() == '\r')
      token.pop_back();
    made->numbers.emplace(token, static_cast<int32_t>(made->texts.size()));
    made->texts.push_back(std::move(token));
  }
  auto unknown = made->numbers.find("[UNK]");
  if (unknown == made->numbers.end())
    return Error{fmt::format("{}: there is no token '[UNK]' among {}", name,
                             made->texts.size())};
  made->unknown = unknown->second;
  made->lowerCase = !made->numbers.count("A");
  return std::unique_ptr<Tokenizer>(std::move(made));
}

// From the left, the longest piece that is a token; a word without one is
// unknown.
void WordPieceTokenizer::encodeWord(std::string_view word,
                                    std::vector<int32_t> &tokens) const {
  size_t before = tokens.size();
  if (countCharacters(word) > longestWord)
    return tokens.push_back(unknown);
  for (std::string_view rest = word; !rest.empty();) {
    std::string piece = rest.size() == word.size() ? "" : "##";
    size_t mark = piece.size();
    piece += rest;
    auto found = numbers.find(piece);
    while (found == numbers.end() && piece.size() > mark) {
      do // whole characters
        piece.pop_back();
      while (piece.size() > mark &&
             (static_cast<unsigned char>(rest[piece.size() - mark]) & 0xC0) ==
                 0x80);
      if (piece.size() > mark)
        found = numbers.find(piece);
    }
    if (piece.size() == mark) {
      tokens.resize(before);
      return tokens.push_back(unknown);
    }
    tokens.push_back(found->second);
    rest.remove_prefix(piece.size() - mark);
  }
}

// Where a mark such as [MASK] stands in a text, it is that token.
Status WordPieceTokenizer::encode(std::string_view text,
                                  std::vector<int32_t> &tokens) const {
  size_t from = 0;
  for (size_t at = 0; (at = text.find('[', at)) != text.npos; ++at)
    for (std::string_view mark :
         {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
      auto number = find(mark);
      if (!number || text.substr(at, mark.size()) != mark)
        continue;
      encodePlain(text.substr(from, at - from), tokens);
      tokens.push_back(*number);
      from = at + mark.size();
      at = from - 1;
      break;
    }
  encodePlain(text.substr(from), tokens);
  return {};
}

void WordPieceTokenizer::encodePlain(std::string_view text,
                                     std::vector<int32_t> &tokens) const {
  std::string word;
  auto end = [&] {
    if (!word.empty())
      encodeWord(word, tokens);
    word.clear();
  };
  // By lines, so that no copy of a large text is made.
  while (!text.empty()) {
    size_t line = std::min(text.find('\n'), text.size() - 1) + 1;
    for (char32_t c : clean(text.substr(0, line), lowerCase)) {
      bool alone = isPunctuation(c);
      if (alone || isSpace(c))
        end();
      if (!isSpace(c))
        appendCharacter(word, c);
      if (alone)
        end();
    }
    end();
    text.remove_prefix(line);
  }
}

std::string
WordPieceTokenizer::decode(const std::vector<int32_t> &tokens) const {
  std::string text;
  for (int32_t token : tokens) {
    std::string_view piece = texts[static_cast<size_t>(token)];
    if (piece.substr(0, 2) == "##" && piece.size() > 2)
      piece.remove_prefix(2);
    else if (!text.empty())
      text += ' ';
    text += piece;
  }
  return text;
}

std::optional<int32_t> WordPieceTokenizer::find(std::string_view token) const {
  auto found = numbers.find(std::string(token));
  return found == numbers.end() ? std::nullopt : std::optional(found->second);
}

} // namespace varve
