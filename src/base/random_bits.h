#ifndef HEADPRUNE_BASE_RANDOM_BITS_H
#define HEADPRUNE_BASE_RANDOM_BITS_H

#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood 2014): 64 random bits; the state starts as
 * the seed. The same on every machine. */
static inline uint64_t hp__random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#endif
