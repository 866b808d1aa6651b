/*
 * Choosing an OpenBLAS core and refusing one that computes wrongly. The wrong
 * ones are stand-ins that make the mistakes a broken kernel makes.
 */
#include "headprune/backend.h"
#include "nn/cpu.h"
#include "nn/dense.h"
#include "nn/machine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The address sanitizer reserves more address space than any limit allows. */
#if defined(__SANITIZE_ADDRESS__)
#define LIMITS_WORK 0
#elif defined(__has_feature)
#define LIMITS_WORK !__has_feature(address_sanitizer)
#else
#define LIMITS_WORK 1
#endif

static float right_entry(const hp__product *p, size_t i, size_t j)
{
    double sum = p->add ? (double)p->c[i * p->ldc + j] : 0.0;
    for (size_t l = 0; l < p->k; l++) {
        size_t of_a = p->a_is_transposed ? l * p->lda + i : i * p->lda + l;
        size_t of_b = p->b_rows_are_outputs ? j * p->ldb + l : l * p->ldb + j;
        sum += (double)p->a[of_a] * (double)p->b[of_b];
    }
    return (float)sum;
}

static void right(const hp__blas *b, const hp__product *p)
{
    (void)b;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++)
            p->c[i * p->ldc + j] = right_entry(p, i, j);
}

/* The last column of a wide product is forgotten. */
static void forgets_an_edge(const hp__blas *b, const hp__product *p)
{
    float kept[128] = {0};
    for (size_t i = 0; i < p->m && p->n > 100; i++)
        kept[i] = p->c[i * p->ldc + p->n - 1];
    right(b, p);
    for (size_t i = 0; i < p->m && p->n > 100; i++)
        p->c[i * p->ldc + p->n - 1] = kept[i];
}

/* One entry is off by ten times the rounding of a sum. */
static void is_a_little_off(const hp__blas *b, const hp__product *p)
{
    right(b, p);
    if (p->k > 100)
        p->c[p->ldc] += 1e-3F;
}

static void takes_b_the_wrong_way(const hp__blas *b, const hp__product *p)
{
    hp__product q = *p;
    if (p->b_rows_are_outputs && p->n == p->k)
        q.b_rows_are_outputs = 0;
    if (p->m == 9) {
        q.k = p->k - 1;
    }
    right(b, &q);
}

static void takes_a_the_wrong_way(const hp__blas *b, const hp__product *p)
{
    hp__product q = *p;
    q.a_is_transposed = 0;
    right(b, &q);
}

static void forgets_to_add(const hp__blas *b, const hp__product *p)
{
    hp__product q = *p;
    q.add = 0;
    right(b, &q);
}

static void adds_to_what_was_there(const hp__blas *b, const hp__product *p)
{
    hp__product q = *p;
    q.add = 1;
    right(b, &q);
}

static void writes_past_the_row(const hp__blas *b, const hp__product *p)
{
    right(b, p);
    p->c[p->n] = 0.0F;
}

typedef void multiply_function(const hp__blas *b, const hp__product *p);

static int is_right(multiply_function *multiply)
{
    hp__blas b = {.multiply = multiply};
    int answer = -1;
    assert_int_equal(hp__blas_check(&answer, &b, NULL), HP_OK);
    return answer;
}

static void the_check_passes_a_right_product(void **state)
{
    (void)state;
    assert_int_equal(is_right(right), 1);
}

static void the_check_fails_every_wrong_product(void **state)
{
    (void)state;
    assert_int_equal(is_right(forgets_an_edge), 0);
    assert_int_equal(is_right(is_a_little_off), 0);
    assert_int_equal(is_right(takes_b_the_wrong_way), 0);
    assert_int_equal(is_right(takes_a_the_wrong_way), 0);
    assert_int_equal(is_right(forgets_to_add), 0);
    assert_int_equal(is_right(adds_to_what_was_there), 0);
    assert_int_equal(is_right(writes_past_the_row), 0);
}

/* ---- double precision ---- */

/* The real routines, which the wrong ones below call. */
static hp__blas real;

typedef void gemm(int order, int a_form, int b_form, int m, int n, int k,
                  double alpha, const double *a, int lda, const double *b,
                  int ldb, double beta, double *c, int ldc);
typedef void potrf(const char *uplo, const int *n, double *a, const int *lda,
                   int *info);
typedef void potrs(const char *uplo, const int *n, const int *nrhs,
                   const double *a, const int *lda, double *b, const int *ldb,
                   int *info);
typedef void pocon(const char *uplo, const int *n, const double *a,
                   const int *lda, const double *norm, double *rcond,
                   double *work, int *iwork, int *info);

/* Parameters are cblas's and LAPACK's:
 * NOLINTBEGIN(readability-function-size) */

static void gemm_misses_an_entry(int order, int a_form, int b_form, int m,
                                 int n, int k, double alpha, const double *a,
                                 int lda, const double *b, int ldb, double beta,
                                 double *c, int ldc)
{
    double *last = &c[(size_t)(m - 1) * (size_t)ldc + (size_t)(n - 1)];
    ((gemm *)real.dgemm)(order, a_form, b_form, m, n, k, alpha, a, lda, b, ldb,
                         beta, c, ldc);
    if (m > 100)
        *last *= 1 + 1e-8;
}

static void gemm_forgets_to_add(int order, int a_form, int b_form, int m, int n,
                                int k, double alpha, const double *a, int lda,
                                const double *b, int ldb, double beta,
                                double *c, int ldc)
{
    (void)beta;
    ((gemm *)real.dgemm)(order, a_form, b_form, m, n, k, alpha, a, lda, b, ldb,
                         0.0, c, ldc);
}

static void gemm_takes_b_the_wrong_way(int order, int a_form, int b_form, int m,
                                       int n, int k, double alpha,
                                       const double *a, int lda,
                                       const double *b, int ldb, double beta,
                                       double *c, int ldc)
{
    enum { NO_TURN = 111 };
    int other = m == 9 && b_form != NO_TURN ? NO_TURN : b_form;
    ((gemm *)real.dgemm)(order, a_form, other, m, n, k, alpha, a, lda, b, ldb,
                         beta, c, ldc);
}

static void gemm_writes_past_the_row(int order, int a_form, int b_form, int m,
                                     int n, int k, double alpha,
                                     const double *a, int lda, const double *b,
                                     int ldb, double beta, double *c, int ldc)
{
    ((gemm *)real.dgemm)(order, a_form, b_form, m, n, k, alpha, a, lda, b, ldb,
                         beta, c, ldc);
    c[n] = 0;
}

/* The part of a factorisation that a product of panels makes. */
static void potrf_is_a_little_off(const char *uplo, const int *n, double *a,
                                  const int *lda, int *info)
{
    ((potrf *)real.dpotrf)(uplo, n, a, lda, info);
    if (*n > 100)
        a[(size_t)*n * 100 + 3] += 1e-6;
}

static void potrf_spoils_the_rest(const char *uplo, const int *n, double *a,
                                  const int *lda, int *info)
{
    ((potrf *)real.dpotrf)(uplo, n, a, lda, info);
    a[*n > 1 ? *n - 2 : 0] += *n > 100;
    a[*n - 1] += *n > 100;
}

static void potrf_takes_all(const char *uplo, const int *n, double *a,
                            const int *lda, int *info)
{
    ((potrf *)real.dpotrf)(uplo, n, a, lda, info);
    *info = 0;
}

static void potrs_misses_a_column(const char *uplo, const int *n,
                                  const int *nrhs, const double *a,
                                  const int *lda, double *b, const int *ldb,
                                  int *info)
{
    int rows = *nrhs > 8 ? 8 : *nrhs;
    ((potrs *)real.dpotrs)(uplo, n, &rows, a, lda, b, ldb, info);
}

static void potrs_is_a_little_off(const char *uplo, const int *n,
                                  const int *nrhs, const double *a,
                                  const int *lda, double *b, const int *ldb,
                                  int *info)
{
    ((potrs *)real.dpotrs)(uplo, n, nrhs, a, lda, b, ldb, info);
    b[*n - 1] += *n > 100 ? 1e-7 : 0;
}

static void potri_is_a_little_off(const char *uplo, const int *n, double *a,
                                  const int *lda, int *info)
{
    ((potrf *)real.dpotri)(uplo, n, a, lda, info);
    if (*n > 100)
        a[(size_t)*n * 100 + 3] += 1e-9;
}

static void pocon_is_off(const char *uplo, const int *n, const double *a,
                         const int *lda, const double *norm, double *rcond,
                         double *work, int *iwork, int *info)
{
    ((pocon *)real.dpocon)(uplo, n, a, lda, norm, rcond, work, iwork, info);
    *rcond *= 1.0001;
}

/* NOLINTEND(readability-function-size) */

static int dense_is_right(const hp__blas *b)
{
    int answer = -1;
    assert_int_equal(hp__dense_check(&answer, b, NULL), HP_OK);
    return answer;
}

static int load_real(void **state)
{
    (void)state;
    return (int)hp__openblas.load(&real, NULL, NULL);
}

/* Tests of the environment load it anew. */
static int unload_real(void **state)
{
    (void)state;
    hp__openblas.unload(&real);
    return 0;
}

static void the_check_fails_every_wrong_double(void **state)
{
    (void)state;
    assert_int_equal(dense_is_right(&real), 1);
    gemm *const products[] = {gemm_misses_an_entry, gemm_forgets_to_add,
                              gemm_takes_b_the_wrong_way,
                              gemm_writes_past_the_row};
    potrf *const factors[] = {potrf_is_a_little_off, potrf_spoils_the_rest,
                              potrf_takes_all};
    potrs *const solutions[] = {potrs_misses_a_column, potrs_is_a_little_off};
    for (size_t i = 0; i < 4; i++) {
        hp__blas b = real;
        b.dgemm = (void (*)(void))products[i];
        assert_int_equal(dense_is_right(&b), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        hp__blas b = real;
        b.dpotrf = (void (*)(void))factors[i];
        assert_int_equal(dense_is_right(&b), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        hp__blas b = real;
        b.dpotrs = (void (*)(void))solutions[i];
        assert_int_equal(dense_is_right(&b), 0);
    }
    hp__blas b = real;
    b.dpotri = (void (*)(void))potri_is_a_little_off;
    assert_int_equal(dense_is_right(&b), 0);
    b = real;
    b.dpocon = (void (*)(void))pocon_is_off;
    assert_int_equal(dense_is_right(&b), 0);
}

/* ---- stepping down ---- */

/* Haswell alone is right; Nehalem is wrong in double only. */
static hp_status load_fake(hp__blas *out, const char *core, hp_error *err)
{
    (void)err;
    *out = real;
    snprintf(out->core, sizeof out->core, "%s", core ? core : "own choice");
    out->multiply = right;
    if (!strcmp(out->core, "Nehalem"))
        out->dpotrf = (void (*)(void))potrf_is_a_little_off;
    else if (strcmp(out->core, "Haswell") != 0)
        out->multiply = forgets_an_edge;
    return HP_OK;
}

static unsigned unloaded;

static void unload_fake(hp__blas *b)
{
    (void)b;
    unloaded++;
}

static const hp__blas_source fake = {load_fake, unload_fake};

static void a_wrong_core_gives_way_to_the_next_lower(void **state)
{
    (void)state;
    const char *cores[] = {"SkylakeX", "Haswell", "Nehalem"};
    hp__blas b;
    unloaded = 0;
    assert_int_equal(hp__blas_open(&b, &fake, cores, 3, NULL), HP_OK);
    assert_string_equal(b.core, "Haswell");
    assert_int_equal(unloaded, 1);
}

static void no_right_core_is_unsupported_and_names_them(void **state)
{
    (void)state;
    const char *cores[] = {"SkylakeX", NULL, "Nehalem"};
    hp__blas b;
    hp_error err;
    unloaded = 0;
    assert_int_equal(hp__blas_open(&b, &fake, cores, 3, &err), HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "SkylakeX, own choice, Nehalem"));
    assert_int_equal(unloaded, 3);
}

/* ---- the real one ---- */

static void openblas_opens_and_says_what_it_is(void **state)
{
    (void)state;
    hp_backend *b;
    assert_int_equal(hp_backend_open(&b, NULL), HP_OK);
    assert_non_null(strstr(hp_backend_blas_config(b), "OpenBLAS"));
    assert_true(strlen(hp_backend_blas_core(b)) > 0);
    assert_true(strlen(hp_backend_kernels(b)) > 0);
    assert_true(hp_backend_cpus() >= 1);
    hp_backend_free(b);
    hp_backend_free(NULL);
}

static void the_environment_is_left_as_it_was(void **state)
{
    (void)state;
    hp_backend *b;
    assert_int_equal(setenv("OPENBLAS_NUM_THREADS", "3", 1), 0);
    assert_int_equal(unsetenv("OPENBLAS_CORETYPE"), 0);
    assert_int_equal(hp_backend_open(&b, NULL), HP_OK);
    assert_string_equal(getenv("OPENBLAS_NUM_THREADS"), "3");
    assert_null(getenv("OPENBLAS_CORETYPE"));
    hp_backend_free(b);
    assert_int_equal(unsetenv("OPENBLAS_NUM_THREADS"), 0);
}

#if defined(__x86_64__)
static void the_core_of_the_environment_is_respected(void **state)
{
    (void)state;
    hp_backend *b;
    assert_int_equal(setenv("OPENBLAS_CORETYPE", "Nehalem", 1), 0);
    assert_int_equal(hp_backend_open(&b, NULL), HP_OK);
    assert_string_equal(hp_backend_blas_core(b), "Nehalem");
    assert_false(b->strips);
    assert_string_equal(getenv("OPENBLAS_CORETYPE"), "Nehalem");
    hp_backend_free(b);
    assert_int_equal(unsetenv("OPENBLAS_CORETYPE"), 0);
}

static void the_best_core_comes_first(void **state)
{
    (void)state;
    const char *cores[4];
    assert_int_equal(unsetenv("OPENBLAS_CORETYPE"), 0);
    size_t n = hp__blas_cores(cores);
    assert_true(n >= 2);
    assert_string_equal(cores[n - 1], "Nehalem");
    int wide = hp__cpu_has_avx512() && !hp__cpu_halves_avx512();
    if (hp__cpu_has_avx2())
        assert_string_equal(cores[0], wide ? "SkylakeX" : "Haswell");
    hp_backend *b;
    assert_int_equal(hp_backend_open(&b, NULL), HP_OK);
    if (cores[0])
        assert_string_equal(hp_backend_blas_core(b), cores[0]);
    assert_int_equal(b->strips, hp__cpu_has_avx2() && !wide);
    hp_backend_free(b);
}
#endif

#if LIMITS_WORK
/* In a child, since the limit cannot be taken back. */
static int status_with_address_space(rlim_t bytes)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct rlimit limit = {bytes, bytes};
        hp_backend *b = NULL;
        hp_error err = {{0}, {0}, {0}};
        alarm(20);
        if (setrlimit(RLIMIT_AS, &limit))
            _exit(99);
        hp_status st = hp_backend_open(&b, &err);
        if (st == HP_NOMEM && !strstr(err.message, "out of memory"))
            _exit(98);
        _exit((int)st);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void too_little_address_space_is_reported_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(status_with_address_space((rlim_t)100 << 20), HP_NOMEM);
    assert_int_equal(status_with_address_space((rlim_t)2048 << 20), HP_OK);
    for (rlim_t mib = 100; mib < 400; mib += 6) {
        int status = status_with_address_space(mib << 20);
        assert_true(status == HP_OK || status == HP_NOMEM ||
                    status == HP_UNSUPPORTED); /* no room for the library */
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_passes_a_right_product),
        cmocka_unit_test(the_check_fails_every_wrong_product),
        cmocka_unit_test_setup_teardown(the_check_fails_every_wrong_double,
                                        load_real, unload_real),
        cmocka_unit_test_setup_teardown(
            a_wrong_core_gives_way_to_the_next_lower, load_real, unload_real),
        cmocka_unit_test_setup_teardown(
            no_right_core_is_unsupported_and_names_them, load_real,
            unload_real),
        cmocka_unit_test(openblas_opens_and_says_what_it_is),
        cmocka_unit_test(the_environment_is_left_as_it_was),
#if defined(__x86_64__)
        cmocka_unit_test(the_core_of_the_environment_is_respected),
        cmocka_unit_test(the_best_core_comes_first),
#endif
#if LIMITS_WORK
        cmocka_unit_test(too_little_address_space_is_reported_not_waited_for),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
