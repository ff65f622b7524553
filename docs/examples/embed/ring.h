/* The data of the examples: random points, and whether each lies in a ring. */
#ifndef RING_H
#define RING_H

#include <math.h>
#include <stdint.h>

static float ring_random(uint64_t *state) { /* [-1, 1) */
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (float)(int32_t)(*state >> 32) * 0x1p-31f;
}

/* x: f32[points, 2], inside: u8[points]. */
static void ring_points(uint64_t seed, int64_t points, float *x,
                        uint8_t *inside) {
  for (int64_t i = 0; i < points; i++) {
    x[2 * i] = ring_random(&seed);
    x[2 * i + 1] = ring_random(&seed);
    float radius = sqrtf(x[2 * i] * x[2 * i] + x[2 * i + 1] * x[2 * i + 1]);
    inside[i] = radius > 0.4f && radius < 0.8f;
  }
}

#endif
