/* State between its layout in memory and canonical row-major order. Both
 * directions are one walk over the canonical elements, last axis innermost,
 * with the place in the physical buffer beside it. */
#include "Internal.h"
#include <string.h>

size_t varve_dtype_bytes(int64_t dtype) {
  static const unsigned char bytes[] = {2, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1};
  return dtype >= 0 && dtype < (int64_t)sizeof(bytes) ? bytes[dtype] : 0;
}

int64_t varve_state_elements(const struct varve_state_desc *state) {
  int64_t elements = 1;
  for (int64_t i = 0; i < state->rank; i++)
    elements *= state->shape[i];
  return elements;
}

/* The sizes of what functions see. */
static const int64_t *part_of(const struct varve_state_desc *state) {
  return state->window ? state->window + state->rank : state->shape;
}

int64_t varve_state_used_elements(const struct varve_state_desc *state) {
  const int64_t *part = part_of(state);
  int64_t elements = 1;
  for (int64_t i = 0; i < state->rank; i++)
    elements *= part[i];
  return elements;
}

int varve_state_check(const struct varve_state_desc *state,
                      varve_error *error) {
  const char *name = state->name ? state->name : "?";
  int64_t elements = (int64_t)varve_dtype_bytes(state->dtype);
  const int64_t *part = part_of(state);
  unsigned seen = 0;
  if (elements == 0)
    return varve_fail(error, "state '%s' has the unknown type %lld", name,
                      (long long)state->dtype);
  if (state->rank < 0 || state->rank > VARVE_MAX_RANK)
    return varve_fail(error, "state '%s' has rank %lld, outside 0 to %d", name,
                      (long long)state->rank, VARVE_MAX_RANK);
  for (int64_t i = 0; i < state->rank; i++) {
    int64_t axis = state->perm[i], size = part[i];
    if (state->window &&
        (size < 0 || state->window[i] < 0 || state->shape[i] < size ||
         state->window[i] > state->shape[i] - size))
      return varve_fail(error, "state '%s': its window is not inside it", name);
    if (axis < 0 || axis >= state->rank || (seen >> axis & 1))
      return varve_fail(error, "state '%s': its layout is no permutation",
                        name);
    seen |= 1u << axis;
    /* The panel pads the axis that is last in memory. */
    if (state->panel > 0 && i == state->perm[state->rank - 1]) {
      if (size > INT64_MAX - state->panel)
        return varve_fail(error, "state '%s' is too large", name);
      size = (size + state->panel - 1) / state->panel * state->panel;
    }
    if (size < 0 || __builtin_mul_overflow(elements, size, &elements))
      return varve_fail(error, "state '%s' has an impossible size", name);
  }
  if (state->panel < 0 || (state->panel > 0 && state->rank == 0))
    return varve_fail(error, "state '%s' has panels of %lld", name,
                      (long long)state->panel);
  if (state->window) {
    int64_t bytes = (int64_t)varve_dtype_bytes(state->dtype), whole = bytes;
    for (int64_t i = 0; i < state->rank; i++)
      if (__builtin_mul_overflow(whole, state->shape[i], &whole))
        return varve_fail(error, "state '%s' has an impossible size", name);
    /* The part is no larger than its layout, whose size fits. */
    int64_t outside = whole - varve_state_used_elements(state) * bytes;
    if (__builtin_add_overflow(elements, outside, &elements))
      return varve_fail(error, "state '%s' has an impossible size", name);
  }
  if (elements != state->bytes)
    return varve_fail(error, "state '%s' says %lld bytes, its layout has %lld",
                      name, (long long)state->bytes, (long long)elements);
  return 1;
}

/* Where canonical elements lie: axis i of index x adds x * stride[i], but the
 * panelled axis adds (x / panel) * panel_stride + x % panel. */
struct places {
  int64_t stride[VARVE_MAX_RANK];
  int64_t panel_axis, panel, panel_stride;
};

static struct places find_places(const struct varve_state_desc *state) {
  struct places places = {.panel_axis = -1};
  int64_t stride = 1, last = state->rank - 1;
  if (state->panel > 0) {
    places.panel_axis = state->perm[last];
    places.panel = state->panel;
    stride = state->panel;
    last--;
  }
  for (int64_t i = last; i >= 0; i--) {
    places.stride[state->perm[i]] = stride;
    stride *= part_of(state)[state->perm[i]];
  }
  places.panel_stride = stride;
  return places;
}

static int64_t place_of(const struct places *places, int64_t axis,
                        int64_t index) {
  if (axis != places->panel_axis)
    return index * places->stride[axis];
  return index / places->panel * places->panel_stride + index % places->panel;
}

/* Copies `count` elements with a stride at one side; constant sizes make the
 * copies single moves. */
static void copy_strided(char *to, int64_t to_stride, const char *from,
                         int64_t from_stride, int64_t count, size_t bytes) {
#define COPY(n)                                                                \
  for (int64_t i = 0; i < count; i++)                                          \
  memcpy(to + i * to_stride * n, from + i * from_stride * n, n)
  if (to_stride == 1 && from_stride == 1)
    memcpy(to, from, (size_t)count * bytes);
  else if (bytes == 1)
    COPY(1);
  else if (bytes == 2)
    COPY(2);
  else if (bytes == 4)
    COPY(4);
  else
    COPY(8);
#undef COPY
}

/* Element by element: what lies outside the window goes behind the rest. */
static void convert_window(const struct varve_state_desc *state, char *physical,
                           char *canonical, int import) {
  size_t bytes = varve_dtype_bytes(state->dtype);
  struct places places = find_places(state);
  const int64_t *offset = state->window, *size = offset + state->rank;
  int64_t index[VARVE_MAX_RANK] = {0}, elements = varve_state_elements(state);
  int64_t outside = elements - varve_state_used_elements(state);
  char *tail = physical + state->bytes - outside * (int64_t)bytes;
  for (int64_t i = 0; i < elements; i++) {
    int64_t at = 0;
    int in = 1;
    for (int64_t axis = 0; axis < state->rank; axis++) {
      int64_t x = index[axis] - offset[axis];
      in &= x >= 0 && x < size[axis];
      at += place_of(&places, axis, x);
    }
    char *from = in ? physical + at * (int64_t)bytes : tail;
    if (!in)
      tail += bytes;
    if (import)
      memcpy(from, canonical + i * (int64_t)bytes, bytes);
    else
      memcpy(canonical + i * (int64_t)bytes, from, bytes);
    for (int64_t axis = state->rank - 1; axis >= 0; axis--) {
      if (++index[axis] < state->shape[axis])
        break;
      index[axis] = 0;
    }
  }
}

static void convert(const struct varve_state_desc *state, char *physical,
                    char *canonical, int import) {
  if (state->window) {
    convert_window(state, physical, canonical, import);
    return;
  }
  size_t bytes = varve_dtype_bytes(state->dtype);
  struct places places = find_places(state);
  int64_t last = state->rank - 1, index[VARVE_MAX_RANK] = {0};
  int64_t length = last < 0 ? 1 : state->shape[last];
  int64_t rows = length ? varve_state_elements(state) / length : 0;
  /* Pieces of the last axis that have one stride in memory. */
  int64_t piece =
      last == places.panel_axis && last >= 0 ? places.panel : length;
  int64_t stride =
      last < 0 || last == places.panel_axis ? 1 : places.stride[last];
  for (int64_t row = 0; row < rows; row++) {
    int64_t base = 0;
    for (int64_t axis = 0; axis < last; axis++)
      base += place_of(&places, axis, index[axis]);
    for (int64_t i = 0; i < length; i += piece) {
      int64_t at = base + (last < 0 ? 0 : place_of(&places, last, i));
      int64_t count = length - i < piece ? length - i : piece;
      char *inside = physical + at * (int64_t)bytes;
      char *outside = canonical + (row * length + i) * (int64_t)bytes;
      if (import)
        copy_strided(inside, stride, outside, 1, count, bytes);
      else
        copy_strided(outside, 1, inside, stride, count, bytes);
    }
    for (int64_t axis = last - 1; axis >= 0; axis--) {
      if (++index[axis] < state->shape[axis])
        break;
      index[axis] = 0;
    }
  }
}

void varve_state_export(const struct varve_state_desc *state,
                        const void *physical, void *canonical) {
  convert(state, (char *)physical, canonical, 0);
}

void varve_state_import(const struct varve_state_desc *state,
                        const void *canonical, void *physical) {
  if (state->bytes) /* an empty one may have no place in memory */
    memset(physical, 0, (size_t)state->bytes);
  convert(state, physical, (char *)canonical, 1);
}
