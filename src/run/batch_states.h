#ifndef HEADPRUNE_RUN_BATCH_STATES_H
#define HEADPRUNE_RUN_BATCH_STATES_H

#include "io/room.h"
#include "run/engine.h"

/*
 * What batches leave while another one is computed, in a sweep that takes each
 * layer for all of them before it goes on to the next: hidden states, gradients
 * of these, outputs of heads. With a single batch they stay where they are.
 */
#define HP__MOST_STATES 4 /* two stacks, each with a gradient */

typedef struct hp__states {
    hp__room room; /* [states][variants, tokens of the stack, width] */
    int many;      /* 1: there are several batches */
    size_t width;
    uint64_t begin[HP__MOST_STATES]; /* of each in the room, in bytes */
} hp__states;

/* Pieces of one batch. */
typedef struct hp__batch {
    const hp__piece *pieces;
    size_t n;
} hp__batch;

/* `n` states of `width` floats a row; state i is one of stack i % (number of
 * stacks). Closed also after a failure. */
HP_CHECKED
hp_status hp__states_open(hp__states *out, const hp__run *r, size_t n,
                          size_t width, hp_error *err);
void hp__states_close(hp__states *s);
/* The rows of a batch, [variants, batch rows, width] of the stack, put away or
 * got back. */
HP_CHECKED
hp_status hp__states_put(const hp__run *r, const hp__states *s, size_t i,
                         const float *rows, const hp__batch *b, hp_error *err);
HP_CHECKED
hp_status hp__states_get(const hp__run *r, const hp__states *s, size_t i,
                         float *rows, const hp__batch *b, hp_error *err);

/* The hidden states of r->states: to get those of a decoder gets what its
 * encoder has made, too. */
HP_CHECKED
hp_status hp__hidden_get(hp__run *r, const hp__batch *b, hp_error *err);
HP_CHECKED
hp_status hp__hidden_put(const hp__run *r, const hp__batch *b, hp_error *err);

/* The embedding of a batch. */
HP_CHECKED
hp_status hp__embed_batch(hp__run *r, const hp__batch *b, hp_error *err);

/* Calls `work` for every batch of the stack that is computed, in order. */
HP_CHECKED
hp_status hp__each_batch(hp__run *r,
                         hp_status (*work)(hp__run *, const hp__batch *,
                                           hp_error *),
                         hp_error *err);
/* hp_run_sweep where outputs of heads are looked at. */
HP_CHECKED
hp_status hp__run_outputs(hp__run *r, hp_error *err);

#endif
