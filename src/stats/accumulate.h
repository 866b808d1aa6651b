#ifndef HEADPRUNE_STATS_ACCUMULATE_H
#define HEADPRUNE_STATS_ACCUMULATE_H

#include "headprune/stats.h"
#include "nn/blas.h"

/*
 * Adds outputs of heads to the moments of a block. Rows are taken in strips; of
 * a strip the columns are centred and turned once, and then every tile of C is
 * one product. A tile is computed by one thread and strips come in order, so no
 * sum depends on threads.
 */
#define HP__STRIP_ROWS ((size_t)1024)
/* Floats from one turned column to the next: a power of two would put all of
 * them into the same lines of the cache. */
#define HP__STRIP_STRIDE (HP__STRIP_ROWS + 16)

/* What grows. */
typedef struct hp__sums {
    double *c;   /* [n, n]; the upper triangle's tiles */
    double *sum; /* [n] */
    double *stream;
} hp__sums;

typedef struct hp__accumulator {
    const hp__blas *blas;
    unsigned threads;
    size_t n;        /* the widest block that can be added */
    float *turned;   /* [n, HP__STRIP_STRIDE] centred */
    float *centre;   /* [n] */
    double *rest;    /* [n] sum of what was centred */
    double *squares; /* [HP__STRIP_ROWS] */
    float *products; /* [threads] of one tile each */
} hp__accumulator;

HP_CHECKED
hp_status hp__accumulator_open(hp__accumulator *a, const hp__blas *blas,
                               unsigned threads, size_t n, hp_error *err);
void hp__accumulator_close(hp__accumulator *a);
void hp__accumulate(hp__accumulator *a, hp__sums *to,
                    const hp_seen_outputs *seen);
/* The same for any rows z [rows, n]; to->stream stays. */
void hp__accumulate_rows(hp__accumulator *a, hp__sums *to, const float *z,
                         size_t rows, size_t n);
/* Makes C whole. */
void hp__sums_mirror(double *c, size_t n);

#endif
