/*
 * Evaluations: standard errors worked out by hand, the tokens that are masked,
 * what transformers computes for whole models, divergences against a plain
 * computation, and the same bits in any company.
 */
#include "eval/summary.h"
#include "fixture.h"
#include "headprune/text.h"
#include "model/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_close(double got, double want, double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("got %.12g, want %.12g, allowed %.3g", got, want, most);
}

/* ---- standard errors ---- */

/* Two windows of losses 1 2 3 and 5. The mean is 11/4; their sums are 6 and 5
 * where 33/4 and 11/4 are expected: off by -9/4 and 9/4. The variance of the
 * sum is 2/1 (81/16 + 81/16) = 81/4, its root 9/2, over 4 tokens 9/8. */
static void the_error_of_two_windows_is_as_by_hand(void **state)
{
    (void)state;
    const double losses[] = {1, 2, 3, 5};
    size_t first[] = {0, 3, 4};
    hp__mean mean = hp__mean_of_windows(losses, first, 2);
    assert_true(mean.value == 2.75 && mean.error == 1.125);
    hp_eval e = {.metric = HP_METRIC_PERPLEXITY,
                 .tokens = 4,
                 .windows = 2,
                 .losses = losses};
    hp__targets t = {.first = first, .n = 4};
    hp__summarise_losses(&e, &t);
    assert_true(e.loss == 2.75 && e.loss_error == 1.125);
    assert_close(e.value, 15.642631884188171, 1e-13);
    assert_close(e.value_error, 1.125 * 15.642631884188171, 1e-13);
    e.metric = HP_METRIC_MASKED_LM_LOSS;
    hp__summarise_losses(&e, &t);
    assert_true(e.value == 2.75 && e.value_error == 1.125);
}

/* Differences 1 0 2 3: mean 3/2, squares 5, so 5/3 each, sqrt(5/12) of the
 * mean. */
static void the_error_of_pairs_is_as_by_hand(void **state)
{
    (void)state;
    const double losses[] = {1, 2, 3, 5}, base[] = {0, 2, 1, 2};
    hp_eval e = {.metric = HP_METRIC_PERPLEXITY, .tokens = 4, .losses = losses};
    hp__summarise_pairs(&e, base);
    assert_true(e.delta == 1.5 && e.base_loss == 1.25);
    assert_close(e.delta_error, sqrt(5.0 / 12.0), 1e-15);
    assert_close(e.base_value, exp(1.25), 1e-14);
    const double cosines[] = {0.5, 1.0, 0.75};
    hp__mean mean = hp__mean_of(cosines, 3);
    assert_true(mean.value == 0.75);
    assert_close(mean.error, sqrt(0.125 / 2 / 3), 1e-15);
}

static void one_window_has_no_error(void **state)
{
    (void)state;
    const double losses[] = {1, 2};
    const size_t first[] = {0, 2};
    hp__mean mean = hp__mean_of_windows(losses, first, 1);
    assert_true(mean.value == 1.5 && isnan(mean.error));
    assert_true(isnan(hp__mean_of(losses, 1).error));
    assert_true(isnan(hp__mean_of_pairs(losses, losses, 1).error));
}

/* ---- targets ---- */

static void the_rule_masks_the_same_tokens_everywhere(void **state)
{
    (void)state;
    /* i * 2654435761 mod 2^32 below 0.15 * 2^32, by Python */
    static const size_t chosen[] = {0,  5,  13, 18, 26, 34, 39, 47,
                                    52, 60, 68, 73, 81, 89, 94};
    int32_t ids[100], specials[] = {7, 40};
    size_t start[] = {0, 30, 100}, n = 0;
    for (int32_t i = 0; i < 100; i++)
        ids[i] = i;
    hp_sequences s = {ids, start, 2};
    hp_eval_data d = {.sequences = &s, .special = {specials, 2, 99}};
    specials[1] = (int32_t)chosen[3];
    hp__targets t = {0};
    assert_int_equal(hp__targets_open(&t, HP_METRIC_MASKED_LM_LOSS, &d, NULL),
                     HP_OK);
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        if (i == 3) /* special */
            continue;
        assert_int_equal(t.rows[n], chosen[i]);
        assert_int_equal(t.labels[n++], chosen[i]);
    }
    assert_int_equal(t.n, n);
    for (size_t i = 0; i < 100; i++) {
        size_t k = 0;
        while (k < n && t.rows[k] != i)
            k++;
        assert_int_equal(t.windows.ids[i], k < n ? 99 : ids[i]);
    }
    assert_true(t.rows[t.first[1]] >= 30 && t.rows[t.first[1] - 1] < 30);
    hp__targets_close(&t);
}

static void tokens_of_context_are_not_predicted(void **state)
{
    (void)state;
    const int32_t ids[] = {10, 11, 12, 13, 20, 21, 22, 23};
    const size_t start[] = {0, 4, 8}, context[] = {1, 3};
    hp_sequences s = {ids, start, 2};
    hp_eval_data d = {.sequences = &s, .context = context};
    hp__targets t = {0};
    assert_int_equal(hp__targets_open(&t, HP_METRIC_PERPLEXITY, &d, NULL),
                     HP_OK);
    const size_t rows[] = {0, 1, 2, 6};
    const int32_t labels[] = {11, 12, 13, 23};
    assert_int_equal(t.n, 4);
    assert_memory_equal(t.rows, rows, sizeof rows);
    assert_memory_equal(t.labels, labels, sizeof labels);
    hp__targets_close(&t);
}

/* ---- whole models ---- */

typedef struct bench {
    char *folder;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    hp_error err;
} bench;

static void open_model(bench *b, const char *path)
{
    memset(b, 0, sizeof *b);
    if (hp_checkpoint_open(&b->checkpoint, path, NULL, &b->err) ||
        hp_model_open(&b->model, b->checkpoint, &b->err) ||
        hp_backend_open(&b->backend, &b->err))
        fail_msg("%s: %s", path, b->err.message);
}

static void close_model(bench *b)
{
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
    hp_backend_free(b->backend);
    fixture_remove(b->folder);
}

static hp_eval *evaluate(bench *b, const hp_eval_data *d,
                         const hp_eval_options *like)
{
    hp_eval *e[16];
    hp_eval_options o = *like;
    o.run.backend = b->backend;
    if (hp_evaluate(e, b->model, d, &o, &b->err))
        fail_msg("%s", b->err.message);
    for (size_t i = 1; i < o.run.n_variants; i++)
        hp_eval_free(e[i]);
    return e[0];
}

static hp_calibration *open_data(bench *b, const hp_tokenizer *t,
                                 const hp_calibration_options *like)
{
    hp_calibration *c = NULL;
    hp_calibration_options o = *like;
    o.max_length = hp_model_spec(b->model)->max_positions;
    o.vocab = hp_model_spec(b->model)->vocab;
    if (hp_calibration_open(&c, t, &o, &b->err))
        fail_msg("%s", b->err.message);
    return c;
}

/* transformers 4.57.6: perplexity 105.6 in 198 windows of 256. */
static void the_perplexity_of_novels_agrees(void **state)
{
    (void)state;
    bench b;
    hp_tokenizer *t = NULL;
    const char *text = "models/text/the-time-machine.txt";
    open_model(&b, "models/gpt2-novels");
    assert_int_equal(hp_tokenizer_open(&t, "models/gpt2-novels",
                                       hp_model_spec(b.model)->vocab, &b.err),
                     HP_OK);
    hp_calibration *c = open_data(
        &b, t,
        &(hp_calibration_options){
            .data = &text, .n_data = 1, .length = 256, .sequences = SIZE_MAX});
    hp_eval_data d = {.sequences = hp_calibration_sequences(c),
                      .context = hp_calibration_context(c),
                      .info = hp_calibration_info_get(c)};
    hp_eval *e = evaluate(&b, &d, &(hp_eval_options){0});
    assert_int_equal(e->windows, 198);
    assert_int_equal(e->tokens, 50490);
    assert_int_equal(e->length, 256);
    assert_int_equal(e->stride, 256);
    assert_string_equal(e->source, text);
    assert_close(e->value, 105.6, 0.05);
    assert_close(log(e->value), e->loss, 1e-12);
    assert_close(e->value_error, e->value * e->loss_error, 1e-12);
    hp_eval_free(e);
    hp_calibration_free(c);
    hp_tokenizer_free(t);
    close_model(&b);
}

/* transformers 4.57.6 in float64: 1.111631, 312 of 343 right. */
static void the_masked_loss_of_reactions_agrees(void **state)
{
    (void)state;
    bench b;
    hp_tokenizer *t = NULL;
    open_model(&b, "models/reaction-bert");
    assert_int_equal(hp_tokenizer_open(&t, "models/reaction-bert",
                                       hp_model_spec(b.model)->vocab, &b.err),
                     HP_OK);
    hp_calibration *c =
        open_data(&b, NULL,
                  &(hp_calibration_options){
                      .tokens = "models/text/reactions-evaluation.ids"});
    hp_eval_data d = {.sequences = hp_calibration_sequences(c),
                      .special = *hp_tokenizer_special(t)};
    hp_eval *e = evaluate(&b, &d, &(hp_eval_options){0});
    assert_int_equal(e->tokens, 343);
    assert_close(e->loss, 1.111631, 1e-5 * 1.111631);
    assert_close(e->top1, 312.0 / 343.0, 1e-12);
    assert_true(e->value == e->loss && isnan(e->kl) && !e->has_base);
    hp_eval_free(e);
    hp_calibration_free(c);
    hp_tokenizer_free(t);
    close_model(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_error_of_two_windows_is_as_by_hand),
        cmocka_unit_test(the_error_of_pairs_is_as_by_hand),
        cmocka_unit_test(one_window_has_no_error),
        cmocka_unit_test(the_rule_masks_the_same_tokens_everywhere),
        cmocka_unit_test(tokens_of_context_are_not_predicted),
        cmocka_unit_test(the_perplexity_of_novels_agrees),
        cmocka_unit_test(the_masked_loss_of_reactions_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
