#ifndef HEADPRUNE_RUN_VARIANTS_H
#define HEADPRUNE_RUN_VARIANTS_H

#include "headprune/model.h"

/*
 * Variants of one model that differ in which heads are masked. Two variants
 * have the same hidden states up to the first layer where their masks differ;
 * so a variant shares the state of an earlier one, its parent, until it begins
 * one of its own. Variant 0 has its own state from the embedding on.
 */
typedef struct hp__variant {
    const unsigned char *mask; /* [heads of the model] or NULL */
    uint32_t begin; /* layer before which it copies its parent's state; the
                       number of layers: after all of them */
    size_t parent;
} hp__variant;

typedef struct hp__variants {
    hp__variant *at; /* [n] */
    size_t n;        /* at least 1 */
} hp__variants;

/* `masks` are borrowed; n 0: one variant without a mask. Released also after a
 * failure. */
HP_CHECKED
hp_status hp__variants_open(hp__variants *out, const hp_model *m,
                            const unsigned char *const *masks, size_t n,
                            hp_error *err);
void hp__variants_close(hp__variants *v);

uint32_t hp__variant_begin(const hp__variants *v, size_t i);
/* Whose state is variant i's in a layer. */
size_t hp__variant_owner(const hp__variants *v, size_t i, uint32_t layer);
/* How many of layers first .. end - 1 are computed for all variants together.
 */
uint64_t hp__variants_layers(const hp__variants *v, uint32_t first,
                             uint32_t end);

#endif
