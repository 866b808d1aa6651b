/*
 * Attention of an encoder and a decoder: what transformers' entropies say of
 * every block, from the matrices in the file, which are not square in a cross
 * block.
 */
#include "fixture.h"
#include "headprune/attention.h"
#include "headprune/document.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEADS 32U
#define MOST  40U /* tokens of a sequence */

typedef struct bench {
    char *folder, *path;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    cJSON *expected;
    hp_error err;
} bench;

static void open_bench(bench *b)
{
    char *text = fixture_read("tests/golden/t5/expected.json", NULL);
    memset(b, 0, sizeof *b);
    b->expected = cJSON_Parse(text);
    assert_non_null(b->expected);
    if (hp_checkpoint_open(&b->checkpoint, "tests/golden/t5", NULL, &b->err) ||
        hp_model_open(&b->model, b->checkpoint, NULL, &b->err) ||
        hp_backend_open(&b->backend, &b->err))
        fail_msg("%s", b->err.message);
    assert_int_equal(hp_model_n_heads(b->model), HEADS);
    b->folder = fixture_folder();
    b->path = fixture_path(b->folder, "a.safetensors");
    free(text);
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

static size_t sequence(int32_t ids[MOST], const bench *b, const char *key,
                       int i)
{
    const cJSON *list =
        cJSON_GetArrayItem(cJSON_GetObjectItem(b->expected, key), i);
    size_t n = 0;
    const cJSON *id;
    cJSON_ArrayForEach(id, list)
    {
        assert_true(n < MOST);
        ids[n++] = (int32_t)id->valueint;
    }
    return n;
}

static hp_attention *run(bench *b, int i, const hp_attention_options *like)
{
    int32_t ids[MOST], decoder[MOST];
    hp_attention *a = NULL;
    hp_attention_options o = *like;
    size_t n = sequence(ids, b, "sequences", i);
    o.decoder.ids = decoder;
    o.decoder.n = sequence(decoder, b, "decoder_sequences", i);
    o.run.backend = b->backend;
    if (hp_attention_run(&a, b->model, ids, n, &o, &b->err))
        fail_msg("%s", b->err.message);
    assert_int_equal(a->tokens.n, n);
    assert_int_equal(a->decoder.n, o.decoder.n);
    assert_memory_equal(a->decoder.ids, decoder, a->decoder.n * sizeof *ids);
    return a;
}

/* The matrix of a head from the file. */
static void read_matrix(float *out, const hp_checkpoint *c, const hp_head *h,
                        const hp_attention_head *v)
{
    hp_error err = {0};
    const hp_tensor *t = hp_checkpoint_find(c, h->name);
    assert_non_null(t);
    assert_int_equal(t->n_dims, 3);
    assert_int_equal(t->dims[0], 4);
    assert_int_equal(t->dims[1], v->queries->n);
    assert_int_equal(t->dims[2], v->keys->n);
    uint64_t bytes = t->dims[1] * t->dims[2] * sizeof *out;
    assert_int_equal(
        hp_checkpoint_read(c, t, h->head * bytes, bytes, out, &err), HP_OK);
}

/* Sum over queries of -sum p ln p; rows sum to 1. */
static double entropy_of(const float *matrix, const hp_attention_head *v)
{
    double entropy = 0.0;
    for (size_t i = 0; i < v->queries->n; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < v->keys->n; j++) {
            double p = (double)matrix[i * v->keys->n + j];
            entropy -= p > 0.0 ? p * log(p) : 0.0;
            sum += p;
        }
        assert_true(fabs(sum - 1.0) < 1e-6);
    }
    return entropy;
}

static void add_pair(double sums[HEADS], double queries[HEADS], bench *b, int i)
{
    hp_checkpoint *c = NULL;
    const hp_head *heads = hp_model_heads(b->model);
    hp_attention *a = run(b, i, &(hp_attention_options){.out = b->path});
    assert_int_equal(hp_checkpoint_open(&c, b->path, NULL, &b->err), HP_OK);
    for (size_t h = 0; h < HEADS; h++) {
        const hp_attention_head *v = &a->values[h];
        const hp_block *block = hp_model_block(b->model, heads[h].block);
        float matrix[MOST * MOST];
        assert_ptr_equal(v->queries, block->decoder ? &a->decoder : &a->tokens);
        assert_ptr_equal(v->keys, block->cross ? &a->tokens : v->queries);
        assert_int_equal(isnan(v->own), block->cross);
        assert_true(!block->cross || (isnan(v->previous) && isnan(v->next)));
        assert_true(v->top < v->keys->n);
        read_matrix(matrix, c, &heads[h], v);
        double entropy = entropy_of(matrix, v);
        assert_true(fabs(entropy - v->entropy * (double)v->queries->n) < 1e-4);
        sums[h] += entropy;
        queries[h] += (double)v->queries->n;
    }
    hp_checkpoint_free(c);
    hp_attention_free(a);
}

static void entropies_follow_from_the_file(void **state)
{
    (void)state;
    bench b;
    double sums[HEADS] = {0}, queries[HEADS] = {0};
    open_bench(&b);
    const hp_head *heads = hp_model_heads(b.model);
    for (int i = 0; i < 4; i++)
        add_pair(sums, queries, &b, i);
    const cJSON *blocks = cJSON_GetObjectItem(b.expected, "entropy");
    for (size_t h = 0; h < HEADS; h++) {
        double want =
            cJSON_GetArrayItem(cJSON_GetArrayItem(blocks, (int)heads[h].block),
                               (int)heads[h].head)
                ->valuedouble;
        if (!(fabs(sums[h] / queries[h] - want) <= 1e-5 * want))
            fail_msg("head %s: %.9g, want %.9g", heads[h].id,
                     sums[h] / queries[h], want);
    }
    close_bench(&b);
}

/* dec.0.cross:2, of 6 queries and 9 keys. */
static void a_cross_matrix_is_the_same_in_file_and_memory(void **state)
{
    (void)state;
    enum { HEAD = 14, QUERIES = 6, KEYS = 9 };
    bench b;
    hp_checkpoint *c = NULL;
    float matrix[QUERIES * KEYS];
    char *text = NULL;
    open_bench(&b);
    hp_attention *a = run(
        &b, 1,
        &(hp_attention_options){.out = b.path, .has_head = 1, .head = HEAD});
    const hp_attention_head *v = &a->values[HEAD];
    assert_string_equal(a->heads[HEAD].id, "dec.0.cross:2");
    assert_int_equal(v->queries->n, QUERIES);
    assert_int_equal(v->keys->n, KEYS);
    assert_int_equal(hp_checkpoint_open(&c, b.path, NULL, &b.err), HP_OK);
    read_matrix(matrix, c, &a->heads[HEAD], v);
    assert_memory_equal(matrix, a->matrix, sizeof matrix);
    double first = 0.0, top = 0.0;
    for (size_t i = 0; i < QUERIES; i++) {
        first += (double)matrix[i * KEYS] / QUERIES;
        top += (double)matrix[i * KEYS + v->top] / QUERIES;
    }
    assert_true(fabs(first - v->first) < 1e-7);
    assert_true(fabs(top - v->top_share) < 1e-7);
    assert_int_equal(hp_document_attention(&text, a, NULL, &b.err), HP_OK);
    cJSON *json = cJSON_Parse(text);
    const cJSON *rows = cJSON_GetObjectItem(json, "matrix");
    assert_int_equal(cJSON_GetArraySize(rows), QUERIES);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetArrayItem(rows, 5)), KEYS);
    assert_int_equal(
        cJSON_GetArraySize(cJSON_GetObjectItem(json, "decoder_ids")), QUERIES);
    cJSON_Delete(json);
    free(text);
    hp_checkpoint_free(c);
    hp_attention_free(a);
    close_bench(&b);
}

static void what_is_no_pair_is_refused(void **state)
{
    (void)state;
    bench b;
    hp_attention *a = NULL;
    const int32_t ids[] = {5, 6};
    open_bench(&b);
    hp_attention_options o = {.run.backend = b.backend};
    assert_int_equal(hp_attention_run(&a, b.model, ids, 2, &o, &b.err),
                     HP_INVALID);
    assert_non_null(strstr(b.err.message, "pairs of sequences"));
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entropies_follow_from_the_file),
        cmocka_unit_test(a_cross_matrix_is_the_same_in_file_and_memory),
        cmocka_unit_test(what_is_no_pair_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
