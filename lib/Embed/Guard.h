// The border of the library: memory comes from the host's allocator, and no
// exception gets out.
#ifndef VARVE_EMBED_GUARD_H
#define VARVE_EMBED_GUARD_H

#include "varve/Result.h"
#include "varve/Tensor.h"
#include <exception>
#include <new>

namespace varve {

/// Calls `work`, which returns a Result or Status. Standard containers throw
/// where memory is short, and so may an observer.
template <class Work>
auto guarded(const varve_allocator *allocator, Work work) -> decltype(work()) {
  AllocatorScope scope(allocator);
  try {
    return work();
  } catch (const std::bad_alloc &) {
    return Error{"out of memory"};
  } catch (const std::exception &exception) {
    return Error{exception.what()};
  } catch (...) {
    return Error{"an unknown exception"};
  }
}

} // namespace varve
#endif
