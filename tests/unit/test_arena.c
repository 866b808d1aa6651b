/* Memory of one lifetime, and working memory. */
#include "base/arena.h"
#include "base/checked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void blocks_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    hp__arena a = {0};
    hp_error err = {0};
    unsigned char *blocks[500];
    for (size_t i = 0; i < 500; i++) {
        size_t n = i * 37 % 1000;
        assert_int_equal(hp__arena_alloc(&blocks[i], &a, n, 3, &err), HP_OK);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < 3 * n; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)(i % 255 + 1), 3 * n);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t k = 0; k < 3 * (i * 37 % 1000); k++)
            assert_int_equal(blocks[i][k], i % 255 + 1);
    hp__arena_clear(&a);
    hp__arena_clear(&a);
}

static void a_block_larger_than_a_chunk_is_whole(void **state)
{
    (void)state;
    hp__arena a = {0};
    hp_error err = {0};
    char *small, *large;
    assert_int_equal(hp__arena_alloc(&small, &a, 1, 10, &err), HP_OK);
    assert_int_equal(hp__arena_alloc(&large, &a, 1000, 1000, &err), HP_OK);
    memset(large, 1, 1000000);
    assert_int_equal(small[9], 0);
    hp__arena_clear(&a);
}

static void sizes_that_do_not_fit_are_out_of_memory(void **state)
{
    (void)state;
    hp__arena a = {0};
    hp_error err = {0};
    void *block = NULL;
    assert_int_equal(hp__arena_alloc(&block, &a, SIZE_MAX / 2, 3, &err),
                     HP_NOMEM);
    assert_string_equal(err.message,
                        "out of memory (9223372036854775807 x 3 bytes)");
    assert_int_equal(hp__arena_alloc(&block, &a, SIZE_MAX, 1, &err), HP_NOMEM);
    assert_int_equal(hp__new(&block, SIZE_MAX / 2, 3, &err), HP_NOMEM);
    assert_int_equal(hp__new(&block, SIZE_MAX - 8, 1, &err), HP_NOMEM);
    assert_int_equal(hp__new_buffer(&block, SIZE_MAX / 2, 3, &err), HP_NOMEM);
    assert_int_equal(hp__new_buffer(&block, SIZE_MAX - 8, 1, &err), HP_NOMEM);
    assert_null(block);
    hp__arena_clear(&a);
}

static void text_is_copied_and_formatted(void **state)
{
    (void)state;
    hp__arena a = {0};
    hp_error err = {0};
    char *part = NULL;
    const char *text = NULL;
    assert_int_equal(hp__arena_copy(&part, &a, "a\0bc", 3, &err), HP_OK);
    assert_memory_equal(part, "a\0b", 4);
    assert_int_equal(hp__arena_copy(&part, &a, NULL, 0, &err), HP_OK);
    assert_string_equal(part, "");
    assert_int_equal(hp__arena_strdup(&text, &a, "layer", &err), HP_OK);
    assert_string_equal(text, "layer");
    assert_int_equal(hp__arena_printf(&text, &a, &err, "h.%d.%s", 7, "attn"),
                     HP_OK);
    assert_string_equal(text, "h.7.attn");
    hp__arena_clear(&a);
}

static void working_memory_is_aligned_and_zeroed(void **state)
{
    (void)state;
    hp_error err = {0};
    for (size_t n = 0; n < 200; n++) {
        char *block = NULL;
        assert_int_equal(hp__new(&block, n, 1, &err), HP_OK);
        assert_int_equal((uintptr_t)block % 64, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(block[i], 0);
        free(block);
        assert_int_equal(hp__new_buffer(&block, n, 1, &err), HP_OK);
        assert_int_equal((uintptr_t)block % 64, 0);
        memset(block, 1, n);
        free(block);
    }
}

static void checked_arithmetic_tells_what_does_not_fit(void **state)
{
    (void)state;
    uint64_t wide;
    size_t size;
    assert_true(hp__add(&wide, UINT64_MAX, 0));
    assert_false(hp__add(&wide, UINT64_MAX, 1));
    assert_true(hp__mul(&wide, UINT64_C(0xffffffff), UINT64_C(0x100000001)));
    assert_true(wide == UINT64_MAX);
    assert_false(hp__mul(&wide, UINT64_C(1) << 32, UINT64_C(1) << 32));
    assert_false(hp__add(&size, SIZE_MAX, 1));
    assert_false(hp__mul(&size, -1, 2)); /* a negative does not fit either */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_block_larger_than_a_chunk_is_whole),
        cmocka_unit_test(sizes_that_do_not_fit_are_out_of_memory),
        cmocka_unit_test(text_is_copied_and_formatted),
        cmocka_unit_test(working_memory_is_aligned_and_zeroed),
        cmocka_unit_test(checked_arithmetic_tells_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
