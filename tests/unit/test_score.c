/* Scores: the reference data, what a score must follow, rounding and ranks. */
#include "edit.h"
#include "fixture.h"
#include "golden_folders.h"
#include "io/json.h"
#include "score/scorer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST_HEADS 64

static char *folder;
static hp_backend *backend;
static hp_error err;

static int open_backend(void **state)
{
    (void)state;
    return hp_backend_open(&backend, &err) != HP_OK;
}

static int free_backend(void **state)
{
    (void)state;
    hp_backend_free(backend);
    return 0;
}

static int write_model(void **state)
{
    (void)state;
    folder = fixture_folder();
    fixture_write(folder, &FIXTURE_GPT2);
    return 0;
}

static int remove_model(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

static hp_scores *score(const hp_model *m, const char *method, uint64_t seed)
{
    hp_scores *s = NULL;
    const hp_score_options o = {.seed = seed};
    if (hp_score(&s, m, hp_method_find(method), &o, &err))
        fail_msg("%s", err.message);
    return s;
}

/* ---- the reference data ---- */

/* The numbers of expected.json's KEY, block by block. */
static size_t read_expected(double *out, const char *name, const char *key)
{
    char path[1024];
    hp__json *j = NULL;
    size_t n = 0;
    (void)snprintf(path, sizeof path, "tests/golden/%s/expected.json", name);
    if (hp__json_open(&j, path, (size_t)16 << 20, &err))
        fail_msg("%s", err.message);
    const hp__node *b = hp__node_first(hp__node_find(hp__json_root(j), key));
    for (; b; b = hp__node_next(b))
        for (const hp__node *h = hp__node_first(b); h; h = hp__node_next(h)) {
            assert_true(n < MOST_HEADS);
            out[n++] = hp__node_number(h);
        }
    hp__json_free(j);
    return n;
}

/* The first head that is further off than `tolerance`, or n. */
static size_t first_off(const double *have, const double *expected, size_t n,
                        double tolerance)
{
    size_t i = 0;
    while (i < n && fabs(have[i] - expected[i]) <= tolerance * expected[i])
        i++;
    return i;
}

static hp_model *open_golden(const char *name)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "tests/golden/%s", name);
    return open_model(path);
}

static void test_golden_magnitude(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDEN_FOLDERS; i++) {
        double expected[MOST_HEADS] = {0}, have[MOST_HEADS];
        hp_model *m = open_golden(golden_folders[i]);
        size_t n = read_expected(expected, golden_folders[i], "magnitude");
        const hp_score_options o = {.seed = 0};
        assert_int_equal(n, hp_model_n_heads(m));
        assert_int_equal(hp__scorer_magnitude.weigh(have, m, &o, &err), HP_OK);
        assert_int_equal(first_off(have, expected, n, 1e-7), n);
        /* A value that is off by three times as much is seen. */
        expected[n / 2] *= 1 + 3e-7;
        assert_int_equal(first_off(have, expected, n, 1e-7), n / 2);
        close_model(m);
    }
}

/* Sequences of expected.json. */
typedef struct golden_data {
    int32_t ids[512];
    size_t start[17];
    hp_sequences s;
} golden_data;

/* Without the key n is 0. */
static void read_sequences(golden_data *d, const char *name, const char *key)
{
    char path[1024];
    hp__json *j = NULL;
    (void)snprintf(path, sizeof path, "tests/golden/%s/expected.json", name);
    if (hp__json_open(&j, path, (size_t)16 << 20, &err))
        fail_msg("%s", err.message);
    const hp__node *list = hp__node_find(hp__json_root(j), key);
    d->s = (hp_sequences){.ids = d->ids, .start = d->start};
    d->start[0] = 0;
    for (const hp__node *s = list ? hp__node_first(list) : NULL; s;
         s = hp__node_next(s)) {
        size_t n = d->start[d->s.n];
        for (const hp__node *t = hp__node_first(s); t; t = hp__node_next(t)) {
            assert_true(n < 512);
            d->ids[n++] = (int32_t)hp__node_number(t);
        }
        assert_true(d->s.n < 16);
        d->start[++d->s.n] = n;
    }
    hp__json_free(j);
}

static void test_golden_entropy(void **state)
{
    (void)state;
    const hp_calibration_info info = {
        .source = "here", .sha256 = "00", .sequences = 4};
    for (size_t i = 0; i < N_GOLDEN_RUN; i++) {
        double expected[MOST_HEADS] = {0};
        golden_data d, decoder;
        hp_model *m = open_golden(golden_folders[i]);
        size_t n = read_expected(expected, golden_folders[i], "entropy");
        read_sequences(&d, golden_folders[i], "sequences");
        read_sequences(&decoder, golden_folders[i], "decoder_sequences");
        d.s.decoder = decoder.s.n ? &decoder.s : NULL;
        hp_scores *s = NULL;
        const hp_score_options o = {.run = {.backend = backend},
                                    .sequences = &d.s,
                                    .calibration = &info};
        if (hp_score(&s, m, hp_method_find("entropy"), &o, &err))
            fail_msg("%s: %s", golden_folders[i], err.message);
        assert_int_equal(n, s->n_heads);
        assert_int_equal(first_off(s->values, expected, n, 1e-5), n);
        assert_int_equal(s->prunes_highest, 1);
        assert_int_equal(s->has_calibration, 1);
        assert_string_equal(s->calibration.source, "here");
        for (size_t h = 0; h < n; h++)
            for (size_t k = 0; k < n; k++)
                assert_false(s->values[h] > s->values[k] &&
                             s->rank[h] > s->rank[k]);
        /* A value that is off by three times as much is seen. */
        expected[n - 1] *= 1 + 3e-5;
        assert_int_equal(first_off(s->values, expected, n, 1e-5), n - 1);
        hp_scores_free(s);
        close_model(m);
    }
}

/* Equal weights everywhere: all keys look the same to every query. */
static void test_uniform_attention(void **state)
{
    (void)state;
    static const int32_t ids[] = {3, 1, 4, 1, 5, 9, 2, 7};
    static const size_t start[] = {0, 1, 8};
    const hp_sequences seqs = {.ids = ids, .start = start, .n = 2};
    /* Causal: ln k for k = 1 .. 7, and ln 1 for the sequence of one. */
    double expected = 0;
    for (int k = 1; k <= 7; k++)
        expected += log(k) / 8;
    edit_fill(folder, 0.25F);
    hp_model *m = open_model(folder);
    const hp_score_options o = {.run = {.backend = backend},
                                .sequences = &seqs};
    hp_scores *s = NULL;
    assert_int_equal(hp_score(&s, m, hp_method_find("entropy"), &o, &err),
                     HP_OK);
    for (uint32_t h = 0; h < 8; h++) {
        assert_true(fabs(s->values[h] - expected) <= 5e-6);
        assert_int_equal(s->rank[h], h); /* ties in head order */
    }
    hp_scores_free(s);
    close_model(m);
}

static void test_order_of_slots(void **state)
{
    (void)state;
    golden_data d;
    hp_model *m = open_golden("bert-mlm");
    read_sequences(&d, "bert-mlm", "sequences");
    hp_score_options o = {.run = {.backend = backend, .threads = 1},
                          .sequences = &d.s};
    hp_scores *one = NULL, *many = NULL;
    assert_int_equal(hp_score(&one, m, hp_method_find("entropy"), &o, &err),
                     HP_OK);
    o.run.threads = 3;
    o.run.budget = 1;
    assert_int_equal(hp_score(&many, m, hp_method_find("entropy"), &o, &err),
                     HP_OK);
    assert_memory_equal(one->values, many->values,
                        one->n_heads * sizeof *one->values);
    hp_scores_free(one);
    hp_scores_free(many);
    close_model(m);
}

/* ---- magnitude ---- */

static void test_scaled_heads(void **state)
{
    (void)state;
    static const struct {
        const char *model_type;
        size_t head;
        float factor;
    } cases[] = {{"gpt2", 0, 2},
                 {"gpt2", 5, 0.5F},
                 {"gpt2", 7, -4},
                 {"bert", 3, 2},
                 {"bert", 6, 0.125F}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = FIXTURE_GPT2;
        f.model_type = cases[i].model_type;
        fixture_write(folder, &f);
        hp_model *m = open_model(folder);
        hp_slice s[HP_MAX_SLICES];
        size_t n = hp_model_slices(m, cases[i].head, s);
        double before[8], after[8];
        const hp_score_options o = {.seed = 0};
        assert_int_equal(hp__scorer_magnitude.weigh(before, m, &o, &err),
                         HP_OK);
        for (size_t j = 0; j < n; j++)
            if (s[j].tensor->n_dims == 2)
                edit_scale(folder, &s[j], cases[i].factor);
        close_model(m);
        m = open_model(folder);
        assert_int_equal(hp__scorer_magnitude.weigh(after, m, &o, &err), HP_OK);
        /* A power of two scales exactly; the other heads stay exactly. */
        for (size_t h = 0; h < 8; h++) {
            double by = h == cases[i].head ? fabs((double)cases[i].factor) : 1;
            assert_true(after[h] == by * before[h]);
        }
        close_model(m);
    }
}

static void test_biases_do_not_count(void **state)
{
    (void)state;
    double before[8], after[8];
    const hp_score_options o = {.seed = 0};
    hp_model *m = open_model(folder);
    assert_int_equal(hp__scorer_magnitude.weigh(before, m, &o, &err), HP_OK);
    close_model(m);
    edit_value(folder, "transformer.h.0.attn.c_attn.bias", 0, NAN);
    edit_value(folder, "transformer.h.0.mlp.c_fc.weight", 0, NAN);
    edit_value(folder, "transformer.h.1.attn.c_proj.bias", 0, 1e30F);
    m = open_model(folder);
    assert_int_equal(hp__scorer_magnitude.weigh(after, m, &o, &err), HP_OK);
    assert_memory_equal(before, after, sizeof before);
    close_model(m);
}

static void test_not_finite(void **state)
{
    (void)state;
    static const struct {
        const char *tensor;
        size_t index;
        float value;
    } cases[] = {
        {"transformer.h.0.attn.c_attn.weight", 0, NAN},
        {"transformer.h.1.attn.c_attn.weight", 3071, INFINITY},
        {"transformer.h.1.attn.c_proj.weight", 500, -INFINITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_write(folder, &FIXTURE_GPT2);
        edit_value(folder, cases[i].tensor, cases[i].index, cases[i].value);
        hp_model *m = open_model(folder);
        static hp_scores not_null;
        hp_scores *s = &not_null;
        const hp_score_options o = {.seed = 0};
        assert_int_equal(hp_score(&s, m, hp_method_find("magnitude"), &o, &err),
                         HP_FORMAT);
        assert_null(s);
        assert_non_null(strstr(err.message, cases[i].tensor));
        assert_non_null(strstr(err.message, "NaN or infinity"));
        assert_string_equal(err.file, folder);
        close_model(m);
    }
}

static void test_f64_overflow(void **state)
{
    (void)state;
    fixture f = FIXTURE_GPT2;
    f.dtype = "F64";
    fixture_write(folder, &f);
    /* The upper half of a double at 1e300 and more. */
    edit_value(folder, "transformer.h.1.attn.c_proj.weight", 1, 3e38F);
    hp_model *m = open_model(folder);
    hp_scores *s = NULL;
    const hp_score_options o = {.seed = 0};
    assert_int_equal(hp_score(&s, m, hp_method_find("magnitude"), &o, &err),
                     HP_FORMAT);
    assert_non_null(
        strstr(err.message, "'transformer.h.1.attn.c_proj.weight'"));
    assert_non_null(strstr(err.message, "double precision"));
    close_model(m);
}

/* Large enough for several pieces of each tensor, and a last one that is not
 * whole. */
static void test_threads(void **state)
{
    (void)state;
    static const char *const types[] = {"gpt2", "bert"};
    for (size_t i = 0; i < 2; i++) {
        fixture f = {types[i], 1, 9, 40, 40, 16, "F32", 1};
        fixture_write(folder, &f);
        hp_model *m = open_model(folder);
        double one[9], many[9];
        hp_score_options o = {.run = {.threads = 1}};
        assert_int_equal(hp__scorer_magnitude.weigh(one, m, &o, &err), HP_OK);
        for (o.run.threads = 2; o.run.threads < 6; o.run.threads++) {
            assert_int_equal(hp__scorer_magnitude.weigh(many, m, &o, &err),
                             HP_OK);
            assert_memory_equal(one, many, sizeof one);
        }
        close_model(m);
    }
}

/* ---- random ---- */

static void test_random_pinned(void **state)
{
    (void)state;
    static const double orders[2][8] = {{2, 5, 0, 3, 4, 6, 1, 7},
                                        {4, 3, 2, 7, 5, 6, 0, 1}};
    hp_model *m = open_model(folder);
    for (uint64_t seed = 0; seed < 2; seed++) {
        hp_scores *s = score(m, "random", seed);
        for (size_t i = 0; i < 8; i++) {
            assert_true(s->values[i] == orders[seed][i]);
            assert_true(s->rank[i] == (uint32_t)orders[seed][i]);
        }
        assert_int_equal(s->has_seed, 1);
        assert_int_equal(s->seed, seed);
        hp_scores_free(s);
    }
    close_model(m);
}

static void test_random_permutes(void **state)
{
    (void)state;
    fixture f = {"bert", 12, 16, 2, 40, 16, "F16", 1};
    fixture_write(folder, &f);
    hp_model *m = open_model(folder);
    for (uint64_t seed = 0; seed < 50; seed++) {
        unsigned char taken[192] = {0};
        hp_scores *s = score(m, "random", seed * 0x9e3779b97f4a7c15U);
        hp_scores *again = score(m, "random", seed * 0x9e3779b97f4a7c15U);
        for (size_t i = 0; i < 192; i++) {
            assert_in_range(s->rank[i], 0, 191);
            assert_int_equal(taken[s->rank[i]]++, 0);
        }
        assert_memory_equal(s->rank, again->rank, 192 * sizeof *s->rank);
        hp_scores_free(s);
        hp_scores_free(again);
    }
    close_model(m);
}

/* ---- what is the same for all methods ---- */

static void test_rounded(void **state)
{
    (void)state;
    hp_model *m = open_model("models/gpt2-novels");
    hp_scores *s = score(m, "magnitude", 0);
    size_t longer = 0;
    for (size_t i = 0; i < s->n_heads; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "%.6g", s->values[i]);
        assert_true(strtod(text, NULL) == s->values[i]);
        (void)snprintf(text, sizeof text, "%.5g", s->values[i]);
        longer += strtod(text, NULL) != s->values[i];
    }
    assert_true(longer > s->n_heads / 2);
    hp_scores_free(s);
    close_model(m);
}

static void test_ranks(void **state)
{
    (void)state;
    hp_model *m = open_model("models/gpt2-novels");
    hp_scores *s = score(m, "magnitude", 0);
    assert_int_equal(s->prunes_highest, 0);
    for (size_t i = 0; i < s->n_heads; i++)
        for (size_t j = 0; j < s->n_heads; j++)
            assert_int_equal(s->rank[i] < s->rank[j],
                             s->values[i] < s->values[j] ||
                                 (s->values[i] == s->values[j] && i < j));
    hp_scores_free(s);
    close_model(m);
}

static void test_ties(void **state)
{
    (void)state;
    edit_fill(folder, 0.25F);
    hp_model *m = open_model(folder);
    hp_scores *s = score(m, "magnitude", 0);
    for (uint32_t i = 0; i < 8; i++) {
        assert_true(s->values[i] == 16); /* 4 sqrt(256 / 16) */
        assert_int_equal(s->rank[i], i);
    }
    hp_scores_free(s);
    close_model(m);
}

static void test_self_contained(void **state)
{
    (void)state;
    hp_model *m = open_model(folder);
    hp_scores *s = score(m, "magnitude", 7);
    close_model(m);
    assert_string_equal(s->model.path, folder);
    assert_string_equal(s->model.model_type, "gpt2");
    assert_int_equal(strncmp(s->model.fingerprint, "sha256:", 7), 0);
    assert_int_equal(s->n_heads, 8);
    assert_string_equal(s->heads[5].id, "1:1");
    assert_string_equal(s->heads[5].name, "transformer.h.1.attn");
    assert_string_equal(s->method, "magnitude");
    assert_string_equal(s->unit, "weight");
    assert_int_equal(s->has_calibration, 0);
    assert_int_equal(s->has_seed, 0);
    hp_scores_free(s);
    hp_scores_free(NULL);
}

static void test_methods(void **state)
{
    (void)state;
    assert_string_equal(hp_method_at(0)->name, "entropy");
    assert_string_equal(hp_method_at(1)->name, "magnitude");
    assert_string_equal(hp_method_at(2)->name, "random");
    size_t n = 0;
    for (const hp_method *m; (m = hp_method_at(n)); n++) {
        assert_ptr_equal(hp_method_find(m->name), m);
        assert_true(strlen(m->summary) > 10);
    }
    assert_null(hp_method_at(n + 5));
    assert_null(hp_method_find("Entropy"));
    assert_null(hp_method_find(""));
    const hp_method *e = hp_method_find("entropy");
    assert_string_equal(e->unit, "nat");
    assert_int_equal(e->prunes_highest, 1);
    assert_int_equal(e->needs_data, 1);
    assert_int_equal(hp_method_find("magnitude")->needs_data, 0);
}

static void test_choice(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"gpt2", "obs"},
        {"bert-mlm", "obs"},
        {"t5", "obs"},
        {"bert-minilm", "energy"},
        {"t5-encoder", "energy"},
        {"custom-arch", "magnitude"},
        {"bloom", "magnitude"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hp_model *m = open_golden(cases[i][0]);
        assert_string_equal(hp_method_choose(m)->name, cases[i][1]);
        assert_true(strlen(hp_method_choose(m)->why) > 10);
        close_model(m);
    }
    /* One for each place, and the last of them needs nothing. */
    unsigned last = 0, n = 0;
    const hp_method *end = NULL;
    for (size_t i = 0; hp_method_at(i); i++) {
        const hp_method *m = hp_method_at(i);
        n += m->choice > 0;
        if (m->choice > last) {
            last = m->choice;
            end = m;
        }
    }
    assert_int_equal(n, last);
    assert_non_null(end);
    assert_false(end->needs_data || end->needs_loss);
}

static void test_needs_sequences(void **state)
{
    (void)state;
    static const size_t start[1] = {0};
    const hp_sequences none = {.start = start};
    hp_model *m = open_model(folder);
    hp_scores *s = NULL;
    hp_score_options o = {.sequences = NULL};
    for (int i = 0; i < 2; i++, o.sequences = &none) {
        assert_int_equal(hp_score(&s, m, hp_method_find("entropy"), &o, &err),
                         HP_INVALID);
        assert_non_null(strstr(err.message, "'entropy' needs calibration"));
        assert_null(s);
    }
    close_model(m);
}

static int stop_at_once(void *payload, uint64_t done, uint64_t total)
{
    assert_true(done <= total);
    *(uint64_t *)payload = done;
    return 1;
}

static void test_cancel(void **state)
{
    (void)state;
    hp_model *m = open_model(folder);
    hp_scores *s = NULL;
    uint64_t done = 0;
    const hp_score_options o = {
        .run = {.threads = 1, .progress = {stop_at_once, &done}}};
    assert_int_equal(hp_score(&s, m, hp_method_find("magnitude"), &o, &err),
                     HP_CANCELLED);
    assert_null(s);
    assert_int_equal(done, 1);
    close_model(m);
}

/* The first of the tensors that are broken, whatever the threads. */
static void test_first_failure(void **state)
{
    (void)state;
    edit_value(folder, "transformer.h.1.attn.c_proj.weight", 0, NAN);
    edit_value(folder, "transformer.h.0.attn.c_proj.weight", 0, NAN);
    edit_value(folder, "transformer.h.1.attn.c_attn.weight", 0, NAN);
    hp_model *m = open_model(folder);
    hp_score_options o = {.run = {.threads = 1}};
    for (; o.run.threads < 5; o.run.threads++) {
        hp_scores *s = NULL;
        assert_int_equal(hp_score(&s, m, hp_method_find("magnitude"), &o, &err),
                         HP_FORMAT);
        assert_non_null(
            strstr(err.message, "'transformer.h.0.attn.c_proj.weight'"));
    }
    close_model(m);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, write_model, remove_model, NULL                               \
    }
    static const struct CMUnitTest tests[] = {
        TEST("magnitudes are those of the reference data to 1e-7",
             test_golden_magnitude),
        TEST("entropies are those of the reference data to 1e-5",
             test_golden_entropy),
        TEST("equal keys have entropy ln k, and heads that tie keep order",
             test_uniform_attention),
        TEST("entropies depend on neither threads nor budget",
             test_order_of_slots),
        TEST("scaling a head's weights scales its magnitude",
             test_scaled_heads),
        TEST("biases and other weights do not count", test_biases_do_not_count),
        TEST("NaN and infinity are refused by the tensor's name",
             test_not_finite),
        TEST("of several broken tensors the first is named",
             test_first_failure),
        TEST("progress can stop a method", test_cancel),
        TEST("doubles whose squares overflow are refused by name",
             test_f64_overflow),
        TEST("magnitudes do not depend on the threads", test_threads),
        TEST("random orders are the same on every machine", test_random_pinned),
        TEST("random ranks are a permutation that the seed decides",
             test_random_permutes),
        TEST("scores have six significant digits", test_rounded),
        TEST("ranks follow the scores", test_ranks),
        TEST("ties fall in head order", test_ties),
        TEST("scores outlive their model", test_self_contained),
        TEST("the table of methods", test_methods),
        TEST("what a model allows decides which method is chosen", test_choice),
        TEST("a method that needs data says so", test_needs_sequences),
    };
    return cmocka_run_group_tests(tests, open_backend, free_backend);
}
