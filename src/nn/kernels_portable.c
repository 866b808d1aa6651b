/* The kernels that any processor runs: vectors of 4 floats, which the compiler
 * lowers to what there is. */
#define HP__LANES   4
#define HP__KERNELS hp__kernels_portable
#define HP__NAME    "portable"
#include "nn/kernel_set.h"
