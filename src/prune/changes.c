/*
 * Bands of tensors and the bytes they are. A zero byte is a zero in every
 * floating-point format and a band is whole elements, so the bytes are never
 * interpreted.
 */
#include "prune/changes.h"

#include <stdlib.h>
#include <string.h>

/* ---- slices ---- */

/* 1: a kept head uses the key and value head of `head`. */
static int is_used(const hp__order *o, const hp_block *b, uint32_t head)
{
    uint32_t kv = hp_block_kv_head(b, head);
    for (uint32_t h = 0; h < b->n_heads; h++)
        if (hp_block_kv_head(b, h) == kv && !o->mask[b->first_head + h])
            return 1;
    return 0;
}

static size_t collect(hp_slice *out, const hp__order *o, unsigned roles)
{
    size_t n = 0;
    for (size_t i = 0; i < hp_model_n_heads(o->model); i++) {
        hp_slice s[HP_MAX_SLICES];
        const hp_head *h = &hp_model_heads(o->model)[i];
        const hp_block *b = hp_model_block(o->model, h->block);
        size_t n_slices = o->mask[i] ? hp_model_slices(o->model, i, s) : 0;
        int used = n_slices && is_used(o, b, (uint32_t)(i - b->first_head));
        for (size_t k = 0; k < n_slices; k++) {
            int kv = s[k].role == HP_ROLE_K || s[k].role == HP_ROLE_V;
            if (roles & 1U << s[k].role && !(kv && used))
                out[n++] = s[k];
        }
    }
    return n;
}

static int is_emptied(const hp__order *o, const hp_block *b)
{
    for (uint32_t h = 0; h < b->n_heads; h++)
        if (!o->mask[b->first_head + h])
            return 0;
    return b->n_heads > 0;
}

/* All of a tensor; NULL: nothing. */
static size_t add_whole(hp_slice *out, const hp_tensor *t)
{
    if (t)
        *out = (hp_slice){.tensor = t, .count = t->dims[0]};
    return t != NULL;
}

static size_t collect_columns(hp_slice *out, const hp__order *o,
                              const hp_block *b)
{
    size_t n = 0;
    for (uint32_t h = 0; b->relative.table && h < b->n_heads; h++)
        if (o->mask[b->first_head + h])
            out[n++] = (hp_slice){
                .tensor = b->relative.table, .axis = 1, .start = h, .count = 1};
    return n;
}

static size_t collect_shape(hp_slice *out, const hp__order *o)
{
    size_t n = 0;
    for (size_t i = 0; i < hp_model_n_blocks(o->model); i++) {
        const hp_block *b = hp_model_block(o->model, i);
        n += collect_columns(out + n, o, b);
        if (!is_emptied(o, b))
            continue;
        n += add_whole(out + n, b->q_norm.weight);
        n += add_whole(out + n, b->k_norm.weight);
    }
    return n;
}

hp_status hp__changes_of_heads(hp__edition *out, hp__arena *a,
                               const hp__order *o, unsigned roles,
                               hp_error *err)
{
    hp_slice *slices = NULL;
    size_t room = hp_model_n_heads(o->model) * (HP_MAX_SLICES + 1) +
                  hp_model_n_blocks(o->model) * 2;
    hp_status st = hp__new(&slices, room, sizeof *slices, err);
    if (st)
        return st;
    size_t n = collect(slices, o, roles);
    if (roles & HP__OF_SHAPE)
        n += collect_shape(slices + n, o);
    st = hp__changes_of_slices(out, a, slices, n, err);
    free(slices);
    return st;
}

/* ---- bands ---- */

static uint64_t bytes_per_index(const hp_tensor *t, unsigned axis)
{
    return t->dims[axis] ? t->size / t->dims[axis] : 0;
}

static int by_place(const void *a, const void *b)
{
    const hp_slice *x = a, *y = b;
    if (x->tensor->shard != y->tensor->shard)
        return x->tensor->shard < y->tensor->shard ? -1 : 1;
    if (x->tensor->offset != y->tensor->offset)
        return x->tensor->offset < y->tensor->offset ? -1 : 1;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* Turns the slices of one tensor into bands; returns how many were taken. */
static size_t merge(hp_change *out, uint64_t (*bands)[2], const hp_slice *s,
                    size_t n)
{
    const hp_tensor *t = s->tensor;
    size_t i = 0;
    *out = (hp_change){t, s->axis, 0, (const uint64_t(*)[2])bands, 0};
    for (; i < n && s[i].tensor == t; i++) {
        uint64_t *last = out->n_bands ? bands[out->n_bands - 1] : NULL;
        if (last && last[0] + last[1] > s[i].start)
            continue; /* of a head that shares it */
        if (last && last[0] + last[1] == s[i].start) {
            last[1] += s[i].count;
        } else if (bands) {
            bands[out->n_bands][0] = s[i].start;
            bands[out->n_bands++][1] = s[i].count;
        }
        out->bytes += s[i].count * bytes_per_index(t, s->axis);
    }
    return i;
}

hp_status hp__changes_of_slices(hp__edition *out, hp__arena *a, hp_slice *list,
                                size_t n, hp_error *err)
{
    hp_change *changes;
    uint64_t(*bands)[2];
    hp_status st = hp__arena_alloc(&changes, a, n, sizeof *changes, err);
    if (!st)
        st = hp__arena_alloc(&bands, a, n, sizeof *bands, err);
    if (st)
        return st;
    if (n)
        qsort(list, n, sizeof *list, by_place);
    out->changes = changes;
    out->n_changes = 0;
    for (size_t i = 0; i < n; out->n_changes++)
        i += merge(&changes[out->n_changes], bands + i, list + i, n - i);
    return HP_OK;
}

/* ---- bytes ---- */

hp__stretches hp__stretches_of(const hp__edition *e, uint32_t shard,
                               uint64_t from, uint64_t to)
{
    return (hp__stretches){
        .edition = e, .shard = shard, .from = from, .to = to};
}

/* One row is the elements that follow an index of the axes up to the change's:
 * a band is one run in it, and repeats from row to row. */
typedef struct rows {
    uint64_t inner, size, n; /* bytes of an index, of a row; how many */
} rows;

static rows rows_of(const hp_change *c)
{
    const hp_tensor *t = c->tensor;
    rows r = {.n = 1};
    for (unsigned d = 0; d < c->axis; d++)
        r.n *= t->dims[d];
    r.size = r.n ? t->size / r.n : 0;
    r.inner = t->dims[c->axis] ? r.size / t->dims[c->axis] : 0;
    return r;
}

/* Goes to the first row of the change that reaches into the window; 0: none
 * does. */
static int enter(hp__stretches *s, const hp_change *c)
{
    const hp_tensor *t = c->tensor;
    rows r = rows_of(c);
    if (t->shard != s->shard || t->offset >= s->to ||
        t->offset + t->size <= s->from || !r.size)
        return 0;
    s->row = s->from > t->offset ? (s->from - t->offset) / r.size : 0;
    s->band = 0;
    return 1;
}

int hp__stretches_next(hp__stretches *s, hp__stretch *out)
{
    for (; s->change < s->edition->n_changes; s->change++, s->inside = 0) {
        const hp_change *c = &s->edition->changes[s->change];
        rows r = rows_of(c);
        if (!s->inside && !enter(s, c))
            continue;
        s->inside = 1;
        for (; s->row < r.n; s->row++, s->band = 0) {
            uint64_t row = c->tensor->offset + s->row * r.size;
            if (row >= s->to)
                break;
            while (s->band < c->n_bands) {
                const uint64_t *band = c->bands[s->band++];
                uint64_t at = row + band[0] * r.inner;
                uint64_t end = at + band[1] * r.inner;
                at = at > s->from ? at : s->from;
                end = end < s->to ? end : s->to;
                *out = (hp__stretch){c, at, end - at};
                if (at < end)
                    return 1;
            }
        }
    }
    return 0;
}

uint64_t hp__changes_cut(const hp__edition *e, uint32_t shard)
{
    uint64_t n = 0;
    for (size_t i = 0; e->cut && i < e->n_changes; i++)
        if (e->changes[i].tensor->shard == shard)
            n += e->changes[i].bytes;
    return n;
}
