// Element types and dense tensors in host memory, in canonical (row-major)
// order. Standard library only: the runtime, the readers and the compiler's
// reference values all share it.
#ifndef VARVE_TENSOR_H
#define VARVE_TENSOR_H

#include "varve-c/Runtime.h"
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace varve {

/// Element types, with the numbers of `varve_dtype`.
enum class DType : int32_t {
  F16 = VARVE_F16,
  BF16 = VARVE_BF16,
  F32 = VARVE_F32,
  F64 = VARVE_F64,
  I8 = VARVE_I8,
  I16 = VARVE_I16,
  I32 = VARVE_I32,
  I64 = VARVE_I64,
  U8 = VARVE_U8,
  U16 = VARVE_U16,
  U32 = VARVE_U32,
  U64 = VARVE_U64,
  Bool = VARVE_BOOL,
};

/// Bytes of one element.
size_t byteSize(DType type);
/// The language's name: "f32", "u8", "bool".
std::string_view nameOf(DType type);
/// The inverse of nameOf; false if `name` is none.
bool parseDType(std::string_view name, DType &type);

/// Who allocates the tensors that this thread makes; null: operator new.
const varve_allocator *currentAllocator();

/// While it lives, tensors made by this thread come from `allocator`, which
/// outlives them.
class AllocatorScope {
public:
  explicit AllocatorScope(const varve_allocator *allocator);
  AllocatorScope(const AllocatorScope &) = delete;
  AllocatorScope &operator=(const AllocatorScope &) = delete;
  ~AllocatorScope();

private:
  const varve_allocator *before;
};

/// Memory aligned to VARVE_ALIGNMENT, and its end. Throws std::bad_alloc where
/// there is none left.
void *allocateAligned(const varve_allocator *allocator, size_t bytes);
void releaseAligned(const varve_allocator *allocator, void *memory,
                    size_t bytes);

/// Allocates as compiled programs want their buffers, so that a tensor can be
/// an argument of one without a copy. Memory that moves keeps its allocator.
template <class T> struct AlignedAllocator {
  using value_type = T;
  using propagate_on_container_move_assignment = std::true_type;
  using propagate_on_container_swap = std::true_type;

  AlignedAllocator() : source(currentAllocator()) {}
  template <class U>
  AlignedAllocator(const AlignedAllocator<U> &other) : source(other.source) {}
  AlignedAllocator select_on_container_copy_construction() const { return {}; }

  T *allocate(size_t count) {
    return static_cast<T *>(allocateAligned(source, count * sizeof(T)));
  }
  void deallocate(T *pointer, size_t count) {
    releaseAligned(source, pointer, count * sizeof(T));
  }
  bool operator==(const AlignedAllocator &other) const {
    return source == other.source;
  }
  bool operator!=(const AlignedAllocator &other) const {
    return source != other.source;
  }

  const varve_allocator *source;
};

/// A dense tensor that owns its bytes.
struct Tensor {
  DType type = DType::F32;
  std::vector<int64_t> shape;
  /// elements() * byteSize(type) bytes, aligned to VARVE_ALIGNMENT
  std::vector<std::byte, AlignedAllocator<std::byte>> data;

  Tensor() = default;
  Tensor(DType type, std::vector<int64_t> shape);

  int64_t elements() const;
  template <class T> T *as() { return reinterpret_cast<T *>(data.data()); }
  template <class T> const T *as() const {
    return reinterpret_cast<const T *>(data.data());
  }
};

struct NamedTensor {
  std::string name;
  Tensor value;
};

/// An array of the caller's, row-major, aligned to its elements.
struct ArrayView {
  std::string name;
  DType type = DType::F32;
  std::vector<int64_t> shape;
  const void *data = nullptr;
};

/// The product of the sizes, or -1 where it overflows or a size is negative.
int64_t elementCount(const std::vector<int64_t> &shape);

/// "f32[128, 10]".
std::string toString(DType type, const std::vector<int64_t> &shape);

} // namespace varve
#endif
