/*
 * Every set of vector kernels against libm in double, at sizes around the
 * vectors' widths. Bounds are in units of single precision's rounding.
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

static const size_t sizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 67};
#define N_SIZES (sizeof sizes / sizeof *sizes)

static double draw(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return (double)*seed / 4294967296.0 * 2.0 - 1.0;
}

static void fill(float *x, size_t n, double size, uint32_t seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(size * draw(&seed));
}

static void assert_close(double got, double want, double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("got %.17g, want %.17g, allowed %.3g", got, want, most);
}

/* Runs `check` with every set of kernels of this machine. */
static void each_set(void (*check)(const hp__kernels *k))
{
    const hp__kernels *k;
    for (size_t i = 0; (k = hp__kernels_at(i)) != NULL; i++)
        check(k);
}

/* ---- softmax ---- */

static double entropy_of(const float *row, size_t n, double scale, double *z)
{
    double max = -HUGE_VAL, h = 0.0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, (double)row[i]);
    *z = 0.0;
    for (size_t i = 0; i < n; i++)
        *z += exp(scale * ((double)row[i] - max));
    for (size_t i = 0; i < n; i++) {
        double p = exp(scale * ((double)row[i] - max)) / *z;
        h -= p > 0.0 ? p * log(p) : 0.0;
    }
    return h;
}

static void check_softmax(const hp__kernels *k)
{
    const float spread[] = {0.5F, 4.0F, 30.0F};
    for (size_t s = 0; s < N_SIZES * 3; s++) {
        size_t n = sizes[s / 3];
        float row[MOST], before[MOST];
        fill(row, MOST, (double)spread[s % 3], 7U + (uint32_t)s);
        memcpy(before, row, sizeof row);
        double z, h, want_h = entropy_of(row, n, 0.75, &z);
        double got_z = k->softmax(&h, row, n, 0.75F);
        assert_close(got_z, z, 4 * ULP * z);
        assert_close(h, want_h, 1e-6 * want_h + 1e-9);
        double max = -HUGE_VAL;
        for (size_t i = 0; i < n; i++)
            max = fmax(max, (double)before[i]);
        for (size_t i = 0; i < n; i++) {
            double x = 0.75 * ((double)before[i] - max), e = exp(x);
            assert_close((double)row[i], e,
                         (3 - x) * ULP * e + (double)FLT_MIN);
        }
        for (size_t i = n; i < MOST; i++) /* nothing past the row changes */
            assert_memory_equal(&row[i], &before[i], sizeof *row);
    }
}

static void softmax_and_entropy_match_double(void **state)
{
    (void)state;
    each_set(check_softmax);
}

/* ---- sums of losses and divergences ---- */

static void check_sums(const hp__kernels *k)
{
    const float spread[] = {0.5F, 4.0F, 60.0F};
    for (size_t s = 0; s < N_SIZES * 3; s++) {
        size_t n = sizes[s / 3];
        float a[MOST], b[MOST], max = -FLT_MAX;
        fill(a, MOST, (double)spread[s % 3], 11U + (uint32_t)s);
        fill(b, MOST, (double)spread[s % 3], 13U + (uint32_t)s);
        a[n] = b[n] = 1e30F; /* past the row */
        for (size_t i = 0; i < n; i++)
            max = a[i] > max ? a[i] : max;
        assert_close((double)k->row_max(a, n), (double)max, 0.0);
        double z = 0.0, gap = 0.0, size = 0.0;
        for (size_t i = 0; i < n; i++) {
            double e = exp((double)a[i] - (double)max);
            double off = (double)a[i] - (double)b[i];
            z += e;
            gap += e * off;
            size += e * fabs(off);
        }
        assert_close(k->sum_exp(a, n, max), z, 6 * ULP * z);
        assert_close(k->sum_gap(a, b, n, max), gap, 8 * ULP * size);
        assert_close(k->sum_gap(a, a, n, max), 0.0, 0.0);
        /* A larger maximum scales the sums. */
        double less = exp(-2.0);
        assert_close(k->sum_exp(a, n, max + 2.0F), less * z,
                     9 * ULP * less * z);
    }
}

static void losses_and_divergences_match_double(void **state)
{
    (void)state;
    each_set(check_sums);
}

static void check_special_rows(const hp__kernels *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float row[MOST];
        double h;
        for (size_t i = 0; i < n; i++)
            row[i] = -3.25e10F;
        assert_close(k->sum_exp(row, n, -3.25e10F), (double)n, 0.0);
        assert_close(k->softmax(&h, row, n, 0.125F), (double)n, 0.0);
        assert_close(h, log((double)n), 1e-15);
        for (size_t i = 0; i < n; i++)
            row[i] = i == n / 2 ? 1000.0F : -1000.0F;
        assert_close(k->softmax(&h, row, n, 1.0F), 1.0, 0.0);
        assert_close(h, 0.0, 0.0);
        for (size_t i = 0; i < n; i++)
            assert_close((double)row[i], i == n / 2, 0.0);
    }
}

static void equal_scores_give_ln_n_and_one_key_gives_zero(void **state)
{
    (void)state;
    each_set(check_special_rows);
}

static void check_bad_rows(const hp__kernels *k)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t s = 0; s < N_SIZES * 3; s++) {
        size_t n = sizes[s / 3];
        float row[MOST];
        fill(row, MOST, 1.0, 3U);
        row[n - 1] = bad[s % 3];
        double h;
        k->softmax(&h, row, n, 1.0F);
        assert_true(!isfinite(h));
    }
}

static void a_bad_score_makes_the_entropy_bad(void **state)
{
    (void)state;
    each_set(check_bad_rows);
}

/* ---- activations ---- */

static double activated(double x, hp_activation f)
{
    switch (f) {
    case HP_ACTIVATION_RELU:
        return x > 0.0 ? x : 0.0;
    case HP_ACTIVATION_GELU:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case HP_ACTIVATION_GELU_TANH:
        return x / (1.0 + exp(-2.0 * sqrt(2.0 / acos(-1.0)) *
                              (x + 0.044715 * x * x * x)));
    case HP_ACTIVATION_SILU:
        return x / (1.0 + exp(-x));
    }
    return (double)NAN;
}

static void check_activations(const hp__kernels *k)
{
    const hp_activation all[] = {HP_ACTIVATION_RELU, HP_ACTIVATION_GELU,
                                 HP_ACTIVATION_GELU_TANH, HP_ACTIVATION_SILU};
    for (unsigned step = 0; step < 2000; step++) {
        hp_activation f = all[step % 4];
        float x[MOST], y[MOST], bias[MOST];
        fill(x, MOST, step % 3 ? 3.0 : 12.0, step);
        fill(bias, MOST, 0.5, step + 1U);
        memcpy(y, x, sizeof x);
        hp__matrix m = {y, 1, 1 + step % 67, MOST};
        k->activate(&m, step % 8 < 4 ? bias : NULL, f);
        for (size_t i = 0; i < m.n; i++) {
            double in = (double)(step % 8 < 4 ? x[i] + bias[i] : x[i]);
            double want = activated(in, f);
            assert_close((double)y[i], want, 4 * ULP * fabs(want) + 1e-7);
        }
        assert_memory_equal(y + m.n, x + m.n, (MOST - m.n) * sizeof *x);
    }
}

static void activations_match_libm(void **state)
{
    (void)state;
    each_set(check_activations);
}

static void check_activation_limits(const hp__kernels *k)
{
    const hp_activation all[] = {HP_ACTIVATION_RELU, HP_ACTIVATION_GELU,
                                 HP_ACTIVATION_GELU_TANH, HP_ACTIVATION_SILU};
    for (size_t f = 0; f < 4; f++) {
        float x[] = {1e4F, -1e4F, 0.0F, NAN, INFINITY, 200.0F, -200.0F};
        hp__matrix m = {x, 1, 7, 7};
        k->activate(&m, NULL, all[f]);
        assert_close((double)x[0], 1e4, 0.0);
        assert_close((double)x[1], 0.0, 1e-30);
        assert_close((double)x[2], 0.0, 0.0);
        assert_true(isnan(x[3]));
        assert_true(!isfinite(x[4]));
        assert_close((double)x[5], 200.0, 0.0);
        assert_close((double)x[6], 0.0, 1e-30);
    }
}

static void activations_hold_at_the_limits(void **state)
{
    (void)state;
    each_set(check_activation_limits);
}

/* ---- norms ---- */

static void normed(double *out, const float *x, size_t n, const hp__norm *w)
{
    double mean = 0.0, var = 0.0;
    for (size_t i = 0; i < n && w->kind == HP_NORM_LAYER; i++)
        mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        out[i] = ((double)x[i] - mean) / sqrt(var + (double)w->eps) *
                     (double)w->weight[i] +
                 (w->bias ? (double)w->bias[i] : 0.0);
}

static void check_norm(const hp__kernels *k)
{
    float weight[MOST], bias[MOST], x[2 * MOST], out[2 * MOST];
    fill(weight, MOST, 2.0, 5U);
    fill(bias, MOST, 2.0, 6U);
    for (unsigned step = 0; step < 400; step++) {
        hp__norm w = {step % 2 ? HP_NORM_LAYER : HP_NORM_RMS, weight,
                      step % 4 < 2 ? bias : NULL, 1e-5F};
        size_t n = 2 + step % 67;
        fill(x, MOST * 2, 1.5, step);
        float centre = step % 5 ? 0.0F : 100.0F;
        for (size_t i = 0; i < 2 * MOST; i++)
            x[i] += centre;
        double want[MOST];
        normed(want, x + MOST, n, &w);
        hp__matrix m = {x, 2, n, MOST};
        k->norm(out, MOST, &m, &w);
        for (size_t i = 0; i < n; i++)
            assert_close((double)out[MOST + i], want[i],
                         12 * ULP * (1 + fabs(want[i])));
        k->norm(x, MOST, &m, &w);
        assert_memory_equal(x + MOST, out + MOST, n * sizeof *x);
    }
}

static void norms_match_double(void **state)
{
    (void)state;
    each_set(check_norm);
}

/* ---- rotations ---- */

/* Row r of x as pairs (i, i + n / 2), against the definition in double; what
 * lies beside the row stays. */
static void check_rotated(const float *x, const float *old, size_t n,
                          const float *turns)
{
    for (size_t i = 0; i < n / 2; i++) {
        double c = (double)(float)cos((double)turns[i]);
        double s = (double)(float)sin((double)turns[i]);
        double a = (double)old[i], b = (double)old[i + n / 2];
        assert_close((double)x[i], a * c - b * s, 4 * ULP);
        assert_close((double)x[i + n / 2], b * c + a * s, 4 * ULP);
    }
    for (size_t i = n; i < MOST; i++)
        assert_true(x[i] == old[i]);
}

static void check_rotate(const hp__kernels *k)
{
    float x[2 * MOST], old[2 * MOST], turns[MOST], c[MOST], s[MOST];
    for (size_t n = 2; n < MOST; n += 2) {
        fill(x, 2 * MOST, 1.0, (uint32_t)n);
        memcpy(old, x, sizeof old);
        fill(turns, MOST, 20.0, (uint32_t)n + 1);
        for (size_t i = 0; i < MOST; i++) {
            c[i] = (float)cos((double)turns[i]);
            s[i] = (float)sin((double)turns[i]);
        }
        hp__matrix m = {x, 2, n, MOST};
        k->rotate(&m, c, s);
        check_rotated(x, old, n, turns);
        check_rotated(x + MOST, old + MOST, n, turns);
    }
}

static void rotations_match_double(void **state)
{
    (void)state;
    each_set(check_rotate);
}

/* ---- values of a file ---- */

static double half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double x =
        exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return h >> 15 ? -x : x;
}

static void check_halves(const hp__kernels *k)
{
    for (uint32_t h = 0; h < 65536; h += 7) {
        unsigned char bytes[1 + 2 * 7];
        float got[7];
        int finite = 1;
        for (size_t i = 0; i < 7; i++) {
            uint16_t v = (uint16_t)(h + i);
            memcpy(bytes + 1 + 2 * i, &v, 2);
            finite = finite && (v >> 10 & 31) != 31;
        }
        assert_int_equal(k->convert(got, bytes + 1, 7, HP_DTYPE_F16), finite);
        for (uint32_t i = 0; i < 7 && finite; i++)
            assert_close((double)got[i], half_value((uint16_t)(h + i)), 0.0);
        for (uint32_t i = 0; i < 7; i++)
            assert_int_equal(signbit(got[i]) != 0, (h + i) >> 15 & 1);
    }
}

static void every_half_converts_exactly(void **state)
{
    (void)state;
    each_set(check_halves);
}

static void check_conversions(const hp__kernels *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float x[MOST], got[MOST];
        double d[MOST];
        uint16_t b[MOST];
        unsigned char raw[MOST * 8 + 1];
        fill(x, MOST, 1e-3, (uint32_t)n);
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            d[i] = (double)x[i];
            memcpy(&bits, &x[i], 4);
            b[i] = (uint16_t)(bits >> 16);
        }
        memcpy(raw + 1, x, n * 4);
        assert_true(k->convert(got, raw + 1, n, HP_DTYPE_F32));
        assert_memory_equal(got, x, n * 4);
        memcpy(raw + 1, d, n * 8);
        assert_true(k->convert(got, raw + 1, n, HP_DTYPE_F64));
        assert_memory_equal(got, x, n * 4);
        memcpy(raw + 1, b, n * 2);
        assert_true(k->convert(got, raw + 1, n, HP_DTYPE_BF16));
        for (size_t i = 0; i < n; i++) {
            uint32_t bits = (uint32_t)b[i] << 16;
            assert_memory_equal(&got[i], &bits, 4);
        }
    }
}

static void conversions_are_exact_at_any_address(void **state)
{
    (void)state;
    each_set(check_conversions);
}

static void check_finite(const hp__kernels *k)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float x[MOST], out[MOST];
        double d[MOST];
        for (size_t at = 0; at < n; at++) {
            fill(x, MOST, 1.0, 9U);
            x[n] = NAN; /* past the end: not looked at */
            assert_true(k->is_finite(x, n));
            x[at] = bad[at % 3];
            assert_false(k->is_finite(x, n));
            assert_false(k->convert(out, x, n, HP_DTYPE_F32));
            for (size_t i = 0; i < n; i++)
                d[i] = i == at ? 1e300 : 1.0;
            assert_false(k->convert(out, d, n, HP_DTYPE_F64));
        }
    }
}

static void a_value_that_is_not_finite_is_found_anywhere(void **state)
{
    (void)state;
    each_set(check_finite);
}

/* Three rows of n values in the middle of rows of `wide`. */
static hp__raw_rows band_of(const void *values, size_t wide, size_t n,
                            size_t size)
{
    const unsigned char *at = values;
    return (hp__raw_rows){at + (wide - n) / 2 * size, 3, wide * size, n};
}

/* Of a sum of squares by fours or eights in single precision. */
#define THREE_ROUNDINGS (3.0 / 16777216.0)

static double from_bf16(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

static void check_squares(const hp__kernels *k)
{
    enum { WIDE = MOST + 4 };
    float x[3 * WIDE];
    double d[3 * WIDE];
    uint16_t f16[3 * WIDE], bf16[3 * WIDE];
    fill(x, (size_t)3 * WIDE, 1.0, 1U);
    for (size_t i = 0; i < (size_t)3 * WIDE; i++) {
        d[i] = (double)x[i] * 1e60;
        f16[i] = (uint16_t)(0x3c00U + i % 1024); /* 1 + i / 1024 */
        /* 1 + i / 128 times 2^(i % 13 - 6): sums of squares are rounded */
        bf16[i] = (uint16_t)(0x3f80U + i % 128 + (i % 13 << 7) - (6U << 7));
    }
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        double want[3] = {0};
        for (size_t i = 0; i < 3 * n; i++) {
            size_t at = i / n * WIDE + (WIDE - n) / 2 + i % n;
            want[0] += (double)x[at] * (double)x[at];
            want[1] += pow(1.0 + (double)(at % 1024) / 1024.0, 2.0);
            want[2] += pow(from_bf16(bf16[at]), 2.0);
        }
        hp__raw_rows floats = band_of(x, WIDE, n, 4),
                     wide = band_of(d, WIDE, n, 8);
        hp__raw_rows half = band_of(f16, WIDE, n, 2);
        hp__raw_rows brain = band_of(bf16, WIDE, n, 2);
        assert_close(k->squares(&floats, HP_DTYPE_F32), want[0],
                     want[0] * THREE_ROUNDINGS);
        assert_close(k->squares(&wide, HP_DTYPE_F64) * 1e-120, want[0],
                     1e-9 * want[0]);
        assert_close(k->squares(&half, HP_DTYPE_F16), want[1], 1e-12 * want[1]);
        assert_close(k->squares(&brain, HP_DTYPE_BF16), want[2],
                     want[2] * THREE_ROUNDINGS);
    }
}

/* The values of BF16 with these bits, as they are or as floats. */
static hp__raw_rows band_as(const uint16_t *bf16, float *room, size_t wide,
                            size_t n, hp_dtype dtype)
{
    if (dtype == HP_DTYPE_BF16)
        return band_of(bf16, wide, n, 2);
    for (size_t i = 0; i < 3 * wide; i++)
        room[i] = (float)from_bf16(bf16[i]);
    return band_of(room, wide, n, 4);
}

static const hp_dtype in_single[] = {HP_DTYPE_BF16, HP_DTYPE_F32};

/* Squares beyond the range of floats, on either side, and zeros. */
static void check_far_squares(const hp__kernels *k)
{
    enum { WIDE = MOST + 4 };
    static const uint16_t far[] = {0x0000, 0x8000, 0x0080, 0x1f80,
                                   0x2380, 0x5f80, 0x6f40, 0x7f7f};
    uint16_t bf16[3 * WIDE];
    float room[3 * WIDE];
    for (size_t f = 0; f < sizeof far / sizeof *far; f++) {
        double x = from_bf16(far[f]);
        for (size_t i = 0; i < (size_t)3 * WIDE; i++)
            bf16[i] = i % 2 ? far[f] : far[f] ^ 0x8000U;
        for (size_t s = 0; s < 2 * N_SIZES; s++) {
            size_t n = sizes[s / 2];
            double want = 3.0 * (double)n * x * x;
            hp__raw_rows band = band_as(bf16, room, WIDE, n, in_single[s % 2]);
            assert_close(k->squares(&band, in_single[s % 2]), want,
                         want * THREE_ROUNDINGS);
        }
    }
}

/* A square below the range of floats, wherever it is among zeros. */
static void check_lone_squares(const hp__kernels *k)
{
    uint16_t bf16[3 * MOST] = {0};
    float room[3 * MOST];
    for (size_t i = 0; i < 6 * (size_t)MOST; i++) {
        hp_dtype dtype = in_single[i % 2];
        bf16[i / 2] = 0x1f80U;
        double want = pow(from_bf16(bf16[i / 2]), 2.0);
        hp__raw_rows band = band_as(bf16, room, MOST, MOST, dtype);
        assert_close(k->squares(&band, dtype), want, 1e-12 * want);
        bf16[i / 2] = 0;
    }
}

static void squares_may_leave_the_range_of_floats(void **state)
{
    (void)state;
    each_set(check_far_squares);
    each_set(check_lone_squares);
}

static void squares_are_summed_in_double(void **state)
{
    (void)state;
    each_set(check_squares);
}

static void check_elementwise(const hp__kernels *k)
{
    float x[2 * MOST], y[2 * MOST], bias[MOST], got[2 * MOST];
    fill(x, 2 * MOST, 1.0, 1U);
    fill(y, 2 * MOST, 1.0, 2U);
    fill(bias, MOST, 1.0, 3U);
    hp__matrix m = {got, 2, 67, MOST};
    memcpy(got, x, sizeof x);
    k->add_bias(&m, bias);
    k->multiply(&m, y, MOST);
    k->scale(got, 67, 0.5F);
    for (size_t i = 0; i < 67; i++) {
        double want = (double)((x[i] + bias[i]) * y[i] * 0.5F);
        assert_close((double)got[i], want, 0.0);
        want = (double)((x[MOST + i] + bias[i]) * y[MOST + i]);
        assert_close((double)got[MOST + i], want, 0.0);
    }
    assert_memory_equal(got + 67, x + 67, (MOST - 67) * sizeof *x);
}

static void elementwise_kernels_do_what_they_say(void **state)
{
    (void)state;
    each_set(check_elementwise);
}

static void the_last_set_is_portable(void **state)
{
    (void)state;
    size_t n = 0;
    while (hp__kernels_at(n))
        n++;
    assert_true(n >= 1);
    assert_string_equal(hp__kernels_at(n - 1)->name, "portable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax_and_entropy_match_double),
        cmocka_unit_test(losses_and_divergences_match_double),
        cmocka_unit_test(equal_scores_give_ln_n_and_one_key_gives_zero),
        cmocka_unit_test(a_bad_score_makes_the_entropy_bad),
        cmocka_unit_test(activations_match_libm),
        cmocka_unit_test(activations_hold_at_the_limits),
        cmocka_unit_test(norms_match_double),
        cmocka_unit_test(rotations_match_double),
        cmocka_unit_test(every_half_converts_exactly),
        cmocka_unit_test(conversions_are_exact_at_any_address),
        cmocka_unit_test(a_value_that_is_not_finite_is_found_anywhere),
        cmocka_unit_test(squares_are_summed_in_double),
        cmocka_unit_test(squares_may_leave_the_range_of_floats),
        cmocka_unit_test(elementwise_kernels_do_what_they_say),
        cmocka_unit_test(the_last_set_is_portable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
