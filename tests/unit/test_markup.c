/* Text that is safe in SVG and HTML, and shapes that stay in their box. */
#include "draw/colour.h"
#include "draw/markup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(hp__buffer *b, const char *want)
{
    char *got = NULL;
    hp_error err = {0};
    assert_int_equal(hp__buffer_take(&got, NULL, b, &err), HP_OK);
    assert_string_equal(got, want);
    free(got);
}

static void test_text_is_escaped(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"<script>", "&lt;script&gt;"},
        {"a&b", "a&amp;b"},
        {"\"x\" 'y'", "&quot;x&quot; &#39;y&#39;"},
        {"a\tb\nc", "a b c"},
        {"\x01\x1b\x7f", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xff\xc3", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xEF\xBF\xBE\xEF\xBF\xBF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xEF\xBF\xBD", "\xEF\xBF\xBD"},
        {"d\xC3\xA9j\xC3\xA0 \xF0\x9F\x98\x80",
         "d\xC3\xA9j\xC3\xA0 \xF0\x9F\x98\x80"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hp__buffer b = {0};
        hp__put_text(&b, rows[i].text);
        check(&b, rows[i].want);
    }
}

static void test_long_text_is_cut_between_characters(void **state)
{
    static const struct {
        const char *text;
        size_t most;
        const char *want;
    } rows[] = {
        {"abcd", 4, "abcd"},
        {"abcde", 4, "abc\xE2\x80\xA6"},
        {"\xC3\xA9\xC3\xA9\xC3\xA9", 2, "\xC3\xA9\xE2\x80\xA6"},
        {"<<<", 2, "&lt;\xE2\x80\xA6"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hp__buffer b = {0};
        hp__put_cut(&b, rows[i].text, rows[i].most);
        check(&b, rows[i].want);
    }
}

static void test_numbers_have_six_digits_or_are_a_dash(void **state)
{
    hp__buffer b = {0};
    (void)state;
    hp__put_number(&b, 2.194814999);
    hp__buffer_text(&b, " ");
    hp__put_number(&b, 1e-7);
    hp__buffer_text(&b, " ");
    hp__put_number(&b, (double)NAN);
    check(&b, "2.19481 1e-07 \xE2\x80\x93");
}

static void check_hatch(hp__box box, double step)
{
    hp__buffer b = {0};
    hp_error err = {0};
    char *text = NULL;
    size_t lines = 0;
    hp__svg_hatch(&b, box, step);
    assert_int_equal(hp__buffer_take(&text, NULL, &b, &err), HP_OK);
    for (char *at = strchr(text, 'M'); at; at = strchr(at + 1, 'M')) {
        double p[4];
        char *end = at;
        for (int k = 0; k < 4; k++) /* "M1 2L3 4" */
            p[k] = strtod(end + 1, &end);
        for (int k = 0; k < 4; k += 2) {
            assert_true(p[k] >= box.x - 0.06 && p[k] <= box.x + box.w + 0.06);
            assert_true(p[k + 1] >= box.y - 0.06 &&
                        p[k + 1] <= box.y + box.h + 0.06);
        }
        assert_true(p[0] + p[1] - p[2] - p[3] < 0.21 &&
                    p[0] + p[1] - p[2] - p[3] > -0.21);
        lines++;
    }
    assert_int_equal(lines, (size_t)((box.w + box.h - step / 2) / step) + 1);
    free(text);
}

static void test_a_hatch_fills_its_box_and_stays_inside(void **state)
{
    (void)state;
    check_hatch((hp__box){10, 20, 28, 28}, 6);
    check_hatch((hp__box){0, 0, 200, 9}, 7);
    check_hatch((hp__box){3.3, 100.7, 5, 211}, 7);
}

static void test_a_hatch_of_nothing_is_nothing(void **state)
{
    hp__buffer b = {0};
    (void)state;
    hp__svg_hatch(&b, (hp__box){1, 1, 0, 5}, 6);
    assert_int_equal(b.len, 0);
}

static void test_colours_run_from_dark_to_bright(void **state)
{
    char fill[16];
    (void)state;
    assert_string_equal(hp__colour_fill(fill, 0), "fill=\"#440154\"");
    assert_string_equal(hp__colour_fill(fill, 0.5), "fill=\"#21908d\"");
    assert_string_equal(hp__colour_fill(fill, 1), "fill=\"#fde725\"");
    assert_string_equal(hp__colour_fill(fill, -3), "fill=\"#440154\"");
    assert_string_equal(hp__colour_fill(fill, 7), "fill=\"#fde725\"");
    assert_string_equal(hp__colour_fill(fill, (double)NAN), "fill=\"#440154\"");
}

static void test_a_table_marks_columns_of_numbers(void **state)
{
    static const char *const columns[] = {"head", "<score>"};
    hp__buffer b = {0};
    (void)state;
    hp__table_start(&b, "All", columns, 2, 2);
    hp__table_row(&b);
    hp__table_text(&b, "0:1");
    hp__table_number(&b, 0.5);
    hp__buffer_text(&b, "</tr>");
    hp__table_end(&b);
    check(&b, "<table><caption>All</caption><thead><tr>"
              "<th scope=\"col\">head</th>"
              "<th scope=\"col\" class=\"n\">&lt;score&gt;</th>"
              "</tr></thead><tbody>\n"
              "<tr><td>0:1</td><td class=\"n\">0.5</td></tr>\n"
              "</tbody></table>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_escaped),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
        cmocka_unit_test(test_numbers_have_six_digits_or_are_a_dash),
        cmocka_unit_test(test_a_hatch_fills_its_box_and_stays_inside),
        cmocka_unit_test(test_a_hatch_of_nothing_is_nothing),
        cmocka_unit_test(test_colours_run_from_dark_to_bright),
        cmocka_unit_test(test_a_table_marks_columns_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
