/*
 * OPT (Zhang et al. 2022): learned positions from row 2 on, norm first, ReLU,
 * biases everywhere, and an output that is tied to the token table.
 */
#include "model/arch.h"

#define FIRST_ROW 2 /* of the position table; the code has no key for it */

/* The variants differ by what is true of all but two of the published ones. */
static hp_status require(const hp__node *config, const char *key,
                         const char *what, hp_error *err)
{
    int set = 1;
    hp_status st = hp__node_find_bool(&set, config, key, err);
    if (st || set)
        return st;
    return hp_fail(err, HP_UNSUPPORTED, "key '%s' is false: %s", key, what);
}

static hp_status check_variant(const hp_spec *s, const hp__node *config,
                               hp_error *err)
{
    uint32_t embedded = s->width;
    hp_status st = require(config, "do_layer_norm_before",
                           "norms after the residual are not supported", err);
    if (!st)
        st = require(config, "enable_bias",
                     "maps without biases are not supported", err);
    if (!st)
        st = require(config, "layer_norm_elementwise_affine",
                     "norms without weights are not supported", err);
    if (!st)
        st = hp__config_refuse(config, "_remove_final_layer_norm",
                               "a missing final norm is not supported", err);
    if (!st)
        st = hp__node_find_u32(&embedded, config, "word_embed_proj_dim", err);
    if (!st && embedded != s->width)
        return hp_fail(err, HP_UNSUPPORTED,
                       "key 'word_embed_proj_dim' is %u, 'hidden_size' %u: "
                       "projected embeddings are not supported",
                       (unsigned)embedded, (unsigned)s->width);
    return st;
}

static hp_status read_spec(hp_spec *out, const hp__node *config, hp_error *err)
{
    /* No key says another epsilon. */
    hp_spec s = {.norm = HP_NORM_LAYER,
                 .norm_first = 1,
                 .norm_eps = 1e-5F,
                 .position = HP_POSITION_LEARNED,
                 .position_offset = FIRST_ROW,
                 .causal = 1};
    hp_status st =
        hp__config_size(&s.n_layers, config, "num_hidden_layers", err);
    if (!st)
        st = hp__config_heads(&s, config, "hidden_size", "num_attention_heads",
                              err);
    if (!st)
        st = hp__config_size(&s.ffn_width, config, "ffn_dim", err);
    if (!st)
        st = hp__config_size(&s.vocab, config, "vocab_size", err);
    if (!st)
        st = hp__config_size(&s.max_positions, config,
                             "max_position_embeddings", err);
    if (!st)
        st = hp__config_activation(&s.activation, config, "activation_function",
                                   "relu", err);
    if (!st)
        st = check_variant(&s, config, err);
    if (!st)
        *out = s;
    return st;
}

static void bind_layer(hp__binder *b, uint32_t i)
{
    const hp_spec *s = &b->m->spec;
    hp__bind_scope(b, "decoder.layers.%u.", (unsigned)i);
    hp_block *block = hp__bind_block(b, i, "self_attn");
    uint64_t owned = (uint64_t)block->n_heads * s->head_dim;
    hp_linear *const maps[] = {&block->q, &block->k, &block->v};
    const char *const names[] = {"self_attn.q_proj", "self_attn.k_proj",
                                 "self_attn.v_proj"};
    block->norm = hp__bind_norm(b, "self_attn_layer_norm", s->width);
    for (int j = 0; j < 3; j++)
        *maps[j] = hp__linear_part(
            hp__bind_linear(b, names[j], HP__OUT_IN, s->width, owned), 0, owned,
            s->head_dim);
    block->o =
        hp__bind_linear(b, "self_attn.out_proj", HP__OUT_IN, owned, s->width);
    hp_mlp *mlp = &b->m->layers[i].mlp;
    mlp->norm = hp__bind_norm(b, "final_layer_norm", s->width);
    mlp->up = hp__bind_linear(b, "fc1", HP__OUT_IN, s->width, s->ffn_width);
    mlp->down = hp__bind_linear(b, "fc2", HP__OUT_IN, s->ffn_width, s->width);
}

static void bind(hp__binder *b, const hp__node *config)
{
    hp_model *m = b->m;
    const hp_spec *s = &m->spec;
    hp__bind_scope(b, "decoder.");
    m->embedding.token =
        hp__bind_tensor(b, "embed_tokens.weight", s->vocab, s->width);
    m->embedding.position =
        hp__bind_tensor(b, "embed_positions.weight",
                        s->position_offset + s->max_positions, s->width);
    for (uint32_t i = 0; i < s->n_layers && !b->status; i++)
        bind_layer(b, i);
    b->layer_pruned = 0;
    hp__bind_scope(b, "decoder.");
    m->final_norm = hp__bind_norm(b, "final_layer_norm", s->width);
    hp__bind_causal_output(b, config, 1);
}

static const char *const buffers[] = {NULL};

const hp__arch hp__arch_opt = {.model_type = "opt",
                               .prefix = "model.",
                               .telltale =
                                   "decoder.layers.0.self_attn.q_proj.weight",
                               .buffers = buffers,
                               .spec = read_spec,
                               .bind = bind};
