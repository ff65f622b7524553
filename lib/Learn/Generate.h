// Writes sequences: a model's next token, drawn and given back, again and
// again.
#ifndef VARVE_LEARN_GENERATE_H
#define VARVE_LEARN_GENERATE_H

#include "Learn/Program.h"
#include "Learn/Sampling.h"
#include "varve/Result.h"
#include <cstdint>
#include <functional>
#include <vector>

namespace varve {

struct GenerateOptions {
  SamplingOptions sampling;
  int64_t maxTokens = 256; ///< written at most, behind the prompt
  /// Only tokens below it are drawn: a model may have logits for more tokens
  /// than its tokenizer has. -1: all of them.
  int64_t tokens = -1;
  int64_t end = -1;        ///< the token behind which nothing is written
  uint64_t seed = 0;
  /// Told of each token that is written; false ends the sequence.
  std::function<bool(int32_t)> onToken;
};

/// Writes behind a prompt of one token or more and returns what was written.
/// The program was opened with "generate". Token i depends on the seed, on i
/// and on the tokens before it alone. Fails where the model does not say what
/// it generates, on a token of the prompt that it does not have, and where logits
/// are NaN or all infinite.
Result<std::vector<int32_t>> generate(Program &program,
                                      const std::vector<int32_t> &prompt,
                                      const GenerateOptions &options);

} // namespace varve
#endif
