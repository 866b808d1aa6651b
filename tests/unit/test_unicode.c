/*
 * Characters by their properties, over all of Unicode, against counts and sums
 * of code points taken from the Hugging Face tokenizers library (0.22.2); and
 * regular expressions in its meaning.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/regex.h"
#include "text/unicode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- characters ---- */

static uint32_t next_character(uint32_t c)
{
    return c == 0xD7FF ? 0xE000 : c + 1;
}

static void properties_are_those_of_the_library(void **state)
{
    static const struct {
        int (*is)(uint32_t);
        uint64_t count, sum;
    } rows[] = {
        {hp__unicode_is_space, 25, 141586},
        {hp__unicode_is_number, 1924, 111666371},
        {hp__unicode_is_mark, 1567, 262554314},
        {hp__unicode_is_other, 137683, 137913019292},
        {hp__unicode_is_punctuation, 726, 20675981},
        {hp__unicode_is_cjk, 81264, 9171601864},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t count = 0, sum = 0;
        for (uint32_t c = 0; c < 0x110000; c = next_character(c))
            if (rows[i].is(c)) {
                count++;
                sum += c;
            }
        assert_int_equal(count, rows[i].count);
        assert_int_equal(sum, rows[i].sum);
    }
}

static void lower_case_is_that_of_the_library(void **state)
{
    uint64_t count = 0, sum = 0;
    uint32_t out[2];
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c = next_character(c)) {
        size_t n = hp__unicode_lower(out, c);
        if (n == 1 && out[0] == c)
            continue;
        count++;
        sum += out[0] + (n == 2 ? out[1] : 0);
    }
    assert_int_equal(count, 1488);
    assert_int_equal(sum, 39003168);
    assert_int_equal(hp__unicode_lower(out, 0x130), 2);
    assert_int_equal(out[1], 0x307);
    assert_int_equal(hp__unicode_lower(out, 0x3A3), 1);
    assert_int_equal(out[0], 0x3C3); /* the final sigma too */
}

static void normal_forms_compose_and_decompose(void **state)
{
    static const struct {
        hp__form form;
        const char *in, *out;
    } rows[] = {
        {HP__NFC, "e\xcc\x81", "\xc3\xa9"},
        {HP__NFC, "abc", "abc"},
        {HP__NFC, "a\xe2\x84\xab", "a\xc3\x85"},
        {HP__NFC, "\xcc\x81", "\xcc\x81"},
        {HP__NFC,
         "e\xcc\x81"
         "e\xcc\x81x",
         "\xc3\xa9\xc3\xa9x"},
        {HP__NFD, "x\xc3\xa9y", "xe\xcc\x81y"},
        {HP__NFD, "\xea\xb0\x80", "\xe1\x84\x80\xe1\x85\xa1"},
        {HP__NFD, "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87"},
        {HP__NFKC, "\xef\xac\x81n", "fin"},
        {HP__NFKD, "\xc2\xbd",
         "1\xe2\x81\x84"
         "2"},
        {HP__NFC, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hp__buffer b = {0};
        assert_int_equal(hp__unicode_normalize(&b, rows[i].form, rows[i].in,
                                               strlen(rows[i].in), NULL),
                         HP_OK);
        assert_string_equal(b.data, rows[i].out);
        hp__buffer_clear(&b);
    }
}

static void long_runs_are_normalised_too(void **state)
{
    enum { N = 5000 };
    hp__buffer in = {0}, out = {0};
    (void)state;
    for (int i = 0; i < N; i++)
        hp__buffer_text(&in, "\xea\xb0\x81"); /* three jamo */
    assert_int_equal(
        hp__unicode_normalize(&out, HP__NFD, in.data, in.len, NULL), HP_OK);
    assert_int_equal(out.len, N * 9);
    hp__buffer_clear(&in);
    hp__buffer_clear(&out);
}

static void text_is_checked_and_read_by_character(void **state)
{
    static const char text[] = "a\xc3\xa9\xe4\xb8\x96\xf0\x9f\x98\x80";
    static const uint32_t want[] = {'a', 0xE9, 0x4E16, 0x1F600};
    size_t at = 0;
    (void)state;
    assert_int_equal(hp__utf8_check(text, 10), 10);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hp__utf8_next(text, &at), want[i]);
        assert_int_equal(hp__utf8_before(text, at), want[i]);
    }
    assert_int_equal(at, 10);
    assert_int_equal(hp__utf8_check(text, 9), 6);
    assert_int_equal(hp__utf8_check("12345678901234567\xff", 18), 17);
    assert_int_equal(hp__utf8_check("a\0b", 3), 3);
}

/* ---- regular expressions ---- */

static hp__regex *open_regex(const char *pattern)
{
    hp__regex *r = NULL;
    hp_error err = {0};
    if (hp__regex_open(&r, pattern, 0, &err))
        fail_msg("%s: %s", pattern, err.message);
    return r;
}

/* All characters in a row, so that one pattern's matches tell its class. */
static char *all_characters(size_t *len)
{
    char *text = malloc((size_t)0x110000 * 4);
    assert_non_null(text);
    *len = 0;
    for (uint32_t c = 0; c < 0x110000; c = next_character(c))
        *len += hp__utf8_write(text + *len, c);
    return text;
}

static void assert_class(hp__matcher *m, hp__subject *all, const char *pattern,
                         uint64_t count, uint64_t sum)
{
    size_t span[2];
    hp__regex *r = open_regex(pattern);
    all->from = 0;
    for (;;) {
        assert_int_equal(hp__regex_find(span, r, m, all, NULL), HP_OK);
        if (span[0] == all->len)
            break;
        all->from = span[1];
        while (span[0] < span[1]) {
            sum -= hp__utf8_next(all->text, &span[0]);
            count--;
        }
    }
    if (count || sum)
        fail_msg("%s matches other characters", pattern);
    hp__regex_free(r);
}

static void classes_are_those_of_the_library(void **state)
{
    enum { ALL = 0x110000 - 0x800 };
    const uint64_t sum = (uint64_t)0x110000 * 0x10FFFF / 2 -
                         (uint64_t)0x800 * (0xD800 + 0xDFFF) / 2;
    hp__subject all = {0};
    hp__matcher *m = NULL;
    (void)state;
    all.text = all_characters(&all.len);
    assert_int_equal(hp__matcher_open(&m, NULL), HP_OK);
    assert_class(m, &all, "\\p{L}", 141028, 15240929258);
    assert_class(m, &all, "[\\p{L}]", 141028, 15240929258);
    assert_class(m, &all, "\\p{N}+", 1911, 110651895);
    assert_class(m, &all, "\\s", 25, 141586);
    assert_class(m, &all, "[\\s]+", 25, 141586);
    assert_class(m, &all, "\\S+", ALL - 25, sum - 141586);
    assert_class(m, &all, "[^\\s]", ALL - 25, sum - 141586);
    assert_class(m, &all, "[\\S]", ALL - 25, sum - 141586);
    assert_class(m, &all, "[^\\S]", 25, 141586);
    assert_class(m, &all, "\\P{L}+", ALL - 141028, sum - 15240929258);
    assert_class(m, &all, "[^\\s\\p{L}\\p{N}]+", ALL - 25 - 141028 - 1911,
                 sum - 141586 - 15240929258 - 110651895);
    hp__matcher_free(m);
    free((void *)(uintptr_t)all.text);
}

static void patterns_match_as_in_the_library(void **state)
{
    static const struct {
        const char *pattern, *text;
        size_t from, to;
    } rows[] = {
        {"(?i:'s)", "x'\xc5\xbf", 1, 4}, /* long s */
        {"(?i:'s)", "'S", 0, 2},
        {"\\s+(?!\\S)", "a   b", 1, 3},
        {"\\p{N}{1,3}", "1234", 0, 3},
        {"^b", "a\nb", 2, 3},
        {"[]x]", "a]", 1, 2},
        {"[^]x]", "]xa", 2, 3},
        {"\\[", "a[", 1, 2},
        {"x*", "aax", 2, 3}, /* no empty match */
        {"x", "aaa", 3, 3},
    };
    hp__matcher *m = NULL;
    (void)state;
    assert_int_equal(hp__matcher_open(&m, NULL), HP_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t span[2];
        hp__regex *r = open_regex(rows[i].pattern);
        hp__subject s = {rows[i].text, strlen(rows[i].text), 0};
        assert_int_equal(hp__regex_find(span, r, m, &s, NULL), HP_OK);
        assert_int_equal(span[0], rows[i].from);
        assert_int_equal(span[1], rows[i].to);
        hp__regex_free(r);
    }
    hp__matcher_free(m);
}

static void constructs_of_another_meaning_are_refused(void **state)
{
    static const struct {
        const char *pattern;
        hp_status want;
        const char *fragment;
    } rows[] = {
        {"\\w+", HP_UNSUPPORTED, "with '\\w' is not supported"},
        {"a\\h", HP_UNSUPPORTED, "with '\\h' is not supported"},
        {"a\\Kb", HP_UNSUPPORTED, "with '\\K' is not supported"},
        {"[a\\b]", HP_UNSUPPORTED, "with '\\b' is not supported"},
        {"[a-z&&[^b]]", HP_UNSUPPORTED, "with '&&' is not supported"},
        {"[a[b]]", HP_UNSUPPORTED, "with '[b' is not supported"},
        {"[^\\P{L}]", HP_UNSUPPORTED, "with '\\P' is not supported"},
        {"a\\", HP_UNSUPPORTED, "with '\\' is not supported"},
        {"(a", HP_FORMAT, "regular expression, at offset 2: missing"},
        {"\\p{Nonesuch}", HP_FORMAT, "regular expression, at offset"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hp__regex *r = NULL;
        hp_error err = {0};
        assert_int_equal(hp__regex_open(&r, rows[i].pattern, 0, &err),
                         rows[i].want);
        if (!strstr(err.message, rows[i].fragment))
            fail_msg("'%s', expected '%s'", err.message, rows[i].fragment);
        assert_null(r);
    }
}

static void matching_without_end_is_cut_short(void **state)
{
    hp__regex *r = open_regex("(a+a+)+[bc]");
    hp__matcher *m = NULL;
    hp_error err = {0};
    size_t span[2];
    char text[200];
    hp__subject s = {text, sizeof text, 0};
    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(hp__matcher_open(&m, NULL), HP_OK);
    assert_int_equal(hp__regex_find(span, r, m, &s, &err), HP_FORMAT);
    assert_non_null(strstr(err.message, "match limit exceeded"));
    hp__matcher_free(m);
    hp__regex_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_are_those_of_the_library),
        cmocka_unit_test(lower_case_is_that_of_the_library),
        cmocka_unit_test(normal_forms_compose_and_decompose),
        cmocka_unit_test(long_runs_are_normalised_too),
        cmocka_unit_test(text_is_checked_and_read_by_character),
        cmocka_unit_test(classes_are_those_of_the_library),
        cmocka_unit_test(patterns_match_as_in_the_library),
        cmocka_unit_test(constructs_of_another_meaning_are_refused),
        cmocka_unit_test(matching_without_end_is_cut_short),
    };
    return cmocka_run_group_tests_name("unicode", tests, NULL, NULL);
}
