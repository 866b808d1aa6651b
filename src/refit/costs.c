/* Costs of heads, of one inverse a block. */
#include "refit/costs.h"
#include "base/arena.h"
#include "nn/machine.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ---- traces ---- */

static double *own_room(const hp__costs *k)
{
    return k->room + (size_t)omp_get_thread_num() * k->room_size;
}

/* Tile (h, j) of a matrix [n, n], to `out`, `ld` apart. */
static void take_tile(double *out, size_t ld, const double *from,
                      const hp__costs *k, const size_t at[2])
{
    for (size_t i = 0; i < k->dim; i++)
        memcpy(out + i * ld,
               from + (at[0] * k->dim + i) * k->n + at[1] * k->dim,
               k->dim * sizeof *out);
}

/* tr(X^-1 G), X and G [n, n] symmetric; both are lost. */
static double trace(const hp__costs *k, double *x, double *g, size_t n)
{
    int definite = 0;
    double sum = 0;
    hp__cholesky(&definite, k->blas, x, n);
    if (!definite)
        return (double)NAN;
    hp__cholesky_solve(k->blas, x, n, g, n);
    for (size_t i = 0; i < n; i++)
        sum += g[i * n + i];
    return sum;
}

static double cost_of(const hp__costs *k, size_t h)
{
    double *x = own_room(k), *g = x + k->dim * k->dim;
    take_tile(x, k->dim, k->p, k, (size_t[]){h, h});
    take_tile(g, k->dim, k->g, k, (size_t[]){h, h});
    return trace(k, x, g, k->dim);
}

static double cost_of_both(const hp__costs *k, size_t h, size_t j)
{
    size_t d = k->dim, ld = 2 * d;
    double *x = own_room(k), *g = x + ld * ld;
    take_tile(x, ld, k->p, k, (size_t[]){h, h});
    take_tile(x + d, ld, k->p, k, (size_t[]){h, j});
    take_tile(x + d * ld, ld, k->p, k, (size_t[]){j, h});
    take_tile(x + d * ld + d, ld, k->p, k, (size_t[]){j, j});
    take_tile(g, ld, k->g, k, (size_t[]){h, h});
    take_tile(g + d, ld, k->g, k, (size_t[]){h, j});
    take_tile(g + d * ld, ld, k->g, k, (size_t[]){j, h});
    take_tile(g + d * ld + d, ld, k->g, k, (size_t[]){j, j});
    return trace(k, x, g, ld);
}

/* The cost of h once j is gone: its inverse is P_hh - P_hj (P_jj)^-1 P_jh. */
static double cost_without(const hp__costs *k, size_t h, size_t j)
{
    size_t d = k->dim, size = d * d;
    double *x = own_room(k), *across = x + size, *solved = across + size,
           *factor = solved + size, *g = factor + size;
    int definite = 0;
    take_tile(x, d, k->p, k, (size_t[]){h, h});
    take_tile(across, d, k->p, k, (size_t[]){h, j});
    take_tile(solved, d, k->p, k, (size_t[]){h, j});
    take_tile(factor, d, k->p, k, (size_t[]){j, j});
    take_tile(g, d, k->g, k, (size_t[]){h, h});
    hp__cholesky(&definite, k->blas, factor, d);
    if (!definite)
        return (double)NAN;
    hp__cholesky_solve(k->blas, factor, d, solved, d);
    for (size_t i = 0; i < size; i++)
        across[i] = -across[i];
    const hp__dense_product p = {.m = d,
                                 .n = d,
                                 .k = d,
                                 .a = across,
                                 .lda = d,
                                 .b = solved,
                                 .ldb = d,
                                 .b_turned = 1,
                                 .c = x,
                                 .ldc = d,
                                 .add = 1};
    hp__dense_multiply(k->blas, &p);
    return trace(k, x, g, d);
}

static void find_costs(const hp__costs *k)
{
#pragma omp parallel for num_threads(k->threads) schedule(dynamic)
    for (size_t i = 0; i < k->heads * k->heads; i++) {
        size_t h = i / k->heads, j = i % k->heads;
        if (h == j)
            k->single[h] = cost_of(k, h);
        else
            k->without[i] = cost_without(k, h, j);
        if (h < j)
            k->joint[i] = cost_of_both(k, h, j);
    }
}

/* ---- the matrices of a block ---- */

/* A and its inverse. Raises the ridge tenfold until A can be factored. */
static hp_status invert(hp__costs *k, const hp_moments *s, double damping,
                        hp_error *err)
{
    size_t n = s->n;
    double mean = 0, lambda = damping;
    int definite = 0;
    for (size_t i = 0; i < n; i++)
        mean += s->c[i * n + i] / (double)n;
    /* A block that puts out nothing: any ridge will do. */
    mean = mean > 0 ? mean : 1;
    while (!definite && lambda <= 10 && isfinite(mean)) {
        memcpy(k->a, s->c, n * n * sizeof *k->a);
        for (size_t i = 0; i < n; i++)
            k->a[i * n + i] += lambda * mean;
        memcpy(k->factor, k->a, n * n * sizeof *k->a);
        hp__cholesky(&definite, k->blas, k->factor, n);
        lambda *= 10;
    }
    if (!definite)
        return hp_fail(err, HP_FORMAT,
                       "block '%s': the statistics of its outputs cannot be "
                       "factored",
                       s->block->name);
    memset(k->p, 0, n * n * sizeof *k->p);
    for (size_t i = 0; i < n; i++)
        k->p[i * n + i] = 1;
#pragma omp parallel for num_threads(k->threads) schedule(static)
    for (size_t h = 0; h < k->heads; h++)
        hp__cholesky_solve(k->blas, k->factor, n, k->p + h * k->dim * n,
                           k->dim);
    return HP_OK;
}

static void square_projection(const hp__costs *k, const double *w, size_t width)
{
#pragma omp parallel for num_threads(k->threads) schedule(static)
    for (size_t h = 0; h < k->heads; h++) {
        const hp__dense_product p = {.m = k->dim,
                                     .n = k->n,
                                     .k = width,
                                     .a = w + h * k->dim * width,
                                     .lda = width,
                                     .b = w,
                                     .ldb = width,
                                     .b_turned = 1,
                                     .c = k->g + h * k->dim * k->n,
                                     .ldc = k->n};
        hp__dense_multiply(k->blas, &p);
    }
}

hp_status hp__costs_find(hp__costs *k, const hp_moments *s, const double *w,
                         double damping, hp_error *err)
{
    k->n = s->n;
    k->dim = s->block->head_dim;
    k->heads = s->block->n_heads;
    hp_status st = invert(k, s, damping, err);
    if (st)
        return st;
    square_projection(k, w, (size_t)s->block->o.count);
    find_costs(k);
    return HP_OK;
}

double hp__costs_energy(const hp__costs *k, size_t h, size_t j)
{
    double sum = 0;
    for (size_t i = 0; i < k->dim; i++)
        for (size_t l = 0; l < k->dim; l++) {
            size_t at = (h * k->dim + i) * k->n + j * k->dim + l;
            sum += k->a[at] * k->g[at];
        }
    return sum;
}

/* ---- room for the largest block ---- */

hp_status hp__costs_open(hp__costs *k, const hp_model *m,
                         const hp_run_options *o, hp_error *err)
{
    size_t n = 0, dim = 0, heads = 0;
    *k = (hp__costs){.blas = &o->backend->blas};
    k->threads = hp__blas_room(o->threads ? o->threads : hp_backend_cpus());
    k->threads = k->threads ? k->threads : 1;
    for (size_t i = 0; i < hp_model_n_blocks(m); i++) {
        const hp_block *b = hp_model_block(m, i);
        size_t width = (size_t)b->n_heads * b->head_dim;
        n = width > n ? width : n;
        dim = b->head_dim > dim ? b->head_dim : dim;
        heads = b->n_heads > heads ? b->n_heads : heads;
    }
    k->room_size = 8 * dim * dim;
    struct {
        double **at;
        size_t n;
    } rooms[] = {{&k->a, n * n},
                 {&k->factor, n * n},
                 {&k->p, n * n},
                 {&k->g, n * n},
                 {&k->room, k->threads * k->room_size},
                 {&k->single, heads},
                 {&k->joint, heads * heads},
                 {&k->without, heads * heads}};
    hp_status st = HP_OK;
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms && !st; i++)
        st = hp__new(rooms[i].at, rooms[i].n, sizeof(double), err);
    return st;
}

void hp__costs_close(hp__costs *k)
{
    free(k->a);
    free(k->factor);
    free(k->p);
    free(k->g);
    free(k->room);
    free(k->single);
    free(k->joint);
    free(k->without);
    *k = (hp__costs){0};
}
