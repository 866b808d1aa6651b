/* Pages of documents: which figures there are, and what they say. */
#include "headprune/page.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const hp_head heads[] = {
    {"0:0", "h.0.attn", 0, 0, 0, 0},
    {"0:1", "h.0.attn", 0, 0, 1, 1},
    {"1:0", "h.1.attn", 1, 1, 0, 0},
    {"1:1", "h.1.attn", 1, 1, 1, 1},
};

static hp_scores make_scores(const char *method, const double *values,
                             const uint32_t *rank)
{
    return (hp_scores){
        .model = {.path = "models/tiny",
                  .model_type = "gpt2",
                  .architecture = "GPT2LMHeadModel",
                  .fingerprint = "sha256:00",
                  .layers = 2,
                  .heads = 4,
                  .head_dim = 8,
                  .parameters = 1234567},
        .method = method,
        .unit = "nat",
        .prunes_highest = 1,
        .n_heads = 4,
        .heads = heads,
        .values = values,
        .rank = rank,
    };
}

static const double values[] = {1, 4, 2, 3};
static const uint32_t rank[] = {3, 0, 2, 1};
static const unsigned char pruned[] = {0, 1, 0, 1};
static const uint32_t order[] = {1, 3};

static hp_plan make_plan(const hp_scores *s)
{
    return (hp_plan){.model = s->model,
                     .method = s->method,
                     .unit = s->unit,
                     .prunes_highest = s->prunes_highest,
                     .policy = {.ratio = 0.5},
                     .n_heads = 4,
                     .n_pruned = 2,
                     .heads = heads,
                     .values = s->values,
                     .rank = s->rank,
                     .pruned = pruned,
                     .order = order};
}

static hp_document make_document(hp_scores *s, hp_plan *p)
{
    return (hp_document){.path = s ? "scores.json" : "plan.json",
                         .text = "{}\n",
                         .len = 3,
                         .scores = s,
                         .plan = p};
}

static hp_page *make_page(const hp_document *a, const hp_document *b)
{
    const hp_document *docs[] = {a, b};
    hp_page *p = NULL;
    hp_error err = {0};
    if (hp_page_make(&p, docs, b ? 2 : 1, &err))
        fail_msg("%s", err.message);
    return p;
}

static void check_figures(const hp_page *p, const char *want)
{
    char names[256] = "";
    for (size_t i = 0; i < hp_page_n_figures(p); i++) {
        size_t len = strlen(names);
        snprintf(names + len, sizeof names - len, "%s%s", i ? " " : "",
                 hp_page_figure(p, i)->name);
    }
    assert_string_equal(names, want);
}

static void check_says(const hp_page *p, const char *text, int wanted)
{
    size_t len;
    const char *html = hp_page_html(p, &len);
    assert_int_equal(strlen(html), len);
    if ((strstr(html, text) != NULL) != wanted)
        fail_msg("'%s' %s", text, wanted ? "is missing" : "should not be");
}

static void test_a_page_needs_a_document(void **state)
{
    hp_page *p = NULL;
    hp_error err = {0};
    (void)state;
    assert_int_equal(hp_page_make(&p, NULL, 0, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "no document"));
    assert_null(p);
}

/* Few large scores would leave all others one colour and one bar. */
static void test_skewed_scores_are_drawn_by_their_logarithms(void **state)
{
    static const double all[][4] = {
        {5, 1e-4, 1e-3, 1e-2}, /* drawn so */
        {5, 0, 1e-3, 1e-2},    /* 0 has no logarithm */
        {5, 0.1, 0.2, 0.3},    /* less than two decades */
        {5, 4, 1e-3, 1e-2},    /* half of them are large */
    };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        hp_scores s = make_scores("obs", all[i], rank);
        hp_document d = make_document(&s, NULL);
        hp_page *p = make_page(&d, NULL);
        check_says(p, "Colours are logarithmic.", i == 0);
        check_says(p, "The axis is logarithmic.", i == 0);
        /* Linear bins have the three small ones in one. */
        check_says(p, ": 3 kept, 0 pruned</title>", i == 1 || i == 2);
        hp_page_free(p);
    }
}

static void test_scores_alone_have_a_map_and_a_histogram(void **state)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_document d = make_document(&s, NULL);
    hp_page *p = make_page(&d, NULL);
    (void)state;
    check_figures(p, "heatmap-1 histogram-1");
    check_says(p, "<title>L0 H1 score 4 nat rank 0 of 4</title>", 1);
    check_says(p, "<h2>entropy: scores</h2>", 1);
    check_says(p, "1,234,567 parameters", 1);
    hp_page_free(p);
}

static void test_a_plan_and_its_scores_are_one(void **state)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_plan plan = make_plan(&s);
    hp_document a = make_document(&s, NULL), b = make_document(NULL, &plan);
    hp_page *p = make_page(&a, &b);
    (void)state;
    check_figures(p, "heatmap-1 kept-1 histogram-1");
    check_says(p, "<title>L0 H1 score 4 nat rank 0 of 4, pruned</title>", 1);
    check_says(p, "<title>L0 H0 score 1 nat rank 3 of 4, kept</title>", 1);
    check_says(p, "<h2>entropy: 2 of 4 heads pruned</h2>", 1);
    check_says(p, "pruned above 2.5<", 1);
    check_says(p, "plan.json, scores.json", 1);
    hp_page_free(p);
}

static void test_a_search_is_a_curve(void **state)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_plan plan = make_plan(&s);
    hp_choice choice = {.has_limit = 1,
                        .limit = {0.01, 1},
                        .curve = {3,
                                  {{0, 0, 4, 0, 0},
                                   {0.5, 2, 4.03, 0.03, 0.01},
                                   {0.75, 3, 4.05, 0.05, 0.01}}}};
    hp_document d = make_document(&s, &plan);
    (void)state;
    hp_page *p = make_page(&d, NULL);
    check_figures(p, "heatmap-1 kept-1 histogram-1");
    hp_page_free(p);
    d.choice = &choice;
    p = make_page(&d, NULL);
    check_figures(p, "heatmap-1 kept-1 limit-1 histogram-1");
    check_says(p, "<title>2 heads pruned: 0.03 \xC2\xB1 0.01</title>", 1);
    check_says(p, "the limit: 1 % of the loss", 1);
    check_says(p,
               "<td class=\"n\">0.03</td><td class=\"n\">0.01</td>"
               "<td>yes</td>",
               1);
    check_says(p,
               "<td class=\"n\">0.05</td><td class=\"n\">0.01</td>"
               "<td>no</td>",
               1);
    hp_page_free(p);
    choice.limit = (hp_limit){0.02, 0};
    p = make_page(&d, NULL);
    check_says(p, "the limit: 0.02 nat", 1);
    check_says(p,
               "<td class=\"n\">0.03</td><td class=\"n\">0.01</td>"
               "<td>no</td>",
               1);
    hp_page_free(p);
}

static void test_rows_of_several_stacks_are_blocks(void **state)
{
    static const hp_head stacked[] = {
        {"enc.0:0", "encoder.0", 0, 0, 0, 0},
        {"enc.0:1", "encoder.0", 0, 0, 1, 1},
        {"dec.0.cross:0", "decoder.0", 1, 1, 0, 0},
        {"dec.0.cross:1", "decoder.0", 1, 1, 1, 1},
    };
    hp_scores s = make_scores("entropy", values, rank);
    s.heads = stacked;
    hp_plan plan = make_plan(&s);
    plan.heads = stacked;
    hp_document d = make_document(&s, &plan);
    hp_page *p = make_page(&d, NULL);
    (void)state;
    check_says(p, "Heads kept in every block", 1);
    check_says(p, "rows are blocks of attention: of the encoder (enc)", 1);
    check_says(p, "Heads kept in every layer", 0);
    hp_page_free(p);
}

static void test_a_plan_of_another_model_stays_apart(void **state)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_plan plan = make_plan(&s);
    plan.model.fingerprint = "sha256:11";
    hp_document a = make_document(&s, NULL), b = make_document(NULL, &plan);
    hp_page *p = make_page(&a, &b);
    (void)state;
    check_figures(p, "heatmap-1 kept-1 heatmap-2 histogram-1");
    check_says(p, "Attention heads of several models", 1);
    hp_page_free(p);
}

static void test_a_list_of_heads_has_no_scores(void **state)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_plan plan = make_plan(&s);
    plan.method = plan.unit = "";
    plan.values = NULL;
    plan.rank = NULL;
    hp_document d = make_document(NULL, &plan);
    hp_page *p = make_page(&d, NULL);
    (void)state;
    check_figures(p, "heatmap-1 kept-1");
    check_says(p, "<title>L0 H1, pruned</title>", 1);
    check_says(p, "a list of heads: 2 of 4 heads pruned", 1);
    check_says(p, "go first</text>", 0);
    hp_page_free(p);
}

static void test_two_methods_are_compared(void **state)
{
    static const double other[] = {1, 4, 3, 2};
    static const uint32_t other_rank[] = {3, 0, 1, 2};
    hp_scores s = make_scores("entropy", values, rank);
    hp_scores t = make_scores("gradient", other, other_rank);
    hp_document a = make_document(&s, NULL), b = make_document(&t, NULL);
    hp_page *p = make_page(&a, &b);
    (void)state;
    check_figures(p, "heatmap-1 histogram-1 heatmap-2 histogram-2 agreement-1");
    check_says(p, "= 0.800 (1: the same order", 1);
    check_says(p, "Agreement of entropy and gradient", 1);
    hp_page_free(p);
}

static void test_the_same_scores_twice_are_drawn_once(void **state)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_document a = make_document(&s, NULL);
    hp_page *p = make_page(&a, &a);
    (void)state;
    check_figures(p, "heatmap-1 histogram-1");
    hp_page_free(p);
}

static void test_methods_that_prune_other_ends_can_agree(void **state)
{
    static const double other[] = {9, 2, 3, 2};
    static const uint32_t other_rank[] = {3, 0, 2, 1};
    hp_scores s = make_scores("entropy", values, rank);
    hp_scores t = make_scores("magnitude", other, other_rank);
    t.prunes_highest = 0;
    hp_document a = make_document(&s, NULL), b = make_document(&t, NULL);
    hp_page *p = make_page(&a, &b);
    (void)state;
    /* Ranks 3 0 2 1 and 3 0.5 2 0.5: 4.5 / sqrt(5 * 4.5). */
    check_says(p, "= 0.949 (1: the same order", 1);
    check_says(p, "0:1: rank 0 and 0.5<", 1);
    hp_page_free(p);
}

static void test_equal_scores_agree_with_nothing(void **state)
{
    static const double flat[] = {2, 2, 2, 2};
    hp_scores s = make_scores("entropy", values, rank);
    hp_scores t = make_scores("flat", flat, rank);
    hp_document a = make_document(&s, NULL), b = make_document(&t, NULL);
    hp_page *p = make_page(&a, &b);
    (void)state;
    check_says(p, "not defined (all scores are equal)", 1);
    hp_page_free(p);
}

static hp_sweep_row sweep_row(const char *method, double ratio, size_t gone,
                              double value)
{
    return (hp_sweep_row){.method = method,
                          .ratio = ratio,
                          .n_pruned = gone,
                          .value = value,
                          .n_seeds = 2,
                          .mean = 30,
                          .min = 20,
                          .max = 40,
                          .z = -1.5,
                          .p = 0.25,
                          .wins = 2,
                          .verdict = strcmp(method, "random") != 0
                                         ? HP_VERDICT_UNCLEAR
                                         : HP_VERDICT_NONE};
}

/* A sweep of four heads whose values end at `last`. */
static hp_page *make_sweep_page(double last)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_sweep_row rows[] = {
        sweep_row("entropy", 0.5, 2, 12), sweep_row("entropy", 0.75, 3, last),
        sweep_row("random", 0.5, 2, 30), sweep_row("random", 0.75, 3, 31),
        sweep_row("magnitude", 0.5, 2, (double)NAN)};
    hp_sweep_point points[] = {{.method = "entropy",
                                .n_pruned = 2,
                                .heads = "",
                                .value = 12,
                                .error = 0.5},
                               {.method = "random",
                                .has_seed = 1,
                                .seed = 7,
                                .n_pruned = 2,
                                .heads = "",
                                .value = 20,
                                .error = 1}};
    hp_sweep_agreement agreement = {"entropy", "magnitude", -0.25};
    hp_sweep sweep = {.model = s.model,
                      .baseline = {.metric = HP_METRIC_PERPLEXITY,
                                   .value = 10,
                                   .value_error = 0.25,
                                   .tokens = 2040,
                                   .windows = 8,
                                   .source = "<held out>"},
                      .n_planned = 9,
                      .n_points = 2,
                      .points = points,
                      .n_rows = 5,
                      .rows = rows,
                      .n_agreements = 1,
                      .agreements = &agreement};
    hp_document d = make_document(NULL, NULL);
    d.sweep = &sweep;
    return make_page(&d, NULL);
}

static void test_a_sweep_has_lines_a_band_and_error_bars(void **state)
{
    hp_page *p = make_sweep_page(14);
    (void)state;
    check_figures(p, "sweep-1");
    check_says(p, "<title>entropy, 2 heads pruned: 12 \xC2\xB1 0.5</title>", 1);
    check_says(p, "<title>random (seed 7), 2 heads pruned: 20</title>", 1);
    check_says(p, "class=\"band\" d=\"M", 1);
    check_says(p, "<path class=\"error line s0\"", 1);
    check_says(p, "perplexity (lower is better)", 1);
    check_says(p, "on a logarithmic axis", 0);
    check_says(p, "2 of 9", 1);
    check_says(p, "&lt;held out&gt;, 2,040 tokens in 8 windows", 1);
    check_says(p, "<td>unclear</td>", 1);
    check_says(p, "<td class=\"n\">-0.25</td>", 1);
    check_says(p, "\"nan", 0);
    check_says(p, "Lnan", 0);
    hp_page_free(p);
}

static void test_a_wide_range_takes_a_logarithmic_axis(void **state)
{
    hp_page *p = make_sweep_page(9000);
    (void)state;
    check_says(p, "Metric: perplexity, on a logarithmic axis", 1);
    hp_page_free(p);
}

static void test_evaluations_are_drawn_by_metric(void **state)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_eval e = {.model = s.model,
                 .metric = HP_METRIC_PERPLEXITY,
                 .value = 12,
                 .value_error = 0.5,
                 .loss = 2.5,
                 .tokens = 100,
                 .source = "text",
                 .heads = "0:1",
                 .has_base = 1,
                 .base_value = 10,
                 .delta = 0.125,
                 .delta_error = 0.0625,
                 .kl = 0.03125,
                 .same_top1 = 0.75};
    hp_eval cosine = e;
    cosine.metric = HP_METRIC_HIDDEN_COSINE;
    cosine.value_error = (double)NAN;
    cosine.has_base = 0;
    hp_document a = make_document(NULL, NULL), b = a;
    a.eval = &e;
    b.eval = &cosine;
    hp_page *p = make_page(&a, &b);
    (void)state;
    check_figures(p, "evaluation-1 evaluation-2");
    check_says(p, "Evaluations: perplexity", 1);
    check_says(p, "Lower is better", 1);
    check_says(p, "plan.json: 12 \xC2\xB1 0.5<", 1);
    check_says(p, "Evaluations: hidden_cosine", 1);
    check_says(p, "plan.json: 12<", 1);
    check_says(p, "<td>0:1</td>", 1);
    check_says(p, ">0.125<", 1);
    hp_page_free(p);
}

static void test_attention_is_a_square_a_head(void **state)
{
    static const float none[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    static const float some[] = {1, 0, 0, 0.4F, 0.4F, 0, 0.1F, 0.1F, 0.8F};
    const hp_thumbnail two[] = {{none, 0.25, 0.125, 1},
                                {some, 0.5, 0.0625, (double)NAN}};
    const hp_thumbnail_block blocks[] = {{"<h.0>", 2, two}, {"h.1", 1, two}};
    hp_thumbnails t = {3, 3, 2, blocks};
    hp_document d = {.path = "x/a.safetensors", .thumbnails = &t};
    hp_page *p = make_page(&d, NULL), *q = make_page(&d, &d);
    (void)state;
    check_figures(p, "attention-1");
    check_figures(q, "attention-1 attention-2");
    check_says(p, "<title>Attention heads of a.safetensors</title>", 1);
    check_says(q, "<title>Attention heads of several files</title>", 1);
    check_says(p, "<h2>Attention of all heads on 3 tokens</h2>", 1);
    check_says(p, "<title>block &lt;h.0&gt; head 1</title>", 1);
    check_says(p, "<path class=\"shade l5\" d=\"M0 0.5h1M1 1.5h1M2 2.5h1\"/>",
               1);
    check_says(p, "<path class=\"shade l4\" d=\"M0 1.5h2\"/>", 1);
    check_says(p, "<path class=\"shade l2\" d=\"M0 2.5h2\"/>", 1);
    check_says(p, "<td class=\"n\">0.0625</td>", 1);
    check_says(p, "<h.0>", 0);
    check_says(p, "application/json", 0);
    hp_page_free(p);
    hp_page_free(q);
}

static void test_hostile_text_stays_text(void **state)
{
    hp_scores s = make_scores("</script><b>\"'&\x01", values, rank);
    s.model.path = "</title><script>alert(1)</script>";
    s.unit = "<i>";
    hp_document d = make_document(&s, NULL);
    d.path = "\"><img src=x onerror=alert(1)>";
    d.text = "{\"a\": \"</script><script>alert(1)</script>\"}\n";
    d.len = strlen(d.text);
    hp_page *p = make_page(&d, NULL);
    (void)state;
    check_says(p, "<script>alert", 0);
    check_says(p, "<img", 0);
    check_says(p, "<i>", 0);
    check_says(p, "\x01", 0);
    check_says(p, "{\"a\": \"\\u003c/script>\\u003cscript>alert(1)", 1);
    check_says(p, "&lt;/script&gt;&lt;b&gt;", 1);
    hp_page_free(p);
}

static void test_wild_heads_of_a_document_are_drawn_side_by_side(void **state)
{
    static const hp_head wild[] = {
        {"4000000000:4294967295", "a", 7, 4000000000, UINT32_MAX, UINT32_MAX},
    };
    static const double one[] = {5};
    static const uint32_t first[] = {0};
    hp_scores s = make_scores("entropy", one, first);
    s.n_heads = 1;
    s.heads = wild;
    hp_document d = make_document(&s, NULL);
    hp_page *p = make_page(&d, NULL);
    (void)state;
    assert_in_range(hp_page_figure(p, 0)->len, 100, 20000);
    check_says(p, "L4000000000 H4294967295 score 5 nat rank 0 of 4", 1);
    hp_page_free(p);
}

static void test_the_same_documents_give_the_same_bytes(void **state)
{
    hp_scores s = make_scores("entropy", values, rank);
    hp_plan plan = make_plan(&s);
    hp_document d = make_document(&s, &plan);
    hp_page *p = make_page(&d, NULL), *q = make_page(&d, NULL);
    size_t len;
    (void)state;
    assert_string_equal(hp_page_html(p, &len), hp_page_html(q, &len));
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(hp_page_figure(p, i)->svg,
                            hp_page_figure(q, i)->svg);
    hp_page_free(p);
    hp_page_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_needs_a_document),
        cmocka_unit_test(test_scores_alone_have_a_map_and_a_histogram),
        cmocka_unit_test(test_skewed_scores_are_drawn_by_their_logarithms),
        cmocka_unit_test(test_a_plan_and_its_scores_are_one),
        cmocka_unit_test(test_a_search_is_a_curve),
        cmocka_unit_test(test_rows_of_several_stacks_are_blocks),
        cmocka_unit_test(test_a_plan_of_another_model_stays_apart),
        cmocka_unit_test(test_a_list_of_heads_has_no_scores),
        cmocka_unit_test(test_two_methods_are_compared),
        cmocka_unit_test(test_the_same_scores_twice_are_drawn_once),
        cmocka_unit_test(test_methods_that_prune_other_ends_can_agree),
        cmocka_unit_test(test_equal_scores_agree_with_nothing),
        cmocka_unit_test(test_a_sweep_has_lines_a_band_and_error_bars),
        cmocka_unit_test(test_a_wide_range_takes_a_logarithmic_axis),
        cmocka_unit_test(test_evaluations_are_drawn_by_metric),
        cmocka_unit_test(test_attention_is_a_square_a_head),
        cmocka_unit_test(test_hostile_text_stays_text),
        cmocka_unit_test(test_wild_heads_of_a_document_are_drawn_side_by_side),
        cmocka_unit_test(test_the_same_documents_give_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
