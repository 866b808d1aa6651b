/* What a sweep's points say, worked out by hand. */
#include "eval/sweep_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 16 };

typedef struct fake {
    hp_sweep sweep;
    hp_sweep_point points[MOST];
    hp__arena arena;
} fake;

static fake *start(hp_metric metric, double baseline)
{
    static fake f;
    memset(&f, 0, sizeof f);
    f.sweep.points = f.points;
    f.sweep.baseline.metric = metric;
    f.sweep.baseline.value = baseline;
    return &f;
}

static void add(fake *f, const char *method, double ratio, double value)
{
    size_t n = f->sweep.n_points++;
    f->points[n] = (hp_sweep_point){.method = method,
                                    .has_seed = !strcmp(method, "random"),
                                    .seed = n,
                                    .ratio = ratio,
                                    .n_pruned = (size_t)(10 * ratio),
                                    .value = value};
}

static const hp_sweep_row *row(fake *f, size_t i)
{
    hp_error err = {0};
    if (!f->sweep.rows && hp__sweep_rows(&f->sweep, &f->arena, &err))
        fail_msg("%s", err.message);
    assert_true(i < f->sweep.n_rows);
    return &f->sweep.rows[i];
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12))
        fail_msg("%.15g where %.15g is right", got, want);
}

static void a_method_is_held_against_the_seeds_at_its_ratio(void **state)
{
    (void)state;
    fake *f = start(HP_METRIC_PERPLEXITY, 10);
    add(f, "entropy", 0.1, 12);
    add(f, "entropy", 0.5, 99);
    add(f, "random", 0.1, 13);
    add(f, "random", 0.1, 11);
    add(f, "random", 0.1, 15);
    add(f, "random", 0.5, 1000);
    const hp_sweep_row *r = row(f, 0);
    assert_string_equal(r->method, "entropy");
    assert_int_equal(r->n_pruned, 1);
    near(r->value, 12);
    near(r->delta, 2);
    assert_int_equal(r->n_seeds, 3);
    near(r->mean, 13);
    near(r->sd, 2);
    near(r->min, 11);
    near(r->max, 15);
    near(r->z, -0.5);
    assert_int_equal(r->wins, 2); /* 13 and 15 are worse */
    double t = 1 / (2 * sqrt(4.0 / 3.0));
    near(r->p, 1 - t / sqrt(2 + t * t));
    assert_int_equal(r->verdict, HP_VERDICT_UNCLEAR);
    assert_int_equal(f->sweep.n_rows, 4);
    hp__arena_clear(&f->arena);
}

static void rows_stand_in_order_of_appearance(void **state)
{
    (void)state;
    fake *f = start(HP_METRIC_PERPLEXITY, 10);
    add(f, "entropy", 0.1, 12);
    add(f, "random", 0.1, 13);
    add(f, "random", 0.1, 15);
    add(f, "entropy", 0.5, 99);
    assert_string_equal(row(f, 0)->method, "entropy");
    assert_string_equal(row(f, 1)->method, "random");
    assert_string_equal(row(f, 2)->method, "entropy");
    near(row(f, 2)->ratio, 0.5);
    assert_int_equal(f->sweep.n_rows, 3);
    hp__arena_clear(&f->arena);
}

static void the_reference_is_its_own_mean_and_not_judged(void **state)
{
    (void)state;
    fake *f = start(HP_METRIC_PERPLEXITY, 10);
    add(f, "random", 0.1, 13);
    add(f, "random", 0.1, 17);
    const hp_sweep_row *r = row(f, 0);
    near(r->value, 15);
    near(r->delta, 5);
    assert_int_equal(r->n_seeds, 2);
    assert_true(isnan(r->z));
    assert_true(isnan(r->p));
    assert_int_equal(r->wins, 0);
    assert_int_equal(r->verdict, HP_VERDICT_NONE);
    hp__arena_clear(&f->arena);
}

static void without_seeds_nothing_is_judged(void **state)
{
    (void)state;
    fake *f = start(HP_METRIC_PERPLEXITY, 10);
    add(f, "entropy", 0.1, 12);
    add(f, "random", 0.5, 13);
    const hp_sweep_row *r = row(f, 0);
    assert_int_equal(r->n_seeds, 0);
    assert_true(isnan(r->mean));
    assert_int_equal(r->verdict, HP_VERDICT_NONE);
    hp__arena_clear(&f->arena);
}

static hp_verdict verdict(hp_metric metric, double value)
{
    fake *f = start(metric, 1);
    add(f, "magnitude", 0.3, value);
    static const double seeds[] = {18, 20, 20, 20, 22};
    for (size_t i = 0; i < 5; i++)
        add(f, "random", 0.3, seeds[i]);
    const hp_sweep_row *r = row(f, 0);
    near(r->sd, sqrt(2));
    hp_verdict v = r->verdict;
    hp__arena_clear(&f->arena);
    return v;
}

static void verdicts_know_which_way_is_better(void **state)
{
    (void)state;
    /* sd sqrt 2, so t = d / sqrt(2.4): with four degrees of freedom 2.776 is
     * the edge, d = 4.3013. */
    assert_int_equal(verdict(HP_METRIC_PERPLEXITY, 20 - 4.31),
                     HP_VERDICT_BETTER);
    assert_int_equal(verdict(HP_METRIC_PERPLEXITY, 20 - 4.29),
                     HP_VERDICT_UNCLEAR);
    assert_int_equal(verdict(HP_METRIC_PERPLEXITY, 20 + 4.29),
                     HP_VERDICT_UNCLEAR);
    assert_int_equal(verdict(HP_METRIC_MASKED_LM_LOSS, 20 + 4.31),
                     HP_VERDICT_WORSE);
    assert_int_equal(verdict(HP_METRIC_HIDDEN_COSINE, 20 + 4.31),
                     HP_VERDICT_BETTER);
    assert_int_equal(verdict(HP_METRIC_HIDDEN_COSINE, 20 - 4.31),
                     HP_VERDICT_WORSE);
}

static void wins_count_higher_values_where_they_are_better(void **state)
{
    (void)state;
    fake *f = start(HP_METRIC_HIDDEN_COSINE, 1);
    add(f, "entropy", 0.1, 0.9);
    add(f, "random", 0.1, 0.8);
    add(f, "random", 0.1, 0.9);
    add(f, "random", 0.1, 0.95);
    assert_int_equal(row(f, 0)->wins, 1);
    near(row(f, 0)->delta, -0.1);
    hp__arena_clear(&f->arena);
}

static void seeds_without_spread_give_no_z(void **state)
{
    (void)state;
    fake *f = start(HP_METRIC_PERPLEXITY, 10);
    add(f, "entropy", 1, 50);
    add(f, "random", 1, 50);
    add(f, "random", 1, 50);
    assert_true(isnan(row(f, 0)->z));
    assert_int_equal(row(f, 0)->wins, 0);
    assert_int_equal(row(f, 0)->verdict, HP_VERDICT_UNCLEAR);
    hp__arena_clear(&f->arena);
}

static void rankings_are_compared_by_what_goes_first(void **state)
{
    (void)state;
    fake *f = start(HP_METRIC_PERPLEXITY, 10);
    static const double up[] = {1, 2, 3, 4}, swapped[] = {1, 3, 2, 4};
    const hp_scores entropy = {
        .method = "entropy", .prunes_highest = 1, .n_heads = 4, .values = up};
    const hp_scores magnitude = {
        .method = "magnitude", .n_heads = 4, .values = swapped};
    const hp_scores random = {
        .method = "random", .has_seed = 1, .n_heads = 4, .values = up};
    const hp_scores *const all[] = {&entropy, &random, &magnitude};
    hp_error err = {0};
    assert_int_equal(hp__sweep_agreements(&f->sweep, &f->arena, all, 3, &err),
                     HP_OK);
    assert_int_equal(f->sweep.n_agreements, 1);
    const hp_sweep_agreement *g = f->sweep.agreements;
    assert_string_equal(g->first, "entropy");
    assert_string_equal(g->second, "magnitude");
    near(g->spearman, -0.8);
    hp__arena_clear(&f->arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_method_is_held_against_the_seeds_at_its_ratio),
        cmocka_unit_test(rows_stand_in_order_of_appearance),
        cmocka_unit_test(the_reference_is_its_own_mean_and_not_judged),
        cmocka_unit_test(without_seeds_nothing_is_judged),
        cmocka_unit_test(verdicts_know_which_way_is_better),
        cmocka_unit_test(wins_count_higher_values_where_they_are_better),
        cmocka_unit_test(seeds_without_spread_give_no_z),
        cmocka_unit_test(rankings_are_compared_by_what_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
