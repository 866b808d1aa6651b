/*
 * LLaMA (Touvron et al. 2023) and its relatives: rotary positions, norms by
 * the root of the mean square that come first, a gated MLP, keys and values
 * that several query heads may share. They differ in which maps have biases,
 * whether each head norms its queries and keys, and in windows.
 */
#include "model/arch.h"

#include <string.h>

/* Which layers see a window of the text only. */
typedef enum window_rule {
    WINDOW_NEVER,
    WINDOW_ALWAYS,  /* sliding_window is of every layer */
    WINDOW_BY_LAYER /* of those in layer_types, or past max_window_layers,
                       where use_sliding_window says so */
} window_rule;

/* What the model_type alone decides. */
typedef struct kind {
    int asks_attention_bias, asks_mlp_bias; /* keys of config.json */
    int qkv_bias;                           /* always, but none of the output */
    int qk_norm;
    window_rule window;
} kind;

/* What is left to know about the layers. */
typedef struct details {
    int qkv_bias, o_bias, mlp_bias, qk_norm;
    uint32_t window;             /* 0: none */
    uint32_t first_window_layer; /* without layer_types */
    const hp__node *type;        /* of the next layer; NULL: no layer_types */
} details;

/* ---- config.json ---- */

static hp_status read_spec(hp_spec *out, const hp__node *config, hp_error *err)
{
    hp_spec s = {.norm = HP_NORM_RMS,
                 .norm_first = 1,
                 .position = HP_POSITION_ROPE,
                 .gated = 1,
                 .causal = 1};
    hp_status st =
        hp__config_size(&s.n_layers, config, "num_hidden_layers", err);
    if (!st)
        st = hp__config_grouped_heads(&s, config, err);
    if (!st && s.head_dim % 2)
        return hp_fail(err, HP_FORMAT,
                       "a head has %u dimensions ('head_dim', else "
                       "'hidden_size' / 'num_attention_heads'), rotary "
                       "positions need an even number",
                       (unsigned)s.head_dim);
    if (!st)
        st = hp__config_size(&s.ffn_width, config, "intermediate_size", err);
    if (!st)
        st = hp__config_size(&s.vocab, config, "vocab_size", err);
    /* The first conversions of LLaMA lack it; no table bounds the positions. */
    if (!st && hp__node_find(config, "max_position_embeddings"))
        st = hp__config_size(&s.max_positions, config,
                             "max_position_embeddings", err);
    if (!st)
        st = hp__config_eps(&s.norm_eps, config, "rms_norm_eps", 1e-6, err);
    if (!st)
        st = hp__config_activation(&s.activation, config, "hidden_act", "silu",
                                   err);
    if (!st)
        st = hp__config_rope(&s.rope, config, err);
    if (!st)
        *out = s;
    return st;
}

static hp_status read_biases(details *out, const kind *k,
                             const hp__node *config, hp_error *err)
{
    int attention = 0;
    hp_status st = HP_OK;
    if (k->asks_attention_bias)
        st = hp__node_find_bool(&attention, config, "attention_bias", err);
    if (!st && k->asks_mlp_bias)
        st = hp__node_find_bool(&out->mlp_bias, config, "mlp_bias", err);
    out->qkv_bias = attention || k->qkv_bias;
    out->o_bias = attention;
    return st;
}

/* The size that transformers takes where the key is absent; null: none. */
#define USUAL_WINDOW 4096

static hp_status read_window(uint32_t *out, const hp__node *config,
                             hp_error *err)
{
    const hp__node *node = hp__node_find(config, "sliding_window");
    *out = node ? 0 : USUAL_WINDOW;
    if (!node || hp__node_kind(node) == HP__NULL)
        return HP_OK;
    return hp__config_size(out, config, "sliding_window", err);
}

static hp_status read_layer_types(details *out, uint32_t n_layers,
                                  const hp__node *config, hp_error *err)
{
    const hp__node *list = hp__node_find(config, "layer_types");
    if (!list || hp__node_kind(list) == HP__NULL)
        return HP_OK;
    if (hp__node_kind(list) != HP__ARRAY || hp__node_count(list) != n_layers)
        return hp_fail(err, HP_FORMAT,
                       "key 'layer_types' is not a list of %u, one for every "
                       "layer",
                       (unsigned)n_layers);
    out->type = hp__node_first(list);
    return HP_OK;
}

static hp_status read_windows(details *out, const kind *k, uint32_t n_layers,
                              const hp__node *config, hp_error *err)
{
    int used = k->window == WINDOW_ALWAYS;
    hp_status st = HP_OK;
    out->first_window_layer = k->window == WINDOW_BY_LAYER ? 28 : 0;
    if (k->window == WINDOW_BY_LAYER) {
        st = hp__node_find_bool(&used, config, "use_sliding_window", err);
        if (!st)
            st = hp__node_find_u32(&out->first_window_layer, config,
                                   "max_window_layers", err);
        if (!st)
            st = read_layer_types(out, n_layers, config, err);
    }
    return st || !used ? st : read_window(&out->window, config, err);
}

static hp_status slides(int *out, const details *d, hp_error *err)
{
    const char *type = hp__node_string(d->type);
    *out = type && strcmp(type, "sliding_attention") == 0;
    if (*out && !d->window)
        return hp_fail(err, HP_FORMAT,
                       "key 'layer_types' lists 'sliding_attention', but "
                       "'use_sliding_window' and 'sliding_window' give no "
                       "window");
    if (*out || (type && strcmp(type, "full_attention") == 0))
        return HP_OK;
    return hp_fail(err, HP_UNSUPPORTED,
                   "key 'layer_types': '%s' is not supported; supported: "
                   "full_attention, sliding_attention",
                   type ? type : "(not a string)");
}

/* Of the next layer, i. */
static uint32_t next_window(hp__binder *b, details *d, uint32_t i)
{
    int sliding = i >= d->first_window_layer;
    if (d->type && !b->status) {
        b->status = slides(&sliding, d, b->err);
        d->type = hp__node_next(d->type);
    }
    return sliding ? d->window : 0;
}

/* ---- tensors ---- */

static hp_linear bind_map(hp__binder *b, const char *name, uint64_t n_in,
                          uint64_t n_out, int bias)
{
    return bias ? hp__bind_linear(b, name, HP__OUT_IN, n_in, n_out)
                : hp__bind_matrix(b, name, HP__OUT_IN, n_in, n_out);
}

/* A bias that would be left out of the sums: another type's model. */
static void refuse_bias(hp__binder *b, const char *name)
{
    const hp_tensor *t = hp__bind_find(b, name);
    if (!t)
        return;
    hp_status st = hp_fail(b->err, HP_FORMAT,
                           "tensor '%s' is there, but the output projection "
                           "of this type of model has no bias",
                           t->name);
    b->status = hp_fail_file(b->err, st, hp_checkpoint_path(b->m->checkpoint));
}

static void bind_attention(hp__binder *b, hp_block *block, const details *d)
{
    const hp_spec *s = &b->m->spec;
    const char *const names[] = {"self_attn.q_proj", "self_attn.k_proj",
                                 "self_attn.v_proj"};
    hp_linear *const maps[] = {&block->q, &block->k, &block->v};
    uint64_t dim = s->head_dim, owned = block->n_heads * dim;
    for (int i = 0; i < 3; i++) {
        uint64_t n_out = i ? block->n_kv_heads * dim : owned;
        hp_linear all = bind_map(b, names[i], s->width, n_out, d->qkv_bias);
        *maps[i] = hp__linear_part(all, 0, n_out, dim);
    }
    if (d->qk_norm && block->n_heads) {
        block->q_norm = hp__bind_rms(b, "self_attn.q_norm", dim);
        block->k_norm = hp__bind_rms(b, "self_attn.k_norm", dim);
    }
    block->o = bind_map(b, "self_attn.o_proj", owned, s->width, d->o_bias);
    if (d->qkv_bias && !d->o_bias)
        refuse_bias(b, "self_attn.o_proj.bias");
}

static void bind_layer(hp__binder *b, uint32_t i, details *d)
{
    const hp_spec *s = &b->m->spec;
    hp__bind_scope(b, "layers.%u.", (unsigned)i);
    hp_block *block = hp__bind_block(b, i, "self_attn");
    block->window = next_window(b, d, i);
    block->norm = hp__bind_rms(b, "input_layernorm", s->width);
    bind_attention(b, block, d);
    hp_mlp *mlp = &b->m->layers[i].mlp;
    mlp->norm = hp__bind_rms(b, "post_attention_layernorm", s->width);
    mlp->gate =
        bind_map(b, "mlp.gate_proj", s->width, s->ffn_width, d->mlp_bias);
    mlp->up = bind_map(b, "mlp.up_proj", s->width, s->ffn_width, d->mlp_bias);
    mlp->down =
        bind_map(b, "mlp.down_proj", s->ffn_width, s->width, d->mlp_bias);
}

static void bind(hp__binder *b, const hp__node *config, const kind *k)
{
    const hp_spec *s = &b->m->spec;
    details d = {.qk_norm = k->qk_norm};
    b->status = read_biases(&d, k, config, b->err);
    if (!b->status)
        b->status = read_windows(&d, k, s->n_layers, config, b->err);
    hp__bind_scope(b, "%s", "");
    b->m->embedding.token =
        hp__bind_tensor(b, "embed_tokens.weight", s->vocab, s->width);
    for (uint32_t i = 0; i < s->n_layers && !b->status; i++)
        bind_layer(b, i, &d);
    b->layer_pruned = 0;
    hp__bind_scope(b, "%s", "");
    b->m->final_norm = hp__bind_rms(b, "norm", s->width);
    hp__bind_causal_output(b, config, 0);
}

/* ---- rows ---- */

static void bind_llama(hp__binder *b, const hp__node *config)
{
    static const kind k = {.asks_attention_bias = 1, .asks_mlp_bias = 1};
    bind(b, config, &k);
}

static void bind_mistral(hp__binder *b, const hp__node *config)
{
    static const kind k = {.window = WINDOW_ALWAYS};
    bind(b, config, &k);
}

static void bind_qwen2(hp__binder *b, const hp__node *config)
{
    static const kind k = {.qkv_bias = 1, .window = WINDOW_BY_LAYER};
    bind(b, config, &k);
}

static void bind_qwen3(hp__binder *b, const hp__node *config)
{
    static const kind k = {
        .asks_attention_bias = 1, .qk_norm = 1, .window = WINDOW_BY_LAYER};
    bind(b, config, &k);
}

static const char *const buffers[] = {"rotary_emb.inv_freq", NULL};

#define CLASSES(name)                                                          \
    {                                                                          \
        {"AutoModel", #name "Model"},                                          \
            {"AutoModelForCausalLM", #name "ForCausalLM"},                     \
            {"AutoModelForSequenceClassification",                             \
             #name "ForSequenceClassification"},                               \
            {"AutoModelForTokenClassification",                                \
             #name "ForTokenClassification"},                                  \
            {"AutoModelForQuestionAnswering", #name "ForQuestionAnswering"},   \
        {                                                                      \
            NULL, NULL                                                         \
        }                                                                      \
    }

static const hp__auto_class classes_llama[] = CLASSES(Llama);
static const hp__auto_class classes_mistral[] = CLASSES(Mistral);
static const hp__auto_class classes_qwen2[] = CLASSES(Qwen2);
static const hp__auto_class classes_qwen3[] = CLASSES(Qwen3);

#define REMOVAL(type, divides)                                                 \
    static const hp__removal removal_##type = {                                \
        .classes = classes_##type,                                             \
        .heads_key = "num_attention_heads",                                    \
        .kv_heads_key = "num_key_value_heads",                                 \
        .head_dim_key = "head_dim",                                            \
        .width_of_heads = (divides)}
REMOVAL(llama, 1);
REMOVAL(mistral, 0);
REMOVAL(qwen2, 0);
REMOVAL(qwen3, 0);

#define ROW(type, tensor)                                                      \
    const hp__arch hp__arch_##type = {.model_type = #type,                     \
                                      .prefix = "model.",                      \
                                      .telltale =                              \
                                          "layers.0.self_attn." tensor,        \
                                      .buffers = buffers,                      \
                                      .spec = read_spec,                       \
                                      .bind = bind_##type,                     \
                                      .removal = &removal_##type}

ROW(llama, "q_proj.weight");
ROW(mistral, "q_proj.weight");
ROW(qwen2, "q_proj.bias");
ROW(qwen3, "q_norm.weight");
