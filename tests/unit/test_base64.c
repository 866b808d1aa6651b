/* Base64 against the examples of RFC 4648 and against what it forbids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

#include <string.h>

static void texts_are_decoded(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmFy", "foobar"},
        {"+/+/", "\xfb\xff\xbf"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hp__buffer b = {0};
        assert_int_equal(hp__base64_decode(&b, rows[i][0], "key", NULL), HP_OK);
        assert_int_equal(b.len, strlen(rows[i][1]));
        assert_memory_equal(b.data, rows[i][1], b.len);
        hp__buffer_clear(&b);
    }
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"Zg=", "key: 3 characters are no whole number"},
        {"Zg", "key: 2 characters are no whole number"},
        {"Z===", "key: byte 0x3D at 1 is no base64 digit"},
        {"====", "key: byte 0x3D at 0"},
        {"Zm9v Zg=", "key: byte 0x20 at 4"},
        {"Zm-_", "key: byte 0x2D at 2"},
        {"Zg==Zg==", "key: byte 0x3D at 2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hp__buffer b = {0};
        hp_error err = {0};
        assert_int_equal(hp__base64_decode(&b, rows[i][0], "key", &err),
                         HP_FORMAT);
        assert_non_null(strstr(err.message, rows[i][1]));
        hp__buffer_clear(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_decoded),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
