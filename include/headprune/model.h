#ifndef HEADPRUNE_MODEL_H
#define HEADPRUNE_MODEL_H

#include "headprune/checkpoint.h"
#include "headprune/heads.h"

/*
 * A model: a checkpoint whose config.json was understood and whose tensors
 * were bound to the weights of an architecture, every shape checked. No
 * architecture is named here: what differs between GPT-2, BERT and the rest is
 * data in hp_spec, hp_block and hp_linear.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef enum hp_norm { HP_NORM_NONE, HP_NORM_LAYER, HP_NORM_RMS } hp_norm;

typedef enum hp_position {
    HP_POSITION_NONE,
    HP_POSITION_LEARNED, /* a row of a table is added to the embedding */
    HP_POSITION_ROPE,
    HP_POSITION_RELATIVE
} hp_position;

/* Rotary positions (Su et al. 2021): pair i of a head's queries and keys turns
 * by position * theta^(-2 i / head_dim), changed by the scaling:
 * https://huggingface.co/docs/transformers/internal/rope_utils */
typedef enum hp_rope_scaling {
    HP_ROPE_DEFAULT,
    HP_ROPE_LINEAR, /* all angles / factor */
    HP_ROPE_BANDED  /* slow ones / factor, fast ones as they are: "llama3" */
} hp_rope_scaling;

typedef struct hp_rope {
    double theta;
    hp_rope_scaling scaling;
    double factor;
    /* BANDED: full turns within original_positions up to which a pair is
     * slow, and from which it is fast. */
    double low_turns, high_turns;
    uint32_t original_positions;
} hp_rope;

typedef enum hp_activation {
    HP_ACTIVATION_RELU,
    HP_ACTIVATION_GELU,      /* x Phi(x), by erf */
    HP_ACTIVATION_GELU_TANH, /* Hendrycks & Gimpel 2016's tanh form */
    HP_ACTIVATION_SILU
} hp_activation;

typedef enum hp_output {
    HP_OUTPUT_NONE,   /* no vocabulary projection in the checkpoint */
    HP_OUTPUT_CAUSAL, /* logits of the next token */
    HP_OUTPUT_MASKED  /* logits of the token at the position itself */
} hp_output;

/* What config.json says, in one vocabulary for all architectures. */
typedef struct hp_spec {
    uint32_t n_layers;
    uint32_t n_encoder_layers; /* the first so many of them are an encoder's,
                                  whose output the others, a decoder's, read
                                  too; 0: one stack of layers */
    uint32_t n_heads, n_kv_heads, head_dim; /* of a full block */
    uint32_t width;                         /* of the hidden state, D */
    uint32_t ffn_width;
    uint32_t vocab, max_positions, n_types;
    uint32_t position_offset; /* the first token's row in the table */
    hp_norm norm;
    int norm_first; /* 1: before attention and MLP; 0: after the residual */
    hp_position position;
    hp_rope rope; /* of HP_POSITION_ROPE */
    hp_activation activation;
    int gated, causal;
    hp_output output;
    float norm_eps;
    int32_t start_token; /* a decoder's tokens begin with it */
} hp_spec;

/*
 * One linear map inside a stored tensor. Everything about layout stands here,
 * so that nothing else knows a Conv1D from a Linear.
 */
typedef struct hp_linear {
    const hp_tensor *weight; /* NULL: the map is absent */
    const hp_tensor *bias;   /* [outputs of the tensor]; NULL: none */
    unsigned out_axis;       /* 0: stored [out, in]; 1: stored [in, out] */
    uint64_t first, count;   /* outputs of the tensor that this map owns */
    uint64_t n_in;
    uint64_t head_stride; /* outputs from one head to the next; 0: no heads */
} hp_linear;

typedef struct hp_norm_weights {
    const hp_tensor *weight, *bias; /* [D]; bias NULL: none (RMS) */
} hp_norm_weights;

/*
 * A number for every head and distance of key and query, which is added to
 * their score: Raffel et al. 2020, section 2.1. Distances are put into buckets,
 * those of a causal block towards one side only.
 */
typedef struct hp_relative {
    const hp_tensor *table; /* [buckets, heads of the block]; NULL: none */
    uint32_t buckets, max_distance; /* from which on the bucket is the same */
} hp_relative;

/* One multi-head attention with its norm. A T5 decoder layer has two. */
typedef struct hp_block {
    const char *name; /* "transformer.h.3.attn" */
    const char *id;   /* what ids of its heads begin with: "3", "dec.0.cross" */
    uint32_t layer;   /* of its stack */
    uint32_t first_head; /* number of its first head in the model */
    uint32_t n_heads, n_kv_heads, head_dim; /* n_heads 0: only o.bias is left */
    /* [n_heads] key and value head of every query head; NULL: each is shared by
     * n_heads / n_kv_heads query heads, side by side. */
    const uint32_t *kv_head;
    int causal;
    int decoder;     /* its queries are of the decoder's tokens; */
    int cross;       /* its keys and values of the encoder's output */
    uint32_t window; /* keys that a query sees at most, itself the last; 0: all
                        before it */
    float scale;     /* of query . key before the softmax */
    hp_relative relative;
    hp_norm_weights norm;
    hp_linear q, k, v;
    hp_norm_weights q_norm, k_norm; /* [head_dim] of every head's queries and
                                       keys, before the positions; or none */
    hp_linear o; /* head h owns INPUTS h * head_dim .. of it */
} hp_block;

/* The key and value head, of the block, that query head `head` uses. */
static inline uint32_t hp_block_kv_head(const hp_block *b, uint32_t head)
{
    return b->kv_head ? b->kv_head[head] : head / (b->n_heads / b->n_kv_heads);
}

/* The feed-forward part of a layer. */
typedef struct hp_mlp {
    hp_norm_weights norm;
    hp_linear up, gate, down; /* gate.weight NULL: not gated */
} hp_mlp;

/*
 * A band of rows (axis 0) or columns (axis 1) of one tensor that belongs to
 * one head; a bias has axis 0. `shared`: other query heads use it too.
 */
typedef enum hp_role { HP_ROLE_Q, HP_ROLE_K, HP_ROLE_V, HP_ROLE_O } hp_role;
typedef struct hp_slice {
    const hp_tensor *tensor;
    hp_role role;
    unsigned axis;
    uint64_t start, count;
    int shared;
} hp_slice;
#define HP_MAX_SLICES 8

/* What documents and reports say of a model. */
typedef struct hp_model_info {
    const char *path;         /* as the user gave it */
    const char *model_type;   /* "gpt2" */
    const char *architecture; /* class: "GPT2LMHeadModel"; "" when unknown */
    const char *fingerprint;  /* "sha256:..." */
    uint32_t layers, heads, head_dim; /* heads: in the whole model */
    uint64_t parameters;
} hp_model_info;

typedef struct hp_model hp_model;

/* How one tensor holds queries, keys and values. */
typedef enum hp_qkv_order {
    HP_QKV_UNKNOWN,
    HP_QKV_SPLIT, /* all queries, then all keys, then all values */
    HP_QKV_HEADS  /* head by head its query, key and value; where several share
                     a key, their queries, then it and its value */
} hp_qkv_order;

/* What the user knows of a model and config.json does not say. */
typedef struct hp_model_options {
    const char *as;   /* the model_type to take it for; NULL: config.json's */
    uint32_t n_heads; /* query heads of a block; 0: not told */
    hp_qkv_order qkv_order;
} hp_model_options;

/*
 * How a model of no known architecture was understood: its attention blocks
 * were found by the names and shapes of tensors. Its heads can be weighed and
 * silenced, but nothing can be computed with it.
 */
typedef enum hp_certainty {
    HP_CERTAIN, /* the model_type is known, or shapes leave no other reading */
    HP_LIKELY,  /* names say how the matrices are stored, shapes would fit the
                   transpose too */
    HP_TOLD     /* the caller said what config.json does not */
} hp_certainty;

typedef struct hp_detection {
    const char *blocks;     /* "gpt_neox.layers.N.attention", several with
                               commas */
    const char *tensors[4]; /* [n_tensors] of a block, the output last:
                               "query_key_value.weight", "dense.weight" */
    size_t n_tensors;
    const char *heads_from; /* key of config.json; NULL: the caller */
    hp_qkv_order order;     /* HP_QKV_UNKNOWN: separate tensors */
    const char *order_from; /* "model_type", "shapes", "the tensor's name" or
                               "the caller"; NULL: separate tensors */
    hp_certainty certainty;
    const char *runs_as; /* an architecture that has just these tensors, as
                            which the model runs if it computes alike; or NULL
                          */
} hp_detection;

/*
 * Reads the configuration and binds the tensors. The checkpoint is borrowed
 * and must outlive the model; `o` may be NULL. HP_FORMAT: a key or tensor is
 * missing, malformed or contradicts another; HP_UNSUPPORTED: an activation or
 * the like that headprune does not run, or a model_type that it does not know
 * with tensors that can be read in more than one way, or in none; HP_INVALID:
 * `as` is no known type.
 */
HP_CHECKED
hp_status hp_model_open(hp_model **out, const hp_checkpoint *c,
                        const hp_model_options *o, hp_error *err);
void hp_model_free(hp_model *m); /* NULL is fine */

/* Everything below is borrowed until hp_model_free. */
const hp_checkpoint *hp_model_checkpoint(const hp_model *m);
const hp_model_info *hp_model_info_get(const hp_model *m);
const hp_spec *hp_model_spec(const hp_model *m);
size_t hp_model_n_heads(const hp_model *m);
const hp_head *hp_model_heads(const hp_model *m); /* [n_heads] */
/* [n_heads] 1: the head is silent, as the mask beside the weights says
 * (headprune.masks.safetensors); NULL: there is no mask. Every forward pass
 * applies it, whatever else is masked. */
const unsigned char *hp_model_masked(const hp_model *m);
size_t hp_model_n_blocks(const hp_model *m);
const hp_block *hp_model_block(const hp_model *m, size_t i);
/* NULL: the architecture is known. */
const hp_detection *hp_model_detection(const hp_model *m);
/* 1: forward passes can be computed: its architecture is known. */
int hp_model_runs(const hp_model *m);
/* A weight in a dtype that headprune does not compute with (F8_E4M3): heads of
 * such a model can be silenced and removed, not scored by their weights or run;
 * NULL: there is none. */
const hp_tensor *hp_model_opaque(const hp_model *m);

/*
 * The bands that head `head` owns: of query, key and value (weight, then
 * bias) and of the output projection's weight, in this order. The output
 * projection's bias belongs to no head. Returns how many were written.
 */
size_t hp_model_slices(const hp_model *m, size_t head,
                       hp_slice out[HP_MAX_SLICES]);
/* Parameters of one head: elements of all its slices that it does not share. */
uint64_t hp_model_head_parameters(const hp_model *m, size_t head);
/* Parameters of all heads; a shared band counts once. */
uint64_t hp_model_heads_parameters(const hp_model *m);

/*
 * What a model weighs, and what one token costs: multiplications with an
 * addition, in all linear maps (embeddings are looked up, not multiplied) and
 * between queries, keys and values; averaged over a sequence of `length`
 * tokens, of which a causal one sees those before it. With two stacks it is
 * one token of each. Norms, softmax and activations are not counted.
 */
typedef struct hp_cost {
    uint64_t parameters, bytes; /* of all tensors */
    uint64_t multiply_adds;     /* 0: not known, as hp_model_runs says */
} hp_cost;
/* Without the heads of `removed` [n_heads], NULL: whole. Keys and values of a
 * group go with the last of its heads. */
hp_cost hp_model_cost(const hp_model *m, const unsigned char *removed,
                      uint64_t length);

/* Departures from what the architecture leads one to expect, for `inspect`:
 * one line each ("tensor 'x' is not part of the model"). */
size_t hp_model_n_notes(const hp_model *m);
const char *hp_model_note(const hp_model *m, size_t i);
/*
 * Ids that end a text ("eos_token_id"): of generation_config.json beside the
 * tensors where it names any, else of config.json; `*n` may be 0. `*ids` is
 * freed by the caller with free(). HP_FORMAT: the key is neither an id nor a
 * list of ids.
 */
HP_CHECKED
hp_status hp_model_end_tokens(int32_t **ids, size_t *n, const hp_model *m,
                              hp_error *err);
/* "lm_head.weight = transformer.wte.weight"; NULL when nothing is tied. */
const char *hp_model_tied(const hp_model *m);
/* The output projection, where config.json ties it to the token table and the
 * file holds one of its own with other values (of 16 rows, one differs); the
 * stored one is computed with. NULL: there is none like that. */
const hp_tensor *hp_model_untied(const hp_model *m);

/* Ids of special tokens that config.json names (`mask`: -1 when it names no
 * mask token), for models without a tokenizer. Returns how many were written.
 */
#define HP_MAX_SPECIAL 16
size_t hp_model_special(const hp_model *m, int32_t ids[HP_MAX_SPECIAL],
                        int32_t *mask);

/* The model_type names that hp_model_open runs, in table order; NULL past the
 * end. */
const char *hp_model_type_name(size_t i);

#ifdef __cplusplus
}
#endif

#endif
