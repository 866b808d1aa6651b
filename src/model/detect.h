#ifndef HEADPRUNE_MODEL_DETECT_H
#define HEADPRUNE_MODEL_DETECT_H

#include "model/bind.h"

/*
 * Models of no known architecture: where their attention is follows from names
 * and shapes of tensors, how many heads there are from config.json or the
 * caller. Nothing is guessed: what two readings fit is refused, with what would
 * settle it.
 */

/* Names of a block's tensors; "q_proj.weight" after a dot. */
typedef struct hp__naming {
    const char *q, *k, *v; /* k NULL: q holds all three */
} hp__naming;

/* An attention block that was found. */
typedef struct hp__found {
    const hp__naming *naming;
    const hp_tensor *q, *k, *v, *o; /* k, v NULL: q holds all three */
    size_t scope;      /* bytes of q's name that are the block's, no dot */
    size_t at, digits; /* where in them the layer's number is */
    uint32_t layer;
    int decoder; /* in the second of two stacks */
    int cross;   /* there, and its keys and values are of the first */
} hp__found;

typedef struct hp__findings {
    hp__found *blocks; /* [n]: by stack, layer, self before cross */
    size_t n;
    uint32_t n_layers, n_encoder; /* of all stacks; of an encoder, 0: there is
                                     one stack */
    const hp_tensor *alone; /* named like queries, but lacks company; or NULL */
    const char *lacks;      /* what it lacks: "keys" */
} hp__findings;

/* One naming in all layers, which are numbered from 0 without a gap, of one
 * stack, or of an encoder and a decoder; else HP_UNSUPPORTED. No block at all
 * is HP_OK with n = 0. */
HP_CHECKED
hp_status hp__find_blocks(hp__findings *out, hp__arena *a,
                          const hp_checkpoint *c, hp_error *err);
/* "model.layers.N.self_attn" of a block, "model.layers.3.self_attn" whole. */
typedef struct hp__block_text {
    char pattern[224], name[224];
} hp__block_text;
hp__block_text hp__found_text(const hp__found *f);
/* The part of a tensor's name after the block's: "q_proj.weight". */
const char *hp__found_rest(const hp__found *f, const hp_tensor *t);

/* What is known of a model_type besides its tensors. */
typedef struct hp__known_type {
    const char *model_type;
    hp_qkv_order order;  /* of a fused tensor; HP_QKV_UNKNOWN: it has none */
    int kv_key_idle;     /* its key for key/value heads does not count */
    const char *differs; /* why it is no known architecture although its tensors
                            are named like one's; NULL: nothing to say */
    const char *refused; /* why its heads cannot be found; NULL: they can */
} hp__known_type;
/* NULL: nothing is known. `model_type` may be NULL. */
const hp__known_type *hp__known_type_get(const char *model_type);

/* The sizes of a block's maps. */
typedef struct hp__block_shape {
    unsigned out_axis;      /* as in hp_linear */
    uint64_t n_in, n_out;   /* of the block: hidden state in and out */
    uint64_t queries, keys; /* outputs of all query heads; of all key heads */
    int forced;             /* the transpose would not fit */
} hp__block_shape;
/* HP_UNSUPPORTED: the shapes are not those of an attention block. */
HP_CHECKED
hp_status hp__found_shape(hp__block_shape *out, const hp__found *f,
                          hp_error *err);

/* How many heads, and where that was read. */
typedef struct hp__head_count {
    uint32_t n_heads, n_kv_heads, head_dim;
    const char *source; /* key of config.json; NULL: told */
    int kv_confirmed;   /* config.json says n_kv_heads too */
} hp__head_count;
/* HP_UNSUPPORTED: nothing says how many, or what is said contradicts itself or
 * the shape. `told` is 0 when the caller does not know. */
HP_CHECKED
hp_status hp__count_heads(hp__head_count *out, const hp__block_shape *shape,
                          const hp__node *config, const hp__known_type *known,
                          uint32_t told, hp_error *err);
/* HP_UNSUPPORTED: config.json speaks of another number of layers than was
 * found. */
HP_CHECKED
hp_status hp__check_layers(const hp__findings *f, const hp__node *config,
                           hp_error *err);

/* Blocks and heads of the binder's model, and its detection; the binder holds
 * the status. `type` is config.json's or NULL, `runs_as` an architecture with
 * just these tensors or NULL. */
void hp__detect(hp__binder *b, const char *type, const char *runs_as,
                const hp__node *config, const hp_model_options *o);

#endif
