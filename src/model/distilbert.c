/* DistilBERT (Sanh et al. 2019): BERT's computation without token types, under
 * names and keys of its own. */
#include "model/arch.h"
#include "model/masked_head.h"

static hp_status read_spec(hp_spec *out, const hp__node *config, hp_error *err)
{
    /* No key says another epsilon. */
    hp_spec s = {.norm = HP_NORM_LAYER,
                 .norm_eps = 1e-12F,
                 .position = HP_POSITION_LEARNED};
    hp_status st = hp__config_size(&s.n_layers, config, "n_layers", err);
    if (!st)
        st = hp__config_heads(&s, config, "dim", "n_heads", err);
    if (!st)
        st = hp__config_size(&s.ffn_width, config, "hidden_dim", err);
    if (!st)
        st = hp__config_size(&s.vocab, config, "vocab_size", err);
    if (!st)
        st = hp__config_size(&s.max_positions, config,
                             "max_position_embeddings", err);
    if (!st)
        st = hp__config_activation(&s.activation, config, "activation", "gelu",
                                   err);
    if (!st)
        *out = s;
    return st;
}

/* Sinusoidal positions are stored like learned ones. */
static void bind_embedding(hp__binder *b)
{
    const hp_spec *s = &b->m->spec;
    hp__embedding *e = &b->m->embedding;
    hp__bind_scope(b, "embeddings.");
    e->token = hp__bind_tensor(b, "word_embeddings.weight", s->vocab, s->width);
    e->position = hp__bind_tensor(b, "position_embeddings.weight",
                                  s->max_positions, s->width);
    e->norm = hp__bind_norm(b, "LayerNorm", s->width);
}

static void bind_layer(hp__binder *b, uint32_t i)
{
    const hp_spec *s = &b->m->spec;
    hp__bind_scope(b, "transformer.layer.%u.", (unsigned)i);
    hp_block *block = hp__bind_block(b, i, "attention");
    uint64_t owned = (uint64_t)block->n_heads * s->head_dim;
    hp_linear *const maps[] = {&block->q, &block->k, &block->v};
    const char *const names[] = {"attention.q_lin", "attention.k_lin",
                                 "attention.v_lin"};
    for (int j = 0; j < 3; j++)
        *maps[j] = hp__linear_part(
            hp__bind_linear(b, names[j], HP__OUT_IN, s->width, owned), 0, owned,
            s->head_dim);
    block->o =
        hp__bind_linear(b, "attention.out_lin", HP__OUT_IN, owned, s->width);
    block->norm = hp__bind_norm(b, "sa_layer_norm", s->width);
    hp_mlp *mlp = &b->m->layers[i].mlp;
    mlp->up =
        hp__bind_linear(b, "ffn.lin1", HP__OUT_IN, s->width, s->ffn_width);
    mlp->down =
        hp__bind_linear(b, "ffn.lin2", HP__OUT_IN, s->ffn_width, s->width);
    mlp->norm = hp__bind_norm(b, "output_layer_norm", s->width);
}

static const hp__masked_names head = {.dense = "vocab_transform",
                                      .norm = "vocab_layer_norm",
                                      .decoder = "vocab_projector",
                                      .bias = {"vocab_projector.bias"}};

static void bind(hp__binder *b, const hp__node *config)
{
    bind_embedding(b);
    for (uint32_t i = 0; i < b->m->spec.n_layers && !b->status; i++)
        bind_layer(b, i);
    hp__bind_masked_head(b, &head, config);
}

static const hp__auto_class classes[] = {
    {"AutoModel", "DistilBertModel"},
    {"AutoModelForMaskedLM", "DistilBertForMaskedLM"},
    {"AutoModelForSequenceClassification",
     "DistilBertForSequenceClassification"},
    {"AutoModelForTokenClassification", "DistilBertForTokenClassification"},
    {"AutoModelForMultipleChoice", "DistilBertForMultipleChoice"},
    {"AutoModelForQuestionAnswering", "DistilBertForQuestionAnswering"},
    {NULL, NULL}};

static const hp__removal removal = {.pruned_heads = 1, .classes = classes};

static const char *const buffers[] = {"embeddings.position_ids", NULL};

const hp__arch hp__arch_distilbert = {.model_type = "distilbert",
                                      .prefix = "distilbert.",
                                      .telltale =
                                          "transformer.layer.0.attention.q_lin."
                                          "weight",
                                      .buffers = buffers,
                                      .spec = read_spec,
                                      .bind = bind,
                                      .removal = &removal};
