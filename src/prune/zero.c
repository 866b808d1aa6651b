/*
 * The form "zero": the pruned heads' bands of the output projection become
 * zero bytes, everything else stays. Nothing of a head reaches the rest of the
 * model then, which makes this exact ablation. A zero byte is a zero in every
 * floating-point format, so the bytes are never interpreted.
 */
#include "prune/emit.h"

#include <stdlib.h>
#include <string.h>

static const char *const loads_in[] = {
    "everything that loads the input: names, shapes, dtypes and file layout "
    "are the same",
    NULL};

static hp_status changes(hp__changes *out, hp__arena *a, const hp_model *m,
                         const unsigned char *mask, hp_error *err);

const hp__form hp__form_zero = {
    {"zero", "pruned heads' slices of the output projection become zero"},
    loads_in,
    "same: zeroed weights are stored like any others",
    "same: zeroed heads are computed like any others",
    changes};

static uint64_t elements_per_index(const hp_tensor *t, unsigned axis)
{
    return t->dims[axis] ? t->n_elements / t->dims[axis] : 0;
}

static uint64_t element_size(const hp_tensor *t)
{
    return t->n_elements ? t->size / t->n_elements : 0;
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

/* The output projection's bands of all heads in the mask, in file order. */
static size_t collect(hp_slice *out, const hp_model *m,
                      const unsigned char *mask)
{
    size_t n = 0;
    for (size_t head = 0; head < hp_model_n_heads(m); head++) {
        hp_slice slices[HP_MAX_SLICES];
        size_t n_slices = mask[head] ? hp_model_slices(m, head, slices) : 0;
        for (size_t k = 0; k < n_slices; k++)
            if (slices[k].role == HP_ROLE_O)
                out[n++] = slices[k];
    }
    qsort(out, n, sizeof *out, by_place);
    return n;
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
        if (last && last[0] + last[1] == s[i].start) {
            last[1] += s[i].count;
        } else {
            bands[out->n_bands][0] = s[i].start;
            bands[out->n_bands++][1] = s[i].count;
        }
        out->bytes +=
            s[i].count * elements_per_index(t, s->axis) * element_size(t);
    }
    return i;
}

static hp_status changes(hp__changes *out, hp__arena *a, const hp_model *m,
                         const unsigned char *mask, hp_error *err)
{
    hp_slice *slices = NULL;
    hp_change *list;
    uint64_t(*bands)[2];
    size_t room = hp_model_n_heads(m);
    hp_status st = hp__new(&slices, room, sizeof *slices, err);
    if (st)
        goto done;
    size_t n = collect(slices, m, mask);
    st = hp__arena_alloc(&list, a, n, sizeof *list, err);
    if (!st)
        st = hp__arena_alloc(&bands, a, n, sizeof *bands, err);
    if (st)
        goto done;
    *out = (hp__changes){list, 0};
    for (size_t i = 0; i < n; out->n++)
        i += merge(&list[out->n], bands + i, slices + i, n - i);
done:
    free(slices);
    return st;
}

/* Zeroes what [from, from + len) of the shard has in common with the chunk. */
static void zero_run(unsigned char *bytes, uint64_t at, size_t n, uint64_t from,
                     uint64_t len)
{
    uint64_t to = from + len, end = at + n;
    from = from > at ? from : at;
    to = to < end ? to : end;
    if (from < to)
        memset(bytes + (from - at), 0, (size_t)(to - from));
}

void hp__zero_bytes(unsigned char *bytes, uint64_t at, size_t n,
                    const hp_change *c)
{
    const hp_tensor *t = c->tensor;
    if (t->offset >= at + n || t->offset + t->size <= at)
        return;
    /* One row is the elements that follow an index of the axes up to `axis`:
     * a band is one run in it, and repeats from row to row. */
    uint64_t inner = element_size(t);
    for (unsigned d = c->axis + 1; d < t->n_dims; d++)
        inner *= t->dims[d];
    uint64_t row = inner * t->dims[c->axis];
    uint64_t rows = row ? t->size / row : 0;
    uint64_t first = at > t->offset && row ? (at - t->offset) / row : 0;
    for (uint64_t r = first; r < rows && t->offset + r * row < at + n; r++)
        for (size_t b = 0; b < c->n_bands; b++)
            zero_run(bytes, at, n, t->offset + r * row + c->bands[b][0] * inner,
                     c->bands[b][1] * inner);
}
