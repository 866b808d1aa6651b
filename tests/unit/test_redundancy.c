/* What heads can replace: numpy's answer, and a head that is there twice. */
#include "edit.h"
#include "fixture.h"
#include "reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static hp_redundancy *find(const hp_model *m, const hp_sequences *s,
                           hp_redundancy_options o)
{
    hp_redundancy *r = NULL;
    o.source.sequences = s;
    o.source.run.backend = backend;
    if (hp_redundancy_find(&r, m, &o, &err))
        fail_msg("%s", err.message);
    return r;
}

/* Costs are differences of numbers as large as energies: errors count against
 * the block's output. */
static int is_near(double have, double expected)
{
    return fabs(have - expected) <= 2e-5;
}

static size_t count_off(const hp_redundant_block *b, const double *costs)
{
    size_t n = b->n_heads, off = 0;
    const double *joint = costs, *without = costs + n * n,
                 *energy = costs + 2 * n * n;
    double whole = 0;
    for (size_t i = 0; i < n * n; i++)
        whole += energy[i];
    for (size_t h = 0; h < n; h++) {
        double own = energy[h * n + h], cost = joint[h * n + h];
        off += !is_near(b->at[h].energy, own / whole);
        off += !is_near(b->at[h].cost, cost / whole);
        off += !is_near(b->at[h].predicted, 1 - cost / own);
        for (size_t k = 0; k < n; k++)
            off += h != k && !is_near(b->supplied[h * n + k],
                                      (without[h * n + k] - cost) / own);
    }
    for (size_t i = 0; i < b->n_pairs; i++) {
        size_t h = b->pairs[i].first, k = b->pairs[i].second;
        double both = joint[h * n + k];
        double sum = joint[h * n + h] + joint[k * n + k];
        off += !is_near(b->pairs[i].joint, both / whole);
        off += !is_near(b->pairs[i].excess, (both - sum) / whole);
        off += i && b->pairs[i].excess > b->pairs[i - 1].excess;
    }
    return off;
}

static void test_golden(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt2", "bert-mlm", "gpt2-bf16",
                                        "llama-gqa", "t5"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        reference_data d;
        (void)snprintf(path, sizeof path, "tests/golden/%s", names[i]);
        hp_model *m = open_model(path);
        reference_sequences(&d, names[i]);
        hp_redundancy *r = find(m, &d.s, (hp_redundancy_options){0});
        assert_int_equal(r->n_blocks, hp_model_n_blocks(m));
        for (size_t b = 0; b < r->n_blocks; b++) {
            size_t n = 0;
            const hp_redundant_block *block = &r->blocks[b];
            double *costs =
                reference_tensor(&n, names[i], block->heads[0].name, "costs");
            assert_non_null(costs);
            assert_int_equal(n, 3 * block->n_heads * block->n_heads);
            if (count_off(block, costs))
                fail_msg("%s: %zu numbers are off", block->heads[0].name,
                         count_off(block, costs));
            costs[0] *= 1.01;
            assert_true(count_off(block, costs) > 0);
            free(costs);
        }
        hp_redundancy_free(r);
        close_model(m);
    }
}

/* Of the two heads of block 0 the second is the first again. */
static void test_alike(void **state)
{
    (void)state;
    int32_t ids[8 * 16];
    size_t start[9];
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        ids[i] = (int32_t)(i * i % 37);
    for (size_t i = 0; i < 9; i++)
        start[i] = i * 16;
    const hp_sequences s = {.ids = ids, .start = start, .n = 8};
    char *folder = fixture_folder();
    fixture f = FIXTURE_GPT2;
    f.heads = 2;
    fixture_write(folder, &f);
    hp_model *m = open_model(folder);
    hp_slice from[HP_MAX_SLICES], to[HP_MAX_SLICES];
    size_t n = hp_model_slices(m, 0, from);
    assert_int_equal(hp_model_slices(m, 1, to), n);
    for (size_t i = 0; i < n; i++) {
        const hp_tensor *t = from[i].tensor;
        size_t columns = (size_t)(t->n_elements / t->dims[0]);
        size_t rows = from[i].axis ? (size_t)t->dims[0] : 1;
        size_t step = from[i].axis ? 1 : columns;
        float *w = malloc((size_t)t->size);
        assert_non_null(w);
        assert_int_equal(
            hp_checkpoint_read(hp_model_checkpoint(m), t, 0, t->size, w, &err),
            HP_OK);
        for (size_t r = 0; r < rows; r++)
            for (size_t k = 0; k < from[i].count * step; k++)
                edit_value(folder, t->name,
                           r * columns + (size_t)to[i].start * step + k,
                           w[r * columns + (size_t)from[i].start * step + k]);
        free(w);
    }
    close_model(m);
    m = open_model(folder);
    hp_redundancy *r = find(m, &s, (hp_redundancy_options){.damping = 1e-7});
    const hp_redundant_block *b = &r->blocks[0];
    assert_true(b->at[0].predicted > 0.9999 && b->at[1].predicted > 0.9999);
    assert_true(b->supplied[1] > 0.9999 && b->supplied[2] > 0.9999);
    assert_int_equal(b->n_groups, 1);
    assert_int_equal(b->at[0].group, 0);
    assert_int_equal(b->at[1].group, 0);
    assert_int_equal(b->n_pairs, 1);
    assert_true(b->pairs[0].joint > 0.9999 && b->pairs[0].excess > 0.999);
    assert_true(r->blocks[1].at[0].predicted < 0.999);
    hp_redundancy_free(r);
    close_model(m);
    fixture_remove(folder);
}

static void test_threads_and_budget(void **state)
{
    (void)state;
    reference_data d;
    hp_model *m = open_model("tests/golden/llama-gqa");
    reference_sequences(&d, "llama-gqa");
    hp_redundancy *a =
        find(m, &d.s, (hp_redundancy_options){.source.run.threads = 1});
    hp_redundancy *b = find(
        m, &d.s,
        (hp_redundancy_options){.source.run = {.threads = 3, .budget = 1}});
    for (size_t i = 0; i < a->n_blocks; i++) {
        size_t n = a->blocks[i].n_heads;
        assert_memory_equal(a->blocks[i].supplied, b->blocks[i].supplied,
                            n * n * sizeof(double));
        assert_int_equal(a->blocks[i].n_pairs, b->blocks[i].n_pairs);
    }
    char *one = NULL, *other = NULL;
    assert_int_equal(hp_document_redundancy(&one, a, &err), HP_OK);
    assert_int_equal(hp_document_redundancy(&other, b, &err), HP_OK);
    assert_string_equal(one, other);
    free(one);
    free(other);
    hp_redundancy_free(a);
    hp_redundancy_free(b);
    close_model(m);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, NULL, NULL, NULL                                              \
    }
    static const struct CMUnitTest tests[] = {
        TEST("costs are numpy's", test_golden),
        TEST("a head that is there twice is replaced by its twin", test_alike),
        TEST("nothing depends on threads or budget", test_threads_and_budget),
    };
    return cmocka_run_group_tests(tests, open_backend, free_backend);
}
