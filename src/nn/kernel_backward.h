/*
 * Derivatives: each kernel turns the gradient of what a forward kernel gave
 * into the gradient of what it took. Part of kernel_set.h.
 */
#ifndef HEADPRUNE_NN_KERNEL_BACKWARD_H
#define HEADPRUNE_NN_KERNEL_BACKWARD_H

#include "nn/kernel_activation.h"
#include "nn/kernel_norm.h"
#include "nn/kernel_softmax.h"

/* ---- softmax ---- */

/* p = softmax(scale s): dL/ds_j = scale p_j (g_j - sum_k p_k g_k) */
static void softmax_back(float *g, const float *p, size_t n, float scale)
{
    doubles a = {0}, b = {0};
    for (size_t i = 0; i < n; i += LANES) {
        floats x = load_at(p, i, n, 0.0F) * load_at(g, i, n, 0.0F);
        a += low(x);
        b += high(x);
    }
    float mean = (float)sum(a + b);
    for (size_t i = 0; i < n; i++)
        g[i] = scale * p[i] * (g[i] - mean);
}

/* ---- activations ---- */

/* Beyond these bounds the derivatives are 0 or 1 in single precision, and
 * powers of x would overflow. */
static inline floats bounded(floats x)
{
    const float most = 30.0F;
    x = pick(x > most, all(most), x);
    return pick(x < -most, all(-most), x);
}

static inline floats relu_slope(floats x)
{
    return pick(x > 0.0F, all(1.0F), all(0.0F));
}

/* With s = 1 / (1 + e), e = e^-x: s + x s (1 - s), and 1 - s = e s. */
static inline floats silu_slope(floats x)
{
    floats e = exponential(-x), s = 1.0F / (1.0F + e);
    return s + x * s * (e * s);
}

/* x s(v), s the logistic function of v = 2 sqrt(2 / pi) (x + c x^3):
 * s + x s (1 - s) v' */
static inline floats gelu_tanh_slope(floats x)
{
    const float twice = 1.5957691216057308F;
    floats u = x + 0.044715F * (x * x * x);
    floats e = exponential(-twice * u), s = 1.0F / (1.0F + e);
    floats v = twice + twice * 0.134145F * (x * x);
    return s + x * s * (e * s) * v;
}

/* Phi(x) + x phi(x), phi the normal density */
static inline floats gelu_slope(floats x)
{
    floats density = 0.3989422804014327F * exponential(-0.5F * (x * x));
    return normal_cdf(x) + x * density;
}

static inline floats slope(floats x, hp_activation f)
{
    switch (f) {
    case HP_ACTIVATION_GELU:
        return gelu_slope(bounded(x));
    case HP_ACTIVATION_GELU_TANH:
        return gelu_tanh_slope(bounded(x));
    case HP_ACTIVATION_SILU:
        return silu_slope(bounded(x));
    case HP_ACTIVATION_RELU:
        break;
    }
    return relu_slope(x);
}

/* `f` is a constant where this is called, so the switch is gone. */
static inline __attribute__((always_inline)) void
slope_row(float *d, const float *row, const float *bias, size_t n,
          hp_activation f)
{
    for (size_t i = 0; i < n; i += LANES) {
        floats x = load_at(row, i, n, 0.0F);
        if (bias)
            x += load_at(bias, i, n, 0.0F);
        floats out = load_at(d, i, n, 0.0F) * slope(x, f);
        if (n - i >= LANES)
            store(d + i, out);
        else
            store_part(d + i, n - i, out);
    }
}

static void activate_back(const hp__matrix *d, const hp__matrix *x,
                          const float *bias, hp_activation f)
{
    for (size_t r = 0; r < d->rows; r++) {
        float *out = d->at + r * d->ld;
        const float *row = x->at + r * x->ld;
        switch (f) {
        case HP_ACTIVATION_GELU:
            slope_row(out, row, bias, d->n, HP_ACTIVATION_GELU);
            break;
        case HP_ACTIVATION_GELU_TANH:
            slope_row(out, row, bias, d->n, HP_ACTIVATION_GELU_TANH);
            break;
        case HP_ACTIVATION_SILU:
            slope_row(out, row, bias, d->n, HP_ACTIVATION_SILU);
            break;
        case HP_ACTIVATION_RELU:
            slope_row(out, row, bias, d->n, HP_ACTIVATION_RELU);
            break;
        }
    }
}

/* ---- norms ---- */

/* Sums over a row of e = g * weight, and of e (x - centre). */
static void slope_moments(double moments[2], const float *g, const float *row,
                          const hp__norm *norm, size_t n, float centre)
{
    doubles a0 = {0}, a1 = {0}, b0 = {0}, b1 = {0};
    for (size_t i = 0; i < n; i += LANES) {
        floats e = load_at(g, i, n, 0.0F) * load_at(norm->weight, i, n, 0.0F);
        floats x = load_at(row, i, n, centre) - centre;
        doubles e0 = low(e), e1 = high(e);
        a0 += e0;
        a1 += e1;
        b0 += e0 * low(x);
        b1 += e1 * high(x);
    }
    moments[0] = sum(a0 + a1);
    moments[1] = sum(b0 + b1);
}

/*
 * y = (x - mean) f * weight, f = 1 / sqrt(variance + eps); with e = g weight
 * and xh = (x - mean) f:  dL/dx = f (e - mean(e) - xh mean(e xh)). Without a
 * mean (RMS) the second term is gone.
 */
static void norm_row_back(float *g, const float *row, size_t n,
                          const hp__norm *norm)
{
    row_shape s = row_shape_of(row, n, norm);
    double m[2], count = (double)n;
    slope_moments(m, g, row, norm, n, s.centre);
    m[1] -= m[0] * (double)s.rest;
    float mean = norm->kind == HP_NORM_LAYER ? (float)(m[0] / count) : 0.0F;
    float along = (float)(m[1] / count * (double)s.factor * (double)s.factor);
    for (size_t i = 0; i < n; i++) {
        float x = (row[i] - s.centre) - s.rest;
        g[i] = s.factor * (g[i] * norm->weight[i] - mean - x * along);
    }
}

static void norm_back(float *g, size_t ldg, const hp__matrix *x,
                      const hp__norm *norm)
{
    for (size_t r = 0; r < x->rows; r++)
        norm_row_back(g + r * ldg, x->at + r * x->ld, x->n, norm);
}

#endif
