/* Bisection over the steps of an order, on curves that are made up. */
#include "headprune/search.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 40 };

/* Step i takes 2 i heads and adds rises[i] to a loss of 2. */
typedef struct curve {
    double rises[MOST + 1];
    size_t seen[MOST + 1];
    size_t fails; /* at this step; 0: never */
} curve;

static hp_status measure(void *payload, hp_curve_point *out, size_t step,
                         hp_error *err)
{
    curve *c = payload;
    c->seen[step]++;
    if (step && step == c->fails)
        return hp_fail(err, HP_IO, "no step %zu", step);
    *out = (hp_curve_point){.ratio = (double)step / MOST,
                            .n_pruned = 2 * step,
                            .loss = 2 + c->rises[step],
                            .delta = c->rises[step],
                            .delta_error = 0.5};
    return HP_OK;
}

static size_t search(hp_curve *out, curve *c, size_t n_steps, hp_limit limit)
{
    const hp_search s = {
        .n_steps = n_steps, .limit = limit, .measure = measure, .payload = c};
    size_t best = 99;
    assert_int_equal(hp_search_run(out, &best, &s, NULL), HP_OK);
    return best;
}

static size_t steps_seen(const curve *c)
{
    size_t n = 0;
    for (size_t i = 0; i <= MOST; i++) {
        assert_true(c->seen[i] <= 1);
        n += c->seen[i];
    }
    return n;
}

static void the_last_step_within_the_limit_is_found(void **state)
{
    (void)state;
    for (size_t n = 0; n <= MOST; n++)
        for (size_t within = 0; within <= n; within++) {
            curve c = {0};
            hp_curve seen;
            for (size_t i = 0; i <= MOST; i++)
                c.rises[i] = i <= within ? 0.01 * (double)i / MOST : 1;
            assert_int_equal(search(&seen, &c, n, (hp_limit){0.01, 0}), within);
            assert_int_equal(seen.n, steps_seen(&c));
            /* the whole model, and one for each halving */
            assert_true((double)seen.n <= 1 + ceil(log2((double)n + 1)));
        }
}

static void the_curve_is_in_order(void **state)
{
    (void)state;
    curve c = {0};
    hp_curve seen;
    for (size_t i = 0; i <= MOST; i++)
        c.rises[i] = 0.001 * (double)i;
    assert_int_equal(search(&seen, &c, MOST, (hp_limit){0.0255, 0}), 25);
    assert_int_equal(seen.points[0].n_pruned, 0);
    for (size_t i = 0; i < seen.n; i++) {
        const hp_curve_point *p = &seen.points[i];
        assert_true(i == 0 || p[-1].n_pruned < p->n_pruned);
        assert_true(p->loss == 2 + 0.001 * (double)p->n_pruned / 2);
        assert_true(p->ratio == (double)p->n_pruned / 2 / MOST);
        assert_true(p->delta_error == 0.5);
    }
}

static void a_share_is_of_the_whole_models_loss(void **state)
{
    (void)state;
    curve c = {0};
    hp_curve seen;
    for (size_t i = 0; i <= MOST; i++)
        c.rises[i] = 0.01 * (double)i;
    assert_int_equal(search(&seen, &c, MOST, (hp_limit){0.05, 1}), 10);
    memset(c.seen, 0, sizeof c.seen);
    assert_int_equal(search(&seen, &c, MOST, (hp_limit){0.05, 0}), 5);
}

static void what_is_no_number_is_beyond_any_limit(void **state)
{
    (void)state;
    curve c = {0};
    hp_curve seen;
    for (size_t i = 3; i <= MOST; i++)
        c.rises[i] = (double)NAN;
    assert_int_equal(search(&seen, &c, MOST, (hp_limit){10, 0}), 2);
}

static void a_failure_ends_the_search(void **state)
{
    (void)state;
    curve c = {.fails = 20};
    hp_curve seen;
    size_t best;
    hp_error err = {0};
    const hp_search s = {
        .n_steps = MOST, .limit = {1, 0}, .measure = measure, .payload = &c};
    assert_int_equal(hp_search_run(&seen, &best, &s, &err), HP_IO);
    assert_string_equal(err.message, "no step 20");
    assert_int_equal(steps_seen(&c), 2);
    assert_int_equal(best, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_step_within_the_limit_is_found),
        cmocka_unit_test(the_curve_is_in_order),
        cmocka_unit_test(a_share_is_of_the_whole_models_loss),
        cmocka_unit_test(what_is_no_number_is_beyond_any_limit),
        cmocka_unit_test(a_failure_ends_the_search),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
