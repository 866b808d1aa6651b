/* Two checkpoints, compared: every verdict, and what must not matter. */
#include "edit.h"
#include "fixture.h"
#include "job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two models and what they differ in. */
typedef struct two {
    char *scratch, *path_a, *path_b;
    hp_model *a, *b;
    hp_diff *diff;
} two;

static void make(two *t, const fixture *a, const fixture *b)
{
    *t = (two){.scratch = fixture_folder()};
    t->path_a = fixture_path(t->scratch, "a");
    t->path_b = fixture_path(t->scratch, "b");
    fixture_write(t->path_a, a);
    if (b)
        fixture_write(t->path_b, b);
}

static hp_diff_side side(const hp_model *m)
{
    return (hp_diff_side){hp_model_checkpoint(m), m, NULL};
}

static void compare(two *t)
{
    hp_error err = {0};
    t->a = open_model(t->path_a);
    t->b = open_model(t->path_b);
    hp_diff_side a = side(t->a), b = side(t->b);
    assert_int_equal(hp_diff_run(&t->diff, &a, &b, NULL, &err), HP_OK);
}

static void unmake(two *t)
{
    hp_diff_free(t->diff);
    close_model(t->b);
    close_model(t->a);
    free(t->path_a);
    free(t->path_b);
    fixture_remove(t->scratch);
}

static const hp_diff_tensor *tensor(const two *t, const char *name)
{
    for (size_t i = 0; i < t->diff->n_tensors; i++)
        if (!strcmp(t->diff->tensors[i].name, name))
            return &t->diff->tensors[i];
    fail_msg("no tensor '%s'", name);
    return NULL;
}

/* Fails unless exactly the heads of `list` have the verdict and all others are
 * identical. */
static void expect_heads(const two *t, hp_diff_verdict verdict,
                         const char *list)
{
    unsigned char mask[64] = {0};
    hp_error err = {0};
    size_t n = hp_model_n_heads(t->a);
    assert_int_equal(hp_heads_parse(mask, list, hp_model_heads(t->a), n, &err),
                     HP_OK);
    assert_int_equal(t->diff->n_heads, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(t->diff->heads[i].verdict,
                         mask[i] ? verdict : HP_DIFF_IDENTICAL);
}

#define PROJECTION "transformer.h.1.attn.c_proj.weight"
#define FUSED      "transformer.h.1.attn.c_attn.weight"

static void storage_does_not_matter(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"F32", "F16", "BF16", "F64"};
    for (size_t i = 0; i < 4; i++) {
        fixture a = FIXTURE_GPT2, b = FIXTURE_GPT2;
        two t;
        b.dtype = dtypes[i];
        b.shards = 1 + (unsigned)i;
        make(&t, &a, &b);
        compare(&t);
        assert_true(t.diff->same);
        expect_heads(&t, HP_DIFF_IDENTICAL, "");
        assert_int_equal(tensor(&t, FUSED)->values.compared,
                         tensor(&t, FUSED)->a->n_elements);
        unmake(&t);
    }
}

static void silent_heads_are_zeroed(void **state)
{
    (void)state;
    static const fixture both[] = {
        {"gpt2", 2, 4, 8, 40, 16, "F32", 1},
        {"bert", 2, 4, 8, 40, 16, "F16", 2},
    };
    for (size_t i = 0; i < 2; i++) {
        two t;
        size_t zeroed = 0;
        make(&t, &both[i], NULL);
        job_prune(t.path_a, "0:2 1:0,3", t.path_b);
        compare(&t);
        assert_false(t.diff->same);
        expect_heads(&t, HP_DIFF_ZEROED, "0:2 1:0,3");
        /* 8 of the 32 dimensions of a 32 x 32 projection a head */
        assert_int_equal(t.diff->heads[2].values.differing, 8 * 32);
        assert_int_equal(t.diff->heads[2].values.zeroed, 8 * 32);
        for (size_t k = 0; k < t.diff->n_tensors; k++)
            zeroed += t.diff->tensors[k].verdict == HP_DIFF_ZEROED;
        assert_int_equal(zeroed, 2);
        unmake(&t);
    }
}

/* The other way round a head that was silent speaks again: no zeroes. */
static void a_head_that_came_back_is_changed(void **state)
{
    (void)state;
    two t;
    make(&t, &FIXTURE_GPT2, NULL);
    job_prune(t.path_a, "1:3", t.path_b);
    char *path = t.path_a;
    t.path_a = t.path_b;
    t.path_b = path;
    compare(&t);
    expect_heads(&t, HP_DIFF_CHANGED, "1:3");
    assert_int_equal(tensor(&t, PROJECTION)->verdict, HP_DIFF_CHANGED);
    /* nothing to be relative to is left of these elements alone, but the
     * tensor has others */
    assert_true(tensor(&t, PROJECTION)->values.relative > 0);
    unmake(&t);
}

static void a_changed_value_is_found_and_measured(void **state)
{
    (void)state;
    two t;
    double norm = 0;
    make(&t, &FIXTURE_GPT2, &FIXTURE_GPT2);
    edit_value(t.path_a, FUSED, 0, 2.0F);
    /* row 5 of 96 columns; column 32 + 17 is of key 2 */
    edit_value(t.path_b, FUSED, 0, 2.0F);
    edit_value(t.path_a, FUSED, 5 * 96 + 32 + 17, 1.5F);
    edit_value(t.path_b, FUSED, 5 * 96 + 32 + 17, -1.0F);
    compare(&t);
    const hp_diff_tensor *changed = tensor(&t, FUSED);
    assert_int_equal(changed->verdict, HP_DIFF_CHANGED);
    assert_int_equal(changed->values.differing, 1);
    assert_int_equal(changed->values.zeroed, 0);
    assert_true(changed->values.max_abs == 2.5);
    float *values = malloc((size_t)changed->a->size);
    hp_error err = {0};
    assert_non_null(values);
    assert_int_equal(hp_checkpoint_read(hp_model_checkpoint(t.a), changed->a, 0,
                                        changed->a->size, values, &err),
                     HP_OK);
    for (uint64_t i = 0; i < changed->a->n_elements; i++)
        norm += (double)values[i] * (double)values[i];
    free(values);
    assert_true(fabs(changed->values.relative * sqrt(norm) - 2.5) < 1e-12);
    expect_heads(&t, HP_DIFF_CHANGED, "1:2");
    assert_true(t.diff->heads[6].values.max_abs == 2.5);
    unmake(&t);
}

static void a_nan_equals_a_nan_and_nothing_else(void **state)
{
    (void)state;
    two t;
    make(&t, &FIXTURE_GPT2, &FIXTURE_GPT2);
    edit_value(t.path_a, PROJECTION, 3, NAN);
    edit_value(t.path_b, PROJECTION, 3, -NAN);
    edit_value(t.path_b, FUSED, 7, NAN);
    edit_value(t.path_a, "transformer.wte.weight", 1, 0.0F);
    edit_value(t.path_b, "transformer.wte.weight", 1, -0.0F);
    compare(&t);
    assert_int_equal(tensor(&t, PROJECTION)->verdict, HP_DIFF_IDENTICAL);
    assert_int_equal(tensor(&t, "transformer.wte.weight")->verdict,
                     HP_DIFF_IDENTICAL);
    const hp_diff_tensor *changed = tensor(&t, FUSED);
    assert_int_equal(changed->verdict, HP_DIFF_CHANGED);
    assert_int_equal(changed->values.differing, 1);
    assert_true(isnan(changed->values.max_abs));
    assert_true(isnan(changed->values.relative));
    unmake(&t);
}

/* A bias of a head is part of it, a norm is not. */
static void only_what_a_head_owns_counts_for_it(void **state)
{
    (void)state;
    two t;
    make(&t, &FIXTURE_GPT2, &FIXTURE_GPT2);
    edit_value(t.path_b, "transformer.h.0.attn.c_attn.bias", 64 + 9, 9.0F);
    edit_value(t.path_b, "transformer.h.0.attn.c_proj.bias", 9, 9.0F);
    edit_value(t.path_b, "transformer.h.0.ln_1.weight", 9, 9.0F);
    compare(&t);
    expect_heads(&t, HP_DIFF_CHANGED, "0:1");
    assert_int_equal(t.diff->heads[1].values.differing, 1);
    unmake(&t);
}

static void tensors_of_one_side_and_of_other_shapes(void **state)
{
    (void)state;
    two t;
    hp_error err = {0};
    fixture wide = FIXTURE_GPT2;
    wide.vocab = 41;
    make(&t, &FIXTURE_GPT2, &wide);
    edit_header(t.path_b, "transformer.wpe.weight", "transformer.wqe.weight");
    hp_checkpoint *a, *b;
    assert_int_equal(hp_checkpoint_open(&a, t.path_a, NULL, &err), HP_OK);
    assert_int_equal(hp_checkpoint_open(&b, t.path_b, NULL, &err), HP_OK);
    hp_diff_side of_a = {a, NULL, NULL}, of_b = {b, NULL, NULL};
    assert_int_equal(hp_diff_run(&t.diff, &of_a, &of_b, NULL, &err), HP_OK);
    assert_int_equal(t.diff->n_heads, 0);
    assert_false(t.diff->same);
    assert_int_equal(tensor(&t, "transformer.wte.weight")->verdict,
                     HP_DIFF_SHAPE);
    assert_int_equal(tensor(&t, "transformer.wpe.weight")->verdict,
                     HP_DIFF_MISSING);
    assert_null(tensor(&t, "transformer.wpe.weight")->b);
    assert_int_equal(tensor(&t, "transformer.wqe.weight")->verdict,
                     HP_DIFF_ADDED);
    size_t tensors[HP_DIFF_VERDICTS], heads[HP_DIFF_VERDICTS];
    hp_diff_count(tensors, heads, t.diff);
    assert_int_equal(tensors[HP_DIFF_SHAPE], 1);
    assert_int_equal(tensors[HP_DIFF_MISSING], 1);
    assert_int_equal(tensors[HP_DIFF_ADDED], 1);
    hp_diff_free(t.diff);
    hp_checkpoint_free(a);
    hp_checkpoint_free(b);
    free(t.path_a);
    free(t.path_b);
    fixture_remove(t.scratch);
}

static void heads_without_a_tensor_in_common_are_missing(void **state)
{
    (void)state;
    two t;
    make(&t, &FIXTURE_GPT2, &FIXTURE_BERT);
    compare(&t);
    assert_false(t.diff->same);
    expect_heads(&t, HP_DIFF_MISSING, "0:* 1:*");
    unmake(&t);
}

static int stop(void *payload, uint64_t done, uint64_t total)
{
    size_t *calls = payload;
    assert_true(done <= total);
    return ++*calls == 3;
}

static void a_comparison_can_be_stopped(void **state)
{
    (void)state;
    two t;
    hp_error err = {0};
    size_t calls = 0;
    make(&t, &FIXTURE_GPT2, &FIXTURE_GPT2);
    t.a = open_model(t.path_a);
    t.b = open_model(t.path_b);
    hp_diff_side a = side(t.a), b = side(t.b);
    hp_progress progress = {stop, &calls};
    assert_int_equal(hp_diff_run(&t.diff, &a, &b, &progress, &err),
                     HP_CANCELLED);
    assert_null(t.diff);
    assert_int_equal(calls, 3);
    unmake(&t);
}

/* Every F16: the value is what the bits say, sign, exponent and fraction. */
static void halves_are_read_exactly(void **state)
{
    (void)state;
    static const struct {
        uint16_t bits;
        float value;
    } cases[] = {{0x3C00, 1},           {0xC000, -2},    {0x0001, 0x1p-24F},
                 {0x83FF, -0x3FFp-24F}, {0x7BFF, 65504}, {0x0400, 0x1p-14F},
                 {0x3555, 0x1.554p-2F}, {0x8000, 0},     {0x7C00, INFINITY}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        two t;
        fixture half = FIXTURE_GPT2;
        half.dtype = "F16";
        make(&t, &FIXTURE_GPT2, &half);
        size_t len;
        char *path = fixture_path(t.path_b, "model.safetensors");
        char *bytes = fixture_read(path, &len);
        uint64_t header;
        memcpy(&header, bytes, 8);
        /* the first tensor of the data, whichever it is */
        memcpy(bytes + 8 + header, &cases[i].bits, 2);
        fixture_put(t.path_b, "model.safetensors", bytes, len);
        free(bytes);
        free(path);
        t.b = open_model(t.path_b);
        const hp_tensor *first =
            hp_checkpoint_tensor(hp_model_checkpoint(t.b), 0);
        char *copy = strdup(first->name);
        assert_non_null(copy);
        close_model(t.b);
        edit_value(t.path_a, copy, 0, cases[i].value);
        free(copy);
        compare(&t);
        assert_true(t.diff->same);
        unmake(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_does_not_matter),
        cmocka_unit_test(silent_heads_are_zeroed),
        cmocka_unit_test(a_head_that_came_back_is_changed),
        cmocka_unit_test(a_changed_value_is_found_and_measured),
        cmocka_unit_test(a_nan_equals_a_nan_and_nothing_else),
        cmocka_unit_test(only_what_a_head_owns_counts_for_it),
        cmocka_unit_test(tensors_of_one_side_and_of_other_shapes),
        cmocka_unit_test(heads_without_a_tensor_in_common_are_missing),
        cmocka_unit_test(a_comparison_can_be_stopped),
        cmocka_unit_test(halves_are_read_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
