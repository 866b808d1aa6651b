/*
 * C += sum of z z' over a strip, as sum of (z - c)(z - c)' in single precision
 * plus what the centre c contributes, in double: heads' outputs have means far
 * larger than their deviations, and a product of the raw values would lose the
 * deviations in rounding.
 */
#include "stats/accumulate.h"
#include "base/arena.h"

#include <omp.h>
#include <stdlib.h>

#define TILE ((size_t)128)

/* Rows of one strip. */
typedef struct strip {
    const float *z;
    size_t rows, n;
} strip;

hp_status hp__accumulator_open(hp__accumulator *a, const hp__blas *blas,
                               unsigned threads, size_t n, hp_error *err)
{
    *a = (hp__accumulator){.blas = blas, .threads = threads, .n = n};
    hp_status st =
        hp__new(&a->turned, n * HP__STRIP_STRIDE, sizeof(float), err);
    if (!st)
        st = hp__new(&a->centre, n, sizeof(float), err);
    if (!st)
        st = hp__new(&a->rest, n, sizeof(double), err);
    if (!st)
        st = hp__new(&a->squares, HP__STRIP_ROWS, sizeof(double), err);
    if (!st)
        st = hp__new(&a->products, threads, TILE * TILE * sizeof(float), err);
    return st;
}

void hp__accumulator_close(hp__accumulator *a)
{
    free(a->turned);
    free(a->centre);
    free(a->rest);
    free(a->squares);
    free(a->products);
    *a = (hp__accumulator){0};
}

static size_t tile_size(size_t n, size_t tile)
{
    return n - tile * TILE < TILE ? n - tile * TILE : TILE;
}

/* Sums and means of the columns first .. end. */
static void centre_columns(hp__accumulator *a, hp__sums *to, const strip *s,
                           size_t first, size_t end)
{
    double sums[TILE] = {0};
    for (size_t r = 0; r < s->rows; r++)
        for (size_t j = first; j < end; j++)
            sums[j - first] += (double)s->z[r * s->n + j];
    for (size_t j = first; j < end; j++) {
        to->sum[j] += sums[j - first];
        a->centre[j] = (float)(sums[j - first] / (double)s->rows);
    }
}

static void turn_columns(hp__accumulator *a, const strip *s, size_t first,
                         size_t end)
{
    double sums[TILE] = {0};
    for (size_t r = 0; r < s->rows; r++)
        for (size_t j = first; j < end; j++) {
            float off = s->z[r * s->n + j] - a->centre[j];
            a->turned[j * HP__STRIP_STRIDE + r] = off;
            sums[j - first] += (double)off;
        }
    for (size_t j = first; j < end; j++)
        a->rest[j] = sums[j - first];
}

static void prepare(hp__accumulator *a, hp__sums *to, const strip *s)
{
    size_t tiles = (s->n + TILE - 1) / TILE;
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (size_t t = 0; t < tiles; t++) {
        size_t first = t * TILE, end = first + tile_size(s->n, t);
        centre_columns(a, to, s, first, end);
        turn_columns(a, s, first, end);
    }
}

/* Tile (i, j) of the strip's product, in `out` [rows of tile i, TILE]. */
static void multiply_tile(const hp__accumulator *a, float *out, const strip *s,
                          size_t i, size_t j)
{
    hp__product p = {.m = tile_size(s->n, i),
                     .n = tile_size(s->n, j),
                     .k = s->rows,
                     .a = a->turned + i * TILE * HP__STRIP_STRIDE,
                     .lda = HP__STRIP_STRIDE,
                     .b = a->turned + j * TILE * HP__STRIP_STRIDE,
                     .ldb = HP__STRIP_STRIDE,
                     .b_rows_are_outputs = 1,
                     .ldc = TILE};
    p.c = out;
    a->blas->multiply(a->blas, &p);
}

static void add_tile(const hp__accumulator *a, hp__sums *to, const strip *s,
                     size_t i, size_t j)
{
    float *product = a->products + (size_t)omp_get_thread_num() * TILE * TILE;
    size_t rows = tile_size(s->n, i), columns = tile_size(s->n, j);
    const float *right = a->centre + j * TILE;
    const double *rest = a->rest + j * TILE;
    multiply_tile(a, product, s, i, j);
    for (size_t x = 0; x < rows; x++) {
        size_t row = i * TILE + x;
        double *c = to->c + row * s->n + j * TILE;
        double centre = (double)a->centre[row];
        double weight = centre * (double)s->rows + a->rest[row];
        for (size_t y = 0; y < columns; y++)
            c[y] += (double)product[x * TILE + y] +
                    (weight * (double)right[y] + centre * rest[y]);
    }
}

static void add_tiles(const hp__accumulator *a, hp__sums *to, const strip *s)
{
    size_t tiles = (s->n + TILE - 1) / TILE;
#pragma omp parallel for num_threads(a->threads) schedule(dynamic)
    for (size_t t = 0; t < tiles * tiles; t++)
        if (t / tiles <= t % tiles)
            add_tile(a, to, s, t / tiles, t % tiles);
}

static void add_stream(hp__accumulator *a, hp__sums *to, const float *x,
                       size_t rows, size_t width)
{
#pragma omp parallel for num_threads(a->threads) schedule(static)
    for (size_t r = 0; r < rows; r++) {
        double sum = 0;
        for (size_t j = 0; j < width; j++)
            sum += (double)x[r * width + j] * (double)x[r * width + j];
        a->squares[r] = sum;
    }
    for (size_t r = 0; r < rows; r++)
        *to->stream += a->squares[r];
}

void hp__accumulate_rows(hp__accumulator *a, hp__sums *to, const float *z,
                         size_t rows, size_t n)
{
    for (size_t from = 0; from < rows; from += HP__STRIP_ROWS) {
        size_t left = rows - from;
        strip s = {z + from * n, left < HP__STRIP_ROWS ? left : HP__STRIP_ROWS,
                   n};
        prepare(a, to, &s);
        add_tiles(a, to, &s);
    }
}

void hp__accumulate(hp__accumulator *a, hp__sums *to,
                    const hp_seen_outputs *seen)
{
    hp__accumulate_rows(a, to, seen->z, seen->rows, seen->n);
    for (size_t from = 0; from < seen->rows; from += HP__STRIP_ROWS) {
        size_t left = seen->rows - from;
        add_stream(a, to, seen->stream + from * seen->width,
                   left < HP__STRIP_ROWS ? left : HP__STRIP_ROWS, seen->width);
    }
}

void hp__sums_mirror(double *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            c[i * n + j] = c[j * n + i];
}
