#ifndef HEADPRUNE_PRUNE_CUT_H
#define HEADPRUNE_PRUNE_CUT_H

#include "prune/config_patch.h"
#include "prune/emit.h"

/*
 * What stands around the weights when bands are cut out of them: headers and
 * the index, edited as text.
 */

/* Bytes and elements of a tensor that are left; *gone 1: none, and the tensor
 * is not in the output. */
typedef struct hp__rest {
    uint64_t bytes, elements;
    int gone;
} hp__rest;
hp__rest hp__rest_of(const hp_tensor *t, const hp__edition *e);

/*
 * The header of a shard without the bands: 8 bytes of length, the JSON text in
 * which shapes and offsets are changed and tensors that are gone left out, and
 * spaces up to a multiple of 8. Lives in the arena.
 */
HP_CHECKED
hp_status hp__cut_header(hp__text *out, hp__arena *a, const hp_checkpoint *c,
                         uint32_t shard, const hp__edition *e, hp_error *err);

/* The index of a cut checkpoint, from its text: sizes in `metadata`, and
 * tensors that are gone. */
HP_CHECKED
hp_status hp__cut_index(hp__text *out, hp__arena *a, hp__text text,
                        const hp_checkpoint *c, const hp__edition *e,
                        hp_error *err);

#endif
