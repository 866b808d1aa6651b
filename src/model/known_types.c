/*
 * What their code says of model types that headprune does not run: how one
 * tensor holds queries, keys and values, and which only look like a known
 * architecture. From the modeling files of transformers 4.57 and, where marked,
 * of the model's own repository.
 */
#include "model/detect.h"

#include <string.h>

static const hp__known_type table[] = {
    {"bloom", HP_QKV_HEADS, 0, NULL, NULL},
    {"falcon", HP_QKV_HEADS, 1, NULL, NULL},
    {"gpt_neox", HP_QKV_HEADS, 0, NULL, NULL},
    {"gpt_neox_japanese", HP_QKV_HEADS, 0, NULL, NULL},
    {"persimmon", HP_QKV_HEADS, 0, NULL, NULL},
    {"gpt_bigcode", HP_QKV_HEADS, 0, NULL, NULL},
    {"openai-gpt", HP_QKV_SPLIT, 0, NULL, NULL},
    {"imagegpt", HP_QKV_SPLIT, 0, NULL, NULL},
    {"mpt", HP_QKV_SPLIT, 0, NULL, NULL},
    {"phi3", HP_QKV_SPLIT, 0, NULL, NULL},
    {"dbrx", HP_QKV_SPLIT, 0, NULL, NULL},
    {"modernbert", HP_QKV_SPLIT, 0, NULL, NULL},
    {"sam", HP_QKV_SPLIT, 0, NULL, NULL},
    /* separate tensors: nothing to order */
    {"phi", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"bart", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"mbart", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"marian", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"pegasus", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"m2m_100", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"whisper", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"vit", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"deit", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"dinov2", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"gptj", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"gpt_neo", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"esm", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"mpnet", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"deberta-v2", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"stablelm", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"cohere", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"olmo", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"olmo2", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"mixtral", HP_QKV_UNKNOWN, 0, NULL, NULL},
    {"gemma", HP_QKV_UNKNOWN, 0,
     "its norms add 1 to their weights and its embeddings are scaled", NULL},
    {"gemma2", HP_QKV_UNKNOWN, 0, "its norms add 1 to their weights", NULL},
    {"gemma3_text", HP_QKV_UNKNOWN, 0, "its norms add 1 to their weights",
     NULL},
    {"granite", HP_QKV_UNKNOWN, 0,
     "it multiplies embeddings, scores, residuals and logits", NULL},
    {"minicpm", HP_QKV_UNKNOWN, 0, "it scales embeddings and residuals", NULL},
    {"smollm3", HP_QKV_UNKNOWN, 0, "some of its layers have no positions",
     NULL},
    {"helium", HP_QKV_UNKNOWN, 0, "it rotates other pairs", NULL},
    {"albert", HP_QKV_UNKNOWN, 0, NULL,
     "its layers share one set of attention weights"},
    {"codegen", HP_QKV_UNKNOWN, 0, NULL,
     "its qkv_proj holds queries, values and keys of four groups in turn"},
};

const hp__known_type *hp__known_type_get(const char *model_type)
{
    for (size_t i = 0; model_type && i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].model_type, model_type) == 0)
            return &table[i];
    return NULL;
}
