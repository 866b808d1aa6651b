/*
 * OpenBLAS is loaded at run time, because it chooses its kernels while it is
 * being loaded and 0.3.21 takes kernels of 2004 on processors it does not
 * know. The variables that steer the choice are set just for that moment, and
 * it is told to start no threads: headprune has its own.
 */
#include "nn/blas.h"
#include "base/arena.h"
#include "nn/cpu.h"
#include "nn/dense.h"

#include <cblas.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* OpenBLAS's work space for one thread (BUFFER_SIZE of its x86-64 build), and
 * what a new thread's stack and allocator may take beside it. */
#define BUFFER_BYTES ((size_t)128 << 20)
#define THREAD_BYTES ((size_t)16 << 20)
/* OpenBLAS has a fixed table of buffers. */
#define MOST_THREADS 64U

typedef __typeof__(cblas_sgemm) sgemm_function;
typedef __typeof__(cblas_dgemm) dgemm_function;
typedef char *text_function(void);

/* A saved environment variable. */
typedef struct variable {
    const char *name;
    char *before; /* NULL: was not set */
} variable;

static hp_status set_variable(variable *v, const char *name, const char *value,
                              hp_error *err)
{
    const char *before = getenv(name);
    v->name = name;
    v->before = NULL;
    if (before) {
        size_t bytes = strlen(before) + 1;
        hp_status st = hp__new(&v->before, bytes, 1, err);
        if (st)
            return st;
        memcpy(v->before, before, bytes);
    }
    return setenv(name, value, 1)
               ? hp_fail(err, HP_NOMEM, "out of memory (environment)")
               : HP_OK;
}

static void restore_variable(variable *v)
{
    if (!v->name)
        return;
    if (v->before)
        setenv(v->name, v->before, 1);
    else
        unsetenv(v->name);
    free(v->before);
}

static void openblas_multiply(const hp__blas *b, const hp__product *p)
{
    sgemm_function *sgemm = (sgemm_function *)b->sgemm;
    sgemm(CblasRowMajor, p->a_is_transposed ? CblasTrans : CblasNoTrans,
          p->b_rows_are_outputs ? CblasTrans : CblasNoTrans, (blasint)p->m,
          (blasint)p->n, (blasint)p->k, 1.0F, p->a, (blasint)p->lda, p->b,
          (blasint)p->ldb, p->add ? 1.0F : 0.0F, p->c, (blasint)p->ldc);
}

void hp__dense_multiply(const hp__blas *b, const hp__dense_product *p)
{
    dgemm_function *dgemm = (dgemm_function *)b->dgemm;
    if (p->m && p->n && p->k)
        dgemm(CblasRowMajor, p->a_turned ? CblasTrans : CblasNoTrans,
              p->b_turned ? CblasTrans : CblasNoTrans, (blasint)p->m,
              (blasint)p->n, (blasint)p->k, 1.0, p->a, (blasint)p->lda, p->b,
              (blasint)p->ldb, p->add ? 1.0 : 0.0, p->c, (blasint)p->ldc);
}

/* dlsym gives an object pointer; POSIX promises that its bits are those of the
 * function pointer. */
static int find_symbol(void *out, void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    memcpy(out, &symbol, sizeof symbol);
    return symbol != NULL;
}

static hp_status load_library(void **out, const char *core, hp_error *err)
{
    variable type = {0}, threads = {0};
    *out = NULL;
    hp_status st = set_variable(&threads, "OPENBLAS_NUM_THREADS", "1", err);
    if (!st && core)
        st = set_variable(&type, "OPENBLAS_CORETYPE", core, err);
    if (!st) {
        *out = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
        if (!*out)
            *out = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
        if (!*out)
            st = hp_fail(err, HP_UNSUPPORTED, "OpenBLAS cannot be loaded: %s",
                         dlerror());
    }
    restore_variable(&type);
    restore_variable(&threads);
    return st == HP_UNSUPPORTED
               ? hp_fail_hint(err, st,
                              "install libopenblas0 (libopenblas.so.0)")
               : st;
}

static void openblas_unload(hp__blas *b)
{
    if (b->library)
        dlclose(b->library);
    b->library = NULL;
}

/* Before OpenBLAS maps its first buffer: it would wait for ever. */
static hp_status check_room(hp_error *err)
{
    return hp__blas_room(1)
               ? HP_OK
               : hp_fail(err, HP_NOMEM,
                         "out of memory: OpenBLAS needs %zu bytes of address "
                         "space",
                         BUFFER_BYTES);
}

static hp_status find_symbols(hp__blas *out, hp_error *err)
{
    text_function *corename, *config;
    if (!find_symbol(&out->sgemm, out->library, "cblas_sgemm") ||
        !find_symbol(&out->dgemm, out->library, "cblas_dgemm") ||
        !find_symbol(&corename, out->library, "openblas_get_corename") ||
        !find_symbol(&config, out->library, "openblas_get_config"))
        return hp_fail(err, HP_UNSUPPORTED,
                       "libopenblas.so.0 is not OpenBLAS, or has no cblas "
                       "interface");
    if (!find_symbol(&out->dpotrf, out->library, "dpotrf_") ||
        !find_symbol(&out->dpotrs, out->library, "dpotrs_") ||
        !find_symbol(&out->dpotri, out->library, "dpotri_") ||
        !find_symbol(&out->dpocon, out->library, "dpocon_"))
        return hp_fail(err, HP_UNSUPPORTED,
                       "libopenblas.so.0 was built without LAPACK");
    snprintf(out->core, sizeof out->core, "%s", corename());
    snprintf(out->config, sizeof out->config, "%s", config());
    return HP_OK;
}

static hp_status openblas_load(hp__blas *out, const char *core, hp_error *err)
{
    memset(out, 0, sizeof *out);
    out->multiply = openblas_multiply;
    hp_status st = check_room(err);
    if (!st)
        st = load_library(&out->library, core, err);
    if (!st)
        st = find_symbols(out, err);
    if (!st) /* what is left beside the library */
        st = check_room(err);
    if (st)
        openblas_unload(out);
    return st;
}

const hp__blas_source hp__openblas = {openblas_load, openblas_unload};

size_t hp__blas_cores(const char *cores[4])
{
    size_t n = 0;
    int avx2 = hp__cpu_has_avx2();
    const char *wish = getenv("OPENBLAS_CORETYPE");
    if ((wish && *wish) || !avx2)
        cores[n++] = NULL;
    else if (hp__cpu_has_avx512() && !hp__cpu_halves_avx512())
        cores[n++] = "SkylakeX";
    if (avx2)
        cores[n++] = "Haswell";
#if defined(__x86_64__)
    cores[n++] = "Nehalem";
#endif
    return n;
}

hp_status hp__blas_open(hp__blas *out, const hp__blas_source *source,
                        const char *const *cores, size_t n_cores, hp_error *err)
{
    char tried[128] = "";
    for (size_t i = 0; i < n_cores; i++) {
        int right = 0;
        hp_status st = source->load(out, cores[i], err);
        if (st)
            return st;
        st = hp__blas_check(&right, out, err);
        if (!st && right)
            st = hp__dense_check(&right, out, err);
        if (!st && right)
            return HP_OK;
        size_t len = strlen(tried);
        snprintf(tried + len, sizeof tried - len, "%s%s", len ? ", " : "",
                 out->core);
        source->unload(out);
        if (st)
            return st;
    }
    return hp_fail(err, HP_UNSUPPORTED,
                   "OpenBLAS computes wrongly with matrices on this processor "
                   "(cores tried: %s)",
                   tried);
}

unsigned hp__blas_room(unsigned threads)
{
    if (threads > MOST_THREADS)
        threads = MOST_THREADS;
    for (; threads; threads--) {
        size_t bytes = threads * (BUFFER_BYTES + THREAD_BYTES);
        void *room = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (room != MAP_FAILED) {
            munmap(room, bytes);
            return threads;
        }
    }
    return 0;
}
