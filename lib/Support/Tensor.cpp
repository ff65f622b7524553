// Element types and host tensors: sizes, names and checked element counts.
#include "varve/Tensor.h"
#include <array>
#include <cassert>
#include <new>

namespace varve {
namespace {

struct DTypeInfo {
  std::string_view name;
  size_t bytes;
};

// In the order of `varve_dtype`.
constexpr std::array<DTypeInfo, 13> dtypes = {{{"f16", 2},
                                               {"bf16", 2},
                                               {"f32", 4},
                                               {"f64", 8},
                                               {"i8", 1},
                                               {"i16", 2},
                                               {"i32", 4},
                                               {"i64", 8},
                                               {"u8", 1},
                                               {"u16", 2},
                                               {"u32", 4},
                                               {"u64", 8},
                                               {"bool", 1}}};

thread_local const varve_allocator *current = nullptr;

} // namespace

const varve_allocator *currentAllocator() { return current; }

AllocatorScope::AllocatorScope(const varve_allocator *allocator)
    : before(current) {
  current = allocator;
}

AllocatorScope::~AllocatorScope() { current = before; }

void *allocateAligned(const varve_allocator *allocator, size_t bytes) {
  if (!allocator)
    return ::operator new(bytes, std::align_val_t(VARVE_ALIGNMENT));
  void *memory =
      allocator->allocate(allocator->context, bytes, VARVE_ALIGNMENT);
  if (!memory)
    throw std::bad_alloc();
  return memory;
}

void releaseAligned(const varve_allocator *allocator, void *memory,
                    size_t bytes) {
  if (allocator)
    allocator->release(allocator->context, memory, bytes);
  else
    ::operator delete(memory, std::align_val_t(VARVE_ALIGNMENT));
}

size_t byteSize(DType type) { return dtypes[static_cast<size_t>(type)].bytes; }

std::string_view nameOf(DType type) {
  return dtypes[static_cast<size_t>(type)].name;
}

bool parseDType(std::string_view name, DType &type) {
  for (size_t i = 0; i < dtypes.size(); ++i)
    if (dtypes[i].name == name) {
      type = static_cast<DType>(i);
      return true;
    }
  return false;
}

int64_t elementCount(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  bool empty = false, overflow = false;
  for (int64_t size : shape) {
    if (size < 0)
      return -1;
    empty |= size == 0;
    overflow |= __builtin_mul_overflow(count, size ? size : 1, &count);
  }
  if (empty)
    return 0;
  return overflow ? -1 : count;
}

Tensor::Tensor(DType type, std::vector<int64_t> sizes)
    : type(type), shape(std::move(sizes)) {
  int64_t count = elementCount(shape);
  assert(count >= 0 && "sizes of a tensor must be checked before it is made");
  data.resize(static_cast<size_t>(count) * byteSize(type));
}

int64_t Tensor::elements() const { return elementCount(shape); }

std::string toString(DType type, const std::vector<int64_t> &shape) {
  std::string text(nameOf(type));
  text += '[';
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i)
      text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + ']';
}

} // namespace varve
