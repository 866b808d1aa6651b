/* Refits: numpy's answer, a head that another can replace, and what must hold
 * for any heads. */
#include "edit.h"
#include "fixture.h"
#include "nn/kernels.h"
#include "reference.h"
#include "refit/stored.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static hp_backend *backend;
static hp_error err;
static char *folder;

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

static int make_folder(void **state)
{
    (void)state;
    folder = fixture_folder();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

static hp_model *open_golden(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "tests/golden/%s", name);
    return open_model(path);
}

static hp_refit *refit(const hp_model *m, const unsigned char *mask,
                       const hp_sequences *s, hp_refit_options o)
{
    hp_refit *r = NULL;
    o.run.backend = backend;
    o.sequences = s;
    if (hp_refit_make(&r, m, &mask, 1, &o, &err))
        fail_msg("%s", err.message);
    return r;
}

/* The values of a replacement. */
static float *values_of(const hp_replacement *p)
{
    size_t n = (size_t)p->tensor->n_elements;
    float *out = malloc(n * sizeof *out);
    assert_non_null(out);
    assert_int_equal(
        hp__kernels_at(0)->convert(out, p->bytes, n, p->tensor->dtype), 1);
    return out;
}

/* ---- numbers as they are stored ---- */

static void test_encode(void **state)
{
    (void)state;
    static const struct {
        double x;
        hp_dtype dtype;
        uint32_t bits;
    } cases[] = {
        {1.0, HP_DTYPE_F16, 0x3c00},
        {-2.0, HP_DTYPE_F16, 0xc000},
        {65504.0, HP_DTYPE_F16, 0x7bff},
        {65519.9, HP_DTYPE_F16, 0x7bff},
        {1.0 + 0x1p-11, HP_DTYPE_F16, 0x3c00},           /* tie to even */
        {1.0 + 0x1p-11 + 0x1p-40, HP_DTYPE_F16, 0x3c01}, /* one rounding */
        {1.0 + 3 * 0x1p-11, HP_DTYPE_F16, 0x3c02},
        {0x1p-24, HP_DTYPE_F16, 0x0001},
        {0x1p-25, HP_DTYPE_F16, 0x0000},
        {-0x1.8p-25, HP_DTYPE_F16, 0x8001},
        {0x1p-14, HP_DTYPE_F16, 0x0400},
        {0x1.ffcp-15, HP_DTYPE_F16, 0x0400},
        {-0.0, HP_DTYPE_F16, 0x8000},
        {1.0, HP_DTYPE_BF16, 0x3f80},
        {1.0 + 0x1p-8, HP_DTYPE_BF16, 0x3f80},
        {1.0 + 0x1p-8 + 0x1p-30, HP_DTYPE_BF16, 0x3f81},
        {-3.0, HP_DTYPE_BF16, 0xc040},
        {0x1p-133, HP_DTYPE_BF16, 0x0001},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char bytes[2] = {0};
        hp__encode(bytes, cases[i].x, cases[i].dtype);
        assert_int_equal(bytes[0] | bytes[1] << 8, cases[i].bits);
    }
    /* Every half and bfloat16 is read and written as it is. */
    for (uint32_t bits = 0; bits < 0x10000; bits++)
        for (hp_dtype d = HP_DTYPE_F16; d <= HP_DTYPE_BF16; d++) {
            unsigned char in[2] = {(unsigned char)bits,
                                   (unsigned char)(bits >> 8)},
                          out[2];
            float x;
            if (!hp__kernels_at(0)->convert(&x, in, 1, d))
                continue; /* NaN, infinity */
            hp__encode(out, (double)x, d);
            assert_memory_equal(in, out, 2);
        }
}

/* ---- against numpy ---- */

/* The moments that are solved with are off by 1e-5, and so by a little more are
 * solutions; half a unit in the last place comes from rounding to the dtype. */
static size_t values_off(const hp_refit *r, size_t i, const double *expected)
{
    const hp_tensor *t = r->replacements[i].tensor;
    size_t n = (size_t)t->n_elements, off = 0;
    float *have = values_of(&r->replacements[i]);
    double largest = 0, unit = t->dtype == HP_DTYPE_BF16 ? 0x1p-8 : 0x1p-24;
    for (size_t j = 0; j < n; j++)
        largest = fmax(largest, fabs(expected[j]));
    for (size_t j = 0; j < n; j++)
        off += !(fabs((double)have[j] - expected[j]) <=
                 2e-5 * largest + unit * fabs(expected[j]));
    free(have);
    return off;
}

static void compare(const hp_refit *r, const hp_refit *other, size_t i,
                    const char *name)
{
    size_t n = 0;
    const hp_refit_block *b = &r->blocks[i];
    double *expected = reference_tensor(&n, name, b->block->name, "refit");
    double *error = reference_tensor(&n, name, b->block->name, "error");
    assert_non_null(expected);
    assert_int_equal(values_off(r, i, expected), 0);
    assert_int_equal(b->refitted, 1);
    assert_true(fabs(b->before - error[0]) <= 1e-5);
    assert_true(fabs(b->after - error[1]) <= 2e-5);
    assert_true(b->lambda == 0.01);
    assert_true(b->condition > 10 && b->condition < 1e5);
    /* A ridge that is a tenth larger is seen. */
    assert_true(values_off(other, i, expected) > 0);
    free(expected);
    free(error);
}

static void test_golden(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt2", "bert-mlm", "gpt2-bf16",
                                        "llama-gqa", "t5"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned char mask[64] = {0};
        reference_data d;
        hp_model *m = open_golden(names[i]);
        reference_sequences(&d, names[i]);
        reference_mask(mask, m, names[i]);
        hp_refit *r = refit(m, mask, &d.s, (hp_refit_options){0});
        hp_refit *o =
            refit(m, mask, &d.s, (hp_refit_options){.damping = 0.011});
        assert_int_equal(r->n_blocks, strcmp(names[i], "t5") == 0 ? 5 : 2);
        for (size_t b = 0; b < r->n_blocks; b++)
            compare(r, o, b, names[i]);
        hp_refit_free(r);
        hp_refit_free(o);
        close_model(m);
    }
}

/* ---- a head that another can replace ---- */

typedef struct text {
    int32_t ids[40 * 16];
    size_t start[41];
    hp_sequences s;
} text;

static void make_text(text *t)
{
    uint32_t x = 7;
    for (size_t i = 0; i < sizeof t->ids / sizeof *t->ids; i++) {
        x = x * 1664525U + 1013904223U;
        t->ids[i] = (int32_t)(x >> 16) % 40;
    }
    for (size_t i = 0; i <= 40; i++)
        t->start[i] = i * 16;
    t->s = (hp_sequences){.ids = t->ids, .start = t->start, .n = 40};
}

/* Head 1 of block 1 attends and carries what head 0 does. */
static void duplicate_head(void)
{
    hp_model *m = open_model(folder);
    hp_slice from[HP_MAX_SLICES], to[HP_MAX_SLICES];
    size_t n = hp_model_slices(m, 4, from);
    assert_int_equal(hp_model_slices(m, 5, to), n);
    for (size_t i = 0; i < n; i++) {
        const hp_tensor *t = from[i].tensor;
        if (from[i].role == HP_ROLE_O)
            continue;
        size_t columns = (size_t)(t->n_elements / t->dims[0]);
        float *w = malloc((size_t)t->size);
        assert_non_null(w);
        assert_int_equal(
            hp_checkpoint_read(hp_model_checkpoint(m), t, 0, t->size, w, &err),
            HP_OK);
        size_t rows = from[i].axis ? (size_t)t->dims[0] : 1;
        for (size_t r = 0; r < rows; r++)
            for (size_t k = 0; k < from[i].count; k++) {
                size_t at = from[i].axis ? r * columns : 0;
                edit_value(folder, t->name, at + (size_t)to[i].start + k,
                           w[at + (size_t)from[i].start + k]);
            }
        free(w);
    }
    close_model(m);
}

typedef struct logits {
    float values[40 * 16 * 40];
} logits;

static void see_logits(void *payload, const hp_seen *seen)
{
    logits *l = payload;
    size_t row = seen->sequence * (size_t)16 + seen->position;
    memcpy(l->values + row * 40, seen->logits,
           (size_t)seen->n_query * 40 * sizeof(float));
}

static logits *run(const hp_model *m, const hp_sequences *s,
                   const unsigned char *mask, const hp_refit *r)
{
    logits *out = calloc(1, sizeof *out);
    hp_refitted refitted = {&r, 1};
    hp_run_options o = {.backend = backend, .masks = &mask, .n_variants = 1};
    const hp_observer observer = {
        .wants = HP_SEE_LOGITS, .see = see_logits, .payload = out};
    assert_non_null(out);
    if (r)
        o.projections = hp_refit_projections(&refitted);
    if (hp_run_sweep(m, s, &o, &observer, &err))
        fail_msg("%s", err.message);
    return out;
}

static double distance(const logits *a, const logits *b)
{
    double most = 0, largest = 0;
    for (size_t i = 0; i < sizeof a->values / sizeof *a->values; i++) {
        most = fmax(most, fabs((double)a->values[i] - (double)b->values[i]));
        largest = fmax(largest, fabs((double)a->values[i]));
    }
    return most / largest;
}

/* Nothing but the ridge keeps a head from doing all that its double did: what
 * is left of the error is as large as the ridge. Of errors below 1e-4 the
 * squares are lost in the rounding of single precision that statistics have. */
static void test_redundant_head(void **state)
{
    (void)state;
    static const unsigned char mask[8] = {[5] = 1};
    static const double dampings[] = {0.01, 1e-3, 1e-4, 1e-5, 1e-6};
    static const double most[] = {0.03, 4e-3, 4e-4, 4e-5, 4e-6};
    text t;
    make_text(&t);
    fixture_write(folder, &FIXTURE_GPT2);
    duplicate_head();
    hp_model *m = open_model(folder);
    hp_refit *r = refit(m, mask, &t.s, (hp_refit_options){.damping = 1e-9});
    logits *whole = run(m, &t.s, NULL, NULL),
           *pruned = run(m, &t.s, mask, NULL),
           *restored = run(m, &t.s, mask, r);
    assert_true(distance(whole, pruned) > 1e-3);
    assert_true(distance(whole, restored) < 1e-5);
    assert_true(r->blocks[0].before > 0.3 && r->blocks[0].after < 1e-5);
    for (size_t i = 0; i < sizeof dampings / sizeof *dampings; i++) {
        hp_refit *damped =
            refit(m, mask, &t.s, (hp_refit_options){.damping = dampings[i]});
        assert_true(damped->blocks[0].after > most[i] / 2 || most[i] < 1e-4);
        assert_true(damped->blocks[0].after < most[i]);
        hp_refit_free(damped);
    }
    free(whole);
    free(pruned);
    free(restored);
    hp_refit_free(r);
    close_model(m);
}

/* ---- whatever goes ---- */

typedef struct checked {
    const hp_model *m;
    const hp_refit *r;
    size_t seen;
} checked;

/* tr(X' C X), X [n, width] */
static double energy(const hp_moments *s, const double *x, size_t width)
{
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->n; j++)
            for (size_t k = 0; k < width; k++)
                sum += s->c[i * s->n + j] * x[i * width + k] * x[j * width + k];
    return sum;
}

static hp_status check_block(void *payload, const hp_moments *s, hp_error *e)
{
    checked *c = payload;
    const hp_linear *o = &s->block->o;
    size_t width = (size_t)o->count, size = s->n * width, i = 0;
    while (i < c->r->n_blocks && c->r->blocks[i].block != s->block)
        i++;
    if (i == c->r->n_blocks)
        return HP_OK;
    double *w = calloc(size, sizeof *w), *d = calloc(size, sizeof *d);
    unsigned char *bytes = malloc((size_t)o->weight->size);
    float *old = malloc(size * sizeof *old);
    float *new = values_of(&c->r->replacements[i]);
    assert_true(w && d && bytes && old);
    assert_int_equal(hp_checkpoint_read(hp_model_checkpoint(c->m), o->weight, 0,
                                        o->weight->size, bytes, e),
                     HP_OK);
    assert_int_equal(
        hp__kernels_at(0)->convert(old, bytes, size, o->weight->dtype), 1);
    for (size_t x = 0; x < s->n; x++)
        for (size_t y = 0; y < width; y++) {
            size_t at = o->out_axis ? x * width + y : y * s->n + x;
            w[x * width + y] = (double)old[at];
            d[x * width + y] = (double)new[at] - (double)old[at];
        }
    const hp_refit_block *b = &c->r->blocks[i];
    double after = sqrt(energy(s, d, width) / energy(s, w, width));
    assert_true(b->after <= b->before);
    assert_true(fabs(after - b->after) <= 1e-9 + 1e-6 * b->after);
    c->seen++;
    free(w);
    free(d);
    free(bytes);
    free(old);
    free(new);
    return HP_OK;
}

static void test_never_worse(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt2", "gpt2-bf16", "gpt2-f16",
                                        "bert-mlm", "llama-gqa"};
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        reference_data d;
        hp_model *m = open_golden(names[i]);
        reference_sequences(&d, names[i]);
        for (size_t round = 0; round < 8; round++) {
            unsigned char mask[64] = {0};
            for (size_t h = 0; h < hp_model_n_heads(m); h++) {
                x = x * 1664525U + 1013904223U;
                mask[h] = (x >> 24) % 4 <= round % 4;
            }
            hp_refit *r = refit(m, mask, &d.s, (hp_refit_options){0});
            checked c = {m, r, 0};
            const hp_run_options o = {.backend = backend};
            const hp_moments_visitor v = {check_block, &c};
            if (hp_moments_sweep(m, &d.s, &o, &v, &err))
                fail_msg("%s", err.message);
            assert_int_equal(c.seen, r->n_blocks);
            hp_refit_free(r);
        }
        close_model(m);
    }
}

/* A block without heads left has nothing to be fitted. */
static void test_all_gone(void **state)
{
    (void)state;
    static const unsigned char mask[8] = {1, 1, 1, 1};
    reference_data d;
    hp_model *m = open_golden("gpt2");
    reference_sequences(&d, "gpt2");
    hp_refit *r = refit(m, mask, &d.s, (hp_refit_options){0});
    assert_int_equal(r->n_blocks, 1);
    assert_int_equal(r->blocks[0].refitted, 0);
    assert_int_equal(r->blocks[0].n_pruned, 4);
    assert_true(fabs(r->blocks[0].before - 1) < 1e-12);
    assert_null(hp_refit_find(r, r->replacements[0].tensor));
    hp_refit_free(r);
    close_model(m);
}

static void assert_same(const hp_refit *a, const hp_refit *b)
{
    assert_int_equal(a->n_blocks, b->n_blocks);
    for (size_t i = 0; i < a->n_blocks; i++) {
        assert_true(a->blocks[i].after == b->blocks[i].after);
        assert_true(a->blocks[i].condition == b->blocks[i].condition);
        assert_memory_equal(a->replacements[i].bytes, b->replacements[i].bytes,
                            (size_t)a->replacements[i].tensor->size);
    }
}

/* One byte of budget: a batch a piece, of which there are several, and
 * everything that is kept in files. */
static void test_threads_and_budget(void **state)
{
    (void)state;
    static const unsigned char one[8] = {[1] = 1, [6] = 1, [7] = 1};
    static const unsigned char other[8] = {[1] = 1, [2] = 1};
    const unsigned char *masks[] = {other, one};
    enum { N = 120, LENGTH = 24 };
    int32_t ids[N * LENGTH];
    size_t start[N + 1];
    for (size_t i = 0; i < (size_t)N * LENGTH; i++)
        ids[i] = (int32_t)(i * i * 7 % 31);
    for (size_t i = 0; i <= N; i++)
        start[i] = i * LENGTH;
    const hp_sequences s = {.ids = ids, .start = start, .n = N};
    hp_model *m = open_golden("gpt2");
    for (int sequential = 0; sequential < 2; sequential++) {
        hp_refit *both[2],
            *a = refit(m, one, &s,
                       (hp_refit_options){.run = {.threads = 1},
                                          .sequential = sequential});
        const hp_refit_options o = {
            .run = {.backend = backend, .threads = 3, .budget = 1},
            .sequences = &s,
            .sequential = sequential};
        if (hp_refit_make(both, m, masks, 2, &o, &err))
            fail_msg("%s", err.message);
        assert_same(a, both[1]);
        assert_int_equal(both[0]->n_blocks, 1);
        hp_refit_free(a);
        hp_refit_free(both[0]);
        hp_refit_free(both[1]);
    }
    close_model(m);
}

/* In turn, the first block is fitted as ever, and the second to what it reads
 * then. */
static void test_sequential(void **state)
{
    (void)state;
    static const unsigned char mask[8] = {[1] = 1, [6] = 1};
    reference_data d;
    hp_model *m = open_golden("gpt2");
    reference_sequences(&d, "gpt2");
    hp_refit *once = refit(m, mask, &d.s, (hp_refit_options){0});
    hp_refit *turns = refit(m, mask, &d.s, (hp_refit_options){.sequential = 1});
    size_t n = (size_t)once->replacements[0].tensor->size;
    assert_memory_equal(once->replacements[0].bytes,
                        turns->replacements[0].bytes, n);
    assert_memory_not_equal(once->replacements[1].bytes,
                            turns->replacements[1].bytes, n);
    hp_refit_free(once);
    hp_refit_free(turns);
    close_model(m);
}

/* Two heads alike, all else zero but for a ridge far too small: the matrix is
 * singular until the ridge was raised. */
static void test_raised_ridge(void **state)
{
    (void)state;
    static const unsigned char mask[8] = {[7] = 1};
    text t;
    make_text(&t);
    t.s.n = 1; /* 16 positions for 24 kept outputs */
    fixture_write(folder, &FIXTURE_GPT2);
    hp_model *m = open_model(folder);
    hp_refit *r = refit(m, mask, &t.s, (hp_refit_options){.damping = 1e-18});
    assert_true(r->blocks[0].lambda > 1e-17);
    assert_true(r->blocks[0].after <= r->blocks[0].before);
    hp_refit_free(r);
    close_model(m);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, make_folder, remove_folder, NULL                              \
    }
    static const struct CMUnitTest tests[] = {
        TEST("values are rounded once, to nearest even", test_encode),
        TEST("refits are numpy's", test_golden),
        TEST("what another head does can be taken over", test_redundant_head),
        TEST("no output gets worse by a refit", test_never_worse),
        TEST("a block that loses all heads keeps its error", test_all_gone),
        TEST("refits depend on neither threads, budget nor company",
             test_threads_and_budget),
        TEST("in turn blocks are fitted to what they read then",
             test_sequential),
        TEST("a matrix that cannot be factored gets a larger ridge",
             test_raised_ridge),
    };
    return cmocka_run_group_tests(tests, open_backend, free_backend);
}
