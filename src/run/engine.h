#ifndef HEADPRUNE_RUN_ENGINE_H
#define HEADPRUNE_RUN_ENGINE_H

#include "headprune/run.h"
#include "nn/machine.h"
#include "run/layer.h"
#include "run/outcome.h"
#include "run/rotary.h"
#include "run/variants.h"

/*
 * The inside of one sweep. Sequences are packed into pieces of whole
 * sequences, about HP__PIECE_ROWS rows each; a piece is computed by one thread
 * (its attention by all that are free), and how pieces are cut depends on
 * nothing but the sequences, so that no sum depends on threads or memory. A
 * batch is as many pieces as the budget holds; its hidden states lie in one
 * block, variant after variant and in them piece after piece.
 */
#define HP__PIECE_ROWS ((size_t)512)
#define HP__QUERY_ROWS ((size_t)64)   /* rows of attention at a time */
#define HP__MLP_UNITS  ((size_t)1536) /* of an MLP at a time, at most */

typedef struct hp__piece {
    size_t first, n; /* sequences */
    size_t rows;
    size_t row; /* of the piece's first row in the batch */
} hp__piece;

/*
 * A stack of layers and the tokens that go through it. Of an encoder and a
 * decoder the decoder comes second; its pieces hold the same sequences.
 */
typedef struct hp__stack {
    hp_sequences sequences;
    uint32_t first_layer, end_layer;
    hp__piece *pieces; /* [n_pieces] */
    float *hidden;     /* [variants, batch_rows, D] */
    size_t batch_rows; /* of the largest batch */
} hp__stack;

/* Working memory of one thread. */
typedef struct hp__scratch {
    float *wide;   /* [piece rows, q k v] or [rows of the MLP, units at a time];
                      of a cross block [piece rows, q], then [encoder's rows, k
                      v] */
    float *normed; /* [piece rows, D] */
    float *raw;    /* [piece rows, queries and keys] before their norms; NULL
                      unless a backward pass follows and there are norms */
    float *scores; /* [HP__QUERY_ROWS, keys], unnormalised */
    float *strips; /* of what a head multiplies with; NULL: none */
    double *entropy; /* [tokens of the longest sequence] */
    float *probs;    /* [HP__QUERY_ROWS, keys] when an observer asks */
} hp__scratch;

typedef struct hp__sizes {
    size_t piece_rows; /* of the largest piece */
    size_t length;     /* of the longest sequence */
    size_t batch_rows; /* of the largest batch of the stack that is computed */
    size_t budget;     /* bytes for hidden states and outputs */
    size_t together;   /* a batch that is not the last has a multiple of so many
                          pieces where it can: threads end together */
    size_t qkv, ffn;   /* floats of a row in hp__scratch.wide */
    size_t outputs;    /* floats of a row of hp__run.outputs; 0: none */
    size_t projection; /* floats of the largest output projection */
} hp__sizes;

/* Keys and values of a sequence that is computed a few tokens at a time. */
typedef struct hp__cache {
    float **rows; /* [blocks of the model][room, keys and values of a token]; of
                     a cross block [encoded, ..] */
    size_t room;  /* tokens that fit */
    size_t past;  /* tokens before those of this call */
    size_t encoded; /* tokens that the encoder has read */
} hp__cache;

/* The output projection of a block as a variant has it. */
typedef struct hp__projected {
    float *weight; /* [sizes.projection], as the model's own lies */
    int given;     /* 0: the model's own counts */
} hp__projected;

struct hp__backward;
struct hp__states;

typedef struct hp__run {
    const hp_model *model;
    const hp_sequences *sequences; /* of the stack that is computed, as are
                                      pieces and hidden */
    const hp_run_options *options;
    const hp_observer *observer;
    const hp__kernels *kernels;
    unsigned threads;
    int strips; /* 1: weights, keys and values are multiplied in strips */
    hp__sizes sizes;
    hp__stack stacks[2];
    size_t n_stacks;         /* 0 before hp__run_prepare: as the model has it */
    const hp__stack *stack;  /* that is computed */
    hp__norm encoder_norm;   /* at the end of the first of two */
    const hp__piece *pieces; /* [n_pieces] */
    size_t n_pieces;
    hp__reader reader;
    hp__map project;     /* of the embedding; weight NULL: none */
    float *project_room; /* its weights */
    hp__rotary rotary;
    hp__variants variants;
    float *hidden;  /* [variants, batch_rows, D] */
    float *outputs; /* [variants, batch_rows, sizes.outputs] of the heads
                       of one block; NULL: nobody looks */
    hp__projected *projected; /* [variants, HP__MAX_BLOCKS]; NULL: none */
    float *given;      /* [sizes.projection] as it is given, before it is cut */
    float *layer_room; /* weights of one layer, then of the output */
    hp__scratch *scratch; /* [threads] */
    hp__layer_weights layer;
    uint32_t layer_index;
    size_t block_index; /* in the layer, where it is done part by part */
    hp__extent extent;  /* of the last layer */
    hp__cache *cache;   /* NULL: every sequence begins here */
    struct hp__backward *backward; /* NULL: forward only */
    /* Where a layer takes all batches: their hidden states, and what the heads
     * of a block gave. */
    const struct hp__states *states, *output_states;
    hp__outcome outcome;
    uint64_t done, total; /* tokens x layers */
} hp__run;

/* The smallest part of the work of a layer: a piece, as a variant has it. */
typedef struct hp__share {
    const hp__piece *piece;
    size_t variant;
} hp__share;

/* All heads over all sequences of a share. */
typedef struct hp__heads {
    const hp__attention *attention;
    hp__share share;
    const float *qkv;     /* [rows of the piece, attention->width] */
    const float *encoded; /* cross: [rows of the encoder's piece,
                             attention->encoded_width] */
    float *z; /* [rows of the piece, heads x head_dim], ld_z apart: the
                 heads' output; may be qkv, in place of the queries */
    size_t ld_z;
} hp__heads;

/* Past the sequences that make a piece from `first` on. */
size_t hp__piece_end(const hp_sequences *s, size_t first);
/* Tokens x layers of a sweep; `v` NULL: no masks. */
uint64_t hp__sweep_work(const hp_model *m, const hp_sequences *s,
                        const hp__variants *v);
/* Stack i is computed from here on. */
void hp__run_enter(hp__run *r, size_t i);

size_t hp__sequence_length(const hp__run *r, size_t sequence);
/* Tokens before the first one of every sequence: those in the cache. */
size_t hp__past(const hp__run *r);
/* [rows of the piece, D] */
hp__matrix hp__share_hidden(const hp__run *r, hp__share s);
/* What the encoder has made for a share of the decoder; rows NULL: a cache
 * holds what is made of it. */
hp__matrix hp__share_encoded(const hp__run *r, hp__share s);
/* C [x.rows, n_out] = x W, without the bias; `add`: to what is in C. */
void hp__map_apply(float *c, size_t ldc, const hp__run *r, const hp__map *map,
                   const hp__matrix *x, int add);
/* HP_FORMAT, naming `what` ("block") and its name: a value of x is not finite.
 */
HP_CHECKED
hp_status hp__check_range(const hp__run *r, const hp__matrix *x,
                          const char *what, const char *name, hp_error *err);
/* Place of a share, and of part i of it, in the order of hp__outcome. */
uint64_t hp__work_place(const hp__run *r, hp__share s, size_t i);

/* [rows of the piece, heads * head_dim] of a block of the layer */
hp__matrix hp__share_outputs(const hp__run *r, const hp__attention *a,
                             hp__share s);
/* Runs `work` on all shares of a batch, on all threads. */
HP_CHECKED
hp_status hp__each_share(hp__run *r, void (*work)(hp__run *, hp__share),
                         const hp__piece *pieces, size_t n, hp_error *err);
/* Reads layer i, as far as it is needed. */
HP_CHECKED
hp_status hp__load_layer(hp__run *r, uint32_t i, hp_error *err);
/* A variant that parts from its parent in this layer takes a copy of its state.
 */
void hp__part_share(hp__run *r, hp__share s);
/* The work of a forward sweep: embedding; the layer, with progress. */
void hp__embed_share(hp__run *r, hp__share s);
void hp__forward_share(hp__run *r, hp__share s);
/* The norm at the end of an encoder. */
HP_CHECKED
hp_status hp__finish_encoder(hp__run *r, const hp__piece *pieces, size_t n,
                             hp_error *err);
/* The end of the stack that is computed: of an encoder its norm, of the last
 * one the final norm and what observers see. */
HP_CHECKED
hp_status hp__finish_stack(hp__run *r, const hp__piece *pieces, size_t n,
                           hp_error *err);
/* Progress: a layer of a piece is done. */
void hp__report(hp__run *r, const hp__piece *p);

/* Token ids -> hidden states of a share. `reader` has one thread. */
HP_CHECKED
hp_status hp__embed(const hp__run *r, hp__share share, const hp__reader *reader,
                    hp__scratch *scratch, hp_error *err);
/* The steps of a layer. What a part computes on: x, or its norm (in
 * scratch->normed) where that comes first. */
hp__matrix hp__part_input(const hp__run *r, const hp__matrix *x,
                          const hp__norm *norm, hp__scratch *scratch);
/* How a part of a layer ends, of rows that begin with row `row` of the share;
 * `part` as in hp__kept_place. */
typedef struct hp__part_end {
    hp__share share;
    size_t part, row;
    const hp__map *map;
    const hp__norm *norm;
} hp__part_end;
/* x + inner W + b, and the norm where that comes after. */
HP_CHECKED
hp_status hp__part_output(const hp__run *r, const hp__matrix *x,
                          const hp__matrix *inner, const hp__part_end *e,
                          hp_error *err);
/* How many units of an MLP are computed at a time. */
size_t hp__mlp_slice(const hp__run *r);
/* At most HP__PIECE_ROWS rows of the MLP, with norm and residual. */
HP_CHECKED
hp_status hp__mlp_rows(const hp__run *r, const hp__matrix *x,
                       const hp__part_end *end, hp__scratch *scratch,
                       hp_error *err);
/* Queries, keys and values; of a cross block those of the encoder's output
 * come after all queries, unless a cache holds them. The heads' output takes
 * the place of the queries. */
hp__heads hp__project_heads(const hp__run *r, const hp__attention *a,
                            hp__share share, hp__scratch *scratch);
/* hp__attend for all heads of a share; threads that have no piece of their own
 * help. Failures go to the outcome. */
void hp__attend_all(hp__run *r, const hp__heads *heads);
/* One layer of a share; failures go to the outcome. */
void hp__forward(hp__run *r, hp__share share, hp__scratch *scratch);
/* What becomes of queries and keys between their projection and the scores:
 * norms, positions. qkv [rows of the piece, a->width] */
void hp__query_key(const hp__run *r, const hp__attention *a, hp__share share,
                   float *qkv);
/* The gradient of their result turned into that of what they took; raw [rows of
 * the piece, queries and keys] is that, NULL where there are no norms. */
void hp__query_key_back(const hp__run *r, const hp__attention *a,
                        hp__share share, float *raw, float *dqkv);
/* The same part by part: the heads of a block, whose outputs are put aside
 * where an observer sees them; what the block adds to the hidden states; the
 * MLP. Failures go to the outcome. */
void hp__forward_heads(hp__run *r, hp__share share, hp__scratch *scratch);
void hp__forward_output(hp__run *r, hp__share share);
void hp__forward_mlp(hp__run *r, hp__share share, hp__scratch *scratch);
/* Shows the outputs of the heads of pieces, one after the other. */
HP_CHECKED
hp_status hp__outputs_show(const hp__run *r, const hp__piece *pieces, size_t n,
                           hp_error *err);
/* Asks for the output projections of block i of the layer. */
HP_CHECKED
hp_status hp__projections_get(const hp__run *r, size_t i, hp_error *err);
/* That of block `a` in a variant. */
hp__map hp__projection_of(const hp__run *r, const hp__attention *a,
                          size_t variant);
/* Keys, then values, of a cross block, [rows of `encoded`, a->encoded_width].
 */
void hp__encoded_keys(float *out, const hp__run *r, const hp__attention *a,
                      const hp__matrix *encoded);
/* Attention of one head over one sequence: item i is head i % n_heads of
 * sequence i / n_heads of the share. */
HP_CHECKED
hp_status hp__attend(const hp__run *r, const hp__heads *heads, size_t item,
                     hp__scratch *scratch, hp_error *err);
/* Final norm, hidden states and logits of a batch of pieces. */
HP_CHECKED
hp_status hp__finish(hp__run *r, const hp__piece *pieces, size_t n,
                     hp_error *err);

#endif
