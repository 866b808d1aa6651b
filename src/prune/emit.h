#ifndef HEADPRUNE_PRUNE_EMIT_H
#define HEADPRUNE_PRUNE_EMIT_H

#include "base/arena.h"
#include "headprune/rewrite.h"

/* What a form does to the tensors, by position in the files. */
typedef struct hp__changes {
    const hp_change *list; /* [n], by shard and offset */
    size_t n;
} hp__changes;

/*
 * The row an output form adds to the table in emit.c. All that headprune knows
 * about the form stands in its one file.
 */
typedef struct hp__form {
    hp_emit emit;
    const char *const *loads_in; /* what reads the output; ends with NULL */
    const char *size, *speed;    /* what becomes of them, one line each */
    /* Bands that become zero for the heads of `mask` [heads of m]. */
    hp_status (*changes)(hp__changes *out, hp__arena *a, const hp_model *m,
                         const unsigned char *mask, hp_error *err);
} hp__form;

extern const hp__form hp__form_zero;

/* The row of a public form; NULL: not one of the table. */
const hp__form *hp__form_find(const hp_emit *emit);

/* Zeroes the bytes of `c` that lie in `bytes`, the `n` bytes from `at` on of
 * the tensor's shard. */
void hp__zero_bytes(unsigned char *bytes, uint64_t at, size_t n,
                    const hp_change *c);

#endif
