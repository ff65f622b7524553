// SentencePiece models, through the library that makes them.
#ifndef VARVE_TEXT_SENTENCEPIECE_H
#define VARVE_TEXT_SENTENCEPIECE_H

#include "Text/Tokenizer.h"

namespace varve {

/// From a .model file in memory; `name` stands in diagnostics.
Result<std::unique_ptr<Tokenizer>> parseSentencePiece(std::string_view model,
                                                      const std::string &name);

} // namespace varve
#endif
