/* sweep/1 as it is written and read back, and what is refused. */
#include "headprune/document.h"

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
#define TOOL                                                                   \
    "{\n"                                                                      \
    "  \"schema\": \"headprune.sweep/1\",\n"                                   \
    "  \"tool\": {\"name\": \"headprune\", \"version\": \"" HEADPRUNE_VERSION  \
    "\"},\n"

static const hp_sweep_point points[] = {
    {.method = "entropy",
     .ratio = 0.1,
     .n_pruned = 2,
     .heads = "0:1 1:0",
     .value = 106.25,
     .error = 1.5,
     .loss = 4.665,
     .delta = 0.006,
     .delta_error = 0.001,
     .kl = 0.0078125,
     .same_top1 = 0.9375},
    {.method = "random",
     .has_seed = 1,
     .seed = UINT64_MAX,
     .ratio = 0.1,
     .n_pruned = 2,
     .heads = "0:0-1",
     .value = (double)INFINITY,
     .error = (double)NAN,
     .loss = 1000,
     .delta = 995,
     .delta_error = 2,
     .kl = 900,
     .same_top1 = 0},
};

static hp_sweep make_sweep(void)
{
    static hp_sweep_row rows[2];
    static const hp_sweep_agreement agreement = {"entropy", "magnitude", -0.8};
    const double none = (double)NAN;
    rows[0] = (hp_sweep_row){
        "entropy", 0.1,   2,      106.25, 0.75,   5, 108.125,
        1.5,       106.5, 110.25, -1.25,  0.3125, 4, HP_VERDICT_UNCLEAR};
    rows[1] = (hp_sweep_row){"random", 0.1,     2,   108.125,        2.625,
                             5,        108.125, 1.5, 106.5,          110.25,
                             none,     none,    0,   HP_VERDICT_NONE};
    return (hp_sweep){
        .model = {.path = "models/tiny",
                  .model_type = "gpt2",
                  .architecture = "GPT2LMHeadModel",
                  .fingerprint = "sha256:" HEX,
                  .layers = 2,
                  .heads = 4,
                  .head_dim = 8,
                  .parameters = 1234},
        .has_calibration = 1,
        .calibration = {.source = "embedded:mixed",
                        .sha256 = HEX,
                        .sequences = 32,
                        .length = 256,
                        .tokens = 8192},
        .scope = HP_SCOPE_LAYER,
        .group = HP_GROUP_EVEN,
        .keep = 1,
        .baseline = {.metric = HP_METRIC_PERPLEXITY,
                     .value = 105.5,
                     .value_error = 1.25,
                     .loss = 4.65625,
                     .tokens = 8160,
                     .windows = 32,
                     .length = 256,
                     .stride = 256,
                     .source = "book.txt",
                     .sha256 = HEX},
        .n_planned = 6,
        .n_points = 2,
        .points = points,
        .n_rows = 2,
        .rows = rows,
        .n_agreements = 1,
        .agreements = &agreement,
    };
}

static const char text[] = TOOL
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
    "  \"calibration\": {\"source\": \"embedded:mixed\", \"sha256\": \"" HEX
    "\", \"sequences\": 32, \"length\": 256, \"tokens\": 8192},\n"
    "  \"policy\": {\"scope\": \"layer\", \"keep\": 1, \"group\": \"even\"},\n"
    "  \"baseline\": {\n"
    "    \"metric\": \"perplexity\",\n"
    "    \"value\": 105.5,\n"
    "    \"stderr\": 1.25,\n"
    "    \"loss\": 4.65625,\n"
    "    \"tokens\": 8160,\n"
    "    \"windows\": 32,\n"
    "    \"length\": 256,\n"
    "    \"stride\": 256,\n"
    "    \"data\": {\"source\": \"book.txt\", \"sha256\": \"" HEX "\"}\n"
    "  },\n"
    "  \"planned\": 6,\n"
    "  \"points\": [\n"
    "    {\"method\": \"entropy\", \"seed\": null, \"ratio\": 0.1, "
    "\"pruned\": 2, \"heads\": \"0:1 1:0\", \"eval\": {\"value\": 106.25, "
    "\"stderr\": 1.5, \"loss\": 4.665, \"delta\": {\"loss\": 0.006, "
    "\"stderr\": 0.001}, \"kl\": 0.0078125, \"same_top1\": 0.9375}},\n"
    "    {\"method\": \"random\", \"seed\": \"18446744073709551615\", "
    "\"ratio\": 0.1, \"pruned\": 2, \"heads\": \"0:0-1\", \"eval\": "
    "{\"value\": null, \"stderr\": null, \"loss\": 1000, \"delta\": "
    "{\"loss\": 995, \"stderr\": 2}, \"kl\": 900, \"same_top1\": 0}}\n"
    "  ],\n"
    "  \"summary\": [\n"
    "    {\"method\": \"entropy\", \"ratio\": 0.1, \"pruned\": 2, \"value\": "
    "106.25, \"delta\": 0.75, \"random\": {\"seeds\": 5, \"mean\": 108.125, "
    "\"sd\": 1.5, \"min\": 106.5, \"max\": 110.25}, \"z\": -1.25, \"p\": "
    "0.3125, \"wins\": 4, \"verdict\": \"unclear\"},\n"
    "    {\"method\": \"random\", \"ratio\": 0.1, \"pruned\": 2, \"value\": "
    "108.125, \"delta\": 2.625, \"random\": {\"seeds\": 5, \"mean\": "
    "108.125, \"sd\": 1.5, \"min\": 106.5, \"max\": 110.25}, \"z\": null, "
    "\"p\": null, \"wins\": 0, \"verdict\": null}\n"
    "  ],\n"
    "  \"agreement\": [\n"
    "    {\"methods\": [\"entropy\", \"magnitude\"], \"spearman\": -0.8}\n"
    "  ]\n"
    "}\n";

static void a_sweep_has_these_bytes(void **state)
{
    (void)state;
    const hp_sweep s = make_sweep();
    char *got = NULL;
    hp_error err = {0};
    assert_int_equal(hp_document_sweep(&got, &s, &err), HP_OK);
    assert_string_equal(got, text);
    free(got);
}

static void a_sweep_that_was_read_is_written_the_same(void **state)
{
    (void)state;
    hp_sweep *s = NULL;
    char *again = NULL;
    hp_error err = {0};
    if (hp_document_parse_sweep(&s, text, strlen(text), &err))
        fail_msg("%s", err.message);
    assert_int_equal(s->n_points, 2);
    assert_int_equal(s->points[0].has_seed, 0);
    assert_true(s->points[1].seed == UINT64_MAX);
    assert_true(isnan(s->points[1].value));
    assert_true(isnan(s->baseline.kl));
    assert_int_equal(s->rows[1].verdict, HP_VERDICT_NONE);
    assert_int_equal(hp_document_sweep(&again, s, &err), HP_OK);
    assert_string_equal(again, text);
    free(again);
    hp_sweep_free(s);
}

/* ---- samples ---- */

#define POINT_END "\"same_top1\": 0}"
#define BASE_END  "\"sha256\": \"" HEX "\"}\n  },\n  \"planned\": 6,\n"
#define POINT_TEXTS                                                            \
    POINT_END ", \"samples\": [{\"prompt\": \"It was\", \"text\": \" not\"}, " \
              "{\"prompt\": \"A \\\"b\\\"\", \"text\": \"\"}]"
#define BASE_TEXTS                                                             \
    "\"sha256\": \"" HEX "\"},\n"                                              \
    "    \"samples\": [\n"                                                     \
    "      {\"prompt\": \"It was\", \"text\": \" dark\\nnight\"},\n"           \
    "      {\"prompt\": \"A \\\"b\\\"\", \"text\": \" c\"}\n"                  \
    "    ]\n  },\n  \"planned\": 6,\n  \"max_tokens\": 16,\n"

/* `whole` with `from` replaced. */
static void replace(char *out, size_t room, const char *whole, const char *from,
                    const char *to)
{
    const char *at = strstr(whole, from);
    assert_non_null(at);
    snprintf(out, room, "%.*s%s%s", (int)(at - whole), whole, to,
             at + strlen(from));
}

static void samples_are_last_and_are_kept(void **state)
{
    (void)state;
    static const hp_sample base[] = {{"It was", " dark\nnight"},
                                     {"A \"b\"", " c"}},
                           pruned[] = {{"It was", " not"}, {"A \"b\"", ""}};
    char half[sizeof text + 512], want[sizeof text + 1024];
    hp_sweep_point with[2] = {points[0], points[1]};
    hp_sweep s = make_sweep(), *back = NULL;
    char *got = NULL, *again = NULL;
    hp_error err = {0};
    replace(half, sizeof half, text, POINT_END, POINT_TEXTS);
    replace(want, sizeof want, half, BASE_END, BASE_TEXTS);
    with[1].samples = (hp_samples){2, pruned};
    s.points = with;
    s.samples = (hp_samples){2, base};
    s.max_tokens = 16;
    assert_int_equal(hp_document_sweep(&got, &s, &err), HP_OK);
    assert_string_equal(got, want);
    if (hp_document_parse_sweep(&back, want, strlen(want), &err))
        fail_msg("%s", err.message);
    assert_int_equal(back->max_tokens, 16);
    assert_int_equal(back->points[0].samples.n, 0);
    assert_string_equal(back->samples.at[0].text, " dark\nnight");
    assert_int_equal(hp_document_sweep(&again, back, &err), HP_OK);
    assert_string_equal(again, want);
    free(got);
    free(again);
    hp_sweep_free(back);
}

static void a_sample_without_its_text_is_named(void **state)
{
    (void)state;
    char changed[sizeof text + 128];
    hp_sweep *s = NULL;
    hp_error err = {0};
    replace(changed, sizeof changed, text, POINT_END,
            POINT_END ", \"samples\": [{\"prompt\": \"a\"}]");
    assert_int_equal(
        hp_document_parse_sweep(&s, changed, strlen(changed), &err), HP_FORMAT);
    assert_null(s);
    assert_non_null(strstr(err.message, "key 'text'"));
    assert_non_null(strstr(err.message, "samples[0]"));
}

typedef struct edit {
    const char *from, *to, *message;
} edit;

static const edit edits[] = {
    {"headprune.sweep/1", "headprune.sweep/2", "schema 'headprune.sweep/2'"},
    {"\"calibration\"", "\"calibrations\"", "key 'calibration' is missing"},
    {"\"scope\": \"layer\"", "\"scope\": \"block\"", "key 'scope' is 'block'"},
    {"\"even\"", "\"odd\"", "key 'group' is 'odd': not 'none', 'kv' or"},
    {"\"metric\": \"perplexity\"", "\"metric\": \"bleu\"",
     "key 'metric' is 'bleu'"},
    {"\"stride\": 256", "\"stride\": -1", "key 'stride'"},
    {"\"data\": {", "\"date\": {", "key 'data' is missing"},
    {"\"planned\": 6", "\"planned\": 6.5", "key 'planned'"},
    {"\"points\": [", "\"dots\": [", "key 'points' is missing"},
    {"\"heads\": \"0:1 1:0\"", "\"heads\": 7", "points[0]: key 'heads'"},
    {"\"kl\": 900, ", "", "points[1]: key 'kl' is missing"},
    {"\"18446744073709551615\"", "\"18446744073709551616\"",
     "points[1]: key 'seed' is '18446744073709551616'"},
    {"\"delta\": {\"loss\": 0.006", "\"delta\": {\"loss\": \"x\"",
     "points[0]: key 'loss'"},
    {"\"seeds\": 5", "\"seeds\": null", "summary[0]: key 'seeds'"},
    {"\"verdict\": \"unclear\"", "\"verdict\": \"great\"",
     "summary[0]: key 'verdict' is 'great'"},
    {"[\"entropy\", \"magnitude\"]", "[\"entropy\"]",
     "agreement[0]: key 'methods' is no pair"},
    {"[\"entropy\", \"magnitude\"]", "[\"entropy\", 1]",
     "agreement[0]: key 'methods' is no pair"},
};

static void what_breaks_the_schema_is_named(void **state)
{
    (void)state;
    char changed[sizeof text + 64];
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        const edit *e = &edits[i];
        const char *at = strstr(text, e->from);
        hp_sweep *s = NULL;
        hp_error err = {0};
        assert_non_null(at);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text,
                 e->to, at + strlen(e->from));
        hp_status st =
            hp_document_parse_sweep(&s, changed, strlen(changed), &err);
        if (st != HP_FORMAT || s || !strstr(err.message, e->message))
            fail_msg("%s -> %s: status %d, '%s'", e->from, e->to, (int)st,
                     err.message);
    }
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    hp_sweep *s = NULL;
    hp_error err = {0};
    assert_int_equal(hp_document_read_sweep(&s, "/nowhere/sweep.json", &err),
                     HP_IO);
    assert_null(s);
    assert_string_equal(err.file, "/nowhere/sweep.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sweep_has_these_bytes),
        cmocka_unit_test(a_sweep_that_was_read_is_written_the_same),
        cmocka_unit_test(samples_are_last_and_are_kept),
        cmocka_unit_test(a_sample_without_its_text_is_named),
        cmocka_unit_test(what_breaks_the_schema_is_named),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
