/*
 * Attention matrices against what transformers computes: the golden entropies
 * follow from the file that is written. And what a run promises besides.
 */
#include "fixture.h"
#include "headprune/attention.h"
#include "headprune/document.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GPT2   "tests/golden/gpt2"
#define BERT   "tests/golden/bert-mlm"
#define LENGTH 24U /* at most, of a golden sequence */
#define HEADS  8U

typedef struct bench {
    char *folder, *path;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    cJSON *expected;
    hp_error err;
} bench;

static void open_bench(bench *b, const char *model)
{
    char *path = fixture_path(model, "expected.json");
    char *text = fixture_read(path, NULL);
    memset(b, 0, sizeof *b);
    b->expected = cJSON_Parse(text);
    assert_non_null(b->expected);
    assert_int_equal(hp_checkpoint_open(&b->checkpoint, model, NULL, &b->err),
                     HP_OK);
    assert_int_equal(hp_model_open(&b->model, b->checkpoint, NULL, &b->err),
                     HP_OK);
    assert_int_equal(hp_backend_open(&b->backend, &b->err), HP_OK);
    b->folder = fixture_folder();
    b->path = fixture_path(b->folder, "a.safetensors");
    free(text);
    free(path);
}

static void close_bench(bench *b)
{
    cJSON_Delete(b->expected);
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
    hp_backend_free(b->backend);
    free(b->path);
    fixture_remove(b->folder);
}

static size_t sequence(int32_t ids[LENGTH], const bench *b, int i)
{
    const cJSON *list = cJSON_GetArrayItem(
        cJSON_GetObjectItemCaseSensitive(b->expected, "sequences"), i);
    size_t n = 0;
    const cJSON *id;
    assert_true(list && cJSON_GetArraySize(list) <= (int)LENGTH);
    cJSON_ArrayForEach(id, list) ids[n++] = (int32_t)id->valueint;
    return n;
}

static int n_sequences(const bench *b)
{
    return cJSON_GetArraySize(
        cJSON_GetObjectItemCaseSensitive(b->expected, "sequences"));
}

static double golden_entropy(const bench *b, const hp_head *h)
{
    const cJSON *blocks =
        cJSON_GetObjectItemCaseSensitive(b->expected, "entropy");
    return cJSON_GetArrayItem(cJSON_GetArrayItem(blocks, (int)h->block),
                              (int)h->head)
        ->valuedouble;
}

static hp_attention *run(bench *b, int i, const hp_attention_options *like)
{
    int32_t ids[LENGTH];
    size_t n = sequence(ids, b, i);
    hp_attention *a = NULL;
    hp_attention_options o = *like;
    o.run.backend = b->backend;
    if (hp_attention_run(&a, b->model, ids, n, &o, &b->err))
        fail_msg("%s", b->err.message);
    return a;
}

/* The matrix of a head from the file. */
static void read_matrix(float *out, const bench *b, const hp_head *h, size_t n)
{
    hp_checkpoint *c = NULL;
    hp_error err = {0};
    assert_int_equal(hp_checkpoint_open(&c, b->path, NULL, &err), HP_OK);
    const hp_tensor *t = hp_checkpoint_find(c, h->name);
    assert_non_null(t);
    assert_int_equal(t->dtype, HP_DTYPE_F32);
    assert_int_equal(t->n_dims, 3);
    assert_int_equal(t->dims[0], 4);
    assert_int_equal(t->dims[1], n);
    assert_int_equal(t->dims[2], n);
    uint64_t bytes = n * n * sizeof *out;
    assert_int_equal(
        hp_checkpoint_read(c, t, h->head * bytes, bytes, out, &err), HP_OK);
    hp_checkpoint_free(c);
}

/* Sum over queries of -sum p ln p; rows sum to 1, nobody sees what a causal
 * block hides. */
static double entropy_of(const float *matrix, size_t n, int causal)
{
    double entropy = 0.0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < n; j++) {
            double p = (double)matrix[i * n + j];
            if (causal && j > i)
                assert_true(p == 0.0);
            entropy -= p > 0.0 ? p * log(p) : 0.0;
            sum += p;
        }
        if (!(fabs(sum - 1.0) < 1e-6))
            fail_msg("row %zu sums to %.9g", i, sum);
    }
    return entropy;
}

static void assert_close(double got, double want, double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("got %.9g, want %.9g, allowed %.3g", got, want, most);
}

static void check_golden(const char *model)
{
    bench b;
    double sums[HEADS] = {0}, stated[HEADS] = {0}, tokens = 0;
    open_bench(&b, model);
    const hp_head *heads = hp_model_heads(b.model);
    assert_int_equal(hp_model_n_heads(b.model), HEADS);
    for (int i = 0; i < n_sequences(&b); i++) {
        hp_attention_options o = {.out = b.path, .run = {.threads = 2}};
        hp_attention *a = run(&b, i, &o);
        size_t n = a->tokens.n;
        tokens += (double)n;
        for (size_t h = 0; h < HEADS; h++) {
            float matrix[LENGTH * LENGTH];
            read_matrix(matrix, &b, &heads[h], n);
            sums[h] +=
                entropy_of(matrix, n, hp_model_block(b.model, 0)->causal);
            stated[h] += a->values[h].entropy * (double)n;
        }
        hp_attention_free(a);
    }
    for (size_t h = 0; h < HEADS; h++) {
        double want = golden_entropy(&b, &heads[h]);
        assert_close(sums[h] / tokens, want, 1e-5 * want);
        assert_close(stated[h] / tokens, want, 1e-5 * want);
    }
    assert_int_equal(fixture_count(b.folder), 1);
    close_bench(&b);
}

static void gpt2_entropies_follow_from_the_file(void **state)
{
    (void)state;
    check_golden(GPT2);
}

static void bert_entropies_follow_from_the_file(void **state)
{
    (void)state;
    check_golden(BERT);
}

/* ---- the numbers of a head ---- */

static void check_values(const hp_attention *a, int causal)
{
    const hp_attention_head *v = &a->values[a->head];
    size_t n = a->tokens.n;
    double first = 0, own = 0, previous = 0, next = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        double received = 0;
        for (size_t j = 0; j < n; j++)
            received += (double)a->matrix[j * n + i] / (double)n;
        if (i == v->top)
            assert_close(v->top_share, received, 1e-12);
        most = fmax(most, received);
        first += (double)a->matrix[i * n] / (double)n;
        own += (double)a->matrix[i * n + i] / (double)n;
        if (i)
            previous += (double)a->matrix[i * n + i - 1] / (double)(n - 1);
        if (i + 1 < n)
            next += (double)a->matrix[i * n + i + 1] / (double)(n - 1);
    }
    assert_close(v->top_share, most, 1e-12);
    assert_close(v->first, first, 1e-12);
    assert_close(v->own, own, 1e-12);
    assert_close(v->previous, previous, 1e-12);
    if (causal)
        assert_true(isnan(v->next));
    else
        assert_close(v->next, next, 1e-12);
}

static void shares_are_those_of_the_matrix(void **state)
{
    (void)state;
    for (int causal = 0; causal < 2; causal++) {
        bench b;
        open_bench(&b, causal ? GPT2 : BERT);
        for (uint32_t h = 0; h < HEADS; h++) {
            hp_attention_options o = {.has_head = 1, .head = h};
            hp_attention *a = run(&b, 2, &o);
            assert_int_equal(a->head, h);
            check_values(a, causal);
            hp_attention_free(a);
        }
        close_bench(&b);
    }
}

static void one_token_has_no_neighbours(void **state)
{
    (void)state;
    bench b;
    const int32_t id = 3;
    hp_attention *a = NULL;
    open_bench(&b, GPT2);
    hp_attention_options o = {.run = {.backend = b.backend}, .has_head = 1};
    assert_int_equal(hp_attention_run(&a, b.model, &id, 1, &o, &b.err), HP_OK);
    assert_close(a->values[0].first, 1.0, 1e-7);
    assert_close(a->values[0].own, 1.0, 1e-7);
    assert_close(a->values[0].entropy, 0.0, 0.0);
    assert_true(isnan(a->values[0].previous) && isnan(a->values[0].next));
    assert_true(a->matrix[0] == 1.0F);
    hp_attention_free(a);
    close_bench(&b);
}

/* ---- the file ---- */

/* More tokens than a band of queries has rows. */
static void a_long_sequence_is_the_same_in_file_and_memory(void **state)
{
    (void)state;
    enum { LONG = 300 };
    bench b;
    fixture f = FIXTURE_GPT2;
    static int32_t ids[LONG];
    static float matrix[LONG * LONG];
    open_bench(&b, GPT2);
    hp_model_free(b.model);
    hp_checkpoint_free(b.checkpoint);
    f.positions = LONG;
    char *model = fixture_path(b.folder, "model");
    fixture_write(model, &f);
    assert_int_equal(hp_checkpoint_open(&b.checkpoint, model, NULL, &b.err),
                     HP_OK);
    assert_int_equal(hp_model_open(&b.model, b.checkpoint, NULL, &b.err),
                     HP_OK);
    for (int32_t i = 0; i < LONG; i++)
        ids[i] = (i * i + 7 * i) % 40;
    for (unsigned threads = 1; threads < 3; threads++) {
        hp_attention_options o = {
            .run = {.backend = b.backend, .threads = threads},
            .has_head = 1,
            .head = 6,
            .out = b.path};
        hp_attention *a = NULL;
        assert_int_equal(hp_attention_run(&a, b.model, ids, LONG, &o, &b.err),
                         HP_OK);
        read_matrix(matrix, &b, &a->heads[6], LONG);
        assert_memory_equal(a->matrix, matrix, sizeof matrix);
        entropy_of(matrix, LONG, 1);
        hp_attention_free(a);
    }
    free(model);
    close_bench(&b);
}

static void the_file_tells_its_tokens(void **state)
{
    (void)state;
    bench b;
    const int32_t ids[] = {1, 2, 3};
    const char *const texts[] = {"a\"", " b", "\xff"};
    const unsigned char blocks[] = {0, 1};
    open_bench(&b, GPT2);
    for (int known = 0; known < 2; known++) {
        hp_attention_options o = {.run = {.backend = b.backend},
                                  .texts = known ? texts : NULL,
                                  .blocks = blocks,
                                  .out = b.path};
        hp_attention *a = NULL;
        assert_int_equal(hp_attention_run(&a, b.model, ids, 3, &o, &b.err),
                         HP_OK);
        hp_attention_free(a);
        char *bytes = fixture_read(b.path, NULL);
        assert_non_null(strstr(
            bytes + 8,
            known ? "{\"__metadata__\": {\"format\": \"pt\", \"tokens\": "
                    "\"[\\\"a\\\\\\\"\\\", \\\" b\\\", \\\"\xef\xbf\xbd\\\"]\"}"
                  : "\"tokens\": \"[1, 2, 3]\"}"));
        assert_null(strstr(bytes + 8, "h.0.attn"));
        assert_non_null(strstr(bytes + 8, "h.1.attn"));
        free(bytes);
    }
    close_bench(&b);
}

static int stop(void *payload, uint64_t done, uint64_t total)
{
    (void)payload;
    (void)done;
    (void)total;
    return 1;
}

static void what_fails_leaves_no_file(void **state)
{
    (void)state;
    bench b;
    int32_t ids[LENGTH + 1] = {1, 2, 99999};
    hp_attention *a = NULL;
    open_bench(&b, GPT2);
    hp_attention_options o = {.run = {.backend = b.backend}, .out = b.path};
    assert_int_equal(hp_attention_run(&a, b.model, ids, 3, &o, &b.err),
                     HP_INVALID);
    assert_non_null(strstr(b.err.message, "token id 99999"));
    assert_null(a);
    assert_int_equal(hp_attention_run(&a, b.model, ids, LENGTH + 1, &o, &b.err),
                     HP_INVALID);
    assert_non_null(strstr(b.err.message, "at most 24"));
    o.run.progress.step = stop;
    assert_int_equal(hp_attention_run(&a, b.model, ids, 2, &o, &b.err),
                     HP_CANCELLED);
    o.run.progress.step = NULL;
    o.has_head = 1;
    o.head = HEADS;
    assert_int_equal(hp_attention_run(&a, b.model, ids, 2, &o, &b.err),
                     HP_INVALID);
    assert_non_null(strstr(b.err.message, "no head 8"));
    o.has_head = 0;
    o.out = GPT2 "/model.safetensors";
    assert_int_equal(hp_attention_run(&a, b.model, ids, 2, &o, &b.err), HP_IO);
    assert_non_null(strstr(b.err.message, "of the model itself"));
    assert_int_equal(fixture_count(b.folder), 0);
    close_bench(&b);
}

/* ---- the document ---- */

static void the_document_has_the_heads_asked_for(void **state)
{
    (void)state;
    bench b;
    unsigned char mask[HEADS] = {0};
    char *text = NULL;
    open_bench(&b, GPT2);
    hp_attention_options o = {.has_head = 1, .head = 5};
    hp_attention *a = run(&b, 1, &o);
    mask[5] = 1;
    assert_int_equal(hp_document_attention(&text, a, mask, &b.err), HP_OK);
    cJSON *root = cJSON_Parse(text);
    const cJSON *heads = cJSON_GetObjectItem(root, "heads");
    const cJSON *matrix = cJSON_GetObjectItem(root, "matrix");
    assert_int_equal(cJSON_GetArraySize(heads), 1);
    assert_string_equal(
        cJSON_GetObjectItem(cJSON_GetArrayItem(heads, 0), "id")->valuestring,
        "1:1");
    assert_int_equal(cJSON_GetArraySize(matrix), 7);
    double p =
        cJSON_GetArrayItem(cJSON_GetArrayItem(matrix, 6), 2)->valuedouble;
    assert_close(p, (double)a->matrix[44], 1e-6);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(root, "tokens")));
    cJSON_Delete(root);
    free(text);
    hp_attention_free(a);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt2_entropies_follow_from_the_file),
        cmocka_unit_test(bert_entropies_follow_from_the_file),
        cmocka_unit_test(shares_are_those_of_the_matrix),
        cmocka_unit_test(one_token_has_no_neighbours),
        cmocka_unit_test(a_long_sequence_is_the_same_in_file_and_memory),
        cmocka_unit_test(the_file_tells_its_tokens),
        cmocka_unit_test(what_fails_leaves_no_file),
        cmocka_unit_test(the_document_has_the_heads_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
