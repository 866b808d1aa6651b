/* Moments of heads' outputs, and the energy that is made of them. */
#include "edit.h"
#include "nn/machine.h"
#include "reference.h"
#include "stats/accumulate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const golden[] = {"gpt2", "gpt2-bf16", "bert-mlm",
                                     "llama-gqa", "t5"};
#define N_GOLDEN (sizeof golden / sizeof *golden)
#define MOST     ((size_t)96) /* of a block's width */

static hp_backend *backend;
static hp_error err;

static int open_backend(void **state)
{
    (void)state;
    return hp_backend_open(&backend, &err) != HP_OK;
}

static int free_backend(void **state)
{
    (void)state;
    hp_backend_free(backend);
    return 0;
}

static hp_model *open_golden(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "tests/golden/%s", name);
    return open_model(path);
}

/* ---- moments ---- */

/* Tolerances are those of all that the single-precision pass computes: 1e-5. */

/* The moments of every block, one after the other. */
typedef struct kept {
    const char *name;
    size_t n_blocks, stop; /* fails at block `stop` */
    double values[8][MOST * MOST + MOST + 2];
} kept;

static hp_status keep(void *payload, const hp_moments *m, hp_error *e)
{
    kept *k = payload;
    assert_true(m->n <= MOST && k->n_blocks < 8);
    if (k->n_blocks == k->stop)
        return hp_fail(e, HP_IO, "no more");
    double *to = k->values[k->n_blocks++];
    memcpy(to, m->c, m->n * m->n * sizeof *to);
    memcpy(to + m->n * m->n, m->sum, m->n * sizeof *to);
    to[m->n * m->n + m->n] = m->stream;
    to[m->n * m->n + m->n + 1] = (double)m->rows;
    return HP_OK;
}

/* Entries are as large as their row and column make them: an error counts
 * against the root of the diagonal's product. */
static size_t entries_off(const double *have, const double *expected, size_t n,
                          double tolerance)
{
    size_t off = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double size = sqrt(expected[i * n + i] * expected[j * n + j]);
            double d = fabs(have[i * n + j] - expected[i * n + j]);
            off += !(d <= tolerance * size);
        }
    return off;
}

static hp_status compare(void *payload, const hp_moments *m, hp_error *e)
{
    const char *name = payload;
    size_t n = 0;
    (void)e;
    double *c = reference_tensor(&n, name, m->block->name, "c");
    assert_int_equal(n, m->n * m->n);
    assert_int_equal(entries_off(m->c, c, m->n, 1e-5), 0);
    c[m->n + 3] += 3e-5 * sqrt(c[m->n + 1] * c[3 * m->n + 3]);
    assert_int_equal(entries_off(m->c, c, m->n, 1e-5), 1);
    double *sum = reference_tensor(&n, name, m->block->name, "sum");
    for (size_t i = 0; i < m->n; i++)
        assert_true(fabs(m->sum[i] - sum[i]) <=
                    1e-5 * sqrt(c[i * m->n + i] * (double)m->rows));
    double *stream = reference_tensor(&n, name, m->block->name, "stream");
    assert_true(fabs(m->stream - *stream) <= 1e-5 * *stream);
    free(c);
    free(sum);
    free(stream);
    return HP_OK;
}

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDEN; i++) {
        reference_data d;
        char name[32];
        hp_model *m = open_golden(golden[i]);
        reference_sequences(&d, golden[i]);
        (void)snprintf(name, sizeof name, "%s", golden[i]);
        const hp_run_options o = {.backend = backend};
        const hp_moments_visitor v = {compare, name};
        if (hp_moments_sweep(m, &d.s, &o, &v, &err))
            fail_msg("%s: %s", golden[i], err.message);
        close_model(m);
    }
}

static kept *sweep(const hp_model *m, const hp_sequences *s, unsigned threads,
                   size_t budget)
{
    kept *k = calloc(1, sizeof *k);
    const hp_run_options o = {
        .backend = backend, .threads = threads, .budget = budget};
    const hp_moments_visitor v = {keep, k};
    assert_non_null(k);
    k->stop = SIZE_MAX;
    if (hp_moments_sweep(m, s, &o, &v, &err))
        fail_msg("%s", err.message);
    return k;
}

/* Sequences enough for several pieces: with a budget of one byte every piece
 * is a batch, and hidden states lie in a file between two layers. */
static void test_threads_and_budget(void **state)
{
    (void)state;
    enum { N = 120, LENGTH = 24 };
    static const char *const names[] = {"gpt2", "t5"};
    int32_t ids[N * LENGTH];
    size_t start[N + 1];
    for (size_t i = 0; i < (size_t)N * LENGTH; i++)
        ids[i] = (int32_t)(i * i * 7 % 31);
    for (size_t i = 0; i <= N; i++)
        start[i] = i * LENGTH;
    const hp_sequences decoder = {.ids = ids, .start = start, .n = N};
    for (size_t i = 0; i < 2; i++) {
        hp_sequences s = decoder;
        s.decoder = i ? &decoder : NULL;
        hp_model *m = open_golden(names[i]);
        kept *one = sweep(m, &s, 1, 0), *other = sweep(m, &s, 3, 1);
        assert_int_equal(one->n_blocks, hp_model_n_blocks(m));
        assert_int_equal(other->n_blocks, one->n_blocks);
        assert_memory_equal(one->values, other->values, sizeof one->values);
        size_t n = (size_t)hp_model_block(m, 1)->o.n_in;
        assert_true(one->values[1][n * n + n + 1] == (double)N * LENGTH);
        free(one);
        free(other);
        close_model(m);
    }
}

static void test_visitor_ends(void **state)
{
    (void)state;
    reference_data d;
    hp_model *m = open_golden("gpt2");
    kept *k = calloc(1, sizeof *k);
    assert_non_null(k);
    reference_sequences(&d, "gpt2");
    k->stop = 1;
    const hp_run_options o = {.backend = backend};
    const hp_moments_visitor v = {keep, k};
    assert_int_equal(hp_moments_sweep(m, &d.s, &o, &v, &err), HP_IO);
    assert_string_equal(err.message, "no more");
    assert_int_equal(k->n_blocks, 1);
    free(k);
    close_model(m);
}

/* Numbers in -1 .. 1. */
static float noise(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (float)(int32_t)*state / 2147483648.0F;
}

/* Outputs with means far above their deviations, over several strips and more
 * rows than are added at a time: what single precision without centring would
 * lose. */
static void test_means_cost_nothing(void **state)
{
    (void)state;
    enum { N = 200, ROWS = 1500 };
    float *z = malloc((size_t)N * ROWS * sizeof *z), x = 0.5F;
    double *c = calloc((size_t)N * N, sizeof *c);
    double *sum = calloc((size_t)N, sizeof *sum), stream = 0;
    hp__accumulator a;
    uint32_t seed = 1;
    assert_true(z && c && sum);
    for (size_t i = 0; i < (size_t)N * ROWS; i++)
        z[i] = 1000 + 0.01F * noise(&seed);
    float *xs = calloc((size_t)ROWS, sizeof *xs);
    assert_non_null(xs);
    for (size_t i = 0; i < ROWS; i++)
        xs[i] = x;
    assert_int_equal(hp__accumulator_open(&a, backend->kernels, 2, N, &err),
                     HP_OK);
    hp__sums to = {c, sum, &stream};
    const hp_seen_outputs seen = {
        .rows = ROWS, .n = N, .z = z, .width = 1, .stream = xs};
    hp__accumulate(&a, &to, &seen);
    hp__sums_mirror(c, N);
    for (size_t i = 0; i < N; i += 7)
        for (size_t j = 0; j < N; j += 3) {
            long double exact = 0;
            for (size_t r = 0; r < ROWS; r++)
                exact += (long double)z[r * N + i] * (long double)z[r * N + j];
            /* Of 1.5e9; a double holds that to 2e-7. */
            assert_true(fabsl((long double)c[i * N + j] - exact) <= 2e-6L);
        }
    assert_true(fabs(stream - 0.25 * ROWS) <= 1e-9);
    hp__accumulator_close(&a);
    free(z);
    free(xs);
    free(c);
    free(sum);
}

/* A factor of 1 to 3 for each row, of more rows than are added at a time. */
static void test_factors_count(void **state)
{
    (void)state;
    enum { N = 20, ROWS = 1500 };
    static float z[N * ROWS], by[ROWS];
    static double c[N * N];
    double sum[N] = {0};
    hp__accumulator a;
    uint32_t seed = 2;
    for (size_t i = 0; i < (size_t)N * ROWS; i++)
        z[i] = noise(&seed);
    for (size_t r = 0; r < ROWS; r++)
        by[r] = (float)(1 + r * r % 3);
    assert_int_equal(hp__accumulator_open(&a, backend->kernels, 2, N, &err),
                     HP_OK);
    hp__sums to = {c, sum, NULL};
    const hp__sum_rows rows = {z, by, ROWS, N};
    hp__accumulate_rows(&a, &to, &rows);
    hp__accumulator_close(&a);
    for (size_t i = 0; i < N; i++)
        for (size_t j = i; j < N; j++) {
            double exact = 0;
            for (size_t r = 0; r < ROWS; r++)
                exact += (double)z[r * N + i] * (double)z[r * N + j] *
                         (double)by[r] * (double)by[r];
            assert_true(fabs(c[i * N + j] - exact) <= 1e-3); /* of 2,500 */
        }
}

/* ---- energy ---- */

static hp_scores *energy(const hp_model *m, const hp_sequences *s,
                         hp_energy_share relative, unsigned threads,
                         size_t budget)
{
    hp_scores *out = NULL;
    const hp_score_options o = {
        .run = {.backend = backend, .threads = threads, .budget = budget},
        .sequences = s,
        .relative = relative};
    if (hp_score(&out, m, hp_method_find("energy"), &o, &err))
        fail_msg("%s", err.message);
    return out;
}

static void test_golden_energy(void **state)
{
    (void)state;
    static const char *const names[] = {
        "gpt2",       "gpt2-bare",   "gpt2-f16",     "gpt2-bf16",
        "gpt2-f64",   "gpt2-scaled", "gpt2-sharded", "bert-mlm",
        "bert-gamma", "bert-minilm", "llama-gqa",    "llama-mqa",
        "mistral",    "qwen3",       "t5",           "t5-v11"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double expected[128];
        reference_data d;
        hp_model *m = open_golden(names[i]);
        size_t n = reference_numbers(expected, 128, names[i], "energy"),
               off = 0;
        reference_sequences(&d, names[i]);
        hp_scores *s = energy(m, &d.s, HP_ENERGY_ALONE, 0, 0);
        assert_int_equal(n, s->n_heads);
        for (size_t h = 0; h < n; h++)
            if (!(fabs(s->values[h] - expected[h]) <= 1e-5 * expected[h]))
                fail_msg("%s, head %zu: %.9g, not %.9g", names[i], h,
                         s->values[h], expected[h]);
        expected[n - 1] *= 1 + 3e-5;
        off = !(fabs(s->values[n - 1] - expected[n - 1]) <=
                1e-5 * expected[n - 1]);
        assert_int_equal(off, 1);
        assert_int_equal(s->prunes_highest, 0);
        hp_scores_free(s);
        close_model(m);
    }
}

/* Shares of one block are its energies over one number; of the stream too. */
static void test_relative(void **state)
{
    (void)state;
    reference_data d;
    hp_model *m = open_golden("gpt2");
    reference_sequences(&d, "gpt2");
    hp_scores *raw = energy(m, &d.s, HP_ENERGY_ALONE, 0, 0);
    hp_scores *block = energy(m, &d.s, HP_ENERGY_OF_BLOCK, 0, 0);
    hp_scores *stream = energy(m, &d.s, HP_ENERGY_OF_STREAM, 0, 0);
    size_t n = 0;
    for (size_t b = 0; b < 2; b++) {
        const char *name = hp_model_block(m, b)->name;
        double *sum = reference_tensor(&n, "gpt2", name, "stream");
        double *error = reference_tensor(&n, "gpt2", name, "error");
        double rows = (double)d.s.start[d.s.n];
        for (size_t h = 4 * b; h < 4 * b + 4; h++) {
            double expected = raw->values[h] * rows / *sum;
            assert_true(fabs(stream->values[h] - expected) <= 2e-5 * expected);
            double ratio = block->values[h] / raw->values[h];
            double first = block->values[4 * b] / raw->values[4 * b];
            assert_true(fabs(ratio - first) <= 2e-5 * first);
        }
        /* Head 0:0 is all that block 0 loses: its share is the error. */
        if (!b)
            assert_true(fabs(block->values[0] - error[0] * error[0]) <=
                        2e-5 * block->values[0]);
        free(sum);
        free(error);
    }
    hp_scores_free(raw);
    hp_scores_free(block);
    hp_scores_free(stream);
    close_model(m);
}

static void test_energy_threads(void **state)
{
    (void)state;
    reference_data d;
    hp_model *m = open_golden("bert-mlm");
    reference_sequences(&d, "bert-mlm");
    hp_scores *one = energy(m, &d.s, HP_ENERGY_OF_BLOCK, 1, 0);
    hp_scores *many = energy(m, &d.s, HP_ENERGY_OF_BLOCK, 4, 1);
    assert_memory_equal(one->values, many->values,
                        one->n_heads * sizeof *one->values);
    hp_scores_free(one);
    hp_scores_free(many);
    close_model(m);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, NULL, NULL, NULL                                              \
    }
    static const struct CMUnitTest tests[] = {
        TEST("moments are those of the reference data to 1e-5", test_golden),
        TEST("moments depend on neither threads nor budget",
             test_threads_and_budget),
        TEST("a visitor's failure ends the pass", test_visitor_ends),
        TEST("large means cost no precision", test_means_cost_nothing),
        TEST("rows count as their factors say", test_factors_count),
        TEST("energies are those of the reference data to 1e-5",
             test_golden_energy),
        TEST("shares are energies over one number", test_relative),
        TEST("energies depend on neither threads nor budget",
             test_energy_threads),
    };
    return cmocka_run_group_tests(tests, open_backend, free_backend);
}
