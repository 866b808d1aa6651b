/*
 * Finds tensors by name under the prefix that the file uses and checks them.
 * All messages about missing and misshapen tensors are written here.
 */
#include "model/bind.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_NOTES 16

hp_status hp__binder_init(hp__binder *b, hp_model *m, hp_error *err)
{
    b->m = m;
    b->err = err;
    b->prefix = b->other = "";
    b->room = hp_checkpoint_n_tensors(m->checkpoint);
    hp_status st =
        hp__arena_alloc(&b->used, &m->arena, b->room, sizeof *b->used, err);
    if (!st)
        st = hp__arena_alloc(&m->notes, &m->arena, MAX_NOTES, sizeof *m->notes,
                             err);
    return st;
}

/* `st` of a failure that is about the tensors, not about config.json. */
static void fail_tensors(hp__binder *b, hp_status st)
{
    b->status = hp_fail_file(b->err, st, hp_checkpoint_path(b->m->checkpoint));
}

void hp__bind_scope(hp__binder *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(b->scope, sizeof b->scope, fmt, args);
    va_end(args);
    b->outside = 0;
}

void hp__bind_outside(hp__binder *b, const char *text)
{
    (void)snprintf(b->scope, sizeof b->scope, "%s", text);
    b->outside = 1;
}

/* Names are made of our own patterns and always fit. */
typedef struct full_name {
    char text[320];
} full_name;

static full_name name_of(const hp__binder *b, const char *prefix,
                         const char *name)
{
    full_name full;
    (void)snprintf(full.text, sizeof full.text, "%s%s%s",
                   b->outside ? "" : prefix, b->scope, name);
    return full;
}

const hp_tensor *hp__bind_find(hp__binder *b, const char *name)
{
    if (b->status)
        return NULL;
    const hp_checkpoint *c = b->m->checkpoint;
    full_name own = name_of(b, b->prefix, name);
    full_name twin = name_of(b, b->other, name);
    const hp_tensor *t = hp_checkpoint_find(c, own.text);
    if (t && !b->outside && hp_checkpoint_find(c, twin.text)) {
        fail_tensors(b, hp_fail(b->err, HP_FORMAT,
                                "tensors '%s' and '%s' are the same weight "
                                "under two names",
                                own.text, twin.text));
        return NULL;
    }
    return t;
}

static void shape_text(char *out, size_t size, const uint64_t *dims,
                       unsigned n_dims)
{
    size_t len = (size_t)snprintf(out, size, "[");
    for (unsigned i = 0; i < n_dims && len + 24 < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%llu", i ? ", " : "",
                                (unsigned long long)dims[i]);
    (void)snprintf(out + len, size - len, "]");
}

static void check_shape(hp__binder *b, const hp_tensor *t, uint64_t rows,
                        uint64_t cols)
{
    const uint64_t want[2] = {rows, cols};
    unsigned n = cols ? 2 : 1;
    if (t->n_dims == n && t->dims[0] == rows && (!cols || t->dims[1] == cols))
        return;
    char is[160], expected[64];
    shape_text(is, sizeof is, t->dims, t->n_dims);
    shape_text(expected, sizeof expected, want, n);
    hp_status st =
        hp_fail(b->err, HP_FORMAT, "tensor '%s': shape %s, expected %s",
                t->name, is, expected);
    if (b->layer_pruned)
        st = hp_fail_hint(b->err, st,
                          "config.json says that %u of the %u heads of this "
                          "layer are gone",
                          (unsigned)b->layer_pruned,
                          (unsigned)b->m->spec.n_heads);
    fail_tensors(b, st);
}

/* Floats of eight bits, of which a zero byte is a zero: heads can be silenced
 * and removed, but nothing is computed. */
static int is_opaque(const hp_tensor *t)
{
    return t->dtype == HP_DTYPE_OTHER &&
           (strncmp(t->dtype_name, "F8_E4M3", 7) == 0 ||
            strncmp(t->dtype_name, "F8_E5M2", 7) == 0);
}

static const hp_tensor *take(hp__binder *b, const hp_tensor *t, uint64_t rows,
                             uint64_t cols)
{
    check_shape(b, t, rows, cols);
    if (is_opaque(t) && !b->m->opaque)
        b->m->opaque = t;
    else if (!b->status && t->dtype == HP_DTYPE_OTHER && !is_opaque(t))
        fail_tensors(b, hp_fail(b->err, HP_FORMAT,
                                "tensor '%s': dtype %s, expected F32, F16, "
                                "BF16 or F64",
                                t->name, t->dtype_name));
    if (b->status)
        return NULL;
    if (b->n_used < b->room)
        b->used[b->n_used++].tensor = t;
    return t;
}

static void fail_missing(hp__binder *b, const char *name)
{
    if (!b->status)
        fail_tensors(b, hp_fail(b->err, HP_FORMAT, "tensor '%s' is missing",
                                name_of(b, b->prefix, name).text));
}

const hp_tensor *hp__bind_tensor(hp__binder *b, const char *name, uint64_t rows,
                                 uint64_t cols)
{
    const hp_tensor *t = hp__bind_find(b, name);
    if (t)
        return take(b, t, rows, cols);
    fail_missing(b, name);
    return NULL;
}

/* NAME + `ending`, or NAME + `old` where the file has that. */
static const hp_tensor *bind_either(hp__binder *b, const char *name,
                                    const char *ending, const char *old,
                                    uint64_t rows)
{
    char usual[128], older[128];
    (void)snprintf(usual, sizeof usual, "%s%s", name, ending);
    (void)snprintf(older, sizeof older, "%s%s", name, old);
    const hp_tensor *t = hp__bind_find(b, older);
    if (t && hp__bind_find(b, usual))
        fail_tensors(b, hp_fail(b->err, HP_FORMAT,
                                "tensors '%s' and '%s' are the same weight "
                                "under two names",
                                name_of(b, b->prefix, usual).text, t->name));
    return hp__bind_tensor(b, t ? older : usual, rows, 0);
}

hp_norm_weights hp__bind_norm(hp__binder *b, const char *name, uint64_t width)
{
    hp_norm_weights n = {.weight =
                             bind_either(b, name, ".weight", ".gamma", width),
                         .bias = bind_either(b, name, ".bias", ".beta", width)};
    return n;
}

hp_norm_weights hp__bind_rms(hp__binder *b, const char *name, uint64_t width)
{
    char weight[128];
    (void)snprintf(weight, sizeof weight, "%s.weight", name);
    return (hp_norm_weights){.weight = hp__bind_tensor(b, weight, width, 0)};
}

/* A tensor that a block without heads has no use for. */
static void refuse_left(hp__binder *b, const char *name)
{
    const hp_tensor *t = hp__bind_find(b, name);
    if (t)
        fail_tensors(b, hp_fail(b->err, HP_FORMAT,
                                "tensor '%s': config.json says that no head of "
                                "this layer is left",
                                t->name));
}

hp_linear hp__bind_matrix(hp__binder *b, const char *name, hp__layout layout,
                          uint64_t n_in, uint64_t n_out)
{
    char weight[128];
    int turned = layout == HP__IN_OUT;
    hp_linear l = {.out_axis = turned ? 1 : 0, .count = n_out, .n_in = n_in};
    (void)snprintf(weight, sizeof weight, "%s.weight", name);
    if (!n_in || !n_out)
        refuse_left(b, weight);
    else
        l.weight = hp__bind_tensor(b, weight, turned ? n_in : n_out,
                                   turned ? n_out : n_in);
    return l;
}

hp_linear hp__bind_linear(hp__binder *b, const char *name, hp__layout layout,
                          uint64_t n_in, uint64_t n_out)
{
    char bias[128];
    (void)snprintf(bias, sizeof bias, "%s.bias", name);
    hp_linear l = hp__bind_matrix(b, name, layout, n_in, n_out);
    if (n_out)
        l.bias = hp__bind_tensor(b, bias, n_out, 0);
    else
        refuse_left(b, bias);
    return l;
}

hp_linear hp__linear_part(hp_linear whole, uint64_t first, uint64_t count,
                          uint64_t stride)
{
    whole.first += first;
    whole.count = count;
    whole.head_stride = stride;
    return whole;
}

/* Numbers of the heads of a block that are left, as the original counts. */
typedef struct left {
    const uint32_t (*gone)[2]; /* [n] of layer, head */
    size_t n, at;
    uint32_t next;
} left;

static uint32_t next_left(left *l)
{
    while (l->at < l->n && l->gone[l->at][1] == l->next) {
        l->at++;
        l->next++;
    }
    return l->next++;
}

/* The heads of `layer` that config.json says are gone. */
static left take_gone(hp__binder *b, uint32_t layer)
{
    size_t i = b->at_pruned;
    while (i < b->pruned.n && b->pruned.heads[i][0] == layer)
        i++;
    left l = {.n = i - b->at_pruned};
    if (l.n)
        l.gone = b->pruned.heads + b->at_pruned;
    b->layer_pruned = (uint32_t)l.n;
    b->at_pruned = i;
    return l;
}

/*
 * Key and value heads stay as long as one of their query heads does. Where
 * equally many are left of each, the block is like any other with fewer heads.
 */
static hp_status share_kv(hp_block *block, hp__arena *a, const hp_spec *s,
                          left l, hp_error *err)
{
    uint32_t group = s->n_heads / s->n_kv_heads, last = 0, *kv = NULL;
    hp_status st = hp__arena_alloc(&kv, a, block->n_heads, sizeof *kv, err);
    block->n_kv_heads = 0;
    for (uint32_t i = 0; i < block->n_heads && !st; i++) {
        uint32_t number = next_left(&l) / group;
        if (!i || number != last)
            block->n_kv_heads++;
        last = number;
        kv[i] = block->n_kv_heads - 1;
    }
    if (st || !block->n_kv_heads)
        return st;
    uint32_t each = block->n_heads / block->n_kv_heads;
    for (uint32_t i = 0; i < block->n_heads; i++)
        if (kv[i] != i / each)
            block->kv_head = kv;
    return HP_OK;
}

hp_block *hp__bind_block(hp__binder *b, uint32_t layer, const char *name)
{
    hp_model *m = b->m;
    const hp_spec *s = &m->spec;
    hp_block *block = &m->blocks[m->n_blocks];
    left l = take_gone(b, layer);
    *block = (hp_block){.layer = layer,
                        .first_head = (uint32_t)m->n_heads,
                        .n_heads = s->n_heads - b->layer_pruned,
                        .head_dim = s->head_dim,
                        .causal = s->causal,
                        .scale = (float)(1 / sqrt((double)s->head_dim))};
    if (b->status)
        return block;
    b->status = share_kv(block, &m->arena, s, l, b->err);
    if (!b->status)
        b->status = hp__arena_strdup(&block->name, &m->arena,
                                     name_of(b, b->prefix, name).text, b->err);
    if (!b->status)
        b->status = hp__arena_printf(&block->id, &m->arena, b->err, "%u",
                                     (unsigned)layer);
    if (!m->layers[layer].n_blocks++)
        m->layers[layer].first_block = (uint32_t)m->n_blocks;
    m->n_blocks++;
    m->n_heads += block->n_heads;
    return block;
}

void hp__bind_id(hp__binder *b, hp_block *block, const char *fmt, ...)
{
    char text[64];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!b->status)
        b->status = hp__arena_strdup(&block->id, &b->m->arena, text, b->err);
}

void hp__bind_note(hp__binder *b, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    hp_model *m = b->m;
    if (b->status || m->n_notes == MAX_NOTES)
        return;
    b->status =
        hp__arena_strdup(&m->notes[m->n_notes], &m->arena, text, b->err);
    if (!b->status)
        m->n_notes++;
}

void hp__bind_tied(hp__binder *b, const char *output)
{
    if (!b->status)
        b->status =
            hp__arena_printf(&b->m->tied, &b->m->arena, b->err, "%s = %s",
                             output, b->m->embedding.token->name);
}
