#ifndef HEADPRUNE_STATS_ACCUMULATE_H
#define HEADPRUNE_STATS_ACCUMULATE_H

#include "headprune/stats.h"
#include "nn/kernels.h"

/*
 * Adds outputs of heads to the moments of a block. Of HP__SUM_ROWS rows at a
 * time the columns are centred and cut into strips, and what a strip's columns
 * make of C is one product. A strip is computed by one thread and rows come in
 * order, so no sum depends on threads.
 */
#define HP__SUM_ROWS ((size_t)1024)

/* Rows to add. */
typedef struct hp__sum_rows {
    const float *z;  /* [rows, n] */
    const float *by; /* [rows] a factor of each; NULL: 1 */
    size_t rows, n;
} hp__sum_rows;

/* What grows. */
typedef struct hp__sums {
    double *c;   /* [n, n]; the upper triangle */
    double *sum; /* [n] */
    double *stream;
} hp__sums;

typedef struct hp__accumulator {
    const hp__kernels *kernels;
    unsigned threads;
    size_t n;        /* the widest block that can be added */
    float *strips;   /* of what was centred */
    float *centre;   /* [n] */
    double *rest;    /* [n] sum of what was centred */
    double *squares; /* [HP__SUM_ROWS] */
    float *products; /* [threads][HP__STRIP, n] */
} hp__accumulator;

HP_CHECKED
hp_status hp__accumulator_open(hp__accumulator *a, const hp__kernels *kernels,
                               unsigned threads, size_t n, hp_error *err);
void hp__accumulator_close(hp__accumulator *a);
void hp__accumulate(hp__accumulator *a, hp__sums *to,
                    const hp_seen_outputs *seen);
/* The same for any rows; to->stream stays. */
void hp__accumulate_rows(hp__accumulator *a, hp__sums *to,
                         const hp__sum_rows *x);
/* Makes C whole. */
void hp__sums_mirror(double *c, size_t n);

#endif
