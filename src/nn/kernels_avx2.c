/* The kernels of AVX2 with FMA: vectors of 8 floats. */
#define HP__LANES   8
#define HP__KERNELS hp__kernels_avx2
#define HP__NAME    "avx2"
#include "nn/kernel_set.h"
