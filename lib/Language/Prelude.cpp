// The prelude, embedded in the library.
#include "Language/Parser.h"

std::string_view varve::preludeText() {
  static constexpr std::string_view text =
#include "Prelude.inc"
      ;
  return text;
}
