/*
 * How many heads a block has. Shapes alone cannot say: 32 outputs are as well
 * 4 heads of 8 as 8 of 4. What config.json or the caller says must fit the
 * shapes, and everything that is said must agree.
 */
#include "model/detect.h"

#include <stdio.h>

static const char *const head_keys[] = {"num_attention_heads",
                                        "n_head",
                                        "num_heads",
                                        "n_heads",
                                        "attention_heads",
                                        "num_attn_heads",
                                        "n_attention_heads",
                                        "encoder_attention_heads",
                                        "decoder_attention_heads"};
static const char *const dim_keys[] = {
    "head_dim", "d_kv",     "kv_channels",        "head_size",
    "d_head",   "dim_head", "attention_head_size"};
static const char *const kv_keys[] = {"num_key_value_heads", "num_kv_heads",
                                      "n_kv_heads", "n_head_kv",
                                      "multi_query_group_num"};
static const char *const layer_keys[] = {"num_hidden_layers", "n_layer",
                                         "n_layers", "num_layers"};

/* What several keys say of one number. */
typedef struct said {
    uint32_t value; /* 0: nothing */
    const char *key;
} said;

/* `wanted` not 0 chooses among keys that disagree. Lists and null say
 * nothing. */
static hp_status read_said(said *out, const hp__node *config,
                           const char *const *keys, size_t n, uint32_t wanted,
                           hp_error *err)
{
    *out = (said){0};
    for (size_t i = 0; i < n; i++) {
        const hp__node *node = hp__node_find(config, keys[i]);
        uint32_t value = 0;
        if (!node || hp__node_kind(node) != HP__NUMBER)
            continue;
        hp_status st = hp__config_size(&value, config, keys[i], err);
        if (st)
            return st;
        if (out->key && out->value != value && value != wanted &&
            out->value != wanted)
            return hp_fail(err, HP_UNSUPPORTED,
                           "keys '%s' and '%s' of config.json disagree: %u "
                           "and %u",
                           out->key, keys[i], (unsigned)out->value,
                           (unsigned)value);
        if (!out->key || value == wanted)
            *out = (said){value, keys[i]};
    }
    return HP_OK;
}

#define READ(out, config, keys, wanted, err)                                   \
    read_said(out, config, keys, sizeof(keys) / sizeof *(keys), wanted, err)

hp_status hp__check_layers(const hp__findings *f, const hp__node *config,
                           hp_error *err)
{
    static const char *const encoder[] = {"encoder_layers"};
    static const char *const decoder[] = {"decoder_layers"};
    said all = {0}, first = {0}, second = {0};
    uint32_t n_decoder = f->n_layers - f->n_encoder;
    hp_status st = READ(&first, config, encoder, 0, err);
    if (!st)
        st = READ(&second, config, decoder, 0, err);
    if (!st)
        st = READ(&all, config, layer_keys, 0, err);
    if (st)
        return st;
    const said *wrong = NULL;
    if (all.key && all.value != (f->n_encoder ? f->n_encoder : f->n_layers) &&
        all.value != n_decoder)
        wrong = &all;
    else if (f->n_encoder && first.key && first.value != f->n_encoder)
        wrong = &first;
    else if (f->n_encoder && second.key && second.value != n_decoder)
        wrong = &second;
    if (!wrong)
        return HP_OK;
    if (f->n_encoder)
        return hp_fail(err, HP_UNSUPPORTED,
                       "attention is found in %u encoder and %u decoder "
                       "layers, but config.json says '%s' %u",
                       (unsigned)f->n_encoder, (unsigned)n_decoder, wrong->key,
                       (unsigned)wrong->value);
    return hp_fail(err, HP_UNSUPPORTED,
                   "attention is found in %u layers ('%s'), but config.json "
                   "says '%s' %u",
                   (unsigned)f->n_layers, hp__found_text(f->blocks).pattern,
                   wrong->key, (unsigned)wrong->value);
}

static hp_status choose_heads(hp__head_count *out, const said *heads,
                              const said *dim, uint64_t queries, uint32_t told,
                              hp_error *err)
{
    if (told && heads->key && heads->value != told)
        return hp_fail(err, HP_UNSUPPORTED,
                       "%u heads are told, but config.json says '%s' %u",
                       (unsigned)told, heads->key, (unsigned)heads->value);
    out->source = heads->key;
    out->n_heads = heads->key ? heads->value : told;
    if (!out->n_heads && dim->key && queries % dim->value == 0) {
        out->source = dim->key;
        out->n_heads = (uint32_t)(queries / dim->value);
    }
    if (!out->n_heads)
        return hp_fail(err, HP_UNSUPPORTED,
                       "config.json does not say how many heads the %llu "
                       "outputs of a block's queries are",
                       (unsigned long long)queries);
    return HP_OK;
}

static hp_status check_division(const hp__head_count *c,
                                const hp__block_shape *s, const said *dim,
                                hp_error *err)
{
    if (s->queries % c->n_heads)
        return hp_fail(err, HP_UNSUPPORTED,
                       "the %llu outputs of a block's queries cannot be %u "
                       "heads",
                       (unsigned long long)s->queries, (unsigned)c->n_heads);
    if (dim->key && s->queries / c->n_heads != dim->value)
        return hp_fail(err, HP_UNSUPPORTED,
                       "%u heads in %llu outputs are %llu wide, but "
                       "config.json says '%s' %u",
                       (unsigned)c->n_heads, (unsigned long long)s->queries,
                       (unsigned long long)(s->queries / c->n_heads), dim->key,
                       (unsigned)dim->value);
    return HP_OK;
}

static hp_status count_kv(hp__head_count *out, const hp__block_shape *s,
                          const said *kv, hp_error *err)
{
    uint64_t n = s->keys / out->head_dim;
    if (s->keys % out->head_dim || !n || out->n_heads % n)
        return hp_fail(err, HP_UNSUPPORTED,
                       "%u heads of %u do not fit the %llu outputs of a "
                       "block's keys",
                       (unsigned)out->n_heads, (unsigned)out->head_dim,
                       (unsigned long long)s->keys);
    if (kv->key && kv->value != n)
        return hp_fail(err, HP_UNSUPPORTED,
                       "the tensors hold %llu key and value heads of %u, but "
                       "config.json says '%s' %u",
                       (unsigned long long)n, (unsigned)out->head_dim, kv->key,
                       (unsigned)kv->value);
    out->n_kv_heads = (uint32_t)n;
    out->kv_confirmed = kv->key != NULL;
    return HP_OK;
}

hp_status hp__count_heads(hp__head_count *out, const hp__block_shape *s,
                          const hp__node *config, const hp__known_type *known,
                          uint32_t told, hp_error *err)
{
    said heads = {0}, dim = {0}, kv = {0};
    *out = (hp__head_count){0};
    hp_status st = READ(&heads, config, head_keys, told, err);
    if (!st)
        st = READ(&dim, config, dim_keys, 0, err);
    if (!st && !(known && known->kv_key_idle))
        st = READ(&kv, config, kv_keys, 0, err);
    if (!st)
        st = choose_heads(out, &heads, &dim, s->queries, told, err);
    if (!st)
        st = check_division(out, s, &dim, err);
    if (st)
        return st;
    out->head_dim = (uint32_t)(s->queries / out->n_heads);
    return count_kv(out, s, &kv, err);
}

/* ---- shapes ---- */

static hp_status fail_shape(const hp__found *f, hp_error *err)
{
    return hp_fail(err, HP_UNSUPPORTED,
                   "tensors '%s' [%llu, %llu] and '%s' [%llu, %llu] do not "
                   "fit together",
                   f->q->name, (unsigned long long)f->q->dims[0],
                   (unsigned long long)f->q->dims[1], f->o->name,
                   (unsigned long long)f->o->dims[0],
                   (unsigned long long)f->o->dims[1]);
}

/* [out, in] is the only way that separate matrices are stored under these
 * names. */
static hp_status shape_of_separate(hp__block_shape *out, const hp__found *f,
                                   hp_error *err)
{
    *out = (hp__block_shape){.n_in = f->q->dims[1],
                             .n_out = f->o->dims[0],
                             .queries = f->q->dims[0],
                             .keys = f->k->dims[0]};
    out->forced = out->queries != out->n_in || out->keys != f->k->dims[1] ||
                  out->n_out != f->o->dims[1];
    if (f->o->dims[1] != out->queries || f->v->dims[0] != out->keys ||
        f->k->dims[1] != f->v->dims[1])
        return fail_shape(f, err);
    return HP_OK;
}

/* Three maps in one are longer to one side, which says how they are stored. */
static hp_status shape_of_fused(hp__block_shape *out, const hp__found *f,
                                hp_error *err)
{
    const uint64_t *q = f->q->dims, *o = f->o->dims;
    unsigned axis = q[1] == o[0] && q[0] > o[1] ? 0 : 1;
    uint64_t all = q[axis], queries = o[1 - axis];
    *out = (hp__block_shape){.out_axis = axis,
                             .n_in = q[1 - axis],
                             .n_out = o[axis],
                             .queries = queries,
                             .forced = 1};
    if (out->n_in != out->n_out || all <= queries || (all - queries) % 2)
        return fail_shape(f, err);
    out->keys = (all - queries) / 2;
    return HP_OK;
}

/* As wide as any model is, and no narrower than one number. */
static int is_width(uint64_t n)
{
    return n >= 1 && n <= (uint64_t)1 << 24;
}

hp_status hp__found_shape(hp__block_shape *out, const hp__found *f,
                          hp_error *err)
{
    hp_status st =
        f->k ? shape_of_separate(out, f, err) : shape_of_fused(out, f, err);
    if (!st && !(is_width(out->n_in) && is_width(out->n_out) &&
                 is_width(out->queries) && is_width(out->keys)))
        return fail_shape(f, err);
    return st;
}
