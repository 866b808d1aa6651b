#ifndef HEADPRUNE_NN_BLAS_H
#define HEADPRUNE_NN_BLAS_H

#include "headprune/error.h"

#include <stddef.h>

/*
 * Matrix products by OpenBLAS, one thread a call. Matrices are row-major; `ld`
 * is the distance from one row to the next.
 *
 *     C [m, n] = A [m, k] B (+ C)
 *
 * with B stored [k, n], or [n, k] when b_rows_are_outputs; A stored [m, k], or
 * [k, m] when a_is_transposed (then B is stored [k, n]).
 */
typedef struct hp__product {
    size_t m, n, k;
    const float *a;
    size_t lda;
    int a_is_transposed;
    const float *b;
    size_t ldb;
    int b_rows_are_outputs;
    float *c;
    size_t ldc;
    int add; /* to what stands in C; else C may hold anything */
} hp__product;

/* A loaded OpenBLAS. */
typedef struct hp__blas {
    void *library;
    void (*sgemm)(void); /* cblas_sgemm; cast where it is called */
    void (*dgemm)(void); /* cblas_dgemm */
    /* LAPACK's */
    void (*dpotrf)(void), (*dpotrs)(void), (*dpotri)(void), (*dpocon)(void);
    void (*multiply)(const struct hp__blas *b, const hp__product *p);
    char core[32];
    char config[256];
} hp__blas;

/*
 * Where an OpenBLAS comes from: a seam for tests. `load` with core NULL leaves
 * the choice to OpenBLAS and its environment.
 */
typedef struct hp__blas_source {
    hp_status (*load)(hp__blas *out, const char *core, hp_error *err);
    void (*unload)(hp__blas *b);
} hp__blas_source;

extern const hp__blas_source hp__openblas;

/* Loads the first core of `cores` (n_cores of them, best first) that computes
 * right. HP_UNSUPPORTED when none does or the library is not there. */
HP_CHECKED
hp_status hp__blas_open(hp__blas *out, const hp__blas_source *source,
                        const char *const *cores, size_t n_cores,
                        hp_error *err);

/* The cores to try on this machine, best first; writes at most 4. */
size_t hp__blas_cores(const char *cores[4]);

/*
 * *right = 1: products of all forms that headprune uses are right on small
 * odd-sized matrices, compared with a plain loop in double.
 */
HP_CHECKED
hp_status hp__blas_check(int *right, const hp__blas *b, hp_error *err);

/* How many threads (at most `threads`) can multiply at once: OpenBLAS maps one
 * buffer for each and never returns when it cannot. 0: not even one. */
unsigned hp__blas_room(unsigned threads);

#endif
