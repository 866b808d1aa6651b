/*
 * Every set of derivative kernels against central differences of the forward
 * formulas in double, at sizes around the vectors' widths.
 */
#include "nn/kernels.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MOST ((size_t)80)
#define ULP  ((double)FLT_EPSILON)
#define STEP 1e-5 /* of a difference: off by about 1e-10 of the curvature */

static const size_t sizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 67};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static void fill(float *x, size_t n, double size, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        x[i] = (float)(size * ((double)seed / 4294967296.0 * 2.0 - 1.0));
    }
}

static void assert_close(double got, double want, double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("got %.17g, want %.17g, allowed %.3g", got, want, most);
}

static void each_set(void (*check)(const hp__kernels *k))
{
    const hp__kernels *k;
    for (size_t i = 0; (k = hp__kernels_at(i)) != NULL; i++)
        check(k);
}

/* ---- softmax ---- */

/* sum_j g_j p_j, p = softmax(scale s) */
static double weighed(const double *s, const float *g, size_t n, double scale)
{
    double z = 0.0, sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        z += exp(scale * s[i]);
        sum += (double)g[i] * exp(scale * s[i]);
    }
    return sum / z;
}

static void check_softmax(const hp__kernels *k)
{
    for (size_t t = 0; t < N_SIZES; t++) {
        size_t n = sizes[t];
        float row[MOST], p[MOST], g[MOST], got[MOST];
        double s[MOST], h, z;
        fill(row, MOST, 3.0, 7U + (uint32_t)t);
        fill(g, MOST, 1.0, 8U + (uint32_t)t);
        for (size_t i = 0; i < n; i++)
            s[i] = (double)row[i];
        memcpy(p, row, sizeof p);
        z = k->softmax(&h, p, n, 0.75F);
        k->scale(p, n, (float)(1.0 / z));
        memcpy(got, g, sizeof got);
        k->softmax_back(got, p, n, 0.75F);
        for (size_t i = 0; i < n; i++) {
            double middle = s[i];
            s[i] = middle + STEP;
            double more = weighed(s, g, n, 0.75);
            s[i] = middle - STEP;
            double less = weighed(s, g, n, 0.75);
            s[i] = middle;
            assert_close((double)got[i], (more - less) / (2 * STEP), 4 * ULP);
        }
        assert_memory_equal(got + n, g + n, (MOST - n) * sizeof *g);
    }
}

static void softmax_gradients_match_differences(void **state)
{
    (void)state;
    each_set(check_softmax);
}

/* ---- activations ---- */

static const hp_activation activations[] = {
    HP_ACTIVATION_RELU, HP_ACTIVATION_GELU, HP_ACTIVATION_GELU_TANH,
    HP_ACTIVATION_SILU};

static double activated(double x, hp_activation f)
{
    switch (f) {
    case HP_ACTIVATION_GELU:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case HP_ACTIVATION_GELU_TANH:
        return 0.5 * x *
               (1.0 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case HP_ACTIVATION_SILU:
        return x / (1.0 + exp(-x));
    case HP_ACTIVATION_RELU:
        break;
    }
    return x > 0.0 ? x : 0.0;
}

static void check_activations(const hp__kernels *k)
{
    for (unsigned step = 0; step < 1000; step++) {
        hp_activation f = activations[step % 4];
        float x[MOST], g[MOST], got[MOST], bias[MOST];
        fill(x, MOST, step % 3 ? 3.0 : 12.0, step);
        fill(g, MOST, 1.0, step + 2U);
        fill(bias, MOST, 0.5, step + 1U);
        memcpy(got, g, sizeof got);
        size_t n = 1 + step % 67;
        hp__matrix of_g = {got, 1, n, MOST}, of_x = {x, 1, n, MOST};
        int biased = step % 8 < 4;
        k->activate_back(&of_g, &of_x, biased ? bias : NULL, f);
        for (size_t i = 0; i < n; i++) {
            double in = (double)(biased ? x[i] + bias[i] : x[i]);
            if (fabs(in) < 2 * STEP) /* a difference would span ReLU's kink */
                continue;
            double slope = (activated(in + STEP, f) - activated(in - STEP, f)) /
                           (2 * STEP);
            /* e^-x is off by up to x / 2 ulp. */
            assert_close((double)got[i], slope * (double)g[i], 16 * ULP);
        }
        assert_memory_equal(got + n, g + n, (MOST - n) * sizeof *g);
    }
}

static void activation_gradients_match_differences(void **state)
{
    (void)state;
    each_set(check_activations);
}

static void check_limits(const hp__kernels *k)
{
    for (size_t f = 0; f < 4; f++) {
        float x[] = {1e30F, -1e30F, 200.0F, -200.0F, NAN};
        float g[] = {2.0F, 2.0F, 2.0F, 2.0F, 2.0F};
        hp__matrix of_g = {g, 1, 5, 5}, of_x = {x, 1, 5, 5};
        k->activate_back(&of_g, &of_x, NULL, activations[f]);
        assert_close((double)g[0], 2.0, 1e-6);
        assert_close((double)g[1], 0.0, 1e-6);
        assert_close((double)g[2], 2.0, 1e-6);
        assert_close((double)g[3], 0.0, 1e-6);
        assert_true(isnan(g[4]) || activations[f] == HP_ACTIVATION_RELU);
    }
}

static void activation_gradients_hold_at_the_limits(void **state)
{
    (void)state;
    each_set(check_limits);
}

/* ---- norms ---- */

/* sum_i g_i norm(x)_i */
static double weighed_norm(const double *x, const float *g, size_t n,
                           const hp__norm *w)
{
    double mean = 0.0, var = 0.0, sum = 0.0;
    for (size_t i = 0; i < n && w->kind == HP_NORM_LAYER; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        sum += (double)g[i] * (x[i] - mean) * (double)w->weight[i];
    return sum / sqrt(var + (double)w->eps);
}

static void check_norm(const hp__kernels *k)
{
    float weight[MOST], x[2 * MOST], g[2 * MOST], got[2 * MOST];
    fill(weight, MOST, 2.0, 5U);
    for (unsigned step = 0; step < 200; step++) {
        hp__norm w = {step % 2 ? HP_NORM_LAYER : HP_NORM_RMS, weight,
                      step % 4 < 2 ? weight : NULL, 1e-3F};
        size_t n = 3 + step % 64;
        fill(x, 2 * MOST, 1.5, step);
        fill(g, 2 * MOST, 1.0, step + 1U);
        for (size_t i = 0; i < 2 * MOST; i++)
            x[i] += step % 5 ? 0.0F : 10.0F;
        memcpy(got, g, sizeof got);
        hp__matrix m = {x, 2, n, MOST};
        k->norm_back(got, MOST, &m, &w);
        double at[MOST];
        for (size_t i = 0; i < n; i++)
            at[i] = (double)x[MOST + i];
        for (size_t i = 0; i < n; i++) {
            double middle = at[i];
            at[i] = middle + STEP;
            double more = weighed_norm(at, g + MOST, n, &w);
            at[i] = middle - STEP;
            double less = weighed_norm(at, g + MOST, n, &w);
            at[i] = middle;
            assert_close((double)got[MOST + i], (more - less) / (2 * STEP),
                         40 * ULP);
        }
        assert_memory_equal(got + MOST + n, g + MOST + n,
                            (MOST - n) * sizeof *g);
    }
}

static void norm_gradients_match_differences(void **state)
{
    (void)state;
    each_set(check_norm);
}

/* A turn keeps products: g . rotate(x) = rotate_back(g) . x for all x. */
static void check_turn(const hp__kernels *k)
{
    float x[MOST], g[MOST], cosines[MOST], sines[MOST];
    fill(x, MOST, 1.0, 1U);
    fill(g, MOST, 1.0, 2U);
    for (size_t i = 0; i < MOST; i++) {
        cosines[i] = cosf((float)i);
        sines[i] = sinf((float)i);
    }
    for (size_t n = 2; n <= 66; n += 8) {
        float turned[MOST], back[MOST];
        double want = 0.0, got = 0.0;
        memcpy(turned, x, sizeof x);
        memcpy(back, g, sizeof g);
        hp__matrix of_x = {turned, 1, n, n}, of_g = {back, 1, n, n};
        k->rotate(&of_x, cosines, sines);
        k->rotate_back(&of_g, cosines, sines);
        for (size_t i = 0; i < n; i++) {
            want += (double)g[i] * (double)turned[i];
            got += (double)back[i] * (double)x[i];
        }
        assert_close(got, want, 4 * ULP * (double)n);
        k->rotate(&of_g, cosines, sines);
        for (size_t i = 0; i < n; i++)
            assert_close((double)back[i], (double)g[i], 4 * ULP);
    }
}

static void turns_are_turned_back(void **state)
{
    (void)state;
    each_set(check_turn);
}

static void check_add(const hp__kernels *k)
{
    float x[2 * MOST], y[2 * MOST], got[2 * MOST];
    fill(x, 2 * MOST, 1.0, 1U);
    fill(y, 2 * MOST, 1.0, 2U);
    memcpy(got, x, sizeof x);
    hp__matrix m = {got, 2, 67, MOST};
    k->add(&m, y, MOST);
    for (size_t i = 0; i < 67; i++)
        assert_close((double)got[MOST + i], (double)(x[MOST + i] + y[MOST + i]),
                     0.0);
    assert_memory_equal(got + 67, x + 67, (MOST - 67) * sizeof *x);
}

static void rows_are_added(void **state)
{
    (void)state;
    each_set(check_add);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_gradients_match_differences),
        cmocka_unit_test(activation_gradients_match_differences),
        cmocka_unit_test(activation_gradients_hold_at_the_limits),
        cmocka_unit_test(norm_gradients_match_differences),
        cmocka_unit_test(turns_are_turned_back),
        cmocka_unit_test(rows_are_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
