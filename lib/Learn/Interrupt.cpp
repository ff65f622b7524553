// Signal handlers that only set a flag.
#include "Learn/Interrupt.h"
#include <cassert>

namespace varve {
namespace {

volatile std::sig_atomic_t raised = 0;
bool inUse = false;

void raiseFlag(int) { raised = 1; }

} // namespace

InterruptFlag::InterruptFlag() {
  assert(!inUse && "one InterruptFlag at a time");
  inUse = true;
  raised = 0;
  struct sigaction action = {};
  action.sa_handler = raiseFlag;
  // The handler is gone after the first signal. System calls go on: a
  // checkpoint being written is not torn by it.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, &interrupt);
  sigaction(SIGTERM, &action, &terminate);
}

InterruptFlag::~InterruptFlag() {
  sigaction(SIGINT, &interrupt, nullptr);
  sigaction(SIGTERM, &terminate, nullptr);
  inUse = false;
}

const volatile std::sig_atomic_t *InterruptFlag::flag() const {
  return &raised;
}

} // namespace varve
