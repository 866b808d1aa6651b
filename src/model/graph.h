#ifndef HEADPRUNE_MODEL_GRAPH_H
#define HEADPRUNE_MODEL_GRAPH_H

#include "base/arena.h"
#include "headprune/model.h"
#include "model/removal.h"

/*
 * The inside of hp_model: what the forward pass walks over. An architecture
 * fills it in; nobody changes it afterwards.
 */

/* What happens between the token ids and the first layer. */
typedef struct hp__embedding {
    const hp_tensor *token;    /* [vocab, E], E = D unless projected */
    const hp_tensor *position; /* [rows, E] or NULL */
    const hp_tensor *type;     /* [n_types, E] or NULL: row 0 is added */
    hp_norm_weights norm;      /* weight NULL: none */
    hp_linear project;         /* from E to D; weight NULL: E = D */
} hp__embedding;

/* At most: a decoder layer may have self- and cross-attention. */
#define HP__MAX_BLOCKS 2

typedef struct hp__layer {
    uint32_t first_block, n_blocks; /* attention blocks, in order */
    hp_mlp mlp;
} hp__layer;

/* What makes logits of the last hidden state. */
typedef struct hp__output_head {
    hp_linear transform; /* weight NULL: none; then activation and norm */
    hp_activation activation;
    hp_norm_weights norm;
    hp_linear decoder; /* [vocab, D]; weight NULL: no output */
    float scale;       /* of the logits */
} hp__output_head;

struct hp_model {
    hp__arena arena;
    const hp_checkpoint *checkpoint;
    hp_model_info info;
    hp_detection *detection; /* NULL: the architecture is known */
    hp_spec spec;
    hp__embedding embedding;
    const hp__removal *removal; /* NULL: heads cannot be removed */
    hp__layer *layers;          /* [spec.n_layers] */
    hp_block *blocks;           /* [n_blocks] */
    size_t n_blocks;
    hp_norm_weights encoder_norm; /* of an encoder's output that a decoder
                                     reads; weight NULL: none */
    hp_norm_weights final_norm;   /* weight NULL: none */
    hp__output_head output;
    hp_head *heads; /* [n_heads] */
    size_t n_heads;
    unsigned char *masked; /* [n_heads] or NULL: by the mask beside the file */
    const hp_tensor *opaque; /* one that is not computed with; NULL: none */
    const char **notes;
    size_t n_notes;
    size_t n_unused; /* tensors that are no part of the model */
    const char *tied;
    const hp_tensor *untied; /* stored though config.json ties it, with other
                                values; NULL: none */
    int32_t special[HP_MAX_SPECIAL]; /* [n_special], of config.json */
    size_t n_special;
    int32_t mask; /* -1: none */
};

#endif
