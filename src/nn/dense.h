#ifndef HEADPRUNE_NN_DENSE_H
#define HEADPRUNE_NN_DENSE_H

#include "nn/blas.h"

/*
 * Linear algebra in double by the LAPACK and BLAS inside OpenBLAS, one thread
 * a call. Matrices are row-major; symmetric ones are whole.
 */

/* C [m, n] = op(A) [m, k] op(B) [k, n] (+ C); a_turned: A is stored [k, m],
 * b_turned: B is stored [n, k]. */
typedef struct hp__dense_product {
    size_t m, n, k;
    const double *a;
    size_t lda;
    int a_turned;
    const double *b;
    size_t ldb;
    int b_turned;
    double *c;
    size_t ldc;
    int add;
} hp__dense_product;

void hp__dense_multiply(const hp__blas *b, const hp__dense_product *p);

/*
 * Cholesky factor of the symmetric A [n, n] in its place; what is above the
 * diagonal is left as it was. *definite = 0: A is not positive definite (its
 * content is lost). Sizes up to INT_MAX.
 */
void hp__cholesky(int *definite, const hp__blas *b, double *a, size_t n);

/* X [n_rhs, n], each row a right-hand side: replaced by A^-1 of it, A given by
 * its factor. */
void hp__cholesky_solve(const hp__blas *b, const double *factor, size_t n,
                        double *x, size_t n_rhs);

/* A^-1, whole, in place of the factor of A [n, n]. */
void hp__cholesky_invert(const hp__blas *b, double *factor, size_t n);

/* Estimate of the condition number of A in the 1-norm (Higham 1988), A given
 * by its factor and its 1-norm; room [3 n], ints [n]. */
double hp__cholesky_condition(const hp__blas *b, const double *factor, size_t n,
                              double norm, double *room, int *ints);
/* The largest sum of absolute values of a row. */
double hp__dense_norm1(const double *a, size_t n);

/* *right = 1: all of the above is right on small odd-sized matrices, up to what
 * rounding explains. Takes less than a millisecond. */
HP_CHECKED
hp_status hp__dense_check(int *right, const hp__blas *b, hp_error *err);

#endif
