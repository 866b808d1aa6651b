/* The rules of a gate, on both sides of each limit. */
#include "headprune/gate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct increase {
    hp_rule rule;
    int holds;
    hp_limit limit;
    double before, after;
    const char *message;
} increase;

static void a_rise_is_held_against_its_limit(void **state)
{
    (void)state;
    const hp_limit two = {0.02, 1}, some = {0.05, 0}, none = {0, 0};
    const increase cases[] = {
        {HP_RULE_PERPLEXITY, 1, two, 50, 51,
         "perplexity 51, was 50: +2 %, within the 2 % allowed"},
        {HP_RULE_PERPLEXITY, 1, two, 10, 10.2, "+2 %, within"},
        {HP_RULE_PERPLEXITY, 0, two, 50, 51.001,
         "perplexity 51.001, was 50: +2.002 %, more than the 2 % allowed"},
        {HP_RULE_PERPLEXITY, 1, two, 50, 40, "-20 %, within"},
        {HP_RULE_LOSS, 1, some, 3.1, 3.15,
         "loss 3.15, was 3.1: +0.05, within the 0.05 allowed"},
        {HP_RULE_LOSS, 0, some, 3.1, 3.1501, "+0.0501, more than"},
        {HP_RULE_LOSS, 1, none, 3.1, 3.1, "+0, within the 0 allowed"},
        {HP_RULE_LOSS, 1, none, 3.1, 3.1000001, ": +0, within the 0 allowed"},
        {HP_RULE_LOSS, 0, none, 3.1, 3.100001, "more than the 0 allowed"},
        {HP_RULE_LOSS, 1, two, 0, 0, "within"},
        {HP_RULE_LOSS, 0, two, 0, 1e-6, "more than"},
        {HP_RULE_LOSS, 0, some, 3.1, (double)NAN, "more than"},
        {HP_RULE_LOSS, 0, some, 3.1, (double)INFINITY, "more than"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const increase *c = &cases[i];
        hp_finding f;
        hp_gate_increase(&f, c->rule, c->limit, c->before, c->after);
        if (f.holds != c->holds || !strstr(f.message, c->message))
            fail_msg("case %zu: %d '%s'", i, f.holds, f.message);
        assert_int_equal(f.rule, c->rule);
    }
}

static const hp_head heads[] = {{"0:0", "a", 0, 0, 0, 0},
                                {"0:1", "a", 0, 0, 1, 1},
                                {"1:0", "b", 1, 1, 0, 0},
                                {"1:1", "b", 1, 1, 1, 1}};
enum { N = 4 };

static hp_scores scores_of(const double *values)
{
    return (hp_scores){
        .method = "entropy", .n_heads = N, .heads = heads, .values = values};
}

static void scores_may_change_up_and_down_by_the_limit(void **state)
{
    (void)state;
    const double was[N] = {1, 2, 4, -2}, now[N] = {1.1, 1.8, 4, -2.19};
    const hp_scores before = scores_of(was), after = scores_of(now);
    hp_finding f;
    assert_int_equal(
        hp_gate_scores(&f, (hp_limit){0.1, 1}, &before, &after, NULL), HP_OK);
    assert_true(f.holds);
    assert_int_equal(f.n_broken, 0);
    assert_string_equal(f.message, "no score of 4 changed by more than 10 %; "
                                   "most 0:0: 1.1, was 1 (+10 %)");
    assert_int_equal(
        hp_gate_scores(&f, (hp_limit){0.15, 0}, &before, &after, NULL), HP_OK);
    assert_false(f.holds);
    assert_int_equal(f.n_broken, 2);
    assert_string_equal(f.head, "0:1");
    assert_string_equal(f.message, "2 of 4 scores changed by more than 0.15; "
                                   "most 0:1: 1.8, was 2 (-0.2)");
    assert_int_equal(
        hp_gate_scores(&f, (hp_limit){0.09, 1}, &before, &after, NULL), HP_OK);
    assert_int_equal(f.n_broken, 3);
    assert_int_equal(
        hp_gate_scores(&f, (hp_limit){0, 0}, &before, &before, NULL), HP_OK);
    assert_true(f.holds);
    assert_string_equal(f.message, "no score of 4 changed by more than 0");
}

static void scores_of_something_else_are_refused(void **state)
{
    (void)state;
    const double values[N] = {0};
    hp_head renamed[N];
    memcpy(renamed, heads, sizeof heads);
    renamed[2].id = "dec.0.self:0";
    const hp_scores before = scores_of(values);
    hp_scores after[3] = {before, before, before};
    after[0].method = "magnitude";
    after[1].n_heads = 3;
    after[2].heads = renamed;
    const char *const says[] = {
        "scores of 'magnitude' cannot be held against scores of 'entropy'",
        "the model has 3 heads, the baseline 4",
        "head 'dec.0.self:0' of the model is '1:0' in the baseline"};
    for (size_t i = 0; i < 3; i++) {
        hp_finding f;
        hp_error err = {0};
        assert_int_equal(
            hp_gate_scores(&f, (hp_limit){0, 0}, &before, &after[i], &err),
            HP_INVALID);
        assert_string_equal(err.message, says[i]);
    }
}

static void expected_heads_are_all_and_no_others(void **state)
{
    (void)state;
    const unsigned char want[N] = {1, 0, 0, 1};
    const unsigned char got[][N] = {
        {1, 0, 0, 1}, {1, 0, 0, 0}, {1, 1, 0, 1}, {0, 1, 1, 1}};
    const char *const says[] = {
        "the 2 heads to prune are those expected", "expected, not pruned: 1:1",
        "pruned, not expected: 0:1",
        "expected, not pruned: 0:0; pruned, not expected: 0:1 1:0"};
    const size_t broken[] = {0, 1, 1, 3};
    for (size_t i = 0; i < 4; i++) {
        hp_finding f;
        assert_int_equal(hp_gate_heads(&f, want, got[i], heads, N, NULL),
                         HP_OK);
        assert_int_equal(f.holds, i == 0);
        assert_int_equal(f.n_broken, broken[i]);
        assert_string_equal(f.message, says[i]);
    }
}

static void one_broken_rule_is_enough(void **state)
{
    (void)state;
    hp_finding f[2] = {{.holds = 1}, {.holds = 1}};
    hp_check c = {.findings = f, .n_findings = 2};
    assert_true(hp_check_passes(&c));
    f[1].holds = 0;
    assert_false(hp_check_passes(&c));
    assert_string_equal(hp_rule_name(HP_RULE_PERPLEXITY),
                        "max-perplexity-increase");
    assert_string_equal(hp_rule_name(HP_RULE_HEADS), "expect-heads");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rise_is_held_against_its_limit),
        cmocka_unit_test(scores_may_change_up_and_down_by_the_limit),
        cmocka_unit_test(scores_of_something_else_are_refused),
        cmocka_unit_test(expected_heads_are_all_and_no_others),
        cmocka_unit_test(one_broken_rule_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
