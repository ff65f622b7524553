// Ctrl-C as a flag that training looks at after each step.
#ifndef VARVE_LEARN_INTERRUPT_H
#define VARVE_LEARN_INTERRUPT_H

#include <csignal>

namespace varve {

/// While it lives, the first SIGINT or SIGTERM raises the flag; a second one
/// ends the process as usual. One at a time: signals belong to the process.
class InterruptFlag {
public:
  InterruptFlag();
  InterruptFlag(const InterruptFlag &) = delete;
  InterruptFlag &operator=(const InterruptFlag &) = delete;
  ~InterruptFlag();

  /// For TrainOptions::cancel.
  const volatile std::sig_atomic_t *flag() const;

private:
  struct sigaction interrupt, terminate; ///< as they were before
};

} // namespace varve
#endif
