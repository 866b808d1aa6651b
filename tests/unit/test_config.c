/* What config.json may say: every rule has a model that breaks it. */
#include "edit.h"
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *gpt2, *bert;
static hp_error err;

static int write_models(void **state)
{
    (void)state;
    gpt2 = fixture_folder();
    bert = fixture_folder();
    fixture_write(gpt2, &FIXTURE_GPT2);
    fixture_write(bert, &FIXTURE_BERT);
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    fixture_remove(gpt2);
    fixture_remove(bert);
    return 0;
}

typedef struct verdict {
    const char *from, *to; /* in config.json */
    hp_status status;
    const char *message;
} verdict;

static void assert_verdicts(const fixture *f, const char *folder,
                            const verdict *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fixture_write(folder, f);
        edit_config(folder, v[i].from, v[i].to);
        memset(&err, 0, sizeof err);
        hp_status st = try_model(folder, &err);
        if (st != v[i].status || !strstr(err.message, v[i].message))
            fail_msg("%s: status %d, \"%s\"", v[i].to, (int)st, err.message);
    }
}

#define ASSERT_VERDICTS(f, folder, v)                                          \
    assert_verdicts(&(f), folder, v, sizeof(v) / sizeof *(v))

static void test_gpt2_values(void **state)
{
    (void)state;
    static const verdict v[] = {
        {"\"n_head\"", "\"N_HEAD\"", HP_FORMAT, "'n_head' is missing"},
        {"\"n_layer\"", "\"x\"", HP_FORMAT, "'n_layer' is missing"},
        {"\"n_embd\"", "\"x\"", HP_FORMAT, "'n_embd' is missing"},
        {"\"vocab_size\"", "\"x\"", HP_FORMAT, "'vocab_size' is missing"},
        {"\"n_positions\"", "\"n_ctx\"", HP_FORMAT, "'n_positions' is missing"},
        {"\"n_head\": 4", "\"n_head\": 0", HP_FORMAT,
         "'n_head' is 0, expected 1 to"},
        {"\"n_head\": 4", "\"n_head\": -4", HP_FORMAT, "'n_head' is -4"},
        {"\"n_head\": 4", "\"n_head\": 2.5", HP_FORMAT, "'n_head' is 2.5"},
        {"\"n_head\": 4", "\"n_head\": \"4\"", HP_FORMAT, "'n_head'"},
        {"\"n_head\": 4", "\"n_head\": 1e400", HP_FORMAT, "'n_head'"},
        {"\"n_head\": 4", "\"n_head\": 4294967300", HP_FORMAT, "'n_head'"},
        {"\"n_head\": 4", "\"n_head\": 5", HP_FORMAT,
         "'n_embd': 32 is not divisible by 'n_head' 5"},
        {"\"n_head\": 4", "\"n_head\": 64", HP_FORMAT, "not divisible"},
        {"\"n_embd\": 32", "\"n_embd\": 1073741824", HP_FORMAT,
         "'n_embd' is 1073741824, expected 1 to 16777216"},
        {"\"n_layer\": 2", "\"n_layer\": 0", HP_FORMAT, "'n_layer' is 0"},
        {"\"n_layer\": 2", "\"n_layer\": 2000000000", HP_FORMAT,
         "2000000000 layers are asked for, the checkpoint holds 28 tensors"},
        {"\"n_layer\": 2", "\"n_layer\": 3", HP_FORMAT,
         "tensor 'transformer.h.2.ln_1.weight' is missing"},
        {"\"n_positions\": 16", "\"n_positions\": 0", HP_FORMAT,
         "'n_positions' is 0"},
        {"\"n_positions\": 16", "\"n_positions\": 17", HP_FORMAT,
         "'transformer.wpe.weight': shape [16, 32], expected [17, 32]"},
        {"\"vocab_size\": 40", "\"vocab_size\": 41", HP_FORMAT,
         "'transformer.wte.weight': shape [40, 32], expected [41, 32]"},
        {"\"n_inner\": null", "\"n_inner\": 0", HP_FORMAT, "'n_inner' is 0"},
        {"\"n_inner\": null", "\"n_inner\": 127", HP_FORMAT,
         "c_fc.weight': shape [32, 128], expected [32, 127]"},
        {"1e-05", "0", HP_FORMAT, "'layer_norm_epsilon' is 0"},
        {"1e-05", "-1", HP_FORMAT, "'layer_norm_epsilon' is -1"},
        {"1e-05", "1e400", HP_FORMAT, "'layer_norm_epsilon'"},
        {"1e-05", "1e-60", HP_FORMAT, "'layer_norm_epsilon' is 1e-60"},
        {"1e-05", "1e60", HP_FORMAT, "'layer_norm_epsilon' is 1e+60"},
        {"1e-05", "\"x\"", HP_FORMAT, "'layer_norm_epsilon'"},
        {"\"gelu_new\"", "\"quick_gelu\"", HP_UNSUPPORTED,
         "activation 'quick_gelu' is not supported; supported: gelu_new, "
         "gelu, relu, silu, swish"},
        {"\"gelu_new\"", "7", HP_FORMAT, "'activation_function'"},
        {"\"n_inner\"", "\"scale_attn_weights\": 1, \"n_inner\"", HP_FORMAT,
         "'scale_attn_weights'"},
        {"\"n_inner\"", "\"add_cross_attention\": true, \"n_inner\"",
         HP_UNSUPPORTED, "'add_cross_attention' is true"},
    };
    ASSERT_VERDICTS(FIXTURE_GPT2, gpt2, v);
}

static void test_bert_values(void **state)
{
    (void)state;
    static const verdict v[] = {
        {"\"num_attention_heads\"", "\"x\"", HP_FORMAT,
         "'num_attention_heads' is missing"},
        {"\"num_hidden_layers\"", "\"x\"", HP_FORMAT,
         "'num_hidden_layers' is missing"},
        {"\"hidden_size\"", "\"x\"", HP_FORMAT, "'hidden_size' is missing"},
        {"\"intermediate_size\"", "\"x\"", HP_FORMAT,
         "'intermediate_size' is missing"},
        {"\"max_position_embeddings\"", "\"x\"", HP_FORMAT,
         "'max_position_embeddings' is missing"},
        {"\"vocab_size\"", "\"x\"", HP_FORMAT, "'vocab_size' is missing"},
        {"\"type_vocab_size\": 2", "\"type_vocab_size\": 0", HP_FORMAT,
         "'type_vocab_size' is 0"},
        {"\"type_vocab_size\": 2", "\"type_vocab_size\": 3", HP_FORMAT,
         "token_type_embeddings.weight': shape [2, 32], expected [3, 32]"},
        {"\"num_attention_heads\": 4", "\"num_attention_heads\": 3", HP_FORMAT,
         "'hidden_size': 32 is not divisible by 'num_attention_heads' 3"},
        {"\"gelu\"", "7", HP_FORMAT, "'hidden_act'"},
        {"\"gelu\"", "\"tanh\"", HP_UNSUPPORTED, "activation 'tanh'"},
        {"1e-12", "0", HP_FORMAT, "'layer_norm_eps' is 0"},
        {"\"hidden_act\"",
         "\"position_embedding_type\": \"relative_key\", \"hidden_act\"",
         HP_UNSUPPORTED, "'relative_key' is not supported"},
        {"\"hidden_act\"", "\"is_decoder\": true, \"hidden_act\"",
         HP_UNSUPPORTED, "'is_decoder' is true"},
    };
    ASSERT_VERDICTS(FIXTURE_BERT, bert, v);
}

static void test_model_type(void **state)
{
    (void)state;
    static const verdict v[] = {
        {"\"gpt2\"", "2", HP_FORMAT, "'model_type'"},
        {"\"gpt2\"", "\"mamba\"", HP_UNSUPPORTED,
         "model_type 'mamba' is not supported, and "
         "'transformer.h.0.attn.c_attn.weight' may hold"},
        {"\"gpt2\"", "\"GPT2\"", HP_UNSUPPORTED, "model_type 'GPT2'"},
        {"\"gpt2\"", "\"albert\"", HP_UNSUPPORTED,
         "share one set of attention weights"},
        {"\"gpt2\"", "\"bert\"", HP_FORMAT, "is missing"},
    };
    ASSERT_VERDICTS(FIXTURE_GPT2, gpt2, v);
    assert_string_equal(err.file, "config.json");
}

static void test_other_weights(void **state)
{
    (void)state;
    char *from = fixture_path(bert, "config.json");
    char *config = fixture_read(from, NULL);
    fixture_put_text(gpt2, "config.json", config);
    assert_int_equal(try_model(gpt2, &err), HP_FORMAT);
    assert_non_null(
        strstr(err.message, "'embeddings.word_embeddings.weight' is missing"));
    assert_non_null(strstr(err.hint, "the tensors are those of 'gpt2'"));
    assert_string_equal(err.file, gpt2);
    free(config);
    free(from);
}

static void test_missing_model_type(void **state)
{
    (void)state;
    edit_config(gpt2, "\"model_type\": \"gpt2\",", "");
    edit_config(bert, "\"model_type\": \"bert\",", "");
    hp_model *m = open_model(gpt2);
    assert_string_equal(hp_model_info_get(m)->model_type, "gpt2");
    assert_int_equal(hp_model_n_notes(m), 1);
    assert_non_null(strstr(hp_model_note(m, 0), "names no model_type"));
    close_model(m);
    m = open_model(bert);
    assert_string_equal(hp_model_info_get(m)->model_type, "bert");
    close_model(m);
    edit_header(gpt2, "c_attn", "other");
    assert_int_equal(try_model(gpt2, &err), HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "'model_type' is missing"));
}

/* The user's word stands above config.json's. */
static void test_taken_as(void **state)
{
    (void)state;
    const hp_model_options as_gpt2 = {.as = "gpt2"}, as_bert = {.as = "bert"},
                           as_mamba = {.as = "mamba"};
    fixture_write(gpt2, &FIXTURE_GPT2);
    edit_config(gpt2, "\"gpt2\"", "\"mamba\"");
    hp_model *m = open_model_with(gpt2, &as_gpt2);
    assert_string_equal(hp_model_info_get(m)->model_type, "mamba");
    assert_string_equal(hp_model_block(m, 0)->name, "transformer.h.0.attn");
    assert_string_equal(hp_model_note(m, 0),
                        "model_type 'mamba' is taken for 'gpt2'");
    close_model(m);
    assert_int_equal(try_model_with(gpt2, &as_bert, &err), HP_FORMAT);
    assert_non_null(strstr(err.message, "'num_hidden_layers' is missing"));
    assert_int_equal(try_model_with(gpt2, &as_mamba, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "no model_type 'mamba'"));
    edit_config(gpt2, "\"mamba\"", "\"gpt2\"");
    m = open_model_with(gpt2, &as_gpt2);
    assert_int_equal(hp_model_n_notes(m), 0);
    close_model(m);
}

static void test_malformed_config(void **state)
{
    (void)state;
    fixture_put_text(gpt2, "config.json", "[1]");
    assert_int_equal(try_model(gpt2, &err), HP_FORMAT);
    assert_non_null(strstr(err.message, "not a JSON object"));
    assert_string_equal(err.file, "config.json");
    fixture_put_text(gpt2, "config.json", "{\"model_type\": \"gpt2\"} {}");
    assert_int_equal(try_model(gpt2, &err), HP_FORMAT);
    fixture_put_text(gpt2, "config.json", "");
    assert_int_equal(try_model(gpt2, &err), HP_FORMAT);
}

static void test_no_config(void **state)
{
    (void)state;
    char *path = fixture_path(gpt2, "config.json");
    fixture_unlink(path);
    free(path);
    assert_int_equal(try_model(gpt2, &err), HP_FORMAT);
    assert_non_null(strstr(err.message, "no config.json"));
    assert_string_equal(err.hint, "give it with --config FILE");
    assert_string_equal(err.file, gpt2);
}

static void test_pruned_heads(void **state)
{
    (void)state;
#define PRUNED(text) "\"n_inner\"", "\"pruned_heads\": " text ", \"n_inner\""
    static const verdict v[] = {
        {PRUNED("{}"), HP_OK, ""},
        {PRUNED("null"), HP_OK, ""},
        {PRUNED("{\"0\": []}"), HP_OK, ""},
        {PRUNED("[]"), HP_FORMAT, "'pruned_heads' is not an object"},
        {PRUNED("7"), HP_FORMAT, "'pruned_heads' is not an object"},
        {PRUNED("{\"0\": 1}"), HP_FORMAT, "layer '0' is not a list"},
        {PRUNED("{\"2\": [1]}"), HP_FORMAT,
         "'2' is not a layer, expected 0 to 1"},
        {PRUNED("{\"-1\": [1]}"), HP_FORMAT, "'-1' is not a layer"},
        {PRUNED("{\"01\": [1]}"), HP_FORMAT, "'01' is not a layer"},
        {PRUNED("{\"\": [1]}"), HP_FORMAT, "'' is not a layer"},
        {PRUNED("{\"99999999999\": [1]}"), HP_FORMAT, "is not a layer"},
        {PRUNED("{\"1\": [4]}"), HP_FORMAT,
         "layer 1 lists a head that is not in 0 to 3"},
        {PRUNED("{\"1\": [-1]}"), HP_FORMAT, "not in 0 to 3"},
        {PRUNED("{\"1\": [0.5]}"), HP_FORMAT, "not in 0 to 3"},
        {PRUNED("{\"1\": [\"1\"]}"), HP_FORMAT, "not in 0 to 3"},
        {PRUNED("{\"1\": [1e400]}"), HP_FORMAT, ""},
        {PRUNED("{\"1\": [0, 1, 2, 3]}"), HP_FORMAT,
         "'transformer.h.1.attn.c_attn.weight': config.json says that no head "
         "of this layer is left"},
        {PRUNED("{\"1\": [2, 0, 2]}"), HP_FORMAT,
         "'transformer.h.1.attn.c_attn.weight': shape [32, 96], expected "
         "[32, 48]"},
    };
    ASSERT_VERDICTS(FIXTURE_GPT2, gpt2, v);
    assert_non_null(strstr(err.hint, "2 of the 4 heads of this layer"));
}

static void test_activations(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        hp_activation activation;
    } known[] = {
        {"\"gelu_new\"", HP_ACTIVATION_GELU_TANH},
        {"\"gelu_pytorch_tanh\"", HP_ACTIVATION_GELU_TANH},
        {"\"gelu_fast\"", HP_ACTIVATION_GELU_TANH},
        {"\"gelu\"", HP_ACTIVATION_GELU},
        {"\"relu\"", HP_ACTIVATION_RELU},
        {"\"silu\"", HP_ACTIVATION_SILU},
        {"\"swish\"", HP_ACTIVATION_SILU},
        {"null", HP_ACTIVATION_GELU_TANH},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        fixture_write(gpt2, &FIXTURE_GPT2);
        edit_config(gpt2, "\"gelu_new\"", known[i].name);
        hp_model *m = open_model(gpt2);
        assert_int_equal(hp_model_spec(m)->activation, known[i].activation);
        close_model(m);
    }
}

static void test_scales(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        float scale[2];
    } cases[] = {
        {"\"scale_attn_weights\": true,", {0.35355338F, 0.35355338F}},
        {"\"scale_attn_weights\": false,", {1, 1}},
        {"\"scale_attn_by_inverse_layer_idx\": true,",
         {0.35355338F, 0.17677669F}},
        {"\"scale_attn_weights\": false, "
         "\"scale_attn_by_inverse_layer_idx\": true,",
         {1, 0.5F}},
        {"\"reorder_and_upcast_attn\": true,", {0.35355338F, 0.35355338F}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char with[160];
        (void)snprintf(with, sizeof with, "%s\"n_inner\"", cases[i].keys);
        fixture_write(gpt2, &FIXTURE_GPT2);
        edit_config(gpt2, "\"n_inner\"", with);
        hp_model *m = open_model(gpt2);
        for (size_t b = 0; b < 2; b++)
            assert_float_equal(hp_model_block(m, b)->scale, cases[i].scale[b],
                               1e-7F);
        close_model(m);
    }
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, write_models, remove_models, NULL                             \
    }
    static const struct CMUnitTest tests[] = {
        TEST("GPT-2: values that are absent, out of range or unknown",
             test_gpt2_values),
        TEST("BERT: values that are absent, out of range or unknown",
             test_bert_values),
        TEST("a model_type that is unknown names those that are known",
             test_model_type),
        TEST("weights of another architecture are named in the hint",
             test_other_weights),
        TEST("without model_type the tensors tell, and a note says so",
             test_missing_model_type),
        TEST("a model may be taken for another model_type", test_taken_as),
        TEST("a config.json that is no JSON object is refused",
             test_malformed_config),
        TEST("without config.json the hint is --config", test_no_config),
        TEST("pruned_heads must be lists of heads in range and applied",
             test_pruned_heads),
        TEST("activations by their names", test_activations),
        TEST("GPT-2's ways to scale attention", test_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
