// Texts as data sets: one row of tokens, whose windows are the samples, or
// pairs of lines.
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

/// Reads two texts, plain or gzip, of which line i of one says what line i of
/// the other says. Columns are, of tokens:
///   source  the line and `end`
///   target  `begin` and the other line
///   next    the other line and `end`: what follows each token of target
/// each with `pad` up to its field's length. `begin`, `end` and `pad` are
/// options of the spec, 1, 2 and 0 if it has none; of the tokenizer
/// `characters` they are the numbers of U+0002, U+0003 and U+0000. Pairs that
/// are too long for the fields, or of which a line is empty, are left out, and
/// noted. At most `limit` samples are kept. Fails where the texts have not the
/// same number of lines, and as readText does.
Result<Dataset> readParallelText(const DataSpec &spec,
                                 const std::string &source,
                                 const std::string &target,
                                 const TokenizerPlace &place, int64_t limit);

} // namespace varve
#endif
