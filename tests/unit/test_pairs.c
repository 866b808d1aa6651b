/*
 * Models of an encoder and a decoder: buckets of distances as transformers has
 * them, the same bits for any threads, budget and company of masks, a cache
 * that gives what the whole pass gives, and pairs that are refused.
 */
#include "headprune/eval.h"
#include "headprune/generate.h"
#include "nn/machine.h"
#include "run/relative.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- buckets ---- */

/* transformers 4.57.6, T5Attention._relative_position_bucket: from which
 * distance on a bucket is used, one after the other. */
typedef struct reference {
    hp_relative relative;
    int one_way;
    uint16_t first[33]; /* 0 at the end */
} reference;

static const reference references[] = {
    {{NULL, 32, 128}, 0, {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91}},
    {{NULL, 32, 128}, 1, {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                          12, 13, 14, 15, 16, 19, 21, 24, 27, 31, 35,
                          40, 46, 52, 59, 67, 77, 87, 99, 113}},
    {{NULL, 10, 20}, 0, {1, 2, 5, 10}},
    {{NULL, 10, 20}, 1, {1, 2, 3, 4, 5, 7, 9, 12, 16}},
    {{NULL, 33, 1000},
     0,
     {1, 2, 3, 4, 5, 6, 7, 8, 15, 27, 49, 90, 164, 300, 547}},
    {{NULL, 4, 3}, 0, {1}},
    {{NULL, 6, 65535}, 1, {1, 2, 3, 84, 2345}},
};
#define N_REFERENCES (sizeof references / sizeof *references)

static uint32_t expected_bucket(const reference *r, int32_t distance)
{
    uint32_t bucket = 0, size = (uint32_t)abs(distance);
    if (r->one_way && distance > 0)
        return 0;
    while (r->first[bucket] && r->first[bucket] <= size)
        bucket++;
    return bucket + (distance > 0 ? r->relative.buckets / 2 : 0);
}

static void buckets_are_those_of_transformers(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_REFERENCES; i++) {
        const reference *r = &references[i];
        for (int32_t d = -3000; d <= 3000; d++) {
            uint32_t got = hp__relative_bucket(&r->relative, r->one_way, d);
            if (got != expected_bucket(r, d))
                fail_msg("%u buckets to %u, one way %d, distance %d: %u",
                         r->relative.buckets, r->relative.max_distance,
                         r->one_way, d, got);
        }
    }
}

/* Far keys, near ones and far ones again, from any first key on. */
static void a_bias_is_added_by_distance(void **state)
{
    (void)state;
    enum { REACH = 3, KEYS = 40 };
    const float bias[2 * REACH + 1] = {1, 2, 3, 4, 5, 6, 7};
    const hp__relative head = {bias, REACH};
    const hp__kernels *k = hp__kernels_at(0);
    for (size_t query = 0; query < KEYS; query++)
        for (size_t first = 0; first < KEYS; first++) {
            float scores[KEYS] = {0};
            hp__relative_add(k, &head, scores, first, KEYS - first, query);
            for (size_t i = first; i < KEYS; i++) {
                int far = (int)i - (int)query;
                far = far < -REACH ? -REACH : far > REACH ? REACH : far;
                assert_true(scores[i - first] == bias[far + REACH]);
            }
        }
}

/* ---- sweeps ---- */

#define PAIRS 90U /* more than one piece of both stacks */
#define MOST  64U /* tokens of a sequence */
#define HEADS 32U
#define VOCAB 80U
#define WIDTH 24U

/* Tests run both ways: OpenBLAS's products, and those with strips. */
static int strips;

typedef struct bench {
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    int32_t ids[2][PAIRS * MOST];
    size_t start[2][PAIRS + 1];
    hp_sequences sequences, decoder;
    hp_error err;
} bench;

static void draw(hp_sequences *out, int32_t *ids, size_t *start, size_t most)
{
    start[0] = 0;
    for (size_t i = 0; i < PAIRS; i++)
        start[i + 1] = start[i] + 1 + (i * 7 + most) % most;
    for (size_t i = 0; i < start[PAIRS]; i++)
        ids[i] = (int32_t)((i * i * 3 + 5 * i + most) % VOCAB);
    *out = (hp_sequences){.ids = ids, .start = start, .n = PAIRS};
}

static bench *open_bench(const char *folder)
{
    bench *b = calloc(1, sizeof *b);
    if (!b)
        abort();
    if (hp_checkpoint_open(&b->checkpoint, folder, NULL, &b->err) ||
        hp_model_open(&b->model, b->checkpoint, NULL, &b->err) ||
        hp_backend_open(&b->backend, &b->err))
        fail_msg("%s", b->err.message);
    b->backend->strips = strips;
    draw(&b->sequences, b->ids[0], b->start[0], MOST);
    draw(&b->decoder, b->ids[1], b->start[1], 37);
    b->sequences.decoder = &b->decoder;
    return b;
}

static void close_bench(bench *b)
{
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
    hp_backend_free(b->backend);
    free(b);
}

/* All that a sweep shows of one variant. */
typedef struct shown {
    size_t variant;
    const bench *b;
    double entropy[HEADS][PAIRS];
    double centre[HEADS][PAIRS];
    float hidden[PAIRS * 37][WIDTH];
    float logits[PAIRS * 37][VOCAB];
} shown;

static void see(void *payload, const hp_seen *seen)
{
    shown *s = payload;
    if (seen->variant != s->variant)
        return;
    if (seen->block) {
        size_t head = seen->block->first_head + seen->head;
        for (size_t i = 0; seen->row_entropy && i < seen->n_query; i++)
            s->entropy[head][seen->sequence] += seen->row_entropy[i];
        for (size_t i = 0; seen->probs && i < seen->n_query; i++)
            for (size_t j = 0; j < seen->n_key; j++)
                s->centre[head][seen->sequence] +=
                    (double)(seen->probs[i * seen->n_key + j] * (float)(j + 1));
        return;
    }
    size_t row = s->b->start[1][seen->sequence] + seen->position;
    if (seen->hidden)
        memcpy(s->hidden[row], seen->hidden, seen->n_query * sizeof *s->hidden);
    if (seen->logits)
        memcpy(s->logits[row], seen->logits, seen->n_query * sizeof *s->logits);
}

#define ALL (HP_SEE_ENTROPY | HP_SEE_PROBS | HP_SEE_HIDDEN | HP_SEE_LOGITS)

static shown *run(bench *b, unsigned wants, const hp_run_options *like,
                  size_t variant)
{
    shown *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->b = b;
    s->variant = variant;
    hp_run_options o = *like;
    hp_observer observer = {.wants = wants, .see = see, .payload = s};
    o.backend = b->backend;
    if (hp_run_sweep(b->model, &b->sequences, &o, &observer, &b->err))
        fail_msg("%s", b->err.message);
    return s;
}

static int same_bytes(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

static int same_bits(const shown *a, const shown *b)
{
    return same_bytes(a->entropy, b->entropy, sizeof a->entropy) &&
           same_bytes(a->centre, b->centre, sizeof a->centre) &&
           same_bytes(a->hidden, b->hidden, sizeof a->hidden) &&
           same_bytes(a->logits, b->logits, sizeof a->logits);
}

static void threads_and_budget_change_no_bit(void **state)
{
    bench *b = open_bench(*state);
    const hp_run_options others[] = {{.threads = 2},
                                     {.threads = 3, .budget = 1},
                                     {.threads = 1, .budget = 300000}};
    shown *first = run(b, ALL, &(hp_run_options){.threads = 1}, 0);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        shown *s = run(b, ALL, &others[i], 0);
        assert_true(same_bits(first, s));
        free(s);
    }
    shown *few = run(b, HP_SEE_ENTROPY, &(hp_run_options){.threads = 2}, 0);
    assert_memory_equal(few->entropy, first->entropy, sizeof few->entropy);
    free(few);
    free(first);
    close_bench(b);
}

/* Heads 0 .. 7 are the encoder's; a decoder layer has 4 of its own and 4 of the
 * cross block. Masks part in the encoder, where the decoder begins, in it, in a
 * cross block, and nowhere. */
static const unsigned char in_encoder[HEADS] = {[1] = 1, [20] = 1},
                           late_in_encoder[HEADS] = {[6] = 1},
                           first_of_decoder[HEADS] = {[9] = 1},
                           in_decoder[HEADS] = {[17] = 1, [18] = 1},
                           in_cross[HEADS] = {[14] = 1},
                           mixed[HEADS] = {[6] = 1, [14] = 1},
                           encoder_too[HEADS] = {[1] = 1, [20] = 1, [15] = 1};
static const unsigned char *const masks[] = {
    in_decoder, NULL,     late_in_encoder, first_of_decoder,
    in_encoder, in_cross, mixed,           encoder_too,
    NULL};
#define N_MASKS (sizeof masks / sizeof *masks)

static void a_variant_is_what_it_would_be_alone(void **state)
{
    bench *b = open_bench(*state);
    const hp_run_options together = {
        .masks = masks, .n_variants = N_MASKS, .threads = 2, .budget = 200000};
    shown *whole = run(b, ALL, &(hp_run_options){.threads = 1}, 0);
    for (size_t i = 0; i < N_MASKS; i++) {
        const hp_run_options alone = {
            .masks = &masks[i], .n_variants = 1, .threads = 1};
        shown *want = run(b, ALL, &alone, 0);
        shown *got = run(b, ALL, &together, i);
        assert_true(same_bits(want, got));
        assert_int_equal(same_bits(want, whole), !masks[i]);
        free(want);
        free(got);
    }
    free(whole);
    close_bench(b);
}

/* Gradients of both stacks, each value with its own weight. */
static hp_status see_gradients(void *payload, const hp_seen_gradients *seen,
                               hp_error *err)
{
    double *sum = payload;
    (void)err;
    for (size_t i = 0; i < seen->rows * seen->n; i++)
        *sum += (double)(i % 97 + 1) *
                (double)(seen->z[i] + 3.0F * seen->z_gradient[i]);
    for (size_t i = 0; i < seen->n_sequences; i++)
        *sum += seen->losses[i] * (double)(seen->first_sequence + i + 1);
    return HP_OK;
}

static double sum_of_gradients(bench *b, hp_run_options o)
{
    static int32_t labels[PAIRS * MOST];
    double sum = 0.0;
    const hp_observer observer = {
        .wants = HP_SEE_GRADIENT, .gradients = see_gradients, .payload = &sum};
    for (size_t i = 0; i < b->start[1][PAIRS]; i++)
        labels[i] = i % 3 ? (int32_t)(i % VOCAB) : -1;
    o.backend = b->backend;
    o.labels = labels;
    if (hp_run_sweep(b->model, &b->sequences, &o, &observer, &b->err))
        fail_msg("%s", b->err.message);
    return sum;
}

static void threads_and_budget_change_no_bit_of_a_gradient(void **state)
{
    bench *b = open_bench(*state);
    double first = sum_of_gradients(b, (hp_run_options){.threads = 1});
    const hp_run_options others[] = {{.threads = 2, .budget = (size_t)1 << 30},
                                     {.threads = 3, .budget = 1},
                                     {.threads = 1, .budget = 300000}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        double sum = sum_of_gradients(b, others[i]);
        assert_memory_equal(&sum, &first, sizeof sum);
    }
    close_bench(b);
}

typedef struct counter {
    uint64_t last, total;
} counter;

static int count(void *payload, uint64_t done, uint64_t total)
{
    counter *c = payload;
    c->last = done;
    c->total = total;
    return 0;
}

static void progress_counts_both_stacks(void **state)
{
    (void)state;
    bench *b = open_bench("tests/golden/t5");
    counter c = {0};
    uint64_t work = 2 * b->start[0][PAIRS] + 3 * b->start[1][PAIRS];
    free(run(b, HP_SEE_HIDDEN, &(hp_run_options){.progress = {count, &c}}, 0));
    assert_int_equal(c.last, work);
    assert_int_equal(c.total, work);
    const unsigned char *const two[] = {NULL, first_of_decoder};
    free(run(b, HP_SEE_HIDDEN,
             &(hp_run_options){
                 .masks = two, .n_variants = 2, .progress = {count, &c}},
             0));
    work += 3 * b->start[1][PAIRS];
    assert_int_equal(c.last, work);
    assert_int_equal(c.total, work);
    close_bench(b);
}

/* ---- evaluation ---- */

/* Losses do not depend on how the pairs are chunked. */
static void an_evaluation_depends_on_nothing_but_the_pairs(void **state)
{
    (void)state;
    bench *b = open_bench("tests/golden/t5-v11");
    hp_eval_data d = {.sequences = &b->sequences};
    const unsigned char none[24] = {0}, one[24] = {[9] = 1};
    const unsigned char *const two[] = {none, one};
    hp_eval *first[2], *second[2];
    hp_eval_options o = {.run = {.backend = b->backend,
                                 .threads = 1,
                                 .masks = two,
                                 .n_variants = 2},
                         .base.unmasked = 1};
    assert_int_equal(hp_evaluate(first, b->model, &d, &o, &b->err), HP_OK);
    o.run.threads = 2;
    o.run.budget = 1;
    assert_int_equal(hp_evaluate(second, b->model, &d, &o, &b->err), HP_OK);
    assert_int_equal(first[0]->metric, HP_METRIC_PERPLEXITY);
    assert_int_equal(first[0]->tokens, b->start[1][PAIRS] - PAIRS);
    assert_int_equal(first[0]->length, 37);
    assert_true(first[0]->delta == 0.0 && first[1]->delta != 0.0);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(first[i]->losses, second[i]->losses,
                            first[i]->tokens * sizeof(double));
        assert_true(first[i]->kl == second[i]->kl);
        hp_eval_free(first[i]);
        hp_eval_free(second[i]);
    }
    close_bench(b);
}

/* ---- one token at a time ---- */

/* Every prefix of a decoder's sequence, fed in parts, gives the logits of the
 * whole pass; a sequence longer than a generator takes at once too. */
static void cached_logits_are_those_of_the_whole_pass(void **state)
{
    bench *b = open_bench(*state);
    size_t n_encoder = 600, n = 300, start[2][2] = {{0, 600}, {0, 300}};
    hp_sequences decoder = {b->ids[1], start[1], 1, NULL};
    hp_sequences pair = {b->ids[0], start[0], 1, &decoder};
    shown *s = calloc(1, sizeof *s);
    hp_generator *g = NULL;
    hp_generator_options options = {.backend = b->backend, .threads = 2};
    if (!s)
        abort();
    s->b = b;
    hp_observer observer = {.wants = HP_SEE_LOGITS, .see = see, .payload = s};
    hp_run_options o = {.backend = b->backend};
    assert_int_equal(hp_run_sweep(b->model, &pair, &o, &observer, &b->err),
                     HP_OK);
    assert_int_equal(hp_generator_open(&g, b->model, &options, &b->err), HP_OK);
    const float *logits;
    assert_int_equal(hp_generator_feed(&logits, g, b->ids[1], 1, &b->err),
                     HP_INVALID);
    assert_non_null(strstr(b->err.message, "encoder has read nothing"));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(hp_generator_encode(g, b->ids[0], n_encoder, &b->err),
                         HP_OK);
        for (size_t at = 0, step = 1; at < n; at += step, step = 1 + at % 290) {
            step = n - at < step ? n - at : step;
            assert_int_equal(
                hp_generator_feed(&logits, g, b->ids[1] + at, step, &b->err),
                HP_OK);
            const float *want = s->logits[at + step - 1];
            for (size_t i = 0; i < VOCAB; i++)
                if (!(fabs((double)(logits[i] - want[i])) <= 2e-5))
                    fail_msg("token %zu: %g is not %g", at + step - 1,
                             (double)logits[i], (double)want[i]);
        }
        assert_int_equal(hp_generator_position(g), n);
    }
    hp_generator_free(g);
    free(s);
    close_bench(b);
}

static void what_an_encoder_cannot_read_is_refused(void **state)
{
    (void)state;
    bench *b = open_bench("tests/golden/t5");
    hp_generator *g = NULL;
    const int32_t bad[] = {3, 80};
    hp_generator_options options = {.backend = b->backend};
    assert_int_equal(hp_generator_open(&g, b->model, &options, &b->err), HP_OK);
    assert_int_equal(hp_generator_encode(g, bad, 2, &b->err), HP_INVALID);
    assert_non_null(strstr(b->err.message, "position 1: token id 80"));
    assert_int_equal(hp_generator_encode(g, bad, 0, &b->err), HP_INVALID);
    hp_generator_free(g);
    close_bench(b);
    b = open_bench("tests/golden/gpt2");
    options.backend = b->backend;
    assert_int_equal(hp_generator_open(&g, b->model, &options, &b->err), HP_OK);
    assert_int_equal(hp_generator_encode(g, bad, 1, &b->err), HP_INVALID);
    assert_non_null(strstr(b->err.message, "no encoder"));
    hp_generator_free(g);
    close_bench(b);
}

/* ---- refusals ---- */

static void assert_refused(bench *b, const hp_sequences *s, const char *message)
{
    hp_observer observer = {.wants = HP_SEE_ENTROPY, .see = see};
    hp_run_options o = {.backend = b->backend};
    assert_int_equal(hp_run_sweep(b->model, s, &o, &observer, &b->err),
                     HP_INVALID);
    if (!strstr(b->err.message, message))
        fail_msg("'%s' does not say '%s'", b->err.message, message);
}

static void bad_pairs_are_refused(void **state)
{
    (void)state;
    bench *b = open_bench("tests/golden/t5");
    hp_sequences s = b->sequences;
    s.decoder = NULL;
    assert_refused(b, &s, "pairs of sequences");
    s.decoder = &b->decoder;
    b->decoder.n--;
    assert_refused(b, &s, "90 sequences of the encoder, 89 of the decoder");
    b->decoder.n++;
    b->ids[1][b->start[1][3] + 1] = -1;
    assert_refused(b, &s, "sequence 3 of the decoder, position 1: token id -1");
    b->ids[1][b->start[1][3] + 1] = 0;
    b->start[1][1] = 0;
    assert_refused(b, &s, "sequence 0 of the decoder is empty");
    close_bench(b);
    b = open_bench("tests/golden/gpt2");
    assert_refused(b, &b->sequences, "one sequence at a time, not pairs");
    close_bench(b);
}

int main(void)
{
    static char tied[] = "tests/golden/t5";
#define TIED(f)                                                                \
    {                                                                          \
#f, f, NULL, NULL, tied                                                \
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_those_of_transformers),
        cmocka_unit_test(a_bias_is_added_by_distance),
        TIED(threads_and_budget_change_no_bit),
        TIED(threads_and_budget_change_no_bit_of_a_gradient),
        TIED(a_variant_is_what_it_would_be_alone),
        cmocka_unit_test(progress_counts_both_stacks),
        cmocka_unit_test(an_evaluation_depends_on_nothing_but_the_pairs),
        TIED(cached_logits_are_those_of_the_whole_pass),
        cmocka_unit_test(what_an_encoder_cannot_read_is_refused),
        cmocka_unit_test(bad_pairs_are_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    strips = 1;
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
