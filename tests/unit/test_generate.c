/*
 * Text one token at a time: the tokens that transformers generates, logits as
 * the whole forward pass gives them, the same bits for any threads, and the
 * draw of a token against its definition.
 */
#include "base/random_bits.h"
#include "edit.h"
#include "fixture.h"
#include "headprune/generate.h"
#include "run/sampling.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 700U /* tokens of a text */

typedef struct bench {
    char *folder;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    hp_generator *generator;
    int32_t made[MOST];
    size_t n_made, cancel_at;
    hp_error err;
} bench;

static void open_bench(bench *b, const char *path)
{
    *b = (bench){0};
    if (hp_checkpoint_open(&b->checkpoint, path, NULL, &b->err) ||
        hp_model_open(&b->model, b->checkpoint, NULL, &b->err) ||
        hp_backend_open(&b->backend, &b->err))
        fail_msg("%s: %s", path, b->err.message);
}

static void open_generator(bench *b, unsigned threads,
                           const unsigned char *masked)
{
    hp_generator_options o = {b->backend, threads, masked};
    hp_generator_free(b->generator);
    if (hp_generator_open(&b->generator, b->model, &o, &b->err))
        fail_msg("%s", b->err.message);
}

static void open_fixture(bench *b, fixture f)
{
    char *folder = fixture_folder();
    fixture_write(folder, &f);
    open_bench(b, folder);
    b->folder = folder;
}

static void close_bench(bench *b)
{
    hp_generator_free(b->generator);
    hp_backend_free(b->backend);
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
    fixture_remove(b->folder);
}

static int take_token(void *payload, int32_t id)
{
    bench *b = payload;
    assert_true(b->n_made < MOST);
    b->made[b->n_made++] = id;
    return b->n_made == b->cancel_at;
}

static hp_generate_options options_of(bench *b, size_t most)
{
    b->n_made = 0;
    return (hp_generate_options){.sampling = {.top_p = 1.0},
                                 .max_tokens = most,
                                 .token = take_token,
                                 .payload = b};
}

/* ---- transformers ---- */

static size_t read_ids(int32_t *out, const cJSON *list)
{
    const cJSON *c;
    size_t n = 0;
    cJSON_ArrayForEach(c, list)
    {
        assert_true(n < MOST);
        out[n++] = (int32_t)c->valuedouble;
    }
    return n;
}

static void greedy_text_is_that_of_transformers(void **state)
{
    bench b;
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s", (const char *)*state);
    open_bench(&b, path);
    open_generator(&b, 1, NULL);
    snprintf(path, sizeof path, "tests/golden/%s/generate.json",
             (const char *)*state);
    char *text = fixture_read(path, NULL);
    cJSON *cases = cJSON_Parse(text), *one;
    assert_true(cJSON_GetArraySize(cases) > 0);
    cJSON_ArrayForEach(one, cases)
    {
        int32_t prompt[MOST], want[MOST];
        const cJSON *encoder = cJSON_GetObjectItem(one, "encoder");
        size_t n = read_ids(
            prompt, encoder ? encoder : cJSON_GetObjectItem(one, "prompt"));
        size_t tokens = read_ids(want, cJSON_GetObjectItem(one, "tokens"));
        hp_generate_options o = options_of(&b, tokens);
        hp_stop stop = HP_STOP_END;
        assert_int_equal(hp_generate(&stop, b.generator, prompt, n, &o, &b.err),
                         HP_OK);
        assert_int_equal(stop, HP_STOP_COUNT);
        assert_int_equal(b.n_made, tokens);
        assert_memory_equal(b.made, want, tokens * sizeof *want);
    }
    cJSON_Delete(cases);
    free(text);
    close_bench(&b);
}

/* ---- the whole forward pass ---- */

typedef struct whole {
    float *logits; /* [rows, vocab] */
    size_t vocab;
} whole;

static void see_logits(void *payload, const hp_seen *seen)
{
    whole *w = payload;
    memcpy(w->logits + seen->position * w->vocab, seen->logits,
           seen->n_query * w->vocab * sizeof *w->logits);
}

static whole forward(const bench *b, const int32_t *ids, size_t n,
                     const unsigned char *masked)
{
    size_t start[2] = {0, n};
    hp_sequences s = {ids, start, 1, NULL};
    whole w = {NULL, hp_model_spec(b->model)->vocab};
    w.logits = calloc(n * w.vocab, sizeof *w.logits);
    assert_non_null(w.logits);
    hp_observer observer = {
        .wants = HP_SEE_LOGITS, .see = see_logits, .payload = &w};
    hp_run_options o = {
        .backend = b->backend, .masks = &masked, .n_variants = 1};
    hp_error err;
    assert_int_equal(hp_run_sweep(b->model, &s, &o, &observer, &err), HP_OK);
    return w;
}

/* Largest difference, divided by the range of the row. */
static double off_by(const float *got, const float *want, size_t n)
{
    float least = want[0], most = want[0], off = 0.0F;
    for (size_t i = 0; i < n; i++) {
        least = fminf(least, want[i]);
        most = fmaxf(most, want[i]);
        off = fmaxf(off, fabsf(got[i] - want[i]));
    }
    return (double)off / (double)(most - least);
}

/* Feeds runs of `step` tokens and compares what each ends with. */
static void compare_steps(bench *b, const int32_t *ids, size_t n, size_t step,
                          const whole *w)
{
    hp_generator_reset(b->generator);
    for (size_t i = 0; i < n; i += step) {
        const float *logits = NULL;
        size_t rows = n - i < step ? n - i : step;
        assert_int_equal(
            hp_generator_feed(&logits, b->generator, ids + i, rows, &b->err),
            HP_OK);
        assert_int_equal(hp_generator_position(b->generator), i + rows);
        const float *want = w->logits + (i + rows - 1) * w->vocab;
        assert_true(off_by(logits, want, w->vocab) < 1e-5);
        if (i) /* and not those of the token before */
            assert_false(off_by(logits, want - w->vocab, w->vocab) < 1e-3);
    }
}

static void fill_ids(int32_t *ids, size_t n, size_t vocab)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((i * i + 7 * i) % vocab);
}

/* Longer than the pieces that a prompt is cut into, and than a new cache. */
enum { LENGTH = 600 };

static void compare_with_whole_pass(bench *b)
{
    static const size_t steps[] = {1, 7, 256, 257, LENGTH};
    int32_t ids[LENGTH];
    const unsigned char masked[8] = {1, 0, 0, 1, 0, 0, 1, 0};
    fill_ids(ids, LENGTH, hp_model_spec(b->model)->vocab);
    for (int with = 0; with < 2; with++) {
        const unsigned char *mask = with ? masked : NULL;
        open_generator(b, 1, mask);
        whole w = forward(b, ids, LENGTH, mask);
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            compare_steps(b, ids, LENGTH, steps[i], &w);
        free(w.logits);
    }
}

static void cached_logits_are_those_of_the_whole_pass(void **state)
{
    (void)state;
    bench b;
    fixture f = FIXTURE_GPT2;
    f.positions = LENGTH;
    open_fixture(&b, f);
    compare_with_whole_pass(&b);
    close_bench(&b);
}

/* Positions that turn, groups, and windows that leave most of the cache out. */
static void a_cache_of_turned_keys_is_the_whole_pass(void **state)
{
    (void)state;
    static const char *const models[] = {"mistral", "qwen3", "llama-mqa"};
    for (size_t i = 0; i < 3; i++) {
        char path[64], *folder = fixture_folder();
        bench b;
        snprintf(path, sizeof path, "tests/golden/%s", models[i]);
        edit_copy(folder, path);
        edit_config(folder, "\"max_position_embeddings\": 28",
                    "\"max_position_embeddings\": 600");
        open_bench(&b, folder);
        b.folder = folder;
        compare_with_whole_pass(&b);
        close_bench(&b);
    }
}

static void a_mask_changes_the_text(void **state)
{
    (void)state;
    int32_t ids[8], plain[MOST];
    unsigned char masked[8];
    bench b;
    open_fixture(&b, FIXTURE_GPT2);
    fill_ids(ids, 8, 40);
    hp_generate_options o = options_of(&b, 8);
    open_generator(&b, 1, NULL);
    assert_int_equal(hp_generate(NULL, b.generator, ids, 8, &o, &b.err), HP_OK);
    memcpy(plain, b.made, sizeof plain);
    memset(masked, 1, sizeof masked);
    open_generator(&b, 1, masked);
    memset(masked, 0, sizeof masked); /* the generator has its own copy */
    o = options_of(&b, 8);
    assert_int_equal(hp_generate(NULL, b.generator, ids, 8, &o, &b.err), HP_OK);
    assert_memory_not_equal(b.made, plain, 8 * sizeof *plain);
    close_bench(&b);
}

static void another_mask_is_as_opened_with_it(void **state)
{
    (void)state;
    int32_t ids[8], plain[8], silent[8];
    unsigned char masked[8] = {1, 0, 0, 1, 0, 0, 1, 1};
    bench b;
    open_fixture(&b, FIXTURE_GPT2);
    fill_ids(ids, 8, 40);
    open_generator(&b, 1, NULL);
    hp_generate_options o = options_of(&b, 8);
    assert_int_equal(hp_generate(NULL, b.generator, ids, 8, &o, &b.err), HP_OK);
    memcpy(plain, b.made, sizeof plain);
    open_generator(&b, 1, masked);
    o = options_of(&b, 8);
    assert_int_equal(hp_generate(NULL, b.generator, ids, 8, &o, &b.err), HP_OK);
    memcpy(silent, b.made, sizeof silent);
    assert_memory_not_equal(silent, plain, sizeof plain);
    hp_generator_set_mask(b.generator, NULL);
    assert_int_equal(hp_generator_position(b.generator), 0);
    o = options_of(&b, 8);
    assert_int_equal(hp_generate(NULL, b.generator, ids, 8, &o, &b.err), HP_OK);
    assert_memory_equal(b.made, plain, sizeof plain);
    hp_generator_set_mask(b.generator, masked);
    memset(masked, 0, sizeof masked); /* the generator has its own copy */
    o = options_of(&b, 8);
    assert_int_equal(hp_generate(NULL, b.generator, ids, 8, &o, &b.err), HP_OK);
    assert_memory_equal(b.made, silent, sizeof silent);
    close_bench(&b);
}

/* ---- other projections ---- */

typedef struct zeroing {
    const hp_block *block;
} zeroing;

/* Zeros for one block, nothing for the others. */
static hp_status give_zeros(void *payload, hp_projection *p, hp_error *err)
{
    const zeroing *z = payload;
    (void)err;
    assert_int_equal(p->variant, 0);
    p->given = p->block == z->block;
    if (p->given)
        memset(p->weight, 0,
               (size_t)p->block->o.weight->n_elements * sizeof(float));
    return HP_OK;
}

static void feed(float logits[8], bench *b, const int32_t *ids, size_t n)
{
    const float *at = NULL;
    hp_generator_reset(b->generator);
    if (hp_model_spec(b->model)->n_encoder_layers)
        assert_int_equal(hp_generator_encode(b->generator, ids, n, &b->err),
                         HP_OK);
    assert_int_equal(hp_generator_feed(&at, b->generator, ids, n, &b->err),
                     HP_OK);
    memcpy(logits, at, 8 * sizeof *logits);
}

/* A block whose projection is zero adds what one without any head does. */
static void compare_projections(bench *b, size_t block)
{
    enum { TOKENS = 8 };
    int32_t ids[TOKENS];
    float plain[8], silent[8], got[8];
    unsigned char masked[64] = {0};
    const hp_block *zeroed = hp_model_block(b->model, block);
    zeroing z = {zeroed};
    const hp_projections zeros = {give_zeros, &z};
    fill_ids(ids, TOKENS, hp_model_spec(b->model)->vocab);
    feed(plain, b, ids, TOKENS);
    memset(masked + zeroed->first_head, 1, zeroed->n_heads);
    hp_generator_set_mask(b->generator, masked);
    feed(silent, b, ids, TOKENS);
    hp_generator_set_mask(b->generator, NULL);
    assert_memory_not_equal(silent, plain, sizeof plain);
    assert_int_equal(
        hp_generator_set_projections(b->generator, &zeros, &b->err), HP_OK);
    assert_int_equal(hp_generator_position(b->generator), 0);
    feed(got, b, ids, TOKENS);
    assert_memory_equal(got, silent, sizeof got);
    assert_int_equal(hp_generator_set_projections(b->generator, NULL, &b->err),
                     HP_OK);
    feed(got, b, ids, TOKENS);
    assert_memory_equal(got, plain, sizeof got);
}

static void other_projections_take_the_place_of_the_models(void **state)
{
    (void)state;
    static const char *const models[] = {"gpt2", "llama-gqa", "t5"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char path[64];
        bench b;
        snprintf(path, sizeof path, "tests/golden/%s", models[i]);
        open_bench(&b, path);
        open_generator(&b, 1, NULL);
        for (size_t k = 0; k < hp_model_n_blocks(b.model); k++)
            compare_projections(&b, k);
        close_bench(&b);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    enum { TOKENS = 300 };
    int32_t ids[TOKENS];
    float first[40];
    bench b;
    fixture f = FIXTURE_GPT2;
    f.positions = TOKENS;
    open_fixture(&b, f);
    fill_ids(ids, TOKENS, f.vocab);
    for (unsigned threads = 1; threads <= 3; threads++) {
        const float *logits = NULL;
        open_generator(&b, threads, NULL);
        for (size_t i = 0; i < TOKENS; i += 150)
            assert_int_equal(
                hp_generator_feed(&logits, b.generator, ids + i, 150, &b.err),
                HP_OK);
        if (threads == 1)
            memcpy(first, logits, sizeof first);
        assert_memory_equal(first, logits, sizeof first);
    }
    close_bench(&b);
}

/* ---- where a text ends ---- */

static void a_text_ends_where_it_should(void **state)
{
    (void)state;
    int32_t ids[16], all[MOST];
    bench b;
    hp_stop stop;
    open_fixture(&b, FIXTURE_GPT2); /* 16 positions */
    open_generator(&b, 1, NULL);
    fill_ids(ids, 16, 40);
    hp_generate_options o = options_of(&b, 100);
    assert_int_equal(hp_generate(&stop, b.generator, ids, 6, &o, &b.err),
                     HP_OK);
    assert_int_equal(stop, HP_STOP_POSITIONS);
    assert_int_equal(b.n_made, 11); /* the last one stands past the table */
    memcpy(all, b.made, sizeof all);

    o = options_of(&b, 3);
    assert_int_equal(hp_generate(&stop, b.generator, ids, 6, &o, &b.err),
                     HP_OK);
    assert_int_equal(stop, HP_STOP_COUNT);
    assert_int_equal(b.n_made, 3);
    assert_memory_equal(b.made, all, 3 * sizeof *all);

    size_t first = 0; /* where the sixth token comes first */
    while (all[first] != all[5])
        first++;
    int32_t end[] = {39, all[5]};
    assert_int_not_equal(all[5], 39);
    o = options_of(&b, 100);
    o.end = end;
    o.n_end = 2;
    assert_int_equal(hp_generate(&stop, b.generator, ids, 6, &o, &b.err),
                     HP_OK);
    assert_int_equal(stop, HP_STOP_END);
    assert_int_equal(b.n_made, first + 1);
    assert_int_equal(b.made[first], all[5]);

    o = options_of(&b, 0);
    assert_int_equal(hp_generate(&stop, b.generator, ids, 6, &o, &b.err),
                     HP_OK);
    assert_int_equal(b.n_made, 0);
    close_bench(&b);
}

static void a_text_can_be_cancelled(void **state)
{
    (void)state;
    int32_t ids[4] = {1, 2, 3, 4};
    bench b;
    open_fixture(&b, FIXTURE_GPT2);
    open_generator(&b, 1, NULL);
    hp_generate_options o = options_of(&b, 8);
    b.cancel_at = 3;
    assert_int_equal(hp_generate(NULL, b.generator, ids, 4, &o, &b.err),
                     HP_CANCELLED);
    assert_int_equal(b.n_made, 3);
    close_bench(&b);
}

/* ---- the end tokens of a model ---- */

static void assert_end(const bench *b, const int32_t *want, size_t n)
{
    int32_t *ids = NULL;
    size_t got = 99;
    hp_error err = {{0}, {0}, {0}};
    assert_int_equal(hp_model_end_tokens(&ids, &got, b->model, &err), HP_OK);
    assert_int_equal(got, n);
    if (n)
        assert_memory_equal(ids, want, n * sizeof *want);
    free(ids);
}

static void end_tokens_come_from_the_generation_config(void **state)
{
    (void)state;
    static const int32_t one[] = {7}, two[] = {3, 5};
    static const char *const bad[] = {
        "{\"eos_token_id\": \"7\"}", "{\"eos_token_id\": [3, -1]}",
        "{\"eos_token_id\": 1.5}", "{\"eos_token_id\": 3000000000}",
        "{\"eos_token_id\": {}}"};
    static const char name[] = "generation_config.json";
    bench b;
    open_fixture(&b, FIXTURE_GPT2);
    assert_end(&b, NULL, 0); /* nothing names any */
    fixture_put_text(b.folder, name, "{\"eos_token_id\": 7}");
    assert_end(&b, one, 1);
    fixture_put_text(b.folder, name, "{\"eos_token_id\": [3, 5]}");
    assert_end(&b, two, 2);
    fixture_put_text(b.folder, name, "{\"eos_token_id\": []}");
    assert_end(&b, NULL, 0);
    fixture_put_text(b.folder, name, "{\"eos_token_id\": null}");
    assert_end(&b, NULL, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int32_t *ids = NULL;
        size_t n = 0;
        fixture_put_text(b.folder, name, bad[i]);
        assert_int_equal(hp_model_end_tokens(&ids, &n, b.model, &b.err),
                         HP_FORMAT);
        assert_non_null(strstr(b.err.message, "'eos_token_id' is neither"));
        assert_non_null(strstr(b.err.file, name));
        assert_null(ids);
    }
    close_bench(&b);
}

static void end_tokens_come_from_the_config(void **state)
{
    (void)state;
    static const int32_t zero[] = {0};
    bench b;
    open_bench(&b, "models/gpt2-novels");
    assert_end(&b, zero, 1);
    close_bench(&b);
}

/* ---- refusals ---- */

static void assert_refused(bench *b, const int32_t *ids, size_t n,
                           const hp_generate_options *o, const char *why)
{
    assert_int_equal(hp_generate(NULL, b->generator, ids, n, o, &b->err),
                     HP_INVALID);
    assert_non_null(strstr(b->err.message, why));
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    int32_t ids[17] = {1, 2, 3};
    bench b;
    open_fixture(&b, FIXTURE_GPT2);
    open_generator(&b, 1, NULL);
    hp_generate_options o = options_of(&b, 1);
    assert_refused(&b, ids, 0, &o, "there are no tokens");
    assert_refused(&b, ids, 17, &o, "17 tokens are more than the model takes");
    ids[1] = 40;
    assert_refused(&b, ids, 3, &o, "position 1: token id 40 is not in");
    ids[1] = -1;
    assert_refused(&b, ids, 3, &o, "token id -1");
    ids[1] = 2;
    o.sampling.temperature = -0.5;
    assert_refused(&b, ids, 3, &o, "temperature -0.5");
    o.sampling.temperature = (double)NAN;
    assert_refused(&b, ids, 3, &o, "temperature nan");
    o.sampling.temperature = 1.0;
    o.sampling.top_p = 0.0;
    assert_refused(&b, ids, 3, &o, "top-p 0 ");
    o.sampling.top_p = 1.5;
    assert_refused(&b, ids, 3, &o, "top-p 1.5");
    o.sampling.top_p = 1.0;
    assert_int_equal(hp_generate(NULL, b.generator, ids, 3, &o, &b.err), HP_OK);
    assert_int_equal(b.n_made, 1);
    close_bench(&b);
}

static void a_full_generator_takes_no_more(void **state)
{
    (void)state;
    int32_t ids[16] = {0};
    const float *logits = NULL;
    bench b;
    open_fixture(&b, FIXTURE_GPT2);
    open_generator(&b, 1, NULL);
    assert_int_equal(hp_generator_feed(&logits, b.generator, ids, 16, &b.err),
                     HP_OK);
    assert_int_equal(hp_generator_feed(&logits, b.generator, ids, 1, &b.err),
                     HP_INVALID);
    assert_null(logits);
    assert_non_null(strstr(b.err.message, "17 tokens are more"));
    assert_int_equal(hp_generator_position(b.generator), 16);
    hp_generator_reset(b.generator);
    assert_int_equal(hp_generator_feed(&logits, b.generator, ids, 1, &b.err),
                     HP_OK);
    close_bench(&b);
}

static void a_model_that_is_not_causal_is_refused(void **state)
{
    (void)state;
    bench b;
    open_fixture(&b, FIXTURE_BERT);
    hp_generator_options o = {.backend = b.backend};
    assert_int_equal(hp_generator_open(&b.generator, b.model, &o, &b.err),
                     HP_UNSUPPORTED);
    assert_non_null(strstr(b.err.message, "is not causal"));
    assert_non_null(strstr(b.err.hint, "scored and pruned"));
    assert_null(b.generator);
    close_bench(&b);
}

static void weights_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    static const char *const folders[] = {
        "num_inf_wte", "num_nan_last_layer_bias", "num_f64_out_of_range"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        bench b;
        char path[256];
        snprintf(path, sizeof path, "tests/hostile/%s", folders[i]);
        open_bench(&b, path);
        hp_generator_options o = {.backend = b.backend};
        assert_int_equal(hp_generator_open(&b.generator, b.model, &o, &b.err),
                         HP_FORMAT);
        assert_non_null(strstr(b.err.message, "tensor '"));
        close_bench(&b);
    }
}

static void a_pass_that_overflows_is_refused(void **state)
{
    (void)state;
    bench b;
    int32_t ids[] = {1, 2, 3};
    open_bench(&b, "tests/hostile/num_overflow_forward");
    open_generator(&b, 1, NULL);
    hp_generate_options o = options_of(&b, 4);
    assert_int_equal(hp_generate(NULL, b.generator, ids, 3, &o, &b.err),
                     HP_FORMAT);
    assert_non_null(strstr(b.err.message, "range of single precision"));
    close_bench(&b);
}

/* ---- the draw ---- */

#define N_LOGITS 6U
/* Weights at temperature 1: 1, 8, 4, 2, 8, 0.5; likeliest first: 1 4 2 3 0 5.
 */
static const double weights[N_LOGITS] = {1, 8, 4, 2, 8, 0.5};
static const size_t order[N_LOGITS] = {1, 4, 2, 3, 0, 5};

static void fill_logits(float logits[N_LOGITS])
{
    for (size_t i = 0; i < N_LOGITS; i++)
        logits[i] = (float)(log(weights[i]) - 3.0);
}

/* The definition, word by word: the first m of `order` are there. */
static int32_t expected_draw(size_t m, double temperature, uint64_t *state)
{
    double sum = 0.0, kept = 0.0;
    for (size_t i = 0; i < m; i++)
        kept += pow(weights[order[i]], 1.0 / temperature);
    double draw = (double)(hp__random_next(state) >> 11) / 9007199254740992.0;
    for (size_t i = 0; i < m; i++) {
        sum += pow(weights[order[i]], 1.0 / temperature);
        if (sum > draw * kept)
            return (int32_t)order[i];
    }
    return (int32_t)order[m - 1];
}

static void a_draw_follows_its_definition(void **state)
{
    (void)state;
    static const struct {
        hp_sampling s;
        size_t kept;
    } cases[] = {
        {{1.0, 1.0, 0, 0}, 6},       {{1.0, 1.0, 1, 0}, 1},
        {{1.0, 1.0, 2, 0}, 2},       {{1.0, 1.0, 3, 0}, 3},
        {{1.0, 1.0, 6, 0}, 6},       {{1.0, 1.0, 7, 0}, 6},
        {{2.0, 1.0, 0, 0}, 6},       {{0.5, 1.0, 4, 0}, 4},
        {{1.0, 0.001, 0, 0}, 1},     {{1.0, 0.34, 0, 0}, 1},
        {{1.0, 0.35, 0, 0}, 2},      {{1.0, 0.68, 0, 0}, 2},
        {{1.0, 0.69, 0, 0}, 3},      {{1.0, 0.97, 0, 0}, 5},
        {{1.0, 0.99, 0, 0}, 6},      {{1.0, 0.5, 3, 0}, 2},
        {{1.0, 0.9, 3, 0}, 3},       {{1.0, 0.000001, 5, 0}, 1},
        {{1000000.0, 1.0, 0, 0}, 6},
    };
    float logits[N_LOGITS];
    int32_t room[N_LOGITS];
    fill_logits(logits);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        unsigned seen = 0;
        uint64_t mine = 7 + c, theirs = 7 + c;
        for (size_t i = 0; i < 500; i++) {
            int32_t got =
                hp__sample(logits, N_LOGITS, &cases[c].s, &theirs, room);
            assert_int_equal(got, expected_draw(cases[c].kept,
                                                cases[c].s.temperature, &mine));
            seen |= 1U << got;
        }
        assert_int_equal(mine, theirs); /* one number a token */
        if (cases[c].s.temperature > 1.5)
            assert_int_equal(seen, 63);
    }
}

static void a_low_temperature_is_greedy(void **state)
{
    (void)state;
    float logits[N_LOGITS] = {-5.0F, 3.0F, 2.9F, 3.5F, 3.5F, -1e30F};
    int32_t room[N_LOGITS];
    hp_sampling s = {.temperature = 1e-300, .top_p = 1.0};
    uint64_t numbers = 1;
    unsigned seen = 0;
    assert_int_equal(hp__sample_greedy(logits, N_LOGITS), 3);
    for (size_t i = 0; i < 100; i++)
        seen |= 1U << hp__sample(logits, N_LOGITS, &s, &numbers, room);
    assert_int_equal(seen, 1U << 3 | 1U << 4); /* the two that are equal */
    s.top_k = 1;
    assert_int_equal(hp__sample(logits, N_LOGITS, &s, &numbers, room), 3);
    assert_int_equal(hp__sample(logits, 1, &s, &numbers, room), 0);
}

static void a_seed_gives_the_same_text_again(void **state)
{
    (void)state;
    int32_t ids[4] = {1, 2, 3, 4}, first[12] = {0};
    bench b;
    open_fixture(&b, FIXTURE_GPT2);
    size_t differ = 0;
    for (unsigned run = 0; run < 4; run++) {
        open_generator(&b, run % 2 + 1, NULL);
        hp_generate_options o = options_of(&b, 12);
        o.sampling =
            (hp_sampling){.temperature = 2.0, .top_p = 1.0, .seed = run / 3};
        assert_int_equal(hp_generate(NULL, b.generator, ids, 4, &o, &b.err),
                         HP_OK);
        if (!run)
            memcpy(first, b.made, sizeof first);
        differ = memcmp(first, b.made, sizeof first) != 0;
        assert_int_equal(differ, run == 3); /* another seed */
    }
    hp_generate_options greedy = options_of(&b, 12);
    assert_int_equal(hp_generate(NULL, b.generator, ids, 4, &greedy, &b.err),
                     HP_OK);
    memcpy(first, b.made, sizeof first);
    hp_generate_options o = options_of(&b, 12);
    o.sampling =
        (hp_sampling){.temperature = 2.0, .top_p = 1.0, .top_k = 1, .seed = 5};
    assert_int_equal(hp_generate(NULL, b.generator, ids, 4, &o, &b.err), HP_OK);
    assert_memory_equal(first, b.made, sizeof first);
    close_bench(&b);
}

int main(void)
{
    static char names[][16] = {
        "gpt2",      "gpt2-bare",   "gpt2-bf16",    "gpt2-f16",
        "gpt2-f64",  "gpt2-scaled", "gpt2-sharded", "llama-gqa",
        "llama-mqa", "llama-bias",  "llama3-rope",  "mistral",
        "qwen2",     "qwen3",       "t5",           "t5-v11"};
    enum { N_NAMES = sizeof names / sizeof *names };
    struct CMUnitTest golden[N_NAMES];
    for (size_t i = 0; i < N_NAMES; i++)
        golden[i] =
            (struct CMUnitTest){names[i], greedy_text_is_that_of_transformers,
                                NULL, NULL, names[i]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cached_logits_are_those_of_the_whole_pass),
        cmocka_unit_test(a_cache_of_turned_keys_is_the_whole_pass),
        cmocka_unit_test(a_mask_changes_the_text),
        cmocka_unit_test(another_mask_is_as_opened_with_it),
        cmocka_unit_test(other_projections_take_the_place_of_the_models),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(a_text_ends_where_it_should),
        cmocka_unit_test(a_text_can_be_cancelled),
        cmocka_unit_test(end_tokens_come_from_the_generation_config),
        cmocka_unit_test(end_tokens_come_from_the_config),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(a_full_generator_takes_no_more),
        cmocka_unit_test(a_model_that_is_not_causal_is_refused),
        cmocka_unit_test(weights_that_are_no_numbers_are_refused),
        cmocka_unit_test(a_pass_that_overflows_is_refused),
        cmocka_unit_test(a_draw_follows_its_definition),
        cmocka_unit_test(a_low_temperature_is_greedy),
        cmocka_unit_test(a_seed_gives_the_same_text_again),
    };
    int failed = cmocka_run_group_tests_name("greedy text of transformers",
                                             golden, NULL, NULL);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
