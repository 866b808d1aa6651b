/* Small samples: every expectation is worked out by hand or from a table. */
#include "eval/statistics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.15g where %.15g is right", got, want);
}

static void mean_and_spread_are_those_of_a_sample(void **state)
{
    (void)state;
    /* Squares of the distances from 5: 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32. */
    static const double v[] = {2, 4, 4, 4, 5, 5, 7, 9};
    hp__sample s = hp__sample_of(v, 8);
    assert_int_equal(s.n, 8);
    near(s.mean, 5, 0);
    near(s.sd, sqrt(32.0 / 7.0), 1e-15);
    near(s.min, 2, 0);
    near(s.max, 9, 0);
}

static void one_value_has_no_spread(void **state)
{
    (void)state;
    static const double v[] = {3.5};
    hp__sample s = hp__sample_of(v, 1);
    near(s.mean, 3.5, 0);
    assert_true(isnan(s.sd));
    assert_true(isnan(hp__sample_p(&s, 4)));
}

static void no_value_has_no_mean(void **state)
{
    (void)state;
    hp__sample s = hp__sample_of(NULL, 0);
    assert_int_equal(s.n, 0);
    assert_true(isnan(s.mean));
    assert_true(isnan(s.min));
    assert_true(isnan(s.sd));
}

static void equal_values_have_spread_zero_whatever_their_sum(void **state)
{
    (void)state;
    /* 0.1 + 0.1 + 0.1 is not 0.3 in binary. */
    static const double v[] = {0.1, 0.1, 0.1};
    hp__sample s = hp__sample_of(v, 3);
    near(s.mean, 0.1, 0);
    near(s.sd, 0, 0);
    assert_true(isnan(hp__sample_p(&s, 0.2)));
}

static void students_t_is_that_of_the_tables(void **state)
{
    (void)state;
    /* 97.5 % points, to the digits of the tables. */
    near(hp__student_p(12.7062047364, 1), 0.05, 1e-11);
    near(hp__student_p(4.3026527297, 2), 0.05, 1e-11);
    near(hp__student_p(3.1824463053, 3), 0.05, 1e-11);
    near(hp__student_p(2.7764451052, 4), 0.05, 1e-11);
    near(hp__student_p(2.2621571628, 9), 0.05, 1e-11);
    near(hp__student_p(1.9842169516, 99), 0.05, 1e-11);
    /* One degree is Cauchy's: P(|T| > 1) = 1/2. Two: 1 - t / sqrt(2 + t^2). */
    near(hp__student_p(1, 1), 0.5, 1e-15);
    near(hp__student_p(2, 2), 1 - 2 / sqrt(6.0), 1e-15);
    near(hp__student_p(0, 7), 1, 0);
}

static void another_value_is_held_against_a_sample(void **state)
{
    (void)state;
    /* Mean 2, sd 1, n 3: (5 - 2) / (1 * sqrt(4/3)) = 2.598, two degrees. */
    static const double v[] = {1, 2, 3};
    hp__sample s = hp__sample_of(v, 3);
    double t = 3 / sqrt(4.0 / 3.0);
    near(hp__sample_p(&s, 5), 1 - t / sqrt(2 + t * t), 1e-15);
    near(hp__sample_p(&s, -1), hp__sample_p(&s, 5), 0);
    near(hp__sample_p(&s, 2), 1, 0);
    assert_true(isnan(hp__sample_p(&s, (double)NAN)));
}

static double spearman(const double *a, const double *b, size_t n)
{
    hp_error err = {0};
    double r = 7;
    if (hp__spearman(&r, a, b, n, &err))
        fail_msg("%s", err.message);
    return r;
}

static void rankings_agree_by_their_ranks_alone(void **state)
{
    (void)state;
    static const double a[] = {1, 2, 3, 4}, same[] = {10, 20, 21, 1e9};
    static const double back[] = {4, 3, 2, 1}, swapped[] = {1, 3, 2, 4};
    near(spearman(a, same, 4), 1, 1e-15);
    near(spearman(a, back, 4), -1, 1e-15);
    /* 1 - 6 * (0 + 1 + 1 + 0) / (4 * 15) */
    near(spearman(a, swapped, 4), 0.8, 1e-15);
}

static void ties_share_the_mean_of_their_ranks(void **state)
{
    (void)state;
    /* Ranks 1 2.5 2.5 4 and 1.5 1.5 3 4: products of the distances from 2.5
     * are 1.5 + 0 + 0 + 2.25 = 3.75, squares 4.5 and 4.5. */
    static const double a[] = {1, 2, 2, 3}, b[] = {5, 5, 6, 7};
    near(spearman(a, b, 4), 3.75 / 4.5, 1e-15);
}

static void a_ranking_of_equals_agrees_with_nothing(void **state)
{
    (void)state;
    static const double a[] = {2, 2, 2}, b[] = {1, 2, 3};
    assert_true(isnan(spearman(a, b, 3)));
    assert_true(isnan(spearman(b, a, 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_and_spread_are_those_of_a_sample),
        cmocka_unit_test(one_value_has_no_spread),
        cmocka_unit_test(no_value_has_no_mean),
        cmocka_unit_test(equal_values_have_spread_zero_whatever_their_sum),
        cmocka_unit_test(students_t_is_that_of_the_tables),
        cmocka_unit_test(another_value_is_held_against_a_sample),
        cmocka_unit_test(rankings_agree_by_their_ranks_alone),
        cmocka_unit_test(ties_share_the_mean_of_their_ranks),
        cmocka_unit_test(a_ranking_of_equals_agrees_with_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
