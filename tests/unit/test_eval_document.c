/* eval/1 as it is written and read back, and what is refused. */
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
#define MODEL                                                                  \
    "  \"model\": {\n"                                                         \
    "    \"path\": \"m\",\n"                                                   \
    "    \"model_type\": \"gpt2\",\n"                                          \
    "    \"architecture\": \"GPT2LMHeadModel\",\n"                             \
    "    \"layers\": 2,\n"                                                     \
    "    \"heads\": 8,\n"                                                      \
    "    \"head_dim\": 4,\n"                                                   \
    "    \"parameters\": 1000,\n"                                              \
    "    \"fingerprint\": \"sha256:" HEX "\"\n"                                \
    "  },\n"
#define FIRST                                                                  \
    "{\n"                                                                      \
    "  \"schema\": \"headprune.eval/1\",\n"                                    \
    "  \"tool\": {\"name\": \"headprune\", \"version\": \"" HEADPRUNE_VERSION  \
    "\"},\n" MODEL "  \"metric\": \"perplexity\",\n"                           \
    "  \"value\": 105.625,\n"                                                  \
    "  \"stderr\": 1.25,\n"                                                    \
    "  \"loss\": 4.65989123,\n"                                                \
    "  \"tokens\": 510,\n"                                                     \
    "  \"windows\": 2,\n"                                                      \
    "  \"length\": 256,\n"                                                     \
    "  \"stride\": 128,\n"                                                     \
    "  \"data\": {\"source\": \"t.txt\", \"sha256\": \"" HEX "\"},\n"          \
    "  \"pruned\": 2,\n"                                                       \
    "  \"heads\": \"0:1 1:0\",\n"
#define BASE                                                                   \
    "  \"top1\": 0.25,\n"                                                      \
    "  \"base\": {\"value\": 100.5, \"loss\": 4.5, \"path\": \"b\", "          \
    "\"fingerprint\": \"sha256:" HEX "\"},\n"                                  \
    "  \"delta\": {\"loss\": 0.125, \"stderr\": null},\n"                      \
    "  \"kl\": 0.0625,\n"                                                      \
    "  \"same_top1\": 0.875\n"                                                 \
    "}\n"

static hp_eval example(int has_base)
{
    return (hp_eval){
        .model = {"m", "gpt2", "GPT2LMHeadModel", "sha256:" HEX, 2, 8, 4, 1000},
        .metric = HP_METRIC_PERPLEXITY,
        .value = 105.625,
        .value_error = 1.25,
        .loss = 4.659891230000099, /* nine digits are kept */
        .tokens = 510,
        .windows = 2,
        .length = 256,
        .stride = 128,
        .source = "t.txt",
        .sha256 = HEX,
        .heads = "0:1 1:0",
        .n_masked = 2,
        .has_base = has_base,
        .base = {.path = "b", .fingerprint = "sha256:" HEX},
        .base_value = 100.5,
        .base_loss = 4.5,
        .delta = 0.125,
        .delta_error = (double)NAN,
        .kl = 0.0625,
        .same_top1 = 0.875,
        .top1 = has_base ? 0.25 : (double)NAN,
    };
}

static void assert_written(int has_base, const char *want)
{
    hp_eval e = example(has_base);
    char *text = NULL;
    hp_error err = {0};
    assert_int_equal(hp_document_eval(&text, &e, &err), HP_OK);
    assert_string_equal(text, want);
    free(text);
}

static void a_document_is_as_described(void **state)
{
    (void)state;
    assert_written(1, FIRST BASE);
    assert_written(0, FIRST "  \"top1\": null\n}\n");
}

static void what_is_read_is_what_was_written(void **state)
{
    (void)state;
    hp_eval *e = NULL;
    hp_error err = {0};
    const char *text = FIRST BASE;
    assert_int_equal(hp_document_parse_eval(&e, text, strlen(text), &err),
                     HP_OK);
    char *again = NULL;
    assert_int_equal(hp_document_eval(&again, e, &err), HP_OK);
    assert_string_equal(again, text);
    assert_true(e->loss_error == 1.25 / 105.625 && !e->losses);
    assert_true(isnan(e->delta_error));
    free(again);
    hp_eval_free(e);
    text = FIRST "  \"top1\": 0.5\n}\n";
    assert_int_equal(hp_document_parse_eval(&e, text, strlen(text), &err),
                     HP_OK);
    assert_true(!e->has_base && isnan(e->kl) && isnan(e->delta));
    hp_eval_free(e);
}

/* The document with `from` replaced by `to`. */
static void assert_refused(const char *from, const char *to,
                           const char *fragment)
{
    char text[4096];
    const char *whole = FIRST BASE, *at = strstr(whole, from);
    hp_eval *e = NULL;
    hp_error err = {0};
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, to,
             at + strlen(from));
    assert_int_equal(hp_document_parse_eval(&e, text, strlen(text), &err),
                     HP_FORMAT);
    assert_null(e);
    if (!strstr(err.message, fragment))
        fail_msg("'%s' does not say '%s'", err.message, fragment);
}

static void what_is_no_evaluation_is_refused(void **state)
{
    (void)state;
    assert_refused("eval/1", "scores/1", "headprune.scores/1");
    assert_refused("\"perplexity\"", "\"bleu\"", "'bleu'");
    assert_refused("  \"value\": 105.625,\n", "", "'value' is missing");
    assert_refused("105.625", "\"high\"", "value");
    assert_refused("\"tokens\": 510", "\"tokens\": 1.5", "'tokens'");
    assert_refused("\"windows\": 2", "\"windows\": -2", "'windows'");
    assert_refused("\"pruned\": 2", "\"pruned\": null", "'pruned'");
    assert_refused("\"data\": {\"source\"", "\"data\": {\"from\"", "'source'");
    assert_refused("  \"kl\": 0.0625,\n", "", "'kl' is missing");
    assert_refused("\"delta\": {\"loss\"", "\"delta\": {\"of\"", "'loss'");
    assert_refused("\"base\": {\"value\": 100.5", "\"base\": {\"value\": []",
                   "'value'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_as_described),
        cmocka_unit_test(what_is_read_is_what_was_written),
        cmocka_unit_test(what_is_no_evaluation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
