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
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define DAMPING 0.01 /* lambda, of the mean diagonal of C */

typedef struct elimination {
    const hp__loss_metric *metric;
    size_t n, dim, heads;
    double *p, *m;  /* [n, n]; of what is left both triangles count */
    double *e;      /* [n, dim] -E */
    double *column; /* [n, dim] of M, of what is left once h is gone */
    double *rooms;  /* [threads][2][dim, dim] */
    double *costs;  /* [heads] */
    size_t *left;   /* [n_left] heads */
    size_t n_left;
} elimination;

/* ---- P ---- */

static double mean_diagonal(const double *c, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += c[i * n + i];
    return sum / (double)n;
}

/* A C that is not positive definite in spite of lambda takes a larger one. */
static hp_status make_inverse(const elimination *x, hp_error *err)
{
    size_t n = x->n;
    const double *c = x->metric->c;
    double *a = x->p, lambda = DAMPING * mean_diagonal(c, n);
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
    hp__cholesky_invert(x->metric->blas, a, n);
    return HP_OK;
}

/* ---- heads ---- */

/* The block (i, j) of P or M. */
static double *block_of(const elimination *x, double *of, size_t i, size_t j)
{
    return of + i * x->dim * x->n + j * x->dim;
}

static void copy_block(double *to, const elimination *x, const double *from)
{
    for (size_t i = 0; i < x->dim; i++)
        memcpy(to + i * x->dim, from + i * x->n, x->dim * sizeof *to);
}

/* C += A B, all [dim, dim]; c with rows of ldc. */
static void add_product(const elimination *x, double *c, size_t ldc,
                        const double *a, const double *b, int b_turned)
{
    hp__dense_product p = {.m = x->dim,
                           .n = x->dim,
                           .k = x->dim,
                           .a = a,
                           .lda = x->dim,
                           .b = b,
                           .ldb = b_turned ? x->dim : x->n,
                           .b_turned = b_turned,
                           .ldc = ldc,
                           .add = 1};
    p.c = c;
    hp__dense_multiply(x->metric->blas, &p);
}

static double *room_of(const elimination *x)
{
    return x->rooms + (size_t)omp_get_thread_num() * 2 * x->dim * x->dim;
}

static int factor_own(const elimination *x, double *factor, size_t h)
{
    int definite;
    copy_block(factor, x, block_of(x, x->p, h, h));
    hp__cholesky(&definite, x->metric->blas, factor, x->dim);
    return definite;
}

/* tr(P_hh^-1 M_hh); infinite when rounding has eaten P_hh. */
static double cost_of(const elimination *x, size_t h)
{
    double *factor = room_of(x), *own = factor + x->dim * x->dim, sum = 0;
    if (!factor_own(x, factor, h))
        return HUGE_VAL;
    copy_block(own, x, block_of(x, x->m, h, h));
    hp__cholesky_solve(x->metric->blas, factor, x->dim, own, x->dim);
    for (size_t i = 0; i < x->dim; i++)
        sum += own[i * x->dim + i];
    return sum;
}

/* -E_i = -P_ih P_hh^-1 and M_ih - E_i M_hh. */
static void take_from(const elimination *x, const double *factor, size_t i,
                      size_t h)
{
    size_t size = x->dim * x->dim;
    double *e = x->e + i * size, *column = x->column + i * size;
    copy_block(e, x, block_of(x, x->p, i, h));
    hp__cholesky_solve(x->metric->blas, factor, x->dim, e, x->dim);
    for (size_t k = 0; k < size; k++)
        e[k] = -e[k];
    copy_block(column, x, block_of(x, x->m, i, h));
    add_product(x, column, x->dim, e, block_of(x, x->m, h, h), 0);
}

/* P_ij -= E_i P_hj; M_ij -= E_i M_hj + (M_ih - E_i M_hh) E_j'. */
static void take_pair(const elimination *x, size_t i, size_t j, size_t h)
{
    size_t size = x->dim * x->dim, n = x->n;
    double *p = block_of(x, x->p, i, j), *m = block_of(x, x->m, i, j);
    double *p_turned = block_of(x, x->p, j, i);
    double *m_turned = block_of(x, x->m, j, i);
    add_product(x, p, n, x->e + i * size, block_of(x, x->p, h, j), 0);
    add_product(x, m, n, x->e + i * size, block_of(x, x->m, h, j), 0);
    add_product(x, m, n, x->column + i * size, x->e + j * size, 1);
    for (size_t r = 0; r < x->dim && i != j; r++)
        for (size_t c = 0; c < x->dim; c++) {
            p_turned[c * n + r] = p[r * n + c];
            m_turned[c * n + r] = m[r * n + c];
        }
}

/* Eliminates head h, which is no longer among those that are left. */
static void take(const elimination *x, size_t h)
{
    size_t n = x->n_left;
    double *factor = x->e + h * x->dim * x->dim;
    if (!factor_own(x, factor, h))
        return;
#pragma omp parallel num_threads(x->metric->threads)
    {
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n; i++)
            take_from(x, factor, x->left[i], h);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n * n; i++)
            if (i / n <= i % n)
                take_pair(x, x->left[i / n], x->left[i % n], h);
    }
}

/* Place among those left of the cheapest head; ties fall to the first. */
static size_t cheapest(const elimination *x)
{
    size_t best = 0;
#pragma omp parallel for num_threads(x->metric->threads) schedule(dynamic)
    for (size_t i = 0; i < x->n_left; i++)
        x->costs[i] = cost_of(x, x->left[i]);
    for (size_t i = 1; i < x->n_left; i++)
        if (x->costs[i] < x->costs[best])
            best = i;
    return best;
}

/* A head's score is its cost after those taken before it, and no less than
 * theirs, so that the order in the block stays. */
static hp_status eliminate(double *values, elimination *x, hp_error *err)
{
    double last = 0;
    while (x->n_left) {
        size_t i = cheapest(x), h = x->left[i];
        if (!isfinite(x->costs[i]))
            return hp_fail(err, HP_FORMAT,
                           "block '%s': the cost of its heads is not finite",
                           x->metric->block->name);
        last = x->costs[i] > last ? x->costs[i] : last;
        values[h] = last;
        x->n_left--;
        memmove(x->left + i, x->left + i + 1,
                (x->n_left - i) * sizeof *x->left);
        take(x, h);
    }
    return HP_OK;
}

static hp_status open_elimination(elimination *x, hp_error *err)
{
    size_t n = x->n, dim = x->dim;
    hp_status st = hp__new(&x->e, n, dim * sizeof(double), err);
    if (!st)
        st = hp__new(&x->column, n, dim * sizeof(double), err);
    if (!st)
        st = hp__new(&x->rooms, x->metric->threads,
                     2 * dim * dim * sizeof(double), err);
    if (!st)
        st = hp__new(&x->costs, x->heads, sizeof(double), err);
    if (!st)
        st = hp__new(&x->left, x->heads, sizeof *x->left, err);
    for (; x->n_left < x->heads && !st; x->n_left++)
        x->left[x->n_left] = x->n_left;
    return st;
}

static void close_elimination(elimination *x)
{
    free(x->e);
    free(x->column);
    free(x->rooms);
    free(x->costs);
    free(x->left);
}

static hp_status visit(void *payload, const hp__loss_metric *metric,
                       hp_error *err)
{
    double *values = payload;
    const hp_block *b = metric->block;
    if (mean_diagonal(metric->c, metric->n) <= 0) { /* all heads are silent */
        memset(values + b->first_head, 0, b->n_heads * sizeof *values);
        return HP_OK;
    }
    elimination x = {.metric = metric,
                     .n = metric->n,
                     .dim = b->head_dim,
                     .heads = b->n_heads,
                     .p = metric->room,
                     .m = metric->m};
    hp_status st = open_elimination(&x, err);
    if (!st)
        st = make_inverse(&x, err);
    if (!st)
        st = eliminate(values + b->first_head, &x, err);
    close_elimination(&x);
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
