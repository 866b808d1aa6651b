/* The kernels of AVX-512 with its products of BF16. */
#define HP__LANES   16
#define HP__KERNELS hp__kernels_avx512bf16
#define HP__NAME    "avx512bf16"
#include "nn/kernel_set.h"
