#ifndef HEADPRUNE_BACKEND_H
#define HEADPRUNE_BACKEND_H

#include "headprune/error.h"

/*
 * What computes on this machine: OpenBLAS and headprune's vector kernels,
 * which also make the products of forward and backward passes where OpenBLAS
 * would make them by AVX2.
 *
 * OpenBLAS picks its kernels when it is loaded, and older releases take a
 * far too old core on processors they do not know. So it is loaded here, after
 * the choice: OPENBLAS_CORETYPE of the environment if set; else the best core
 * that cpuid offers (SkylakeX with AVX-512, Haswell with AVX2 and FMA or
 * where AVX-512 is no faster, else OpenBLAS's own choice). sgemm is then
 * checked against a plain loop in every transposition that headprune uses;
 * when it computes wrongly, the next lower core is loaded. Environment
 * variables are changed for that moment: open a backend before other threads
 * are started that read them.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_backend hp_backend;

/* HP_UNSUPPORTED: OpenBLAS is not found, or no core of it computes right;
 * HP_NOMEM: its buffers would not fit in the address space allowed. */
HP_CHECKED
hp_status hp_backend_open(hp_backend **out, hp_error *err);
void hp_backend_free(hp_backend *b); /* NULL is fine */

/* OpenBLAS's core, "SkylakeX"; borrowed. */
const char *hp_backend_blas_core(const hp_backend *b);
/* OpenBLAS's own version and configuration line; borrowed. */
const char *hp_backend_blas_config(const hp_backend *b);
/* "avx512bf16", "avx512", "avx2" or "portable": headprune's own kernels. */
const char *hp_backend_kernels(const hp_backend *b);
/* CPUs that this process may use (its affinity mask). */
unsigned hp_backend_cpus(void);

#ifdef __cplusplus
}
#endif

#endif
