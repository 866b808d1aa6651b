/*
 * Weights on their way back: the bytes of the pruned file with those of the
 * undo file between them, in the order of the original header.
 */
#include "io/safetensors.h"
#include "prune/changes.h"
#include "prune/restoring.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX ((uint64_t)100000008)

/* The undo file's tensor of a change, and bytes of it that were used. */
typedef struct source {
    const hp_tensor *bytes;
    uint64_t taken;
} source;

/* One file of weights on its way back. */
typedef struct weights {
    const hp__restoring *w;
    hp__file pruned;
    uint64_t at; /* in the pruned file */
    hp__tensors tensors;
    hp__edition edition; /* of the original's tensors */
    source *sources;     /* [changes] */
    char *header;        /* [header_len] of the original */
    size_t header_len;
    uint64_t size; /* of the original */
} weights;

static hp_status read_header(weights *f, const hp__restored *e, hp_error *err)
{
    const hp_tensor *t = hp__undo_part(f->w, HP__UNDO_HEADER, e->pruned);
    char start[HP__SAFETENSORS_START] = {0};
    uint64_t n = f->pruned.size < sizeof start ? f->pruned.size : sizeof start;
    size_t len = 0;
    hp_status st = hp__file_read(&f->pruned, 0, start, n, err);
    if (!st)
        st = hp__safetensors_length(&len, start, f->pruned.size, err);
    if (st)
        return st;
    f->at = 8 + len; /* its data */
    f->header_len = t && t->size ? (size_t)t->size : 8 + len;
    if (f->header_len < 8 || f->header_len > HEADER_MAX)
        return hp__undo_damaged(f->w, "a header is too long", err);
    st = hp__new(&f->header, f->header_len, 1, err);
    if (st)
        return st;
    return t && t->size
               ? hp_checkpoint_read(f->w->undo, t, 0, t->size, f->header, err)
               : hp__file_read(&f->pruned, 0, f->header, f->header_len, err);
}

static hp_status read_bands(hp_change *c, hp__arena *a, const hp__restoring *w,
                            const hp__node *list, hp_error *err)
{
    uint64_t(*bands)[2] = NULL, end = 0, indices = 0;
    hp_status st =
        hp__arena_alloc(&bands, a, hp__node_count(list), sizeof *bands, err);
    for (const hp__node *n = hp__node_first(list); n && !st;
         n = hp__node_next(n), c->n_bands++) {
        const hp__node *first = hp__node_first(n);
        const hp__node *count = first ? hp__node_next(first) : NULL;
        if (!count || hp__node_kind(first) != HP__NUMBER ||
            hp__node_kind(count) != HP__NUMBER ||
            !(hp__node_number(first) >= (double)end) ||
            !(hp__node_number(count) >= 1) ||
            !(hp__node_number(first) + hp__node_number(count) <=
              (double)c->tensor->dims[c->axis]))
            return hp__undo_damaged(w, "bands are not in the tensor", err);
        bands[c->n_bands][0] = (uint64_t)hp__node_number(first);
        bands[c->n_bands][1] = (uint64_t)hp__node_number(count);
        end = bands[c->n_bands][0] + bands[c->n_bands][1];
        indices += bands[c->n_bands][1];
    }
    c->bands = (const uint64_t(*)[2])bands;
    if (!st)
        c->bytes = c->tensor->size / c->tensor->dims[c->axis] * indices;
    return st;
}

static const hp_tensor *find_tensor(const hp__tensors *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->list[i].name, name) == 0)
            return &all->list[i];
    return NULL;
}

static hp_status read_change(weights *f, hp_change *c, const hp__node *n,
                             hp_error *err)
{
    const char *name = NULL;
    uint32_t axis = 0;
    size_t i = f->edition.n_changes;
    hp_status st = hp__node_get_string(&name, n, "tensor", err);
    if (!st)
        st = hp__node_get_u32(&axis, n, "axis", err);
    if (st)
        return hp__undo_fail(f->w, st, err);
    *c = (hp_change){.tensor = find_tensor(&f->tensors, name), .axis = axis};
    if (!c->tensor || axis >= c->tensor->n_dims || !c->tensor->dims[axis])
        return hp__undo_damaged(f->w, "a change is of no tensor", err);
    const hp__node *bands = hp__node_find(n, "bands");
    if (!bands || hp__node_kind(bands) != HP__ARRAY)
        return hp__undo_damaged(f->w, "a change has no bands", err);
    st = read_bands(c, &f->w->r->arena, f->w, bands, err);
    f->sources[i].bytes = hp__undo_part(f->w, HP__UNDO_BYTES, name);
    if (!st && (!f->sources[i].bytes || f->sources[i].bytes->size != c->bytes))
        st = hp__undo_damaged(f->w, "a tensor's bytes are missing", err);
    return st;
}

static int by_offset(const void *a, const void *b)
{
    const hp_change *x = a, *y = b;
    return (x->tensor->offset > y->tensor->offset) -
           (x->tensor->offset < y->tensor->offset);
}

/* The changes of this file, in the order of its bytes. */
static hp_status read_changes(weights *f, const hp__restored *e, hp_error *err)
{
    hp_change *list = NULL;
    hp__arena *a = &f->w->r->arena;
    size_t room = hp__node_count(f->w->changes);
    hp_status st = hp__arena_alloc(&list, a, room, sizeof *list, err);
    if (!st)
        st = hp__arena_alloc(&f->sources, a, room, sizeof *f->sources, err);
    for (const hp__node *n = hp__node_first(f->w->changes); n && !st;
         n = hp__node_next(n)) {
        const char *file = NULL;
        st = hp__node_get_string(&file, n, "file", err);
        if (st || strcmp(file, e->pruned) != 0)
            continue;
        st = read_change(f, &list[f->edition.n_changes], n, err);
        f->edition.n_changes++;
    }
    f->edition.changes = list;
    for (size_t i = 1; i < f->edition.n_changes && !st; i++)
        if (by_offset(&list[i - 1], &list[i]) >= 0)
            st = hp__undo_damaged(f->w, "changes are not in file order", err);
    return st;
}

/* Bytes of the undo file that were cut out of this one. */
static hp_status count_cut(uint64_t *out, const hp__restoring *w,
                           const hp__restored *e, hp_error *err)
{
    hp_status st = HP_OK;
    *out = 0;
    for (const hp__node *n = hp__node_first(w->changes); n && w->removed && !st;
         n = hp__node_next(n)) {
        const char *file = NULL, *name = NULL;
        st = hp__node_get_string(&file, n, "file", err);
        if (!st)
            st = hp__node_get_string(&name, n, "tensor", err);
        if (st || strcmp(file, e->pruned) != 0)
            continue;
        const hp_tensor *t = hp__undo_part(w, HP__UNDO_BYTES, name);
        *out += t ? t->size : 0;
    }
    return st ? hp__undo_fail(w, st, err) : st;
}

static hp_status open_weights(weights *f, const hp__restored *e, hp_error *err)
{
    const char *path;
    uint64_t cut = 0;
    hp_status st = hp__open_pruned(&f->pruned, &path, f->w, e, err);
    if (!st)
        st = read_header(f, e, err);
    if (!st)
        st = count_cut(&cut, f->w, e, err);
    f->size = f->header_len + (f->pruned.size - f->at) + cut;
    if (!st)
        st =
            hp__safetensors_tensors(&f->tensors, &f->w->r->arena, f->header + 8,
                                    f->header_len - 8, f->size, err);
    return st ? st : read_changes(f, e, err);
}

static hp_status pull(weights *f, unsigned char *to, uint64_t n, hp_error *err)
{
    hp_status st = hp__file_read(&f->pruned, f->at, to, n, err);
    f->at += n;
    return st;
}

/* Bytes [at, at + n) of the original into the chunk. */
static hp_status fill(weights *f, uint64_t at, size_t n, hp_error *err)
{
    unsigned char *chunk = f->w->r->chunk;
    uint64_t from = at;
    hp_status st = HP_OK;
    hp__stretch s;
    hp__stretches all = hp__stretches_of(&f->edition, 0, at, at + n);
    while (!st && hp__stretches_next(&all, &s)) {
        size_t i = (size_t)(s.change - f->edition.changes);
        st = pull(f, chunk + (from - at), s.at - from, err);
        if (!st)
            st = hp_checkpoint_read(f->w->undo, f->sources[i].bytes,
                                    f->sources[i].taken, s.len,
                                    chunk + (s.at - at), err);
        f->sources[i].taken += s.len;
        from = s.at + s.len;
        if (!f->w->removed)
            f->at += s.len; /* zeros stand there */
    }
    return st ? st : pull(f, chunk + (from - at), at + n - from, err);
}

/* Tensors that were refitted are kept whole. */
static hp_status put_back(const weights *f, uint64_t at, size_t n,
                          hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i < f->tensors.n && !st; i++) {
        const hp_tensor *t = &f->tensors.list[i];
        uint64_t from = t->offset > at ? t->offset : at;
        uint64_t end = t->offset + t->size;
        uint64_t to = end < at + n ? end : at + n;
        const hp_tensor *whole =
            from < to ? hp__undo_part(f->w, HP__UNDO_REPLACED, t->name) : NULL;
        if (whole && whole->size == t->size)
            st = hp_checkpoint_read(f->w->undo, whole, from - t->offset,
                                    to - from, f->w->r->chunk + (from - at),
                                    err);
    }
    return st;
}

hp_status hp__restore_weights(hp__sink *s, const hp__restoring *w,
                              const hp__restored *e, hp_error *err)
{
    weights f = {.w = w, .pruned = {.fd = -1}};
    hp_status st = open_weights(&f, e, err);
    if (!st)
        st = hp__sink_write(s, w->r, f.header, f.header_len, err);
    for (uint64_t at = f.header_len; at < f.size && !st;) {
        uint64_t n = f.size - at;
        n = n < HP__WRITE_CHUNK ? n : HP__WRITE_CHUNK;
        st = fill(&f, at, (size_t)n, err);
        if (!st)
            st = put_back(&f, at, (size_t)n, err);
        if (!st)
            st = hp__sink_write(s, w->r, w->r->chunk, (size_t)n, err);
        at += n;
    }
    hp__file_close(&f.pruned);
    free(f.header);
    return st;
}
