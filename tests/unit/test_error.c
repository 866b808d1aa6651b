/* Messages: one line, no control characters, the first file and hint win. */
#include "base/utf8.h"
#include "headprune/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void the_status_comes_back_with_the_message(void **state)
{
    (void)state;
    hp_error err = {.file = "old", .hint = "old"};
    assert_int_equal(hp_fail(&err, HP_FORMAT, "%d of %s", 2, "x"), HP_FORMAT);
    assert_string_equal(err.message, "2 of x");
    assert_string_equal(err.file, "");
    assert_string_equal(err.hint, "");
    assert_int_equal(hp_fail(NULL, HP_IO, "x"), HP_IO);
    assert_int_equal(hp_fail_file(NULL, HP_IO, "x"), HP_IO);
    assert_int_equal(hp_fail_hint(NULL, HP_IO, "x"), HP_IO);
}

static void file_and_hint_are_set_once(void **state)
{
    (void)state;
    hp_error err = {0};
    hp_fail(&err, HP_IO, "x");
    hp_fail_file(&err, HP_IO, "shard");
    hp_fail_file(&err, HP_IO, "folder");
    hp_fail_hint(&err, HP_IO, "try %d", 1);
    hp_fail_hint(&err, HP_IO, "try %d", 2);
    assert_string_equal(err.file, "shard");
    assert_string_equal(err.hint, "try 1");
}

static void control_characters_never_reach_a_terminal(void **state)
{
    (void)state;
    hp_error err = {0};
    hp_fail(&err, HP_IO, "%s", "a\x1b[2J\r\n\x7f\xc2\x9b\xc2\xa0\xc3\xa9");
    assert_string_equal(err.message, "a?[2J??\?\?\?\xc2\xa0\xc3\xa9");
    hp_fail_file(&err, HP_IO, "\x1b]0;x\a");
    assert_string_equal(err.file, "?]0;x?");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    hp_error err = {0};
    char name[2000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    hp_fail(&err, HP_IO, "%s", name);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void every_status_has_a_text(void **state)
{
    (void)state;
    assert_string_equal(hp_status_text(HP_OK), "success");
    assert_string_equal(hp_status_text(HP_FORMAT), "malformed input");
    assert_string_equal(hp_status_text((hp_status)99), "unknown status");
}

static void names_are_shortened_between_characters(void **state)
{
    (void)state;
    static const char four[4] = {'\xf0', '\x9f', '\x98', '\x80'};
    char out[HP__SHORT], name[200], wanted[HP__SHORT];
    assert_string_equal(hp__shorten_text(out, "short"), "short");
    assert_string_equal(hp__shorten(out, "a\0b", 3), "a?b");
    memset(name, 'n', sizeof name);
    snprintf(wanted, sizeof wanted, "%.80s", name);
    assert_string_equal(hp__shorten(out, name, 80), wanted);
    snprintf(wanted, sizeof wanted, "%.80s...", name);
    assert_string_equal(hp__shorten(out, name, 81), wanted);
    memcpy(name + 78, four, sizeof four);
    snprintf(wanted, sizeof wanted, "%.78s...", name);
    assert_string_equal(hp__shorten(out, name, 200), wanted);
}

static void utf8_is_judged_as_the_standard_has_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        {"", 0},
        {"a", 1},
        {"\x7f", 1},
        {"\x80", 0},
        {"\xc1\xbf", 0},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xc2\x7f", 0},
        {"\xe0\x9f\xbf", 0},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xed\xa0\x80", 0},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xe2\x82", 0},
        {"\xe2\x82\x41", 0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xff", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(hp__utf8_length(cases[i].text, strlen(cases[i].text)),
                         cases[i].len);
}

static void every_code_point_is_written_as_it_is_read(void **state)
{
    (void)state;
    char out[4];
    for (unsigned long code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        size_t n = hp__utf8_write(out, code);
        size_t wanted = code < 0x80      ? 1
                        : code < 0x800   ? 2
                        : code < 0x10000 ? 3
                                         : 4;
        assert_int_equal(n, wanted);
        assert_int_equal(hp__utf8_length(out, n), n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_comes_back_with_the_message),
        cmocka_unit_test(file_and_hint_are_set_once),
        cmocka_unit_test(control_characters_never_reach_a_terminal),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(every_status_has_a_text),
        cmocka_unit_test(names_are_shortened_between_characters),
        cmocka_unit_test(utf8_is_judged_as_the_standard_has_it),
        cmocka_unit_test(every_code_point_is_written_as_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
