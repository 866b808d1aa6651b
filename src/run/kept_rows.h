#ifndef HEADPRUNE_RUN_KEPT_ROWS_H
#define HEADPRUNE_RUN_KEPT_ROWS_H

#include "io/room.h"
#include "run/engine.h"

/*
 * What the forward sweep leaves for the backward sweep, so that no product is
 * computed twice: rows of floats of all tokens, by part. A part is one
 * attention or one MLP with its norm and its residual.
 */
typedef enum hp__kept {
    HP__KEPT_NORMED,  /* [D] what the part's norm takes; after the MLP of the
                         last layer: what the norm of an encoder takes */
    HP__KEPT_HEADS,   /* queries, keys and values side by side, as attention
                         takes them; of a cross block queries alone */
    HP__KEPT_RAW,     /* queries and keys before their own norms */
    HP__KEPT_ENCODED, /* cross: keys and values of the encoder's tokens */
    HP__KEPT_OUTPUTS, /* of the heads */
    HP__KEPT_UP,      /* [ffn] x U: with its bias where there is a gate */
    HP__KEPT_GATE,    /* [ffn] x G */
    HP__N_KEPT
} hp__kept;

typedef struct hp__kept_part {
    uint64_t at[HP__N_KEPT]; /* bytes from the begin of the room */
} hp__kept_part;

typedef struct hp__kept_store {
    hp__room room;
    hp__kept_part *parts; /* [layers][HP__MAX_BLOCKS + 2] */
} hp__kept_store;

/* Rows from row `row` of the share on, of part `part` of the layer that is
 * computed: its blocks, then its MLP, then what comes after. */
typedef struct hp__kept_place {
    hp__share share;
    size_t part, row;
    hp__kept what;
} hp__kept_place;

/* Room for all parts: in memory when they fit `in_memory` bytes. Closed also
 * after a failure. */
HP_CHECKED
hp_status hp__kept_open(hp__kept_store *out, const hp__run *r, size_t in_memory,
                        hp_error *err);
void hp__kept_close(hp__kept_store *k);

/* Rows without gaps between them. Keeping does nothing when no backward sweep
 * follows. */
HP_CHECKED
hp_status hp__keep(const hp__run *r, const hp__kept_place *p,
                   const hp__matrix *rows, hp_error *err);
HP_CHECKED
hp_status hp__recall(const hp__run *r, const hp__kept_place *p,
                     const hp__matrix *rows, hp_error *err);
/* 1: what the part reads is an embedding, which nobody asks the gradient of. */
int hp__kept_lowest(const hp__run *r, size_t part);
/* What a block's heads were made of, from scratch->wide and ->raw, and, in
 * r->outputs, what they gave. */
HP_CHECKED
hp_status hp__keep_heads(const hp__run *r, const hp__attention *a,
                         hp__share share, const hp__scratch *scratch,
                         hp_error *err);
/* The same back to where it came from. */
HP_CHECKED
hp_status hp__recall_heads(const hp__run *r, const hp__attention *a,
                           hp__share share, hp__scratch *scratch,
                           hp_error *err);

#endif
