// Weights: the learned and running state of a program, to and from safetensors
// files in canonical order.
#ifndef VARVE_LEARN_WEIGHTS_H
#define VARVE_LEARN_WEIGHTS_H

#include "Learn/Program.h"
#include "varve/Result.h"
#include <cstddef>
#include <string>
#include <vector>

namespace varve {

/// Whether weight files hold the variable: parameters and running statistics,
/// but not those of a stage's local head ("stage.CUT...."), which only
/// training needs.
bool isWeight(const varve_state_desc &state);

/// Writes the weights, whole or not at all.
Status saveWeights(const Program &program, const std::string &path);

/// Reads all weights of the program and begins copies of them (moving
/// averages) afresh. Fails, and changes nothing, where one is missing or of
/// another type or shape. Returns the names in the file that the program does
/// not have.
Result<std::vector<std::string>> loadWeights(Program &program,
                                             const std::string &path);

/// A copy of what evaluation reads: parameters, running statistics, averages.
/// Kept for the best epoch. Memory is allocated by the first capture.
class Snapshot {
public:
  bool empty() const { return buffers.empty(); }
  void capture(const Program &program);
  void restore(Program &program) const;

  /// Whether it holds the variable.
  static bool holds(const varve_state_desc &state);
  /// The copy of state variable `index` in its physical layout.
  const std::byte *physical(int64_t index) const {
    return buffers[static_cast<size_t>(index)].data();
  }
  /// The same to be filled; makes room for all.
  std::byte *physical(const Program &program, int64_t index);

private:
  void allocate(const Program &program);

  /// By state; empty: not held.
  std::vector<std::vector<std::byte, AlignedAllocator<std::byte>>> buffers;
};

} // namespace varve
#endif
