// Tables as CSV: rows are split first, then each wanted cell is parsed into
// the bytes of its field.
#include "Data/Csv.h"
#include "Support/File.h"
#include "Support/Inflate.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace varve {
namespace {

// Splits a text into rows of cells. Lines without a character are skipped.
class RowReader {
public:
  RowReader(std::string_view text, char separator)
      : rest(text), separator(separator) {
    constexpr std::string_view byteOrderMark = "\xef\xbb\xbf";
    if (rest.substr(0, 3) == byteOrderMark)
      rest.remove_prefix(3);
  }

  /// False at the end, and where `error` is set.
  bool next(std::vector<std::string> &cells) {
    while (takeLineEnd())
      ;
    if (rest.empty())
      return false;
    first = line;
    size_t count = 0;
    do {
      if (count == cells.size())
        cells.emplace_back();
      if (!readCell(cells[count++]))
        return false;
    } while (take(separator));
    cells.resize(count);
    if (!rest.empty() && !takeLineEnd()) {
      error = "text follows a closing quote";
      return false;
    }
    return true;
  }

  int64_t first = 1; // line of the row read last
  std::string error;

private:
  bool take(char c) {
    if (rest.empty() || rest[0] != c)
      return false;
    rest.remove_prefix(1);
    return true;
  }
  bool takeLineEnd() {
    size_t size = rest.substr(0, 2) == "\r\n"                 ? 2
                  : rest.substr(0, 1) == "\n" || rest == "\r" ? 1
                                                              : 0;
    rest.remove_prefix(size);
    line += size > 0;
    return size > 0;
  }
  bool readCell(std::string &cell) {
    cell.clear();
    if (!take('"')) {
      const char ends[] = {separator, '\n', '"'};
      size_t end = std::min(rest.find_first_of({ends, 3}), rest.size());
      if (end < rest.size() && rest[end] == '"') {
        first = line;
        error = "a quote inside a cell that does not begin with one";
        return false;
      }
      cell = rest.substr(0, end);
      rest.remove_prefix(end);
      // The \r of a line end is not the cell's.
      if (!cell.empty() && cell.back() == '\r' &&
          (rest.empty() || rest[0] == '\n'))
        cell.pop_back();
      return true;
    }
    while (true) {
      size_t end = rest.find('"');
      if (end == std::string_view::npos) {
        error = "a quote is not closed";
        return false;
      }
      cell += rest.substr(0, end);
      line += std::count(rest.begin(),
                         rest.begin() + static_cast<ptrdiff_t>(end), '\n');
      rest.remove_prefix(end + 1);
      if (!take('"'))
        return true;
      cell += '"';
    }
  }

  std::string_view rest;
  char separator;
  int64_t line = 1;
};

std::string_view trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Appends a value to the bytes of a tensor that still grows.
template <class T> void append(Tensor &tensor, T value) {
  size_t before = tensor.data.size();
  tensor.data.resize(before + sizeof value);
  std::memcpy(tensor.data.data() + before, &value, sizeof value);
}

template <class T> bool appendNumber(Tensor &tensor, std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-')
    text.remove_prefix(1);
  T value;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    return false;
  if constexpr (std::is_floating_point_v<T>)
    if (!std::isfinite(value))
      return false;
  append(tensor, value);
  return true;
}

bool appendBool(Tensor &tensor, std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  bool value = lower == "true" || lower == "1";
  if (!value && lower != "false" && lower != "0")
    return false;
  append(tensor, static_cast<uint8_t>(value));
  return true;
}

bool appendCell(Tensor &tensor, std::string_view text) {
  switch (tensor.type) {
  case DType::F32:
    return appendNumber<float>(tensor, text);
  case DType::F64:
    return appendNumber<double>(tensor, text);
  case DType::I8:
    return appendNumber<int8_t>(tensor, text);
  case DType::I16:
    return appendNumber<int16_t>(tensor, text);
  case DType::I32:
    return appendNumber<int32_t>(tensor, text);
  case DType::I64:
    return appendNumber<int64_t>(tensor, text);
  case DType::U8:
    return appendNumber<uint8_t>(tensor, text);
  case DType::U16:
    return appendNumber<uint16_t>(tensor, text);
  case DType::U32:
    return appendNumber<uint32_t>(tensor, text);
  case DType::U64:
    return appendNumber<uint64_t>(tensor, text);
  case DType::Bool:
    return appendBool(tensor, text);
  case DType::F16:
  case DType::BF16:
    return false; // refused before
  }
  return false;
}

// A label: the number of its name, or a number below the count of classes.
bool appendClass(Tensor &tensor, const FieldSpec &field,
                 std::string_view text) {
  int64_t value = -1;
  if (field.classNames.empty()) {
    auto [end, code] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size())
      return false;
  } else {
    auto &names = field.classNames;
    auto found = std::find(names.begin(), names.end(), text);
    if (found != names.end())
      value = found - names.begin();
  }
  if (value < 0 || value >= field.classes)
    return false;
  return appendCell(tensor, fmt::format_int(value).c_str());
}

std::string expectation(const FieldSpec &field) {
  if (field.classNames.empty())
    return field.classes > 0 ? fmt::format("a class below {}", field.classes)
                             : fmt::format("a {} of field '{}'",
                                           nameOf(field.type), field.name);
  std::string text = "one of the classes ";
  for (const std::string &name : field.classNames)
    text += fmt::format("{}'{}'", &name == field.classNames.data() ? "" : ", ",
                        name);
  return text;
}

std::string joined(const std::vector<std::string> &names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

// For each field the positions of its columns.
Result<std::vector<std::vector<size_t>>>
findColumns(const DataSpec &spec, const std::vector<std::string> &header) {
  std::vector<std::vector<size_t>> columns;
  for (const FieldSpec &field : spec.fields) {
    std::vector<std::string> names = field.from;
    if (names.empty())
      names = {field.name};
    if (elementCount(field.shape) != static_cast<int64_t>(names.size()))
      return Error{fmt::format("field '{}' is {}, but is made from {} columns",
                               field.name, toString(field.type, field.shape),
                               names.size())};
    if (field.type == DType::F16 || field.type == DType::BF16)
      return Error{fmt::format("field '{}' is {}; a table gives f32, f64, "
                               "integers and bool",
                               field.name, nameOf(field.type)),
                   ErrorKind::Unsupported};
    auto &places = columns.emplace_back();
    for (const std::string &name : names) {
      auto found = std::find(header.begin(), header.end(), name);
      if (found == header.end())
        return Error{fmt::format("there is no column '{}' for field '{}'; the "
                                 "columns are: {}",
                                 name, field.name, joined(header))};
      if (std::find(found + 1, header.end(), name) != header.end())
        return Error{fmt::format("column '{}' stands twice", name)};
      places.push_back(static_cast<size_t>(found - header.begin()));
    }
  }
  return columns;
}

} // namespace

Result<Dataset> parseCsv(const DataSpec &spec, std::string_view text,
                         const std::string &name) {
  auto option = spec.options.find("separator");
  std::string separator = option == spec.options.end() ? "," : option->second;
  if (separator.size() != 1 || separator.find_first_of("\"\r\n") == 0)
    return Error{fmt::format("a separator is one character other than a quote "
                             "or a line end, not '{}'",
                             separator)};
  RowReader rows(text, separator[0]);
  auto fail = [&](const std::string &message,
                  ErrorKind kind = ErrorKind::Input) {
    return Error{fmt::format("{}:{}: {}", name, rows.first, message), kind};
  };
  std::vector<std::string> header, cells;
  if (!rows.next(header))
    return fail(rows.error.empty() ? "there is no header line" : rows.error);
  for (std::string &column : header)
    column = trimmed(column);
  auto columns = findColumns(spec, header);
  if (!columns)
    return fail(columns.error().message, columns.error().kind);

  Dataset data;
  for (const FieldSpec &field : spec.fields) {
    data.fields.push_back({field.name, {}});
    data.fields.back().values.type = field.type;
  }
  while (rows.next(cells)) {
    if (cells.size() != header.size())
      return fail(fmt::format("this row has {} columns, the header has {}",
                              cells.size(), header.size()));
    for (size_t i = 0; i < spec.fields.size(); ++i) {
      const FieldSpec &field = spec.fields[i];
      Tensor &values = data.fields[i].values;
      for (size_t column : (*columns)[i]) {
        std::string_view cell = trimmed(cells[column]);
        if (field.classes > 0 ? !appendClass(values, field, cell)
                              : !appendCell(values, cell))
          return fail(fmt::format("column '{}': {} is not {}", header[column],
                                  cell.empty()
                                      ? "an empty cell"
                                      : fmt::format("'{}'", cell.substr(0, 60)),
                                  expectation(field)));
      }
    }
    ++data.samples;
  }
  if (!rows.error.empty())
    return fail(rows.error);
  if (data.samples == 0)
    return fail("no rows follow the header");
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    Tensor &values = data.fields[i].values;
    values.shape = spec.fields[i].shape;
    values.shape.insert(values.shape.begin(), data.samples);
    values.data.shrink_to_fit();
  }
  return data;
}

Result<Dataset> readCsv(const DataSpec &spec, const std::string &path) {
  auto text = readFile(path);
  if (!text)
    return text.error();
  if (!isGzip(*text))
    return parseCsv(spec, *text, path);
  auto plain = gunzip(*text);
  if (!plain)
    return Error{fmt::format("'{}': {}", path, plain.error().message)};
  return parseCsv(spec, *plain, path);
}

} // namespace varve
