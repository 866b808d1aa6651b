#ifndef HEADPRUNE_HEADS_H
#define HEADPRUNE_HEADS_H

#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Attention heads and lists of them. Heads are numbered through the whole
 * model, block by block; every array of per-head values and every mask of
 * this library is indexed by that number. Scores and plans that were read
 * from a document carry the same table as a model does.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_head {
    const char *id;   /* "9:3", for T5 "dec.0.cross:3": what --heads takes */
    const char *name; /* of the block: "transformer.h.9.attn" */
    uint32_t block;   /* attention block, counted through the model */
    uint32_t layer;   /* layer of its stack */
    uint32_t head;    /* head of its block, as the original model counts */
    uint32_t group;   /* heads of a block with the same number share keys and
                         values; `head` where each has its own */
} hp_head;

/*
 * Sets mask[i] = 1 for every head in `text`: LAYER:HEADS separated by white
 * space, HEADS = * or numbers and ranges with commas ("9:3 11:3,7-10 0:*");
 * entries of `mask` that are not named stay. HP_INVALID names the word that is
 * malformed or names no head of the table. An empty list is valid.
 */
HP_CHECKED
hp_status hp_heads_parse(unsigned char *mask, const char *text,
                         const hp_head *heads, size_t n_heads, hp_error *err);
/* 1: some heads share keys and values with others. */
int hp_heads_shared(const hp_head *heads, size_t n_heads);

/*
 * The list form of a mask, heads in model order, "0:1,4 3:2". `*out` is freed
 * by the caller with free().
 */
HP_CHECKED
hp_status hp_heads_format(char **out, const unsigned char *mask,
                          const hp_head *heads, size_t n_heads, hp_error *err);

#ifdef __cplusplus
}
#endif

#endif
