/*
 * The product with strips, after Goto and van de Geijn (Anatomy of
 * High-Performance Matrix Multiplication, 2008). For a depth of k, rows of A
 * stay in the second-level cache (512 KiB), and a strip of B after the other
 * (32 KiB) meets all of them. Tiles of C are made in registers; while they are,
 * the next strip and the tile's place in C are fetched. Included by
 * kernel_set.h.
 */
#ifndef HEADPRUNE_NN_KERNEL_PRODUCT_H
#define HEADPRUNE_NN_KERNEL_PRODUCT_H

#include "nn/strips.h"
#include "nn/vector.h"

/* The sums of a tile, a row of the strip and one number of A fill the
 * registers. */
#if HP__LANES == 16
#define TILE_ROWS 8
#elif HP__LANES == 8
#define TILE_ROWS 6
#else
#define TILE_ROWS 2
#endif
#define STRIP_VECTORS (HP__STRIP / HP__LANES)

#define MOST_DEPTH  ((size_t)512)
#define MOST_ROWS   ((size_t)256)
#define LINE_FLOATS ((size_t)16)
/* Products that are added up before they meet others: longer chains are less
 * exact. */
#define MOST_CHAIN ((size_t)256)

/* So that the sums of a tile are registers. */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

typedef struct tile {
    float *c;             /* [rows, columns], ldc apart */
    const float *a;       /* [rows, depth] */
    size_t a_row, a_step; /* from a row to the next, from a k to the next */
    const float *b;       /* [depth, HP__STRIP] */
    size_t ldc, depth, columns;
    int add;
} tile;

/* Sums that a strip's vector v makes, of which C has `columns` - v LANES
 * columns. */
static inline void put_sums(float *c, size_t columns, floats sums, size_t v,
                            int add)
{
    c += v * LANES;
    if (columns >= (v + 1) * LANES) {
        store(c, add ? sums + load(c) : sums);
    } else if (columns > v * LANES) {
        size_t n = columns - v * LANES;
        store_part(c, n, add ? sums + load_part(c, n, 0.0F) : sums);
    }
}

/* What `n` of k add to a tile, from k on. */
static inline __attribute__((always_inline)) void
add_rows(const tile *t, const size_t rows, size_t k, size_t n)
{
    floats sums[TILE_ROWS][STRIP_VECTORS];
    const float *a = t->a + k * t->a_step, *b = t->b + k * HP__STRIP;
    UNROLLED
    for (size_t i = 0; i < rows; i++)
        for (size_t v = 0; v < STRIP_VECTORS; v++)
            sums[i][v] = all(0.0F);
    for (; n; n--, a += t->a_step, b += HP__STRIP) {
        floats of_b[STRIP_VECTORS];
        for (size_t v = 0; v < STRIP_VECTORS; v++)
            of_b[v] = load(b + v * LANES);
        UNROLLED
        for (size_t i = 0; i < rows; i++) {
            floats x = all(a[i * t->a_row]);
            for (size_t v = 0; v < STRIP_VECTORS; v++)
                sums[i][v] += x * of_b[v];
        }
    }
    UNROLLED
    for (size_t i = 0; i < rows; i++)
        for (size_t v = 0; v < STRIP_VECTORS; v++)
            put_sums(t->c + i * t->ldc, t->columns, sums[i][v], v, t->add || k);
}

static inline __attribute__((always_inline)) void make_rows(const tile *t,
                                                            const size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        __builtin_prefetch(t->c + i * t->ldc, 1);
    for (size_t k = 0; k < t->depth; k += MOST_CHAIN)
        add_rows(t, rows, k,
                 t->depth - k < MOST_CHAIN ? t->depth - k : MOST_CHAIN);
}

/* The next rows of a tile: as many as fit. */
static size_t make_tile(const tile *t, size_t rows)
{
    if (rows >= TILE_ROWS) {
        make_rows(t, TILE_ROWS);
        return TILE_ROWS;
    }
#if TILE_ROWS > 4
    if (rows >= 4) {
        make_rows(t, 4);
        return 4;
    }
#endif
    if (rows >= 2) {
        make_rows(t, 2);
        return 2;
    }
    make_rows(t, 1);
    return 1;
}

/* Fetches a share of what comes next. */
static inline void fetch(const float **at, const float *end, size_t lines)
{
    for (; lines && *at < end; lines--, *at += LINE_FLOATS)
        __builtin_prefetch(*at);
}

/* The columns of C that belong to a strip. */
static void make_strip(tile t, size_t rows, const float *next)
{
    const float *end = next ? next + t.depth * HP__STRIP : NULL;
    size_t share = t.depth * TILE_ROWS / rows + 1;
    while (rows) {
        fetch(&next, end, share);
        size_t done = make_tile(&t, rows);
        rows -= done;
        t.a += done * t.a_row;
        t.c += done * t.ldc;
    }
}

/* What a depth of k adds to rows of C. */
static void make_depth(const hp__strip_product *p, size_t row, size_t rows,
                       size_t k, size_t depth)
{
    tile t = {.a_row = p->a_is_transposed ? 1 : p->lda,
              .a_step = p->a_is_transposed ? p->lda : 1,
              .ldc = p->ldc,
              .depth = depth,
              .add = p->add || k};
    t.a = p->a + row * t.a_row + k * t.a_step;
    t.c = p->c + row * p->ldc;
    t.b = p->b.at + k * HP__STRIP;
    for (size_t j = 0; j < p->n; j += HP__STRIP) {
        const float *next = j + HP__STRIP < p->n ? t.b + p->b.step : NULL;
        t.columns = p->n - j;
        make_strip(t, rows, next);
        t.b = next;
        t.c += HP__STRIP;
    }
}

static void multiply_strips(const hp__strip_product *p)
{
    size_t depths = (p->k + MOST_DEPTH - 1) / MOST_DEPTH;
    size_t depth = depths ? (p->k + depths - 1) / depths : 0;
    for (size_t row = 0; row < p->m; row += MOST_ROWS) {
        size_t rows = p->m - row < MOST_ROWS ? p->m - row : MOST_ROWS;
        for (size_t k = 0; k < p->k; k += depth)
            make_depth(p, row, rows, k, p->k - k < depth ? p->k - k : depth);
    }
}

#endif
