/* The forms that keep all shapes: zero-all, gate and mask, beside zero. */
#include "edit.h"
#include "fixture.h"
#include "job.h"
#include "states.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct place {
    char *root, *in, *out;
} place;

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->root = fixture_folder();
    p->in = fixture_path(p->root, "in");
    p->out = fixture_path(p->root, "out");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    fixture_remove(p->root);
    free(p->in);
    free(p->out);
    free(p);
    return 0;
}

/* ---- zero-all ---- */

/* Marks the bytes of a slice, element by element: the writer goes by runs. */
static void mark(unsigned char *marks, const hp_slice *s)
{
    const hp_tensor *t = s->tensor;
    size_t size = t->size / t->n_elements;
    uint64_t columns = t->n_dims > 1 ? t->dims[1] : 1;
    for (size_t e = 0; e < t->n_elements; e++) {
        uint64_t at = s->axis ? e % columns : e / columns;
        if (at >= s->start && at < s->start + s->count)
            memset(marks + t->offset + e * size, 1, size);
    }
}

static void check_zero_all(const place *p, const fixture *f, const char *heads)
{
    job j;
    size_t len, n_new;
    fixture_write(p->in, f);
    job_emit(p->in, heads, p->out, "zero-all");
    char *old = fixture_path(p->in, "model.safetensors");
    char *now = fixture_path(p->out, "model.safetensors");
    char *a = fixture_read(old, &len), *b = fixture_read(now, &n_new);
    unsigned char *zero = calloc(len, 1);
    assert_non_null(zero);
    assert_int_equal(n_new, len);
    job_open(&j, p->in, NULL, heads);
    for (size_t h = 0; h < hp_model_n_heads(j.model); h++) {
        hp_slice s[HP_MAX_SLICES];
        size_t n = hp_model_slices(j.model, h, s);
        assert_int_equal(n, 7);
        for (size_t i = 0; i < n && j.plan->pruned[h]; i++)
            mark(zero, &s[i]);
    }
    for (size_t i = 0; i < len; i++)
        if (b[i] != (zero[i] ? 0 : a[i]))
            fail_msg("byte %zu is %d, was %d", i, b[i], a[i]);
    job_close(&j);
    free(zero);
    free(a);
    free(b);
    free(old);
    free(now);
}

static void zero_all_of_gpt2(void **state)
{
    check_zero_all(*state, &FIXTURE_GPT2, "0:1,2 1:3");
}

static void zero_all_of_bert_in_f16(void **state)
{
    fixture f = FIXTURE_BERT;
    f.dtype = "F16";
    check_zero_all(*state, &f, "0:* 1:0,3");
}

/* ---- gate ---- */

static float value_of(const char *folder, const char *name, uint64_t i)
{
    hp_error err = {0};
    hp_checkpoint *c = NULL;
    float value = -1;
    assert_int_equal(hp_checkpoint_open(&c, folder, NULL, &err), HP_OK);
    const hp_tensor *t = hp_checkpoint_find(c, name);
    assert_non_null(t);
    assert_int_equal(hp_checkpoint_read(c, t, 4 * i, 4, &value, &err), HP_OK);
    hp_checkpoint_free(c);
    return value;
}

static void gates_become_zero(void **state)
{
    const place *p = *state;
    const float ones[4] = {1, 1, 1, 1};
    size_t was, is, differ = 0;
    fixture_write(p->in, &FIXTURE_GPT2);
    edit_add(p->in, "transformer.h.0.attn.gate", "1,4,1", ones, 4);
    edit_add(p->in, "transformer.h.1.head_mask", "4", ones, 4);
    job_emit(p->in, "0:1 1:0,3", p->out, "gate");
    for (uint64_t i = 0; i < 4; i++) {
        float first = value_of(p->out, "transformer.h.0.attn.gate", i);
        float second = value_of(p->out, "transformer.h.1.head_mask", i);
        assert_float_equal(first, i == 1 ? 0.0F : 1.0F, 0.0F);
        assert_float_equal(second, i == 0 || i == 3 ? 0.0F : 1.0F, 0.0F);
    }
    char *old = fixture_path(p->in, "model.safetensors");
    char *now = fixture_path(p->out, "model.safetensors");
    char *a = fixture_read(old, &was), *b = fixture_read(now, &is);
    assert_int_equal(was, is);
    for (size_t i = 0; i < was; i++)
        differ += a[i] != b[i];
    assert_int_equal(differ, 3 * 2); /* 1.0 has two bytes that are not 0 */
    free(a);
    free(b);
    free(old);
    free(now);
}

static void without_gates_there_is_no_form_gate(void **state)
{
    const place *p = *state;
    const float ones[5] = {1, 1, 1, 1, 1};
    hp_error err = {0};
    fixture_write(p->in, &FIXTURE_GPT2);
    edit_add(p->in, "transformer.h.0.attn.gate", "5", ones, 5);
    edit_add(p->in, "transformer.h.1.mlp.gate", "4", ones, 4);
    assert_int_equal(job_refused(p->in, "0:1", p->out, "gate", &err),
                     HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "the model has no gate"));
    edit_add(p->in, "transformer.h.1.attn.gates", "4", ones, 4);
    assert_int_equal(job_refused(p->in, "0:1", p->out, "gate", &err),
                     HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "transformer.h.0.attn has no gate"));
    job_emit(p->in, "1:1", p->out, "gate");
}

/* ---- mask ---- */

static void a_mask_leaves_the_weights(void **state)
{
    const place *p = *state;
    fixture_write(p->in, &FIXTURE_BERT);
    job_emit(p->in, "0:1 1:0,3", p->out, "mask");
    char *old = fixture_path(p->in, "model.safetensors");
    char *now = fixture_path(p->out, "model.safetensors");
    assert_true(fixture_same(old, now));
    free(old);
    free(now);
    char *mask = fixture_path(p->out, "headprune.masks.safetensors");
    static const float expected[2][4] = {{1, 0, 1, 1}, {0, 1, 1, 0}};
    for (uint64_t i = 0; i < 4; i++) {
        assert_float_equal(
            value_of(mask, "bert.encoder.layer.0.attention.head_mask", i),
            expected[0][i], 0.0F);
        assert_float_equal(
            value_of(mask, "bert.encoder.layer.1.attention.head_mask", i),
            expected[1][i], 0.0F);
    }
    free(mask);
    hp_model *m = open_model(p->out);
    static const unsigned char silent[] = {0, 1, 0, 0, 1, 0, 0, 1};
    assert_non_null(hp_model_masked(m));
    assert_memory_equal(hp_model_masked(m), silent, sizeof silent);
    close_model(m);
}

/* Folders that are to compute the same. */
static void same_states(const char *a, const char *heads_a, const char *b,
                        const char *heads_b)
{
    states x = states_of(a, heads_a), y = states_of(b, heads_b);
    if (states_differ(&x, &y) > 0.0)
        fail_msg("%s %s and %s %s differ by %g", a, heads_a, b, heads_b,
                 states_differ(&x, &y));
    states_free(&x);
    states_free(&y);
}

static void different_states(const char *a, const char *b)
{
    states x = states_of(a, ""), y = states_of(b, "");
    assert_true(states_differ(&x, &y) > 1e-4);
    states_free(&x);
    states_free(&y);
}

static void all_forms_compute_the_same(void **state)
{
    const place *p = *state;
    static const char heads[] = "0:1,2 1:0";
    static const char *const golden[] = {
        "tests/golden/gpt2", "tests/golden/gpt2-sharded",
        "tests/golden/gpt2-f16", "tests/golden/bert-mlm",
        "tests/golden/bert-gamma"};
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        char *zero = fixture_path(p->root, "zero");
        char *all = fixture_path(p->root, "zero-all");
        char *mask = fixture_path(p->root, "mask");
        job_emit(golden[i], heads, zero, "zero");
        job_emit(golden[i], heads, all, "zero-all");
        job_emit(golden[i], heads, mask, "mask");
        same_states(golden[i], heads, zero, "");
        same_states(golden[i], heads, all, "");
        same_states(golden[i], heads, mask, "");
        different_states(golden[i], mask);
        fixture_unlink(zero);
        fixture_unlink(all);
        fixture_unlink(mask);
        free(zero);
        free(all);
        free(mask);
    }
}

static void masks_add_up(void **state)
{
    const place *p = *state;
    static const char in[] = "tests/golden/gpt2";
    char *more = fixture_path(p->root, "more");
    job_emit(in, "0:1", p->out, "mask");
    same_states(in, "0:1 1:2", p->out, "1:2");
    job_emit(p->out, "1:2", more, "mask");
    same_states(in, "0:1 1:2", more, "");
    fixture_unlink(more);
    /* Written into the weights, no mask is needed any more. */
    job_emit(p->out, "1:2", more, "zero");
    same_states(in, "0:1 1:2", more, "");
    hp_model *m = open_model(more);
    assert_null(hp_model_masked(m));
    close_model(m);
    free(more);
}

static void a_mask_is_a_folder(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    char *file = fixture_path(p->root, "x.safetensors");
    fixture_write(p->in, &FIXTURE_GPT2);
    assert_int_equal(job_refused(p->in, "0:1", file, "mask", &err), HP_INVALID);
    assert_non_null(strstr(err.message, "the form 'mask' is a folder"));
    free(file);
}

/* The bytes of the only mask of a folder, replaced. */
static void edit_mask(const char *folder, const char *from, const char *to)
{
    char *path = fixture_path(folder, "headprune.masks.safetensors");
    size_t len, n = strlen(from);
    char *bytes = fixture_read(path, &len), *at = NULL;
    assert_int_equal(n, strlen(to));
    for (size_t i = 0; i + n <= len && !at; i++)
        if (!memcmp(bytes + i, from, n))
            at = bytes + i;
    if (!at)
        abort();
    memcpy(at, to, n);
    fixture_put(folder, "headprune.masks.safetensors", bytes, len);
    free(bytes);
    free(path);
}

static void a_mask_of_another_model_is_refused(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    fixture_write(p->in, &FIXTURE_GPT2);
    job_emit(p->in, "0:1", p->out, "mask");
    edit_mask(p->out, "h.1.attn.head_mask", "h.7.attn.head_mask");
    assert_int_equal(try_model(p->out, &err), HP_FORMAT);
    assert_non_null(strstr(err.message, "is the mask of no block"));
    assert_non_null(strstr(err.file, "headprune.masks.safetensors"));
    edit_mask(p->out, "h.7.attn.head_mask", "h.1.attn.head_mask");
    edit_mask(p->out, "[4]", "[3]");
    assert_int_equal(try_model(p->out, &err), HP_FORMAT);
    edit_mask(p->out, "[3]", "[4]");
    edit_mask(p->out, "\x80\x3f", "\x80\x3e");
    assert_int_equal(try_model(p->out, &err), HP_FORMAT);
    assert_non_null(strstr(err.message, "head 0 has 0.25, expected 0 or 1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(zero_all_of_gpt2),
        TEST(zero_all_of_bert_in_f16),
        TEST(gates_become_zero),
        TEST(without_gates_there_is_no_form_gate),
        TEST(a_mask_leaves_the_weights),
        TEST(all_forms_compute_the_same),
        TEST(masks_add_up),
        TEST(a_mask_is_a_folder),
        TEST(a_mask_of_another_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
