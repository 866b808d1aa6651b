/*
 * Activations. Part of kernel_set.h.
 */
#ifndef HEADPRUNE_NN_KERNEL_ACTIVATION_H
#define HEADPRUNE_NN_KERNEL_ACTIVATION_H

#include "nn/kernels.h"
#include "nn/vector.h"

static inline floats relu(floats x)
{
    return pick(x < 0.0F, all(0.0F), x);
}

static inline floats silu(floats x)
{
    return x / (1.0F + exponential(-x));
}

/* x / 2 (1 + tanh u) = x / (1 + e^(-2 u)), u = sqrt(2 / pi) (x + c x^3) */
static inline floats gelu_tanh(floats x)
{
    floats u = x + 0.044715F * (x * x * x);
    return x / (1.0F + exponential(-1.5957691216057308F * u));
}

/*
 * Phi(x) = erfc(-x / sqrt 2) / 2. With t = |x| / sqrt 2: erf by an
 * odd polynomial up to t = 0.92, e^(a polynomial) = erfc beyond (N. Juffa's
 * minimax fits of erff), so that nothing cancels for negative x.
 */
static inline floats normal_cdf(floats x)
{
    floats a = x * 0.70710678118654752F;
    floats t = magnitude(a), s = a * a;
    floats near = -5.96761703e-4F * s + 4.99119423e-3F;
    near = near * s - 2.67681349e-2F;
    near = near * s + 1.12819925e-1F;
    near = near * s - 3.76125336e-1F;
    near = near * s + 1.28379166e-1F;
    near = near * a + a;
    floats far = -1.72853470e-5F * t + 3.83197126e-4F;
    far = far * s + (-3.88396438e-3F * t + 2.42546219e-2F);
    far = far * t - 1.06777877e-1F;
    far = far * t - 6.34846687e-1F;
    far = far * t - 1.28717512e-1F;
    far = exponential(far * t - t);
    far = pick(a < 0.0F, 0.5F * far, 1.0F - 0.5F * far);
    return pick(t > 0.92F, far, 0.5F + 0.5F * near);
}

static inline floats gelu(floats x)
{
    return x * normal_cdf(x);
}

static inline floats activation(floats x, hp_activation f)
{
    switch (f) {
    case HP_ACTIVATION_GELU:
        return gelu(x);
    case HP_ACTIVATION_GELU_TANH:
        return gelu_tanh(x);
    case HP_ACTIVATION_SILU:
        return silu(x);
    case HP_ACTIVATION_RELU:
        break;
    }
    return relu(x);
}

/* `f` is a constant where this is called, so the switch is gone. */
static inline __attribute__((always_inline)) void
activate_row(float *row, const float *bias, size_t n, hp_activation f)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        floats x = load(row + i);
        store(row + i, activation(bias ? x + load(bias + i) : x, f));
    }
    if (i < n) {
        floats x = load_part(row + i, n - i, 0.0F);
        if (bias)
            x += load_part(bias + i, n - i, 0.0F);
        store_part(row + i, n - i, activation(x, f));
    }
}

static void activate(const hp__matrix *x, const float *bias, hp_activation f)
{
    for (size_t r = 0; r < x->rows; r++) {
        float *row = x->at + r * x->ld;
        switch (f) {
        case HP_ACTIVATION_GELU:
            activate_row(row, bias, x->n, HP_ACTIVATION_GELU);
            break;
        case HP_ACTIVATION_GELU_TANH:
            activate_row(row, bias, x->n, HP_ACTIVATION_GELU_TANH);
            break;
        case HP_ACTIVATION_SILU:
            activate_row(row, bias, x->n, HP_ACTIVATION_SILU);
            break;
        case HP_ACTIVATION_RELU:
            activate_row(row, bias, x->n, HP_ACTIVATION_RELU);
            break;
        }
    }
}

#endif
