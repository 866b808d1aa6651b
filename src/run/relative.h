#ifndef HEADPRUNE_RUN_RELATIVE_H
#define HEADPRUNE_RUN_RELATIVE_H

#include "run/weights.h"

/*
 * A bias of scores by the distance of key and query: what a block's table says,
 * for every distance up to the one from which it is the same.
 */
typedef struct hp__relative {
    const float *bias; /* [heads, 2 reach + 1] of key - query = -reach ..; NULL:
                          none */
    size_t reach;
} hp__relative;

/* The bucket of a distance: towards both sides, or (one_way) only of keys
 * before the query; the others are in bucket 0 then. */
uint32_t hp__relative_bucket(const hp_relative *r, int one_way,
                             int32_t distance);

/* Floats that the bias of a block takes, and reading it to *at. */
HP_CHECKED
hp_status hp__relative_room(size_t *floats, const hp_block *b, hp_error *err);
HP_CHECKED
hp_status hp__relative_load(hp__relative *out, float **at, const hp__reader *r,
                            const hp_block *b, hp_error *err);

/* Adds the bias of `head`, one alone, to scores of keys first .. first + n by a
 * query. */
void hp__relative_add(const hp__kernels *k, const hp__relative *head,
                      float *scores, size_t first, size_t n, size_t query);

#endif
