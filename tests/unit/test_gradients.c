/*
 * Gradients of long sequences against differences of a plain forward pass in
 * double; and what a backward sweep promises besides: the same bits for any
 * threads and memory, no gradient without a label, refusals.
 */
#include "fixture.h"
#include "headprune/run.h"
#include "nn/machine.h"
#include "plain_forward.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH 300U /* of the longest sequence: three bands of query rows */
#define N_LONG 6U
#define HEADS  8U
#define TOKENS (N_LONG * LENGTH)
#define STEP   (1.0 / 256.0) /* by which a head's weights are scaled */

/* Lengths around the bands; 1120 tokens, two pieces. */
static const size_t lengths[N_LONG] = {1, 128, 129, 300, 262, 300};

/* Tests run both ways: OpenBLAS's products, and those with strips. */
static int strips;

typedef struct bench {
    char *folder;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    int32_t ids[TOKENS], labels[TOKENS];
    size_t start[N_LONG + 1];
    hp_sequences sequences;
    uint32_t window; /* keys that a query sees at most; 0: all before it */
    hp_error err;
} bench;

static void open_model(bench *b)
{
    if (hp_checkpoint_open(&b->checkpoint, b->folder, NULL, &b->err) ||
        hp_model_open(&b->model, b->checkpoint, NULL, &b->err)) {
        fail_msg("%s", b->err.message);
        return;
    }
    for (size_t i = 0; i < b->model->n_blocks; i++)
        b->model->blocks[i].window = b->window;
}

static void close_model(bench *b)
{
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
}

/* The first sequence has no label, the others two of three positions. */
static void open_windowed(bench *b, fixture f, uint32_t window)
{
    memset(b, 0, sizeof *b);
    b->window = window;
    f.positions = LENGTH;
    b->folder = fixture_folder();
    fixture_write(b->folder, &f);
    open_model(b);
    assert_int_equal(hp_backend_open(&b->backend, &b->err), HP_OK);
    b->backend->strips = strips;
    for (size_t i = 0; i < N_LONG; i++)
        b->start[i + 1] = b->start[i] + lengths[i];
    for (size_t i = 0; i < b->start[N_LONG]; i++) {
        b->ids[i] = (int32_t)((i * i + 7 * i) % f.vocab);
        b->labels[i] = i % 3 ? (int32_t)((i * i + 3) % f.vocab) : -1;
    }
    b->sequences = (hp_sequences){b->ids, b->start, N_LONG, NULL};
}

static void open_bench(bench *b, fixture f)
{
    open_windowed(b, f, 0);
}

static void close_bench(bench *b)
{
    close_model(b);
    hp_backend_free(b->backend);
    fixture_remove(b->folder);
}

/* ---- what a backward sweep shows ---- */

typedef struct shown {
    const bench *b;
    double gates[HEADS][N_LONG]; /* dL/dg of the sequence's loss */
    double losses[N_LONG];
    double sum;   /* of all that was shown, each value with its own weight */
    size_t calls; /* in the order of blocks, last one first */
    uint32_t block, next;
} shown;

static void add_up(shown *s, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s->sum += (double)x[i] * (double)(i % 97 + 1);
}

static void see_sequence(shown *s, const hp_seen_gradients *seen, size_t row,
                         uint32_t i)
{
    const hp_block *b = seen->block;
    uint32_t sequence = seen->first_sequence + i;
    s->losses[sequence] = seen->losses[i];
    for (size_t h = 0; h < b->n_heads; h++) {
        double gate = 0.0;
        for (size_t r = row; r < row + lengths[sequence]; r++)
            for (size_t d = 0; d < b->head_dim; d++) {
                size_t at = r * seen->n + h * b->head_dim + d;
                gate += (double)seen->z[at] * (double)seen->z_gradient[at];
            }
        s->gates[b->first_head + h][sequence] = gate;
    }
}

static hp_status see(void *payload, const hp_seen_gradients *seen,
                     hp_error *err)
{
    shown *s = payload;
    size_t row = 0;
    (void)err;
    if (seen->first_sequence == 0) {
        assert_true(!s->calls || seen->block->layer < s->block);
        s->block = seen->block->layer;
        s->next = 0;
    }
    assert_int_equal(seen->first_sequence, s->next);
    s->next += seen->n_sequences;
    for (uint32_t i = 0; i < seen->n_sequences; i++) {
        see_sequence(s, seen, row, i);
        row += lengths[seen->first_sequence + i];
    }
    assert_int_equal(row, seen->rows);
    add_up(s, seen->z, seen->rows * seen->n);
    add_up(s, seen->z_gradient, seen->rows * seen->n);
    s->calls++;
    return HP_OK;
}

static hp_run_options options_of(const bench *b)
{
    return (hp_run_options){.backend = b->backend, .labels = b->labels};
}

static shown run(bench *b, const hp_run_options *o)
{
    shown s = {.b = b};
    const hp_observer observer = {
        .wants = HP_SEE_GRADIENT, .gradients = see, .payload = &s};
    if (hp_run_sweep(b->model, &b->sequences, o, &observer, &b->err))
        fail_msg("%s", b->err.message);
    return s;
}

/* ---- against differences ---- */

/* Mean loss of every sequence, in double. */
static void plain_losses(double losses[N_LONG], const bench *b)
{
    plain p = plain_forward(b->model, &b->sequences, NULL);
    for (size_t s = 0; s < N_LONG; s++) {
        double sum = 0.0, n = 0.0;
        for (size_t i = b->start[s]; i < b->start[s + 1]; i++) {
            const double *row = p.logits + i * p.vocab;
            double z = 0.0;
            for (size_t v = 0; v < p.vocab; v++)
                z += exp(row[v]);
            if (b->labels[i] >= 0) {
                sum += log(z) - row[b->labels[i]];
                n++;
            }
        }
        losses[s] = n > 0.0 ? sum / n : 0.0;
    }
    plain_free(&p);
}

static void scale_value(int fd, const hp_tensor *t, uint64_t at, double by)
{
    float v;
    off_t offset = (off_t)(t->offset + at * sizeof v);
    assert_int_equal(pread(fd, &v, sizeof v, offset), sizeof v);
    v = (float)((double)v * by);
    assert_int_equal(pwrite(fd, &v, sizeof v, offset), sizeof v);
}

/* A gate before the output projection is a factor of the head's part of it. */
static void scale_head(bench *b, size_t head, double by)
{
    hp_slice slices[HP_MAX_SLICES];
    size_t n = hp_model_slices(b->model, head, slices);
    const hp_slice *o = &slices[n - 1];
    assert_int_equal(o->role, HP_ROLE_O);
    char *path = fixture_path(b->folder, "model.safetensors");
    int fd = open(path, O_RDWR);
    uint64_t rows = o->tensor->dims[0], width = o->tensor->dims[1];
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t c = 0; c < width; c++) {
            uint64_t at = o->axis ? c : r;
            if (at >= o->start && at < o->start + o->count)
                scale_value(fd, o->tensor, r * width + c, by);
        }
    close(fd);
    free(path);
    close_model(b);
    open_model(b);
}

static void assert_gates(bench *b, const shown *s, size_t head)
{
    double more[N_LONG], less[N_LONG], most = 0.0;
    scale_head(b, head, 1.0 + STEP);
    plain_losses(more, b);
    scale_head(b, head, (1.0 - STEP) / (1.0 + STEP));
    plain_losses(less, b);
    scale_head(b, head, 1.0 / (1.0 - STEP));
    for (size_t i = 0; i < N_LONG; i++)
        most = fmax(most, fabs(s->gates[head][i]));
    assert_true(most > 0.0 && s->gates[head][0] == 0.0);
    for (size_t i = 0; i < N_LONG; i++) {
        double slope = (more[i] - less[i]) / (2.0 * STEP);
        if (!(fabs(slope - s->gates[head][i]) <= 1e-3 * most))
            fail_msg("head %zu, sequence %zu: %.9g, differences say %.9g", head,
                     i, s->gates[head][i], slope);
    }
}

static void check_differences(fixture f, size_t heads, uint32_t window)
{
    bench b;
    open_windowed(&b, f, window);
    hp_run_options o = options_of(&b);
    shown s = run(&b, &o);
    double losses[N_LONG];
    plain_losses(losses, &b);
    for (size_t i = 0; i < N_LONG; i++)
        assert_true(fabs(losses[i] - s.losses[i]) <= 1e-5 * losses[i]);
    for (size_t h = 0; h < heads; h++)
        assert_gates(&b, &s, h);
    close_bench(&b);
}

static void causal_gradients_match_differences(void **state)
{
    (void)state;
    check_differences(FIXTURE_GPT2, HEADS, 0);
}

static void encoder_gradients_match_differences(void **state)
{
    (void)state;
    check_differences(FIXTURE_BERT, HEADS, 0);
}

/* Of later bands of queries the first keys are out of sight. */
static void windowed_gradients_match_differences(void **state)
{
    (void)state;
    check_differences(FIXTURE_GPT2, HEADS, 50);
}

/* The vocabulary passes in three blocks: labels lie in all of them, and the
 * greatest logit of a row before, in or after the label's. */
static void wide_vocabularies_match_differences(void **state)
{
    (void)state;
    fixture f = FIXTURE_GPT2;
    f.vocab = 2500;
    check_differences(f, 2, 0);
    f = FIXTURE_BERT;
    f.vocab = 2500;
    check_differences(f, 1, 0);
}

/* ---- promises ---- */

static void threads_and_budget_change_no_bit(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    hp_run_options o = options_of(&b);
    shown first = run(&b, &o);
    assert_true(first.calls >= 4); /* two blocks, at least two pieces */
    const size_t budgets[] = {1, (size_t)1 << 30};
    for (unsigned threads = 1; threads <= 3; threads++)
        for (size_t i = 0; i < 2; i++) {
            o.threads = threads;
            o.budget = budgets[i];
            shown s = run(&b, &o);
            assert_memory_equal(&s.sum, &first.sum, sizeof s.sum);
            assert_memory_equal(s.gates, first.gates, sizeof s.gates);
            assert_memory_equal(s.losses, first.losses, sizeof s.losses);
        }
    close_bench(&b);
}

/* A masked head has no output and passes nothing on: the others' gradients are
 * those of a checkpoint in which it is silent. */
static void a_masked_head_counts_as_silent(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_BERT);
    unsigned char mask[HEADS] = {0, 0, 1, 0, 0, 0, 0, 0};
    const unsigned char *masks[] = {mask};
    hp_run_options o = options_of(&b);
    shown whole = run(&b, &o);
    o.masks = masks;
    o.n_variants = 1;
    shown masked = run(&b, &o);
    scale_head(&b, 2, 0.0);
    o.n_variants = 0;
    shown silent = run(&b, &o);
    for (size_t h = 0; h < HEADS; h++)
        for (size_t i = 1; i < N_LONG; i++) {
            double want = silent.gates[h][i], got = masked.gates[h][i];
            assert_true(fabs(want - got) <= 1e-5 * fabs(want) + 1e-9);
            assert_true(h == 2 ? got == 0.0 : got != whole.gates[h][i]);
        }
    close_bench(&b);
}

static hp_status refuse(void *payload, const hp_seen_gradients *seen,
                        hp_error *err)
{
    (void)payload;
    return hp_fail(err, HP_IO, "block %u refused", seen->block->layer);
}

static void assert_refused(bench *b, const hp_run_options *o, unsigned wants,
                           const char *why)
{
    const hp_observer observer = {.wants = wants, .gradients = refuse};
    assert_int_equal(
        hp_run_sweep(b->model, &b->sequences, o, &observer, &b->err),
        HP_INVALID);
    if (!strstr(b->err.message, why))
        fail_msg("'%s' does not say '%s'", b->err.message, why);
}

static void requests_without_sense_are_refused(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    const unsigned char *masks[] = {NULL, NULL};
    hp_run_options o = options_of(&b);
    assert_refused(&b, &o, HP_SEE_GRADIENT | HP_SEE_ENTROPY, "by themselves");
    o.masks = masks;
    o.n_variants = 2;
    assert_refused(&b, &o, HP_SEE_GRADIENT, "one mask");
    o.n_variants = 1;
    o.labels = NULL;
    assert_refused(&b, &o, HP_SEE_GRADIENT, "no token to predict");
    o.labels = b.labels;
    b.labels[7] = 40;
    assert_refused(&b, &o, HP_SEE_GRADIENT, "token id 40");
    close_bench(&b);
}

static void a_failing_observer_ends_the_sweep(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    hp_run_options o = options_of(&b);
    const hp_observer observer = {.wants = HP_SEE_GRADIENT,
                                  .gradients = refuse};
    assert_int_equal(hp_run_sweep(b.model, &b.sequences, &o, &observer, &b.err),
                     HP_IO);
    assert_string_equal(b.err.message, "block 1 refused");
    close_bench(&b);
}

typedef struct steps {
    uint64_t done, total;
    int stop;
} steps;

static int step(void *payload, uint64_t done, uint64_t total)
{
    steps *s = payload;
    s->done = done;
    s->total = total;
    return s->stop && done > total / 2;
}

static void progress_reaches_the_end_or_cancels(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    steps s = {0};
    hp_run_options o = options_of(&b);
    o.progress = (hp_progress){step, &s};
    run(&b, &o);
    assert_int_equal(s.done, s.total);
    assert_int_equal(s.total, 4 * b.start[N_LONG]);
    s.stop = 1;
    const hp_observer observer = {.wants = HP_SEE_GRADIENT,
                                  .gradients = refuse};
    assert_int_equal(hp_run_sweep(b.model, &b.sequences, &o, &observer, &b.err),
                     HP_CANCELLED);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causal_gradients_match_differences),
        cmocka_unit_test(encoder_gradients_match_differences),
        cmocka_unit_test(windowed_gradients_match_differences),
        cmocka_unit_test(wide_vocabularies_match_differences),
        cmocka_unit_test(threads_and_budget_change_no_bit),
        cmocka_unit_test(a_masked_head_counts_as_silent),
        cmocka_unit_test(requests_without_sense_are_refused),
        cmocka_unit_test(a_failing_observer_ends_the_sweep),
        cmocka_unit_test(progress_reaches_the_end_or_cancels),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    strips = 1;
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
