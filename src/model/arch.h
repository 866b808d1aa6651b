#ifndef HEADPRUNE_MODEL_ARCH_H
#define HEADPRUNE_MODEL_ARCH_H

#include "io/json.h"
#include "model/graph.h"

/*
 * The row an architecture adds to the table in arch.c. All that headprune
 * knows about it stands in its one file.
 */
typedef struct hp__arch {
    const char *model_type; /* as in config.json */
    /* Reads config.json into the spec; values are checked by the caller. */
    hp_status (*spec)(hp_spec *out, const hp__node *config, hp_error *err);
    /* Finds the tensors and fills in embedding, layers, blocks and output;
     * layers and blocks are allocated, shapes checked by the binder. */
    hp_status (*bind)(hp_model *m, const hp__node *config, hp_error *err);
    /* A tensor (name without prefix) that tells the architecture where
     * model_type is absent: "h.0.attn.c_attn.weight". */
    const char *telltale;
} hp__arch;

const hp__arch *hp__arch_at(size_t i); /* NULL past the end */

#endif
