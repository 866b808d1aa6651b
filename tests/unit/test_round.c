/* Rounded plans: they can be written, and are near to what was asked for. */
#include "fixture.h"
#include "job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *scratch;

static hp_rewrite_options options(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", scratch, name);
    hp_rewrite_options o = job_options(path, 1);
    o.emit = hp_emit_find("remove");
    return o;
}

/* A plan of random scores. */
static void plan_random(job *j, double ratio, uint64_t seed)
{
    hp_error err = {0};
    hp_scores *s = NULL;
    const hp_policy policy = {.ratio = ratio};
    const hp_score_options o = {.seed = seed};
    hp_plan_free(j->plan);
    assert_int_equal(hp_score(&s, j->model, hp_method_find("random"), &o, &err),
                     HP_OK);
    assert_int_equal(hp_plan_make(&j->plan, s, &policy, &err), HP_OK);
    hp_scores_free(s);
}

static hp_status round_job(job *j, const hp_rewrite_options *o, hp_round way,
                           hp_error *err)
{
    hp_plan *p = NULL;
    hp_status st = hp_plan_round(&p, j->plan, j->model, o, way, err);
    if (!st) {
        hp_plan_free(j->plan);
        j->plan = p;
    }
    return st;
}

static char *list_of(const hp_plan *p)
{
    char *list = NULL;
    hp_error err = {0};
    assert_int_equal(
        hp_heads_format(&list, p->pruned, p->heads, p->n_heads, &err), HP_OK);
    return list;
}

static int can_be_written(const job *j, hp_rewrite_options o)
{
    hp_rewrite *r = NULL;
    o.dry_run = 1;
    hp_status st = hp_rewrite_begin(&r, j->model, j->plan, &o, NULL);
    hp_rewrite_free(r);
    return !st;
}

static void rounded_plans_can_be_written(void **state)
{
    (void)state;
    static const char *const golden[] = {
        "llama-gqa", "llama-bias", "mistral", "qwen2", "qwen3", "t5", "t5-v11"};
    hp_rewrite_options o = options("out");
    o.uniform = 1;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
        for (uint64_t seed = 0; seed < 6; seed++)
            for (int way = 0; way < 3; way++) {
                char *in = fixture_path("tests/golden", golden[i]);
                hp_error err = {0};
                job j;
                job_open(&j, in, NULL, "");
                plan_random(&j, 0.15 * (double)(seed + 1) - 0.05, seed);
                size_t asked = j.plan->n_pruned;
                hp_status st = round_job(&j, &o, (hp_round)way, &err);
                if (st && !(st == HP_UNSUPPORTED && way != HP_ROUND_NEAREST))
                    fail_msg("%s: %s", golden[i], err.message);
                if (!st)
                    assert_true(can_be_written(&j, o));
                if (!st && way == HP_ROUND_DOWN)
                    assert_true(j.plan->n_pruned <= asked);
                if (!st && way == HP_ROUND_UP)
                    assert_true(j.plan->n_pruned >= asked);
                job_close(&j);
                free(in);
            }
}

/* Where a runtime asks that as many heads divide the width, a nearer plan that
 * does not do so gives way. */
static void numbers_that_divide_the_width_are_preferred(void **state)
{
    (void)state;
    hp_rewrite_options o = options("out");
    o.uniform = 1;
    for (uint64_t seed = 0; seed < 6; seed++) {
        hp_error err = {0};
        job j;
        size_t kept = 0;
        job_open(&j, "tests/golden/llama-gqa", NULL, "");
        plan_random(&j, 0.25, seed); /* 6 of 8 a block, of width 40 */
        assert_int_equal(round_job(&j, &o, HP_ROUND_NEAREST, &err), HP_OK);
        for (size_t i = 0; i < 8; i++)
            kept += !j.plan->pruned[i];
        assert_true(kept == 8 || kept == 4);
        job_close(&j);
    }
}

/* The heads that go are those of lowest score in their block. */
static void ranks_decide_inside_a_block(void **state)
{
    (void)state;
    hp_error err = {0};
    job j;
    hp_rewrite_options o = options("out");
    o.uniform = 1;
    job_open(&j, "tests/golden/mistral", NULL, "");
    plan_random(&j, 0.25, 3);
    assert_int_equal(round_job(&j, &o, HP_ROUND_NEAREST, &err), HP_OK);
    const hp_plan *p = j.plan;
    for (size_t a = 0; a < p->n_heads; a++)
        for (size_t b = 0; b < p->n_heads; b++)
            if (p->heads[a].block == p->heads[b].block &&
                p->heads[a].group == p->heads[b].group && p->pruned[a] &&
                !p->pruned[b])
                assert_true(p->rank[a] < p->rank[b]);
    for (size_t k = 1; k < p->n_pruned; k++)
        assert_true(p->pruned[p->order[k]]);
    job_close(&j);
}

static void what_is_fine_stays(void **state)
{
    (void)state;
    hp_error err = {0};
    static const struct {
        const char *in, *heads;
        int uniform;
    } rows[] = {
        {"tests/golden/gpt2", "0:* 1:2", 0},
        {"tests/golden/llama-gqa", "0:0,2,4,6 1:1,3,4,7", 1},
        {"tests/golden/llama-gqa", "0:0-3 1:4-7", 1},
    };
    for (size_t i = 0; i < 3; i++) {
        job j;
        hp_rewrite_options o = options("out");
        o.uniform = rows[i].uniform;
        job_open(&j, rows[i].in, NULL, rows[i].heads);
        char *was = list_of(j.plan);
        assert_int_equal(round_job(&j, &o, HP_ROUND_NEAREST, &err), HP_OK);
        char *is = list_of(j.plan);
        assert_string_equal(was, is);
        free(was);
        free(is);
        job_close(&j);
    }
}

static void the_last_head_of_a_block_is_kept(void **state)
{
    (void)state;
    hp_error err = {0};
    job j;
    hp_rewrite_options o = options("out");
    o.no_remote_code = 1;
    job_open(&j, "tests/golden/gpt2", NULL, "0:* 1:2");
    assert_int_equal(hp_rewrite_least(&o), 1);
    assert_false(can_be_written(&j, o));
    assert_int_equal(round_job(&j, &o, HP_ROUND_NEAREST, &err), HP_OK);
    char *is = list_of(j.plan);
    assert_string_equal(is, "0:0,1,2 1:2");
    assert_true(can_be_written(&j, o));
    free(is);
    job_close(&j);
}

static void unknown_heads_are_not_guessed(void **state)
{
    (void)state;
    hp_error err = {0};
    job j;
    hp_rewrite_options o = options("out");
    o.uniform = 1;
    job_open(&j, "tests/golden/t5", NULL, "enc.0:0");
    assert_int_equal(round_job(&j, &o, HP_ROUND_UP, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "it does not say which"));
    assert_int_equal(round_job(&j, &o, HP_ROUND_DOWN, &err), HP_OK);
    assert_int_equal(j.plan->n_pruned, 0);
    job_close(&j);
}

static void protected_heads_stay(void **state)
{
    (void)state;
    hp_error err = {0};
    hp_scores *s = NULL;
    job j;
    hp_rewrite_options o = options("out");
    o.uniform = 1;
    job_open(&j, "tests/golden/qwen2", NULL, "");
    size_t n = hp_model_n_heads(j.model);
    unsigned char *protect = calloc(n, 1);
    assert_non_null(protect);
    protect[0] = protect[5] = 1;
    const hp_policy policy = {.ratio = 0.3, .protect = protect};
    const hp_score_options so = {.seed = 1};
    assert_int_equal(hp_score(&s, j.model, hp_method_find("random"), &so, &err),
                     HP_OK);
    hp_plan_free(j.plan);
    assert_int_equal(hp_plan_make(&j.plan, s, &policy, &err), HP_OK);
    assert_int_equal(round_job(&j, &o, HP_ROUND_NEAREST, &err), HP_OK);
    assert_false(j.plan->pruned[0]);
    assert_false(j.plan->pruned[5]);
    hp_scores_free(s);
    free(protect);
    job_close(&j);
}

static int setup(void **state)
{
    (void)state;
    scratch = fixture_folder();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounded_plans_can_be_written),
        cmocka_unit_test(numbers_that_divide_the_width_are_preferred),
        cmocka_unit_test(ranks_decide_inside_a_block),
        cmocka_unit_test(what_is_fine_stays),
        cmocka_unit_test(the_last_head_of_a_block_is_kept),
        cmocka_unit_test(unknown_heads_are_not_guessed),
        cmocka_unit_test(protected_heads_stay),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
