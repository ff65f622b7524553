// The opcodes that data are made of. Each makes at most one value, so a file
// makes no more values than it has bytes.
#include "Support/Pickle.h"
#include <algorithm>
#include <fmt/format.h>

namespace varve {

using Kind = PickleValue::Kind;

const PickleValue *PickleValue::find(std::string_view key) const {
  // The last one set is the one that Python would find.
  for (auto it = entries.rbegin(); it != entries.rend(); ++it)
    if (it->first->is(Kind::String) && it->first->text == key)
      return it->second;
  return nullptr;
}

Error PickleReader::bad(const std::string &what) const {
  return Error{fmt::format("its pickle is damaged at byte {}: {}", at, what)};
}

PickleValue *PickleReader::make(Kind kind) {
  values.emplace_back();
  values.back().kind = kind;
  return &values.back();
}

Result<uint64_t> PickleReader::number(size_t width) {
  if (bytes.size() - at < width)
    return bad("it ends");
  uint64_t value = 0;
  for (size_t i = width; i > 0; --i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  at += width;
  return value;
}

Result<std::string> PickleReader::line() {
  size_t end = bytes.find('\n', at);
  if (end == std::string_view::npos)
    return bad("it ends");
  std::string text(bytes.substr(at, end - at));
  at = end + 1;
  return text;
}

Result<size_t> PickleReader::popMark() {
  for (size_t i = stack.size(); i > 0; --i)
    if (stack[i - 1]->is(Kind::Mark)) {
      stack.erase(stack.begin() + static_cast<ptrdiff_t>(i - 1));
      return i - 1;
    }
  return bad("there is no mark");
}

Status PickleReader::pushNumber(Kind kind, int64_t value) {
  stack.push_back(make(kind));
  stack.back()->number = value;
  return {};
}

Status PickleReader::pushText(uint64_t size) {
  if (bytes.size() - at < size)
    return bad("it ends");
  stack.push_back(make(Kind::String));
  stack.back()->text = bytes.substr(at, size);
  at += size;
  return {};
}

Status PickleReader::pushGlobal(std::string name) {
  if (!admits(name))
    return Error{fmt::format("it names '{}', which is no tensor and is not "
                             "run; save the state dict alone",
                             name.substr(0, 200)),
                 ErrorKind::Unsupported};
  stack.push_back(make(Kind::Global));
  stack.back()->text = std::move(name);
  return {};
}

/// The top `count` values become one.
Status PickleReader::collect(size_t count, Kind kind) {
  if (stack.size() < count)
    return bad("too few values");
  PickleValue *value = make(kind);
  auto first = stack.end() - static_cast<ptrdiff_t>(count);
  if (std::any_of(first, stack.end(),
                  [](PickleValue *v) { return v->is(Kind::Mark); }))
    return bad("a mark is no value");
  value->items.assign(first, stack.end());
  stack.erase(first, stack.end());
  stack.push_back(value);
  return {};
}

/// A global and a tuple of arguments become an object.
Status PickleReader::call() {
  if (stack.size() < 2)
    return bad("too few values");
  PickleValue *arguments = stack.back(), *callee = stack[stack.size() - 2];
  if (!callee->is(Kind::Global) || !arguments->is(Kind::List))
    return bad("a call of what is no function");
  stack.resize(stack.size() - 2);
  // An ordered dict is a dict.
  if (callee->text == "collections.OrderedDict" && arguments->items.empty()) {
    stack.push_back(make(Kind::Dict));
    return {};
  }
  PickleValue *object = make(Kind::Object);
  object->items.push_back(callee);
  object->items.insert(object->items.end(), arguments->items.begin(),
                       arguments->items.end());
  stack.push_back(object);
  return {};
}

/// Puts the pairs from `from` on into the dict below them.
Status PickleReader::setItems(size_t from) {
  if (from == 0 || from > stack.size() || (stack.size() - from) % 2 ||
      !stack[from - 1]->is(Kind::Dict))
    return bad("pairs without a dict");
  for (size_t i = from; i < stack.size(); i += 2)
    stack[from - 1]->entries.push_back({stack[i], stack[i + 1]});
  stack.resize(from);
  return {};
}

Result<const PickleValue *> PickleReader::read() {
  stack.clear();
  memo.clear();
  while (at < bytes.size()) {
    auto code = static_cast<unsigned char>(bytes[at++]);
    if (code != '.') {
      if (Status done = step(code); !done)
        return done.error();
      continue;
    }
    if (stack.size() != 1 || stack[0]->is(Kind::Mark))
      return bad("it ends with other than one value");
    return stack[0];
  }
  return bad("it ends");
}

Status PickleReader::step(unsigned char code) {
  switch (code) {
  case 0x80: // PROTO
    if (auto version = number(1); !version)
      return version.error();
    return {};
  case 0x95: // FRAME
    if (auto size = number(8); !size)
      return size.error();
    return {};
  case 'q':
  case 'r':
  case 0x94:
  case 'h':
  case 'j':
    return stepMemo(code);
  case 'N':
    stack.push_back(make(Kind::None));
    return {};
  case 0x88: // NEWTRUE
  case 0x89: // NEWFALSE
    return pushNumber(Kind::Bool, code == 0x88);
  case 'J':
  case 'K':
  case 'M':
  case 'G':
  case 0x8a:
    return stepNumber(code);
  case 'X':
  case 'T':
  case 'B':
  case 'U':
  case 'C':
  case 0x8c:
    return stepText(code);
  case 'c':
  case 0x93:
  case 'R':
  case 'Q':
  case 'b':
    return stepGlobal(code);
  default:
    return stepCollect(code);
  }
}

Status PickleReader::stepMemo(unsigned char code) {
  bool gets = code == 'h' || code == 'j';
  uint64_t place = memo.size();
  if (code != 0x94) { // MEMOIZE takes the next place
    auto given = number(code == 'q' || code == 'h' ? 1 : 4);
    if (!given)
      return given.error();
    place = *given;
  }
  if (gets) { // BINGET, LONG_BINGET
    if (place >= memo.size() || !memo[place])
      return bad("nothing was kept there");
    stack.push_back(memo[place]);
    return {};
  }
  // BINPUT, LONG_BINPUT. Places are given in order, so none is far away.
  if (stack.empty() || place > bytes.size())
    return bad("nothing to keep");
  if (place >= memo.size())
    memo.resize(place + 1);
  memo[place] = stack.back();
  return {};
}

Status PickleReader::stepNumber(unsigned char code) {
  size_t width = code == 'K' ? 1 : code == 'M' ? 2 : code == 'J' ? 4 : 8;
  if (code == 0x8a) { // LONG1: two's complement of any length
    auto size = number(1);
    if (!size)
      return size.error();
    if (*size > 8) { // too large for a size or an offset
      if (bytes.size() - at < *size)
        return bad("it ends");
      return pushText(*size);
    }
    width = *size;
  }
  auto value = number(width);
  if (!value)
    return value.error();
  if (code == 'G')
    return pushNumber(Kind::Float, 0); // big-endian; nothing asks for it
  bool isSigned = code == 'J' || code == 0x8a;
  unsigned unused = 64 - 8 * static_cast<unsigned>(width);
  if (isSigned && width > 0 && unused > 0)
    return pushNumber(Kind::Int,
                      static_cast<int64_t>(*value << unused) >> unused);
  return pushNumber(Kind::Int, static_cast<int64_t>(*value));
}

Status PickleReader::stepText(unsigned char code) {
  auto size = number(code == 'X' || code == 'T' || code == 'B' ? 4 : 1);
  if (!size)
    return size.error();
  return pushText(*size);
}

Status PickleReader::stepGlobal(unsigned char code) {
  switch (code) {
  case 'c': { // GLOBAL: two lines
    auto module = line();
    if (!module)
      return module.error();
    auto name = line();
    if (!name)
      return name.error();
    return pushGlobal(*module + "." + *name);
  }
  case 0x93: { // STACK_GLOBAL
    if (stack.size() < 2 || !stack.back()->is(Kind::String) ||
        !stack[stack.size() - 2]->is(Kind::String))
      return bad("a global without its name");
    std::string name = stack[stack.size() - 2]->text + "." + stack.back()->text;
    stack.resize(stack.size() - 2);
    return pushGlobal(std::move(name));
  }
  case 'R': // REDUCE
    return call();
  case 'Q': // BINPERSID
    return collect(1, Kind::Persistent);
  default: // BUILD: attributes of an ordered dict, which none needs
    if (stack.size() < 2 || !stack[stack.size() - 2]->is(Kind::Dict))
      return bad("attributes of what has none");
    stack.pop_back();
    return {};
  }
}

Status PickleReader::stepCollect(unsigned char code) {
  switch (code) {
  case '(':
    stack.push_back(make(Kind::Mark));
    return {};
  case '}':
    stack.push_back(make(Kind::Dict));
    return {};
  case ']':
  case ')':
    stack.push_back(make(Kind::List));
    return {};
  case 0x85: // TUPLE1 to TUPLE3
  case 0x86:
  case 0x87:
    return collect(code - 0x84u, Kind::List);
  case 't':
  case 'l': {
    auto mark = popMark();
    if (!mark)
      return mark.error();
    return collect(stack.size() - *mark, Kind::List);
  }
  case 's': // SETITEM
    return setItems(stack.size() < 2 ? 0 : stack.size() - 2);
  case 'u': { // SETITEMS
    auto mark = popMark();
    if (!mark)
      return mark.error();
    return setItems(*mark);
  }
  case 'a':   // APPEND
  case 'e': { // APPENDS
    size_t from = stack.empty() ? 0 : stack.size() - 1;
    if (code == 'e') {
      auto mark = popMark();
      if (!mark)
        return mark.error();
      from = *mark;
    }
    if (from == 0 || !stack[from - 1]->is(Kind::List))
      return bad("values without a list");
    std::vector<const PickleValue *> &items = stack[from - 1]->items;
    items.insert(items.end(), stack.begin() + static_cast<ptrdiff_t>(from),
                 stack.end());
    stack.resize(from);
    return {};
  }
  default:
    return Error{fmt::format("its pickle has the opcode 0x{:02x} at byte {}, "
                             "which is not for plain data",
                             code, at - 1),
                 ErrorKind::Unsupported};
  }
}

} // namespace varve
