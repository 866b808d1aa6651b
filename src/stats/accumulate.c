/*
 * C += sum of z z' over some rows, as sum of (z - c)(z - c)' in single
 * precision plus what the centre c contributes, in double: heads' outputs have
 * means far larger than their deviations, and a product of the raw values would
 * lose the deviations in rounding.
 */
#include "stats/accumulate.h"
#include "base/arena.h"

#include <omp.h>
#include <stdlib.h>

/* Floats from one strip to the next: a power of two would put all of them into
 * the same lines of the cache. */
#define STRIP_STEP ((HP__SUM_ROWS + 1) * HP__STRIP)
#define ROWS_AHEAD ((size_t)24) /* that are fetched before they are read */

static size_t strips_of(size_t n)
{
    return (n + HP__STRIP - 1) / HP__STRIP;
}

hp_status hp__accumulator_open(hp__accumulator *a, const hp__kernels *kernels,
                               unsigned threads, size_t n, hp_error *err)
{
    *a = (hp__accumulator){.kernels = kernels, .threads = threads, .n = n};
    hp_status st =
        hp__new(&a->strips, strips_of(n), STRIP_STEP * sizeof(float), err);
    if (!st)
        st = hp__new(&a->centre, n, sizeof(float), err);
    if (!st)
        st = hp__new(&a->rest, n, sizeof(double), err);
    if (!st)
        st = hp__new(&a->squares, HP__SUM_ROWS, sizeof(double), err);
    if (!st)
        st = hp__new(&a->products, threads * HP__STRIP, n * sizeof(float), err);
    return st;
}

void hp__accumulator_close(hp__accumulator *a)
{
    free(a->strips);
    free(a->centre);
    free(a->rest);
    free(a->squares);
    free(a->products);
    *a = (hp__accumulator){0};
}

/* Row r of n columns from `first` on. */
static inline void get_row(float *out, const hp__sum_rows *x, size_t r,
                           size_t first, size_t n)
{
    float by = x->by ? x->by[r] : 1.0F;
    const float *from = x->z + r * x->n + first;
    for (size_t j = 0; j < n; j++)
        out[j] = from[j] * by;
}

/* Rows lie on pages of their own, and processors fetch ahead within a page. */
static inline void fetch_row(const hp__sum_rows *x, size_t r, size_t first)
{
    if (r < x->rows)
        __builtin_prefetch(x->z + r * x->n + first);
}

/* Sums and means of n columns from `first` on, and what is left of them in
 * their strip. */
static void centre_columns(hp__accumulator *a, hp__sums *to,
                           const hp__sum_rows *x, size_t first, size_t n)
{
    float *strip = a->strips + first / HP__STRIP * STRIP_STEP;
    float row[HP__STRIP], centre[HP__STRIP];
    double sums[HP__STRIP] = {0}, rest[HP__STRIP] = {0};
    for (size_t r = 0; r < x->rows; r++) {
        fetch_row(x, r + ROWS_AHEAD, first);
        get_row(row, x, r, first, n);
        for (size_t j = 0; j < n; j++)
            sums[j] += (double)row[j];
    }
    for (size_t j = 0; j < n; j++)
        centre[j] = (float)(sums[j] / (double)x->rows);
    for (size_t r = 0; r < x->rows; r++) {
        float *off = strip + r * HP__STRIP;
        get_row(row, x, r, first, n);
        for (size_t j = 0; j < n; j++) {
            off[j] = row[j] - centre[j];
            rest[j] += (double)off[j];
        }
    }
    for (size_t j = 0; j < n; j++) {
        to->sum[first + j] += sums[j];
        a->centre[first + j] = centre[j];
        a->rest[first + j] = rest[j];
    }
}

static void prepare(hp__accumulator *a, hp__sums *to, const hp__sum_rows *x)
{
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (size_t first = 0; first < x->n; first += HP__STRIP) {
        size_t left = x->n - first;
        centre_columns(a, to, x, first, left < HP__STRIP ? left : HP__STRIP);
    }
}

/* The rows of C that belong to strip i, from its own columns on: n - 16 i of
 * them. */
static float *multiply_strip(const hp__accumulator *a, const hp__sum_rows *x,
                             size_t i)
{
    const float *strip = a->strips + i * STRIP_STEP;
    float *out = a->products + (size_t)omp_get_thread_num() * HP__STRIP * a->n;
    size_t left = x->n - i * HP__STRIP;
    const hp__strip_product p = {.m = left < HP__STRIP ? left : HP__STRIP,
                                 .n = left,
                                 .k = x->rows,
                                 .a = strip,
                                 .lda = HP__STRIP,
                                 .a_is_transposed = 1,
                                 .b = {strip, STRIP_STEP},
                                 .c = out,
                                 .ldc = left};
    a->kernels->multiply_strips(&p);
    return out;
}

static void add_strip(const hp__accumulator *a, hp__sums *to,
                      const hp__sum_rows *x, size_t i)
{
    size_t first = i * HP__STRIP, left = x->n - first;
    const float *product = multiply_strip(a, x, i);
    const float *right = a->centre + first;
    const double *rest = a->rest + first;
    for (size_t row = first; row < x->n && row < first + HP__STRIP; row++) {
        double *c = to->c + row * x->n + first;
        double centre = (double)a->centre[row];
        double weight = centre * (double)x->rows + a->rest[row];
        for (size_t j = 0; j < left; j++)
            c[j] += (double)product[j] +
                    (weight * (double)right[j] + centre * rest[j]);
        product += left;
    }
}

static void add_strips(const hp__accumulator *a, hp__sums *to,
                       const hp__sum_rows *x)
{
#pragma omp parallel for num_threads(a->threads) schedule(dynamic)
    for (size_t i = 0; i < strips_of(x->n); i++)
        add_strip(a, to, x, i);
}

static void add_stream(hp__accumulator *a, hp__sums *to, const float *x,
                       size_t rows, size_t width)
{
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (size_t r = 0; r < rows; r++) {
        const hp__raw_rows row = {.at = (const unsigned char *)(x + r * width),
                                  .rows = 1,
                                  .n = width};
        a->squares[r] = a->kernels->squares(&row, HP_DTYPE_F32);
    }
    for (size_t r = 0; r < rows; r++)
        *to->stream += a->squares[r];
}

static size_t at_a_time(size_t left)
{
    return left < HP__SUM_ROWS ? left : HP__SUM_ROWS;
}

void hp__accumulate_rows(hp__accumulator *a, hp__sums *to,
                         const hp__sum_rows *x)
{
    for (size_t from = 0; from < x->rows; from += HP__SUM_ROWS) {
        const hp__sum_rows part = {.z = x->z + from * x->n,
                                   .by = x->by ? x->by + from : NULL,
                                   .rows = at_a_time(x->rows - from),
                                   .n = x->n};
        prepare(a, to, &part);
        add_strips(a, to, &part);
    }
}

void hp__accumulate(hp__accumulator *a, hp__sums *to,
                    const hp_seen_outputs *seen)
{
    const hp__sum_rows all = {seen->z, NULL, seen->rows, seen->n};
    hp__accumulate_rows(a, to, &all);
    for (size_t from = 0; from < seen->rows; from += HP__SUM_ROWS)
        add_stream(a, to, seen->stream + from * seen->width,
                   at_a_time(seen->rows - from), seen->width);
}

void hp__sums_mirror(double *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            c[i * n + j] = c[j * n + i];
}
