/*
 * Orders that are made of scores: hybrid's mean of ranks, and scores taken
 * again after every step, each against the same thing done by hand.
 */
#include "headprune/refit.h"
#include "headprune/score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEADS 8U

static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 1, 4, 1, 5, 9,
                              2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6};
static const size_t start[] = {0, 10, 20, 30};

typedef struct bench {
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    hp_sequences sequences;
    hp_error err;
} bench;

static void open_bench(bench *b)
{
    *b = (bench){.sequences = {ids, start, 3, NULL}};
    if (hp_checkpoint_open(&b->checkpoint, "tests/golden/gpt2", NULL,
                           &b->err) ||
        hp_model_open(&b->model, b->checkpoint, NULL, &b->err) ||
        hp_backend_open(&b->backend, &b->err))
        fail_msg("%s", b->err.message);
    assert_int_equal(hp_model_n_heads(b->model), HEADS);
}

static void close_bench(bench *b)
{
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
    hp_backend_free(b->backend);
}

static hp_score_options options_of(const bench *b)
{
    return (hp_score_options){.run = {.backend = b->backend},
                              .sequences = &b->sequences};
}

static hp_scores *score(bench *b, const char *method, const hp_score_options *o)
{
    hp_scores *s = NULL;
    if (hp_score(&s, b->model, hp_method_find(method), o, &b->err))
        fail_msg("%s: %s", method, b->err.message);
    return s;
}

static void assert_refused(bench *b, const char *method,
                           const hp_score_options *o, const char *why)
{
    hp_scores *s = NULL;
    assert_int_equal(hp_score(&s, b->model, hp_method_find(method), o, &b->err),
                     HP_INVALID);
    assert_null(s);
    if (!strstr(b->err.message, why))
        fail_msg("'%s' does not say '%s'", b->err.message, why);
}

/* ---- hybrid ---- */

static void a_mix_is_the_weighted_mean_of_ranks(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    hp_score_options o = options_of(&b);
    hp_scores *entropy = score(&b, "entropy", &o);
    hp_scores *magnitude = score(&b, "magnitude", &o);
    hp_scores *half = score(&b, "hybrid", &o);
    o.mix = "magnitude:3,entropy";
    hp_scores *mixed = score(&b, "hybrid", &o);
    int differ = 0;
    for (size_t h = 0; h < HEADS; h++) {
        double e = entropy->rank[h], m = magnitude->rank[h];
        assert_true(fabs(half->values[h] - (e + m) / 2) < 1e-5);
        assert_true(fabs(mixed->values[h] - (e + 3 * m) / 4) < 1e-5);
        differ += mixed->rank[h] != half->rank[h];
    }
    assert_true(differ > 0);
    assert_false(half->prunes_highest);
    hp_scores_free(entropy);
    hp_scores_free(magnitude);
    hp_scores_free(half);
    hp_scores_free(mixed);
    close_bench(&b);
}

static void a_mix_without_sense_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"entropi:1", "'entropi'"},
                                         {"hybrid:1", "'hybrid'"},
                                         {"entropy:0", "'0'"},
                                         {"entropy:-1", "'-1'"},
                                         {"entropy:x", "'x'"},
                                         {"entropy:1e999", "'1e999'"},
                                         {"entropy,,magnitude", "empty"},
                                         {"", "empty"},
                                         {"entropy:", "''"}};
    bench b;
    open_bench(&b);
    hp_score_options o = options_of(&b);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.mix = bad[i][0];
        assert_refused(&b, "hybrid", &o, bad[i][1]);
    }
    close_bench(&b);
}

/* ---- iteration ---- */

/* The head of lowest rank among those that `mask` leaves. */
static size_t first_left(const hp_scores *s, const unsigned char *mask)
{
    size_t best = HEADS;
    for (size_t h = 0; h < HEADS; h++)
        if (!mask[h] && (best == HEADS || s->rank[h] < s->rank[best]))
            best = h;
    return best;
}

static hp_refit *refit_for(bench *b, const unsigned char *const *masks)
{
    const hp_refit_options o = {.run = {.backend = b->backend},
                                .sequences = &b->sequences};
    hp_refit *r = NULL;
    if (hp_refit_make(&r, b->model, masks, 1, &o, &b->err))
        fail_msg("%s", b->err.message);
    return r;
}

/* How an order is made. */
typedef struct steps {
    const char *method;
    size_t step, end; /* heads at a time, and in steps */
    int refit;
} steps;

static void place_by_hand(double places[HEADS], bench *b, const steps *how)
{
    unsigned char mask[HEADS] = {0};
    const unsigned char *masks[] = {mask};
    hp_score_options o = options_of(b);
    o.run.masks = masks;
    o.run.n_variants = 1;
    hp_refit *refit = NULL;
    for (size_t gone = 0; gone < HEADS;) {
        const hp_refit *refits[HEADS];
        hp_refitted refitted = {refits, HEADS};
        for (size_t i = 0; i < HEADS; i++)
            refits[i] = refit;
        o.run.projections = hp_refit_projections(&refitted);
        hp_scores *s = score(b, how->method, &o);
        size_t n = gone + how->step < how->end ? how->step : HEADS - gone;
        for (size_t i = 0; i < n; i++) {
            size_t h = first_left(s, mask);
            mask[h] = 1;
            places[h] = (double)gone++;
        }
        hp_scores_free(s);
        hp_refit_free(refit);
        refit = how->refit && gone < HEADS ? refit_for(b, masks) : NULL;
    }
}

static void assert_iterates(bench *b, const steps *how)
{
    double want[HEADS];
    hp_score_options o = options_of(b);
    steps to_end = *how;
    o.iterate = (double)how->step / HEADS;
    o.iterate_to = how->end;
    o.iterate_refit = how->refit;
    if (!how->end)
        to_end.end = HEADS;
    place_by_hand(want, b, &to_end);
    hp_scores *s = score(b, how->method, &o);
    assert_string_equal(s->unit, "place");
    assert_false(s->prunes_highest);
    for (size_t h = 0; h < HEADS; h++)
        if (s->values[h] < want[h] || s->values[h] > want[h])
            fail_msg("%s by %zu: head %zu has place %g, not %g", how->method,
                     how->step, h, s->values[h], want[h]);
    hp_scores_free(s);
}

static void heads_that_have_gone_are_silent_in_the_next_step(void **state)
{
    (void)state;
    static const char *const methods[] = {"gradient", "obs", "ablation",
                                          "energy", "entropy"};
    bench b;
    open_bench(&b);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        assert_iterates(&b, &(steps){methods[i], 1, 0, 0});
        assert_iterates(&b, &(steps){methods[i], 3, 0, 0});
        assert_iterates(&b, &(steps){methods[i], 2, 5, 0});
        assert_iterates(&b, &(steps){methods[i], HEADS, 0, 0});
        assert_iterates(&b, &(steps){methods[i], 1, 0, 1});
        assert_iterates(&b, &(steps){methods[i], 3, 6, 1});
    }
    close_bench(&b);
}

/* Else the test above would hold of a sweep that looks at no mask. */
static void steps_change_the_order(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    hp_score_options o = options_of(&b);
    hp_scores *once = score(&b, "gradient", &o);
    o.iterate = 1.0 / HEADS;
    hp_scores *stepped = score(&b, "gradient", &o);
    assert_memory_not_equal(once->rank, stepped->rank,
                            HEADS * sizeof *once->rank);
    o.iterate_refit = 1;
    hp_scores *refitted = score(&b, "gradient", &o);
    assert_memory_not_equal(refitted->rank, stepped->rank,
                            HEADS * sizeof *stepped->rank);
    hp_scores_free(refitted);
    hp_scores_free(once);
    hp_scores_free(stepped);
    close_bench(&b);
}

static void steps_without_sense_are_refused(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    hp_score_options o = options_of(&b);
    o.iterate = 0.25;
    assert_refused(&b, "magnitude", &o, "looks at no data");
    o.iterate = 1.5;
    assert_refused(&b, "gradient", &o, "1.5");
    o.iterate = -0.5;
    assert_refused(&b, "gradient", &o, "-0.5");
    close_bench(&b);
}

/* ---- means over sequences ---- */

static void signs_cancel_in_taylor_alone(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    hp_score_options o = options_of(&b);
    hp_scores *g = score(&b, "gradient", &o), *t = score(&b, "taylor", &o);
    int cancelled = 0;
    for (size_t h = 0; h < HEADS; h++) {
        assert_true(t->values[h] <= g->values[h]);
        cancelled += t->values[h] < 0.9 * g->values[h];
    }
    assert_true(cancelled > 0);
    hp_scores_free(g);
    hp_scores_free(t);
    b.sequences.n = 1;
    g = score(&b, "gradient", &o);
    t = score(&b, "taylor", &o);
    assert_memory_equal(g->values, t->values, HEADS * sizeof *g->values);
    hp_scores_free(g);
    hp_scores_free(t);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mix_is_the_weighted_mean_of_ranks),
        cmocka_unit_test(a_mix_without_sense_is_refused),
        cmocka_unit_test(heads_that_have_gone_are_silent_in_the_next_step),
        cmocka_unit_test(steps_change_the_order),
        cmocka_unit_test(steps_without_sense_are_refused),
        cmocka_unit_test(signs_cancel_in_taylor_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
