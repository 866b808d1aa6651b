/* Reads redundancy/1: of the blocks their heads and what supplies them; pairs
 * and groups follow from these and are not read. */
#include "base/arena.h"
#include "document/document_parts.h"
#include "document/read_parts.h"
#include "model/info.h"

#include <math.h>

enum { MOST_HEADS = 4096 };

typedef struct draft {
    hp_redundancy *r;
    hp__arena *a;
} draft;

static hp_status read_head(hp_redundant_head *out, hp_head *head,
                           const draft *d, const hp__node *n, hp_error *err)
{
    out->group = UINT32_MAX;
    hp_status st = hp__read_text(&head->id, d->a, n, "id", err);
    if (!st)
        st = hp__node_get_double(&out->energy, n, "energy", err);
    if (!st)
        st = hp__node_get_double(&out->cost, n, "cost", err);
    return st ? st : hp__node_get_double(&out->predicted, n, "predicted", err);
}

static hp_status read_heads(hp_redundant_block *b, const draft *d,
                            const hp__node *list, const hp_head *block,
                            hp_error *err)
{
    hp_redundant_head *at = NULL;
    hp_head *heads = NULL;
    size_t i = 0;
    hp_status st = hp__arena_alloc(&at, d->a, b->n_heads, sizeof *at, err);
    if (!st)
        st = hp__arena_alloc(&heads, d->a, b->n_heads, sizeof *heads, err);
    for (const hp__node *n = hp__node_first(list); n && !st;
         n = hp__node_next(n), i++) {
        heads[i] = *block;
        heads[i].head = (uint32_t)i;
        st = hp__within(err, read_head(&at[i], &heads[i], d, n, err), "heads",
                        i);
    }
    b->at = at;
    b->heads = heads;
    return st;
}

static hp_status read_row(double *out, const hp__node *row, size_t n,
                          hp_error *err)
{
    size_t k = 0;
    if (hp__node_kind(row) != HP__ARRAY || hp__node_count(row) != n)
        return hp_fail(err, HP_FORMAT, "not an array of %zu numbers", n);
    for (const hp__node *x = hp__node_first(row); x; x = hp__node_next(x)) {
        double value =
            hp__node_kind(x) == HP__NUMBER ? hp__node_number(x) : (double)NAN;
        if (!isfinite(value))
            return hp_fail(err, HP_FORMAT, "element %zu is no number", k);
        out[k++] = value;
    }
    return HP_OK;
}

static hp_status read_supplied(hp_redundant_block *b, const draft *d,
                               const hp__node *block, hp_error *err)
{
    const hp__node *list;
    double *supplied = NULL;
    size_t n = b->n_heads, i = 0;
    hp_status st = hp__node_get_array(&list, block, "supplied", err);
    if (!st && hp__node_count(list) != n)
        st = hp_fail(err, HP_FORMAT, "key 'supplied' has %zu rows, not %zu",
                     hp__node_count(list), n);
    if (!st)
        st = hp__arena_alloc(&supplied, d->a, n * n, sizeof *supplied, err);
    if (st)
        return st;
    for (const hp__node *row = hp__node_first(list); row && !st;
         row = hp__node_next(row), i++)
        st = hp__within(err, read_row(supplied + i * n, row, n, err),
                        "supplied", i);
    b->supplied = supplied;
    return st;
}

static hp_status read_block(hp_redundant_block *b, const draft *d,
                            const hp__node *n, hp_error *err)
{
    const hp__node *list;
    hp_head block = {0};
    hp_status st = hp__read_text(&block.name, d->a, n, "name", err);
    if (!st)
        st = hp__node_get_u32(&block.block, n, "block", err);
    if (!st)
        st = hp__node_get_u32(&block.layer, n, "layer", err);
    if (!st)
        st = hp__node_get_array(&list, n, "heads", err);
    if (st)
        return st;
    b->n_heads = hp__node_count(list);
    if (!b->n_heads || b->n_heads > MOST_HEADS)
        return hp_fail(err, HP_FORMAT, "a block of %zu heads", b->n_heads);
    st = read_heads(b, d, list, &block, err);
    return st ? st : read_supplied(b, d, n, err);
}

static hp_status read_blocks(draft *d, const hp__node *root, hp_error *err)
{
    const hp__node *list;
    hp_redundant_block *blocks = NULL;
    hp_status st = hp__node_get_array(&list, root, "blocks", err);
    if (!st)
        st = hp__arena_alloc(&blocks, d->a, hp__node_count(list),
                             sizeof *blocks, err);
    if (st)
        return st;
    d->r->blocks = blocks;
    for (const hp__node *n = hp__node_first(list); n && !st;
         n = hp__node_next(n)) {
        size_t i = d->r->n_blocks++;
        st = hp__within(err, read_block(&blocks[i], d, n, err), "blocks", i);
    }
    return st;
}

hp_status hp__read_redundancy(hp_redundancy **out, const hp__node *root,
                              hp_error *err)
{
    draft d = {0};
    hp_status st = hp__redundancy_new(&d.r, &d.a, err);
    if (!st)
        st = hp__read_schema(root, HP__REDUNDANCY_SCHEMA, NULL, err);
    if (!st)
        st = hp__read_model(&d.r->model, d.a, root, err);
    if (!st)
        st = hp__read_calibration(&d.r->has_calibration, &d.r->calibration, d.a,
                                  root, err);
    if (!st)
        st = hp__node_get_double(&d.r->damping, root, "damping", err);
    if (!st)
        st = hp__node_get_double(&d.r->threshold, root, "threshold", err);
    if (!st)
        st = read_blocks(&d, root, err);
    if (st)
        hp_redundancy_free(d.r);
    else
        *out = d.r;
    return st;
}
