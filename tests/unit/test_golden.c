/*
 * What transformers computes for small checkpoints in float64, against what
 * headprune computes: scores, hidden states, logits and loss, whole and with
 * heads masked. tests/golden/README.md says what the fields are. Each kind of
 * comparison is also made once with a wrong expectation, which it must refuse.
 */
#include "golden_folders.h"
#include "headprune/eval.h"
#include "nn/machine.h"
#include "score/scorer.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENTROPY_TOLERANCE   1e-5 /* of the value */
#define LOSS_TOLERANCE      1e-5 /* of the value */
#define GRADIENT_TOLERANCE  1e-4 /* of the value */
#define METRIC_TOLERANCE    1e-4 /* of the value */
#define MAGNITUDE_TOLERANCE 1e-7 /* of the value */
#define OUTPUT_TOLERANCE    1e-4 /* of the range of one position */

#define MOST_SEQUENCES 8U
#define MOST_HEADS     64U
#define MOST_TARGETS   128U

typedef struct numbers {
    double *at;
    size_t n;
} numbers;

/* What a token position should have been. */
typedef struct target {
    size_t sequence, position;
    int32_t id;
} target;

/* Tests run both ways: OpenBLAS's products, and those with strips. */
static int strips;

/* One checkpoint, and what a sweep over its sequences gave. */
typedef struct golden {
    cJSON *expected;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
    hp_sequences sequences, decoder;
    const hp_sequences *rows; /* whose tokens an output row belongs to */
    target targets[MOST_TARGETS];
    size_t n_targets;
    size_t width;    /* of an output row: vocabulary, or D */
    double *entropy; /* [heads][sequences], sums over positions */
    float *last;     /* [sequences, width]: output of the last position */
    double *losses;  /* [n_targets] */
} golden;

/* ---- reading what is expected ---- */

static const cJSON *get(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!node)
        fail_msg("expected.json has no '%s'", key);
    return node;
}

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n + 1, size);
    if (!p)
        abort();
    return p;
}

static size_t count_numbers(const cJSON *node)
{
    size_t n = cJSON_IsNumber(node) != 0;
    for (const cJSON *c = node->child; c; c = c->next)
        n += count_numbers(c);
    return n;
}

static void flatten(numbers *out, const cJSON *node)
{
    if (cJSON_IsNumber(node))
        out->at[out->n++] = node->valuedouble;
    for (const cJSON *c = node->child; c; c = c->next)
        flatten(out, c);
}

static numbers numbers_of(const cJSON *node)
{
    numbers out = {zeroed(count_numbers(node), sizeof(double)), 0};
    flatten(&out, node);
    return out;
}

static cJSON *parse_json(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = zeroed((size_t)1 << 20, 1);
    assert_true(fread(text, 1, ((size_t)1 << 20) - 1, f) > 0);
    fclose(f);
    cJSON *json = cJSON_Parse(text);
    free(text);
    assert_non_null(json);
    return json;
}

static hp_sequences sequences_of(const cJSON *list)
{
    numbers of_list = numbers_of(list);
    int32_t *ids = zeroed(of_list.n, sizeof *ids);
    size_t *start = zeroed(MOST_SEQUENCES + 1, sizeof *start), n = 0;
    for (size_t i = 0; i < of_list.n; i++)
        ids[i] = (int32_t)of_list.at[i];
    free(of_list.at);
    const cJSON *sequence;
    cJSON_ArrayForEach(sequence, list)
    {
        assert_true(n < MOST_SEQUENCES);
        start[n + 1] = start[n] + (size_t)cJSON_GetArraySize(sequence);
        n++;
    }
    return (hp_sequences){.ids = ids, .start = start, .n = n};
}

static void free_sequences(hp_sequences *s)
{
    free((void *)(uintptr_t)s->ids);
    free((void *)(uintptr_t)s->start);
}

static cJSON *parse_file(const char *folder)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s/expected.json", folder);
    return parse_json(path);
}

static void read_sequences(golden *g)
{
    const cJSON *pairs = cJSON_GetObjectItem(g->expected, "decoder_sequences");
    g->sequences = sequences_of(get(g->expected, "sequences"));
    g->rows = &g->sequences;
    if (!pairs)
        return;
    g->decoder = sequences_of(pairs);
    g->rows = g->sequences.decoder = &g->decoder;
}

static void add_target(golden *g, size_t sequence, size_t position, int32_t id)
{
    assert_true(g->n_targets < MOST_TARGETS);
    g->targets[g->n_targets++] = (target){sequence, position, id};
}

/* Causal: each next token. Masked: the labels. */
static void read_targets(golden *g)
{
    const cJSON *labelled = cJSON_GetObjectItem(g->expected, "mlm"), *item;
    const size_t *start = g->rows->start;
    for (size_t s = 0; s < g->sequences.n && !labelled; s++)
        for (size_t i = start[s]; i + 1 < start[s + 1]; i++)
            add_target(g, s, i - start[s], g->rows->ids[i + 1]);
    cJSON_ArrayForEach(item, labelled)
    {
        numbers positions = numbers_of(get(item, "positions"));
        numbers labels = numbers_of(get(item, "labels"));
        for (size_t i = 0; i < positions.n; i++)
            add_target(g, (size_t)get(item, "sequence")->valuedouble,
                       (size_t)positions.at[i], (int32_t)labels.at[i]);
        free(positions.at);
        free(labels.at);
    }
    assert_int_equal(g->n_targets, get(g->expected, "loss_tokens")->valueint);
}

static void open_golden(golden *g, const char *folder)
{
    *g = (golden){.expected = parse_file(folder)};
    char path[256];
    hp_error err = {{0}, {0}, {0}};
    snprintf(path, sizeof path, "tests/golden/%s", folder);
    if (hp_checkpoint_open(&g->checkpoint, path, NULL, &err) ||
        hp_model_open(&g->model, g->checkpoint, NULL, &err) ||
        hp_backend_open(&g->backend, &err))
        fail_msg("%s: %s", folder, err.message);
    g->backend->strips = strips;
    read_sequences(g);
    if (cJSON_HasObjectItem(g->expected, "logits"))
        read_targets(g);
    const hp_spec *s = hp_model_spec(g->model);
    g->width = g->n_targets ? s->vocab : s->width;
    size_t heads = hp_model_n_heads(g->model);
    assert_true(heads <= MOST_HEADS);
    g->entropy = zeroed(heads * g->sequences.n, sizeof *g->entropy);
    g->last = zeroed(g->sequences.n * g->width, sizeof *g->last);
    g->losses = zeroed(MOST_TARGETS, sizeof *g->losses);
}

static void close_golden(golden *g)
{
    free(g->entropy);
    free(g->last);
    free(g->losses);
    free_sequences(&g->sequences);
    free_sequences(&g->decoder);
    hp_model_free(g->model);
    hp_checkpoint_free(g->checkpoint);
    hp_backend_free(g->backend);
    cJSON_Delete(g->expected);
}

/* ---- running ---- */

static double loss_of(const float *logits, size_t n, int32_t id)
{
    double most = (double)logits[0], sum = 0.0;
    for (size_t i = 1; i < n; i++)
        most = fmax(most, (double)logits[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - most);
    return log(sum) + most - (double)logits[id];
}

static void see_output(golden *g, const hp_seen *seen, const float *rows)
{
    size_t s = seen->sequence;
    size_t length = g->rows->start[s + 1] - g->rows->start[s];
    if (seen->position + seen->n_query == length)
        memcpy(g->last + s * g->width, rows + (seen->n_query - 1) * g->width,
               g->width * sizeof *rows);
    for (size_t i = 0; i < g->n_targets; i++) {
        const target *t = &g->targets[i];
        size_t row = t->position - seen->position;
        if (t->sequence == s && row < seen->n_query)
            g->losses[i] = loss_of(rows + row * g->width, g->width, t->id);
    }
}

static void see(void *payload, const hp_seen *seen)
{
    golden *g = payload;
    if (seen->hidden)
        see_output(g, seen, seen->hidden);
    if (seen->logits)
        see_output(g, seen, seen->logits);
    if (!seen->row_entropy)
        return;
    size_t head = seen->block->first_head + seen->head;
    double sum = 0.0;
    for (uint32_t i = 0; i < seen->n_query; i++)
        sum += seen->row_entropy[i];
    g->entropy[head * g->sequences.n + seen->sequence] = sum;
}

static void run(golden *g, unsigned wants, const unsigned char *masked)
{
    hp_observer observer = {.wants = wants, .see = see, .payload = g};
    hp_run_options options = {
        .backend = g->backend, .masks = &masked, .n_variants = 1};
    hp_error err = {{0}, {0}, {0}};
    if (hp_run_sweep(g->model, &g->sequences, &options, &observer, &err))
        fail_msg("%s", err.message);
}

static unsigned output_of(const golden *g)
{
    return g->n_targets ? HP_SEE_LOGITS : HP_SEE_HIDDEN;
}

/* ---- comparing ---- */

/* The largest difference, each divided by the expected value. */
static double worst_relative(const numbers *got, const numbers *want)
{
    double worst = got->n == want->n ? 0.0 : HUGE_VAL;
    for (size_t i = 0; i < want->n && i < got->n; i++) {
        double off = fabs(got->at[i] - want->at[i]) / fabs(want->at[i]);
        worst = off <= worst ? worst : off;
    }
    return worst;
}

/* The largest difference, divided by the range of its row of `width`. */
static double worst_of_range(const numbers *got, const numbers *want,
                             size_t width)
{
    double worst = got->n == want->n ? 0.0 : HUGE_VAL;
    for (size_t row = 0; row + width <= want->n && row < got->n; row += width) {
        double least = HUGE_VAL, most = -HUGE_VAL, off = 0.0;
        for (size_t i = row; i < row + width; i++) {
            double diff = fabs(got->at[i] - want->at[i]);
            least = fmin(least, want->at[i]);
            most = fmax(most, want->at[i]);
            off = diff <= off ? off : diff;
        }
        worst = off / (most - least) <= worst ? worst : off / (most - least);
    }
    return worst;
}

/* As `want` says; and not as it says once the last value is off by ten
 * tolerances. */
static void assert_relative(const numbers *got, const cJSON *node,
                            double tolerance)
{
    numbers want = numbers_of(node);
    double worst = worst_relative(got, &want);
    if (!(worst <= tolerance))
        fail_msg("%s is off by %.3g, allowed %.3g", node->string, worst,
                 tolerance);
    want.at[want.n - 1] *= 1.0 + 10.0 * tolerance;
    assert_false(worst_relative(got, &want) <= tolerance);
    free(want.at);
}

static void assert_of_range(const numbers *got, const cJSON *node, size_t width)
{
    numbers want = numbers_of(node);
    double worst = worst_of_range(got, &want, width);
    if (!(worst <= OUTPUT_TOLERANCE))
        fail_msg("%s is off by %.3g of its range", node->string, worst);
    double range = 0.0;
    for (size_t i = 0; i < width; i++)
        range = fmax(range, fabs(want.at[i] - want.at[0]));
    want.at[width / 2] += 20.0 * OUTPUT_TOLERANCE * range;
    assert_false(worst_of_range(got, &want, width) <= OUTPUT_TOLERANCE);
    free(want.at);
}

static void assert_output(const golden *g, const cJSON *expected)
{
    double *values = zeroed(g->sequences.n * g->width, sizeof *values);
    numbers got = {values, g->sequences.n * g->width};
    for (size_t i = 0; i < got.n; i++)
        values[i] = (double)g->last[i];
    assert_of_range(&got, get(expected, g->n_targets ? "logits" : "hidden"),
                    g->width);
    free(values);
    if (!g->n_targets)
        return;
    double loss = 0.0;
    for (size_t i = 0; i < g->n_targets; i++)
        loss += g->losses[i] / (double)g->n_targets;
    numbers one = {&loss, 1};
    assert_relative(&one, get(expected, "loss"), LOSS_TOLERANCE);
}

/* ---- the tests ---- */

static void check_entropy(const golden *g)
{
    double values[MOST_HEADS] = {0};
    numbers got = {values, hp_model_n_heads(g->model)};
    const hp_head *heads = hp_model_heads(g->model);
    for (size_t h = 0; h < got.n; h++) {
        int decoder = hp_model_block(g->model, heads[h].block)->decoder;
        const hp_sequences *q = decoder ? &g->decoder : &g->sequences;
        for (size_t s = 0; s < q->n; s++)
            values[h] += g->entropy[h * q->n + s] / (double)q->start[q->n];
    }
    assert_relative(&got, get(g->expected, "entropy"), ENTROPY_TOLERANCE);
}

static void the_forward_pass_agrees(void **state)
{
    golden g;
    open_golden(&g, *state);
    run(&g, HP_SEE_ENTROPY, NULL);
    check_entropy(&g);
    memset(g.entropy, 0,
           hp_model_n_heads(g.model) * g.sequences.n * sizeof *g.entropy);
    run(&g, HP_SEE_ENTROPY | output_of(&g), NULL);
    check_entropy(&g);
    assert_output(&g, g.expected);
    close_golden(&g);
}

static void mask_heads(unsigned char masked[MOST_HEADS], const golden *g)
{
    const cJSON *pair;
    cJSON_ArrayForEach(pair, get(get(g->expected, "masked"), "heads"))
    {
        const hp_block *b = hp_model_block(
            g->model, (size_t)cJSON_GetArrayItem(pair, 0)->valuedouble);
        masked[b->first_head +
               (size_t)cJSON_GetArrayItem(pair, 1)->valuedouble] = 1;
    }
}

static void masked_heads_count_as_zero(void **state)
{
    golden g;
    open_golden(&g, *state);
    unsigned char masked[MOST_HEADS] = {0};
    const cJSON *whole = g.expected, *expected = get(whole, "masked");
    mask_heads(masked, &g);
    run(&g, output_of(&g), masked);
    assert_output(&g, expected);
    run(&g, output_of(&g), NULL); /* and the mask was what made it so */
    assert_output(&g, whole);
    close_golden(&g);
}

/* The labels of the targets, for windows that hold the mask token already. */
static int32_t *labels_of(const golden *g)
{
    size_t n = g->rows->start[g->rows->n];
    int32_t *labels = zeroed(n, sizeof *labels);
    for (size_t i = 0; i < n; i++)
        labels[i] = -1;
    for (size_t i = 0; i < g->n_targets; i++)
        labels[g->rows->start[g->targets[i].sequence] +
               g->targets[i].position] = g->targets[i].id;
    return labels;
}

static void assert_loss(const hp_eval *e, const golden *g,
                        const cJSON *expected)
{
    double loss = e->loss;
    numbers one = {&loss, 1};
    assert_int_equal(e->tokens, g->n_targets);
    assert_relative(&one, get(expected, "loss"), LOSS_TOLERANCE);
}

/* Both masks in one go, the base computed beside them. */
static void evaluations_agree(void **state)
{
    golden g;
    open_golden(&g, *state);
    unsigned char masked[MOST_HEADS] = {0};
    const unsigned char *masks[2] = {NULL, masked};
    mask_heads(masked, &g);
    int32_t *labels = labels_of(&g);
    hp_eval_data data = {.sequences = &g.sequences, .labels = labels};
    hp_eval_options o = {
        .run = {.backend = g.backend, .masks = masks, .n_variants = 2},
        .base.unmasked = 1};
    hp_eval *e[2];
    hp_error err = {{0}, {0}, {0}};
    if (hp_evaluate(e, g.model, &data, &o, &err))
        fail_msg("%s", err.message);
    if (g.n_targets) {
        assert_loss(e[0], &g, g.expected);
        assert_loss(e[1], &g, get(g.expected, "masked"));
        double off = e[1]->loss - e[0]->loss - e[1]->delta;
        assert_true(fabs(off) < 1e-12 && e[1]->base_loss == e[0]->loss);
    } else {
        assert_true(e[0]->value == 1.0 && e[1]->value < 1.0);
    }
    assert_true(e[0]->kl == 0.0 || !g.n_targets);
    hp_eval_free(e[0]);
    hp_eval_free(e[1]);
    free(labels);
    close_golden(&g);
}

static void magnitudes_agree(void **state)
{
    golden g;
    open_golden(&g, *state);
    double values[MOST_HEADS] = {0};
    numbers got = {values, hp_model_n_heads(g.model)};
    for (unsigned threads = 1; threads <= 3; threads++) {
        hp_score_options options = {.run = {.threads = threads}};
        assert_int_equal(
            hp__scorer_magnitude.weigh(values, g.model, &options, NULL), HP_OK);
        assert_relative(&got, get(g.expected, "magnitude"),
                        MAGNITUDE_TOLERANCE);
    }
    close_golden(&g);
}

/* ---- gradients ---- */

typedef struct gates {
    const golden *g;
    double abs[MOST_HEADS], squares[MOST_HEADS]; /* of dL/dg, summed */
    double loss;                                 /* of all sequences */
} gates;

/* dL/dg of every head: sum over positions of z . dL/dz. */
static hp_status see_gradients(void *payload, const hp_seen_gradients *seen,
                               hp_error *err)
{
    gates *to = payload;
    (void)err;
    const hp_block *b = seen->block;
    size_t row = 0;
    for (uint32_t i = 0; i < seen->n_sequences; i++) {
        const size_t *start = seen->start + i;
        size_t rows = start[1] - start[0];
        if (!b->first_head)
            to->loss += seen->losses[i] * seen->n_labels[i];
        for (size_t h = 0; h < b->n_heads; h++) {
            double gate = 0.0;
            for (size_t r = row; r < row + rows; r++)
                for (size_t d = 0; d < b->head_dim; d++) {
                    size_t at = r * seen->n + h * b->head_dim + d;
                    gate += (double)seen->z[at] * (double)seen->z_gradient[at];
                }
            to->abs[b->first_head + h] += fabs(gate);
            to->squares[b->first_head + h] += gate * gate;
        }
        row += rows;
    }
    assert_int_equal(row, seen->rows);
    return HP_OK;
}

static double predicting_sequences(const golden *g)
{
    double n = 0.0;
    for (size_t s = 0; s < g->sequences.n; s++) {
        size_t i = 0;
        while (i < g->n_targets && g->targets[i].sequence != s)
            i++;
        n += i < g->n_targets;
    }
    return n;
}

static void gradients_agree(void **state)
{
    golden g;
    open_golden(&g, *state);
    int32_t *labels = labels_of(&g);
    gates got = {.g = &g};
    const hp_observer observer = {
        .wants = HP_SEE_GRADIENT, .gradients = see_gradients, .payload = &got};
    const hp_run_options o = {.backend = g.backend, .labels = labels};
    hp_error err = {{0}, {0}, {0}};
    hp_status st = hp_run_sweep(g.model, &g.sequences, &o, &observer, &err);
    if (!g.n_targets) {
        assert_int_equal(st, HP_INVALID);
    } else {
        if (st)
            fail_msg("%s", err.message);
        size_t heads = hp_model_n_heads(g.model);
        for (size_t h = 0; h < heads; h++) {
            got.abs[h] /= predicting_sequences(&g);
            got.squares[h] /= predicting_sequences(&g);
        }
        got.loss /= (double)g.n_targets;
        assert_relative(&(numbers){got.abs, heads}, get(g.expected, "gradient"),
                        GRADIENT_TOLERANCE);
        assert_relative(&(numbers){got.squares, heads},
                        get(g.expected, "fisher"), GRADIENT_TOLERANCE);
        assert_relative(&(numbers){&got.loss, 1}, get(g.expected, "loss"),
                        LOSS_TOLERANCE);
    }
    free(labels);
    close_golden(&g);
}

static void assert_scores(const golden *g, const char *method,
                          const cJSON *expected, double tolerance)
{
    int32_t *labels = labels_of(g);
    hp_score_options o = {.run = {.backend = g->backend},
                          .sequences = &g->sequences,
                          .labels = labels};
    hp_scores *s = NULL;
    hp_error err = {{0}, {0}, {0}};
    hp_status st = hp_score(&s, g->model, hp_method_find(method), &o, &err);
    if (!expected) {
        assert_int_equal(st, HP_UNSUPPORTED);
        assert_non_null(strstr(err.hint, "entropy, magnitude"));
    } else {
        if (st)
            fail_msg("%s", err.message);
        numbers got = {zeroed(s->n_heads, sizeof(double)), s->n_heads};
        memcpy(got.at, s->values, s->n_heads * sizeof *got.at);
        assert_relative(&got, expected, tolerance);
        free(got.at);
    }
    hp_scores_free(s);
    free(labels);
}

static void scores_of_the_loss_agree(void **state)
{
    golden g;
    open_golden(&g, *state);
    static const char *const methods[] = {"gradient", "fisher"};
    for (size_t i = 0; i < 2; i++)
        assert_scores(&g, methods[i],
                      g.n_targets ? get(g.expected, methods[i]) : NULL,
                      GRADIENT_TOLERANCE);
    close_golden(&g);
}

/* Scores in the metric of the loss, of the folders that were computed. */
static void scores_in_the_metric_of_the_loss_agree(void **state)
{
    golden g;
    cJSON *all = parse_json("tests/golden/loss_metric.json"), *node;
    cJSON *of_folder = cJSON_DetachItemFromObject(all, *state);
    open_golden(&g, *state);
    cJSON_ArrayForEach(node, of_folder)
    {
        assert_scores(&g, node->string, node, METRIC_TOLERANCE);
    }
    cJSON_Delete(of_folder);
    cJSON_Delete(all);
    close_golden(&g);
}

/* A difference of two losses: as exact as they are. */
static void ablations_agree(void **state)
{
    golden g;
    open_golden(&g, *state);
    int32_t *labels = labels_of(&g);
    hp_score_options o = {.run = {.backend = g.backend, .budget = 1},
                          .sequences = &g.sequences,
                          .labels = labels};
    for (unsigned i = 0; i < 2 && g.n_targets; i++, o.run.budget = 0) {
        numbers want = numbers_of(get(g.expected, "ablation"));
        double loss = get(g.expected, "loss")->valuedouble;
        hp_scores *s = NULL;
        hp_error err = {{0}, {0}, {0}};
        if (hp_score(&s, g.model, hp_method_find("ablation"), &o, &err))
            fail_msg("%s", err.message);
        for (size_t h = 0; h < s->n_heads; h++)
            if (!(fabs(s->values[h] - want.at[h]) <= LOSS_TOLERANCE * loss))
                fail_msg("head %s: %.9g, expected %.9g", s->heads[h].id,
                         s->values[h], want.at[h]);
        hp_scores_free(s);
        free(want.at);
    }
    free(labels);
    close_golden(&g);
}

static int same_slice(const hp_slice *s, const cJSON *part)
{
    static const char *const roles[] = {"q", "k", "v", "o"};
    return !strcmp(roles[s->role], get(part, "role")->valuestring) &&
           !strcmp(s->tensor->name, get(part, "tensor")->valuestring) &&
           (int)s->axis == get(part, "axis")->valueint &&
           (int)s->start == get(part, "start")->valueint &&
           (int)s->count == get(part, "count")->valueint &&
           s->shared == cJSON_IsTrue(get(part, "shared"));
}

static void slices_agree(void **state)
{
    golden g;
    open_golden(&g, *state);
    const cJSON *sample, *part;
    cJSON_ArrayForEach(sample, get(g.expected, "slices"))
    {
        hp_slice slices[HP_MAX_SLICES];
        const hp_block *b =
            hp_model_block(g.model, (size_t)get(sample, "block")->valuedouble);
        size_t head = b->first_head + (size_t)get(sample, "head")->valuedouble;
        size_t n = hp_model_slices(g.model, head, slices), i = 0;
        cJSON_ArrayForEach(part, get(sample, "parts"))
        {
            assert_true(i < n && same_slice(&slices[i], part));
            slices[i].start++;
            assert_false(same_slice(&slices[i], part));
            i++;
        }
        assert_int_equal(i, n);
    }
    close_golden(&g);
}

#define N_CHECKS 9U

int main(void)
{
    const struct CMUnitTest checks[N_CHECKS] = {
        cmocka_unit_test(the_forward_pass_agrees),
        cmocka_unit_test(masked_heads_count_as_zero),
        cmocka_unit_test(evaluations_agree),
        cmocka_unit_test(gradients_agree),
        cmocka_unit_test(scores_of_the_loss_agree),
        cmocka_unit_test(ablations_agree),
        cmocka_unit_test(scores_in_the_metric_of_the_loss_agree),
        cmocka_unit_test(magnitudes_agree),
        cmocka_unit_test(slices_agree),
    };
    struct CMUnitTest tests[N_GOLDEN_RUN * N_CHECKS];
    char names[N_GOLDEN_RUN * N_CHECKS][64];
    for (size_t i = 0; i < N_GOLDEN_RUN * N_CHECKS; i++) {
        tests[i] = checks[i % N_CHECKS];
        /* State: the folder of the checkpoint. */
        tests[i].initial_state = golden_folders[i / N_CHECKS];
        snprintf(names[i], sizeof names[i], "%s: %s",
                 golden_folders[i / N_CHECKS], tests[i].name);
        tests[i].name = names[i];
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    strips = 1;
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
