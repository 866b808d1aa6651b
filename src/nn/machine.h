#ifndef HEADPRUNE_NN_MACHINE_H
#define HEADPRUNE_NN_MACHINE_H

#include "headprune/backend.h"
#include "nn/blas.h"
#include "nn/kernels.h"

/* The inside of hp_backend. */
struct hp_backend {
    hp__blas blas;
    const hp__kernels *kernels;
    int strips; /* 1: products with strips are faster than OpenBLAS's */
};

/* A product of one thread: B is in strips where there are some. */
void hp__multiply(const hp_backend *b, const hp__product *p, hp__strips strips);

#endif
