/* First values of state. Element i of the variable `key` under `seed` depends
 * on (seed, key, i) alone: Philox4x32-10 with the seed as key and
 * (block, attempt, hash of the key) as counter. All arithmetic is in double and
 * our own (no libm: its bits differ between versions and CPUs), rounded once
 * to the variable's type. */
#include "Internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Elementary functions in double, within a few units of 1e-16 ---- */

static const double ln2 = 0x1.62e42fefa39efp-1, pi = 0x1.921fb54442d18p+1;

/* log x = e log 2 + 2 artanh s, s = (m - 1) / (m + 1), x = m 2^e,
 * m in [sqrt 1/2, sqrt 2): |s| < 0.172, so that the series ends soon. */
static double own_log(double x) {
  uint64_t bits;
  memcpy(&bits, &x, 8);
  int exponent = (int)(bits >> 52) - 1022;
  bits = (bits & 0xfffffffffffffu) | (uint64_t)1022 << 52;
  double m;
  memcpy(&m, &bits, 8);
  if (m < 0x1.6a09e667f3bcdp-1) {
    m *= 2;
    exponent--;
  }
  double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
  for (int k = 23; k >= 3; k -= 2)
    sum = (sum + 1.0 / k) * s2;
  return exponent * ln2 + 2 * (s + s * sum);
}

/* cos and sin of 2 pi u, u in [0, 1): quarter turns off, then Taylor's series
 * on [-pi/4, pi/4]. */
static void own_turn(double u, double *cosine, double *sine) {
  int quarter = (int)(4 * u + 0.5);
  double t = (u - 0.25 * quarter) * (2 * pi), t2 = t * t, c = 1, s = 1;
  for (int k = 18; k >= 2; k -= 2)
    c = 1 - t2 / (k * (k - 1)) * c;
  for (int k = 19; k >= 3; k -= 2)
    s = 1 - t2 / (k * (k - 1)) * s;
  s *= t;
  switch (quarter & 3) {
  case 0:
    *cosine = c;
    *sine = s;
    break;
  case 1:
    *cosine = -s;
    *sine = c;
    break;
  case 2:
    *cosine = -c;
    *sine = -s;
    break;
  case 3:
    *cosine = s;
    *sine = -c;
    break;
  }
}

/* ---- Draws ---- */

struct stream {
  uint32_t key[2], high[2];
};

static struct stream open_stream(uint64_t seed, const char *key) {
  uint64_t hash = varve_hash(key);
  return (struct stream){{(uint32_t)seed, (uint32_t)(seed >> 32)},
                         {(uint32_t)hash, (uint32_t)(hash >> 32)}};
}

/* Two draws from [0, 1) with 53 bits, for the elements 2 block and
 * 2 block + 1. Blocks stay below 2^48. */
static void draw_uniform(const struct stream *stream, uint64_t block,
                         uint32_t attempt, double u[2]) {
  uint32_t counter[4] = {(uint32_t)block,
                         (uint32_t)(block >> 32) | attempt << 16,
                         stream->high[0], stream->high[1]};
  uint32_t r[4];
  varve_philox(counter, stream->key, r);
  for (int i = 0; i < 2; i++)
    u[i] = (double)(((uint64_t)r[2 * i] << 32 | r[2 * i + 1]) >> 11) * 0x1p-53;
}

/* Box and Muller (1958): two independent standard normals. */
static void draw_normal(const struct stream *stream, uint64_t block,
                        uint32_t attempt, double z[2]) {
  double u[2], cosine, sine;
  draw_uniform(stream, block, attempt, u);
  double radius = sqrt(-2 * own_log(1 - u[0])); /* 1 - u is never 0 */
  own_turn(u[1], &cosine, &sine);
  z[0] = radius * cosine;
  z[1] = radius * sine;
}

/* ---- Rounding to the variable's type ---- */

/* A double to a smaller binary format, to nearest even; overflow to
 * infinity. */
static uint16_t round_to_16(double x, int exponent_bits, int fraction_bits) {
  uint64_t bits;
  memcpy(&bits, &x, 8);
  int bias = (1 << (exponent_bits - 1)) - 1;
  uint16_t sign = (uint16_t)(bits >> 63 << 15);
  uint16_t infinity = (uint16_t)(((1 << exponent_bits) - 1) << fraction_bits);
  int exponent = (int)(bits >> 52 & 0x7ff) - 1023 + bias;
  uint64_t fraction = (bits & 0xfffffffffffffu) | (uint64_t)1 << 52;
  if (x != x)
    return sign | infinity | 1;
  if (exponent >= (1 << exponent_bits) - 1)
    return sign | infinity;
  int drop = 52 - fraction_bits;
  if (exponent < 1) { /* subnormal: no implicit bit */
    drop += 1 - exponent;
    exponent = 0;
    if (drop > 54)
      return sign;
  } else {
    exponent--; /* the implicit bit adds 1 to it below */
  }
  uint64_t kept = fraction >> drop, rest = fraction << (64 - drop);
  uint64_t half = (uint64_t)1 << 63;
  kept += rest > half || (rest == half && (kept & 1));
  /* A carry runs into the exponent, as it should. */
  return sign | (uint16_t)(((uint64_t)exponent << fraction_bits) + kept);
}

static void store(void *to, int64_t dtype, int64_t index, double value) {
  switch (dtype) {
  case VARVE_F16:
    ((uint16_t *)to)[index] = round_to_16(value, 5, 10);
    break;
  case VARVE_BF16:
    ((uint16_t *)to)[index] = round_to_16(value, 8, 7);
    break;
  case VARVE_F32:
    ((float *)to)[index] = (float)value;
    break;
  case VARVE_F64:
    ((double *)to)[index] = value;
    break;
  case VARVE_I8:
    ((int8_t *)to)[index] = (int8_t)value;
    break;
  case VARVE_I16:
    ((int16_t *)to)[index] = (int16_t)value;
    break;
  case VARVE_I32:
    ((int32_t *)to)[index] = (int32_t)value;
    break;
  case VARVE_I64:
    ((int64_t *)to)[index] = (int64_t)value;
    break;
  case VARVE_U8:
    ((uint8_t *)to)[index] = (uint8_t)value;
    break;
  case VARVE_U16:
    ((uint16_t *)to)[index] = (uint16_t)value;
    break;
  case VARVE_U32:
    ((uint32_t *)to)[index] = (uint32_t)value;
    break;
  case VARVE_U64:
    ((uint64_t *)to)[index] = (uint64_t)value;
    break;
  case VARVE_BOOL:
    ((uint8_t *)to)[index] = value != 0;
    break;
  }
}

/* ---- Orthogonal matrices ---- */

/* Eight running sums, so that the adds do not wait for each other. */
static double dot(const double *a, const double *b, int64_t n) {
  double sum[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++)
      sum[j] += a[i + j] * b[i + j];
  for (; i < n; i++)
    sum[i & 7] += a[i] * b[i];
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) +
         ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* Rows of v made orthonormal: Gram and Schmidt, modified, each row twice
 * (Giraud, Langou 2002: twice is enough). The diagonal of R is positive, so
 * that a normal v gives the uniform (Haar) distribution. */
static void orthonormalize(double *v, int64_t rows, int64_t length) {
  for (int64_t r = 0; r < rows; r++) {
    double *row = v + r * length;
    for (int pass = 0; pass < 2; pass++)
      for (int64_t q = 0; q < r; q++) {
        const double *unit = v + q * length;
        double along = dot(row, unit, length);
        for (int64_t i = 0; i < length; i++)
          row[i] -= along * unit[i];
      }
    double norm = sqrt(dot(row, row, length));
    for (int64_t i = 0; i < length; i++)
      row[i] /= norm;
  }
}

/* As a matrix of shape[0] rows, the other axes flattened: gain times a matrix
 * with orthonormal rows or columns, whichever are fewer (Saxe 2013). */
static int fill_orthogonal(const struct varve_state_desc *state,
                           const struct stream *stream, void *canonical,
                           varve_error *error) {
  if (state->rank < 2)
    return varve_fail(error, "'%s': orthogonal needs two dimensions or more",
                      state->name);
  int64_t elements = varve_state_elements(state), rows = state->shape[0];
  if (elements == 0)
    return 1;
  int64_t columns = elements / rows;
  int64_t few = rows < columns ? rows : columns, many = elements / few;
  double *v = malloc((size_t)elements * sizeof(double) + sizeof(double));
  if (!v)
    return varve_fail(error, "out of memory for '%s'", state->name);
  for (int64_t i = 0; i < elements; i += 2)
    draw_normal(stream, (uint64_t)i / 2, 0, v + i);
  orthonormalize(v, few, many);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++)
      store(canonical, state->dtype, r * columns + c,
            state->a * (rows < columns ? v[r * many + c] : v[c * many + r]));
  free(v);
  return 1;
}

int varve_state_initialize(const struct varve_state_desc *state, uint64_t seed,
                           const char *key, void *canonical,
                           varve_error *error) {
  struct stream stream = open_stream(seed, key);
  int64_t elements = varve_state_elements(state), dtype = state->dtype;
  int drawn = state->init != VARVE_INIT_CONSTANT;
  if (drawn && dtype != VARVE_F16 && dtype != VARVE_BF16 &&
      dtype != VARVE_F32 && dtype != VARVE_F64)
    return varve_fail(error, "'%s' is of an integer type and cannot be drawn",
                      state->name);
  double pair[2];
  switch (state->init) {
  case VARVE_INIT_CONSTANT:
    for (int64_t i = 0; i < elements; i++)
      store(canonical, dtype, i, state->a);
    return 1;
  case VARVE_INIT_UNIFORM:
    for (int64_t i = 0; i < elements; i++) {
      if (i % 2 == 0)
        draw_uniform(&stream, (uint64_t)i / 2, 0, pair);
      store(canonical, dtype, i,
            state->a + (state->b - state->a) * pair[i & 1]);
    }
    return 1;
  case VARVE_INIT_NORMAL:
    for (int64_t i = 0; i < elements; i++) {
      if (i % 2 == 0)
        draw_normal(&stream, (uint64_t)i / 2, 0, pair);
      store(canonical, dtype, i, state->a + state->b * pair[i & 1]);
    }
    return 1;
  case VARVE_INIT_TRUNCATED_NORMAL:
    for (int64_t i = 0; i < elements; i++) {
      /* Drawn again, each element for itself, until it lies within 2. */
      uint32_t attempt = 0;
      do
        draw_normal(&stream, (uint64_t)i / 2, attempt++, pair);
      while (fabs(pair[i & 1]) > 2);
      store(canonical, dtype, i, state->a + state->b * pair[i & 1]);
    }
    return 1;
  case VARVE_INIT_ORTHOGONAL:
    return fill_orthogonal(state, &stream, canonical, error);
  }
  return varve_fail(error, "'%s' has the unknown init %lld", state->name,
                    (long long)state->init);
}
