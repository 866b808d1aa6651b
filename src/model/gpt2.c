/*
 * GPT-2 (Radford et al. 2019): learned positions, norm first, fused query,
 * key and value, and Conv1D weights, which are stored [in, out].
 */
#include "model/arch.h"

static hp_status read_spec(hp_spec *out, const hp__node *config, hp_error *err)
{
    hp_spec s = {.norm = HP_NORM_LAYER,
                 .norm_first = 1,
                 .position = HP_POSITION_LEARNED,
                 .causal = 1};
    hp_status st = hp__config_size(&s.n_layers, config, "n_layer", err);
    if (!st)
        st = hp__config_heads(&s, config, "n_embd", "n_head", err);
    if (!st)
        st = hp__config_size(&s.vocab, config, "vocab_size", err);
    if (!st)
        st = hp__config_size(&s.max_positions, config, "n_positions", err);
    const hp__node *inner = hp__node_find(config, "n_inner");
    s.ffn_width = 4 * s.width;
    if (!st && inner && hp__node_kind(inner) != HP__NULL)
        st = hp__config_size(&s.ffn_width, config, "n_inner", err);
    if (!st)
        st = hp__config_eps(&s.norm_eps, config, "layer_norm_epsilon", 1e-5,
                            err);
    if (!st)
        st = hp__config_activation(&s.activation, config, "activation_function",
                                   "gelu_new", err);
    if (!st)
        st = hp__config_refuse(config, "add_cross_attention",
                               "GPT-2 with cross-attention is not supported",
                               err);
    if (!st)
        *out = s;
    return st;
}

typedef struct scaling {
    int by_head_dim, by_layer;
} scaling;

static hp_status read_scaling(scaling *out, const hp__node *config,
                              hp_error *err)
{
    out->by_head_dim = 1;
    out->by_layer = 0;
    hp_status st = hp__node_find_bool(&out->by_head_dim, config,
                                      "scale_attn_weights", err);
    if (!st)
        st = hp__node_find_bool(&out->by_layer, config,
                                "scale_attn_by_inverse_layer_idx", err);
    return st;
}

static void bind_layer(hp__binder *b, uint32_t i, scaling by)
{
    const hp_spec *s = &b->m->spec;
    hp__bind_scope(b, "h.%u.", (unsigned)i);
    hp_block *block = hp__bind_block(b, i, "attn");
    uint64_t owned = (uint64_t)block->n_heads * s->head_dim;
    if (!by.by_head_dim)
        block->scale = 1;
    if (by.by_layer)
        block->scale /= (float)(i + 1);
    block->norm = hp__bind_norm(b, "ln_1", s->width);
    hp_linear qkv =
        hp__bind_linear(b, "attn.c_attn", HP__IN_OUT, s->width, 3 * owned);
    block->q = hp__linear_part(qkv, 0, owned, s->head_dim);
    block->k = hp__linear_part(qkv, owned, owned, s->head_dim);
    block->v = hp__linear_part(qkv, 2 * owned, owned, s->head_dim);
    block->o = hp__bind_linear(b, "attn.c_proj", HP__IN_OUT, owned, s->width);
    hp_mlp *mlp = &b->m->layers[i].mlp;
    mlp->norm = hp__bind_norm(b, "ln_2", s->width);
    mlp->up =
        hp__bind_linear(b, "mlp.c_fc", HP__IN_OUT, s->width, s->ffn_width);
    mlp->down =
        hp__bind_linear(b, "mlp.c_proj", HP__IN_OUT, s->ffn_width, s->width);
}

static void bind(hp__binder *b, const hp__node *config)
{
    hp_model *m = b->m;
    const hp_spec *s = &m->spec;
    scaling by = {0};
    b->status = read_scaling(&by, config, b->err);
    hp__bind_scope(b, "%s", "");
    m->embedding.token = hp__bind_tensor(b, "wte.weight", s->vocab, s->width);
    m->embedding.position =
        hp__bind_tensor(b, "wpe.weight", s->max_positions, s->width);
    for (uint32_t i = 0; i < s->n_layers && !b->status; i++)
        bind_layer(b, i, by);
    b->layer_pruned = 0;
    hp__bind_scope(b, "%s", "");
    m->final_norm = hp__bind_norm(b, "ln_f", s->width);
    hp__bind_causal_output(b, config, 1);
}

static const char *const buffers[] = {".attn.bias", ".attn.masked_bias", NULL};

static const hp__auto_class classes[] = {
    {"AutoModel", "GPT2Model"},
    {"AutoModelForCausalLM", "GPT2LMHeadModel"},
    {"AutoModelForSequenceClassification", "GPT2ForSequenceClassification"},
    {"AutoModelForTokenClassification", "GPT2ForTokenClassification"},
    {"AutoModelForQuestionAnswering", "GPT2ForQuestionAnswering"},
    {NULL, NULL}};

static const hp__removal removal = {.pruned_heads = 1, .classes = classes};

const hp__arch hp__arch_gpt2 = {.model_type = "gpt2",
                                .prefix = "transformer.",
                                .telltale = "h.0.attn.c_attn.weight",
                                .buffers = buffers,
                                .spec = read_spec,
                                .bind = bind,
                                .removal = &removal};
