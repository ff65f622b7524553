// Python's pickle format (PEP 3154), read without running any of it: a stack
// machine whose values are plain data. What would call or import something is
// admitted only by the names that the caller knows.
#ifndef VARVE_SUPPORT_PICKLE_H
#define VARVE_SUPPORT_PICKLE_H

#include "varve/Result.h"
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace varve {

struct PickleValue {
  enum class Kind {
    None,
    Bool,
    Int,
    Float,
    String, ///< text or bytes
    List,   ///< list or tuple
    Dict,
    Global,     ///< `text` is "module.name"
    Persistent, ///< items[0] is the id
    Object,     ///< what a call gave: items[0] is the global, then arguments
    Mark,
  };
  Kind kind = Kind::None;
  int64_t number = 0; ///< of Bool and Int
  std::string text;
  std::vector<const PickleValue *> items;
  std::vector<std::pair<const PickleValue *, const PickleValue *>> entries;

  bool is(Kind other) const { return kind == other; }
  /// The value of a dict at a text key, or null.
  const PickleValue *find(std::string_view key) const;
};

/// Reads pickles one after the other from bytes, and owns their values.
class PickleReader {
public:
  /// `admits` says which globals ("collections.OrderedDict") may be named;
  /// others are refused.
  PickleReader(std::string_view bytes,
               std::function<bool(const std::string &)> admits)
      : bytes(bytes), admits(std::move(admits)) {}

  /// The value of the next pickle. Fails, without a crash, on everything that
  /// is none, and on what it does not admit.
  Result<const PickleValue *> read();

  /// All values of the pickles read so far.
  const std::deque<PickleValue> &all() const { return values; }
  /// Where the last pickle ended.
  size_t position() const { return at; }

private:
  PickleValue *make(PickleValue::Kind kind);
  Status step(unsigned char code);
  Status stepMemo(unsigned char code);
  Status stepNumber(unsigned char code);
  Status stepText(unsigned char code);
  Status stepCollect(unsigned char code);
  Status stepGlobal(unsigned char code);
  Status pushNumber(PickleValue::Kind kind, int64_t number);
  Status pushText(uint64_t size);
  Status pushGlobal(std::string name);
  Status collect(size_t count, PickleValue::Kind kind);
  Status call();
  Status setItems(size_t from);
  /// Where the things above the last mark begin; takes the mark off.
  Result<size_t> popMark();
  Result<uint64_t> number(size_t width);
  Result<std::string> line();
  Error bad(const std::string &what) const;

  std::string_view bytes;
  std::function<bool(const std::string &)> admits;
  size_t at = 0;
  std::deque<PickleValue> values;
  std::vector<PickleValue *> stack, memo;
};

} // namespace varve
#endif
