#ifndef HEADPRUNE_MODEL_ARCH_H
#define HEADPRUNE_MODEL_ARCH_H

#include "io/json.h"
#include "model/bind.h"
#include "model/removal.h"

/*
 * The row an architecture adds to the table in arch.c. All that headprune
 * knows about it stands in its one file.
 */
typedef struct hp__arch {
    const char *model_type; /* as in config.json */
    const char *prefix;     /* "transformer.": some files have it, some not */
    /* A tensor (name without prefix) that tells the architecture where
     * model_type is absent: "h.0.attn.c_attn.weight". */
    const char *telltale;
    /* Endings of names, NULL at the end: stored state that is no parameter. */
    const char *const *buffers;
    /* Reads config.json into the spec and checks every value. */
    hp_status (*spec)(hp_spec *out, const hp__node *config, hp_error *err);
    /* Finds the tensors and fills in embedding, layers, blocks and output; the
     * binder holds the status. */
    void (*bind)(hp__binder *b, const hp__node *config);
    /* How heads can be removed; NULL: nothing would load the result. */
    const hp__removal *removal;
} hp__arch;

const hp__arch *hp__arch_at(size_t i); /* NULL past the end */

/*
 * The architecture that `as` names, else config.json, else the one whose
 * telltale the checkpoint holds; NULL: none of the table. `*type` is what
 * config.json says, NULL: nothing. HP_INVALID: `as` is unknown;
 * HP_UNSUPPORTED: there is more than one that it could be.
 */
HP_CHECKED
hp_status hp__arch_get(const hp__arch **out, const char **type,
                       const hp__node *config, const hp_checkpoint *c,
                       const char *as, hp_error *err);

/* 1: the checkpoint holds the architecture's telltale, with its prefix
 * (`prefixed`) or without. */
int hp__arch_matches(const hp__arch *a, const hp_checkpoint *c, int prefixed);

extern const hp__arch hp__arch_gpt2, hp__arch_bert, hp__arch_roberta,
    hp__arch_xlm_roberta, hp__arch_camembert, hp__arch_distilbert,
    hp__arch_llama, hp__arch_mistral, hp__arch_qwen2, hp__arch_qwen3,
    hp__arch_t5, hp__arch_mt5, hp__arch_umt5, hp__arch_opt, hp__arch_electra;

#endif
