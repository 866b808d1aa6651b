#ifndef HEADPRUNE_RUN_BATCH_STATES_H
#define HEADPRUNE_RUN_BATCH_STATES_H

#include "io/room.h"
#include "run/engine.h"

/*
 * What batches leave between two layers when a sweep takes each layer for all
 * of them before it goes on to the next: hidden states, and gradients of these.
 * With a single batch they stay where they are.
 */
#define HP__MOST_STATES 4 /* two stacks, each with a gradient */

typedef struct hp__states {
    hp__room room; /* [states][variants, tokens of the stack, D] */
    int many;      /* 1: there are several batches */
    uint64_t begin[HP__MOST_STATES]; /* of each in the room, in bytes */
} hp__states;

/* Pieces of one batch. */
typedef struct hp__batch {
    const hp__piece *pieces;
    size_t n;
} hp__batch;

/* State i is one of stack i % (number of stacks). Closed also after a failure.
 */
HP_CHECKED
hp_status hp__states_open(hp__states *out, const hp__run *r, size_t n,
                          hp_error *err);
void hp__states_close(hp__states *s);
/* The rows of a batch, rows [variants, batch rows, D] of the stack, put away or
 * got back. */
HP_CHECKED
hp_status hp__states_put(const hp__run *r, const hp__states *s, size_t i,
                         const float *rows, const hp__batch *b, hp_error *err);
HP_CHECKED
hp_status hp__states_get(const hp__run *r, const hp__states *s, size_t i,
                         float *rows, const hp__batch *b, hp_error *err);

/* Calls `work` for every batch of the stack that is computed, in order. */
HP_CHECKED
hp_status hp__each_batch(hp__run *r,
                         hp_status (*work)(hp__run *, const hp__batch *,
                                           hp_error *),
                         hp_error *err);

#endif
