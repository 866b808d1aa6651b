#ifndef HEADPRUNE_PRUNE_CHANGES_H
#define HEADPRUNE_PRUNE_CHANGES_H

#include "prune/emit.h"

/*
 * From slices to changes: which bytes of the shards a form touches.
 */

/* Roles as bits, for hp__changes_of_heads. */
enum {
    HP__OUTPUT_ONLY = 1 << HP_ROLE_O,
    HP__ALL_ROLES =
        1 << HP_ROLE_Q | 1 << HP_ROLE_K | 1 << HP_ROLE_V | 1 << HP_ROLE_O,
    /* What a new shape takes along: columns of tables of position biases, and
     * norms of queries and keys of blocks that keep no head. */
    HP__OF_SHAPE = 1 << 8
};

/* The changes of the mask's heads in the tensors of `roles`. Bands of a key
 * and value head go with the last query head that uses it. */
HP_CHECKED
hp_status hp__changes_of_heads(hp__edition *out, hp__arena *a,
                               const hp__order *o, unsigned roles,
                               hp_error *err);
/* The changes that `n` slices in any order make; a slice may be there twice. */
HP_CHECKED
hp_status hp__changes_of_slices(hp__edition *out, hp__arena *a, hp_slice *list,
                                size_t n, hp_error *err);

/* Bytes of a shard that are left out; 0 where bands become zero bytes. */
uint64_t hp__changes_cut(const hp__edition *e, uint32_t shard);

/*
 * Changed bytes of one shard, in the order of the file, as far as they lie in
 * a window of it.
 */
typedef struct hp__stretch {
    const hp_change *change;
    uint64_t at, len; /* from the start of the shard */
} hp__stretch;

typedef struct hp__stretches {
    const hp__edition *edition;
    uint32_t shard;
    uint64_t from, to; /* the window */
    /* inside: the next one to look at */
    size_t change, band;
    uint64_t row;
    int inside;
} hp__stretches;

hp__stretches hp__stretches_of(const hp__edition *e, uint32_t shard,
                               uint64_t from, uint64_t to);
/* 1: *out is the next one; 0: there are no more. */
int hp__stretches_next(hp__stretches *s, hp__stretch *out);

#endif
