/* Models of no known architecture: what is found by names and shapes, and that
 * nothing is guessed where they fit two readings. */
#include "edit.h"
#include "fixture.h"
#include "model/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Read under another model_type, and with what no architecture runs. */
#define OPT    "tests/golden/opt"
#define PHI    "tests/golden/phi"
#define NEOX   "tests/golden/gpt-neox"
#define BLOOM  "tests/golden/bloom"
#define FALCON "tests/golden/falcon"
#define BART   "tests/golden/bart"
#define VIT    "tests/golden/vit"
#define CUSTOM "tests/golden/custom-arch"

static char *folder;
static hp_error err;

static int make_folder(void **state)
{
    (void)state;
    folder = fixture_folder();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

static void copy_model(const char *from)
{
    edit_copy(folder, from);
    if (strcmp(from, OPT) == 0) {
        edit_config(folder, "\"opt\"", "\"my_opt\"");
        edit_config(folder, "\"do_layer_norm_before\": true",
                    "\"do_layer_norm_before\": false");
    }
}

/* What was detected in a folder of reference data, which test_model.c,
 * test_score.c and test_zeroed.c hold to its blocks, slices and bytes. */
static void test_golden(void **state)
{
    (void)state;
    static const struct {
        const char *path, *blocks, *first, *last;
        size_t n_tensors;
        const char *heads_from;
        hp_qkv_order order;
        const char *order_from, *runs_as;
    } cases[] = {
        {PHI, "model.layers.N.self_attn", "q_proj.weight", "dense.weight", 4,
         "num_attention_heads", HP_QKV_UNKNOWN, NULL, NULL},
        {NEOX, "gpt_neox.layers.N.attention", "query_key_value.weight",
         "dense.weight", 2, "num_attention_heads", HP_QKV_HEADS, "model_type",
         NULL},
        {BLOOM, "transformer.h.N.self_attention", "query_key_value.weight",
         "dense.weight", 2, "n_head", HP_QKV_HEADS, "model_type", NULL},
        {FALCON, "transformer.h.N.self_attention", "query_key_value.weight",
         "dense.weight", 2, "num_attention_heads", HP_QKV_SPLIT, "shapes",
         NULL},
        {VIT, "vit.encoder.layer.N.attention", "attention.query.weight",
         "output.dense.weight", 4, "num_attention_heads", HP_QKV_UNKNOWN, NULL,
         NULL},
        {CUSTOM, "model.layers.N.self_attn", "q_proj.weight", "o_proj.weight",
         4, "num_attention_heads", HP_QKV_UNKNOWN, NULL, "llama"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hp_model *m = open_model(cases[i].path);
        const hp_detection *d = hp_model_detection(m);
        assert_non_null(d);
        assert_false(hp_model_runs(m));
        assert_string_equal(d->blocks, cases[i].blocks);
        assert_int_equal(d->n_tensors, cases[i].n_tensors);
        assert_string_equal(d->tensors[0], cases[i].first);
        assert_string_equal(d->tensors[d->n_tensors - 1], cases[i].last);
        assert_string_equal(d->heads_from, cases[i].heads_from);
        assert_int_equal(d->order, cases[i].order);
        assert_int_equal(d->certainty, HP_CERTAIN);
        if (cases[i].order_from)
            assert_string_equal(d->order_from, cases[i].order_from);
        else
            assert_null(d->order_from);
        if (cases[i].runs_as)
            assert_string_equal(d->runs_as, cases[i].runs_as);
        else
            assert_null(d->runs_as);
        close_model(m);
    }
    hp_model *m = open_model("tests/golden/gpt2");
    assert_null(hp_model_detection(m));
    assert_true(hp_model_runs(m));
    close_model(m);
}

/* Parameters are those of all tensors: nothing is a buffer or too much. */
static void test_facts(void **state)
{
    (void)state;
    hp_model *m = open_model(VIT);
    const hp_model_info *info = hp_model_info_get(m);
    assert_string_equal(info->model_type, "vit");
    assert_string_equal(info->architecture, "ViTForImageClassification");
    assert_int_equal(info->parameters, 19402);
    assert_int_equal(hp_model_n_notes(m), 0);
    assert_int_equal(hp_model_spec(m)->vocab, 0);
    assert_null(hp_model_tied(m));
    close_model(m);
    copy_model(BLOOM);
    edit_config(folder, "\"model_type\": \"bloom\",", "");
    const hp_model_options o = {.qkv_order = HP_QKV_HEADS};
    m = open_model_with(folder, &o);
    assert_string_equal(hp_model_info_get(m)->model_type, "unknown");
    close_model(m);
}

typedef struct verdict {
    const char *model;
    const char *from, *to; /* in config.json; NULL: nothing */
    hp_model_options told;
    hp_status status;
    const char *message, *hint; /* NULL: none */
} verdict;

static void assert_verdicts(const verdict *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        copy_model(v[i].model);
        if (v[i].from)
            edit_config(folder, v[i].from, v[i].to);
        memset(&err, 0, sizeof err);
        hp_status st = try_model_with(folder, &v[i].told, &err);
        if (st != v[i].status || !strstr(err.message, v[i].message) ||
            strcmp(v[i].hint ? v[i].hint : "", err.hint) != 0)
            fail_msg("%zu: status %d, \"%s\" (%s)", i, (int)st, err.message,
                     err.hint);
    }
}

#define ASSERT_VERDICTS(v) assert_verdicts(v, sizeof(v) / sizeof *(v))
#define HEADS(n)           "\"num_attention_heads\": 4", "\"num_attention_heads\": " n
#define NO_HEADS           "\"num_attention_heads\"", "\"x\""
#define N_HEADS_HINT       "--n-heads N says how many; N divides 32"

static void test_heads(void **state)
{
    (void)state;
    static const verdict v[] = {
        {OPT,
         NULL,
         NULL,
         {.n_heads = 12},
         HP_UNSUPPORTED,
         "12 heads are told, but config.json says 'num_attention_heads' 4",
         NULL},
        {OPT,
         NO_HEADS,
         {.n_heads = 12},
         HP_UNSUPPORTED,
         "the 32 outputs of a block's queries cannot be 12 heads",
         NULL},
        {OPT,
         HEADS("12"),
         {0},
         HP_UNSUPPORTED,
         "the 32 outputs of a block's queries cannot be 12 heads",
         N_HEADS_HINT},
        {OPT,
         HEADS("0"),
         {0},
         HP_FORMAT,
         "'num_attention_heads' is 0",
         N_HEADS_HINT},
        {OPT,
         NO_HEADS,
         {0},
         HP_UNSUPPORTED,
         "config.json does not say how many heads the 32 outputs",
         N_HEADS_HINT},
        {OPT,
         HEADS("[4, 4]"),
         {0},
         HP_UNSUPPORTED,
         "does not say how many",
         N_HEADS_HINT},
        {OPT, NULL, NULL, {.n_heads = 4}, HP_OK, "", NULL},
        {OPT, NO_HEADS, {.n_heads = 8}, HP_OK, "", NULL},
        {OPT,
         HEADS("4, \"n_head\": 8"),
         {0},
         HP_UNSUPPORTED,
         "keys 'num_attention_heads' and 'n_head' of config.json disagree: 4 "
         "and 8",
         N_HEADS_HINT},
        {OPT, HEADS("4, \"n_head\": 8"), {.n_heads = 4}, HP_OK, "", NULL},
        {OPT, HEADS("4, \"n_head\": 8"), {.n_heads = 8}, HP_OK, "", NULL},
        {OPT,
         HEADS("4, \"head_dim\": 16"),
         {0},
         HP_UNSUPPORTED,
         "4 heads in 32 outputs are 8 wide, but config.json says 'head_dim' 16",
         N_HEADS_HINT},
        {OPT, "\"num_attention_heads\"", "\"head_dim\"", {0}, HP_OK, "", NULL},
    };
    ASSERT_VERDICTS(v);
}

static void test_shared_keys(void **state)
{
    (void)state;
    static const verdict v[] = {
        /* keys of 16 outputs: two heads of 8, one of 16 */
        {PHI,
         HEADS("8"),
         {0},
         HP_UNSUPPORTED,
         "the tensors hold 4 key and value heads of 4, but config.json says "
         "'num_key_value_heads' 2",
         N_HEADS_HINT},
        {PHI,
         HEADS("1"),
         {0},
         HP_UNSUPPORTED,
         "1 heads of 32 do not fit the 16 outputs of a block's keys",
         N_HEADS_HINT},
        {FALCON,
         HEADS("8"),
         {0},
         HP_UNSUPPORTED,
         "holds groups of queries with their key and value",
         NULL},
        {FALCON,
         HEADS("16"),
         {0},
         HP_UNSUPPORTED,
         "holds groups of queries with their key and value",
         NULL},
        {FALCON,
         HEADS("2"),
         {0},
         HP_UNSUPPORTED,
         "2 heads of 16 do not fit the 8 outputs of a block's keys",
         N_HEADS_HINT},
        {VIT,
         HEADS("4, \"pruned_heads\": {\"0\": [1]}"),
         {0},
         HP_UNSUPPORTED,
         "key 'pruned_heads'",
         NULL},
        {VIT, HEADS("4, \"pruned_heads\": {}"), {0}, HP_OK, "", NULL},
        {VIT, HEADS("4, \"pruned_heads\": null"), {0}, HP_OK, "", NULL},
        {"tests/golden/gpt2",
         NULL,
         NULL,
         {.n_heads = 12},
         HP_UNSUPPORTED,
         "12 heads are told, but a block of this 'gpt2' has 4",
         NULL},
        {"tests/golden/gpt2", NULL, NULL, {.n_heads = 4}, HP_OK, "", NULL},
    };
    ASSERT_VERDICTS(v);
}

#define ORDER_HINT "--qkv-order split or heads says which"

static void test_order(void **state)
{
    (void)state;
    static const verdict v[] = {
        {NEOX,
         "gpt_neox",
         "other",
         {0},
         HP_UNSUPPORTED,
         "model_type 'other' is not supported, and "
         "'gpt_neox.layers.0.attention.query_key_value.weight' may hold all "
         "queries, all keys and all values, or those of one head after the "
         "other",
         ORDER_HINT},
        {NEOX,
         "gpt_neox",
         "other",
         {.qkv_order = HP_QKV_HEADS},
         HP_OK,
         "",
         NULL},
        {NEOX, NULL, NULL, {.qkv_order = HP_QKV_HEADS}, HP_OK, "", NULL},
        {NEOX,
         NULL,
         NULL,
         {.qkv_order = HP_QKV_SPLIT},
         HP_UNSUPPORTED,
         "another order of queries, keys and values is told than model_type "
         "says",
         NULL},
        {OPT,
         NULL,
         NULL,
         {.qkv_order = HP_QKV_SPLIT},
         HP_INVALID,
         "are separate tensors",
         NULL},
        {"tests/golden/gpt2",
         NULL,
         NULL,
         {.qkv_order = HP_QKV_SPLIT},
         HP_INVALID,
         "that of 'gpt2' is known",
         NULL},
        {"tests/golden/gpt2",
         "\"gpt2\"",
         "\"other\"",
         {0},
         HP_UNSUPPORTED,
         "may hold all queries",
         ORDER_HINT "; --as gpt2 runs it, if it computes alike"},
        /* one key: its place is told by the shapes */
        {FALCON,
         "\"falcon\"",
         "\"other\"",
         {0},
         HP_UNSUPPORTED,
         "the tensors hold 1 key and value heads of 8, but config.json says "
         "'num_kv_heads' 4",
         N_HEADS_HINT},
    };
    ASSERT_VERDICTS(v);
    copy_model(FALCON);
    edit_config(folder, "\"falcon\"", "\"other\"");
    edit_config(folder, "\"num_kv_heads\"", "\"x\"");
    assert_int_equal(try_model(folder, &err), HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "would hold 4 query and 1 key heads"));
    edit_config(folder, "\"x\": 4", "\"num_kv_heads\": 1");
    hp_model *m = open_model(folder);
    assert_int_equal(hp_model_spec(m)->n_kv_heads, 1);
    close_model(m);
}

/* The same 96 rows read in both ways; only what is told differs. */
static void test_told_order(void **state)
{
    (void)state;
    static const uint64_t starts[][3] = {
        [HP_QKV_SPLIT] = {8, 32 + 8, 64 + 8},
        [HP_QKV_HEADS] = {24, 24 + 8, 24 + 16}};
    copy_model(NEOX);
    edit_config(folder, "gpt_neox", "other");
    for (hp_qkv_order order = HP_QKV_SPLIT; order <= HP_QKV_HEADS; order++) {
        const hp_model_options o = {.qkv_order = order};
        hp_model *m = open_model_with(folder, &o);
        const hp_detection *d = hp_model_detection(m);
        hp_slice s[HP_MAX_SLICES];
        assert_int_equal(hp_model_slices(m, 1, s), 7);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(s[2 * i].start, starts[order][i]);
        assert_int_equal(d->order, order);
        assert_string_equal(d->order_from, "the caller");
        assert_int_equal(d->certainty, HP_TOLD);
        close_model(m);
    }
}

static void assert_unsupported(const char *message)
{
    memset(&err, 0, sizeof err);
    assert_int_equal(try_model(folder, &err), HP_UNSUPPORTED);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" instead of \"%s\"", err.message, message);
    assert_string_equal(err.file, folder);
}

static void test_not_found(void **state)
{
    (void)state;
    copy_model(PHI);
    edit_header(folder, "q_proj", "queries");
    assert_unsupported("model_type 'phi' is not supported, and no attention is "
                       "found by the names of its tensors; supported: gpt2");
    copy_model(PHI);
    edit_header(folder, "k_proj", "keys");
    assert_unsupported("no keys that belong to tensor "
                       "'model.layers.0.self_attn.q_proj.weight'");
    copy_model(PHI);
    edit_header(folder, "self_attn.dense", "self_attn.x");
    assert_unsupported("no output projections that belong to tensor");
    copy_model(PHI);
    edit_header(folder, "layers.1.self_attn.v_proj", "layers.1.self_attn.w");
    assert_unsupported("attention is found in 1 layers "
                       "('model.layers.N.self_attn'), but config.json says "
                       "'num_hidden_layers' 2");
    copy_model(PHI);
    edit_config(folder, "\"num_hidden_layers\"", "\"x\"");
    edit_header(folder, "layers.1.", "layers.2.");
    assert_unsupported("layer 1 of 'model.layers.N.self_attn' has no attention "
                       "block that can be found");
}

static void test_not_together(void **state)
{
    (void)state;
    copy_model(OPT);
    edit_header(folder, "model.decoder.layers.1.", "model.other.layers.0.");
    assert_unsupported("in more than one stack of layers: "
                       "'model.decoder.layers.N.self_attn' and "
                       "'model.other.layers.N.self_attn'");
    copy_model(OPT);
    edit_header(folder, "model.decoder.layers.1.", "model.encoder.layers.0.");
    assert_unsupported("attention is found in 1 encoder and 1 decoder layers, "
                       "but config.json says 'num_hidden_layers' 2");
    copy_model(OPT);
    edit_header(folder, "layers.1.self_attn.out_proj",
                "layers.1.self_attn.o_proj");
    assert_unsupported("the tensors of 'model.decoder.layers.1.self_attn' have "
                       "other names than those of "
                       "'model.decoder.layers.0.self_attn'");
    copy_model(OPT);
    edit_header(folder, "layers.1.fc1", "layers.1.fc0");
    edit_header(folder,
                "layers.1.fc2.weight\":{\"dtype\":\"F32\",\"shape\":[32,64]",
                "layers.1.self_attn.proj.weight\":{\"dtype\":\"F32\",\"shape\":"
                "[32,64]");
    assert_unsupported("could both be the output projection of "
                       "'model.decoder.layers.1.self_attn.q_proj.weight'");
}

/* test_model.c holds its blocks and ids to the reference data. */
static void test_two_stacks(void **state)
{
    (void)state;
    hp_model *m = open_model(BART);
    const hp_spec *s = hp_model_spec(m);
    assert_int_equal(s->n_layers, 5);
    assert_int_equal(s->n_encoder_layers, 2);
    assert_string_equal(hp_model_detection(m)->blocks,
                        "model.encoder.layers.N.self_attn, "
                        "model.decoder.layers.N.self_attn, "
                        "model.decoder.layers.N.encoder_attn");
    assert_string_equal(hp_model_heads(m)[31].id, "dec.2.cross:3");
    assert_int_equal(hp_model_block(m, 7)->cross, 1);
    assert_int_equal(hp_model_block(m, 6)->causal, 1);
    assert_int_equal(hp_model_block(m, 1)->decoder, 0);
    close_model(m);
    copy_model(BART);
    edit_header(folder, "decoder.layers.1.encoder_attn", "decoder.layers.1.x");
    assert_unsupported("in more than one stack of layers: "
                       "'model.decoder.layers.N.self_attn' and "
                       "'model.decoder.layers.N.x'");
    copy_model(BART);
    edit_header(folder, "decoder.layers.1.encoder_attn.q_proj", "decoder.x");
    assert_unsupported("layer 1 of 'model.decoder.layers.N.self_attn' has no");
    copy_model(BART);
    edit_config(folder, "\"decoder_layers\": 3", "\"decoder_layers\": 4");
    assert_unsupported("attention is found in 2 encoder and 3 decoder layers, "
                       "but config.json says 'decoder_layers' 4");
}

static void test_shapes(void **state)
{
    (void)state;
#define SHAPE(name, is) name ".weight\":{\"dtype\":\"F32\",\"shape\":" is
    copy_model(OPT);
    edit_header(folder, SHAPE("layers.1.self_attn.q_proj", "[32,32]"),
                SHAPE("layers.1.self_attn.q_proj", "[64,16]"));
    assert_unsupported("tensors 'model.decoder.layers.1.self_attn.q_proj."
                       "weight' [64, 16] and "
                       "'model.decoder.layers.1.self_attn.out_proj.weight' "
                       "[32, 32] do not fit together");
    copy_model(PHI);
    edit_header(folder, SHAPE("layers.1.self_attn.v_proj", "[16,32]"),
                SHAPE("layers.1.self_attn.v_proj", "[32,16]"));
    assert_unsupported("do not fit together");
    copy_model(BLOOM);
    edit_header(folder, SHAPE("h.1.self_attention.query_key_value", "[96,32]"),
                SHAPE("h.1.self_attention.query_key_value", "[32,96]"));
    assert_unsupported("'transformer.h.1.self_attention' has another shape "
                       "than 'transformer.h.0.self_attention'");
    copy_model(BLOOM);
    edit_header(folder, SHAPE("h.0.self_attention.query_key_value", "[96,32]"),
                SHAPE("h.0.self_attention.query_key_value", "[48,64]"));
    assert_unsupported("do not fit together");
}

/* A tensor [in, out] is told by its long side. */
static void test_turned(void **state)
{
    (void)state;
    copy_model("tests/golden/gpt2");
    edit_config(folder, "\"gpt2\"", "\"other\"");
    const hp_model_options o = {.qkv_order = HP_QKV_SPLIT};
    hp_model *m = open_model_with(folder, &o);
    hp_model *known = open_model("tests/golden/gpt2");
    for (size_t h = 0; h < hp_model_n_heads(m); h++) {
        hp_slice got[HP_MAX_SLICES], want[HP_MAX_SLICES];
        size_t n = hp_model_slices(m, h, got);
        assert_int_equal(n, hp_model_slices(known, h, want));
        for (size_t i = 0; i < n; i++) {
            assert_string_equal(got[i].tensor->name, want[i].tensor->name);
            assert_true(got[i].axis == want[i].axis &&
                        got[i].start == want[i].start &&
                        got[i].count == want[i].count);
        }
    }
    close_model(known);
    close_model(m);
}

/* Torch's own attention: its name says the order. Square matrices under an
 * unknown type are likely only. */
static void test_certainty(void **state)
{
    (void)state;
    copy_model(NEOX);
    edit_config(folder, "gpt_neox", "other");
    edit_header(folder, "query_key_value.weight", "in_proj_weight");
    edit_header(folder, "query_key_value.bias", "in_proj_bias");
    hp_model *m = open_model(folder);
    const hp_detection *d = hp_model_detection(m);
    assert_int_equal(d->order, HP_QKV_SPLIT);
    assert_string_equal(d->order_from, "the tensor's name");
    assert_int_equal(d->certainty, HP_CERTAIN);
    assert_non_null(hp_model_block(m, 1)->q.bias);
    close_model(m);
    copy_model(OPT);
    m = open_model(folder);
    assert_int_equal(hp_model_detection(m)->certainty, HP_LIKELY);
    close_model(m);
}

/* What has a LLaMA's tensors is proposed to be run as one, unless it is known
 * to compute otherwise. */
static void test_alike(void **state)
{
    (void)state;
    const hp_model_options o = {.as = "llama"};
    hp_model *m = open_model_with(CUSTOM, &o);
    assert_true(hp_model_runs(m));
    assert_null(hp_model_detection(m));
    assert_string_equal(hp_model_info_get(m)->model_type, "my_custom_arch");
    close_model(m);
    copy_model(CUSTOM);
    edit_config(folder, "my_custom_arch", "gemma");
    m = open_model(folder);
    assert_null(hp_model_detection(m)->runs_as);
    assert_non_null(strstr(hp_model_note(m, 0), "norms add 1"));
    close_model(m);
    static const char *const names[] = {"model.norm.weight", "lm_head.weight"};
    for (size_t i = 0; i < 2; i++) { /* one is missing, one is too much */
        copy_model(CUSTOM);
        edit_header(folder, names[i], "other.weight");
        m = open_model(folder);
        assert_null(hp_model_detection(m)->runs_as);
        close_model(m);
    }
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, make_folder, remove_folder, NULL                              \
    }
    static const struct CMUnitTest tests[] = {
        TEST("what is found in the reference data", test_golden),
        TEST("what is said of a model that is detected", test_facts),
        TEST("heads must fit shapes and all that is said", test_heads),
        TEST("shared keys must fit, pruned heads and known types not",
             test_shared_keys),
        TEST("the order in one tensor is known or told", test_order),
        TEST("a told order moves the slices", test_told_order),
        TEST("a model without attention says what is missing", test_not_found),
        TEST("blocks that do not belong together are refused",
             test_not_together),
        TEST("an encoder and a decoder are two stacks", test_two_stacks),
        TEST("shapes that fit no attention are refused", test_shapes),
        TEST("matrices stored [in, out] are told by shapes", test_turned),
        TEST("how sure the detection is", test_certainty),
        TEST("models alike are proposed to run as one", test_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
