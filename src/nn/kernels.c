/* Which sets of kernels this processor can run. */
#include "nn/kernels.h"
#include "nn/cpu.h"

const hp__kernels *hp__kernels_at(size_t i)
{
    const hp__kernels *sets[5] = {NULL};
    size_t n = 0;
#if defined(__x86_64__)
    if (hp__cpu_has_avx512_bf16())
        sets[n++] = &hp__kernels_avx512bf16;
    if (hp__cpu_has_avx512())
        sets[n++] = &hp__kernels_avx512;
    if (hp__cpu_has_avx2())
        sets[n++] = &hp__kernels_avx2;
#endif
    sets[n++] = &hp__kernels_portable;
    return i < n ? sets[i] : NULL;
}
