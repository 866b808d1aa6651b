#ifndef HEADPRUNE_PRUNE_REPLACE_H
#define HEADPRUNE_PRUNE_REPLACE_H

#include "headprune/refit.h"

/* Puts refitted tensors in place of what the input holds, in the `n` bytes that
 * begin at `at` of a shard; before any form changes them. `r` NULL: nothing. */
void hp__replace(unsigned char *bytes, const hp_refit *r, size_t shard,
                 uint64_t at, size_t n);

#endif
