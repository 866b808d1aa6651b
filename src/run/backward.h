#ifndef HEADPRUNE_RUN_BACKWARD_H
#define HEADPRUNE_RUN_BACKWARD_H

#include "io/spill.h"
#include "run/engine.h"

/*
 * The backward pass, mirror of the forward pass: gradients of the sequences'
 * losses with respect to activations, never to weights. A part is one
 * attention or one MLP with its norm and its residual; the forward sweep keeps
 * the input of every part, and the backward sweep computes the part again from
 * it. All sequences are one batch: what does not fit the budget lies in a
 * temporary file.
 *
 *     forward                    backward
 *     sweep.c                    backward_sweep.c
 *     forward.c                  backward.c
 *     attention.c                backward_attention.c
 *     logits.c                   backward_output.c
 */

/* Working memory of one thread, beside its hp__scratch. */
typedef struct hp__back_scratch {
    float *wide;   /* [piece rows, q k v], or twice [HP__MLP_BACK_ROWS, ffn] */
    float *scores; /* [HP__QUERY_ROWS, keys] gradients of probabilities */
} hp__back_scratch;

#define HP__MLP_BACK_ROWS ((size_t)256) /* rows of an MLP at a time */

/* What grows with the tokens of one stack. */
typedef struct hp__back_stack {
    float *inputs; /* [parts of the stack][tokens, D] of the parts. Of an
                      attention, once it is done: the gradient of what it adds
                      to the stream */
    float *hidden; /* [tokens, D] what the forward sweep works on */
    float *last;   /* [tokens, D] what the norm at the end of an encoder takes;
                      of the last stack NULL */
    float *gradient; /* [tokens, D] of what the part gave, then took */
} hp__back_stack;

typedef struct hp__backward {
    hp__spill room; /* of all that grows with the tokens */
    hp__back_stack stacks[2];
    hp__back_stack *stack;     /* that is computed */
    float *z, *z_gradient;     /* [tokens, heads x head_dim] of one block */
    double *losses;            /* [sequences] mean of -ln p(label), nats */
    uint32_t *n_labels;        /* [sequences] */
    hp__back_scratch *scratch; /* [threads] */
    size_t part;               /* of the layer, that is computed backward: its
                                  blocks, then its MLP */
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

/* A part of a share, whose input r->hidden points to: turns the stack's
 * gradient from that of its output into that of its input; failures go to the
 * outcome. Below the first block of a stack nobody looks: its own input has no
 * gradient.
 */
void hp__backward_part(hp__run *r, hp__share share, hp__scratch *scratch);

/* Gradients of queries, keys and values: item i is group i % n_kv_heads of
 * heads that share keys, of sequence i / n_kv_heads of the share. */
void hp__attend_back(const hp__run *r, const hp__heads_back *heads, size_t item,
                     hp__scratch *scratch);

/* Final norm, logits and losses of all tokens that have a label, and the
 * gradient of the hidden states after the last layer. */
HP_CHECKED
hp_status hp__finish_back(hp__run *r, hp_error *err);

/* The input of a part of the layer, kept when a backward sweep follows. */
void hp__keep_input(const hp__run *r, hp__share share, size_t part);

/* hp_run_sweep where gradients are asked for. */
HP_CHECKED
hp_status hp__run_gradients(hp__run *r, hp_error *err);

#endif
