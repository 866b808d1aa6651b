/* Sweeps over a small model: chunks, earlier points, refusals. Every result is
 * compared as the document that would be written. */
#include "fixture.h"
#include "headprune/headprune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RATIOS = 3, SEEDS = 3, PLANS = (2 + SEEDS) * RATIOS, TOKENS = 48 };

static struct room {
    char *folder;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    hp_scores *scores[2 + SEEDS];
    hp_plan *plans[PLANS];
    int32_t ids[TOKENS];
    size_t start[5];
    hp_sequences sequences;
    hp_calibration_info info;
    hp_eval_data data;
} room;

static hp_error err;

static void ok(hp_status st)
{
    if (st)
        fail_msg("%s", err.message);
}

static void score(size_t i, const char *method, uint64_t seed)
{
    const hp_score_options o = {.run = {.backend = room.backend},
                                .sequences = &room.sequences,
                                .calibration = &room.info,
                                .seed = seed};
    ok(hp_score(&room.scores[i], room.model, hp_method_find(method), &o, &err));
}

static void make_text(void)
{
    uint32_t x = 1;
    for (size_t i = 0; i < TOKENS; i++) {
        x = x * 1664525U + 1013904223U;
        room.ids[i] = (int32_t)((x >> 8) % FIXTURE_GPT2.vocab);
    }
    for (size_t i = 0; i < 5; i++)
        room.start[i] = i * (TOKENS / 4);
    room.sequences = (hp_sequences){room.ids, room.start, 4, NULL};
    room.info = (hp_calibration_info){.source = "text",
                                      .sha256 = "0123",
                                      .sequences = 4,
                                      .length = TOKENS / 4,
                                      .tokens = TOKENS};
    room.data =
        (hp_eval_data){.sequences = &room.sequences, .info = &room.info};
}

static int open_room(void **state)
{
    (void)state;
    static const double ratios[RATIOS] = {0.25, 0.5, 0.75};
    room.folder = fixture_folder();
    fixture_write(room.folder, &FIXTURE_GPT2);
    make_text();
    ok(hp_checkpoint_open(&room.checkpoint, room.folder, NULL, &err));
    ok(hp_model_open(&room.model, room.checkpoint, NULL, &err));
    ok(hp_backend_open(&room.backend, &err));
    score(0, "entropy", 0);
    score(1, "magnitude", 0);
    for (size_t i = 0; i < SEEDS; i++)
        score(2 + i, "random", i);
    for (size_t i = 0; i < PLANS; i++) {
        const hp_policy policy = {.ratio = ratios[i % RATIOS]};
        ok(hp_plan_make(&room.plans[i], room.scores[i / RATIOS], &policy,
                        &err));
    }
    return 0;
}

static int close_room(void **state)
{
    (void)state;
    for (size_t i = 0; i < PLANS; i++)
        hp_plan_free(room.plans[i]);
    for (size_t i = 0; i < 2 + SEEDS; i++)
        hp_scores_free(room.scores[i]);
    hp_backend_free(room.backend);
    hp_model_free(room.model);
    hp_checkpoint_free(room.checkpoint);
    fixture_remove(room.folder);
    return 0;
}

static hp_sweep_options options(void)
{
    return (hp_sweep_options){
        .run = {.backend = room.backend},
        .data = &room.data,
        .scores = (const hp_scores *const *)room.scores,
        .n_scores = 2 + SEEDS,
        .plans = (const hp_plan *const *)room.plans,
        .n_plans = PLANS,
    };
}

static char *text_of(const hp_sweep *s)
{
    char *text = NULL;
    ok(hp_document_sweep(&text, s, &err));
    return text;
}

static char *run(const hp_sweep_options *o)
{
    hp_sweep *s = NULL;
    ok(hp_sweep_run(&s, room.model, o, &err));
    char *text = text_of(s);
    hp_sweep_free(s);
    return text;
}

/* ---- results ---- */

/* `got` is `want` to nine digits, and no more than that. */
static void nine(double got, double want)
{
    char text[32];
    snprintf(text, sizeof text, "%.9g", want);
    if (got != strtod(text, NULL))
        fail_msg("%.17g is not %s", got, text);
}

static void points_are_evaluations_of_their_masks(void **state)
{
    (void)state;
    const hp_sweep_options o = options();
    hp_sweep *s = NULL;
    ok(hp_sweep_run(&s, room.model, &o, &err));
    assert_int_equal(s->n_points, PLANS);
    assert_int_equal(s->n_planned, PLANS);
    assert_int_equal(s->n_rows, 3 * RATIOS);
    assert_int_equal(s->n_agreements, 1);
    for (size_t i = 0; i < PLANS; i++) {
        const unsigned char *mask = room.plans[i]->pruned;
        const hp_sweep_point *p = &s->points[i];
        hp_eval *e = NULL;
        const hp_eval_options alone = {
            .run = {.backend = room.backend, .masks = &mask, .n_variants = 1},
            .base = {.unmasked = 1}};
        ok(hp_evaluate(&e, room.model, &room.data, &alone, &err));
        nine(p->value, e->value);
        nine(p->error, e->value_error);
        nine(p->loss, e->loss);
        nine(p->delta, e->delta);
        nine(p->delta_error, e->delta_error);
        nine(p->kl, e->kl);
        nine(p->same_top1, e->same_top1);
        nine(s->baseline.value, e->base_value);
        assert_string_equal(p->heads, e->heads);
        assert_int_equal(p->n_pruned, e->n_masked);
        hp_eval_free(e);
    }
    hp_sweep_free(s);
}

static void chunks_and_threads_change_nothing(void **state)
{
    (void)state;
    hp_sweep_options o = options();
    char *want = run(&o);
    static const size_t chunks[] = {1, 4, 64, 1000};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        o.chunk = chunks[i];
        o.run.threads = 1 + (unsigned)i % 2;
        char *got = run(&o);
        assert_string_equal(got, want);
        free(got);
    }
    free(want);
}

/* ---- saving and going on ---- */

typedef struct saves {
    size_t calls, fail_at, points[PLANS];
    char *text; /* of the last */
} saves;

static hp_status save(void *payload, const hp_sweep *so_far, hp_error *e)
{
    saves *s = payload;
    free(s->text);
    s->text = text_of(so_far);
    s->points[s->calls++] = so_far->n_points;
    assert_int_equal(so_far->n_planned, PLANS);
    return s->calls == s->fail_at ? hp_fail(e, HP_IO, "disk full") : HP_OK;
}

static void every_chunk_but_the_last_is_saved(void **state)
{
    (void)state;
    hp_sweep_options o = options();
    saves s = {0};
    o.save = save;
    o.payload = &s;
    o.chunk = 4;
    free(run(&o));
    assert_int_equal(s.calls, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(s.points[i], 4 * (i + 1));
    free(s.text);
}

static void a_stopped_sweep_goes_on_to_the_same_document(void **state)
{
    (void)state;
    hp_sweep_options o = options();
    char *want = run(&o);
    for (size_t stop = 1; stop <= 3; stop++) {
        saves s = {.fail_at = stop};
        hp_sweep *none = NULL, *before = NULL;
        o = options();
        o.save = save;
        o.payload = &s;
        o.chunk = 4;
        assert_int_equal(hp_sweep_run(&none, room.model, &o, &err), HP_IO);
        assert_string_equal(err.message, "disk full");
        assert_null(none);
        ok(hp_document_parse_sweep(&before, s.text, strlen(s.text), &err));
        assert_int_equal(before->n_points, 4 * stop);
        o = options();
        o.before = before;
        o.chunk = 3;
        char *got = run(&o);
        assert_string_equal(got, want);
        free(got);
        hp_sweep_free(before);
        free(s.text);
    }
    free(want);
}

static void a_finished_sweep_is_taken_over_whole(void **state)
{
    (void)state;
    hp_sweep_options o = options();
    hp_sweep *before = NULL;
    char *want = run(&o);
    ok(hp_document_parse_sweep(&before, want, strlen(want), &err));
    o.before = before;
    o.run.backend = NULL; /* nothing is computed */
    char *got = run(&o);
    assert_string_equal(got, want);
    free(got);
    free(want);
    hp_sweep_free(before);
}

static void a_sweep_can_be_extended(void **state)
{
    (void)state;
    hp_sweep_options o = options();
    hp_sweep *before = NULL;
    char *want = run(&o);
    o.n_plans = 7;
    ok(hp_sweep_run(&before, room.model, &o, &err));
    o = options();
    o.before = before;
    char *got = run(&o);
    assert_string_equal(got, want);
    free(got);
    free(want);
    hp_sweep_free(before);
}

/* ---- samples ---- */

/* The prompt's number and the first heads of the mask: "1: 010" */
static hp_status tell_mask(char **text, void *payload, size_t i,
                           const unsigned char *masked, const hp_refit *refit,
                           hp_error *error)
{
    size_t *calls = payload;
    (void)error;
    assert_null(refit);
    ++*calls;
    *text = calloc(16, 1);
    assert_non_null(*text);
    if (masked)
        snprintf(*text, 16, "%zu: %d%d%d", i, masked[0], masked[1], masked[2]);
    else
        snprintf(*text, 16, "%zu: whole", i);
    return HP_OK;
}

static void every_point_has_samples_of_its_mask(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "b"};
    size_t calls = 0;
    const hp_sweep_prompts prompts = {words, 2, 7, tell_mask, &calls};
    hp_sweep_options o = options();
    hp_sweep *s = NULL, *before = NULL;
    o.prompts = &prompts;
    ok(hp_sweep_run(&s, room.model, &o, &err));
    assert_int_equal(calls, 2 * (PLANS + 1));
    assert_int_equal(s->max_tokens, 7);
    assert_string_equal(s->samples.at[1].text, "1: whole");
    for (size_t i = 0; i < PLANS; i++) {
        char *want = NULL;
        ok(tell_mask(&want, &calls, 1, room.plans[i]->pruned, NULL, &err));
        assert_int_equal(s->points[i].samples.n, 2);
        assert_string_equal(s->points[i].samples.at[1].prompt, "b");
        assert_string_equal(s->points[i].samples.at[1].text, want);
        free(want);
    }
    char *want = text_of(s);
    hp_sweep_free(s);
    o.n_plans = 7;
    o.chunk = 2;
    ok(hp_sweep_run(&before, room.model, &o, &err));
    o.n_plans = PLANS;
    o.before = before;
    calls = 0;
    char *got = run(&o);
    assert_int_equal(calls, 2 * (PLANS - 7)); /* the others were taken over */
    assert_string_equal(got, want);
    free(got);
    free(want);
    hp_sweep_free(before);
}

/* ---- refusals ---- */

static void refused(const hp_sweep_options *o, const char *message)
{
    hp_sweep *s = NULL;
    assert_int_equal(hp_sweep_run(&s, room.model, o, &err), HP_INVALID);
    assert_null(s);
    if (!strstr(err.message, message))
        fail_msg("'%s' is not in '%s'", message, err.message);
}

static void points_of_something_else_are_refused(void **state)
{
    (void)state;
    hp_sweep_options o = options();
    hp_sweep *s = NULL;
    o.n_plans = 2;
    ok(hp_sweep_run(&s, room.model, &o, &err));
    hp_sweep other = *s;
    o.before = &other;
    other.model.fingerprint = "sha256:other";
    refused(&o, "this model is");
    other = *s;
    other.calibration.sequences++;
    refused(&o, "calibrated on other data (text)");
    other = *s;
    other.has_calibration = 0;
    refused(&o, "calibrated on other data (none)");
    other = *s;
    other.baseline.sha256 = "4567";
    refused(&o, "evaluated on other data");
    other = *s;
    other.baseline.stride--;
    refused(&o, "evaluated on other data");
    other = *s;
    o.n_plans = 1;
    refused(&o, "a point that is not asked for: entropy at ratio 0.5");
    o.n_plans = 2;
    hp_sweep_point point = s->points[0];
    point.heads = "0:0";
    other.points = &point;
    other.n_points = 1;
    refused(&o, "other heads for entropy at ratio 0.25");
    hp_sweep_free(s);
}

static void plans_of_another_size_are_refused(void **state)
{
    (void)state;
    hp_sweep_options o = options();
    hp_plan small = *room.plans[0];
    const hp_plan *one = &small;
    small.n_heads = 4;
    o.plans = &one;
    o.n_plans = 1;
    refused(&o, "plan 0 is of 4 heads, the model has 8");
}

typedef struct watch {
    uint64_t last, total, stop_at;
} watch;

static int step(void *payload, uint64_t done, uint64_t total)
{
    watch *w = payload;
    assert_true(done >= w->last && done <= total);
    w->last = done;
    w->total = total;
    return w->stop_at && done >= w->stop_at;
}

static void progress_is_of_the_whole_and_can_stop_it(void **state)
{
    (void)state;
    hp_sweep_options o = options();
    watch w = {0};
    hp_sweep *s = NULL;
    o.run.progress = (hp_progress){step, &w};
    free(run(&o));
    assert_int_equal(w.total, (uint64_t)PLANS * TOKENS);
    assert_int_equal(w.last, w.total);
    w = (watch){.stop_at = w.total / 2};
    assert_int_equal(hp_sweep_run(&s, room.model, &o, &err), HP_CANCELLED);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_evaluations_of_their_masks),
        cmocka_unit_test(chunks_and_threads_change_nothing),
        cmocka_unit_test(every_chunk_but_the_last_is_saved),
        cmocka_unit_test(a_stopped_sweep_goes_on_to_the_same_document),
        cmocka_unit_test(a_finished_sweep_is_taken_over_whole),
        cmocka_unit_test(every_point_has_samples_of_its_mask),
        cmocka_unit_test(a_sweep_can_be_extended),
        cmocka_unit_test(points_of_something_else_are_refused),
        cmocka_unit_test(plans_of_another_size_are_refused),
        cmocka_unit_test(progress_is_of_the_whole_and_can_stop_it),
    };
    return cmocka_run_group_tests(tests, open_room, close_room);
}
