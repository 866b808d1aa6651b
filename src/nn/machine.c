/* The handle of what computes here. */
#include "nn/machine.h"
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

/* Where OpenBLAS would use AVX2 (docs/benchmarks.md). */
static int strips_are_faster(const hp_backend *b)
{
    return b->kernels != &hp__kernels_portable &&
           (!strcmp(b->blas.core, "Haswell") || !strcmp(b->blas.core, "Zen"));
}

hp_status hp_backend_open(hp_backend **out, hp_error *err)
{
    *out = NULL;
    hp_backend *b;
    hp_status st = hp__new(&b, 1, sizeof *b, err);
    if (st)
        return st;
    const char *cores[4];
    size_t n = hp__blas_cores(cores);
    st = hp__blas_open(&b->blas, &hp__openblas, cores, n, err);
    if (st) {
        free(b);
        return st;
    }
    b->kernels = hp__kernels_at(0);
    b->strips = strips_are_faster(b);
    *out = b;
    return HP_OK;
}

void hp_backend_free(hp_backend *b)
{
    if (b)
        hp__openblas.unload(&b->blas);
    free(b);
}

void hp__multiply(const hp_backend *b, const hp__product *p, hp__strips strips)
{
    const hp__strip_product with = {.m = p->m,
                                    .n = p->n,
                                    .k = p->k,
                                    .a = p->a,
                                    .lda = p->lda,
                                    .a_is_transposed = p->a_is_transposed,
                                    .b = strips,
                                    .c = p->c,
                                    .ldc = p->ldc,
                                    .add = p->add};
    if (strips.at)
        b->kernels->multiply_strips(&with);
    else
        b->blas.multiply(&b->blas, p);
}

const char *hp_backend_blas_core(const hp_backend *b)
{
    return b->blas.core;
}

const char *hp_backend_blas_config(const hp_backend *b)
{
    return b->blas.config;
}

const char *hp_backend_kernels(const hp_backend *b)
{
    return b->kernels->name;
}
