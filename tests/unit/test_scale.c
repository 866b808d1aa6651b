/* Axes: round ends, round ticks, values where they belong. */
#include "draw/scale.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The ticks as text: "0 5 10". */
static void check_ticks(hp__scale s, const char *want)
{
    double ticks[HP__MAX_TICKS];
    char text[256] = "", label[32];
    size_t n = hp__scale_ticks(ticks, &s, 5);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "",
                 hp__scale_label(label, ticks[i]));
    }
    assert_string_equal(text, want);
}

static void test_linear_axes_have_round_ticks(void **state)
{
    static const struct {
        double low, high;
        const char *want;
    } rows[] = {
        {0, 14, "0 5 10 15"},
        {1.70128, 4.55304, "1 2 3 4 5"},
        {0, 0.7, "0 0.2 0.4 0.6 0.8"},
        {0, 0.3, "0 0.1 0.2 0.3"},
        {-0.13, 0.21, "-0.2 -0.1 0 0.1 0.2 0.3"},
        {1e-7, 3e-7, "1e-07 1.5e-07 2e-07 2.5e-07 3e-07"},
        {1200, 5400, "1000 2000 3000 4000 5000 6000"},
        {7, 7, "2 4 6 8 10 12"},
        {0, 0, "-0.5 0 0.5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_ticks(hp__scale_fit(rows[i].low, rows[i].high, 0), rows[i].want);
}

static void test_logarithmic_axes_tick_at_1_2_and_5(void **state)
{
    (void)state;
    check_ticks(hp__scale_fit(30, 2500, 1), "50 100 200 500 1000 2000");
    check_ticks(hp__scale_fit(0.5, 6, 1), "0.5 1 2 5");
    check_ticks(hp__scale_fit(21, 24, 1), "21 22 23 24");
}

static void test_a_logarithm_needs_positive_values(void **state)
{
    (void)state;
    assert_false(hp__scale_fit(0, 100, 1).logarithmic);
    assert_false(hp__scale_fit(-1, 100, 1).logarithmic);
    assert_true(hp__scale_fit(1, 100, 1).logarithmic);
    assert_false(hp__scale_fit(1, 100, 0).logarithmic);
}

static void test_values_fall_where_they_belong(void **state)
{
    hp__scale s = hp__scale_fit(0, 10, 0);
    (void)state;
    s.from = 100;
    s.to = 200;
    assert_true(fabs(hp__scale_at(&s, 0) - 100) < 1e-9);
    assert_true(fabs(hp__scale_at(&s, 2.5) - 125) < 1e-9);
    s = hp__scale_fit(1, 10000, 1);
    s.from = 400;
    s.to = 0;
    assert_true(fabs(hp__scale_at(&s, 1) - 400) < 1e-9);
    assert_true(fabs(hp__scale_at(&s, 100) - 200) < 1e-9);
    assert_true(fabs(hp__scale_at(&s, 10000)) < 1e-9);
}

static void test_ends_that_are_no_numbers_still_make_an_axis(void **state)
{
    double ends[][2] = {{(double)NAN, 1}, {0, (double)INFINITY}, {3, 2}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        hp__scale s = hp__scale_fit(ends[i][0], ends[i][1], 0);
        assert_true(s.low <= 0 && s.low > -0.01);
        assert_true(s.high >= 1 && s.high < 1.01);
    }
}

static void test_huge_ranges_have_few_ticks(void **state)
{
    double ticks[HP__MAX_TICKS];
    hp__scale s = hp__scale_fit(1e-300, 1e300, 1);
    (void)state;
    size_t n = hp__scale_ticks(ticks, &s, 5);
    assert_in_range(n, 3, HP__MAX_TICKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_axes_have_round_ticks),
        cmocka_unit_test(test_logarithmic_axes_tick_at_1_2_and_5),
        cmocka_unit_test(test_a_logarithm_needs_positive_values),
        cmocka_unit_test(test_values_fall_where_they_belong),
        cmocka_unit_test(test_ends_that_are_no_numbers_still_make_an_axis),
        cmocka_unit_test(test_huge_ranges_have_few_ticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
