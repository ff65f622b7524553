/* The source of all draws, and the order in which samples are seen. Counters
 * make every draw a function of its place, so that a run that resumes in the
 * middle of an epoch goes on in the same order. */
#include "Internal.h"

uint64_t varve_hash(const char *text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *text; text++)
    hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
  return hash;
}

void varve_philox(const uint32_t counter[4], const uint32_t key[2],
                  uint32_t result[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)b;
    c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)a;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  result[0] = c0;
  result[1] = c1;
  result[2] = c2;
  result[3] = c3;
}

/* Fisher and Yates: position i swaps with one drawn from [0, i], for i from
 * the end down. A draw is 64 bits, scaled by multiplication (off by at most
 * n 2^-64); each block gives two. */
void varve_shuffle(uint64_t seed, uint64_t epoch, uint32_t stream,
                   int64_t samples, int64_t *order) {
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  uint32_t draws[4] = {0};
  for (int64_t i = 0; i < samples; i++)
    order[i] = i;
  for (int64_t i = samples - 1, count = 0; i > 0; i--, count++) {
    if (count % 2 == 0) {
      /* Blocks stay below 2^64, epochs below 2^32. */
      uint64_t block = (uint64_t)count / 2;
      const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32),
                                   (uint32_t)epoch, stream};
      varve_philox(counter, key, draws);
    }
    const uint32_t *half = draws + 2 * (count % 2);
    uint64_t draw = (uint64_t)half[0] << 32 | half[1];
    int64_t to = (int64_t)((unsigned __int128)draw * ((uint64_t)i + 1) >> 64);
    int64_t swap = order[i];
    order[i] = order[to];
    order[to] = swap;
  }
}
