// Texts as data sets: one row of tokens, whose windows are the samples.
#ifndef VARVE_DATA_TEXT_H
#define VARVE_DATA_TEXT_H

#include "Data/DataSpec.h"
#include "Data/Dataset.h"
#include "Text/Tokenizer.h"
#include "varve/Result.h"
#include <cstdint>
#include <string>

namespace varve {

/// Reads a text, plain or gzip, and cuts it in tokens: the field "text",
/// i32[tokens]. Sample i is the window of `length` tokens (an option of the
/// spec) that begins at token i * length, and the token behind it; at most
/// `limit` samples are kept. With the option "marks" a sample has so many
/// tokens fewer, and "marks" is a field: [MASK], [CLS], [SEP] and how many
/// tokens there are. Fails where there is no whole window, where a
/// character is no token, and where there are more tokens than the model has
/// (the option "vocabulary").
Result<Dataset> readText(const DataSpec &spec, const std::string &path,
                         const TokenizerPlace &place, int64_t limit);

} // namespace varve
#endif
