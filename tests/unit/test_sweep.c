/*
 * The sweep against a plain forward pass in double, over models that differ in
 * one property each, and what it promises besides: the same bits for any
 * threads and memory, refusals that name their cause, progress and
 * cancellation.
 */
#include "edit.h"
#include "fixture.h"
#include "headprune/run.h"
#include "nn/machine.h"
#include "plain_forward.h"
#include "run/engine.h"

#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH 300U /* of the longest sequence: three bands of query rows */
#define N_LONG 8U
#define HEADS  8U
#define TOKENS (N_LONG * LENGTH)

/* Lengths around the bands and the pieces; 1900 tokens, two or more pieces. */
static const size_t lengths[N_LONG] = {1, 128, 129, 300, 2, 257, 300, 283};

/* Tests run both ways: OpenBLAS's products, and those with strips. */
static int strips;

typedef struct bench {
    char *folder;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    int32_t ids[TOKENS];
    size_t start[N_LONG + 1];
    hp_sequences sequences;
    hp_error err;
} bench;

static void reopen(bench *b)
{
    assert_int_equal(
        hp_checkpoint_open(&b->checkpoint, b->folder, NULL, &b->err), HP_OK);
    assert_int_equal(hp_model_open(&b->model, b->checkpoint, NULL, &b->err),
                     HP_OK);
}

static void fill_bench(bench *b)
{
    reopen(b);
    size_t vocab = hp_model_spec(b->model)->vocab;
    assert_int_equal(hp_backend_open(&b->backend, &b->err), HP_OK);
    b->backend->strips = strips;
    for (size_t i = 0; i < N_LONG; i++)
        b->start[i + 1] = b->start[i] + lengths[i];
    for (size_t i = 0; i < b->start[N_LONG]; i++)
        b->ids[i] = (int32_t)((i * i + 7 * i) % vocab);
    b->sequences = (hp_sequences){b->ids, b->start, N_LONG, NULL};
}

static void open_bench(bench *b, fixture f)
{
    memset(b, 0, sizeof *b);
    f.positions = LENGTH;
    b->folder = fixture_folder();
    fixture_write(b->folder, &f);
    fill_bench(b);
}

/* A model of tests/golden without a table of positions, which takes as many as
 * it is said to. */
static void open_copy(bench *b, const char *golden, const char *positions)
{
    char path[64];
    memset(b, 0, sizeof *b);
    (void)snprintf(path, sizeof path, "tests/golden/%s", golden);
    b->folder = fixture_folder();
    edit_copy(b->folder, path);
    edit_config(b->folder, positions, "\"max_position_embeddings\": 300");
    fill_bench(b);
}

static void close_bench(bench *b)
{
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
    hp_backend_free(b->backend);
    fixture_remove(b->folder);
}

/* ---- everything that a sweep shows ---- */

typedef struct shown {
    const bench *b;
    size_t variant; /* the one that is looked at */
    size_t rows, width, vocab;
    double *entropy; /* [heads, rows] */
    double *centre;  /* [heads, rows] mean key of the probabilities */
    float *hidden, *logits;
    size_t n_entropy, n_probs, n_hidden, n_logits; /* values seen */
} shown;

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n + 1, size);
    if (!p)
        abort();
    return p;
}

/* Keys that row `at` of a sequence of `n` tokens does not see are exactly 0,
 * and the others sum to 1. */
static void see_row(double *centre, const hp_block *b, const float *p,
                    size_t at, size_t n)
{
    size_t window = b->window;
    size_t low = window && at + 1 > window ? at + 1 - window : 0;
    size_t past = b->causal ? at + 1 : n;
    double sum = 0.0;
    *centre = 0.0;
    for (size_t j = 0; j < n; j++) {
        if ((j < low || j >= past) && (p[j] != 0.0F || signbit(p[j])))
            fail_msg("row %zu gives key %zu %g", at, j, (double)p[j]);
        sum += (double)p[j];
        *centre += (double)p[j] * (double)j;
    }
    if (!(fabs(sum - 1.0) <= 1e-6))
        fail_msg("row %zu sums to %.9g", at, sum);
}

static void see_probs(shown *s, const hp_seen *seen, size_t row)
{
    size_t head = seen->block->first_head + seen->head;
    for (size_t i = 0; i < seen->n_query; i++)
        see_row(&s->centre[head * s->rows + row + i], seen->block,
                seen->probs + i * seen->n_key, seen->position + i, seen->n_key);
}

static void see(void *payload, const hp_seen *seen)
{
    shown *s = payload;
    if (seen->variant != s->variant)
        return;
    size_t row = s->b->start[seen->sequence] + seen->position;
    size_t n = seen->n_query;
    if (seen->probs)
        see_probs(s, seen, row);
    if (seen->row_entropy)
        memcpy(s->entropy + (seen->block->first_head + seen->head) * s->rows +
                   row,
               seen->row_entropy, n * sizeof(double));
    if (seen->hidden)
        memcpy(s->hidden + row * s->width, seen->hidden,
               n * s->width * sizeof(float));
    if (seen->logits)
        memcpy(s->logits + row * s->vocab, seen->logits,
               n * s->vocab * sizeof(float));
    __atomic_fetch_add(&s->n_entropy, seen->row_entropy ? n : 0,
                       __ATOMIC_RELAXED);
    __atomic_fetch_add(&s->n_probs, seen->probs ? n : 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&s->n_hidden, seen->hidden ? n : 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&s->n_logits, seen->logits ? n : 0, __ATOMIC_RELAXED);
}

static shown run_variant(bench *b, unsigned wants, const hp_run_options *like,
                         size_t variant)
{
    const hp_spec *spec = hp_model_spec(b->model);
    shown s = {.b = b,
               .variant = variant,
               .rows = b->start[b->sequences.n],
               .width = spec->width,
               .vocab = spec->vocab};
    s.entropy = zeroed(HEADS * s.rows, sizeof(double));
    s.centre = zeroed(HEADS * s.rows, sizeof(double));
    s.hidden = zeroed(s.rows * s.width, sizeof(float));
    s.logits = zeroed(s.rows * s.vocab, sizeof(float));
    hp_run_options o = like ? *like : (hp_run_options){0};
    o.backend = b->backend;
    hp_observer observer = {.wants = wants, .see = see, .payload = &s};
    if (hp_run_sweep(b->model, &b->sequences, &o, &observer, &b->err))
        fail_msg("%s", b->err.message);
    return s;
}

static shown run(bench *b, unsigned wants, const hp_run_options *like)
{
    return run_variant(b, wants, like, 0);
}

static void release(shown *s)
{
    free(s->entropy);
    free(s->centre);
    free(s->hidden);
    free(s->logits);
}

static void assert_close(const char *what, size_t i, double got, double want,
                         double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("%s %zu: got %.9g, want %.9g, allowed %.3g", what, i, got,
                 want, most);
}

static void compare(const shown *s, const plain *p, unsigned wants)
{
    for (size_t i = 0; i < HEADS * s->rows && wants & HP_SEE_ENTROPY; i++)
        assert_close("entropy", i, s->entropy[i], p->entropy[i],
                     1e-5 * p->entropy[i] + 1e-7);
    for (size_t i = 0; i < HEADS * s->rows && wants & HP_SEE_PROBS; i++)
        assert_close("mean key", i, s->centre[i], p->centre[i], 1e-3);
    for (size_t i = 0; i < s->rows * s->width && wants & HP_SEE_HIDDEN; i++)
        assert_close("hidden", i, (double)s->hidden[i], p->hidden[i], 3e-5);
    for (size_t i = 0; i < s->rows * s->vocab && wants & HP_SEE_LOGITS; i++)
        assert_close("logit", i, (double)s->logits[i], p->logits[i], 1e-4);
}

/* All that was asked for was shown, and once; the rest not at all. */
static void assert_complete(const shown *s, unsigned wants)
{
    assert_int_equal(s->n_entropy,
                     wants & HP_SEE_ENTROPY ? HEADS * s->rows : 0);
    assert_int_equal(s->n_probs, wants & HP_SEE_PROBS ? HEADS * s->rows : 0);
    assert_int_equal(s->n_hidden, wants & HP_SEE_HIDDEN ? s->rows : 0);
    assert_int_equal(s->n_logits, wants & HP_SEE_LOGITS ? s->rows : 0);
}

static void agree(bench *b, unsigned wants, const unsigned char *masked)
{
    hp_run_options o = {.masks = &masked, .n_variants = 1, .threads = 2};
    plain p = plain_forward(b->model, &b->sequences, masked);
    shown s = run(b, wants, &o);
    assert_complete(&s, wants);
    compare(&s, &p, wants);
    release(&s);
    plain_free(&p);
}

static void agree_in_all(bench *b)
{
    unsigned all = HP_SEE_ENTROPY | HP_SEE_PROBS | HP_SEE_HIDDEN;
    if (b->model->output.decoder.weight)
        all |= HP_SEE_LOGITS;
    agree(b, HP_SEE_ENTROPY, NULL);
    agree(b, HP_SEE_PROBS, NULL);
    agree(b, all, NULL);
}

/* ---- one property each ---- */

static void gpt2_agrees_with_a_plain_pass(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    agree_in_all(&b);
    close_bench(&b);
}

static void bert_agrees_with_a_plain_pass(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_BERT);
    agree_in_all(&b);
    close_bench(&b);
}

/* More than one block of the vocabulary and one run of rows; a bias, for which
 * any tensor of enough values serves. */
/* A row of hidden states is smaller than the embedding's norm. */
static void a_lone_token_agrees(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_BERT);
    b.sequences.n = 1;
    assert_int_equal(b.start[1], 1);
    agree_in_all(&b);
    close_bench(&b);
}

static void a_large_vocabulary_agrees(void **state)
{
    (void)state;
    fixture f = FIXTURE_GPT2;
    f.vocab = 70000;
    bench b;
    open_bench(&b, f);
    b.sequences.n = 2;
    b.model->output.decoder.bias = b.model->embedding.token;
    b.model->output.scale = 0.5F;
    agree(&b, HP_SEE_LOGITS, NULL);
    close_bench(&b);
}

/* Computed in slices, the last one narrower. */
static void a_wide_mlp_agrees(void **state)
{
    (void)state;
    const fixture all[] = {FIXTURE_GPT2, FIXTURE_BERT};
    for (size_t i = 0; i < 2; i++) {
        fixture f = all[i];
        f.head_dim = 100;
        bench b;
        open_bench(&b, f);
        b.sequences.n = 2;
        assert_true(b.model->spec.ffn_width > HP__MLP_UNITS);
        agree(&b, HP_SEE_HIDDEN, NULL);
        close_bench(&b);
    }
}

static void a_wide_gated_mlp_agrees(void **state)
{
    (void)state;
    fixture f = FIXTURE_BERT;
    f.layers = 1;
    f.head_dim = 100;
    bench b;
    open_bench(&b, f);
    b.sequences.n = 2;
    for (size_t i = 0; i < b.model->spec.n_layers; i++)
        b.model->layers[i].mlp.gate = b.model->layers[i].mlp.up;
    b.model->spec.gated = 1;
    agree(&b, HP_SEE_HIDDEN, NULL);
    close_bench(&b);
}

static void every_activation_agrees(void **state)
{
    (void)state;
    const hp_activation all[] = {HP_ACTIVATION_RELU, HP_ACTIVATION_GELU,
                                 HP_ACTIVATION_GELU_TANH, HP_ACTIVATION_SILU};
    bench b;
    open_bench(&b, FIXTURE_BERT);
    for (size_t i = 0; i < 4; i++) {
        b.model->spec.activation = all[i];
        agree(&b, HP_SEE_HIDDEN, NULL);
    }
    close_bench(&b);
}

/* Sharper attention than random weights make. */
static void sharp_attention_agrees(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    for (size_t i = 0; i < b.model->n_blocks; i++)
        b.model->blocks[i].scale *= 4.0F;
    agree_in_all(&b);
    close_bench(&b);
}

static void a_sliding_window_agrees(void **state)
{
    (void)state;
    const uint32_t windows[] = {1, 5, 128, 200};
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < b.model->n_blocks; j++)
            b.model->blocks[j].window = windows[i];
        agree_in_all(&b);
    }
    close_bench(&b);
}

/* Two key and value heads for four query heads: parts of the stored maps. */
static void grouped_heads_agree(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    for (size_t i = 0; i < b.model->n_blocks; i++) {
        hp_block *block = &b.model->blocks[i];
        block->n_kv_heads = 2;
        block->k.count /= 2;
        block->v.count /= 2;
        block->v.first += block->v.count;
    }
    agree_in_all(&b);
    close_bench(&b);
}

static void a_gated_mlp_and_rms_norm_agree(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    b.model->spec.gated = 1;
    b.model->spec.norm = HP_NORM_RMS;
    b.model->spec.activation = HP_ACTIVATION_SILU;
    b.model->final_norm.bias = NULL;
    for (size_t i = 0; i < b.model->n_blocks; i++) {
        hp_mlp *mlp = &b.model->layers[i].mlp;
        mlp->gate = b.model->layers[b.model->n_blocks - 1 - i].mlp.up;
        mlp->norm.bias = b.model->blocks[i].norm.bias = NULL;
    }
    agree_in_all(&b);
    close_bench(&b);
}

/* Models that turn queries and keys, four query heads in two layers, some with
 * groups, biases, windows, norms of queries and keys. Their weights are large
 * and the entropy of one row would feel the rounding of its scores: the scale
 * is less than theirs. */
static void rotary_models_agree(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *positions;
    } models[] = {
        {"llama-bias", "\"max_position_embeddings\": 28"},
        {"llama-mqa", "\"max_position_embeddings\": 28"},
        {"llama3-rope", "\"max_position_embeddings\": 48"},
        {"mistral", "\"max_position_embeddings\": 28"},
        {"qwen2", "\"max_position_embeddings\": 28"},
        {"qwen3", "\"max_position_embeddings\": 28"},
    };
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        bench b;
        open_copy(&b, models[i].folder, models[i].positions);
        for (size_t j = 0; j < b.model->n_blocks; j++)
            b.model->blocks[j].scale *= 0.25F;
        agree_in_all(&b);
        close_bench(&b);
    }
}

static void linear_scaling_agrees(void **state)
{
    (void)state;
    bench b;
    open_copy(&b, "qwen2", "\"max_position_embeddings\": 28");
    b.model->spec.rope.scaling = HP_ROPE_LINEAR;
    b.model->spec.rope.factor = 3.0;
    for (size_t i = 0; i < b.model->n_blocks; i++)
        b.model->blocks[i].scale *= 0.25F;
    agree(&b, HP_SEE_ENTROPY | HP_SEE_HIDDEN, NULL);
    close_bench(&b);
}

static void masked_heads_give_nothing(void **state)
{
    (void)state;
    const unsigned char masked[HEADS] = {1, 0, 0, 1, 0, 1, 0, 0};
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    agree(&b, HP_SEE_ENTROPY, masked);
    agree(&b, HP_SEE_ENTROPY | HP_SEE_HIDDEN | HP_SEE_LOGITS, masked);
    close_bench(&b);
}

static void equal_scores_give_the_logarithm_of_the_keys(void **state)
{
    (void)state;
    for (unsigned causal = 0; causal < 2; causal++) {
        bench b;
        open_bench(&b, causal ? FIXTURE_GPT2 : FIXTURE_BERT);
        for (size_t i = 0; i < b.model->n_blocks; i++)
            b.model->blocks[i].scale = 0.0F;
        shown s = run(&b, HP_SEE_ENTROPY, NULL);
        for (size_t i = 0; i < N_LONG; i++)
            for (size_t row = b.start[i]; row < b.start[i + 1]; row++)
                for (size_t h = 0; h < HEADS; h++) {
                    size_t keys = causal ? row + 1 - b.start[i] : lengths[i];
                    assert_close("entropy", row, s.entropy[h * s.rows + row],
                                 log((double)keys), 1e-14);
                }
        release(&s);
        close_bench(&b);
    }
}

/* ---- the same bits ---- */

static void assert_same_bits(const shown *a, const shown *b)
{
    assert_memory_equal(a->entropy, b->entropy,
                        HEADS * a->rows * sizeof(double));
    assert_memory_equal(a->centre, b->centre, HEADS * a->rows * sizeof(double));
    assert_memory_equal(a->hidden, b->hidden,
                        a->rows * a->width * sizeof(float));
    assert_memory_equal(a->logits, b->logits,
                        a->rows * a->vocab * sizeof(float));
}

static void assert_no_bit_changes(bench *b)
{
    const unsigned seen = HP_SEE_ENTROPY | HP_SEE_PROBS | HP_SEE_HIDDEN;
    const hp_run_options others[] = {
        {.threads = 2},
        {.threads = 3, .budget = 1},
        {.threads = 1, .budget = (size_t)1100 * 32 * sizeof(float)},
        {.threads = 0, .budget = (size_t)1 << 30}};
    const hp_run_options one = {.threads = 1};
    unsigned wants =
        b->model->output.decoder.weight ? seen | HP_SEE_LOGITS : seen;
    shown first = run(b, wants, &one);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        shown s = run(b, wants, &others[i]);
        assert_same_bits(&first, &s);
        release(&s);
    }
    release(&first);
}

static void threads_and_budget_change_no_bit(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_BERT);
    assert_no_bit_changes(&b);
    close_bench(&b);
    open_copy(&b, "qwen3", "\"max_position_embeddings\": 28");
    assert_no_bit_changes(&b);
    close_bench(&b);
}

/* Bytes of address space that this process has. */
static size_t address_space(void)
{
    char line[64] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    (void)fclose(f);
    return (size_t)strtoull(line, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* `bytes` more than there are now; gives what the limit was. */
static struct rlimit allow(size_t bytes)
{
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    struct rlimit limit = before;
    limit.rlim_cur = address_space() + bytes;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    return before;
}

/* Where buffers of two threads fit until the sweep has taken its own memory,
 * one thread runs. */
static void a_limited_address_space_takes_fewer_threads(void **state)
{
    (void)state;
    const size_t buffers = (size_t)288 << 20;
    const hp_run_options alone = {.threads = 1}, two = {.threads = 2};
    bench b;
    /* What is freed goes back, and what is taken again counts again; only
     * glibc's own malloc can be told so. */
    if (!mallopt(M_MMAP_THRESHOLD, 64 << 10))
        skip();
    open_bench(&b, FIXTURE_GPT2);
    shown wide = run(&b, HP_SEE_ENTROPY, &alone);
    for (size_t more = 0; more < (size_t)3 << 20; more += (size_t)128 << 10) {
        struct rlimit before = allow(buffers + more);
        shown narrow = run(&b, HP_SEE_ENTROPY, &two);
        assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
        assert_same_bits(&wide, &narrow);
        release(&narrow);
    }
    release(&wide);
    close_bench(&b);
}

/* Masks that part from each other in the first layer, in the second, or not at
 * all; the order makes states pass through more than one variant. */
static const unsigned char in_first[HEADS] = {0, 1},
                           in_second[HEADS] = {[6] = 1},
                           in_both[HEADS] = {0, 1, 0, 0, 1},
                           elsewhere[HEADS] = {0, 1, 0, 0, 0, 1};
static const unsigned char *const masks[] = {
    in_both, NULL, in_second, in_first, elsewhere, NULL, in_both};
#define N_MASKS (sizeof masks / sizeof *masks)

static void check_variant(bench *b, unsigned wants, size_t variant)
{
    const hp_run_options together[] = {
        {.masks = masks, .n_variants = N_MASKS, .threads = 1},
        {.masks = masks, .n_variants = N_MASKS, .threads = 2, .budget = 1}};
    const hp_run_options alone = {
        .masks = &masks[variant], .n_variants = 1, .threads = 2};
    shown want = run(b, wants, &alone);
    for (size_t i = 0; i < 2; i++) {
        shown got = run_variant(b, wants, &together[i], variant);
        assert_complete(&got, wants);
        assert_same_bits(&want, &got);
        release(&got);
    }
    release(&want);
}

static void a_variant_is_what_it_would_be_alone(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    for (size_t i = 0; i < N_MASKS; i++) {
        check_variant(&b, HP_SEE_ENTROPY, i);
        check_variant(&b, HP_SEE_ENTROPY | HP_SEE_HIDDEN | HP_SEE_LOGITS, i);
        agree(&b, HP_SEE_HIDDEN | HP_SEE_LOGITS, masks[i]);
    }
    close_bench(&b);
}

/* ---- refusals ---- */

static void ignore(void *payload, const hp_seen *seen)
{
    (void)payload;
    (void)seen;
}

static hp_status try_run(bench *b, unsigned wants, const hp_run_options *o)
{
    hp_observer observer = {.wants = wants, .see = ignore, .payload = NULL};
    return hp_run_sweep(b->model, &b->sequences, o, &observer, &b->err);
}

static void assert_refused(bench *b, hp_status status, const char *fragment)
{
    hp_run_options o = {.backend = b->backend};
    assert_int_equal(try_run(b, HP_SEE_ENTROPY, &o), status);
    if (!strstr(b->err.message, fragment))
        fail_msg("'%s' does not say '%s'", b->err.message, fragment);
}

static void bad_sequences_are_refused_by_number(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    int32_t *id = &b.ids[b.start[3] + 5];
    *id = 40;
    assert_refused(&b, HP_INVALID,
                   "sequence 3, position 5: token id 40 is not in the "
                   "model's 0 to 39");
    *id = -1;
    assert_refused(&b, HP_INVALID, "sequence 3, position 5: token id -1");
    *id = 0;
    b.start[3] = b.start[2];
    assert_refused(&b, HP_INVALID, "sequence 2 is empty");
    b.start[2] = b.start[1] + LENGTH + 1;
    b.start[3] = b.start[2] + 1;
    assert_refused(&b, HP_INVALID,
                   "sequence 1 has 301 tokens, but the model takes at most "
                   "300");
    b.sequences.n = 0;
    assert_refused(&b, HP_INVALID, "there are no sequences");
    close_bench(&b);
}

static void a_request_that_cannot_be_met_is_refused(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    hp_run_options o = {0};
    assert_int_equal(try_run(&b, HP_SEE_ENTROPY, &o), HP_INVALID);
    assert_non_null(strstr(b.err.message, "backend"));
    o.backend = b.backend;
    b.model->output.decoder.weight = NULL;
    assert_int_equal(try_run(&b, HP_SEE_LOGITS, &o), HP_INVALID);
    assert_non_null(strstr(b.err.message, "no output"));
    close_bench(&b);
}

/* Overwrites values of a tensor in the file. */
static void poke(bench *b, const char *name, size_t at, float value)
{
    const hp_tensor *t = hp_checkpoint_find(b->checkpoint, name);
    assert_non_null(t);
    size_t offset = (size_t)t->offset + at * sizeof value, len;
    char *path = fixture_path(b->folder, "model.safetensors");
    char *bytes = fixture_read(path, &len);
    memcpy(bytes + offset, &value, sizeof value);
    hp_model_free(b->model);
    hp_checkpoint_free(b->checkpoint);
    fixture_put(b->folder, "model.safetensors", bytes, len);
    reopen(b);
    free(bytes);
    free(path);
}

typedef struct bad_value {
    const char *tensor;
    size_t at;
} bad_value;

static void any_weight_that_is_not_finite_is_named(void **state)
{
    (void)state;
    const bad_value bad[] = {
        {"transformer.wte.weight", 1279},
        {"transformer.wpe.weight", 9568},
        {"transformer.h.0.ln_1.bias", 3},
        {"transformer.h.0.attn.c_attn.weight", 3071},
        {"transformer.h.1.attn.c_attn.bias", 95},
        {"transformer.h.1.attn.c_attn.weight", 95},
        {"transformer.h.1.attn.c_proj.bias", 0},
        {"transformer.h.1.mlp.c_proj.weight", 4000},
        {"transformer.ln_f.weight", 31},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        bench b;
        open_bench(&b, FIXTURE_GPT2);
        poke(&b, bad[i].tensor, bad[i].at, i % 2 ? NAN : -INFINITY);
        snprintf(text, sizeof text, "tensor '%s': element %zu is NaN",
                 bad[i].tensor, bad[i].at);
        assert_refused(&b, HP_FORMAT, text);
        close_bench(&b);
    }
}

static void a_pass_out_of_range_names_the_block(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    for (size_t i = 0; i < 32; i++)
        poke(&b, "transformer.h.1.attn.c_attn.weight", i * 96 + i, 3e38F);
    assert_refused(&b, HP_FORMAT, "block 'transformer.h.1.attn', head");
    close_bench(&b);
    open_bench(&b, FIXTURE_GPT2);
    poke(&b, "transformer.h.0.mlp.c_proj.bias", 0, 3e38F);
    poke(&b, "transformer.h.0.attn.c_proj.bias", 0, 3e38F);
    assert_refused(&b, HP_FORMAT, "block 'transformer.h.0.attn': the forward");
    close_bench(&b);
}

/* ---- progress ---- */

typedef struct steps {
    uint64_t calls, done, total, stop_at;
} steps;

static int step(void *payload, uint64_t done, uint64_t total)
{
    steps *s = payload;
    assert_true(done > s->done && done <= total);
    s->calls++;
    s->done = done;
    s->total = total;
    return s->calls == s->stop_at;
}

static void progress_counts_tokens_times_layers(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    steps s = {0};
    hp_run_options o = {.backend = b.backend,
                        .budget = 1,
                        .threads = 2,
                        .progress = {step, &s}};
    assert_int_equal(try_run(&b, HP_SEE_ENTROPY, &o), HP_OK);
    assert_int_equal(s.total, b.start[N_LONG] * 2);
    assert_int_equal(s.done, s.total);
    assert_true(s.calls >= 4);
    close_bench(&b);
}

/* Of seven variants on two layers: one has both, the second and the third
 * part from others in the first layer or the second. */
static void layers_that_variants_share_count_once(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    steps s = {0};
    hp_run_options o = {.backend = b.backend,
                        .masks = masks,
                        .n_variants = N_MASKS,
                        .progress = {step, &s}};
    assert_int_equal(try_run(&b, HP_SEE_ENTROPY, &o), HP_OK);
    assert_int_equal(s.total, b.start[N_LONG] * (2 + 2 + 1 + 1 + 1 + 0 + 0));
    assert_int_equal(s.done, s.total);
    close_bench(&b);
}

static void a_step_can_end_the_sweep(void **state)
{
    (void)state;
    bench b;
    open_bench(&b, FIXTURE_GPT2);
    steps s = {.stop_at = 2};
    hp_run_options o = {.backend = b.backend,
                        .budget = 1,
                        .threads = 1,
                        .progress = {step, &s}};
    assert_int_equal(try_run(&b, HP_SEE_ENTROPY, &o), HP_CANCELLED);
    assert_int_equal(s.calls, 2);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: memory that other tests freed would be taken again. */
        cmocka_unit_test(a_limited_address_space_takes_fewer_threads),
        cmocka_unit_test(gpt2_agrees_with_a_plain_pass),
        cmocka_unit_test(bert_agrees_with_a_plain_pass),
        cmocka_unit_test(a_lone_token_agrees),
        cmocka_unit_test(a_large_vocabulary_agrees),
        cmocka_unit_test(a_wide_mlp_agrees),
        cmocka_unit_test(a_wide_gated_mlp_agrees),
        cmocka_unit_test(every_activation_agrees),
        cmocka_unit_test(sharp_attention_agrees),
        cmocka_unit_test(a_sliding_window_agrees),
        cmocka_unit_test(grouped_heads_agree),
        cmocka_unit_test(a_gated_mlp_and_rms_norm_agree),
        cmocka_unit_test(rotary_models_agree),
        cmocka_unit_test(linear_scaling_agrees),
        cmocka_unit_test(masked_heads_give_nothing),
        cmocka_unit_test(equal_scores_give_the_logarithm_of_the_keys),
        cmocka_unit_test(threads_and_budget_change_no_bit),
        cmocka_unit_test(a_variant_is_what_it_would_be_alone),
        cmocka_unit_test(bad_sequences_are_refused_by_number),
        cmocka_unit_test(a_request_that_cannot_be_met_is_refused),
        cmocka_unit_test(any_weight_that_is_not_finite_is_named),
        cmocka_unit_test(a_pass_out_of_range_names_the_block),
        cmocka_unit_test(progress_counts_tokens_times_layers),
        cmocka_unit_test(layers_that_variants_share_count_once),
        cmocka_unit_test(a_step_can_end_the_sweep),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    strips = 1;
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
