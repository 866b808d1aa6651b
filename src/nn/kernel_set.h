/*
 * The kernels, for the vectors of vector.h. Included once by each
 * kernels_*.c. Sums that decide a result are kept in double.
 */
#ifndef HEADPRUNE_NN_KERNEL_SET_H
#define HEADPRUNE_NN_KERNEL_SET_H

#include "nn/kernel_backward.h"
#include "nn/kernel_product.h"
#include "nn/kernel_softmax.h"
#include "nn/kernels.h"
#include "nn/vector.h"

/* ---- elementwise ---- */

static void add_bias(const hp__matrix *x, const float *bias)
{
    for (size_t r = 0; r < x->rows; r++) {
        float *row = x->at + r * x->ld;
        for (size_t i = 0; i < x->n; i++)
            row[i] += bias[i];
    }
}

static void multiply(const hp__matrix *x, const float *y, size_t ldy)
{
    for (size_t r = 0; r < x->rows; r++)
        for (size_t i = 0; i < x->n; i++)
            x->at[r * x->ld + i] *= y[r * ldy + i];
}

static void add(const hp__matrix *x, const float *y, size_t ldy)
{
    for (size_t r = 0; r < x->rows; r++)
        for (size_t i = 0; i < x->n; i++)
            x->at[r * x->ld + i] += y[r * ldy + i];
}

static void scale_row(float *row, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        row[i] *= factor;
}

static inline void turn_rows(const hp__matrix *x, const float *cosines,
                             const float *sines, float sign)
{
    size_t half = x->n / 2;
    for (size_t r = 0; r < x->rows; r++) {
        float *a = x->at + r * x->ld, *b = a + half;
        for (size_t i = 0; i < half; i++) {
            float old = a[i], sine = sign * sines[i];
            a[i] = old * cosines[i] - b[i] * sine;
            b[i] = b[i] * cosines[i] + old * sine;
        }
    }
}

static void rotate(const hp__matrix *x, const float *cosines,
                   const float *sines)
{
    turn_rows(x, cosines, sines, 1.0F);
}

static void rotate_back(const hp__matrix *x, const float *cosines,
                        const float *sines)
{
    turn_rows(x, cosines, sines, -1.0F);
}

/* ---- values of a file ---- */

/* All bits of the exponent set: NaN or infinity. */
static inline ints not_finite(floats x)
{
    const int32_t exponent = 0x7f800000;
    return ((ints)x & exponent) == exponent;
}

/* GCC 12 does this in parts. */
static inline words widen_halves(halves h)
{
#if HP__LANES == 16
    return (words)_mm512_cvtepu16_epi32((__m256i)h);
#elif HP__LANES == 8
    return (words)_mm256_cvtepu16_epi32((__m128i)h);
#else
    return __builtin_convertvector(h, words);
#endif
}

static inline floats from_bf16(halves h)
{
    return (floats)(widen_halves(h) << 16);
}

/* Denormal halves are normal floats: their mantissa times 2^-24. */
static inline floats from_f16(halves h)
{
    words w = widen_halves(h);
    words sign = (w & 0x8000U) << 16, exponent = w & 0x7c00U;
    words bits = ((w & 0x7fffU) << 13) + (112U << 23);
    bits += (words)(exponent == 0x7c00U) & (112U << 23);
    floats small = __builtin_convertvector((ints)(w & 0x3ffU), floats) *
                   5.9604644775390625e-8F;
    floats x = pick((ints)(exponent == 0U), small, (floats)bits);
    return (floats)((words)x | sign);
}

/* LANES values at `in`, which may lie at any address. */
static inline floats load_as(const unsigned char *in, hp_dtype dtype)
{
    floats v = {0};
    halves h;
    double d[HP__LANES];
    float f[HP__LANES];
    switch (dtype) {
    case HP_DTYPE_F16:
        memcpy(&h, in, sizeof h);
        return from_f16(h);
    case HP_DTYPE_BF16:
        memcpy(&h, in, sizeof h);
        return from_bf16(h);
    case HP_DTYPE_F64:
        memcpy(d, in, sizeof d);
        for (size_t i = 0; i < LANES; i++)
            f[i] = (float)d[i];
        return load(f);
    case HP_DTYPE_F32:
    case HP_DTYPE_OTHER:
        break;
    }
    memcpy(&v, in, sizeof v);
    return v;
}

static inline size_t width_of(hp_dtype dtype)
{
    if (dtype == HP_DTYPE_F64)
        return 8;
    return dtype == HP_DTYPE_F32 ? 4 : 2;
}

static inline __attribute__((always_inline)) int
convert_as(float *out, const unsigned char *in, size_t n, hp_dtype dtype)
{
    ints bad = {0};
    size_t i = 0, width = width_of(dtype);
    for (; i + LANES <= n; i += LANES) {
        floats x = load_as(in + i * width, dtype);
        bad |= not_finite(x);
        store(out + i, x);
    }
    if (i < n) {
        unsigned char last[HP__LANES * 8] = {0};
        memcpy(last, in + i * width, (n - i) * width);
        floats x = load_as(last, dtype);
        bad |= not_finite(x);
        store_part(out + i, n - i, x);
    }
    int32_t any = 0;
    for (size_t l = 0; l < LANES; l++)
        any |= bad[l];
    return !any;
}

static int convert(float *out, const void *in, size_t n, hp_dtype dtype)
{
    switch (dtype) {
    case HP_DTYPE_F16:
        return convert_as(out, in, n, HP_DTYPE_F16);
    case HP_DTYPE_BF16:
        return convert_as(out, in, n, HP_DTYPE_BF16);
    case HP_DTYPE_F64:
        return convert_as(out, in, n, HP_DTYPE_F64);
    case HP_DTYPE_F32:
    case HP_DTYPE_OTHER:
        break;
    }
    return convert_as(out, in, n, HP_DTYPE_F32);
}

static int is_finite(const float *x, size_t n)
{
    ints bad = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        bad |= not_finite(load(x + i));
    if (i < n)
        bad |= not_finite(load_part(x + i, n - i, 0.0F));
    int32_t any = 0;
    for (size_t l = 0; l < LANES; l++)
        any |= bad[l];
    return !any;
}

/* Squares of LANES values. */
static inline __attribute__((always_inline)) void
add_squares(doubles sums[2], const unsigned char *in, hp_dtype dtype)
{
    floats x = load_as(in, dtype);
    doubles a = low(x), b = high(x);
    sums[0] += a * a;
    sums[1] += b * b;
}

/* Rows of a band that is a few vectors wide keep their sums in registers. */
static inline __attribute__((always_inline)) double
squares_as(const hp__raw_rows *band, hp_dtype dtype)
{
    doubles sums[2] = {{0}, {0}};
    const unsigned char *in = band->at;
    size_t width = width_of(dtype), n = band->n;
    for (size_t r = 0; r < band->rows; r++, in += band->step) {
        unsigned char last[HP__LANES * 4] = {0};
        size_t i = 0;
        for (; i + LANES <= n; i += LANES)
            add_squares(sums, in + i * width, dtype);
        if (i == n)
            continue;
        memcpy(last, in + i * width, (n - i) * width);
        add_squares(sums, last, dtype);
    }
    return sum(sums[0] + sums[1]);
}

/* Doubles are not rounded to floats on the way. */
static double squares_f64(const hp__raw_rows *band)
{
    double total = 0.0;
    const unsigned char *in = band->at;
    for (size_t r = 0; r < band->rows; r++, in += band->step) {
        for (size_t i = 0; i < band->n; i++) {
            double x;
            memcpy(&x, in + i * sizeof x, sizeof x);
            total += x * x;
        }
    }
    return total;
}

/* x^2 + y^2 of LANES pairs: squares have 16 bits and are exact, their sum is
 * rounded once. */
static inline floats square_pairs(words w)
{
#if defined(__AVX512BF16__)
    const floats zero = {0};
    return (floats)_mm512_dpbf16_ps((__m512)zero, (__m512bh)w, (__m512bh)w);
#else
    floats x = (floats)(w << 16), y = (floats)(w & 0xffff0000U);
    return x * x + y * y;
#endif
}

/* Sums over two vectors by eights of BF16 or fours of F32: no more than three
 * roundings of 2^-24 each, so that half a vector is widened for two that are
 * read. `seen`: all their bits. */
typedef struct single_sums {
    doubles sums;
    words seen;
} single_sums;

#define TWO_VECTORS (LANES * 8) /* bytes */

static inline __attribute__((always_inline)) void
add_two_vectors(single_sums *s, const unsigned char *in, hp_dtype dtype)
{
    words v, w;
    memcpy(&v, in, sizeof v);
    memcpy(&w, in + sizeof v, sizeof w);
    if (dtype == HP_DTYPE_BF16) {
        s->sums += folded(square_pairs(v) + square_pairs(w));
    } else {
        floats x = (floats)v, y = (floats)w;
        s->sums += folded(x * x + y * y);
    }
    s->seen |= v | w;
}

static inline int is_zero(words seen, hp_dtype dtype)
{
    uint32_t any = 0;
    for (size_t i = 0; i < LANES; i++)
        any |= seen[i];
    return !(any & (dtype == HP_DTYPE_BF16 ? 0x7fff7fffU : 0x7fffffffU));
}

/* Where squares leave the range of floats they are made in double. */
static inline __attribute__((always_inline)) double
squares_in_single(const hp__raw_rows *band, hp_dtype dtype)
{
    const double least = 1e-30; /* what is lost below is 1e-8 of it */
    single_sums s = {{0}, {0}};
    const unsigned char *in = band->at;
    size_t n = band->n * width_of(dtype);
    for (size_t r = 0; r < band->rows; r++, in += band->step) {
        size_t i = 0;
        for (; i + TWO_VECTORS <= n; i += TWO_VECTORS)
            add_two_vectors(&s, in + i, dtype);
        if (i == n)
            continue;
        unsigned char last[TWO_VECTORS] = {0};
        memcpy(last, in + i, n - i);
        add_two_vectors(&s, last, dtype);
    }
    double total = sum(s.sums), all_of = (double)(band->rows * band->n);
    int fits = total >= least * all_of && isfinite(total);
    return fits || is_zero(s.seen, dtype) ? total : squares_as(band, dtype);
}

static double squares(const hp__raw_rows *band, hp_dtype dtype)
{
    switch (dtype) {
    case HP_DTYPE_F16:
        return squares_as(band, HP_DTYPE_F16);
    case HP_DTYPE_BF16:
        return squares_in_single(band, HP_DTYPE_BF16);
    case HP_DTYPE_F64:
        return squares_f64(band);
    case HP_DTYPE_F32:
    case HP_DTYPE_OTHER:
        break;
    }
    return squares_in_single(band, HP_DTYPE_F32);
}

const hp__kernels HP__KERNELS = {
    .name = HP__NAME,
    .softmax = softmax,
    .row_max = row_max,
    .sum_exp = sum_exp,
    .sum_gap = sum_gap,
    .add_bias = add_bias,
    .activate = activate,
    .multiply = multiply,
    .add = add,
    .scale = scale_row,
    .norm = norm_rows,
    .rotate = rotate,
    .softmax_back = softmax_back,
    .activate_back = activate_back,
    .norm_back = norm_back,
    .rotate_back = rotate_back,
    .convert = convert,
    .is_finite = is_finite,
    .squares = squares,
    .multiply_strips = multiply_strips,
};

#endif
