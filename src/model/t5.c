/*
 * T5 (Raffel et al. 2020), v1.1 and Flan-T5, mT5 and UMT5: an encoder and a
 * decoder that reads its output, no positions but a bias of the scores by
 * distance, scores that are not scaled, norms by the root of the mean square
 * that come first. A checkpoint may hold the encoder alone.
 */
#include "model/arch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the model_type alone decides. */
typedef struct kind {
    const char *feed_forward; /* without the key feed_forward_proj */
    int tied;                 /* without the key tie_word_embeddings */
    int bias_by_layer;        /* else all layers take the first one's */
} kind;

static const kind t5 = {"relu", 1, 0};
static const kind mt5 = {"gated-gelu", 0, 0};
static const kind umt5 = {"gated-gelu", 1, 1};

/* ---- config.json ---- */

/* Absent or null: `*out` stays as it is. */
static hp_status find_size(uint32_t *out, const hp__node *config,
                           const char *key, hp_error *err)
{
    const hp__node *node = hp__node_find(config, key);
    if (!node || hp__node_kind(node) == HP__NULL)
        return HP_OK;
    return hp__config_size(out, config, key, err);
}

static hp_status read_stacks(hp_spec *s, const hp__node *config, hp_error *err)
{
    hp_status st =
        hp__config_size(&s->n_encoder_layers, config, "num_layers", err);
    uint32_t decoder = s->n_encoder_layers;
    if (!st)
        st = find_size(&decoder, config, "num_decoder_layers", err);
    s->n_layers = s->n_encoder_layers + decoder;
    return st;
}

/* "relu", or "gated-" and what the gate goes through. */
static hp_status read_feed_forward(hp_spec *s, const kind *k,
                                   const hp__node *config, hp_error *err)
{
    static const char key[] = "feed_forward_proj", gated[] = "gated-";
    const char *name = k->feed_forward;
    hp_status st = hp__node_find_string(&name, config, key, err);
    if (st)
        return st;
    s->gated = strncmp(name, gated, sizeof gated - 1) == 0;
    if (s->gated)
        name += sizeof gated - 1;
    if (s->gated && strcmp(name, "gelu") == 0) /* as transformers reads it */
        name = "gelu_new";
    return hp__config_activation_named(&s->activation, key, name, err);
}

/* The most that a table of all distances is made for. */
#define MAX_DISTANCE 65536U

static hp_status read_relative(hp_relative *out, const hp__node *config,
                               hp_error *err)
{
    static const char distance[] = "relative_attention_max_distance",
                      buckets[] = "relative_attention_num_buckets";
    *out = (hp_relative){.buckets = 32, .max_distance = 128};
    hp_status st = find_size(&out->buckets, config, buckets, err);
    if (!st)
        st = find_size(&out->max_distance, config, distance, err);
    if (!st && out->buckets < 4)
        return hp_fail(err, HP_FORMAT, "key '%s' is %u, expected 4 or more",
                       buckets, (unsigned)out->buckets);
    if (!st && (out->max_distance <= out->buckets / 2 ||
                out->max_distance > MAX_DISTANCE))
        return hp_fail(err, HP_FORMAT,
                       "key '%s' is %u, expected %u to %u with %u buckets",
                       distance, (unsigned)out->max_distance,
                       (unsigned)out->buckets / 2 + 1, MAX_DISTANCE,
                       (unsigned)out->buckets);
    return st;
}

/* What a decoder's tokens begin with: a padding token, if nothing is said. */
static hp_status read_start(hp_spec *s, const hp__node *config, hp_error *err)
{
    static const char *const keys[] = {"pad_token_id",
                                       "decoder_start_token_id"};
    uint32_t id = 0;
    for (int i = 0; i < 2; i++) {
        const hp__node *node = hp__node_find(config, keys[i]);
        if (!node || hp__node_kind(node) == HP__NULL)
            continue;
        hp_status st = hp__node_get_u32(&id, config, keys[i], err);
        if (!st && id >= s->vocab)
            st = hp_fail(err, HP_FORMAT,
                         "key '%s': %u is not below the vocabulary of %u",
                         keys[i], (unsigned)id, (unsigned)s->vocab);
        if (st)
            return st;
    }
    s->start_token = (int32_t)id;
    return HP_OK;
}

static hp_status check_pruned(const hp__node *config, hp_error *err)
{
    const hp__node *gone = hp__node_find(config, "pruned_heads");
    if (gone && hp__node_kind(gone) != HP__NULL && hp__node_count(gone))
        return hp_fail(err, HP_UNSUPPORTED,
                       "key 'pruned_heads': a model of two stacks cannot say "
                       "so which heads are gone");
    return HP_OK;
}

static hp_status read_sizes(hp_spec *s, const hp__node *config, hp_error *err)
{
    hp_status st = hp__config_width(&s->width, config, "d_model", err);
    if (!st)
        st = hp__config_width(&s->n_heads, config, "num_heads", err);
    if (!st)
        st = hp__config_width(&s->head_dim, config, "d_kv", err);
    if (!st)
        st = hp__config_size(&s->ffn_width, config, "d_ff", err);
    if (!st)
        st = hp__config_size(&s->vocab, config, "vocab_size", err);
    s->n_kv_heads = s->n_heads;
    return st;
}

static hp_status read_kind(hp_spec *out, const kind *k, const hp__node *config,
                           hp_error *err)
{
    hp_relative relative;
    hp_spec s = {.norm = HP_NORM_RMS,
                 .norm_first = 1,
                 .position = HP_POSITION_RELATIVE,
                 .causal = 1};
    hp_status st = read_stacks(&s, config, err);
    if (!st)
        st = read_sizes(&s, config, err);
    if (!st)
        st = hp__config_eps(&s.norm_eps, config, "layer_norm_epsilon", 1e-6,
                            err);
    if (!st)
        st = read_feed_forward(&s, k, config, err);
    if (!st)
        st = read_relative(&relative, config, err);
    if (!st)
        st = read_start(&s, config, err);
    if (!st)
        st = check_pruned(config, err);
    if (!st)
        *out = s;
    return st;
}

/* ---- tensors ---- */

/* One of the two stacks, of which some facts differ. */
typedef struct stack {
    const char *name;  /* "encoder" */
    const char *id;    /* "enc" */
    uint32_t first, n; /* layers of the model */
    int decoder;
    int bias_by_layer;
    hp_relative relative; /* the table: of the last layer that has one */
} stack;

static void bind_attention(hp__binder *b, hp_block *block, const char *name)
{
    const hp_spec *s = &b->m->spec;
    uint64_t owned = (uint64_t)block->n_heads * s->head_dim;
    hp_linear *const maps[] = {&block->q, &block->k, &block->v};
    char text[64];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(text, sizeof text, "%s.%c", name, "qkv"[i]);
        *maps[i] = hp__linear_part(
            hp__bind_matrix(b, text, HP__OUT_IN, s->width, owned), 0, owned,
            s->head_dim);
    }
    (void)snprintf(text, sizeof text, "%s.o", name);
    block->o = hp__bind_matrix(b, text, HP__OUT_IN, owned, s->width);
    block->norm = hp__bind_rms(b, "layer_norm", s->width);
    block->scale = 1;
}

static void bind_self(hp__binder *b, stack *k, uint32_t i)
{
    static const char table[] = "SelfAttention.relative_attention_bias.weight";
    hp__bind_scope(b, "%s.block.%u.layer.0.", k->name, (unsigned)i);
    hp_block *block = hp__bind_block(b, k->first + i, "SelfAttention");
    hp__bind_id(b, block, k->decoder ? "%s.%u.self" : "%s.%u", k->id,
                (unsigned)i);
    bind_attention(b, block, "SelfAttention");
    if (!i || k->bias_by_layer)
        k->relative.table =
            hp__bind_tensor(b, table, k->relative.buckets, block->n_heads);
    block->relative = k->relative;
    block->layer = i;
    block->causal = block->decoder = k->decoder;
}

static void bind_cross(hp__binder *b, const stack *k, uint32_t i)
{
    hp__bind_scope(b, "%s.block.%u.layer.1.", k->name, (unsigned)i);
    hp_block *block = hp__bind_block(b, k->first + i, "EncDecAttention");
    hp__bind_id(b, block, "%s.%u.cross", k->id, (unsigned)i);
    bind_attention(b, block, "EncDecAttention");
    block->layer = i;
    block->causal = 0;
    block->decoder = block->cross = 1;
}

static void bind_mlp(hp__binder *b, const stack *k, uint32_t i)
{
    const hp_spec *s = &b->m->spec;
    hp_mlp *mlp = &b->m->layers[k->first + i].mlp;
    hp__bind_scope(b, "%s.block.%u.layer.%d.", k->name, (unsigned)i,
                   k->decoder ? 2 : 1);
    mlp->norm = hp__bind_rms(b, "layer_norm", s->width);
    if (s->gated)
        mlp->gate = hp__bind_matrix(b, "DenseReluDense.wi_0", HP__OUT_IN,
                                    s->width, s->ffn_width);
    mlp->up = hp__bind_matrix(
        b, s->gated ? "DenseReluDense.wi_1" : "DenseReluDense.wi", HP__OUT_IN,
        s->width, s->ffn_width);
    mlp->down = hp__bind_matrix(b, "DenseReluDense.wo", HP__OUT_IN,
                                s->ffn_width, s->width);
}

/* Returns the norm at its end. */
static hp_norm_weights bind_stack(hp__binder *b, stack *k)
{
    for (uint32_t i = 0; i < k->n && !b->status; i++) {
        bind_self(b, k, i);
        if (k->decoder)
            bind_cross(b, k, i);
        bind_mlp(b, k, i);
    }
    hp__bind_scope(b, "%s.", k->name);
    return hp__bind_rms(b, "final_layer_norm", b->m->spec.width);
}

/* "shared.weight", of which some files hold copies under other names. */
static void bind_embedding(hp__binder *b)
{
    const hp_spec *s = &b->m->spec;
    hp__bind_scope(b, "%s", "");
    const char *name = "shared.weight", *copy = "encoder.embed_tokens.weight";
    if (!hp__bind_find(b, name) && hp__bind_find(b, copy))
        name = copy;
    b->m->embedding.token = hp__bind_tensor(b, name, s->vocab, s->width);
}

/* Classes that end in a vocabulary projection. */
static int class_has_output(const char *name)
{
    return name[0] == '\0' || strstr(name, "ConditionalGeneration") ||
           strstr(name, "LMHead");
}

/* Tied logits are scaled by the root of the width. */
static void bind_output(hp__binder *b, const kind *k, const hp__node *config)
{
    hp_model *m = b->m;
    hp__output_head *out = &m->output;
    int tied = k->tied;
    if (!b->status)
        b->status =
            hp__node_find_bool(&tied, config, "tie_word_embeddings", b->err);
    if (b->status || !class_has_output(hp__config_class(config)))
        return;
    hp__bind_outside(b, "lm_head.");
    out->scale = tied ? (float)(1 / sqrt((double)m->spec.width)) : 1;
    out->decoder = (hp_linear){.count = m->spec.vocab, .n_in = m->spec.width};
    out->decoder.weight = hp__bind_stored_output(b, "weight", tied);
    if (!out->decoder.weight && tied) {
        out->decoder.weight = m->embedding.token;
        hp__bind_tied(b, "lm_head.weight");
    } else if (!out->decoder.weight) {
        out->decoder.weight =
            hp__bind_tensor(b, "weight", m->spec.vocab, m->spec.width);
    }
    m->spec.output = HP_OUTPUT_CAUSAL;
}

/* 1: the checkpoint holds none of a decoder, and its class asks for none. */
static int encoder_only(hp__binder *b, const hp__node *config)
{
    const char *name = hp__config_class(config);
    hp__bind_scope(b, "%s", "");
    return !hp__bind_find(b, "decoder.final_layer_norm.weight") &&
           !hp__bind_find(b,
                          "decoder.block.0.layer.0.SelfAttention.q.weight") &&
           !strstr(name, "ConditionalGeneration") && !strstr(name, "LMHead");
}

static void bind_kind(hp__binder *b, const kind *k, const hp__node *config)
{
    hp_model *m = b->m;
    hp_spec *s = &m->spec;
    stack encoder = {.name = "encoder",
                     .id = "enc",
                     .n = s->n_encoder_layers,
                     .bias_by_layer = k->bias_by_layer};
    b->status = read_relative(&encoder.relative, config, b->err);
    bind_embedding(b);
    hp_norm_weights norm = bind_stack(b, &encoder);
    if (encoder_only(b, config)) {
        s->n_layers = encoder.n;
        s->n_encoder_layers = 0;
        s->causal = 0;
        m->final_norm = norm;
        hp__bind_note(b,
                      "there is no decoder: the encoder is all of the model");
        return;
    }
    stack decoder = encoder;
    decoder.name = "decoder";
    decoder.id = "dec";
    decoder.first = encoder.n;
    decoder.n = s->n_layers - encoder.n;
    decoder.decoder = 1;
    m->encoder_norm = norm;
    m->final_norm = bind_stack(b, &decoder);
    bind_output(b, k, config);
}

/* ---- rows ---- */

/* Copies of the token table, and a bias that nothing ever used. */
static const char *const buffers[] = {
    "encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
    ".EncDecAttention.relative_attention_bias.weight", NULL};

/* Stock classes take as many heads everywhere; heads that share a table of
 * biases go together. */
static const hp__removal removal = {.heads_key = "num_heads"};

#define ROW(type)                                                              \
    static hp_status read_##type(hp_spec *out, const hp__node *config,         \
                                 hp_error *err)                                \
    {                                                                          \
        return read_kind(out, &(type), config, err);                           \
    }                                                                          \
    static void bind_##type(hp__binder *b, const hp__node *config)             \
    {                                                                          \
        bind_kind(b, &(type), config);                                         \
    }                                                                          \
    const hp__arch hp__arch_##type = {                                         \
        .model_type = #type,                                                   \
        .prefix = "transformer.",                                              \
        .telltale = "encoder.block.0.layer.0.SelfAttention.q.weight",          \
        .buffers = buffers,                                                    \
        .spec = read_##type,                                                   \
        .bind = bind_##type,                                                   \
        .removal = &removal}

ROW(t5);
ROW(mt5);
ROW(umt5);
