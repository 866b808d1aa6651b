#ifndef HEADPRUNE_NN_KERNELS_H
#define HEADPRUNE_NN_KERNELS_H

#include "headprune/checkpoint.h"
#include "headprune/model.h"
#include "nn/strips.h"

#include <stddef.h>

/*
 * Everything that is computed but for OpenBLAS's products. One set per vector
 * unit, all from the same source; results of different sets differ in the
 * last bits only. A result depends on the numbers of its row alone, never on
 * where the row lies.
 *
 * A matrix is `rows` rows of `n` floats, `ld` floats apart.
 */
typedef struct hp__matrix {
    float *at;
    size_t rows, n, ld;
} hp__matrix;

/* Values of a file, at any address: `rows` rows of `n`, `step` bytes apart. */
typedef struct hp__raw_rows {
    const unsigned char *at;
    size_t rows, step, n;
} hp__raw_rows;

typedef struct hp__norm {
    hp_norm kind;
    const float *weight, *bias; /* [n]; bias NULL: none */
    float eps;
} hp__norm;

typedef struct hp__kernels {
    const char *name; /* "avx512" */
    /*
     * Row of n >= 1 scores in, e^(scale (s_j - max)) out. Returns their sum
     * Z; the probabilities are the row / Z. *entropy of them in nats:
     * ln Z - (1/Z) sum e_j (s_j - max), 0 for one key. NaN or infinity in the
     * row makes both NaN or infinite.
     */
    double (*softmax)(double *entropy, float *row, size_t n, float scale);
    /* The greatest of a row of n >= 1. */
    float (*row_max)(const float *row, size_t n);
    /* Sum of e^(x_j - max) over a row; max is at least its greatest. */
    double (*sum_exp)(const float *row, size_t n, float max);
    /* Sum of e^(a_j - max) (a_j - b_j); max is at least a's greatest. */
    double (*sum_gap)(const float *a, const float *b, size_t n, float max);
    /* x + bias; bias [n] */
    void (*add_bias)(const hp__matrix *x, const float *bias);
    /* f(x + bias); bias NULL: none */
    void (*activate)(const hp__matrix *x, const float *bias, hp_activation f);
    /* x y; y has x's rows and n, and a distance of its own */
    void (*multiply)(const hp__matrix *x, const float *y, size_t ldy);
    /* x + y, likewise */
    void (*add)(const hp__matrix *x, const float *y, size_t ldy);
    /* row *= factor */
    void (*scale)(float *row, size_t n, float factor);
    /* out [rows, n] = norm of x; `out` may be x */
    void (*norm)(float *out, size_t ldout, const hp__matrix *x,
                 const hp__norm *norm);
    /* Every row of x as n / 2 pairs (x_i, x_(i + n / 2)), pair i turned by the
     * angle whose cosine and sine are cosines[i] and sines[i] */
    void (*rotate)(const hp__matrix *x, const float *cosines,
                   const float *sines);
    /*
     * Derivatives: the gradient of a result in, that of its argument out.
     * g [n] of the probabilities p = softmax(scale s), out of s
     */
    void (*softmax_back)(float *g, const float *p, size_t n, float scale);
    /* g *= f'(x + bias); x has g's rows and n */
    void (*activate_back)(const hp__matrix *g, const hp__matrix *x,
                          const float *bias, hp_activation f);
    /* g [rows of x, n] of norm(x), out of x */
    void (*norm_back)(float *g, size_t ldg, const hp__matrix *x,
                      const hp__norm *norm);
    /* Of rotate's result: turned back */
    void (*rotate_back)(const hp__matrix *g, const float *cosines,
                        const float *sines);
    /* n values of a file (any alignment) as floats; F32 in place too. Returns
     * 1 when all of them are finite floats. */
    int (*convert)(float *out, const void *in, size_t n, hp_dtype dtype);
    int (*is_finite)(const float *x, size_t n);
    /* The sum of the squares of its values, in double */
    double (*squares)(const hp__raw_rows *band, hp_dtype dtype);
    /* A product with strips; of k 0 nothing. A number of C depends on its row
     * of A and its column of B alone. */
    void (*multiply_strips)(const hp__strip_product *p);
} hp__kernels;

/* The sets that run on this processor, best first; NULL past the end. The
 * last one is portable C. */
const hp__kernels *hp__kernels_at(size_t i);

extern const hp__kernels hp__kernels_portable;
#if defined(__x86_64__)
extern const hp__kernels hp__kernels_avx2, hp__kernels_avx512,
    hp__kernels_avx512bf16;
#endif

#endif
