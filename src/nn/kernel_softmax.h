/*
 * Rows of logits: softmax with its entropy, and the sums of which losses and
 * divergences are made. Part of kernel_set.h.
 */
#ifndef HEADPRUNE_NN_KERNEL_SOFTMAX_H
#define HEADPRUNE_NN_KERNEL_SOFTMAX_H

#include "nn/vector.h"

#include <math.h>

static float row_max(const float *row, size_t n)
{
    floats m = all(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        m = larger(load(row + i), m);
    if (i < n)
        m = larger(load_part(row + i, n - i, -INFINITY), m);
    return greatest(m);
}

static double softmax(double *entropy, float *row, size_t n, float scale)
{
    float max = row_max(row, n);
    doubles z0 = {0}, z1 = {0}, sum_ex = {0};
    for (size_t i = 0; i < n; i += LANES) {
        size_t left = n - i;
        floats x =
            left >= LANES ? load(row + i) : load_part(row + i, left, max);
        x = (x - max) * scale;
        if (left < LANES) /* past the end e^x is exactly 0 */
            x = keep_part(x, left, -200.0F);
        floats e = exponential(x);
        if (left >= LANES)
            store(row + i, e);
        else
            store_part(row + i, left, e);
        z0 += low(e);
        z1 += high(e);
        sum_ex += folded(e * x);
    }
    double z = sum(z0 + z1);
    *entropy = log(z) - sum(sum_ex) / z;
    return z;
}

/* A run of LANES values from i on; past the end of the row they are `rest`. */
static inline floats load_at(const float *row, size_t i, size_t n, float rest)
{
    return n - i >= LANES ? load(row + i) : load_part(row + i, n - i, rest);
}

static double sum_exp(const float *row, size_t n, float max)
{
    doubles z0 = {0}, z1 = {0};
    for (size_t i = 0; i < n; i += LANES) {
        floats x = load_at(row, i, n, max) - max;
        if (n - i < LANES) /* past the end e^x is exactly 0 */
            x = keep_part(x, n - i, -200.0F);
        floats e = exponential(x);
        z0 += low(e);
        z1 += high(e);
    }
    return sum(z0 + z1);
}

static double sum_gap(const float *a, const float *b, size_t n, float max)
{
    doubles s0 = {0}, s1 = {0};
    for (size_t i = 0; i < n; i += LANES) {
        floats x = load_at(a, i, n, 0.0F);
        floats e = exponential(x - max) * (x - load_at(b, i, n, 0.0F));
        s0 += low(e);
        s1 += high(e);
    }
    return sum(s0 + s1);
}

#endif
