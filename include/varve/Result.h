// Errors as values. A function that can fail on user input returns Result<T>;
// nothing is thrown across a library boundary.
#ifndef VARVE_RESULT_H
#define VARVE_RESULT_H

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace varve {

/// What went wrong, as the process exit status says it (see `varve --help`).
enum class ErrorKind {
  Input = 1,       ///< the input is wrong
  Unsupported = 2, ///< asked for something not supported
  Usage = 64,      ///< the command line is wrong
};

/// One clear diagnostic: lower-case, with the values, and the place if known
/// ("file:line:column: ..." stands at the front of the message).
struct Error {
  std::string message;
  ErrorKind kind = ErrorKind::Input;
};

/// A value or an Error. `if (!r) return r.error();` passes an error on.
template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : storage(std::move(value)) {}
  Result(Error error) : storage(std::move(error)) {}

  explicit operator bool() const { return storage.index() == 0; }
  T &operator*() { return std::get<0>(storage); }
  const T &operator*() const { return std::get<0>(storage); }
  T *operator->() { return &std::get<0>(storage); }
  const T *operator->() const { return &std::get<0>(storage); }
  const Error &error() const { return std::get<1>(storage); }

private:
  std::variant<T, Error> storage;
};

/// Success or an Error.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : failure(std::move(error)) {}
  explicit operator bool() const { return !failure; }
  const Error &error() const { return *failure; }

private:
  std::optional<Error> failure;
};

} // namespace varve
#endif
