/* Files of attention, made small: how cells are pooled, in which order blocks
 * come, what is measured, and what is refused. */
#include "fixture.h"
#include "headprune/document.h"
#include "io/tensor_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *folder, *path;

static int make_folder(void **state)
{
    (void)state;
    folder = fixture_folder();
    path = fixture_path(folder, "a.safetensors");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    free(path);
    fixture_remove(folder);
    return 0;
}

/* Values of the first tensor; the others are all zero. */
static void write_tensors(const hp__tensor_plan *plans, size_t n,
                          const float *values, size_t n_values)
{
    hp__tensor_file *f = NULL;
    hp_error err = {0};
    const hp__tensor_list list = {.tensors = plans, .n = n};
    fixture_unlink(path);
    if (hp__tensor_file_open(&f, path, &list, &err) ||
        hp__tensor_file_put(f, 0, 0, values, n_values, &err) ||
        hp__tensor_file_commit(f, &err))
        fail_msg("%s", err.message);
    hp__tensor_file_free(f);
}

static hp_document *open_file(void)
{
    hp_document *d = NULL;
    hp_error err = {0};
    if (hp_document_open(&d, path, &err))
        fail_msg("%s", err.message);
    assert_non_null(d->thumbnails);
    assert_null(d->text);
    return d;
}

static void check_refused_as(hp_status status, const char *words)
{
    hp_document *d = NULL;
    hp_error err = {0};
    assert_int_equal(hp_document_open(&d, path, &err), status);
    assert_null(d);
    if (!strstr(err.message, words))
        fail_msg("'%s' is not in '%s'", words, err.message);
    assert_non_null(strstr(err.file, "a.safetensors"));
}

static void check_refused(const char *words)
{
    check_refused_as(HP_FORMAT, words);
}

static void numbers_in_names_of_blocks_count_as_numbers(void **state)
{
    static const hp__tensor_plan plans[] = {
        {"h.10.attn", 3, {1, 1, 1}}, {"h.9.attn", 3, {1, 1, 1}},
        {"h.09.attn", 3, {1, 1, 1}}, {"h.100.attn", 3, {1, 1, 1}},
        {"dec.2", 3, {1, 1, 1}},     {"h", 3, {1, 1, 1}}};
    static const char *const want[] = {"dec.2",    "h",         "h.09.attn",
                                       "h.9.attn", "h.10.attn", "h.100.attn"};
    static const float one = 1;
    (void)state;
    write_tensors(plans, 6, &one, 1);
    hp_document *d = open_file();
    assert_int_equal(d->thumbnails->n_blocks, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(d->thumbnails->blocks[i].name, want[i]);
    assert_true(d->thumbnails->blocks[4].heads[0].values[0] > 0.5F);
    assert_true(d->thumbnails->blocks[3].heads[0].values[0] < 0.5F);
    hp_document_free(d);
}

static void few_tokens_have_a_cell_each(void **state)
{
    static const hp__tensor_plan plan = {"h.0", 3, {2, 3, 3}};
    static const float values[] = {1, 0, 0, 0.5F,  0.5F,  0, 0.25F, 0.25F, 0.5F,
                                   0, 0, 1, 0.75F, 0.25F, 0, 0,     1,     0};
    (void)state;
    write_tensors(&plan, 1, values, 18);
    hp_document *d = open_file();
    const hp_thumbnails *t = d->thumbnails;
    assert_int_equal(t->n_tokens, 3);
    assert_int_equal(t->cells, 3);
    assert_int_equal(t->blocks[0].n_heads, 2);
    const hp_thumbnail *h = t->blocks[0].heads;
    assert_memory_equal(h[0].values, values, 9 * sizeof(float));
    assert_memory_equal(h[1].values, values + 9, 9 * sizeof(float));
    assert_true(fabs(h[0].first - 1.75 / 3) < 1e-12);
    assert_true(fabs(h[0].previous - 0.75 / 2) < 1e-12);
    assert_true(fabs(h[0].own - 2.0 / 3) < 1e-12);
    assert_true(fabs(h[1].previous - 1.75 / 2) < 1e-12);
    hp_document_free(d);
}

static void one_token_has_no_previous(void **state)
{
    static const hp__tensor_plan plan = {"h.0", 3, {1, 1, 1}};
    static const float one = 1;
    (void)state;
    write_tensors(&plan, 1, &one, 1);
    hp_document *d = open_file();
    assert_true(isnan(d->thumbnails->blocks[0].heads[0].previous));
    hp_document_free(d);
}

/* So many tokens that a matrix is read in several bands. */
enum { MANY = 600 };

static void many_tokens_share_cells_which_show_the_greatest(void **state)
{
    static const hp__tensor_plan plan = {"h.0", 3, {2, MANY, MANY}};
    size_t n = (size_t)2 * MANY * MANY;
    float *values = calloc(n, sizeof *values);
    (void)state;
    assert_non_null(values);
    float *second = values + (size_t)MANY * MANY;
    for (size_t i = 0; i < MANY; i++)
        second[i * MANY + i] = 0.25F;
    second[(size_t)MANY * MANY - 1] = 0.75F;     /* the last cell */
    second[(size_t)24 * MANY + 575] = 0.5F;      /* 0, 23 */
    second[(size_t)25 * MANY + 574] = 0.125F;    /* 1, 22 */
    second[(size_t)(MANY - 1) * MANY] = 0.0625F; /* 23, 0 */
    write_tensors(&plan, 1, values, n);
    free(values);
    hp_document *d = open_file();
    const hp_thumbnails *t = d->thumbnails;
    assert_int_equal(t->n_tokens, MANY);
    assert_int_equal(t->cells, 24);
    const hp_thumbnail *h = t->blocks[0].heads;
    for (size_t i = 0; i < 24; i++)
        for (size_t j = 0; j < 24; j++) {
            float want = i == j ? 0.25F : 0;
            want = i == 23 && j == 23 ? 0.75F : want;
            want = i == 0 && j == 23 ? 0.5F : want;
            want = i == 1 && j == 22 ? 0.125F : want;
            want = i == 23 && j == 0 ? 0.0625F : want;
            assert_true(h[0].values[i * 24 + j] <= 0);
            assert_memory_equal(&h[1].values[i * 24 + j], &want, sizeof want);
        }
    assert_true(fabs(h[1].own - (0.25 * (MANY - 1) + 0.75) / MANY) < 1e-12);
    assert_true(fabs(h[1].first - (0.25 + 0.0625) / MANY) < 1e-12);
    hp_document_free(d);
}

static void what_is_no_attention_is_refused(void **state)
{
    static const hp__tensor_plan flat = {"h.0", 2, {2, 2}};
    static const hp__tensor_plan oblong = {"h.1", 3, {1, 2, 3}};
    static const hp__tensor_plan empty = {"h.2", 3, {1, 0, 0}};
    static const hp__tensor_plan mixed[] = {{"h.3", 3, {1, 2, 2}},
                                            {"h.4", 3, {1, 3, 3}}};
    static const float zeros[9] = {0};
    (void)state;
    write_tensors(&flat, 1, zeros, 4);
    check_refused("tensor 'h.0': no attention");
    write_tensors(&oblong, 1, zeros, 6);
    check_refused_as(HP_UNSUPPORTED, "tensor 'h.1': attention of 2 tokens to 3 "
                                     "others is not drawn");
    write_tensors(&empty, 1, zeros, 0);
    check_refused("tensor 'h.2': no attention");
    write_tensors(mixed, 2, zeros, 4);
    check_refused("tensor 'h.4': 3 tokens, but the first block has 2");
    write_tensors(NULL, 0, zeros, 0);
    check_refused("there is no tensor");
}

static void too_many_heads_are_refused(void **state)
{
    static const hp__tensor_plan plans[] = {{"h.0", 3, {40000, 1, 1}},
                                            {"h.1", 3, {40000, 1, 1}}};
    static const float zero = 0;
    (void)state;
    write_tensors(plans, 2, &zero, 1);
    check_refused("tensor 'h.1': more than 65536 heads");
}

static void values_that_are_no_shares_are_refused(void **state)
{
    static const hp__tensor_plan plan = {"h.7", 3, {2, 2, 2}};
    const float wrong[] = {-0.5F, 1.5F, (float)NAN, (float)INFINITY};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const float values[8] = {1, 0, 0, 1, 1, 0, wrong[i], 0};
        write_tensors(&plan, 1, values, 8);
        check_refused("tensor 'h.7': head 1: a value is no share");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_names_of_blocks_count_as_numbers),
        cmocka_unit_test(few_tokens_have_a_cell_each),
        cmocka_unit_test(one_token_has_no_previous),
        cmocka_unit_test(many_tokens_share_cells_which_show_the_greatest),
        cmocka_unit_test(what_is_no_attention_is_refused),
        cmocka_unit_test(too_many_heads_are_refused),
        cmocka_unit_test(values_that_are_no_shares_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
