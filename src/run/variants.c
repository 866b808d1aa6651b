/*
 * Which variants can share states: every variant takes the earlier one whose
 * mask agrees with its own for the most layers as its parent.
 */
#include "run/variants.h"
#include "base/arena.h"
#include "model/graph.h"

#include <stdlib.h>

static int is_masked(const unsigned char *mask, size_t head)
{
    return mask && mask[head];
}

static int differ(const hp_block *block, const unsigned char *a,
                  const unsigned char *b)
{
    for (size_t h = 0; h < block->n_heads; h++)
        if (is_masked(a, block->first_head + h) !=
            is_masked(b, block->first_head + h))
            return 1;
    return 0;
}

/* The first layer where two masks differ; the number of layers: nowhere. */
static uint32_t parting(const hp_model *m, const unsigned char *a,
                        const unsigned char *b)
{
    for (uint32_t i = 0; i < m->spec.n_layers; i++) {
        const hp_block *block = &m->blocks[m->layers[i].first_block];
        for (uint32_t j = 0; j < m->layers[i].n_blocks; j++)
            if (differ(&block[j], a, b))
                return i;
    }
    return m->spec.n_layers;
}

/* The parent has a state of its own when the variant begins: any that began
 * later would have been no better than its own parent, which comes first. */
static void find_parent(hp__variants *v, size_t i, const hp_model *m)
{
    hp__variant *own = &v->at[i];
    for (size_t p = 0; p < i; p++) {
        uint32_t layer = parting(m, own->mask, v->at[p].mask);
        if (p && layer <= own->begin)
            continue;
        own->begin = layer;
        own->parent = p;
    }
    /* Copies of one layer are made side by side, so none is of another. */
    while (own->parent && v->at[own->parent].begin == own->begin)
        own->parent = v->at[own->parent].parent;
}

hp_status hp__variants_open(hp__variants *out, const hp_model *m,
                            const unsigned char *const *masks, size_t n,
                            hp_error *err)
{
    out->n = n ? n : 1;
    hp_status st = hp__new(&out->at, out->n, sizeof *out->at, err);
    for (size_t i = 0; i < out->n && !st; i++) {
        out->at[i].mask = n && masks ? masks[i] : NULL;
        if (i)
            find_parent(out, i, m);
    }
    return st;
}

void hp__variants_close(hp__variants *v)
{
    free(v->at);
}

uint32_t hp__variant_begin(const hp__variants *v, size_t i)
{
    return v->at[i].begin;
}

size_t hp__variant_owner(const hp__variants *v, size_t i, uint32_t layer)
{
    while (i && v->at[i].begin > layer)
        i = v->at[i].parent;
    return i;
}

uint64_t hp__variants_layers(const hp__variants *v, uint32_t first,
                             uint32_t end)
{
    uint64_t total = 0;
    for (size_t i = 0; i < v->n; i++) {
        uint32_t begin = v->at[i].begin > first ? v->at[i].begin : first;
        total += begin < end ? end - begin : 0;
    }
    return total;
}
