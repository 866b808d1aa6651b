#ifndef HEADPRUNE_TEXT_BPE_H
#define HEADPRUNE_TEXT_BPE_H

#include "text/subword.h"

/* The merges of a BPE model: a table from pairs of ids, a third of it free. */
struct hp__merge {
    int32_t left, right, id;
    uint32_t rank; /* 1 + rank; 0: a free slot */
};

/* Where the search for a pair begins. */
static inline struct hp__merge *hp__merge_first(const hp__subword *m,
                                                int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint64_t hash = key * UINT64_C(0x9E3779B97F4A7C15);
    return &m->merges[(size_t)(hash >> 32) & m->merge_mask];
}

/* The merge of the pair, or the free slot where it would go. */
static inline struct hp__merge *hp__merge_slot(const hp__subword *m,
                                               int32_t left, int32_t right)
{
    size_t slot = (size_t)(hp__merge_first(m, left, right) - m->merges);
    while (m->merges[slot].rank &&
           (m->merges[slot].left != left || m->merges[slot].right != right))
        slot = (slot + 1) & m->merge_mask;
    return &m->merges[slot];
}

hp_status hp__bpe_encode(const hp__subword *m, hp__word *w, hp_error *err);

#endif
