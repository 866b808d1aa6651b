#ifndef HEADPRUNE_NN_STRIPS_H
#define HEADPRUNE_NN_STRIPS_H

#include <stddef.h>

/*
 * A matrix that meets many rows is cut once into strips of HP__STRIP columns,
 * which lie in memory as a product goes through them:
 *
 *     C [m, n] = A [m, k] B (+ C)
 *
 * Strip j holds columns HP__STRIP j .. of B as [k, HP__STRIP]; what stands
 * where B has no more columns makes no difference.
 */
#define HP__STRIP ((size_t)16)

typedef struct hp__strips {
    const float *at; /* NULL: none */
    size_t step;     /* floats from one strip to the next */
} hp__strips;

typedef struct hp__strip_product {
    size_t m, n, k;
    const float *a; /* rows lda apart, or [k, m] when a_is_transposed */
    size_t lda;
    int a_is_transposed;
    hp__strips b; /* from the row that meets the first column of A on */
    float *c;     /* rows ldc apart */
    size_t ldc;
    int add; /* to what stands in C; else C may hold anything */
} hp__strip_product;

/* Floats of B [k, n] in strips. */
size_t hp__strips_size(size_t k, size_t n);

/* Part of a matrix as it is stored: rows of n, ld apart. */
typedef struct hp__part {
    const float *at;
    size_t rows, n, ld;
} hp__part;

/* A part of B to its place in the strips: rows k .., columns `column` .. */
void hp__strips_put(float *out, size_t step, size_t k, size_t column,
                    const hp__part *x);
/* The same of B stored turned around: rows of x are columns `column` .. of B,
 * its columns are rows k .. */
void hp__strips_put_turned(float *out, size_t step, size_t k, size_t column,
                           const hp__part *x);
/* All of B, stored as it is or turned around, to *room, which moves on. */
hp__strips hp__strips_cut(float **room, const hp__part *x, int turned);

#endif
