#ifndef HEADPRUNE_RUN_SAMPLING_H
#define HEADPRUNE_RUN_SAMPLING_H

#include "headprune/generate.h"

/* The first of the highest of n >= 1 logits. */
int32_t hp__sample_greedy(const float *logits, size_t n);
/*
 * Draws a token at s->temperature > 0; takes one number from *state, which
 * starts as the seed. `room` [n].
 */
int32_t hp__sample(const float *logits, size_t n, const hp_sampling *s,
                   uint64_t *state, int32_t *room);

#endif
