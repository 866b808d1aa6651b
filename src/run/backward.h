#ifndef HEADPRUNE_RUN_BACKWARD_H
#define HEADPRUNE_RUN_BACKWARD_H

#include "run/batch_states.h"
#include "run/kept_rows.h"

/*
 * The backward pass, mirror of the forward pass: gradients of the sequences'
 * losses with respect to activations, never to weights. What the forward sweep
 * has kept of a part (kept_rows.h) is turned around, last part first. Layers
 * come one after the other in both directions, and in each of them batches of
 * sequences, so that every layer's weights are read once each way; what a batch
 * leaves between two layers lies in a file when there are several
 * (batch_states.h).
 *
 *     forward                    backward
 *     sweep.c                    backward_sweep.c
 *     forward.c                  backward.c
 *     attention.c                backward_attention.c
 *     projection.c               backward_output.c
 */

/* Working memory of one thread, beside its hp__scratch. */
typedef struct hp__back_scratch {
    float *wide;   /* [piece rows, q k v], or [HP__MLP_BACK_ROWS, ffn], twice
                      where there is a gate */
    float *scores; /* [HP__QUERY_ROWS, keys] gradients of probabilities */
} hp__back_scratch;

#define HP__MLP_BACK_ROWS ((size_t)512) /* rows of an MLP at a time */

typedef struct hp__backward {
    hp__kept_store kept;
    hp__states states;
    float *gradients[2];       /* [stacks][rows of its batch, D] of what a part
                                  gave, then took */
    float *z_gradient;         /* [rows of the batch, sizes.outputs] of the
                                  outputs of one block's heads */
    double *losses;            /* [sequences] mean of -ln p(label), nats */
    uint32_t *n_labels;        /* [sequences] */
    hp__back_scratch *scratch; /* [threads] */
} hp__backward;

/* Of all heads over all sequences of a share. */
typedef struct hp__heads_back {
    hp__heads heads;
    const float *dz; /* [rows of the piece, heads x head_dim] */
    float *dqkv;     /* [rows of the piece, attention->width], filled in */
    float *dencoded; /* cross: [rows of the encoder's piece,
                        attention->encoded_width], filled in */
} hp__heads_back;

/* C [g.rows, n_in] = g W', the gradient of x from that of x W; `add`: to what
 * is in C. */
void hp__map_back(float *c, size_t ldc, const hp__run *r, const hp__map *map,
                  const hp__matrix *g, int add);

/* [rows of the share, D] of the gradient of the stack that is computed. */
hp__matrix hp__share_gradient(const hp__run *r, hp__share s);

/* The block at r->block_index of a share, and before it the layer's MLP when it
 * is the last one: turns the gradient of what they gave into that of what they
 * took; failures go to the outcome. Below the first block of a stack nobody
 * looks: its own input has no gradient.
 */
void hp__backward_block(hp__run *r, hp__share share, hp__scratch *scratch);

/* Gradients of queries, keys and values: item i is group i % n_kv_heads of
 * heads that share keys, of sequence i / n_kv_heads of the share. */
void hp__attend_back(const hp__run *r, const hp__heads_back *heads, size_t item,
                     hp__scratch *scratch);

/* Final norm, logits and losses of all tokens of a batch that have a label, and
 * the gradient of the hidden states after the last layer. */
HP_CHECKED
hp_status hp__finish_back(hp__run *r, const hp__piece *pieces, size_t n,
                          hp_error *err);

/* hp_run_sweep where gradients are asked for. */
HP_CHECKED
hp_status hp__run_gradients(hp__run *r, hp_error *err);

#endif
