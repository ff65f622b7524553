// Texts as data sets.
#include "Data/Text.h"
#include "Data/Fit.h"
#include "Support/File.h"
#include "Support/Inflate.h"
#include "Support/Utf8.h"
#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>

namespace varve {
namespace {

/// An option that is a whole number.
Result<int64_t> numberOf(const DataSpec &spec, const char *key,
                         int64_t absent = 0) {
  auto option = spec.options.find(key);
  if (option == spec.options.end())
    return absent;
  const std::string &text = option->second;
  int64_t value = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    return Error{fmt::format("`{}: {}` of `data {}` is no whole number", key,
                             text, spec.name)};
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

/// The tokenizer of texts that lie in the folder of `path`, the first of which
/// has at most as many tokens as the model.
Result<std::unique_ptr<Tokenizer>> tokenizerOf(const DataSpec &spec,
                                               const std::string &path,
                                               const std::string &text,
                                               TokenizerPlace place) {
  auto setting = spec.options.find("tokenizer");
  if (setting == spec.options.end())
    return Error{fmt::format("`data {}` needs a tokenizer", spec.name)};
  auto kind = parseTokenizer(setting->second);
  auto vocabulary = numberOf(spec, "vocabulary");
  if (!kind || !vocabulary)
    return kind ? vocabulary.error() : kind.error();
  place.text = &text;
  place.folders.push_back(std::filesystem::path(path).parent_path().string());
  auto tokenizer = openTokenizer(*kind, place);
  if (!tokenizer)
    return kind->kind == "characters"
               ? Error{fmt::format("{}: {}", path, tokenizer.error().message),
                       tokenizer.error().kind}
               : tokenizer.error();
  if (*vocabulary > 0 && (*tokenizer)->size() > *vocabulary)
    return Error{fmt::format("{}: there are {} different tokens, the model "
                             "tells {} apart",
                             path, (*tokenizer)->size(), *vocabulary)};
  return tokenizer;
}

} // namespace

Result<Dataset> readText(const DataSpec &spec, const std::string &path,
                         const TokenizerPlace &given, int64_t limit) {
  auto length = numberOf(spec, "length"), marks = numberOf(spec, "marks");
  if (!length || !marks)
    return length ? marks.error() : length.error();
  *length -= *marks;
  if (*length < 1)
    return Error{"`data text` needs a length of 1 or more"};
  auto text = readPlain(path);
  if (!text)
    return text.error();
  auto tokenizer = tokenizerOf(spec, path, *text, given);
  if (!tokenizer)
    return tokenizer.error();
  auto fail = [&](const Error &error) {
    return Error{fmt::format("{}: {}", path, error.message), error.kind};
  };
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

// ---- pairs of lines ----

namespace {

/// What is a token of `characters` that no line has: pad, begin and end.
constexpr std::string_view marksOfLines[] = {{"\0", 1}, "\2", "\3"};

/// A text and its lines, which do not move.
struct Lines {
  explicit Lines(std::string path) : path(std::move(path)) {}
  Lines(const Lines &) = delete;

  Status read();
  /// Fails where a line has marks of its own, which would be taken for ours.
  Status checkMarks() const;
  /// The tokens of line `i`. Fails with its place in the file.
  Status encode(const Tokenizer &tokenizer, size_t i,
                std::vector<int32_t> &tokens) const;

  const std::string path;
  std::string text;
  std::vector<std::string_view> lines; ///< without what ends them
};

Status Lines::read() {
  auto plain = readPlain(path);
  if (!plain)
    return plain.error();
  text = std::move(*plain);
  for (std::string_view rest = text; !rest.empty();) {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    lines.push_back(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    for (size_t length; !line.empty(); line.remove_prefix(length))
      if (length = characterLength(line); length == 0)
        return Error{fmt::format("{}:{}: byte 0x{:02x} is no UTF-8", path,
                                 lines.size(),
                                 static_cast<unsigned char>(line[0]))};
  }
  return {};
}

Status Lines::checkMarks() const {
  for (size_t i = 0; i < lines.size(); ++i)
    for (char c : lines[i])
      if (c >= '\0' && c <= '\3')
        return Error{fmt::format("{}:{}: U+{:04X} stands for the beginning, "
                                 "the end or what is behind it",
                                 path, i + 1, static_cast<int>(c))};
  return {};
}

Status Lines::encode(const Tokenizer &tokenizer, size_t i,
                     std::vector<int32_t> &tokens) const {
  tokens.clear();
  Status cut = tokenizer.encode(lines[i], tokens);
  if (cut)
    return cut;
  // Its one line is line 1 to the tokenizer.
  constexpr std::string_view first = "line 1, ";
  std::string message = cut.error().message;
  if (message.rfind(first, 0) == 0)
    message.erase(0, first.size());
  return Error{fmt::format("{}:{}: {}", path, i + 1, message),
               cut.error().kind};
}

/// The tokens that stand around lines.
struct LineMarks {
  int64_t pad, begin, end;
};

Result<LineMarks> lineMarksOf(const DataSpec &spec,
                              const Tokenizer &tokenizer) {
  auto pad = numberOf(spec, "pad", 0), begin = numberOf(spec, "begin", 1),
       end = numberOf(spec, "end", 2);
  const std::pair<const char *, const Result<int64_t> *> marks[] = {
      {"pad", &pad}, {"begin", &begin}, {"end", &end}};
  bool characters = tokenizer.metadata().at("tokenizer") == "characters";
  for (size_t i = 0; i < 3; ++i) {
    const auto &[key, number] = marks[i];
    if (!*number)
      return number->error();
    int64_t token = **number;
    if (token < 0 || token >= tokenizer.size())
      return Error{fmt::format("`{}: {}` of `data {}` is none of the {} tokens",
                               key, token, spec.name, tokenizer.size())};
    if (characters && tokenizer.find(marksOfLines[i]) != token)
      return Error{fmt::format("`{}: {}` of `data {}` is not U+{:04X}, which "
                               "it is among characters",
                               key, token, spec.name,
                               static_cast<int>(marksOfLines[i][0]))};
  }
  return LineMarks{*pad, *begin, *end};
}

/// Rows of one length.
class Rows {
public:
  Rows(std::string name, int64_t length, int64_t pad)
      : name(std::move(name)), length(static_cast<size_t>(length)),
        pad(static_cast<int32_t>(pad)) {}

  /// Appends `first`, unless it is -1, the tokens, and `last`, likewise.
  void add(int64_t first, const std::vector<int32_t> &tokens, int64_t last) {
    size_t end = values.size() + length;
    if (first >= 0)
      values.push_back(static_cast<int32_t>(first));
    values.insert(values.end(), tokens.begin(), tokens.end());
    if (last >= 0)
      values.push_back(static_cast<int32_t>(last));
    values.resize(end, pad);
  }
  Dataset::Field take() {
    auto count = static_cast<int64_t>(values.size() / length);
    Tensor rows(DType::I32, {count, static_cast<int64_t>(length)});
    std::memcpy(rows.data.data(), values.data(), rows.data.size());
    values = {};
    return {name, std::move(rows)};
  }

  const std::string name;
  const size_t length;

private:
  int32_t pad;
  std::vector<int32_t> values;
};

/// The length of the fields of a column.
Result<int64_t> lengthOf(const DataSpec &spec, const std::string &column) {
  for (const FieldSpec &field : spec.fields)
    if (sourceOf(field) == column && field.shape.size() == 1 &&
        field.shape[0] > 0)
      return field.shape[0];
  return Error{fmt::format("`data {}` needs a field `{}`, such as i64[64]",
                           spec.name, column)};
}

/// How many pairs are left out for one reason, and the first line of them.
struct LeftOut {
  int64_t count = 0;
  size_t first = 0;

  void add(size_t line) {
    if (count++ == 0)
      first = line + 1;
  }
  void note(Dataset &data, const std::string &path,
            const std::string &why) const {
    if (count > 0)
      data.notes.push_back(fmt::format("{}:{}: {} pair{} of lines {} left out: "
                                       "{}",
                                       path, first, count,
                                       count == 1 ? "" : "s",
                                       count == 1 ? "is" : "are", why));
  }
};

} // namespace

Result<Dataset> readParallelText(const DataSpec &spec,
                                 const std::string &source,
                                 const std::string &target,
                                 const TokenizerPlace &place, int64_t limit) {
  auto sourceLength = lengthOf(spec, "source"),
       targetLength = lengthOf(spec, "target");
  if (!sourceLength || !targetLength)
    return sourceLength ? targetLength.error() : sourceLength.error();
  Lines from(source), to(target);
  for (Lines *each : {&from, &to})
    if (Status read = each->read(); !read)
      return read.error();
  if (from.lines.size() != to.lines.size())
    return Error{fmt::format("{} has {} lines, {} has {}", source,
                             from.lines.size(), target, to.lines.size())};
  std::string characters;
  for (std::string_view mark : marksOfLines)
    characters += mark;
  for (const Lines *each : {&from, &to})
    for (std::string_view line : each->lines)
      characters += line;
  auto tokenizer = tokenizerOf(spec, source, characters, place);
  if (!tokenizer)
    return tokenizer.error();
  auto marks = lineMarksOf(spec, **tokenizer);
  if (!marks)
    return marks.error();
  bool marked = (*tokenizer)->metadata().at("tokenizer") == "characters";
  for (const Lines *each : {&from, &to})
    if (Status none = each->checkMarks(); marked && !none)
      return none.error();

  Rows sources("source", *sourceLength, marks->pad),
      targets("target", *targetLength, marks->pad),
      nexts("next", *targetLength, marks->pad);
  LeftOut tooLong, empty;
  int64_t samples = 0;
  std::vector<int32_t> a, b;
  for (size_t i = 0; i < from.lines.size() && samples < limit; ++i) {
    Status first = from.encode(**tokenizer, i, a),
           second = to.encode(**tokenizer, i, b);
    if (!first || !second)
      return first ? second.error() : first.error();
    if (a.empty() || b.empty()) {
      empty.add(i);
    } else if (a.size() + 1 > sources.length || b.size() + 1 > targets.length) {
      tooLong.add(i);
    } else {
      sources.add(-1, a, marks->end);
      targets.add(marks->begin, b, -1);
      nexts.add(-1, b, marks->end);
      ++samples;
    }
  }
  std::string why = fmt::format(
      "with the token that ends it a line has more than the {} of `source` or "
      "the {} of `target`",
      *sourceLength, *targetLength);
  if (samples == 0)
    return Error{
        tooLong.count
            ? fmt::format("{}: all pairs are too long: {}", source, why)
            : fmt::format("{}: there is no pair of lines with tokens", source)};
  std::vector<Dataset::Field> arrays;
  for (Rows *rows : {&sources, &targets, &nexts})
    arrays.push_back(rows->take());
  auto data = fitDataset(spec, std::move(arrays), source);
  if (!data)
    return data;
  data->metadata = (*tokenizer)->metadata();
  tooLong.note(*data, source, why);
  empty.note(*data, source, "a line is empty");
  return data;
}

} // namespace varve
