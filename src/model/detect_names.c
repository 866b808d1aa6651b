/*
 * Attention blocks by the names of their tensors. A block is where queries,
 * keys, values and an output projection stand together under one name with a
 * number in it, the layer's.
 */
#include "model/detect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 200 }; /* longer names are none of these */

static const hp__naming namings[] = {
    {"q_proj.weight", "k_proj.weight", "v_proj.weight"},
    {"query.weight", "key.weight", "value.weight"},
    {"q.weight", "k.weight", "v.weight"},
    {"wq.weight", "wk.weight", "wv.weight"},
    {"w_q.weight", "w_k.weight", "w_v.weight"},
    {"q_lin.weight", "k_lin.weight", "v_lin.weight"},
    {"to_q.weight", "to_k.weight", "to_v.weight"},
    {"query_proj.weight", "key_proj.weight", "value_proj.weight"},
    {"linear_q.weight", "linear_k.weight", "linear_v.weight"},
    {"q_linear.weight", "k_linear.weight", "v_linear.weight"},
    {"query_key_value.weight", NULL, NULL},
    {"qkv.weight", NULL, NULL},
    {"qkv_proj.weight", NULL, NULL},
    {"Wqkv.weight", NULL, NULL},
    {"wqkv.weight", NULL, NULL},
    {"W_pack.weight", NULL, NULL},
    {"c_attn.weight", NULL, NULL},
    {"to_qkv.weight", NULL, NULL},
    {"in_proj_weight", NULL, NULL},
};

/* Beside the queries, or where these have a scope of their own, one up. */
static const char *const outputs[] = {
    "o_proj.weight",     "out_proj.weight",   "o.weight",
    "wo.weight",         "w_o.weight",        "out_lin.weight",
    "dense.weight",      "proj.weight",       "c_proj.weight",
    "to_out.0.weight",   "to_out.weight",     "out.weight",
    "linear_out.weight", "out_linear.weight", "Wo.weight",
    "o_linear.weight",
};
static const char *const outputs_above[] = {"output.dense.weight"};

/* Where `ending` begins in `name`, at its beginning or after a dot; or -1. */
static long ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    if (n < m || n > MAX_NAME || strcmp(name + n - m, ending) != 0 ||
        (n > m && name[n - m - 1] != '.'))
        return -1;
    return (long)(n - m);
}

/* The matrix of name[0 .. scope) + rest. */
static const hp_tensor *find_in(const hp_checkpoint *c, const char *name,
                                size_t scope, const char *rest)
{
    char full[2 * MAX_NAME];
    (void)snprintf(full, sizeof full, "%.*s%s", (int)scope, name, rest);
    const hp_tensor *t = hp_checkpoint_find(c, full);
    return t && t->n_dims == 2 ? t : NULL;
}

static size_t scope_above(const char *name, size_t scope)
{
    if (!scope)
        return 0;
    for (scope--; scope && name[scope - 1] != '.';)
        scope--;
    return scope;
}

/* HP_UNSUPPORTED: two tensors could be it. */
static hp_status find_output(hp__found *f, const hp_checkpoint *c, size_t scope,
                             hp_error *err)
{
    const char *name = f->q->name;
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        const hp_tensor *t = find_in(c, name, scope, outputs[i]);
        if (t && f->o)
            return hp_fail(err, HP_UNSUPPORTED,
                           "tensors '%s' and '%s' could both be the output "
                           "projection of '%s'",
                           f->o->name, t->name, name);
        f->o = t ? t : f->o;
    }
    size_t above = scope_above(name, scope);
    for (size_t i = 0; !f->o && i < sizeof outputs_above / sizeof(char *);
         i++) {
        f->o = find_in(c, name, above, outputs_above[i]);
        scope = f->o ? above : scope;
    }
    f->scope = scope ? scope - 1 : 0;
    return HP_OK;
}

/* The last number between dots is the layer's. */
static int find_layer(hp__found *f)
{
    const char *name = f->q->name;
    for (size_t end = f->scope; end;) {
        size_t start = end;
        while (start && name[start - 1] != '.')
            start--;
        size_t digits = strspn(name + start, "0123456789");
        if (digits == end - start && digits && digits < 7) {
            f->at = start;
            f->digits = digits;
            f->layer = (uint32_t)strtoul(name + start, NULL, 10);
            return 1;
        }
        end = start ? start - 1 : 0;
    }
    return 0;
}

static void note_alone(hp__findings *out, const hp_tensor *t, const char *what)
{
    if (!out->alone) {
        out->alone = t;
        out->lacks = what;
    }
}

static hp_status add_block(hp__findings *out, const hp_checkpoint *c,
                           const hp_tensor *t, const hp__naming *n,
                           hp_error *err)
{
    hp__found f = {.naming = n, .q = t};
    size_t scope = strlen(t->name) - strlen(n->q);
    if (n->k) {
        f.k = find_in(c, t->name, scope, n->k);
        f.v = find_in(c, t->name, scope, n->v);
        if (!f.k || !f.v) {
            note_alone(out, t, f.k ? "values" : "keys");
            return HP_OK;
        }
    }
    hp_status st = find_output(&f, c, scope, err);
    if (st)
        return st;
    if (!f.o)
        note_alone(out, t, "output projections");
    else if (!find_layer(&f))
        note_alone(out, t, "layers' numbers");
    else
        out->blocks[out->n++] = f;
    return HP_OK;
}

hp__block_text hp__found_text(const hp__found *f)
{
    hp__block_text t;
    size_t after = f->at + f->digits;
    const char *name = f->q->name;
    (void)snprintf(t.name, sizeof t.name, "%.*s", (int)f->scope, name);
    (void)snprintf(t.pattern, sizeof t.pattern, "%.*sN%.*s", (int)f->at, name,
                   (int)(f->scope - after), name + after);
    return t;
}

const char *hp__found_rest(const hp__found *f, const hp_tensor *t)
{
    return t->name + f->scope + 1;
}

/* ---- do they belong together? ---- */

static int by_place(const void *a, const void *b)
{
    const hp__found *x = a, *y = b;
    if (x->decoder != y->decoder)
        return x->decoder - y->decoder;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return x->cross - y->cross;
}

/* 1: a part of the name between dots, before the layer's number, is `word`. */
static int stands_in(const hp__found *f, const char *word)
{
    size_t len = strlen(word);
    const char *name = f->q->name, *at = name;
    while ((at = strstr(at, word)) && at < name + f->at) {
        if ((at == name || at[-1] == '.') && at[len] == '.')
            return 1;
        at += len;
    }
    return 0;
}

/* How blocks are called that look at the other stack. */
static int is_cross(const hp__found *f)
{
    static const char *const names[] = {"encoder_attn",      "cross_attn",
                                        "encoder_attention", "crossattention",
                                        "cross_attention",   "EncDecAttention"};
    const char *name = f->q->name + f->at + f->digits;
    size_t len = f->scope - f->at - f->digits;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (len > n && strncmp(name + len - n, names[i], n) == 0)
            return 1;
    }
    return 0;
}

/* Which stack a block is in, when the names say that there are two. */
static void place_blocks(hp__findings *f)
{
    size_t encoder = 0, decoder = 0;
    for (size_t i = 0; i < f->n; i++) {
        encoder += (size_t)stands_in(&f->blocks[i], "encoder");
        decoder += (size_t)stands_in(&f->blocks[i], "decoder");
    }
    if (!encoder || encoder + decoder != f->n)
        return;
    for (size_t i = 0; i < f->n; i++) {
        hp__found *b = &f->blocks[i];
        b->decoder = stands_in(b, "decoder");
        b->cross = b->decoder && is_cross(b);
    }
}

static hp_status check_naming(const hp__found *first, const hp__found *other,
                              hp_error *err)
{
    if (other->naming == first->naming &&
        strcmp(hp__found_rest(first, first->o),
               hp__found_rest(other, other->o)) == 0)
        return HP_OK;
    return hp_fail(err, HP_UNSUPPORTED,
                   "the tensors of '%s' have other names than those of '%s'",
                   hp__found_text(other).name, hp__found_text(first).name);
}

static hp_status check_together(const hp__findings *f, hp_error *err)
{
    const hp__found *kinds[2][2] = {{NULL, NULL}, {NULL, NULL}};
    for (size_t i = 0; i < f->n; i++) {
        const hp__found *b = &f->blocks[i];
        const hp__found **kind = &kinds[b->decoder][b->cross];
        if (!*kind)
            *kind = b;
        hp__block_text one = hp__found_text(*kind), other = hp__found_text(b);
        if (strcmp(one.pattern, other.pattern) != 0)
            return hp_fail(err, HP_UNSUPPORTED,
                           "attention stands in more than one stack of "
                           "layers: '%s' and '%s'",
                           one.pattern, other.pattern);
        hp_status st = check_naming(&f->blocks[0], b, err);
        if (st)
            return st;
    }
    return HP_OK;
}

/* Layers in order, and in each of a decoder as many blocks as in its first. */
static hp_status count_layers(hp__findings *f, hp_error *err)
{
    size_t i = 0;
    for (int decoder = 0; decoder < 2; decoder++) {
        size_t first = i, end = i, per_layer = 1;
        while (end < f->n && f->blocks[end].decoder == decoder)
            end++;
        if (first + 1 < end && f->blocks[first + 1].cross)
            per_layer = 2;
        for (; i < end; i++)
            if (f->blocks[i].layer != (i - first) / per_layer ||
                f->blocks[i].cross != (int)((i - first) % per_layer))
                return hp_fail(err, HP_UNSUPPORTED,
                               "layer %zu of '%s' has no attention block that "
                               "can be found",
                               (i - first) / per_layer,
                               hp__found_text(&f->blocks[first]).pattern);
        if (!decoder && end < f->n)
            f->n_encoder = (uint32_t)end;
        f->n_layers += (uint32_t)((end - first) / per_layer);
    }
    return HP_OK;
}

hp_status hp__find_blocks(hp__findings *out, hp__arena *a,
                          const hp_checkpoint *c, hp_error *err)
{
    size_t n = hp_checkpoint_n_tensors(c);
    *out = (hp__findings){0};
    hp_status st =
        hp__arena_alloc(&out->blocks, a, n, sizeof *out->blocks, err);
    for (size_t i = 0; i < n && !st; i++) {
        const hp_tensor *t = hp_checkpoint_tensor(c, i);
        for (size_t j = 0; j < sizeof namings / sizeof *namings && !st; j++)
            if (t->n_dims == 2 && ends_in(t->name, namings[j].q) >= 0)
                st = add_block(out, c, t, &namings[j], err);
    }
    if (st || !out->n)
        return st;
    place_blocks(out);
    qsort(out->blocks, out->n, sizeof *out->blocks, by_place);
    st = check_together(out, err);
    return st ? st : count_layers(out, err);
}
