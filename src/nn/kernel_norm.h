/*
 * Layer norm and RMS norm. Part of kernel_set.h.
 */
#ifndef HEADPRUNE_NN_KERNEL_NORM_H
#define HEADPRUNE_NN_KERNEL_NORM_H

#include "nn/kernels.h"
#include "nn/vector.h"

#include <math.h>

/* Sums over a row of (x - centre) and of its square. */
static void row_moments(double moments[2], const float *row, size_t n,
                        float centre)
{
    doubles a0 = {0}, a1 = {0}, b0 = {0}, b1 = {0};
    for (size_t i = 0; i < n; i += LANES) {
        floats x =
            n - i >= LANES ? load(row + i) : load_part(row + i, n - i, centre);
        doubles lo = low(x - centre), hi = high(x - centre);
        a0 += lo;
        a1 += hi;
        b0 += lo * lo;
        b1 += hi * hi;
    }
    moments[0] = sum(a0 + a1);
    moments[1] = sum(b0 + b1);
}

/* What a norm makes of a row: ((x - centre) - rest) factor weight + bias. */
typedef struct row_shape {
    float centre, rest, factor;
} row_shape;

/* The row is centred near its mean first, so that the variance is no
 * difference of large sums. */
static row_shape row_shape_of(const float *row, size_t n, const hp__norm *norm)
{
    double m[2];
    row_shape s = {0.0F, 0.0F, 0.0F};
    row_moments(m, row, n, 0.0F);
    double count = (double)n, shift = 0.0;
    if (norm->kind == HP_NORM_LAYER) {
        s.centre = (float)(m[0] / count);
        row_moments(m, row, n, s.centre);
        shift = m[0] / count;
    }
    double variance = m[1] / count - shift * shift;
    s.factor = (float)(1.0 / sqrt(variance + (double)norm->eps));
    s.rest = (float)shift;
    return s;
}

static void norm_row(float *out, const float *row, size_t n,
                     const hp__norm *norm)
{
    row_shape s = row_shape_of(row, n, norm);
    for (size_t i = 0; i < n; i++)
        out[i] = ((row[i] - s.centre) - s.rest) * s.factor * norm->weight[i];
    if (norm->bias)
        for (size_t i = 0; i < n; i++)
            out[i] += norm->bias[i];
}

static void norm_rows(float *out, size_t ldout, const hp__matrix *x,
                      const hp__norm *norm)
{
    for (size_t r = 0; r < x->rows; r++)
        norm_row(out + r * ldout, x->at + r * x->ld, x->n, norm);
}

#endif
