/* From what was found to blocks and heads. See detect.h. */
#include "model/detect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct detecting {
    hp__binder *b;
    const char *type, *runs_as; /* NULL: none */
    const hp__known_type *known;
    const hp__node *config;
    const hp_model_options *told;
    hp__findings found;
    hp__block_shape shape;
    hp__head_count count;
    hp_qkv_order order;
    const char *order_from;
} detecting;

/* ---- failures ---- */

/* What would settle it: an option, and the architecture it looks like. */
static hp_status hint(const detecting *d, hp_status st, const char *option)
{
    const char *alike = d->runs_as;
    if (option && alike)
        return hp_fail_hint(d->b->err, st,
                            "%s; --as %s runs it, if it computes alike", option,
                            alike);
    if (option)
        return hp_fail_hint(d->b->err, st, "%s", option);
    return alike ? hp_fail_hint(d->b->err, st,
                                "--as %s runs it, if it computes alike", alike)
                 : st;
}

typedef struct type_text {
    char text[128];
} type_text;

static type_text type_of(const detecting *d)
{
    type_text t = {"key 'model_type' is missing"};
    if (d->type)
        (void)snprintf(t.text, sizeof t.text,
                       "model_type '%.80s' is not supported", d->type);
    return t;
}

static hp_status fail_none(const detecting *d)
{
    const hp__findings *f = &d->found;
    char known[256];
    hp_status st;
    if (f->alone)
        st = hp_fail(d->b->err, HP_UNSUPPORTED,
                     "%s, and no %s that belong to tensor '%.120s' are found",
                     type_of(d).text, f->lacks, f->alone->name);
    else
        st = hp_fail(d->b->err, HP_UNSUPPORTED,
                     "%s, and no attention is found by the names of its "
                     "tensors; supported: %s",
                     type_of(d).text, hp__types_text(known, sizeof known));
    return hint(d, st, NULL);
}

/* ---- the steps ---- */

/* Which of the heads are left cannot be told without knowing the code. */
static hp_status check_pruned(detecting *d)
{
    const hp__node *gone = hp__node_find(d->config, "pruned_heads");
    if (!gone || hp__node_kind(gone) == HP__NULL ||
        (hp__node_kind(gone) == HP__OBJECT && !hp__node_count(gone)))
        return HP_OK;
    return hp_fail(d->b->err, HP_UNSUPPORTED,
                   "key 'pruned_heads': of a model that is known by its "
                   "tensors alone no heads may be gone");
}

static hp_status find(detecting *d)
{
    hp_model *m = d->b->m;
    if (d->known && d->known->refused)
        return hp_fail(d->b->err, HP_UNSUPPORTED,
                       "model_type '%s' is not supported: %s", d->type,
                       d->known->refused);
    hp_status st =
        hp__find_blocks(&d->found, &m->arena, m->checkpoint, d->b->err);
    if (!st && !d->found.n)
        return fail_none(d);
    return st ? st : hp__check_layers(&d->found, d->config, d->b->err);
}

static int same_shape(const hp__block_shape *a, const hp__block_shape *b)
{
    return a->out_axis == b->out_axis && a->n_in == b->n_in &&
           a->n_out == b->n_out && a->queries == b->queries &&
           a->keys == b->keys;
}

static hp_status measure(detecting *d)
{
    hp_status st = hp__found_shape(&d->shape, &d->found.blocks[0], d->b->err);
    for (size_t i = 1; i < d->found.n && !st; i++) {
        hp__block_shape other = {0};
        st = hp__found_shape(&other, &d->found.blocks[i], d->b->err);
        if (!st && !same_shape(&other, &d->shape))
            st = hp_fail(d->b->err, HP_UNSUPPORTED,
                         "'%s' has another shape than '%s'",
                         hp__found_text(&d->found.blocks[i]).name,
                         hp__found_text(&d->found.blocks[0]).name);
    }
    return st;
}

static hp_status count(detecting *d)
{
    hp_status st = hp__count_heads(&d->count, &d->shape, d->config, d->known,
                                   d->told->n_heads, d->b->err);
    if (!st)
        return HP_OK;
    char option[96];
    (void)snprintf(option, sizeof option,
                   "--n-heads N says how many; N divides %llu",
                   (unsigned long long)d->shape.queries);
    return hint(d, st, d->told->n_heads ? NULL : option);
}

static hp_status fail_order(const detecting *d)
{
    hp_status st =
        hp_fail(d->b->err, HP_UNSUPPORTED,
                "%s, and '%.120s' may hold all queries, all keys and all "
                "values, or those of one head after the other",
                type_of(d).text, d->found.blocks[0].q->name);
    return hint(d, st, "--qkv-order split or heads says which");
}

/* What the shapes, the name or the model_type leave open the caller tells. */
static hp_status choose_order(detecting *d)
{
    const hp__found *f = &d->found.blocks[0];
    hp_qkv_order told = d->told->qkv_order;
    if (d->count.n_kv_heads == 1) {
        d->order = HP_QKV_SPLIT; /* there is one key: both orders are the same
                                  */
        d->order_from = "shapes";
        return HP_OK;
    }
    if (strcmp(f->naming->q, "in_proj_weight") == 0) {
        d->order = HP_QKV_SPLIT;
        d->order_from = "the tensor's name";
    } else if (d->known && d->known->order) {
        d->order = d->known->order;
        d->order_from = "model_type";
    }
    if (!d->order && !told)
        return fail_order(d);
    if (d->order && told && told != d->order)
        return hp_fail(d->b->err, HP_UNSUPPORTED,
                       "tensor '%s': another order of queries, keys and "
                       "values is told than %s says",
                       f->q->name, d->order_from);
    if (!d->order) {
        d->order = told;
        d->order_from = "the caller";
    }
    return HP_OK;
}

static hp_status settle_order(detecting *d)
{
    const hp__found *f = &d->found.blocks[0];
    const hp__head_count *c = &d->count;
    if (f->k)
        return d->told->qkv_order
                   ? hp_fail(d->b->err, HP_INVALID,
                             "an order of queries, keys and values is told, "
                             "but '%s' and '%s' are separate tensors",
                             f->q->name, f->k->name)
                   : HP_OK;
    if (c->n_kv_heads != c->n_heads && !c->kv_confirmed && !d->known)
        return hp_fail(d->b->err, HP_UNSUPPORTED,
                       "tensor '%s' would hold %u query and %u key heads, "
                       "which config.json does not say",
                       f->q->name, (unsigned)c->n_heads,
                       (unsigned)c->n_kv_heads);
    hp_status st = choose_order(d);
    if (!st && d->order == HP_QKV_HEADS && c->n_kv_heads != c->n_heads)
        return hp_fail(d->b->err, HP_UNSUPPORTED,
                       "tensor '%s' holds groups of queries with their key "
                       "and value, which cannot be read",
                       f->q->name);
    return st;
}

/* ---- binding ---- */

static hp_linear bind_map(hp__binder *b, const hp_tensor *t,
                          const hp__block_shape *s, uint64_t n_in,
                          uint64_t n_out)
{
    char bias[256];
    int length = (int)(strlen(t->name) - strlen("weight"));
    (void)snprintf(bias, sizeof bias, "%.*sbias", length, t->name);
    hp_linear l = {.out_axis = s->out_axis, .count = n_out, .n_in = n_in};
    l.weight = hp__bind_tensor(b, t->name, s->out_axis ? n_in : n_out,
                               s->out_axis ? n_out : n_in);
    if (hp__bind_find(b, bias))
        l.bias = hp__bind_tensor(b, bias, n_out, 0);
    return l;
}

static void bind_fused(hp_block *block, detecting *d, const hp__found *f)
{
    const hp__block_shape *s = &d->shape;
    uint64_t dim = d->count.head_dim;
    uint64_t queries = s->queries, keys = s->keys;
    hp_linear all = bind_map(d->b, f->q, s, s->n_in, queries + 2 * keys);
    if (d->order == HP_QKV_SPLIT) {
        block->q = hp__linear_part(all, 0, queries, dim);
        block->k = hp__linear_part(all, queries, keys, dim);
        block->v = hp__linear_part(all, queries + keys, keys, dim);
    } else {
        block->q = hp__linear_part(all, 0, queries, 3 * dim);
        block->k = hp__linear_part(all, dim, keys, 3 * dim);
        block->v = hp__linear_part(all, 2 * dim, keys, 3 * dim);
    }
}

static void bind_separate(hp_block *block, detecting *d, const hp__found *f)
{
    const hp__block_shape *s = &d->shape;
    hp_linear *const maps[] = {&block->q, &block->k, &block->v};
    const hp_tensor *const tensors[] = {f->q, f->k, f->v};
    for (int i = 0; i < 3; i++) {
        uint64_t n_out = i ? s->keys : s->queries;
        uint64_t n_in = i ? f->k->dims[1] : s->n_in;
        *maps[i] = hp__linear_part(bind_map(d->b, tensors[i], s, n_in, n_out),
                                   0, n_out, d->count.head_dim);
    }
}

/* Of an encoder and a decoder: as the blocks of other pairs are called. */
static void name_block(hp__binder *b, hp_block *block, const hp__found *f)
{
    block->layer = f->layer;
    block->decoder = f->decoder;
    block->cross = f->cross;
    block->causal = f->decoder && !f->cross;
    if (!f->decoder)
        hp__bind_id(b, block, "enc.%u", (unsigned)f->layer);
    else
        hp__bind_id(b, block, "dec.%u.%s", (unsigned)f->layer,
                    f->cross ? "cross" : "self");
}

static void bind_block(detecting *d, const hp__found *f)
{
    const hp__block_shape *s = &d->shape;
    uint32_t first = f->decoder ? d->found.n_encoder : 0;
    hp_block *block =
        hp__bind_block(d->b, first + f->layer, hp__found_text(f).name);
    if (d->found.n_encoder)
        name_block(d->b, block, f);
    if (f->k)
        bind_separate(block, d, f);
    else
        bind_fused(block, d, f);
    block->o = bind_map(d->b, f->o, s, s->queries, s->n_out);
}

static hp_status make_spec(detecting *d)
{
    hp_model *m = d->b->m;
    hp_spec *s = &m->spec;
    *s = (hp_spec){.n_layers = d->found.n_layers,
                   .n_encoder_layers = d->found.n_encoder,
                   .n_heads = d->count.n_heads,
                   .n_kv_heads = d->count.n_kv_heads,
                   .head_dim = d->count.head_dim,
                   .width = (uint32_t)d->shape.n_in};
    hp_status st = HP_OK;
    if (hp__node_find(d->config, "vocab_size"))
        st = hp__config_size(&s->vocab, d->config, "vocab_size", d->b->err);
    if (!st)
        st = hp__arena_alloc(&m->layers, &m->arena, d->found.n_layers,
                             sizeof *m->layers, d->b->err);
    return st ? st
              : hp__arena_alloc(&m->blocks, &m->arena, d->found.n,
                                sizeof *m->blocks, d->b->err);
}

/* ---- what is said of it ---- */

static hp_certainty certainty_of(const detecting *d)
{
    if (!d->count.source || (d->order && d->told->qkv_order &&
                             strcmp(d->order_from, "the caller") == 0))
        return HP_TOLD;
    return d->known || d->shape.forced ? HP_CERTAIN : HP_LIKELY;
}

static hp_status make_detection(detecting *d)
{
    hp_model *m = d->b->m;
    const hp__found *f = &d->found.blocks[0];
    const hp_tensor *const tensors[] = {f->q, f->k, f->v, f->o};
    hp_detection *out = NULL;
    hp_status st = hp__arena_alloc(&out, &m->arena, 1, sizeof *out, d->b->err);
    if (st)
        return st;
    m->detection = out;
    *out = (hp_detection){.heads_from = d->count.source,
                          .order = d->order,
                          .order_from = d->order_from,
                          .certainty = certainty_of(d),
                          .runs_as = d->runs_as};
    for (size_t i = 0; i < 4; i++)
        if (tensors[i])
            out->tensors[out->n_tensors++] = hp__found_rest(f, tensors[i]);
    char kinds[3 * sizeof(hp__block_text)];
    size_t len = 0;
    for (size_t i = 0; i < d->found.n; i++)
        if (d->found.blocks[i].layer == 0 && len < sizeof kinds)
            len += (size_t)snprintf(
                kinds + len, sizeof kinds - len, "%s%s", len ? ", " : "",
                hp__found_text(&d->found.blocks[i]).pattern);
    return hp__arena_strdup(&out->blocks, &m->arena, kinds, d->b->err);
}

void hp__detect(hp__binder *b, const char *type, const char *runs_as,
                const hp__node *config, const hp_model_options *o)
{
    detecting d = {.b = b,
                   .type = type,
                   .runs_as = runs_as,
                   .known = hp__known_type_get(type),
                   .config = config,
                   .told = o};
    hp__bind_outside(b, "");
    if (d.known && d.known->differs)
        d.runs_as = NULL;
    hp_status (*const steps[])(detecting *) = {
        check_pruned, find,      measure,       count,
        settle_order, make_spec, make_detection};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !b->status; i++)
        b->status = steps[i](&d);
    if (b->status == HP_UNSUPPORTED)
        b->status = hp_fail_file(b->err, b->status,
                                 hp_checkpoint_path(b->m->checkpoint));
    for (size_t i = 0; i < d.found.n && !b->status; i++)
        bind_block(&d, &d.found.blocks[i]);
    if (d.known && d.known->differs)
        hp__bind_note(b, "model_type '%s' is not one that runs: %s", type,
                      d.known->differs);
}
