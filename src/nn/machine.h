#ifndef HEADPRUNE_NN_MACHINE_H
#define HEADPRUNE_NN_MACHINE_H

#include "headprune/backend.h"
#include "nn/blas.h"
#include "nn/kernels.h"

/* The inside of hp_backend. */
struct hp_backend {
    hp__blas blas;
    const hp__kernels *kernels;
};

#endif
