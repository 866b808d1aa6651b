/*
 * What the processor can do at best: independent multiply-adds in registers,
 * on all threads at once. Virtual machines share cores, so this is measured
 * beside every repetition.
 */
#include "bench.h"

#include <omp.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define CHAINS 12 /* hide the latency of 4 cycles on two units */
#define ROUNDS 20000

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static float burn_avx512(float seed)
{
    __m512 sum[CHAINS], a = _mm512_set1_ps(0.999F), b = _mm512_set1_ps(0.001F);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm512_set1_ps(seed + (float)i);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm512_fmadd_ps(sum[i], a, b);
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm512_add_ps(sum[0], sum[i]);
    return _mm512_reduce_add_ps(sum[0]);
}

__attribute__((target("avx2,fma"))) static float burn_avx2(float seed)
{
    __m256 sum[CHAINS], a = _mm256_set1_ps(0.999F), b = _mm256_set1_ps(0.001F);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = _mm256_set1_ps(seed + (float)i);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = _mm256_fmadd_ps(sum[i], a, b);
    for (int i = 1; i < CHAINS; i++)
        sum[0] = _mm256_add_ps(sum[0], sum[i]);
    return _mm256_cvtss_f32(sum[0]);
}
#endif

static float burn_plain(float seed)
{
    typedef float four __attribute__((vector_size(16)));
    four sum[CHAINS], a = {0.999F, 0.999F, 0.999F, 0.999F};
    for (int i = 0; i < CHAINS; i++)
        sum[i] = a * (seed + (float)i);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < CHAINS; i++)
            sum[i] = sum[i] * a + a;
    for (int i = 1; i < CHAINS; i++)
        sum[0] += sum[i];
    return sum[0][0];
}

typedef struct unit {
    const char *name;
    float (*burn)(float seed); /* what it returns is only to be used */
    double lanes;
} unit;

int bench_has(bench_level level)
{
#if defined(__x86_64__)
    if (level == BENCH_AVX512)
        return __builtin_cpu_supports("avx512f") != 0;
    if (level == BENCH_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return level == BENCH_WIDEST || level == BENCH_PORTABLE;
}

static unit unit_of(bench_level level)
{
#if defined(__x86_64__)
    int any = level == BENCH_WIDEST;
    if ((any || level == BENCH_AVX512) && bench_has(BENCH_AVX512))
        return (unit){"AVX-512", burn_avx512, 16};
    if ((any || level == BENCH_AVX2) && bench_has(BENCH_AVX2))
        return (unit){"AVX2", burn_avx2, 8};
#else
    (void)level;
#endif
    return (unit){"128-bit", burn_plain, 4};
}

const char *bench_level_name(bench_level level)
{
    return unit_of(level).name;
}

bench_rate bench_peak(const bench *b, bench_level level)
{
    const double enough = b->tiny ? 1e-3 : 0.06;
    unit u = unit_of(level);
    double rounds = 0.0, kept = 0.0, start = bench_now(), cpu = bench_cpu();
#pragma omp parallel num_threads(b->threads) reduction(+ : rounds, kept)
    do {
        kept += (double)u.burn((float)rounds);
        rounds += 1.0;
    } while (bench_now() - start < enough);
    /* `kept` is used so that the work cannot be left out; it is positive. */
    double done = kept > 0.0 ? rounds * ROUNDS * CHAINS * u.lanes * 2e-9 : 0.0;
    return (bench_rate){done / (bench_now() - start),
                        done / (bench_cpu() - cpu) * b->threads};
}
