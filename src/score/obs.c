/*
 * Optimal brain surgeon (Hassibi and Stork 1993) for the heads of a block in
 * the metric of the loss: the cost of removing the set S when the rows of the
 * output projection that stay are refitted,
 *
 *     tr(G W_S' P_SS^-1 W_S),  P = (C + lambda I)^-1,
 *
 * since P_SS^-1 is the Schur complement of what stays. Heads are taken
 * greedily. Taking head h is a step of block elimination: with
 * E = P_:h P_hh^-1 the rows W_i become W_i - E_i W_h and P_ij becomes
 * P_ij - E_i P_hj; then tr(P_kk^-1 M_kk), M = W G W', is what head k costs in
 * addition.
 */
#include "base/arena.h"
#include "nn/dense.h"
#include "score/loss_metric.h"
#include "score/scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAMPING 0.01 /* lambda, of the mean diagonal of C */

typedef struct elimination {
    const hp__loss_metric *metric;
    size_t n, dim;
    double *p, *m;  /* [n, n] of what is left */
    double *factor; /* [dim, dim] of P_hh */
    double *own;    /* [dim, dim] */
    double *e;      /* [n, dim] -E */
    double *column; /* [n, dim] */
    double *row;    /* [dim, n] */
} elimination;

/* ---- P ---- */

static double mean_diagonal(const double *c, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += c[i * n + i];
    return sum / (double)n;
}

/* Rows of the identity, each a right-hand side of its own. */
static void invert(const elimination *x, const double *factor)
{
    size_t n = x->n;
    memset(x->p, 0, n * n * sizeof *x->p);
    for (size_t i = 0; i < n; i++)
        x->p[i * n + i] = 1.0;
#pragma omp parallel for num_threads(x->metric->threads) schedule(dynamic)
    for (size_t i = 0; i < n; i += HP__METRIC_ROWS) {
        size_t left = n - i;
        hp__cholesky_solve(x->metric->blas, factor, n, x->p + i * n,
                           left < HP__METRIC_ROWS ? left : HP__METRIC_ROWS);
    }
}

/* A C that is not positive definite in spite of lambda takes a larger one. */
static hp_status make_inverse(const elimination *x, hp_error *err)
{
    size_t n = x->n;
    const double *c = x->metric->c;
    double *a = x->metric->room[0], lambda = DAMPING * mean_diagonal(c, n);
    int definite = 0;
    for (unsigned i = 0; i < 6 && !definite; i++) {
        memcpy(a, c, n * n * sizeof *a);
        for (size_t j = 0; j < n; j++)
            a[j * n + j] += lambda;
        hp__cholesky(&definite, x->metric->blas, a, n);
        lambda *= 10;
    }
    if (!definite)
        return hp_fail(err, HP_FORMAT,
                       "block '%s': its second moments cannot be factored",
                       x->metric->block->name);
    invert(x, a);
    return HP_OK;
}

/* ---- heads ---- */

/* The block (h, h) of P or M. */
static void copy_own(double *to, const elimination *x, const double *from,
                     size_t h)
{
    for (size_t i = 0; i < x->dim; i++)
        memcpy(to + i * x->dim, from + (h * x->dim + i) * x->n + h * x->dim,
               x->dim * sizeof *to);
}

static int factor_own(const elimination *x, size_t h)
{
    int definite;
    copy_own(x->factor, x, x->p, h);
    hp__cholesky(&definite, x->metric->blas, x->factor, x->dim);
    return definite;
}

/* tr(P_hh^-1 M_hh); infinite when rounding has eaten P_hh. */
static double cost_of(const elimination *x, size_t h)
{
    double sum = 0;
    if (!factor_own(x, h))
        return HUGE_VAL;
    copy_own(x->own, x, x->m, h);
    hp__cholesky_solve(x->metric->blas, x->factor, x->dim, x->own, x->dim);
    for (size_t i = 0; i < x->dim; i++)
        sum += x->own[i * x->dim + i];
    return sum;
}

static void copy_column(const elimination *x, double *to, const double *from,
                        size_t h)
{
    for (size_t i = 0; i < x->n; i++)
        memcpy(to + i * x->dim, from + i * x->n + h * x->dim,
               x->dim * sizeof *to);
}

static void subtract(const elimination *x, double *from, const double *a,
                     const double *b, int b_turned)
{
    hp__wide_product p = {.rows = x->n,
                          .columns = x->n,
                          .k = x->dim,
                          .a = a,
                          .lda = x->dim,
                          .b = b,
                          .ldb = b_turned ? x->dim : x->n,
                          .b_turned = b_turned,
                          .add = 1};
    p.c = from;
    hp__wide_multiply(x->metric->blas, x->metric->threads, &p);
}

static void take(const elimination *x, size_t h)
{
    size_t n = x->n, band = x->dim * n;
    if (!factor_own(x, h))
        return;
    copy_column(x, x->e, x->p, h);
    hp__cholesky_solve(x->metric->blas, x->factor, x->dim, x->e, n);
    for (size_t i = 0; i < n * x->dim; i++)
        x->e[i] = -x->e[i];
    memcpy(x->row, x->p + h * band, band * sizeof *x->row);
    subtract(x, x->p, x->e, x->row, 0);
    memcpy(x->row, x->m + h * band, band * sizeof *x->row);
    subtract(x, x->m, x->e, x->row, 0);
    copy_column(x, x->column, x->m, h);
    subtract(x, x->m, x->column, x->e, 1);
}

/* The cheapest head that is left; ties fall to the first. */
static size_t cheapest(const elimination *x, const unsigned char *gone,
                       double *cost)
{
    size_t best = SIZE_MAX;
    for (size_t h = 0; h < x->metric->block->n_heads; h++) {
        if (gone[h])
            continue;
        double own = cost_of(x, h);
        if (best == SIZE_MAX || own < *cost) {
            *cost = own;
            best = h;
        }
    }
    return best;
}

/* A head's score is its cost after those taken before it, and no less than
 * theirs, so that the order in the block stays. */
static hp_status eliminate(double *values, const elimination *x,
                           unsigned char *gone, hp_error *err)
{
    double last = 0, cost = 0;
    for (size_t i = 0; i < x->metric->block->n_heads; i++) {
        size_t h = cheapest(x, gone, &cost);
        if (!isfinite(cost))
            return hp_fail(err, HP_FORMAT,
                           "block '%s': the cost of its heads is not finite",
                           x->metric->block->name);
        last = cost > last ? cost : last;
        values[h] = last;
        gone[h] = 1;
        take(x, h);
    }
    return HP_OK;
}

static hp_status open_elimination(elimination *x, hp_error *err)
{
    size_t n = x->n, dim = x->dim;
    hp_status st = hp__new(&x->factor, dim, dim * sizeof(double), err);
    if (!st)
        st = hp__new(&x->own, dim, dim * sizeof(double), err);
    if (!st)
        st = hp__new(&x->e, n, dim * sizeof(double), err);
    if (!st)
        st = hp__new(&x->column, n, dim * sizeof(double), err);
    return st ? st : hp__new(&x->row, dim, n * sizeof(double), err);
}

static void close_elimination(elimination *x)
{
    free(x->factor);
    free(x->own);
    free(x->e);
    free(x->column);
    free(x->row);
}

static hp_status visit(void *payload, const hp__loss_metric *metric,
                       hp_error *err)
{
    double *values = payload;
    const hp_block *b = metric->block;
    unsigned char *gone = NULL;
    if (mean_diagonal(metric->c, metric->n) <= 0) { /* all heads are silent */
        memset(values + b->first_head, 0, b->n_heads * sizeof *values);
        return HP_OK;
    }
    elimination x = {.metric = metric,
                     .n = metric->n,
                     .dim = b->head_dim,
                     .p = metric->room[1],
                     .m = metric->m};
    hp_status st = hp__new(&gone, b->n_heads, 1, err);
    if (!st)
        st = open_elimination(&x, err);
    if (!st)
        st = make_inverse(&x, err);
    if (!st)
        st = eliminate(values + b->first_head, &x, gone, err);
    close_elimination(&x);
    free(gone);
    return st;
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    hp__loss_metric_visitor visitor = {.visit = visit};
    visitor.payload = values;
    return hp__loss_metric_sweep(m, o, &visitor, err);
}

const hp__scorer hp__scorer_obs = {
    .method = {.name = "obs",
               .unit = "nat^2",
               .summary = "what losing the head adds to the loss once the "
                          "heads of its block that stay are refitted",
               .passes = "3",
               .zeroed = 106.5,
               .refitted = 104.7,
               .needs_data = 1,
               .needs_loss = 1,
               .needs_backward = 1,
               .choice = 1,
               .why = "the model has a loss, and this weighs what a head "
                      "costs it once the others are refitted"},
    .weigh = weigh};
