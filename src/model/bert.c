/*
 * BERT (Devlin et al. 2018): learned positions, token types, norms after the
 * residual, and any head on top of which the masked-LM one is understood.
 */
#include "model/arch.h"
#include "model/bert_layers.h"
#include "model/masked_head.h"

#include <string.h>

static hp_status check_variant(const hp__node *config, hp_error *err)
{
    const char *position = "absolute";
    hp_status st =
        hp__node_find_string(&position, config, "position_embedding_type", err);
    if (!st && strcmp(position, "absolute") != 0)
        return hp_fail(err, HP_UNSUPPORTED,
                       "key 'position_embedding_type': '%s' is not supported; "
                       "supported: absolute",
                       position);
    if (!st)
        st = hp__config_refuse(config, "is_decoder",
                               "an encoder used as decoder is not supported",
                               err);
    if (!st)
        st = hp__config_refuse(
            config, "add_cross_attention",
            "an encoder with cross-attention is not supported", err);
    return st;
}

hp_status hp__bert_spec(hp_spec *out, const hp__node *config, hp_error *err)
{
    hp_spec s = {.norm = HP_NORM_LAYER, .position = HP_POSITION_LEARNED};
    hp_status st =
        hp__config_size(&s.n_layers, config, "num_hidden_layers", err);
    if (!st)
        st = hp__config_heads(&s, config, "hidden_size", "num_attention_heads",
                              err);
    if (!st)
        st = hp__config_size(&s.ffn_width, config, "intermediate_size", err);
    if (!st)
        st = hp__config_size(&s.vocab, config, "vocab_size", err);
    if (!st)
        st = hp__config_size(&s.max_positions, config,
                             "max_position_embeddings", err);
    if (!st)
        st = hp__config_size(&s.n_types, config, "type_vocab_size", err);
    if (!st)
        st = hp__config_eps(&s.norm_eps, config, "layer_norm_eps", 1e-12, err);
    if (!st)
        st = hp__config_activation(&s.activation, config, "hidden_act", "gelu",
                                   err);
    if (!st)
        st = check_variant(config, err);
    if (!st)
        *out = s;
    return st;
}

static void bind_embedding(hp__binder *b, uint32_t width)
{
    const hp_spec *s = &b->m->spec;
    hp__embedding *e = &b->m->embedding;
    hp__bind_scope(b, "embeddings.");
    e->token = hp__bind_tensor(b, "word_embeddings.weight", s->vocab, width);
    e->position = hp__bind_tensor(b, "position_embeddings.weight",
                                  s->position_offset + s->max_positions, width);
    e->type =
        hp__bind_tensor(b, "token_type_embeddings.weight", s->n_types, width);
    e->norm = hp__bind_norm(b, "LayerNorm", width);
    hp__bind_scope(b, "%s", "");
    if (width != s->width)
        e->project = hp__bind_linear(b, "embeddings_project", HP__OUT_IN, width,
                                     s->width);
}

static void bind_layer(hp__binder *b, uint32_t i)
{
    const hp_spec *s = &b->m->spec;
    hp__bind_scope(b, "encoder.layer.%u.", (unsigned)i);
    hp_block *block = hp__bind_block(b, i, "attention");
    uint64_t owned = (uint64_t)block->n_heads * s->head_dim;
    hp_linear *const maps[] = {&block->q, &block->k, &block->v};
    const char *const names[] = {"attention.self.query", "attention.self.key",
                                 "attention.self.value"};
    for (int j = 0; j < 3; j++)
        *maps[j] = hp__linear_part(
            hp__bind_linear(b, names[j], HP__OUT_IN, s->width, owned), 0, owned,
            s->head_dim);
    block->o = hp__bind_linear(b, "attention.output.dense", HP__OUT_IN, owned,
                               s->width);
    block->norm = hp__bind_norm(b, "attention.output.LayerNorm", s->width);
    hp_mlp *mlp = &b->m->layers[i].mlp;
    mlp->up = hp__bind_linear(b, "intermediate.dense", HP__OUT_IN, s->width,
                              s->ffn_width);
    mlp->down =
        hp__bind_linear(b, "output.dense", HP__OUT_IN, s->ffn_width, s->width);
    mlp->norm = hp__bind_norm(b, "output.LayerNorm", s->width);
}

void hp__bert_bind(hp__binder *b, uint32_t embedded)
{
    bind_embedding(b, embedded);
    for (uint32_t i = 0; i < b->m->spec.n_layers && !b->status; i++)
        bind_layer(b, i);
}

static const hp__masked_names head = {
    .dense = "cls.predictions.transform.dense",
    .norm = "cls.predictions.transform.LayerNorm",
    .decoder = "cls.predictions.decoder",
    .bias = {"cls.predictions.bias", "cls.predictions.decoder.bias"}};

static void bind(hp__binder *b, const hp__node *config)
{
    hp__bert_bind(b, b->m->spec.width);
    hp__bind_masked_head(b, &head, config);
}

const char *const hp__bert_buffers[] = {"embeddings.position_ids",
                                        "embeddings.token_type_ids", NULL};

static const hp__auto_class classes[] = {
    {"AutoModel", "BertModel"},
    {"AutoModelForMaskedLM", "BertForMaskedLM"},
    {"AutoModelForPreTraining", "BertForPreTraining"},
    {"AutoModelForNextSentencePrediction", "BertForNextSentencePrediction"},
    {"AutoModelForSequenceClassification", "BertForSequenceClassification"},
    {"AutoModelForTokenClassification", "BertForTokenClassification"},
    {"AutoModelForMultipleChoice", "BertForMultipleChoice"},
    {"AutoModelForQuestionAnswering", "BertForQuestionAnswering"},
    {NULL, NULL}};

static const hp__removal removal = {.pruned_heads = 1, .classes = classes};

const hp__arch hp__arch_bert = {.model_type = "bert",
                                .prefix = "bert.",
                                .telltale = HP__BERT_TELLTALE,
                                .buffers = hp__bert_buffers,
                                .spec = hp__bert_spec,
                                .bind = bind,
                                .removal = &removal};
