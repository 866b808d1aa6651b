/* Headers and indexes of checkpoints that bands are cut out of. */
#include "prune/cut.h"
#include "io/json_edit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ALIGNMENT 8U

static const hp_change *change_of(const hp_tensor *t, const hp__edition *e)
{
    for (size_t i = 0; e->cut && i < e->n_changes; i++)
        if (e->changes[i].tensor == t)
            return &e->changes[i];
    return NULL;
}

static uint64_t cut_indices(const hp_change *c)
{
    uint64_t n = 0;
    for (size_t i = 0; c && i < c->n_bands; i++)
        n += c->bands[i][1];
    return n;
}

hp__rest hp__rest_of(const hp_tensor *t, const hp__edition *e)
{
    const hp_change *c = change_of(t, e);
    hp__rest rest = {t->size, t->n_elements, 0};
    uint64_t cut = cut_indices(c);
    if (!cut)
        return rest;
    rest.bytes -= c->bytes;
    rest.elements -= t->n_elements / t->dims[c->axis] * cut;
    rest.gone = cut == t->dims[c->axis];
    return rest;
}

/* ---- header ---- */

typedef struct header {
    const hp_checkpoint *c;
    const hp__edition *e;
    uint32_t shard;
    uint64_t *begin;         /* [tensors of c] of the data, in the new file */
    const hp_tensor *tensor; /* whose entry is edited */
} header;

static hp_status edit_field(hp__fate *fate, hp__buffer *value,
                            const hp__member *m, void *payload, hp_error *err)
{
    const header *h = payload;
    const hp_tensor *t = h->tensor;
    const hp_change *c = change_of(t, h->e);
    uint64_t begin = h->begin[t - hp_checkpoint_tensor(h->c, 0)];
    (void)err;
    if (hp__scan_is(m->key, "data_offsets")) {
        hp__buffer_printf(value, "[%" PRIu64 ",%" PRIu64 "]", begin,
                          begin + hp__rest_of(t, h->e).bytes);
        *fate = HP__REPLACE;
    } else if (c && hp__scan_is(m->key, "shape")) {
        for (unsigned d = 0; d < t->n_dims; d++)
            hp__buffer_printf(value, "%s%" PRIu64, d ? "," : "[",
                              t->dims[d] - (d == c->axis ? cut_indices(c) : 0));
        hp__buffer_text(value, "]");
        *fate = HP__REPLACE;
    }
    return HP_OK;
}

/* The tensor of a key; NULL when memory is short. */
static const hp_tensor *find_tensor(const hp_checkpoint *c, hp__span key)
{
    char *name = NULL;
    const hp_tensor *t = NULL;
    if (hp__new(&name, key.len + 1, 1, NULL))
        return NULL;
    name[hp__scan_decode(name, key.len, key)] = '\0';
    t = hp_checkpoint_find(c, name);
    free(name);
    return t;
}

static hp_status edit_entry(hp__fate *fate, hp__buffer *value,
                            const hp__member *m, void *payload, hp_error *err)
{
    header *h = payload;
    const hp__json_editor fields = {
        .member = edit_field, .payload = h, .name = "header"};
    if (hp__scan_is(m->key, "__metadata__"))
        return HP_OK;
    h->tensor = find_tensor(h->c, m->key);
    if (!h->tensor)
        return hp_fail(err, HP_NOMEM, "out of memory (header)");
    if (hp__rest_of(h->tensor, h->e).gone) {
        *fate = HP__DROP;
        return HP_OK;
    }
    *fate = HP__REPLACE;
    return hp__json_edit(value, m->at, m->len, &fields, err);
}

/* Where every tensor of the shard begins when those before it are shorter. */
static hp_status place_tensors(header *h, hp_error *err)
{
    size_t n = hp_checkpoint_n_tensors(h->c);
    uint64_t at = 0;
    hp_status st = hp__new(&h->begin, n, sizeof *h->begin, err);
    for (size_t i = 0; i < n && !st; i++) {
        const hp_tensor *t = hp_checkpoint_tensor(h->c, i);
        if (t->shard != h->shard)
            continue;
        h->begin[i] = at;
        at += hp__rest_of(t, h->e).bytes;
    }
    return st;
}

/* Padding as the reference writer has it, and the length in front. */
static void finish_header(hp__buffer *b)
{
    while (b->len > 8 && b->data[b->len - 1] == ' ')
        b->len--;
    while (b->len % ALIGNMENT && !b->failed)
        hp__buffer_text(b, " ");
    for (unsigned i = 0; i < 8 && !b->failed; i++)
        b->data[i] = (char)((b->len - 8) >> 8 * i & 255);
}

/* Hands the bytes of a buffer to the arena. */
static hp_status keep(hp__text *out, hp__arena *a, hp__buffer *b, hp_status st,
                      hp_error *err)
{
    char *copy = NULL;
    if (!st && b->failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (%zu bytes)", b->len);
    if (!st)
        st = hp__arena_copy(&copy, a, b->data, b->len, err);
    *out = (hp__text){copy, b->len};
    hp__buffer_clear(b);
    return st;
}

hp_status hp__cut_header(hp__text *out, hp__arena *a, const hp_checkpoint *c,
                         uint32_t shard, const hp__edition *e, hp_error *err)
{
    static const char prefix[8] = {0};
    header h = {.c = c, .e = e, .shard = shard};
    const hp__json_editor entries = {
        .member = edit_entry, .payload = &h, .name = "header"};
    hp__buffer b = {0};
    char *text = NULL;
    size_t n = (size_t)hp_checkpoint_shard(c, shard)->data_offset - 8;
    hp_status st = hp__new(&text, n, 1, err);
    if (!st)
        st = hp_checkpoint_read_shard(c, shard, 8, n, text, err);
    if (!st)
        st = place_tensors(&h, err);
    hp__buffer_add(&b, prefix, sizeof prefix);
    if (!st)
        st = hp__json_edit(&b, text, n, &entries, err);
    finish_header(&b);
    free(h.begin);
    free(text);
    return keep(out, a, &b, st, err);
}

/* ---- index ---- */

typedef struct index_sizes {
    const hp_checkpoint *c;
    const hp__edition *e;
    uint64_t bytes, elements;
    int has_metadata;
    char total[64];
    hp__new_member added;
} index_sizes;

static hp_status edit_metadata(hp__fate *fate, hp__buffer *value,
                               const hp__member *m, void *payload,
                               hp_error *err)
{
    const index_sizes *x = payload;
    int size = hp__scan_is(m->key, "total_size");
    (void)err;
    if (m->token != 'n' || !(size || hp__scan_is(m->key, "total_parameters")))
        return HP_OK;
    hp__buffer_printf(value, "%" PRIu64, size ? x->bytes : x->elements);
    *fate = HP__REPLACE;
    return HP_OK;
}

static hp_status edit_map(hp__fate *fate, hp__buffer *value,
                          const hp__member *m, void *payload, hp_error *err)
{
    const index_sizes *x = payload;
    const hp_tensor *t = find_tensor(x->c, m->key);
    (void)value;
    if (!t)
        return hp_fail(err, HP_NOMEM, "out of memory (index)");
    if (hp__rest_of(t, x->e).gone)
        *fate = HP__DROP;
    return HP_OK;
}

static hp_status edit_index(hp__fate *fate, hp__buffer *value,
                            const hp__member *m, void *payload, hp_error *err)
{
    index_sizes *x = payload;
    hp__json_editor inner = {.payload = x, .name = "index"};
    if (hp__scan_is(m->key, "metadata")) {
        x->has_metadata = 1;
        inner.member = edit_metadata;
    } else if (hp__scan_is(m->key, "weight_map")) {
        inner.member = edit_map;
    }
    if (!inner.member || m->token != '{')
        return HP_OK;
    *fate = HP__REPLACE;
    return hp__json_edit(value, m->at, m->len, &inner, err);
}

/* Loaders need the object. */
static hp_status add_metadata(const hp__new_member **list, size_t *n,
                              void *payload, hp_error *err)
{
    index_sizes *x = payload;
    (void)err;
    (void)snprintf(x->total, sizeof x->total, "{\"total_size\": %" PRIu64 "}",
                   x->bytes);
    x->added = (hp__new_member){"metadata", x->total};
    *list = &x->added;
    *n = !x->has_metadata;
    return HP_OK;
}

hp_status hp__cut_index(hp__text *out, hp__arena *a, hp__text text,
                        const hp_checkpoint *c, const hp__edition *e,
                        hp_error *err)
{
    index_sizes x = {.c = c, .e = e};
    const hp__json_editor top = {.member = edit_index,
                                 .payload = &x,
                                 .finish = add_metadata,
                                 .name = "index"};
    hp__buffer b = {0};
    for (size_t i = 0; i < hp_checkpoint_n_tensors(c); i++) {
        hp__rest rest = hp__rest_of(hp_checkpoint_tensor(c, i), e);
        x.bytes += rest.bytes;
        x.elements += rest.elements;
    }
    return keep(out, a, &b, hp__json_edit(&b, text.bytes, text.len, &top, err),
                err);
}
