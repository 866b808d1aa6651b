/* The kernels of AVX-512: vectors of 16 floats. */
#define HP__LANES   16
#define HP__KERNELS hp__kernels_avx512
#define HP__NAME    "avx512"
#include "nn/kernel_set.h"
