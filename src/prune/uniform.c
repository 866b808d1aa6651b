/*
 * Removing as many heads from every block, so that the numbers in config.json
 * say all: stock classes load the result. The heads of the new model count
 * from 0.
 */
#include "base/buffer.h"
#include "model/graph.h"
#include "prune/config_patch.h"
#include "prune/modeling.h"
#include "prune/remove.h"

#include <stdio.h>

static const char *const loads_stock[] = {
    "headprune", "transformers 4 and 5 as it is", NULL};
static const char *const loads_4[] = {
    "headprune", "transformers 4 as it is",
    "not transformers 5: it wants the width to be a multiple of the heads",
    NULL};

/* Query heads of a block that stay, and of its key and value heads. */
static hp_status block_shape(hp__shape *out, const hp__order *o,
                             const hp_block *b, hp_error *err)
{
    uint32_t each = 0;
    *out = (hp__shape){0, 0};
    for (uint32_t kv = 0; kv < b->n_kv_heads; kv++) {
        uint32_t n = 0;
        for (uint32_t h = 0; h < b->n_heads; h++)
            n += hp_block_kv_head(b, h) == kv && !o->mask[b->first_head + h];
        if (!n)
            continue;
        if (each && n != each)
            return hp_fail(err, HP_UNSUPPORTED,
                           "--uniform: block %s would keep %u query heads of "
                           "one key and value head and %u of another",
                           b->name, (unsigned)each, (unsigned)n);
        each = n;
        out->kv_heads++;
        out->heads += n;
    }
    return HP_OK;
}

/* Blocks that share a table of position biases lose the same heads of it. */
static hp_status check_tables(const hp__order *o, hp_error *err)
{
    const hp_model *m = o->model;
    for (size_t i = 1; i < m->n_blocks; i++) {
        const hp_block *b = &m->blocks[i], *first = m->blocks;
        while (first->relative.table != b->relative.table)
            first++;
        for (uint32_t h = 0; b->relative.table && h < b->n_heads; h++)
            if (o->mask[b->first_head + h] != o->mask[first->first_head + h])
                return hp_fail(err, HP_UNSUPPORTED,
                               "--uniform: blocks %s and %s share a table of "
                               "position biases, but head %u would go from one "
                               "of them only",
                               first->name, b->name, (unsigned)h);
    }
    return HP_OK;
}

hp_status hp__shape_of(hp__shape *out, const hp__order *o, hp_error *err)
{
    const hp_model *m = o->model;
    for (size_t i = 0; i < m->n_blocks; i++) {
        hp__shape s;
        hp_status st = block_shape(&s, o, &m->blocks[i], err);
        if (st)
            return st;
        if (!s.heads)
            return hp_fail(err, HP_UNSUPPORTED,
                           "--uniform: block %s would keep no head",
                           m->blocks[i].name);
        if (i && (s.heads != out->heads || s.kv_heads != out->kv_heads))
            return hp_fail(err, HP_UNSUPPORTED,
                           "--uniform: block %s would keep %u heads and %u key "
                           "and value heads, block %s %u and %u",
                           m->blocks[0].name, (unsigned)out->heads,
                           (unsigned)out->kv_heads, m->blocks[i].name,
                           (unsigned)s.heads, (unsigned)s.kv_heads);
        *out = s;
    }
    return check_tables(o, err);
}

/* 1: `n` query heads can be as many of each of some key and value heads. */
static int is_possible(const hp_spec *s, uint32_t n)
{
    uint32_t group = s->n_heads / s->n_kv_heads;
    for (uint32_t kv = 1; kv <= s->n_kv_heads; kv++)
        if (n % kv == 0 && n / kv <= group)
            return 1;
    return 0;
}

/* The number of heads nearest to `heads` that divides the width; a whole
 * model's does. */
static uint32_t nearest_divisor(const hp_spec *s, uint32_t heads)
{
    for (uint32_t d = 1; d <= s->n_heads; d++) {
        uint32_t less = heads - d, more = heads + d;
        if (less && less < heads && s->width % less == 0 &&
            is_possible(s, less))
            return less;
        if (s->width % more == 0 && is_possible(s, more))
            return more;
    }
    return s->n_heads;
}

static hp_status say_loads(hp__edition *out, hp__arena *a, const hp_model *m,
                           hp__shape s, hp_error *err)
{
    uint32_t width = m->spec.width;
    out->loads_in = loads_stock;
    if (!m->removal->width_of_heads || !s.heads || width % s.heads == 0)
        return HP_OK;
    out->loads_in = loads_4;
    return hp__arena_printf(
        &out->note, a, err,
        "transformers 5 refuses %u heads, because the width of %u is no "
        "multiple; the nearest number that it takes is %u",
        (unsigned)s.heads, (unsigned)width,
        (unsigned)nearest_divisor(&m->spec, s.heads));
}

hp_status hp__uniform_edit(hp__edition *out, hp__arena *a, const hp__order *o,
                           hp_error *err)
{
    const hp_model *m = o->model;
    const hp__removal *r = m->removal;
    char heads[16], kv[16], dim[16];
    hp__text config = {NULL, 0}, text = {NULL, 0};
    size_t n = 0;
    hp__shape s = {0, 0};
    hp__config_value values[6];
    hp_status st = hp__shape_of(&s, o, err);
    if (st)
        return hp_fail_hint(err, st,
                            "--round nearest, up or down goes to a "
                            "plan that works");
    (void)snprintf(heads, sizeof heads, "%u", (unsigned)s.heads);
    (void)snprintf(kv, sizeof kv, "%u", (unsigned)s.kv_heads);
    (void)snprintf(dim, sizeof dim, "%u", (unsigned)m->spec.head_dim);
    values[n++] = (hp__config_value){r->heads_key, heads};
    if (r->kv_heads_key)
        values[n++] = (hp__config_value){r->kv_heads_key, kv};
    if (r->head_dim_key)
        values[n++] = (hp__config_value){r->head_dim_key, dim};
    out->left_out = HP__MODELING_NAME;
    values[n++] = (hp__config_value){"pruned_heads", NULL};
    values[n++] = (hp__config_value){"headprune_heads_kept", NULL};
    values[n++] = (hp__config_value){"auto_map", NULL};
    text.bytes = hp_checkpoint_config(m->checkpoint, &text.len);
    st = hp__config_patch(&config, a, text, values, n, err);
    out->config = config.bytes;
    out->config_len = config.len;
    return st ? st : say_loads(out, a, m, s, err);
}
