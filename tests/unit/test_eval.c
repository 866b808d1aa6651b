/*
 * Evaluations: standard errors worked out by hand, the tokens that are masked,
 * what transformers computes for whole models, divergences against a plain
 * computation, and the same bits in any company.
 */
#include "eval/summary.h"
#include "fixture.h"
#include "headprune/text.h"
#include "model/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_close(double got, double want, double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("got %.12g, want %.12g, allowed %.3g", got, want, most);
}

/* ---- standard errors ---- */

/* Two windows of losses 1 2 3 and 5. The mean is 11/4; their sums are 6 and 5
 * where 33/4 and 11/4 are expected: off by -9/4 and 9/4. The variance of the
 * sum is 2/1 (81/16 + 81/16) = 81/4, its root 9/2, over 4 tokens 9/8. */
static void the_error_of_two_windows_is_as_by_hand(void **state)
{
    (void)state;
    const double losses[] = {1, 2, 3, 5};
    size_t first[] = {0, 3, 4};
    hp__mean mean = hp__mean_of_windows(losses, first, 2);
    assert_true(mean.value == 2.75 && mean.error == 1.125);
    hp_eval e = {.metric = HP_METRIC_PERPLEXITY,
                 .tokens = 4,
                 .windows = 2,
                 .losses = losses};
    hp__targets t = {.first = first, .n = 4};
    hp__summarise_losses(&e, &t);
    assert_true(e.loss == 2.75 && e.loss_error == 1.125);
    assert_close(e.value, 15.642631884188171, 1e-13);
    assert_close(e.value_error, 1.125 * 15.642631884188171, 1e-13);
    e.metric = HP_METRIC_MASKED_LM_LOSS;
    hp__summarise_losses(&e, &t);
    assert_true(e.value == 2.75 && e.value_error == 1.125);
}

/* Differences 1 0 2 3: mean 3/2, squares 5, so 5/3 each, sqrt(5/12) of the
 * mean. */
static void the_error_of_pairs_is_as_by_hand(void **state)
{
    (void)state;
    const double losses[] = {1, 2, 3, 5}, base[] = {0, 2, 1, 2};
    hp_eval e = {.metric = HP_METRIC_PERPLEXITY, .tokens = 4, .losses = losses};
    hp__summarise_pairs(&e, base);
    assert_true(e.delta == 1.5 && e.base_loss == 1.25);
    assert_close(e.delta_error, sqrt(5.0 / 12.0), 1e-15);
    assert_close(e.base_value, exp(1.25), 1e-14);
    const double cosines[] = {0.5, 1.0, 0.75};
    hp__mean mean = hp__mean_of(cosines, 3);
    assert_true(mean.value == 0.75);
    assert_close(mean.error, sqrt(0.125 / 2 / 3), 1e-15);
}

static void one_window_has_no_error(void **state)
{
    (void)state;
    const double losses[] = {1, 2};
    const size_t first[] = {0, 2};
    hp__mean mean = hp__mean_of_windows(losses, first, 1);
    assert_true(mean.value == 1.5 && isnan(mean.error));
    assert_true(isnan(hp__mean_of(losses, 1).error));
    assert_true(isnan(hp__mean_of_pairs(losses, losses, 1).error));
}

/* ---- targets ---- */

static void the_rule_masks_the_same_tokens_everywhere(void **state)
{
    (void)state;
    /* i * 2654435761 mod 2^32 below 0.15 * 2^32, by Python */
    static const size_t chosen[] = {0,  5,  13, 18, 26, 34, 39, 47,
                                    52, 60, 68, 73, 81, 89, 94};
    int32_t ids[100], specials[] = {7, 40};
    size_t start[] = {0, 30, 100}, n = 0;
    for (int32_t i = 0; i < 100; i++)
        ids[i] = i;
    hp_sequences s = {ids, start, 2, NULL};
    hp__target_rule d = {.sequences = &s, .special = {specials, 2, 99}};
    specials[1] = (int32_t)chosen[3];
    hp__targets t = {0};
    assert_int_equal(hp__targets_open(&t, HP_OUTPUT_MASKED, &d, NULL), HP_OK);
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        if (i == 3) /* special */
            continue;
        assert_int_equal(t.rows[n], chosen[i]);
        assert_int_equal(t.labels[n++], chosen[i]);
    }
    assert_int_equal(t.n, n);
    for (size_t i = 0; i < 100; i++) {
        size_t k = 0;
        while (k < n && t.rows[k] != i)
            k++;
        assert_int_equal(t.windows.ids[i], k < n ? 99 : ids[i]);
    }
    assert_true(t.rows[t.first[1]] >= 30 && t.rows[t.first[1] - 1] < 30);
    hp__targets_close(&t);
}

static void tokens_of_context_are_not_predicted(void **state)
{
    (void)state;
    const int32_t ids[] = {10, 11, 12, 13, 20, 21, 22, 23};
    const size_t start[] = {0, 4, 8}, context[] = {1, 3};
    hp_sequences s = {ids, start, 2, NULL};
    hp__target_rule d = {.sequences = &s, .context = context};
    hp__targets t = {0};
    assert_int_equal(hp__targets_open(&t, HP_OUTPUT_CAUSAL, &d, NULL), HP_OK);
    const size_t rows[] = {0, 1, 2, 6};
    const int32_t labels[] = {11, 12, 13, 23};
    assert_int_equal(t.n, 4);
    assert_memory_equal(t.rows, rows, sizeof rows);
    assert_memory_equal(t.labels, labels, sizeof labels);
    hp__targets_close(&t);
}

/* ---- whole models ---- */

typedef struct bench {
    char *folder;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    hp_error err;
} bench;

static void open_model(bench *b, const char *path)
{
    memset(b, 0, sizeof *b);
    if (hp_checkpoint_open(&b->checkpoint, path, NULL, &b->err) ||
        hp_model_open(&b->model, b->checkpoint, NULL, &b->err) ||
        hp_backend_open(&b->backend, &b->err))
        fail_msg("%s: %s", path, b->err.message);
}

static void close_model(bench *b)
{
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
    hp_backend_free(b->backend);
    fixture_remove(b->folder);
}

static hp_eval *evaluate(bench *b, const hp_eval_data *d,
                         const hp_eval_options *like)
{
    hp_eval *e[16];
    hp_eval_options o = *like;
    o.run.backend = b->backend;
    if (hp_evaluate(e, b->model, d, &o, &b->err))
        fail_msg("%s", b->err.message);
    for (size_t i = 1; i < o.run.n_variants; i++)
        hp_eval_free(e[i]);
    return e[0];
}

static hp_calibration *open_data(bench *b, const hp_tokenizer *t,
                                 const hp_calibration_options *like)
{
    hp_calibration *c = NULL;
    hp_calibration_options o = *like;
    o.max_length = hp_model_spec(b->model)->max_positions;
    o.vocab = hp_model_spec(b->model)->vocab;
    if (hp_calibration_open(&c, t, &o, &b->err))
        fail_msg("%s", b->err.message);
    return c;
}

/* Of the whole book, in windows of 256. */
static hp_eval *evaluate_novel(bench *b, const char *model)
{
    hp_tokenizer *t = NULL;
    const char *text = "models/text/the-time-machine.txt";
    open_model(b, model);
    assert_int_equal(
        hp_tokenizer_open(&t, model, hp_model_spec(b->model)->vocab, &b->err),
        HP_OK);
    hp_calibration *c = open_data(
        b, t,
        &(hp_calibration_options){
            .data = &text, .n_data = 1, .length = 256, .sequences = SIZE_MAX});
    hp_eval_data d = {.sequences = hp_calibration_sequences(c),
                      .context = hp_calibration_context(c),
                      .info = hp_calibration_info_get(c)};
    hp_eval *e = evaluate(b, &d, &(hp_eval_options){0});
    assert_int_equal(e->length, 256);
    assert_int_equal(e->stride, 256);
    assert_string_equal(e->source, text);
    assert_close(log(e->value), e->loss, 1e-12);
    assert_close(e->value_error, e->value * e->loss_error, 1e-12);
    hp_calibration_free(c);
    hp_tokenizer_free(t);
    close_model(b);
    return e;
}

/* transformers 4.57.6: perplexity 105.6 in 198 windows. */
static void the_perplexity_of_novels_agrees(void **state)
{
    (void)state;
    bench b;
    hp_eval *e = evaluate_novel(&b, "models/gpt2-novels");
    assert_int_equal(e->windows, 198);
    assert_int_equal(e->tokens, 50490);
    assert_close(e->value, 105.6, 0.05);
    hp_eval_free(e);
}

/* transformers 4.57.6 in float64: loss 4.564485134 over 49710 tokens in 195
 * windows that begin with <s>. */
static void the_loss_with_shared_keys_agrees(void **state)
{
    (void)state;
    bench b;
    hp_eval *e = evaluate_novel(&b, "models/llama-novels");
    assert_int_equal(e->windows, 195);
    assert_int_equal(e->tokens, 49710);
    assert_close(e->loss, 4.564485134, 1e-5 * 4.564485134);
    hp_eval_free(e);
}

/* transformers 4.57.6 in float64: 1.111631, 312 of 343 right. */
static void the_masked_loss_of_reactions_agrees(void **state)
{
    (void)state;
    bench b;
    hp_tokenizer *t = NULL;
    open_model(&b, "models/reaction-bert");
    assert_int_equal(hp_tokenizer_open(&t, "models/reaction-bert",
                                       hp_model_spec(b.model)->vocab, &b.err),
                     HP_OK);
    hp_calibration *c =
        open_data(&b, NULL,
                  &(hp_calibration_options){
                      .tokens = "models/text/reactions-evaluation.ids"});
    hp_eval_data d = {.sequences = hp_calibration_sequences(c),
                      .special = *hp_tokenizer_special(t)};
    hp_eval *e = evaluate(&b, &d, &(hp_eval_options){0});
    assert_int_equal(e->tokens, 343);
    assert_close(e->loss, 1.111631, 1e-5 * 1.111631);
    assert_close(e->top1, 312.0 / 343.0, 1e-12);
    assert_true(e->value == e->loss && isnan(e->kl) && !e->has_base);
    hp_eval_free(e);
    hp_calibration_free(c);
    hp_tokenizer_free(t);
    close_model(&b);
}

/* transformers 4.57.6 in float64: 0.581609, 116 of 133 right. Its vocab.txt is
 * of letters and no tokenizer: config.json and the caller name special ids. */
static void the_masked_loss_of_antibodies_agrees(void **state)
{
    (void)state;
    bench b;
    int32_t ids[HP_MAX_SPECIAL];
    open_model(&b, "models/antibody-roberta");
    hp_calibration *c =
        open_data(&b, NULL,
                  &(hp_calibration_options){
                      .tokens = "models/text/antibodies-evaluation.ids"});
    hp_eval_data d = {.sequences = hp_calibration_sequences(c),
                      .special = {.ids = ids}};
    d.special.n = hp_model_special(b.model, ids, &d.special.mask);
    assert_int_equal(d.special.mask, -1);
    d.special.mask = 24;
    hp_eval *e = evaluate(&b, &d, &(hp_eval_options){0});
    assert_int_equal(e->tokens, 133);
    assert_close(e->loss, 0.581609, 1e-5 * 0.581609);
    assert_close(e->top1, 116.0 / 133.0, 1e-12);
    hp_eval_free(e);
    hp_calibration_free(c);
    close_model(&b);
}

/* ---- several masks, and what they are compared with ---- */

#define N_WINDOWS 150U /* of 3 to 16 tokens: more than one piece */
#define HEADS     8U

static const unsigned char in_first[HEADS] = {0, 1, 1},
                           in_second[HEADS] = {[6] = 1};
static const unsigned char *const masks[] = {in_first, NULL, in_second};
#define N_MASKS (sizeof masks / sizeof *masks)

typedef struct windows {
    int32_t ids[N_WINDOWS * 16];
    size_t start[N_WINDOWS + 1];
    hp_sequences sequences;
} windows;

static void open_fixture(bench *b, windows *w, fixture f)
{
    char *folder = fixture_folder();
    fixture_write(folder, &f);
    open_model(b, folder);
    b->folder = folder;
    for (size_t i = 0; i < N_WINDOWS; i++)
        w->start[i + 1] = w->start[i] + 3 + i % 14;
    for (size_t i = 0; i < w->start[N_WINDOWS]; i++)
        w->ids[i] = (int32_t)((i * i + 3 * i) % f.vocab);
    w->sequences = (hp_sequences){w->ids, w->start, N_WINDOWS, NULL};
}

/* Logits of all tokens under a mask. */
typedef struct logits {
    const windows *w;
    size_t vocab;
    float *at;
} logits;

static void see(void *payload, const hp_seen *seen)
{
    const logits *l = payload;
    memcpy(l->at + (l->w->start[seen->sequence] + seen->position) * l->vocab,
           seen->logits, seen->n_query * l->vocab * sizeof *l->at);
}

static logits logits_of(bench *b, const windows *w, const unsigned char *mask)
{
    logits l = {.w = w, .vocab = hp_model_spec(b->model)->vocab};
    l.at = calloc(w->start[N_WINDOWS] * l.vocab, sizeof *l.at);
    hp_observer observer = {.wants = HP_SEE_LOGITS, .see = see, .payload = &l};
    hp_run_options o = {.backend = b->backend, .masks = &mask, .n_variants = 1};
    if (!l.at || hp_run_sweep(b->model, &w->sequences, &o, &observer, &b->err))
        fail_msg("%s", b->err.message);
    return l;
}

static double log_sum(const float *row, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)row[i]);
    return log(sum);
}

static size_t top_of(const float *row, size_t n)
{
    size_t top = 0;
    for (size_t i = 1; i < n; i++)
        top = row[i] > row[top] ? i : top;
    return top;
}

typedef struct plain {
    double loss, kl, same, right, n;
} plain;

/* What hp_eval should say, of logits in plain double. */
static plain compare(const logits *base, const logits *own)
{
    plain p = {0};
    size_t v = base->vocab;
    const windows *w = base->w;
    for (size_t s = 0; s < N_WINDOWS; s++)
        for (size_t i = w->start[s]; i + 1 < w->start[s + 1]; i++) {
            const float *a = base->at + i * v, *b = own->at + i * v;
            double za = log_sum(a, v), zb = log_sum(b, v);
            for (size_t j = 0; j < v; j++)
                p.kl += exp((double)a[j] - za) *
                        ((double)a[j] - za - (double)b[j] + zb);
            p.loss += zb - (double)b[w->ids[i + 1]];
            p.same += top_of(a, v) == top_of(b, v);
            p.right += top_of(b, v) == (size_t)w->ids[i + 1];
            p.n += 1.0;
        }
    return p;
}

static void assert_plain(const hp_eval *e, const plain *p)
{
    assert_close((double)e->tokens, p->n, 0.0);
    assert_close(e->loss, p->loss / p->n, 1e-6);
    assert_close(e->kl, p->kl / p->n, 1e-6 * p->kl / p->n + 2e-8);
    assert_close(e->same_top1, p->same / p->n, 1e-12);
    assert_close(e->top1, p->right / p->n, 1e-12);
}

/* A vocabulary of more than two blocks, the last of them not whole. */
static void divergences_agree_with_a_plain_computation(void **state)
{
    (void)state;
    bench b;
    windows w = {0};
    hp_eval *e[N_MASKS];
    fixture f = FIXTURE_GPT2;
    f.vocab = 2500;
    open_fixture(&b, &w, f);
    const int32_t edges[] = {0, 1023, 1024, 2047, 2048, 2499};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        w.ids[w.start[20 + i] + 1] = edges[i];
    logits base = logits_of(&b, &w, NULL);
    hp_eval_data d = {.sequences = &w.sequences};
    hp_eval_options o = {
        .run = {.backend = b.backend, .masks = masks, .n_variants = N_MASKS},
        .base.unmasked = 1};
    assert_int_equal(hp_evaluate(e, b.model, &d, &o, &b.err), HP_OK);
    for (size_t i = 0; i < N_MASKS; i++) {
        logits own = logits_of(&b, &w, masks[i]);
        plain p = compare(&base, &own);
        assert_plain(e[i], &p);
        assert_true(masks[i] ? e[i]->kl > 1e-4 : e[i]->kl == 0.0);
        free(own.at);
        hp_eval_free(e[i]);
    }
    free(base.at);
    close_model(&b);
}

static void assert_same(const hp_eval *a, const hp_eval *b)
{
    assert_int_equal(a->tokens, b->tokens);
    assert_memory_equal(a->losses, b->losses, a->tokens * sizeof(double));
    assert_true(a->value == b->value && a->value_error == b->value_error);
    assert_true(a->delta == b->delta && a->delta_error == b->delta_error);
    assert_true(a->base_loss == b->base_loss);
}

/* Alone, in company, on more threads, in chunks, and against an evaluation of
 * the base that was made before. */
static void company_and_memory_change_no_bit(void **state)
{
    (void)state;
    bench b;
    windows w = {0};
    hp_eval *together[N_MASKS];
    open_fixture(&b, &w, FIXTURE_GPT2);
    hp_eval_data d = {.sequences = &w.sequences};
    hp_eval_options o = {.run = {.backend = b.backend,
                                 .threads = 2,
                                 .budget = 1,
                                 .masks = masks,
                                 .n_variants = N_MASKS},
                         .base.unmasked = 1};
    assert_int_equal(hp_evaluate(together, b.model, &d, &o, &b.err), HP_OK);
    hp_eval *base = evaluate(&b, &d, &(hp_eval_options){0});
    assert_true(base->loss == together[1]->loss);
    for (size_t i = 0; i < N_MASKS; i++) {
        o = (hp_eval_options){
            .run = {.threads = 1, .masks = &masks[i], .n_variants = 1},
            .base.unmasked = 1};
        hp_eval *alone = evaluate(&b, &d, &o);
        assert_same(alone, together[i]);
        assert_true(alone->kl == together[i]->kl);
        o.base = (hp_eval_base){.eval = base};
        hp_eval *paired = evaluate(&b, &d, &o);
        assert_same(paired, together[i]);
        assert_true(isnan(paired->kl) && paired->has_base);
        hp_eval_free(paired);
        o.base = (hp_eval_base){.model = b.model};
        o.skip_divergence = 1;
        paired = evaluate(&b, &d, &o);
        assert_same(paired, together[i]);
        assert_true(isnan(paired->kl) && isnan(paired->same_top1));
        hp_eval_free(paired);
        hp_eval_free(alone);
        hp_eval_free(together[i]);
    }
    hp_eval_free(base);
    close_model(&b);
}

static void what_was_masked_is_told(void **state)
{
    (void)state;
    bench b;
    windows w = {0};
    open_fixture(&b, &w, FIXTURE_GPT2);
    hp_eval_data d = {.sequences = &w.sequences};
    hp_eval_options o = {.run = {.masks = masks, .n_variants = 1}};
    hp_eval *e = evaluate(&b, &d, &o);
    assert_string_equal(e->heads, "0:1,2");
    assert_int_equal(e->n_masked, 2);
    assert_int_equal(e->windows, N_WINDOWS);
    assert_int_equal(e->length, 16);
    assert_string_equal(e->source, "");
    assert_true(!e->has_base && isnan(e->delta) && isnan(e->kl));
    assert_int_equal(e->model.heads, HEADS);
    hp_eval_free(e);
    close_model(&b);
}

/* ---- hidden states ---- */

typedef struct means {
    size_t width;
    double at[N_WINDOWS][64];
} means;

static void add_hidden(void *payload, const hp_seen *seen)
{
    means *m = payload;
    for (size_t i = 0; i < seen->n_query; i++)
        for (size_t j = 0; j < m->width; j++)
            m->at[seen->sequence][j] += (double)seen->hidden[i * m->width + j];
}

static void means_of(means *out, bench *b, const windows *w,
                     const unsigned char *mask)
{
    hp_observer observer = {
        .wants = HP_SEE_HIDDEN, .see = add_hidden, .payload = out};
    hp_run_options o = {.backend = b->backend, .masks = &mask, .n_variants = 1};
    *out = (means){.width = hp_model_spec(b->model)->width};
    assert_true(out->width <= 64);
    assert_int_equal(
        hp_run_sweep(b->model, &w->sequences, &o, &observer, &b->err), HP_OK);
}

static void cosines_agree_with_a_plain_computation(void **state)
{
    (void)state;
    bench b;
    windows w = {0};
    static means whole, masked;
    open_fixture(&b, &w, FIXTURE_BERT);
    b.model->spec.output = HP_OUTPUT_NONE;
    assert_int_equal(hp_metric_of(b.model), HP_METRIC_HIDDEN_COSINE);
    means_of(&whole, &b, &w, NULL);
    means_of(&masked, &b, &w, masks[0]);
    double mean = 0.0;
    for (size_t s = 0; s < N_WINDOWS; s++) {
        double ab = 0.0, aa = 0.0, bb = 0.0;
        for (size_t j = 0; j < whole.width; j++) {
            ab += whole.at[s][j] * masked.at[s][j];
            aa += whole.at[s][j] * whole.at[s][j];
            bb += masked.at[s][j] * masked.at[s][j];
        }
        mean += ab / sqrt(aa) / sqrt(bb) / N_WINDOWS;
    }
    hp_eval_data d = {.sequences = &w.sequences};
    hp_eval_options o = {.run = {.budget = 1, .masks = masks, .n_variants = 1},
                         .base.unmasked = 1};
    hp_eval *e = evaluate(&b, &d, &o);
    assert_close(e->value, mean, 1e-12);
    assert_true(mean < 0.9999 && e->value_error > 0.0 && e->base_value == 1.0);
    assert_true(isnan(e->loss) && isnan(e->delta) && !e->losses);
    assert_int_equal(e->tokens, w.start[N_WINDOWS]);
    hp_eval_free(e);
    o.base = (hp_eval_base){0};
    o.run.backend = b.backend;
    assert_int_equal(hp_evaluate(&e, b.model, &d, &o, &b.err), HP_INVALID);
    assert_non_null(strstr(b.err.hint, "--against"));
    close_model(&b);
}

/* ---- progress ---- */

typedef struct steps {
    uint64_t done, total, stop_at;
} steps;

static int step(void *payload, uint64_t done, uint64_t total)
{
    steps *s = payload;
    assert_true(done > s->done && done <= total);
    s->done = done;
    s->total = total;
    return s->stop_at && done >= s->stop_at;
}

static void progress_counts_to_the_end_and_can_stop(void **state)
{
    (void)state;
    bench b;
    windows w = {0};
    hp_eval *e[N_MASKS];
    steps s = {0};
    open_fixture(&b, &w, FIXTURE_GPT2);
    hp_eval_data d = {.sequences = &w.sequences};
    hp_eval_options o = {.run = {.backend = b.backend,
                                 .budget = 1,
                                 .masks = masks,
                                 .n_variants = N_MASKS,
                                 .progress = {step, &s}},
                         .base.model = b.model};
    assert_int_equal(hp_evaluate(e, b.model, &d, &o, &b.err), HP_OK);
    assert_int_equal(s.done, s.total);
    /* the base's two layers, and 2 + 2 + 1 of the masks */
    assert_int_equal(s.total, w.start[N_WINDOWS] * 7);
    for (size_t i = 0; i < N_MASKS; i++)
        hp_eval_free(e[i]);
    s = (steps){.stop_at = 1};
    assert_int_equal(hp_evaluate(e, b.model, &d, &o, &b.err), HP_CANCELLED);
    assert_null(e[0]);
    close_model(&b);
}

/* ---- refusals ---- */

static void assert_refused(bench *b, const hp_eval_data *d,
                           const hp_eval_options *o, const char *fragment)
{
    hp_eval *e[1];
    assert_int_equal(hp_evaluate(e, b->model, d, o, &b->err), HP_INVALID);
    assert_null(e[0]);
    if (!strstr(b->err.message, fragment))
        fail_msg("'%s' does not say '%s'", b->err.message, fragment);
}

static void requests_that_cannot_be_met_are_refused(void **state)
{
    (void)state;
    bench b;
    windows w = {0};
    open_fixture(&b, &w, FIXTURE_GPT2);
    hp_sequences none = {w.ids, w.start, 0, NULL};
    hp_eval_data d = {.sequences = &w.sequences};
    hp_eval_options o = {.run.backend = b.backend};
    hp_eval *base = evaluate(&b, &d, &o);
    o.base = (hp_eval_base){.unmasked = 1, .model = b.model};
    assert_refused(&b, &d, &o, "more than one base");
    o.base = (hp_eval_base){.eval = base};
    base->tokens--;
    assert_refused(&b, &d, &o, "on other tokens");
    const double *losses = base->losses;
    base->losses = NULL;
    assert_refused(&b, &d, &o, "holds no losses");
    base->losses = losses;
    o.base = (hp_eval_base){0};
    assert_refused(&b, &(hp_eval_data){.sequences = &none}, &o, "nothing to");
    const size_t start[] = {0, 1};
    hp_sequences one = {w.ids, start, 1, NULL};
    assert_refused(&b, &(hp_eval_data){.sequences = &one}, &o, "no token");
    o.run.backend = NULL;
    assert_refused(&b, &d, &o, "backend");
    hp_eval_free(base);
    close_model(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_error_of_two_windows_is_as_by_hand),
        cmocka_unit_test(the_error_of_pairs_is_as_by_hand),
        cmocka_unit_test(one_window_has_no_error),
        cmocka_unit_test(the_rule_masks_the_same_tokens_everywhere),
        cmocka_unit_test(tokens_of_context_are_not_predicted),
        cmocka_unit_test(the_perplexity_of_novels_agrees),
        cmocka_unit_test(the_loss_with_shared_keys_agrees),
        cmocka_unit_test(the_masked_loss_of_reactions_agrees),
        cmocka_unit_test(the_masked_loss_of_antibodies_agrees),
        cmocka_unit_test(divergences_agree_with_a_plain_computation),
        cmocka_unit_test(company_and_memory_change_no_bit),
        cmocka_unit_test(what_was_masked_is_told),
        cmocka_unit_test(cosines_agree_with_a_plain_computation),
        cmocka_unit_test(progress_counts_to_the_end_and_can_stop),
        cmocka_unit_test(requests_that_cannot_be_met_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
