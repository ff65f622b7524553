// Weights: the learned and running state of a program, to and from safetensors
// files in canonical order.
#ifndef VARVE_LEARN_WEIGHTS_H
#define VARVE_LEARN_WEIGHTS_H

#include "Learn/Program.h"
#include "varve/Result.h"
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace varve {

/// Whether weight files hold the variable: parameters and running statistics,
/// but not those of a stage's local head ("stage.CUT...."), which only
/// training needs.
bool isWeight(const varve_state_desc &state);

/// The model's map of that name; null for its own names, which are "".
Result<const Manifest::NameMap *> findNames(const Program &program,
                                            const std::string &names);

/// Of a file's metadata, what belongs to the weights: the tokenizer.
std::map<std::string, std::string>
keptMetadata(const std::map<std::string, std::string> &metadata);

/// Which weights a file gets where there are low-rank updates.
enum class Updates {
  Alone,  ///< what learns, the updates among it
  Merged, ///< all, each matrix with its update and the updates gone
};

/// The weights as evaluation sees them, by their names: where a parameter has
/// a moving average, that.
std::map<std::string, Tensor> exportWeights(const Program &program,
                                            Updates updates);

/// Writes them, whole or not at all, under the names of the model's map
/// `names`; empty: its own.
Status saveWeights(const Program &program, const std::string &path,
                   const std::string &names = "",
                   Updates updates = Updates::Alone);

/// Fails where a weight has no value but that of a file of weights, which is
/// not given.
Status checkFilled(const Program &program);

/// How a file was read.
struct LoadedWeights {
  std::vector<std::string> extra; ///< names in it that the program lacks
  std::string left; ///< partial: what kept its value and why, to be shown
};

/// Reads the weights of the program and begins copies of them (moving
/// averages) afresh. The file has the program's own names or those of one of
/// its maps. Fails, and changes nothing, where a weight is missing or of
/// another type or shape, listing all of them; `partial` leaves those as they
/// are and fails only where none fits. Low-rank updates and what they
/// stand on may come from two files: a file without updates leaves them, and
/// one with them alone wants the rest to be there, or in the model's
/// `init_from`.
Result<LoadedWeights> loadWeights(Program &program, const std::string &path,
                                  bool partial = false);

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
