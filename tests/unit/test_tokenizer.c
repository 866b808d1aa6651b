/* Ids equal those of the Hugging Face library on every golden case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cases.h"
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

/* 1: the ids are these. */
static int encodes_to(const hp_tokenizer *t, const golden_case *c, int special,
                      const int32_t *want, size_t n_want)
{
    hp_ids got;
    hp_error err = {0};
    if (hp_tokenizer_encode(&got, t, c->text, c->len, special, &err))
        fail_msg("%s", err.message);
    int same = got.n == n_want &&
               (!got.n || memcmp(got.ids, want, got.n * sizeof *want) == 0);
    free(got.ids);
    return same;
}

static size_t count_wrong(const hp_tokenizer *t, const golden_cases *cases,
                          int say)
{
    size_t wrong = 0;
    for (size_t i = 0; i < cases->n; i++) {
        const golden_case *c = &cases->items[i];
        int same = encodes_to(t, c, 0, c->ids, c->n) &&
                   encodes_to(t, c, 1, c->with_special, c->n_with_special);
        if (!same && say)
            print_message("case %zu differs: %.60s\n", i, c->text);
        wrong += !same;
    }
    return wrong;
}

static void check_golden(const char *folder, const char *tokenizer)
{
    char path[256];
    golden_cases cases;
    snprintf(path, sizeof path, "%s/cases.json", folder);
    golden_cases_open(&cases, path);
    assert_int_equal(cases.n, 160);
    snprintf(path, sizeof path, "%s/%s", folder, tokenizer);
    hp_tokenizer *t = open_tokenizer(path);
    assert_int_equal(count_wrong(t, &cases, 1), 0);
    /* A wrong expectation must be seen. */
    for (size_t i = 0; i < cases.n; i++)
        if (cases.items[i].n) {
            cases.items[i].ids[cases.items[i].n / 2]++;
            break;
        }
    assert_int_equal(count_wrong(t, &cases, 0), 1);
    hp_tokenizer_free(t);
    golden_cases_free(&cases);
}

static void gpt2_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "gpt2", "");
}

static void gpt2_is_exact_from_vocab_and_merges(void **state)
{
    (void)state;
    check_golden(GOLDEN "gpt2", "vocab.json");
}

static void roberta_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "roberta", "");
}

static void llama3_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "llama3", "");
}

static void qwen2_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "qwen2", "");
}

static void bert_uncased_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "bert-uncased", "tokenizer.json");
}

static void bert_uncased_is_exact_from_vocab(void **state)
{
    (void)state;
    check_golden(GOLDEN "bert-uncased", "vocab.txt");
}

static void bert_cased_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "bert-cased", "");
}

static void llama2_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "llama2", "");
}

static void t5_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "t5", "");
}

static void t5_precompiled_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "t5-precompiled", "");
}

static void sentencepiece_bpe_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "spm-llama", "");
    check_golden(GOLDEN "spm-llama", "tokenizer.model");
    check_golden(GOLDEN "spm-llama-new", "");
}

static void sentencepiece_unigram_is_exact(void **state)
{
    (void)state;
    check_golden(GOLDEN "spm-t5", "");
    check_golden(GOLDEN "spm-xlm-roberta", "");
}

/* ---- pieces ---- */

/* All texts of the golden cases, special tokens and odd spaces among them,
 * with spaces between. */
static char *all_texts(size_t *len, const golden_cases *cases)
{
    char *text = NULL;
    *len = 0;
    for (size_t i = 0; i < cases->n; i++) {
        const golden_case *c = &cases->items[i];
        text = realloc(text, *len + c->len + 1);
        assert_non_null(text);
        memcpy(text + *len, c->text, c->len);
        *len += c->len;
        text[(*len)++] = ' ';
    }
    return text;
}

static void assert_chunk_is_unseen(const char *folder)
{
    char path[256];
    golden_cases cases;
    snprintf(path, sizeof path, "%s/cases.json", folder);
    golden_cases_open(&cases, path);
    hp_tokenizer *t = open_tokenizer(folder);
    assert_true(t->chunk > 0);
    golden_case all = {.text = NULL};
    all.text = all_texts(&all.len, &cases);
    t->chunk = 0;
    hp_ids whole;
    assert_int_equal(hp_tokenizer_encode(&whole, t, all.text, all.len, 0, NULL),
                     HP_OK);
    assert_true(whole.n > 3000);
    for (size_t chunk = 1; chunk < 3000; chunk = chunk * 3 + 1) {
        t->chunk = chunk;
        assert_true(encodes_to(t, &all, 0, whole.ids, whole.n));
    }
    free(whole.ids);
    free(all.text);
    hp_tokenizer_free(t);
    golden_cases_free(&cases);
}

static void ids_do_not_depend_on_where_the_text_is_cut(void **state)
{
    (void)state;
    assert_chunk_is_unseen(GOLDEN "gpt2");
    assert_chunk_is_unseen(GOLDEN "roberta");
    assert_chunk_is_unseen(GOLDEN "bert-uncased");
    assert_chunk_is_unseen(GOLDEN "bert-cased");
}

static void a_bound_of_ids_keeps_the_first_ones(void **state)
{
    (void)state;
    hp_tokenizer *t = open_tokenizer(GOLDEN "gpt2");
    const char *text = "Alice was beginning to get very tired of sitting by "
                       "her sister<|endoftext|>on the bank";
    hp_ids whole;
    assert_int_equal(
        hp_tokenizer_encode(&whole, t, text, strlen(text), 0, NULL), HP_OK);
    int32_t *ids = whole.ids;
    size_t n = whole.n;
    for (size_t most = 0; most <= n + 1; most++) {
        hp__buffer some = {0};
        assert_int_equal(
            hp__tokenizer_encode(&some, t, text, strlen(text), most, NULL),
            HP_OK);
        size_t got = some.len / sizeof *ids;
        assert_true(got >= (most < n ? most : n) && got < most + 8);
        assert_true(!got || memcmp(some.data, ids, some.len) == 0);
        hp__buffer_clear(&some);
    }
    free(ids);
    hp_tokenizer_free(t);
}

/* ---- one token ---- */

static int tokens_join_to(const hp_tokenizer *t, const golden_case *c)
{
    char joined[4096] = "";
    size_t len = 0;
    for (size_t i = 0; i < c->n; i++) {
        char *token = NULL;
        assert_int_equal(hp_tokenizer_token(&token, t, c->ids[i], NULL), HP_OK);
        size_t n = strlen(token);
        assert_true(len + n < sizeof joined);
        memcpy(joined + len, token, n);
        len += n;
        free(token);
    }
    return len == c->len && memcmp(joined, c->text, len) == 0;
}

static void byte_level_tokens_are_the_bytes_of_the_text(void **state)
{
    (void)state;
    golden_cases cases;
    size_t whole = 0;
    hp_tokenizer *t = open_tokenizer(GOLDEN "gpt2");
    golden_cases_open(&cases, GOLDEN "gpt2/cases.json");
    for (size_t i = 0; i < cases.n; i++) {
        const golden_case *c = &cases.items[i];
        if (c->len > 4000 || memchr(c->text, '\0', c->len))
            continue;
        if (!tokens_join_to(t, c))
            fail_msg("case %zu: %.60s", i, c->text);
        whole++;
    }
    assert_true(whole > 140);
    golden_cases_free(&cases);
    hp_tokenizer_free(t);
}

static void other_tokens_are_as_the_vocabulary_has_them(void **state)
{
    (void)state;
    static const char text[] = "[MASK] unbelievably";
    hp_tokenizer *t = open_tokenizer(GOLDEN "bert-uncased");
    hp_ids got;
    char *token = NULL;
    int pieces = 0;
    assert_int_equal(
        hp_tokenizer_encode(&got, t, text, sizeof text - 1, 1, NULL), HP_OK);
    for (size_t i = 0; i < got.n; i++) {
        assert_int_equal(hp_tokenizer_token(&token, t, got.ids[i], NULL),
                         HP_OK);
        if (i < 2)
            assert_string_equal(token, i ? "[MASK]" : "[CLS]");
        pieces += strncmp(token, "##", 2) == 0;
        free(token);
    }
    assert_true(pieces > 0);
    free(got.ids);
    assert_int_equal(hp_tokenizer_token(&token, t, 999999, NULL), HP_OK);
    assert_string_equal(token, "");
    free(token);
    hp_tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt2_is_exact),
        cmocka_unit_test(gpt2_is_exact_from_vocab_and_merges),
        cmocka_unit_test(roberta_is_exact),
        cmocka_unit_test(llama3_is_exact),
        cmocka_unit_test(qwen2_is_exact),
        cmocka_unit_test(bert_uncased_is_exact),
        cmocka_unit_test(bert_uncased_is_exact_from_vocab),
        cmocka_unit_test(bert_cased_is_exact),
        cmocka_unit_test(llama2_is_exact),
        cmocka_unit_test(t5_is_exact),
        cmocka_unit_test(t5_precompiled_is_exact),
        cmocka_unit_test(sentencepiece_bpe_is_exact),
        cmocka_unit_test(sentencepiece_unigram_is_exact),
        cmocka_unit_test(ids_do_not_depend_on_where_the_text_is_cut),
        cmocka_unit_test(a_bound_of_ids_keeps_the_first_ones),
        cmocka_unit_test(byte_level_tokens_are_the_bytes_of_the_text),
        cmocka_unit_test(other_tokens_are_as_the_vocabulary_has_them),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
