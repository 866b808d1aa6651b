/*
 * Vectors of HP__LANES floats, written with the vector types of GCC and clang.
 * Included once by each kernels_*.c, which says how many lanes; all of it is
 * static, since every such file is compiled for another processor.
 */
#ifndef HEADPRUNE_NN_VECTOR_H
#define HEADPRUNE_NN_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if HP__LANES > 4
#include <immintrin.h>
#endif

#define LANES ((size_t)HP__LANES)

typedef float floats __attribute__((vector_size(HP__LANES * 4)));
typedef int32_t ints __attribute__((vector_size(HP__LANES * 4)));
typedef uint32_t words __attribute__((vector_size(HP__LANES * 4)));
typedef uint16_t halves __attribute__((vector_size(HP__LANES * 2)));
/* Half as many lanes, since a double is twice as wide. */
typedef float half_floats __attribute__((vector_size(HP__LANES * 2)));
typedef double doubles __attribute__((vector_size(HP__LANES * 4)));

#if HP__LANES == 16
#define LOW_LANES  0, 1, 2, 3, 4, 5, 6, 7
#define HIGH_LANES 8, 9, 10, 11, 12, 13, 14, 15
#elif HP__LANES == 8
#define LOW_LANES  0, 1, 2, 3
#define HIGH_LANES 4, 5, 6, 7
#else
#define LOW_LANES  0, 1
#define HIGH_LANES 2, 3
#endif
#define ALL_LANES LOW_LANES, HIGH_LANES

static inline floats all(float x)
{
    return x - (floats){0}; /* which compilers make a broadcast of memory */
}

static inline floats load(const float *p)
{
    floats v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, floats v)
{
    memcpy(p, &v, sizeof v);
}

/* where ? a : b, lane by lane */
static inline floats pick(ints where, floats a, floats b)
{
    return (floats)((where & (ints)a) | (~where & (ints)b));
}

/* a > b ? a : b; b where one of them is NaN */
static inline floats larger(floats a, floats b)
{
#if HP__LANES == 16
    return (floats)_mm512_max_ps((__m512)a, (__m512)b);
#elif HP__LANES == 8
    return (floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return pick(a > b, a, b);
#endif
}

/* a < b ? a : b, likewise */
static inline floats smaller(floats a, floats b)
{
#if HP__LANES == 16
    return (floats)_mm512_min_ps((__m512)a, (__m512)b);
#elif HP__LANES == 8
    return (floats)_mm256_min_ps((__m256)a, (__m256)b);
#else
    return pick(a < b, a, b);
#endif
}

/* The first n lanes. */
static inline ints first_lanes(size_t n)
{
    const ints lane = {ALL_LANES};
    return lane < (int32_t)n;
}

/* The first n lanes of v, the others hold `rest`. */
static inline floats keep_part(floats v, size_t n, float rest)
{
    return pick(first_lanes(n), v, all(rest));
}

/* The last n < LANES values of a row, the other lanes hold `rest`. Through
 * memory this would wait until the single values have been written. */
static inline floats load_part(const float *p, size_t n, float rest)
{
#if HP__LANES == 16
    return (floats)_mm512_mask_loadu_ps((__m512)all(rest),
                                        (__mmask16)((1U << n) - 1U), p);
#elif HP__LANES == 8
    floats v = (floats)_mm256_maskload_ps(p, (__m256i)first_lanes(n));
    return keep_part(v, n, rest);
#else
    float lanes[HP__LANES];
    for (size_t i = 0; i < LANES; i++)
        lanes[i] = i < n ? p[i] : rest;
    return load(lanes);
#endif
}

static inline void store_part(float *p, size_t n, floats v)
{
#if HP__LANES == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1U << n) - 1U), (__m512)v);
#elif HP__LANES == 8
    _mm256_maskstore_ps(p, (__m256i)first_lanes(n), (__m256)v);
#else
    float lanes[HP__LANES];
    store(lanes, v);
    memcpy(p, lanes, n * sizeof *p);
#endif
}

static inline floats magnitude(floats x)
{
    return (floats)((ints)x & INT32_MAX);
}

static inline doubles widen(half_floats v)
{
#if HP__LANES == 16 /* which GCC 12 would do in two parts */
    return (doubles)_mm512_cvtps_pd((__m256)v);
#else
    return __builtin_convertvector(v, doubles);
#endif
}

static inline doubles low(floats v)
{
    return widen(__builtin_shufflevector(v, v, LOW_LANES));
}

static inline doubles high(floats v)
{
    return widen(__builtin_shufflevector(v, v, HIGH_LANES));
}

/* Each lane and its counterpart in the other half of v, added in single
 * precision: for sums of numbers of one sign. */
static inline doubles folded(floats v)
{
    return widen(__builtin_shufflevector(v, v, LOW_LANES) +
                 __builtin_shufflevector(v, v, HIGH_LANES));
}

/* Lanes are added in pairs, always in the same order. */
static inline double sum(doubles v)
{
    double lanes[HP__LANES / 2];
    memcpy(lanes, &v, sizeof lanes);
    for (size_t half = LANES / 4; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

static inline float greatest(floats v)
{
    float lanes[HP__LANES];
    store(lanes, v);
    for (size_t half = LANES / 2; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            lanes[i] = lanes[i + half] > lanes[i] ? lanes[i + half] : lanes[i];
    return lanes[0];
}

/*
 * e^x within 2 ulp: x = n ln 2 + r, e^r by Cephes' polynomial, 2^n by the
 * exponent bits. Below -87.3 (where the result would be denormal) exactly 0,
 * above 88 as at 88; NaN stays NaN.
 */
static inline floats exponential(floats x)
{
    const float most = 88.0F, least = -87.3F, magic = 12582912.0F;
    ints tiny = x < least;
    x = larger(all(least), x);
    x = smaller(all(most), x);
    floats shifted = x * 1.44269504088896341F + magic; /* rounds to integer */
    floats n = shifted - magic;
    floats r = x - n * 0.693359375F;
    r = r - n * -2.12194440e-4F;
    floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    words two_n = ((words)shifted - (words)all(magic) + 127U) << 23;
    return pick(tiny, all(0.0F), p * (floats)two_n);
}

#endif
