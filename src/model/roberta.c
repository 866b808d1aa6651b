/*
 * RoBERTa (Liu et al. 2019) and what was trained in its image: BERT's layers,
 * positions counted from the padding token's id on, and a masked-LM head of
 * its own.
 */
#include "model/arch.h"
#include "model/bert_layers.h"
#include "model/masked_head.h"

/* The table holds rows for the ids up to the padding token's, which no token
 * of a text without padding uses. */
static hp_status read_spec(hp_spec *out, const hp__node *config, hp_error *err)
{
    uint32_t padding = 1;
    hp_status st = hp__bert_spec(out, config, err);
    if (!st && hp__node_find(config, "pad_token_id"))
        st = hp__node_get_u32(&padding, config, "pad_token_id", err);
    if (st)
        return st;
    if (padding >= out->max_positions - 1)
        return hp_fail(err, HP_FORMAT,
                       "key 'pad_token_id' is %u: positions begin after it, "
                       "and 'max_position_embeddings' is %u",
                       (unsigned)padding, (unsigned)out->max_positions);
    out->position_offset = padding + 1;
    out->max_positions -= padding + 1;
    return HP_OK;
}

static const hp__masked_names head = {
    .dense = "lm_head.dense",
    .norm = "lm_head.layer_norm",
    .decoder = "lm_head.decoder",
    .bias = {"lm_head.bias", "lm_head.decoder.bias"}};

static void bind(hp__binder *b, const hp__node *config)
{
    hp__bert_bind(b, b->m->spec.width);
    hp__bind_masked_head(b, &head, config);
}

#define CLASSES(name)                                                          \
    {                                                                          \
        {"AutoModel", #name "Model"},                                          \
            {"AutoModelForMaskedLM", #name "ForMaskedLM"},                     \
            {"AutoModelForSequenceClassification",                             \
             #name "ForSequenceClassification"},                               \
            {"AutoModelForTokenClassification",                                \
             #name "ForTokenClassification"},                                  \
            {"AutoModelForMultipleChoice", #name "ForMultipleChoice"},         \
            {"AutoModelForQuestionAnswering", #name "ForQuestionAnswering"},   \
        {                                                                      \
            NULL, NULL                                                         \
        }                                                                      \
    }
static const hp__auto_class classes[] = CLASSES(Roberta);
static const hp__auto_class classes_xlm[] = CLASSES(XLMRoberta);

static const hp__removal removal = {.pruned_heads = 1, .classes = classes};
static const hp__removal removal_xlm = {.pruned_heads = 1,
                                        .classes = classes_xlm};

#define ROW(type, how)                                                         \
    {                                                                          \
        .model_type = (type), .prefix = "roberta.",                            \
        .telltale = HP__BERT_TELLTALE, .buffers = hp__bert_buffers,            \
        .spec = read_spec, .bind = bind, .removal = (how)                      \
    }
const hp__arch hp__arch_roberta = ROW("roberta", &removal);
const hp__arch hp__arch_xlm_roberta = ROW("xlm-roberta", &removal_xlm);
const hp__arch hp__arch_camembert = ROW("camembert", NULL);
