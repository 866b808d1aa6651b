/*
 * Questions to the processor. The compiler's own run-time library asks cpuid
 * and xgetbv, so an instruction set that the system does not save counts as
 * absent.
 */
#include "nn/cpu.h"
#include "headprune/backend.h"

#include <sched.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#define FLUSH_TO_ZERO      0x8000U
#define DENORMALS_ARE_ZERO 0x0040U
#endif

int hp__cpu_has_avx512(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && hp__cpu_has_avx2();
#else
    return 0;
#endif
}

int hp__cpu_has_avx512_bf16(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") && hp__cpu_has_avx512();
#else
    return 0;
#endif
}

int hp__cpu_has_avx2(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return 0;
#endif
}

/* Of family 19h, Zen 3 has no AVX-512. */
int hp__cpu_halves_avx512(void)
{
#if defined(__x86_64__)
    return hp__cpu_has_avx512() && __builtin_cpu_is("amdfam19h");
#else
    return 0;
#endif
}

unsigned hp__denormals_off(void)
{
#if defined(__x86_64__)
    unsigned saved = _mm_getcsr();
    _mm_setcsr(saved | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    return saved;
#else
    return 0;
#endif
}

void hp__denormals_restore(unsigned saved)
{
#if defined(__x86_64__)
    _mm_setcsr(saved);
#else
    (void)saved;
#endif
}

unsigned hp_backend_cpus(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}
