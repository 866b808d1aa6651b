/* The linear algebra of a refit. */
#include "refit/solve.h"
#include "base/arena.h"
#include "nn/machine.h"
#include "refit/stored.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define BAND ((size_t)64) /* columns of W at a time */
/* A ridge of the diagonal's own size always makes a matrix positive. */
#define MOST_LAMBDA 10.0

/* Doubles of one band: its right-hand sides, its change, a product. */
static size_t band_room(const hp__solver *s)
{
    return 3 * BAND * s->n;
}

static size_t n_bands(size_t width)
{
    return (width + BAND - 1) / BAND;
}

hp_status hp__solver_open(hp__solver *s, const hp_model *m,
                          const hp_run_options *o, hp_error *err)
{
    *s = (hp__solver){.blas = &o->backend->blas};
    s->threads = hp__blas_room(o->threads ? o->threads : hp_backend_cpus());
    if (!s->threads)
        s->threads = 1;
    for (size_t i = 0; i < hp_model_n_blocks(m); i++) {
        const hp_linear *l = &hp_model_block(m, i)->o;
        s->n = l->n_in > s->n ? (size_t)l->n_in : s->n;
        s->width = l->count > s->width ? (size_t)l->count : s->width;
    }
    hp_status st = hp__new(&s->a, s->n, s->n * sizeof(double), err);
    if (!st)
        st = hp__new(&s->across, s->n, s->n * sizeof(double), err);
    if (!st)
        st = hp__new(&s->bands, s->threads, band_room(s) * sizeof(double), err);
    if (!st)
        st = hp__new(&s->errors, n_bands(s->width), 3 * sizeof(double), err);
    if (!st)
        st = hp__new(&s->room, s->n, 3 * sizeof(double), err);
    if (!st)
        st = hp__new(&s->ints, s->n, sizeof(int), err);
    if (!st)
        st = hp__new(&s->kept, s->n, sizeof(size_t), err);
    if (!st)
        st = hp__new(&s->gone, s->n, sizeof(size_t), err);
    return st;
}

void hp__solver_close(hp__solver *s)
{
    free(s->a);
    free(s->across);
    free(s->bands);
    free(s->errors);
    free(s->room);
    free(s->ints);
    free(s->kept);
    free(s->gone);
    *s = (hp__solver){0};
}

/* ---- the matrix ---- */

/* How many rows stay and go. */
typedef struct parts {
    size_t kept, gone;
} parts;

static parts split(const hp__solver *s, const hp__block_task *t)
{
    parts p = {0, 0};
    size_t dim = t->moments->block->head_dim;
    for (size_t i = 0; i < t->moments->n; i++)
        if (t->masked[i / dim])
            s->gone[p.gone++] = i;
        else
            s->kept[p.kept++] = i;
    return p;
}

static double mean_diagonal(const hp_moments *m)
{
    double sum = 0;
    for (size_t i = 0; i < m->n; i++)
        sum += m->c[i * m->n + i];
    return sum / (double)m->n;
}

static void gather(double *out, const hp_moments *m, const size_t *rows,
                   size_t n_rows, const size_t *columns, size_t n)
{
    for (size_t i = 0; i < n_rows; i++)
        for (size_t j = 0; j < n; j++)
            out[i * n + j] = m->c[rows[i] * m->n + columns[j]];
}

/* Leaves the factor of C_KK + ridge I in s->a; raises the ridge until there is
 * one. */
static hp_status factor(hp_refit_block *out, hp__solver *s,
                        const hp__block_task *t, size_t n, hp_error *err)
{
    double mean = mean_diagonal(t->moments);
    int definite = 0;
    out->lambda = t->damping;
    do {
        gather(s->a, t->moments, s->kept, n, s->kept, n);
        for (size_t i = 0; i < n; i++)
            s->a[i * n + i] += out->lambda * mean;
        double norm = hp__dense_norm1(s->a, n);
        if (isfinite(norm))
            hp__cholesky(&definite, s->blas, s->a, n);
        if (definite) {
            out->condition = hp__cholesky_condition(s->blas, s->a, n, norm,
                                                    s->room, s->ints);
            return HP_OK;
        }
        out->lambda *= 10;
    } while (out->lambda <= MOST_LAMBDA);
    return hp_fail(err, HP_FORMAT,
                   "block '%s': the statistics of its outputs cannot be "
                   "factored",
                   t->moments->block->name);
}

/* ---- the columns ---- */

/* Columns first .. first + n of W. */
typedef struct band {
    size_t first, n;
    double *rhs;     /* [n, kept], then the solution */
    double *change;  /* [rows, n] of W */
    double *product; /* [rows, n] */
} band;

static band band_at(const hp__solver *s, size_t i, size_t width)
{
    double *at = s->bands + (size_t)omp_get_thread_num() * band_room(s);
    size_t left = width - i * BAND;
    return (band){.first = i * BAND,
                  .n = left < BAND ? left : BAND,
                  .rhs = at,
                  .change = at + BAND * s->n,
                  .product = at + 2 * BAND * s->n};
}

/* tr(X' C X) of a band's X [rows, n]. */
static double energy(const hp__solver *s, const hp_moments *m, const band *b,
                     const double *x, size_t ldx)
{
    double sum = 0;
    hp__dense_product p = {.m = m->n,
                           .n = b->n,
                           .k = m->n,
                           .a = m->c,
                           .lda = m->n,
                           .b = x,
                           .ldb = ldx,
                           .c = b->product,
                           .ldc = b->n};
    hp__dense_multiply(s->blas, &p);
    for (size_t i = 0; i < m->n; i++)
        for (size_t j = 0; j < b->n; j++)
            sum += x[i * ldx + j] * b->product[i * b->n + j];
    return sum;
}

/* Right-hand sides (C_KS W_S)' of a band, from the pruned rows in b->change. */
static void solve_band(const hp__solver *s, const band *b, const parts *p)
{
    hp__dense_product product = {.m = b->n,
                                 .n = p->kept,
                                 .k = p->gone,
                                 .a = b->product,
                                 .lda = b->n,
                                 .a_turned = 1,
                                 .b = s->across,
                                 .ldb = p->kept,
                                 .c = b->rhs,
                                 .ldc = p->kept};
    hp__dense_multiply(s->blas, &product);
    hp__cholesky_solve(s->blas, s->a, p->kept, b->rhs, b->n);
}

static void gather_gone(const band *b, const hp__solver *s,
                        const hp__block_task *t, const parts *p, size_t width)
{
    memset(b->change, 0, t->moments->n * b->n * sizeof(double));
    for (size_t i = 0; i < p->gone; i++)
        for (size_t j = 0; j < b->n; j++) {
            double w = t->w[s->gone[i] * width + b->first + j];
            b->change[s->gone[i] * b->n + j] = -w;
            b->product[i * b->n + j] = w;
        }
}

/* The kept rows of a band, rounded, and by how much they change. */
static void place(double *w_new, const band *b, const hp__solver *s,
                  const hp__block_task *t, const parts *p)
{
    size_t width = (size_t)t->moments->block->o.count;
    for (size_t i = 0; i < p->kept; i++) {
        const double *old = t->w + s->kept[i] * width + b->first;
        double *to = w_new + s->kept[i] * width + b->first;
        for (size_t j = 0; j < b->n; j++) {
            to[j] = hp__rounded(old[j] + b->rhs[j * p->kept + i], t->dtype);
            b->change[s->kept[i] * b->n + j] = to[j] - old[j];
        }
    }
    for (size_t i = 0; i < p->gone; i++)
        memset(w_new + s->gone[i] * width + b->first, 0, b->n * sizeof *w_new);
}

static void run_band(double *w_new, const hp__solver *s,
                     const hp__block_task *t, const parts *p, size_t i)
{
    size_t width = (size_t)t->moments->block->o.count;
    band b = band_at(s, i, width);
    double *errors = s->errors + 3 * i;
    errors[2] = energy(s, t->moments, &b, t->w + b.first, width);
    gather_gone(&b, s, t, p, width);
    if (p->kept) {
        solve_band(s, &b, p);
        errors[0] = energy(s, t->moments, &b, b.change, b.n);
        place(w_new, &b, s, t, p);
    }
    errors[1] = energy(s, t->moments, &b, b.change, b.n);
    if (!p->kept)
        errors[0] = errors[1];
}

/* Roots of sums over the bands, in order. */
static void judge(hp_refit_block *out, const hp__solver *s, size_t n)
{
    double sums[3] = {0, 0, 0};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 3; k++)
            sums[k] += s->errors[3 * i + k];
    double whole = sums[2] > 0 ? sums[2] : 1;
    out->before = sqrt(fmax(sums[0], 0) / whole);
    out->refitted = out->lambda > 0 && sums[1] < sums[0];
    out->after = out->refitted ? sqrt(fmax(sums[1], 0) / whole) : out->before;
}

hp_status hp__solve(hp_refit_block *out, double *w_new, hp__solver *s,
                    const hp__block_task *t, hp_error *err)
{
    parts p = split(s, t);
    size_t width = (size_t)t->moments->block->o.count;
    *out = (hp_refit_block){
        .block = t->moments->block,
        .n_pruned = (uint32_t)(p.gone / t->moments->block->head_dim),
        .condition = (double)NAN};
    int solvable = p.kept && mean_diagonal(t->moments) != 0;
    if (!solvable)
        p.kept = 0;
    hp_status st = solvable ? factor(out, s, t, p.kept, err) : HP_OK;
    if (st)
        return st;
    gather(s->across, t->moments, s->gone, p.gone, s->kept, p.kept);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
    for (size_t i = 0; i < n_bands(width); i++)
        run_band(w_new, s, t, &p, i);
    judge(out, s, n_bands(width));
    return HP_OK;
}
