/*
 * Text of ids as the Hugging Face library gives it, whole and token by token:
 * of encoded texts, and of ids in any order, which break characters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "cases.h"
#include "text/characters.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN "tests/golden/tokenizers/"

static hp_tokenizer *open_tokenizer(const char *path)
{
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    if (hp_tokenizer_open(&t, path, 1000, &err))
        fail_msg("%s: %s", err.file, err.message);
    return t;
}

static hp_detokenizer *open_detokenizer(const hp_tokenizer *t)
{
    hp_detokenizer *d = NULL;
    assert_int_equal(hp_detokenizer_open(&d, t, NULL), HP_OK);
    return d;
}

/* The text of ids that come `step` at a time; what comes is always whole
 * characters. Freed by the caller. */
static char *text_of(size_t *len, hp_detokenizer *d, const int32_t *ids,
                     size_t n, size_t step)
{
    hp__buffer all = {0};
    const char *text = NULL;
    char *out = NULL;
    size_t got = 0;
    hp__buffer_text(&all, "");
    for (size_t i = 0; i < n; i += step) {
        size_t some = n - i < step ? n - i : step;
        assert_int_equal(
            hp_detokenizer_add(&text, &got, d, ids + i, some, NULL), HP_OK);
        assert_int_equal(hp__utf8_check(text, got), got);
        assert_int_equal(text[got], '\0');
        hp__buffer_add(&all, text, got);
    }
    assert_int_equal(hp_detokenizer_end(&text, &got, d, NULL), HP_OK);
    assert_int_equal(hp__utf8_check(text, got), got);
    hp__buffer_add(&all, text, got);
    assert_int_equal(hp__buffer_take(&out, len, &all, NULL), HP_OK);
    return out;
}

/* 1: the text is this. */
static int decodes_to(hp_detokenizer *d, const int32_t *ids, size_t n,
                      const golden_case *c, size_t step)
{
    size_t len = 0;
    char *text = text_of(&len, d, ids, n, step);
    int same = len == c->len && memcmp(text, c->text, len) == 0;
    free(text);
    return same;
}

static size_t count_wrong(hp_detokenizer *d, const golden_cases *cases, int say)
{
    size_t wrong = 0;
    for (size_t i = 0; i < cases->n; i++) {
        const golden_case *c = &cases->items[i];
        int same = decodes_to(d, c->ids, c->n, c, 1) &&
                   decodes_to(d, c->ids, c->n, c, 2) &&
                   decodes_to(d, c->ids, c->n, c, c->n);
        if (!same && say)
            print_message("case %zu differs: %.60s\n", i, c->text);
        wrong += !same;
    }
    return wrong;
}

static void text_is_that_of_the_library(void **state)
{
    const char *folder = *state;
    char path[256];
    golden_cases cases;
    snprintf(path, sizeof path, GOLDEN "%s/decoded.json", folder);
    golden_cases_open(&cases, path);
    assert_true(cases.n > 70);
    snprintf(path, sizeof path, GOLDEN "%s", folder);
    hp_tokenizer *t = open_tokenizer(path);
    hp_detokenizer *d = open_detokenizer(t);
    assert_int_equal(count_wrong(d, &cases, 1), 0);
    size_t first = 0;
    while (!cases.items[first].len)
        first++;
    cases.items[first].text[0]++; /* a wrong expectation must be seen */
    assert_int_equal(count_wrong(d, &cases, 0), 1);
    hp_detokenizer_free(d);
    hp_tokenizer_free(t);
    golden_cases_free(&cases);
}

static int has_special(const hp_tokenizer *t, const hp_ids *ids)
{
    const hp_special *s = hp_tokenizer_special(t);
    for (size_t i = 0; i < ids->n; i++)
        for (size_t j = 0; j < s->n; j++)
            if (ids->ids[i] == s->ids[j])
                return 1;
    return 0;
}

/* Nothing is lost in bytes: every text but those that hold a special token. */
static void byte_level_text_comes_back(void **state)
{
    golden_cases cases;
    size_t compared = 0;
    golden_cases_open(&cases, GOLDEN "gpt2/cases.json");
    hp_tokenizer *t = open_tokenizer(*state);
    hp_detokenizer *d = open_detokenizer(t);
    for (size_t i = 0; i < cases.n; i++) {
        const golden_case *c = &cases.items[i];
        hp_ids ids;
        assert_int_equal(hp_tokenizer_encode(&ids, t, c->text, c->len, 0, NULL),
                         HP_OK);
        if (!has_special(t, &ids)) {
            assert_true(decodes_to(d, ids.ids, ids.n, c, 1));
            compared++;
        }
        free(ids.ids);
    }
    assert_true(compared > 150 && compared < cases.n);
    hp_detokenizer_free(d);
    hp_tokenizer_free(t);
    golden_cases_free(&cases);
}

/* ---- what no library file shows ---- */

static hp_tokenizer *parse(const char *json)
{
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    if (hp__tokenizer_parse(&t, json, strlen(json), 100, &err))
        fail_msg("%s", err.message);
    return t;
}

#define MODEL                                                                  \
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"u\", "              \
    "\"max_input_chars_per_word\": 9, \"vocab\": {\"u\": 0, \"ab\": 1, "       \
    "\"##cd\": 2, \".\": 3, \"'\": 4, \"do not\": 5}}"

static void assert_text(const hp_tokenizer *t, const int32_t *ids, size_t n,
                        const char *want)
{
    size_t len = 0;
    hp_detokenizer *d = open_detokenizer(t);
    for (int again = 0; again < 2; again++) { /* the next text begins anew */
        char *text = text_of(&len, d, ids, n, 1);
        assert_string_equal(text, want);
        free(text);
    }
    hp_detokenizer_free(d);
}

static void words_are_joined_as_the_decoder_says(void **state)
{
    (void)state;
    static const int32_t ids[] = {2, 1, 2, 3, 1, 5};
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"{" MODEL ", \"decoder\": null}", "##cd ab ##cd . ab do not"},
        {"{" MODEL "}", "##cd ab ##cd . ab do not"},
        {"{" MODEL ", \"decoder\": {\"type\": \"WordPiece\", \"prefix\": "
         "\"##\", \"cleanup\": true}}",
         "##cd abcd. ab don't"},
        {"{" MODEL ", \"decoder\": {\"type\": \"WordPiece\", \"prefix\": "
         "\"##\", \"cleanup\": false}}",
         "##cd abcd . ab do not"},
        {"{" MODEL ", \"decoder\": {\"type\": \"WordPiece\", \"prefix\": "
         "\"a\", \"cleanup\": false}}",
         "##cdb ##cd .b do not"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hp_tokenizer *t = parse(cases[i].json);
        assert_text(t, ids, sizeof ids / sizeof *ids, cases[i].text);
        hp_tokenizer_free(t);
    }
}

static void an_unknown_decoder_is_refused_by_name(void **state)
{
    (void)state;
    hp_detokenizer *d = NULL;
    hp_error err = {0};
    hp_tokenizer *t = parse("{" MODEL ", \"decoder\": {\"type\": \"CTC\"}}");
    assert_int_equal(hp_detokenizer_open(&d, t, &err), HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "decoder 'CTC' is not supported"));
    assert_null(d);
    hp_tokenizer_free(t);
}

static void a_decoder_without_a_type_is_refused(void **state)
{
    (void)state;
    static const char json[] = "{" MODEL ", \"decoder\": {}}";
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    assert_int_equal(hp__tokenizer_parse(&t, json, sizeof json - 1, 100, &err),
                     HP_FORMAT);
    assert_non_null(strstr(err.message, "type"));
}

int main(void)
{
    static char folders[][16] = {
        "gpt2",           "roberta",    "llama3",        "qwen2",
        "bert-uncased",   "bert-cased", "llama2",        "t5",
        "t5-precompiled", "spm-llama",  "spm-llama-new", "spm-t5",
        "spm-xlm-roberta"};
    static char paths[][48] = {GOLDEN "gpt2", GOLDEN "gpt2/vocab.json"};
    const struct CMUnitTest tests[] = {
        {"text is the library's: gpt2", text_is_that_of_the_library, NULL, NULL,
         folders[0]},
        {"text is the library's: roberta", text_is_that_of_the_library, NULL,
         NULL, folders[1]},
        {"text is the library's: llama3", text_is_that_of_the_library, NULL,
         NULL, folders[2]},
        {"text is the library's: qwen2", text_is_that_of_the_library, NULL,
         NULL, folders[3]},
        {"text is the library's: bert-uncased", text_is_that_of_the_library,
         NULL, NULL, folders[4]},
        {"text is the library's: bert-cased", text_is_that_of_the_library, NULL,
         NULL, folders[5]},
        {"text is the library's: llama2", text_is_that_of_the_library, NULL,
         NULL, folders[6]},
        {"text is the library's: t5", text_is_that_of_the_library, NULL, NULL,
         folders[7]},
        {"text is the library's: t5-precompiled", text_is_that_of_the_library,
         NULL, NULL, folders[8]},
        {"text is the library's: spm-llama", text_is_that_of_the_library, NULL,
         NULL, folders[9]},
        {"text is the library's: spm-llama-new", text_is_that_of_the_library,
         NULL, NULL, folders[10]},
        {"text is the library's: spm-t5", text_is_that_of_the_library, NULL,
         NULL, folders[11]},
        {"text is the library's: spm-xlm-roberta", text_is_that_of_the_library,
         NULL, NULL, folders[12]},
        {"byte-level text comes back: tokenizer.json",
         byte_level_text_comes_back, NULL, NULL, paths[0]},
        {"byte-level text comes back: vocab.json", byte_level_text_comes_back,
         NULL, NULL, paths[1]},
        cmocka_unit_test(words_are_joined_as_the_decoder_says),
        cmocka_unit_test(an_unknown_decoder_is_refused_by_name),
        cmocka_unit_test(a_decoder_without_a_type_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
