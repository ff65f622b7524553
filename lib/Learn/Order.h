// In which order samples are seen: counter-based, so that a run that resumes
// in the middle of an epoch goes on in the same order.
#ifndef VARVE_LEARN_ORDER_H
#define VARVE_LEARN_ORDER_H

#include <cstdint>
#include <vector>

namespace varve {

/// Fills `order` (size n) with the permutation of 0 .. n - 1 that belongs to
/// (seed, epoch). All permutations are equally likely.
void shuffleSamples(uint64_t seed, uint64_t epoch, std::vector<int64_t> &order);

/// Which samples train and which validate, both ascending.
struct Split {
  std::vector<int64_t> train, validation;
};

/// `part` of the samples, chosen by the seed, validate: floor(samples * part),
/// but one at least where `part` is positive.
Split splitSamples(int64_t samples, double part, uint64_t seed);

/// The same of the windows of a text: its end validates. Training shifts its
/// windows by up to a whole one, so the one before the end is left out.
Split splitText(int64_t windows, double part);

} // namespace varve
#endif
