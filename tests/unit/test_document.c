/* Documents as they are written, and read back: the bytes come out again. */
#include "fixture.h"
#include "job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const hp_head heads[] = {
    {"0:0", "h.0.attn", 0, 0, 0, 0},
    {"0:1", "h.0.attn", 0, 0, 1, 1},
    {"1:0", "h.1.attn", 1, 1, 0, 0},
    {"1:1", "h.1.attn", 1, 1, 1, 1},
};
static const double values[] = {2.19481, 0.5, 1e-07, 123456};
static const uint32_t rank[] = {1, 2, 3, 0};

static hp_scores make_scores(void)
{
    return (hp_scores){
        .model = {.path = "models/tiny",
                  .model_type = "gpt2",
                  .architecture = "GPT2LMHeadModel",
                  .fingerprint = "sha256:" HEX,
                  .layers = 2,
                  .heads = 4,
                  .head_dim = 8,
                  .parameters = 1234},
        .method = "entropy",
        .unit = "nat",
        .prunes_highest = 1,
        .has_calibration = 1,
        .calibration = {.source = "embedded:mixed",
                        .sha256 = HEX,
                        .sequences = 32,
                        .length = 256,
                        .tokens = 8192},
        .n_heads = 4,
        .heads = heads,
        .values = values,
        .rank = rank,
    };
}

static hp_plan *make_plan(const hp_scores *s, const hp_policy *policy)
{
    hp_plan *p = NULL;
    hp_error err = {0};
    if (hp_plan_make(&p, s, policy, &err))
        fail_msg("%s", err.message);
    return p;
}

static const char scores_text[] =
    "{\n"
    "  \"schema\": \"headprune.scores/1\",\n"
    "  \"tool\": {\"name\": \"headprune\", \"version\": "
    "\"" HEADPRUNE_VERSION "\"},\n"
    "  \"model\": {\n"
    "    \"path\": \"models/tiny\",\n"
    "    \"model_type\": \"gpt2\",\n"
    "    \"architecture\": \"GPT2LMHeadModel\",\n"
    "    \"layers\": 2,\n"
    "    \"heads\": 4,\n"
    "    \"head_dim\": 8,\n"
    "    \"parameters\": 1234,\n"
    "    \"fingerprint\": \"sha256:" HEX "\"\n"
    "  },\n"
    "  \"method\": {\"name\": \"entropy\", \"unit\": \"nat\", "
    "\"prunes\": \"highest\"},\n"
    "  \"calibration\": {\"source\": \"embedded:mixed\", \"sha256\": "
    "\"" HEX "\", \"sequences\": 32, \"length\": 256, \"tokens\": 8192},\n"
    "  \"heads\": [\n"
    "    {\"id\": \"0:0\", \"block\": 0, \"name\": \"h.0.attn\", "
    "\"layer\": 0, \"head\": 0, \"score\": 2.19481, \"rank\": 1},\n"
    "    {\"id\": \"0:1\", \"block\": 0, \"name\": \"h.0.attn\", "
    "\"layer\": 0, \"head\": 1, \"score\": 0.5, \"rank\": 2},\n"
    "    {\"id\": \"1:0\", \"block\": 1, \"name\": \"h.1.attn\", "
    "\"layer\": 1, \"head\": 0, \"score\": 1e-07, \"rank\": 3},\n"
    "    {\"id\": \"1:1\", \"block\": 1, \"name\": \"h.1.attn\", "
    "\"layer\": 1, \"head\": 1, \"score\": 123456, \"rank\": 0}\n"
    "  ]\n"
    "}\n";

static void scores_have_their_keys_in_order(void **state)
{
    (void)state;
    char *text = NULL;
    hp_error err = {0};
    hp_scores s = make_scores();
    assert_int_equal(hp_document_scores(&text, &s, &err), HP_OK);
    assert_string_equal(text, scores_text);
    free(text);
}

/* Reads a text and prints it again. */
static void scores_again(const char *text)
{
    char *again = NULL;
    hp_error err = {0};
    hp_scores *s = NULL;
    if (hp_document_parse_scores(&s, text, strlen(text), &err))
        fail_msg("%s", err.message);
    assert_int_equal(hp_document_scores(&again, s, &err), HP_OK);
    assert_string_equal(again, text);
    free(again);
    hp_scores_free(s);
}

static void plan_again(const char *text)
{
    char *again = NULL;
    hp_error err = {0};
    hp_plan *p = NULL;
    if (hp_document_parse_plan(&p, text, strlen(text), &err))
        fail_msg("%s", err.message);
    assert_int_equal(hp_document_plan(&again, p, &err), HP_OK);
    assert_string_equal(again, text);
    free(again);
    hp_plan_free(p);
}

static void scores_read_back_print_the_same(void **state)
{
    (void)state;
    scores_again(scores_text);
}

/* Which heads share keys and values is what a plan by groups needs. */
static void shared_heads_have_a_group(void **state)
{
    (void)state;
    static const hp_head shared[] = {
        {"0:0", "h.0.attn", 0, 0, 0, 0},
        {"0:1", "h.0.attn", 0, 0, 1, 0},
        {"1:0", "h.1.attn", 1, 1, 0, 0},
        {"1:1", "h.1.attn", 1, 1, 1, 0},
    };
    char *text = NULL;
    hp_error err = {0};
    hp_scores s = make_scores(), *back = NULL;
    s.heads = shared;
    assert_int_equal(hp_document_scores(&text, &s, &err), HP_OK);
    assert_non_null(strstr(text, "\"head\": 1, \"group\": 0, \"score\""));
    scores_again(text);
    assert_int_equal(hp_document_parse_scores(&back, text, strlen(text), &err),
                     HP_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(back->heads[i].group, 0);
    hp_scores_free(back);
    free(text);
}

static void seeds_of_any_size_survive(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {0, 7, UINT64_C(1) << 53, UINT64_MAX};
    static const char *const shown[] = {"\"seed\": 0}", "\"seed\": 7}",
                                        "\"seed\": 9007199254740992}",
                                        "\"seed\": \"18446744073709551615\"}"};
    hp_scores s = make_scores();
    s.method = "random";
    s.unit = "";
    s.has_calibration = 0;
    s.has_seed = 1;
    for (size_t i = 0; i < 4; i++) {
        char *text = NULL;
        hp_error err = {0};
        hp_scores *back = NULL;
        s.seed = seeds[i];
        assert_int_equal(hp_document_scores(&text, &s, &err), HP_OK);
        assert_non_null(strstr(text, shown[i]));
        assert_non_null(strstr(text, "\"calibration\": null"));
        assert_int_equal(
            hp_document_parse_scores(&back, text, strlen(text), &err), HP_OK);
        assert_true(back->has_seed && back->seed == seeds[i]);
        hp_scores_free(back);
        scores_again(text);
        free(text);
    }
}

static void a_plan_tells_policy_and_list(void **state)
{
    (void)state;
    static const unsigned char protect[] = {1, 0, 0, 0};
    const hp_policy policy = {.ratio = 0.5,
                              .scope = HP_SCOPE_LAYER,
                              .keep = 1,
                              .protect = protect,
                              .group = HP_GROUP_KV};
    char *text = NULL;
    hp_error err = {0};
    hp_scores s = make_scores();
    hp_plan *p = make_plan(&s, &policy);
    assert_int_equal(hp_document_plan(&text, p, &err), HP_OK);
    assert_non_null(strstr(text,
                           "  \"policy\": {\"ratio\": 0.5, \"count\": null, "
                           "\"scope\": \"layer\", \"keep\": 1, "
                           "\"protect\": \"0:0\", \"group\": \"kv\"},\n"
                           "  \"total\": 4,\n  \"pruned\": 2,\n"
                           "  \"heads\": \"0:1 1:1\",\n"
                           "  \"list\": [\n    {\"id\": \"1:1\""));
    assert_non_null(strstr(text, "\"heads\": [\"1:0\", \"1:1\"]}"));
    plan_again(text);
    free(text);
    hp_plan_free(p);
}

static void a_count_stands_where_it_was_given(void **state)
{
    (void)state;
    const hp_policy policy = {.has_count = 1, .count = 3};
    char *text = NULL;
    hp_error err = {0};
    hp_scores s = make_scores();
    hp_plan *p = make_plan(&s, &policy);
    assert_int_equal(hp_document_plan(&text, p, &err), HP_OK);
    assert_non_null(strstr(text, "\"ratio\": null, \"count\": 3, "
                                 "\"scope\": \"global\", \"keep\": 0, "
                                 "\"protect\": \"\""));
    plan_again(text);
    free(text);
    hp_plan_free(p);
}

static void a_plan_of_nothing_is_a_plan(void **state)
{
    (void)state;
    const hp_policy policy = {.ratio = 0};
    char *text = NULL;
    hp_error err = {0};
    hp_scores s = make_scores();
    hp_plan *p = make_plan(&s, &policy);
    assert_int_equal(hp_document_plan(&text, p, &err), HP_OK);
    assert_non_null(strstr(text, "\"heads\": \"\",\n  \"list\": [],"));
    plan_again(text);
    free(text);
    hp_plan_free(p);
}

static void a_list_of_heads_has_no_method(void **state)
{
    (void)state;
    job j;
    char *text = NULL;
    hp_error err = {0};
    job_open(&j, "tests/golden/gpt2", NULL, "1:3 0:1");
    assert_int_equal(hp_document_plan(&text, j.plan, &err), HP_OK);
    assert_non_null(strstr(text, "\"method\": null"));
    assert_non_null(strstr(text, "\"ratio\": null, \"count\": 2,"));
    assert_non_null(strstr(text, "\"heads\": \"0:1 1:3\""));
    assert_non_null(strstr(text, "\"score\": null, \"rank\": null}"));
    plan_again(text);
    free(text);
    job_close(&j);
}

static void a_plan_without_blocks_knows_the_listed_heads(void **state)
{
    (void)state;
    const hp_policy policy = {.ratio = 0.5};
    char *text = NULL;
    hp_error err = {0};
    hp_scores s = make_scores();
    hp_plan *p = make_plan(&s, &policy), *back = NULL;
    assert_int_equal(hp_document_plan(&text, p, &err), HP_OK);
    char *cut = strstr(text, ",\n  \"blocks\"");
    assert_non_null(cut);
    if (cut)
        memcpy(cut, "\n}\n", 4);
    assert_int_equal(hp_document_parse_plan(&back, text, strlen(text), &err),
                     HP_OK);
    assert_int_equal(back->n_heads, 2);
    assert_int_equal(back->n_pruned, 2);
    assert_int_equal(back->model.heads, 4);
    assert_string_equal(back->heads[0].id, "0:0");
    assert_string_equal(back->heads[back->order[0]].id, "1:1");
    assert_true(back->values[0] == 2.19481 && back->rank[0] == 1);
    /* Printed again it is still a document that can be read. */
    plan_again(text);
    hp_plan_free(back);
    hp_plan_free(p);
    free(text);
}

static void a_plan_read_back_is_that_plan(void **state)
{
    (void)state;
    const hp_policy policy = {.ratio = 0.5};
    char *text = NULL;
    hp_error err = {0};
    hp_scores s = make_scores();
    hp_plan *p = make_plan(&s, &policy), *back = NULL;
    assert_int_equal(hp_document_plan(&text, p, &err), HP_OK);
    assert_int_equal(hp_document_parse_plan(&back, text, strlen(text), &err),
                     HP_OK);
    assert_int_equal(back->n_heads, 4);
    assert_memory_equal(back->pruned, p->pruned, 4);
    assert_memory_equal(back->order, p->order, 2 * sizeof *p->order);
    assert_string_equal(back->model.fingerprint, "sha256:" HEX);
    for (size_t i = 0; i < 4; i++) {
        assert_true(p->pruned[i] ? back->values[i] == p->values[i]
                                 : isnan(back->values[i]));
        assert_int_equal(back->rank[i], p->pruned[i] ? rank[i] : UINT32_MAX);
    }
    hp_plan_free(back);
    hp_plan_free(p);
    free(text);
}

static void time_stamps_only_where_the_build_asks(void **state)
{
    (void)state;
    char *text = NULL;
    hp_error err = {0};
    hp_scores s = make_scores();
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    assert_int_equal(hp_document_scores(&text, &s, &err), HP_OK);
    assert_non_null(strstr(text, "\"created\": \"2023-11-14T22:13:20Z\""));
    free(text);
    setenv("SOURCE_DATE_EPOCH", "soon", 1);
    assert_int_equal(hp_document_scores(&text, &s, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "'soon'"));
    assert_null(text);
    unsetenv("SOURCE_DATE_EPOCH");
}

/* ---- the report ---- */

static char *make_report(const job *j, const hp_scores *s, const char *blas)
{
    static const char *const words[] = {"headprune", "apply", "a \"b\""};
    char *text = NULL;
    char *scratch = fixture_folder();
    char *out = fixture_path(scratch, "out");
    hp_error err = {0};
    hp_rewrite *r = NULL;
    hp_rewrite_options o = job_options(out, 0);
    assert_int_equal(hp_rewrite_begin(&r, j->model, j->plan, &o, &err), HP_OK);
    const hp_report report = {.model = j->model,
                              .scores = s,
                              .plan = j->plan,
                              .rewrite = r,
                              .emit = o.emit,
                              .blas_core = blas,
                              .command = words,
                              .n_command = 3};
    assert_int_equal(hp_document_report(&text, &report, &err), HP_OK);
    hp_rewrite_free(r);
    free(out);
    fixture_remove(scratch);
    return text;
}

static void a_report_tells_what_was_changed(void **state)
{
    (void)state;
    job j;
    job_open(&j, "tests/golden/bert-mlm", NULL, "0:1,2 1:3");
    char *text = make_report(&j, NULL, NULL);
    assert_non_null(strstr(text, "\"schema\": \"headprune.report/1\""));
    assert_non_null(strstr(text, "\"calibration\": null"));
    assert_non_null(strstr(text,
                           "\"head\": 2, \"score\": null, \"rank\": null, "
                           "\"pruned\": true},"));
    assert_non_null(
        strstr(text, "{\"tensor\": \"bert.encoder.layer.0.attention.output."
                     "dense.weight\", \"axis\": 1, \"bands\": [[8, 16]], "
                     "\"bytes\": 2048, \"change\": \"zeroed\"}"));
    assert_non_null(strstr(text, "{\"file\": \"model.safetensors\", "));
    assert_non_null(strstr(text, "\"zeroed\": 768, \"removed\": 0, "));
    assert_non_null(strstr(text, "\"compute\": null"));
    assert_non_null(
        strstr(text, "[\"headprune\", \"apply\", \"a \\\"b\\\"\"]\n}\n"));
    free(text);
    job_close(&j);
}

static void a_report_carries_scores_and_core(void **state)
{
    (void)state;
    job j;
    double v[8];
    uint32_t r[8];
    job_open(&j, "tests/golden/gpt2", NULL, "0:1");
    for (uint32_t i = 0; i < 8; i++) {
        v[i] = 1.5 + i;
        r[i] = 7 - i;
    }
    hp_scores s = make_scores();
    s.n_heads = 8;
    s.heads = hp_model_heads(j.model);
    s.values = v;
    s.rank = r;
    char *text = make_report(&j, &s, "Haswell");
    assert_non_null(strstr(text, "\"source\": \"embedded:mixed\""));
    assert_non_null(strstr(text, "\"head\": 1, \"score\": 2.5, \"rank\": 6, "
                                 "\"pruned\": true}"));
    assert_non_null(strstr(text, "{\"blas_core\": \"Haswell\"}"));
    free(text);
    job_close(&j);
}

static void a_report_is_read_as_its_plan(void **state)
{
    (void)state;
    job j;
    char *plan = NULL, *again = NULL;
    hp_error err = {0};
    hp_plan *back = NULL;
    job_open(&j, "tests/golden/gpt2", NULL, "0:1,3");
    char *text = make_report(&j, NULL, NULL);
    assert_int_equal(hp_document_plan(&plan, j.plan, &err), HP_OK);
    assert_int_equal(hp_document_parse_plan(&back, text, strlen(text), &err),
                     HP_OK);
    assert_int_equal(hp_document_plan(&again, back, &err), HP_OK);
    assert_string_equal(again, plan);
    hp_plan_free(back);
    free(again);
    free(plan);
    free(text);
    job_close(&j);
}

/* apply --plan: the report knows the scores of the heads that went. */
static void a_report_of_a_read_plan_knows_its_scores(void **state)
{
    (void)state;
    job j;
    char *text = NULL;
    double v[8] = {1, 2, 3, 4, 5, 6, 7, 8.25};
    uint32_t r[8] = {7, 6, 5, 4, 3, 2, 1, 0};
    const hp_policy policy = {.has_count = 1, .count = 1};
    hp_error err = {0};
    job_open(&j, "tests/golden/gpt2", NULL, "");
    hp_scores s = make_scores();
    s.model = *hp_model_info_get(j.model);
    s.n_heads = 8;
    s.heads = hp_model_heads(j.model);
    s.values = v;
    s.rank = r;
    hp_plan *made = make_plan(&s, &policy);
    assert_int_equal(hp_document_plan(&text, made, &err), HP_OK);
    hp_plan_free(made);
    hp_plan_free(j.plan);
    assert_int_equal(hp_document_parse_plan(&j.plan, text, strlen(text), &err),
                     HP_OK);
    free(text);
    text = make_report(&j, NULL, NULL);
    assert_non_null(strstr(text, "\"head\": 3, \"score\": 8.25, \"rank\": 0, "
                                 "\"pruned\": true}"));
    assert_non_null(strstr(text,
                           "\"head\": 2, \"score\": null, \"rank\": null, "
                           "\"pruned\": false}"));
    free(text);
    job_close(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_have_their_keys_in_order),
        cmocka_unit_test(scores_read_back_print_the_same),
        cmocka_unit_test(shared_heads_have_a_group),
        cmocka_unit_test(seeds_of_any_size_survive),
        cmocka_unit_test(a_plan_tells_policy_and_list),
        cmocka_unit_test(a_count_stands_where_it_was_given),
        cmocka_unit_test(a_plan_of_nothing_is_a_plan),
        cmocka_unit_test(a_list_of_heads_has_no_method),
        cmocka_unit_test(a_plan_without_blocks_knows_the_listed_heads),
        cmocka_unit_test(a_plan_read_back_is_that_plan),
        cmocka_unit_test(time_stamps_only_where_the_build_asks),
        cmocka_unit_test(a_report_tells_what_was_changed),
        cmocka_unit_test(a_report_carries_scores_and_core),
        cmocka_unit_test(a_report_is_read_as_its_plan),
        cmocka_unit_test(a_report_of_a_read_plan_knows_its_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
