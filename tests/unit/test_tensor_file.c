/* New safetensors files, read back by our own reader and byte by byte. */
#include "fixture.h"
#include "headprune/checkpoint.h"
#include "io/tensor_file.h"

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
    path = fixture_path(folder, "new.safetensors");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    free(path);
    fixture_remove(folder);
    return 0;
}

static const hp__tensor_plan plans[] = {
    {"h.2", 3, {2, 1, 2}}, {"h.10", 2, {1, 3, 0}}, {"h.1", 1, {0, 0, 0}}};
static const hp__tensor_note notes[] = {
    {"format", "pt"}, {"tokens", "[\"a\\\"\", \"\xc3\xa9\"]"}};
static const hp__tensor_list list = {plans, 3, notes, 2, 0};
static const float values[] = {1.0F, -2.5F, 3.0F, 4.0F};

/* Last values first. */
static void write_file(void)
{
    hp__tensor_file *f = NULL;
    hp_error err = {0};
    assert_int_equal(hp__tensor_file_open(&f, path, &list, &err), HP_OK);
    assert_int_equal(hp__tensor_file_put(f, 0, 2, values + 2, 2, &err), HP_OK);
    assert_int_equal(hp__tensor_file_put(f, 1, 0, values, 3, &err), HP_OK);
    assert_int_equal(hp__tensor_file_put(f, 0, 0, values, 2, &err), HP_OK);
    assert_int_equal(hp__tensor_file_commit(f, &err), HP_OK);
    hp__tensor_file_free(f);
}

static void the_header_is_sorted_and_padded(void **state)
{
    (void)state;
    static const char want[] =
        "{\"__metadata__\": {\"format\": \"pt\", \"tokens\": "
        "\"[\\\"a\\\\\\\"\\\", \\\"\xc3\xa9\\\"]\"}, "
        "\"h.1\": {\"dtype\": \"F32\", \"shape\": [0], \"data_offsets\": "
        "[0, 0]}, "
        "\"h.10\": {\"dtype\": \"F32\", \"shape\": [1, 3], "
        "\"data_offsets\": [0, 12]}, "
        "\"h.2\": {\"dtype\": \"F32\", \"shape\": [2, 1, 2], "
        "\"data_offsets\": [12, 28]}}";
    size_t len;
    write_file();
    char *bytes = fixture_read(path, &len);
    size_t header = (size_t)(unsigned char)bytes[0] +
                    ((size_t)(unsigned char)bytes[1] << 8);
    assert_int_equal(header % 8, 0);
    assert_true(header >= sizeof want - 1 && header < sizeof want + 7);
    assert_memory_equal(bytes + 2, "\0\0\0\0\0\0", 6);
    assert_memory_equal(bytes + 8, want, sizeof want - 1);
    for (size_t i = sizeof want - 1; i < header; i++)
        assert_int_equal(bytes[8 + i], ' ');
    assert_int_equal(len, 8 + header + 28);
    assert_memory_equal(bytes + 8 + header, values, 12);
    assert_memory_equal(bytes + 8 + header + 12, values, 16);
    free(bytes);
}

static void our_own_reader_takes_it(void **state)
{
    (void)state;
    hp_error err = {0};
    hp_checkpoint *c = NULL;
    float got[4];
    write_file();
    assert_int_equal(hp_checkpoint_open(&c, path, NULL, &err), HP_OK);
    assert_int_equal(hp_checkpoint_n_tensors(c), 3);
    const hp_tensor *t = hp_checkpoint_find(c, "h.2");
    assert_non_null(t);
    assert_int_equal(t->dtype, HP_DTYPE_F32);
    assert_int_equal(t->n_dims, 3);
    assert_int_equal(t->dims[0], 2);
    assert_int_equal(hp_checkpoint_read(c, t, 0, sizeof got, got, &err), HP_OK);
    assert_memory_equal(got, values, sizeof got);
    hp_checkpoint_free(c);
}

static void what_is_not_committed_leaves_no_trace(void **state)
{
    (void)state;
    hp__tensor_file *f = NULL;
    hp_error err = {0};
    fixture_put_text(folder, "new.safetensors", "old");
    assert_int_equal(hp__tensor_file_open(&f, path, &list, &err), HP_OK);
    assert_int_equal(fixture_count(folder), 2);
    hp__tensor_file_free(f);
    hp__tensor_file_free(NULL);
    assert_int_equal(fixture_count(folder), 1);
    char *bytes = fixture_read(path, NULL);
    assert_string_equal(bytes, "old");
    free(bytes);
}

static void what_no_reader_takes_is_refused(void **state)
{
    (void)state;
    const hp__tensor_plan twice[] = {
        {"b", 1, {1, 0, 0}}, {"a", 1, {1, 0, 0}}, {"b", 1, {2, 0, 0}}};
    const hp__tensor_plan metadata[] = {{"__metadata__", 1, {1, 0, 0}}};
    const hp__tensor_plan huge[] = {
        {"a", 3, {UINT64_C(1) << 31, UINT64_C(1) << 31, 2}}};
    const hp__tensor_plan many[] = {{"a", 2, {UINT64_C(1) << 60, 1, 0}}};
    const struct {
        hp__tensor_list list;
        const char *says;
    } bad[] = {{{twice, 3, NULL, 0, 0}, "a second tensor 'b'"},
               {{metadata, 1, NULL, 0, 0}, "a second tensor '__metadata__'"},
               {{huge, 1, NULL, 0, 0}, "tensor 'a' is too large"},
               {{many, 1, NULL, 0, 0}, "the tensors are too large"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hp__tensor_file *f = NULL;
        hp_error err = {0};
        assert_int_equal(hp__tensor_file_open(&f, path, &bad[i].list, &err),
                         HP_INVALID);
        assert_string_equal(err.message, bad[i].says);
        assert_null(f);
        assert_int_equal(fixture_count(folder), 0);
    }
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    hp__tensor_file *f = NULL;
    hp_error err = {0};
    char *lost = fixture_path(folder, "no/such.safetensors");
    assert_int_equal(hp__tensor_file_open(&f, lost, &list, &err), HP_IO);
    assert_non_null(strstr(err.message, "no such folder"));
    assert_string_equal(err.file, lost);
    assert_null(f);
    free(lost);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_header_is_sorted_and_padded),
        CASE(our_own_reader_takes_it),
        CASE(what_is_not_committed_leaves_no_trace),
        CASE(what_no_reader_takes_is_refused),
        CASE(a_folder_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
