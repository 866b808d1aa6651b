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
    int32_t *ids = NULL;
    size_t n = 0;
    hp_error err = {0};
    hp_status st =
        hp_tokenizer_encode(&ids, &n, t, c->text, c->len, special, &err);
    if (st)
        fail_msg("%s", err.message);
    int same = n == n_want && (!n || memcmp(ids, want, n * sizeof *ids) == 0);
    free(ids);
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
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
