/* The data of the examples: random points, and whether each lies in a circle.
 */
#ifndef CIRCLE_H
#define CIRCLE_H

#include <stdint.h>

static float circle_random(uint64_t *state) { /* [-1, 1) */
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (float)(int32_t)(*state >> 32) * 0x1p-31f;
}

/* x: f32[points, 2], inside: u8[points]. */
static void circle_points(uint64_t seed, int64_t points, float *x,
                          uint8_t *inside) {
  for (int64_t i = 0; i < points; i++) {
    float a = x[2 * i] = circle_random(&seed);
    float b = x[2 * i + 1] = circle_random(&seed);
    inside[i] = a * a + b * b < 0.5f;
  }
}

#endif
