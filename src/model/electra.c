/*
 * ELECTRA (Clark et al. 2020): BERT's layers over an embedding that may be of
 * another width. The discriminator is what is fine-tuned; the generator
 * predicts masked tokens.
 */
#include "model/arch.h"
#include "model/bert_layers.h"
#include "model/masked_head.h"

static hp_status read_spec(hp_spec *out, const hp__node *config, hp_error *err)
{
    uint32_t embedded = 0;
    hp_status st = hp__bert_spec(out, config, err);
    return st ? st : hp__config_size(&embedded, config, "embedding_size", err);
}

static const hp__masked_names head = {.dense = "generator_predictions.dense",
                                      .norm = "generator_predictions.LayerNorm",
                                      .decoder = "generator_lm_head",
                                      .bias = {"generator_lm_head.bias"}};

static void bind(hp__binder *b, const hp__node *config)
{
    uint32_t embedded = 0;
    b->status = hp__config_size(&embedded, config, "embedding_size", b->err);
    hp__bert_bind(b, embedded);
    hp__bind_outside(b, "");
    if (embedded == b->m->spec.width) {
        hp__bind_masked_head(b, &head, config);
        b->m->output.activation = HP_ACTIVATION_GELU; /* whatever hidden_act */
    } else if (hp__bind_find(b, "generator_predictions.dense.weight")) {
        hp__bind_note(b, "the masked-LM head is not used: embeddings have "
                         "another width than hidden states");
    }
}

static const hp__auto_class classes[] = {
    {"AutoModel", "ElectraModel"},
    {"AutoModelForMaskedLM", "ElectraForMaskedLM"},
    {"AutoModelForPreTraining", "ElectraForPreTraining"},
    {"AutoModelForSequenceClassification", "ElectraForSequenceClassification"},
    {"AutoModelForTokenClassification", "ElectraForTokenClassification"},
    {"AutoModelForMultipleChoice", "ElectraForMultipleChoice"},
    {"AutoModelForQuestionAnswering", "ElectraForQuestionAnswering"},
    {NULL, NULL}};

static const hp__removal removal = {.pruned_heads = 1, .classes = classes};

const hp__arch hp__arch_electra = {.model_type = "electra",
                                   .prefix = "electra.",
                                   .telltale = HP__BERT_TELLTALE,
                                   .buffers = hp__bert_buffers,
                                   .spec = read_spec,
                                   .bind = bind,
                                   .removal = &removal};
