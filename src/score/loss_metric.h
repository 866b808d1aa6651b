#ifndef HEADPRUNE_SCORE_LOSS_METRIC_H
#define HEADPRUNE_SCORE_LOSS_METRIC_H

#include "headprune/score.h"
#include "nn/blas.h"

/*
 * What a change of a block's output costs, to second order: with g the gradient
 * of a sequence's summed loss at what the block adds to the stream, a change d
 * costs about d' G d, G = E g g' over all query positions. What heads put out
 * lies in C = E z z', and G only matters through W G W', W [n, D] being the
 * output projection: W g is the gradient dz of the loss at z, so W G W' is
 * E dz dz'. Both are symmetric, of double precision.
 */
typedef struct hp__loss_metric {
    const hp_block *block;
    const hp__blas *blas;
    unsigned threads;
    size_t n;     /* n_heads * head_dim */
    double *c;    /* [n, n] C */
    double *m;    /* [n, n] W G W' */
    double *room; /* [n, n] of the visitor, as are c and m */
} hp__loss_metric;

typedef struct hp__loss_metric_visitor {
    hp_status (*visit)(void *payload, const hp__loss_metric *metric,
                       hp_error *err);
    void *payload;
} hp__loss_metric_visitor;

/* Forward and back over the calibration sequences; shows every block, the last
 * one first. One block's matrices are held at a time. */
HP_CHECKED
hp_status hp__loss_metric_sweep(const hp_model *m, const hp_score_options *o,
                                const hp__loss_metric_visitor *visitor,
                                hp_error *err);

#endif
