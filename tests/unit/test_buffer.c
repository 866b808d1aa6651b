/* The growing buffer. */
#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void bytes_are_appended_and_terminated(void **state)
{
    (void)state;
    hp__buffer b = {0};
    hp_error err = {0};
    char *text = NULL;
    size_t len = 0;
    hp__buffer_add(&b, "a\0b", 3);
    hp__buffer_text(&b, "cd");
    hp__buffer_printf(&b, "%s=%d", "x", 42);
    hp__buffer_add(&b, NULL, 0);
    assert_int_equal(b.data[b.len], '\0');
    assert_int_equal(hp__buffer_take(&text, &len, &b, &err), HP_OK);
    assert_int_equal(len, 9);
    assert_memory_equal(text, "a\0bcdx=42", 10);
    assert_null(b.data);
    free(text);
}

static void growth_keeps_what_was_there(void **state)
{
    (void)state;
    hp__buffer b = {0};
    for (unsigned i = 0; i < 20000; i++)
        hp__buffer_printf(&b, "%05u", i);
    assert_int_equal(b.len, 100000);
    for (unsigned i = 0; i < 20000; i++) {
        char digits[6] = "";
        memcpy(digits, b.data + (size_t)5 * i, 5);
        assert_int_equal(strtoul(digits, NULL, 10), i);
    }
    hp__buffer_clear(&b);
    assert_int_equal(b.len, 0);
}

/* Around where the first room, of 256 bytes, ends. */
static void a_printed_text_is_whole_wherever_room_ends(void **state)
{
    (void)state;
    for (size_t before = 250; before < 260; before++)
        for (int width = 1; width < 10; width++) {
            hp__buffer b = {0};
            for (size_t i = 0; i < before; i++)
                hp__buffer_text(&b, "-");
            hp__buffer_printf(&b, "%0*d", width, 7);
            assert_int_equal(b.len, before + (size_t)width);
            assert_int_equal(b.data[b.len - 1], '7');
            assert_int_equal(b.data[b.len], '\0');
            hp__buffer_clear(&b);
        }
}

static void an_empty_buffer_gives_an_empty_text(void **state)
{
    (void)state;
    hp__buffer b = {0};
    hp_error err = {0};
    char *text = NULL;
    assert_int_equal(hp__buffer_take(&text, NULL, &b, &err), HP_OK);
    assert_string_equal(text, "");
    free(text);
}

static void room_is_made_without_adding(void **state)
{
    (void)state;
    hp__buffer b = {0};
    assert_true(hp__buffer_reserve(&b, 1000));
    assert_int_equal(b.len, 0);
    memset(b.data, 'x', 1000);
    b.len = 1000;
    hp__buffer_text(&b, "!");
    assert_int_equal(b.data[1000], '!');
    hp__buffer_clear(&b);
}

static void a_failure_stays_and_is_reported_once(void **state)
{
    (void)state;
    hp__buffer b = {0};
    hp_error err = {0};
    char *text = NULL;
    hp__buffer_text(&b, "abc");
    assert_false(hp__buffer_reserve(&b, SIZE_MAX - 2));
    hp__buffer_text(&b, "def");
    hp__buffer_printf(&b, "%d", 1);
    assert_int_equal(b.len, 3);
    assert_int_equal(hp__buffer_take(&text, NULL, &b, &err), HP_NOMEM);
    assert_string_equal(err.message, "out of memory (text of 3 bytes)");
    assert_null(text);
    hp__buffer_text(&b, "new");
    assert_string_equal(b.data, "new");
    hp__buffer_clear(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_appended_and_terminated),
        cmocka_unit_test(growth_keeps_what_was_there),
        cmocka_unit_test(a_printed_text_is_whole_wherever_room_ends),
        cmocka_unit_test(an_empty_buffer_gives_an_empty_text),
        cmocka_unit_test(room_is_made_without_adding),
        cmocka_unit_test(a_failure_stays_and_is_reported_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
