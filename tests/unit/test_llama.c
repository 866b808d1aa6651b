/* What config.json and the tensors of LLaMA and its relatives may say: every
 * rule has a model that breaks it. */
#include "edit.h"
#include "fixture.h"
#include "model/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static void copy_golden(const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof path, "tests/golden/%s", name);
    edit_copy(folder, path);
}

typedef struct verdict {
    const char *model, *from, *to; /* in config.json */
    hp_status status;
    const char *message;
} verdict;

static void assert_verdicts(const verdict *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        copy_golden(v[i].model);
        edit_config(folder, v[i].from, v[i].to);
        memset(&err, 0, sizeof err);
        hp_status st = try_model(folder, &err);
        if (st != v[i].status || !strstr(err.message, v[i].message))
            fail_msg("%s: status %d, \"%s\"", v[i].to, (int)st, err.message);
    }
}

#define ASSERT_VERDICTS(v) assert_verdicts(v, sizeof(v) / sizeof *(v))

#define MISSING(key)                                                           \
    {                                                                          \
        "llama-gqa", "\"" key "\"", "\"x\"", HP_FORMAT, "'" key "' is missing" \
    }

static void test_sizes(void **state)
{
    (void)state;
    static const verdict v[] = {
        MISSING("num_hidden_layers"),
        MISSING("hidden_size"),
        MISSING("num_attention_heads"),
        MISSING("intermediate_size"),
        MISSING("vocab_size"),
        {"llama-gqa", "\"max_position_embeddings\"", "\"x\"", HP_OK, ""},
        {"llama-gqa",
         "\"max_position_embeddings\": ", "\"max_position_embeddings\": -",
         HP_FORMAT, "'max_position_embeddings'"},
        {"llama-gqa", "\"num_key_value_heads\"", "\"x\"", HP_FORMAT,
         "k_proj.weight': shape [16, 40], expected [64, 40]"},
        {"llama-gqa", "\"num_key_value_heads\": 2",
         "\"num_key_value_heads\": 3", HP_FORMAT,
         "'num_attention_heads': 8 is not divisible by 'num_key_value_heads' "
         "3"},
        {"llama-gqa", "\"num_key_value_heads\": 2",
         "\"num_key_value_heads\": 0", HP_FORMAT, "'num_key_value_heads' is 0"},
        {"llama-gqa", "\"num_key_value_heads\": 2",
         "\"num_key_value_heads\": 16", HP_FORMAT, "is not divisible"},
        {"qwen3", "\"head_dim\": 12", "\"head_dim\": null", HP_FORMAT,
         "q_proj.weight': shape [48, 32], expected [32, 32]"},
        {"llama-gqa", "\"head_dim\": 8", "\"x\": 8", HP_FORMAT,
         "a head has 5 dimensions"},
        {"llama-gqa", "\"head_dim\": 8", "\"head_dim\": 7", HP_FORMAT,
         "a head has 7 dimensions ('head_dim', else"},
        {"llama-gqa", "\"head_dim\": 8", "\"head_dim\": 0", HP_FORMAT,
         "'head_dim' is 0"},
        {"llama-gqa", "\"head_dim\": 8", "\"head_dim\": 4294967304", HP_FORMAT,
         "'head_dim'"},
        {"llama-gqa", "\"hidden_size\": 40", "\"hidden_size\": 30", HP_FORMAT,
         "embed_tokens.weight': shape [80, 40], expected [80, 30]"},
        {"llama-gqa", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
         HP_FORMAT, "'model.layers.2.input_layernorm.weight' is missing"},
        {"llama-gqa", "1e-06", "0", HP_FORMAT, "'rms_norm_eps' is 0"},
        {"llama-gqa", "\"silu\"", "\"tanh\"", HP_UNSUPPORTED,
         "'hidden_act': activation 'tanh'"},
        {"llama-gqa", "\"attention_bias\": false", "\"attention_bias\": true",
         HP_FORMAT, "'model.layers.0.self_attn.q_proj.bias' is missing"},
        {"llama-gqa", "\"attention_bias\": false", "\"attention_bias\": 1",
         HP_FORMAT, "'attention_bias'"},
        {"llama-gqa", "\"mlp_bias\": false", "\"mlp_bias\": true", HP_FORMAT,
         "'model.layers.0.mlp.gate_proj.bias' is missing"},
        {"llama-gqa", "\"pretraining_tp\"",
         "\"pruned_heads\": {\"1\": [3]}, \"pretraining_tp\"", HP_FORMAT,
         "shape [64, 40], expected [56, 40]"},
        {"llama-gqa", "\"pretraining_tp\"",
         "\"pruned_heads\": {\"1\": []}, \"pretraining_tp\"", HP_OK, ""},
    };
    ASSERT_VERDICTS(v);
}

#define SCALING(text) "llama-gqa", "\"rope_scaling\": null", text

static void test_positions(void **state)
{
    (void)state;
    static const verdict v[] = {
        {SCALING("\"rope_scaling\": 7"), HP_FORMAT,
         "'rope_scaling' is not an object"},
        {SCALING("\"rope_scaling\": {\"factor\": 2.0}"), HP_FORMAT,
         "'rope_scaling' holds no 'rope_type'"},
        {SCALING("\"rope_scaling\": {\"rope_type\": 2}"), HP_FORMAT,
         "'rope_type'"},
        {SCALING("\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2.0}"),
         HP_UNSUPPORTED,
         "'rope_scaling': rotary positions of type 'yarn' are not supported; "
         "supported: default, linear, llama3"},
        {SCALING("\"rope_scaling\": {\"rope_type\": \"dynamic\"}"),
         HP_UNSUPPORTED, "type 'dynamic'"},
        {SCALING("\"rope_parameters\": {\"rope_type\": \"longrope\"}"),
         HP_UNSUPPORTED, "'rope_parameters': rotary positions of type 'longro"},
        {SCALING("\"rope_scaling\": {\"type\": \"linear\"}"), HP_FORMAT,
         "'factor' is missing"},
        {SCALING("\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}"),
         HP_FORMAT, "'factor' is 0"},
        {SCALING("\"rope_scaling\": {\"type\": \"linear\", \"factor\": 1},"
                 "\"rope_parameters\": {\"rope_type\": \"default\"}"),
         HP_FORMAT, "'rope_scaling' and 'rope_parameters' both"},
        {SCALING("\"rope_parameters\": {\"full_attention\": {\"rope_type\": "
                 "\"default\"}}"),
         HP_UNSUPPORTED, "of their own for 'full_attention'"},
        {SCALING("\"rope_parameters\": {\"rope_theta\": -1}"), HP_FORMAT,
         "'rope_theta' is -1"},
        {SCALING("\"rope_parameters\": {\"partial_rotary_factor\": 0.5}"),
         HP_UNSUPPORTED, "'partial_rotary_factor' is 0.5"},
        {SCALING("\"partial_rotary_factor\": 0.25"), HP_UNSUPPORTED,
         "'partial_rotary_factor' is 0.25"},
        {"llama-gqa", "10000.0", "0", HP_FORMAT, "'rope_theta' is 0"},
        {"llama-gqa", "10000.0", "\"x\"", HP_FORMAT, "'rope_theta'"},
        {"llama3-rope", "\"factor\"", "\"x\"", HP_FORMAT,
         "'factor' is missing"},
        {"llama3-rope", "\"low_freq_factor\"", "\"x\"", HP_FORMAT,
         "'low_freq_factor' is missing"},
        {"llama3-rope", "\"high_freq_factor\"", "\"x\"", HP_FORMAT,
         "'high_freq_factor' is missing"},
        {"llama3-rope", "\"high_freq_factor\": 4.0",
         "\"high_freq_factor\": 1.0", HP_FORMAT,
         "'high_freq_factor' is 1, expected a finite number above 1"},
        {"llama3-rope", "\"original_max_position_embeddings\"", "\"x\"",
         HP_FORMAT, "'original_max_position_embeddings' is missing"},
    };
    ASSERT_VERDICTS(v);
}

/* transformers 5 writes one object where 4 writes two keys. */
static void test_position_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        hp_rope_scaling scaling;
        double theta, factor;
    } forms[] = {
        {"\"x\": 0", HP_ROPE_DEFAULT, 10000, 1},
        {"\"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}",
         HP_ROPE_LINEAR, 10000, 4},
        {"\"rope_parameters\": {\"rope_theta\": 500, \"rope_type\": "
         "\"default\"}",
         HP_ROPE_DEFAULT, 500, 1},
        {"\"rope_parameters\": {\"rope_theta\": 7}", HP_ROPE_DEFAULT, 7, 1},
        {"\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": "
         "\"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "
         "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 32}",
         HP_ROPE_BANDED, 5e5, 8},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        copy_golden("llama-gqa");
        edit_config(folder, "\"rope_scaling\": null", forms[i].text);
        hp_model *m = open_model(folder);
        const hp_rope *rope = &hp_model_spec(m)->rope;
        assert_int_equal(rope->scaling, forms[i].scaling);
        assert_true(rope->theta == forms[i].theta);
        assert_true(rope->factor == forms[i].factor);
        close_model(m);
    }
}

static void test_windows(void **state)
{
    (void)state;
    static const struct {
        const char *model, *from, *to;
        uint32_t windows[2];
    } cases[] = {
        {"mistral", "\"sliding_window\": 6", "\"sliding_window\": 6", {6, 6}},
        {"mistral", "\"sliding_window\": 6", "\"sliding_window\": null", {0}},
        {"mistral", "\"sliding_window\": 6", "\"x\": 6", {4096, 4096}},
        {"llama-gqa", "\"use_cache\"", "\"sliding_window\": 6, \"x\"", {0}},
        {"qwen2", "\"sliding_window\": null", "\"sliding_window\": 6", {0}},
        {"qwen3",
         "\"use_sliding_window\": false",
         "\"use_sliding_window\": true",
         {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copy_golden(cases[i].model);
        edit_config(folder, cases[i].from, cases[i].to);
        hp_model *m = open_model(folder);
        for (size_t b = 0; b < 2; b++)
            assert_int_equal(hp_model_block(m, b)->window, cases[i].windows[b]);
        close_model(m);
    }
    static const verdict v[] = {
        {"mistral", "\"sliding_window\": 6", "\"sliding_window\": 0", HP_FORMAT,
         "'sliding_window' is 0"},
        {"qwen2", "[\n    \"full_attention\",", "[", HP_FORMAT,
         "'layer_types' is not a list of 2"},
        {"qwen2", "\"full_attention\",", "\"chunked_attention\",",
         HP_UNSUPPORTED, "'layer_types': 'chunked_attention' is not supported"},
        {"qwen2", "\"full_attention\",", "7,", HP_UNSUPPORTED,
         "'layer_types': '(not a string)'"},
        {"qwen2", "\"full_attention\",", "\"sliding_attention\",", HP_FORMAT,
         "'layer_types' lists 'sliding_attention', but"},
    };
    ASSERT_VERDICTS(v);
}

/* layer_types decides, and without it the number of the layer. */
static void test_windows_of_layers(void **state)
{
    (void)state;
    for (int listed = 0; listed < 2; listed++) {
        copy_golden("qwen2");
        edit_config(folder, "\"sliding_window\": null",
                    "\"sliding_window\": 5");
        edit_config(folder, "\"use_sliding_window\": false",
                    "\"use_sliding_window\": true");
        edit_config(folder, "\"max_window_layers\": 28",
                    "\"max_window_layers\": 1");
        if (listed)
            edit_config(folder, "\"full_attention\",",
                        "\"sliding_attention\",");
        else
            edit_config(folder, "\"layer_types\"", "\"x\"");
        hp_model *m = open_model(folder);
        assert_int_equal(hp_model_block(m, 0)->window, listed ? 5 : 0);
        assert_int_equal(hp_model_block(m, 1)->window, listed ? 0 : 5);
        close_model(m);
    }
}

static void test_missing_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *model, *tensor;
    } cases[] = {
        {"llama-gqa", "model.embed_tokens.weight"},
        {"llama-gqa", "model.norm.weight"},
        {"llama-gqa", "model.layers.0.input_layernorm.weight"},
        {"llama-gqa", "model.layers.1.post_attention_layernorm.weight"},
        {"llama-gqa", "model.layers.1.self_attn.q_proj.weight"},
        {"llama-gqa", "model.layers.1.self_attn.k_proj.weight"},
        {"llama-gqa", "model.layers.1.self_attn.v_proj.weight"},
        {"llama-gqa", "model.layers.1.self_attn.o_proj.weight"},
        {"llama-gqa", "model.layers.0.mlp.gate_proj.weight"},
        {"llama-gqa", "model.layers.0.mlp.up_proj.weight"},
        {"llama-gqa", "model.layers.0.mlp.down_proj.weight"},
        {"llama-bias", "model.layers.0.self_attn.k_proj.bias"},
        {"llama-bias", "model.layers.0.self_attn.o_proj.bias"},
        {"llama-bias", "model.layers.0.mlp.down_proj.bias"},
        {"qwen2", "model.layers.0.self_attn.v_proj.bias"},
        {"qwen3", "model.layers.1.self_attn.q_norm.weight"},
        {"qwen3", "model.layers.1.self_attn.k_norm.weight"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[128];
        copy_golden(cases[i].model);
        edit_header(folder, cases[i].tensor, "x");
        (void)snprintf(message, sizeof message, "tensor '%s' is missing",
                       cases[i].tensor);
        assert_int_equal(try_model(folder, &err), HP_FORMAT);
        if (!strstr(err.message, message))
            fail_msg("\"%s\" instead of \"%s\"", err.message, message);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *model, *tensor, *from, *to;
    } cases[] = {
        {"llama-gqa", "model.layers.0.self_attn.q_proj.weight", "[64,40]",
         "[40,64]"},
        {"llama-gqa", "model.layers.0.self_attn.o_proj.weight", "[40,64]",
         "[64,40]"},
        {"llama-gqa", "lm_head.weight", "[80,40]", "[40,80]"},
        {"qwen3", "model.layers.0.self_attn.q_norm.weight", "[12]", "[12,1]"},
        {"qwen2", "model.layers.0.self_attn.k_proj.bias", "[16]", "[16,1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char from[128], to[128], message[128];
        copy_golden(cases[i].model);
        (void)snprintf(from, sizeof from,
                       "\"%s\":{\"dtype\":\"F32\",\"shape\":%s",
                       cases[i].tensor, cases[i].from);
        (void)snprintf(to, sizeof to, "\"%s\":{\"dtype\":\"F32\",\"shape\":%s",
                       cases[i].tensor, cases[i].to);
        (void)snprintf(message, sizeof message, "tensor '%s': shape",
                       cases[i].tensor);
        edit_header(folder, from, to);
        assert_int_equal(try_model(folder, &err), HP_FORMAT);
        if (!strstr(err.message, message))
            fail_msg("\"%s\" instead of \"%s\"", err.message, message);
    }
}

static void test_prefix(void **state)
{
    (void)state;
    copy_golden("qwen2");
    edit_header(folder, "\"model.", "\"");
    hp_model *m = open_model(folder);
    assert_string_equal(hp_model_block(m, 1)->name, "layers.1.self_attn");
    assert_string_equal(hp_model_tied(m),
                        "lm_head.weight = embed_tokens.weight");
    close_model(m);
}

static void test_output(void **state)
{
    (void)state;
    static const struct {
        const char *model, *from, *to;
        hp_output output;
        const char *note;
    } cases[] = {
        {"qwen2", "\"tie_word_embeddings\": true", "\"x\": 0", HP_OUTPUT_NONE,
         "tensor 'lm_head.weight' is missing"},
        {"qwen2", "Qwen2ForCausalLM", "Qwen2Model", HP_OUTPUT_NONE, NULL},
        {"llama-gqa", "\"tie_word_embeddings\": false", "\"x\": 0",
         HP_OUTPUT_CAUSAL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copy_golden(cases[i].model);
        edit_config(folder, cases[i].from, cases[i].to);
        hp_model *m = open_model(folder);
        assert_int_equal(hp_model_spec(m)->output, cases[i].output);
        assert_null(hp_model_tied(m));
        assert_int_equal(hp_model_n_notes(m), cases[i].note ? 1 : 0);
        if (cases[i].note)
            assert_non_null(strstr(hp_model_note(m, 0), cases[i].note));
        close_model(m);
    }
}

/* Old files hold the frequencies. */
static void test_buffers(void **state)
{
    (void)state;
    copy_golden("qwen3");
    hp_model *m = open_model(folder);
    uint64_t all = hp_model_info_get(m)->parameters;
    close_model(m);
    edit_config(folder, "\"qwen3\"", "\"llama\"");
    edit_header(folder, "q_norm.weight", "rotary_emb.inv_freq");
    edit_header(folder, "k_norm.weight", "rotary_emb.inv_freq.x");
    m = open_model(folder);
    assert_int_equal(hp_model_info_get(m)->parameters, all - 24);
    assert_int_equal(hp_model_n_notes(m), 1);
    close_model(m);
}

/* By its tensors: which biases and norms there are. */
static void test_no_model_type(void **state)
{
    (void)state;
    static const char *const models[][2] = {{"llama-gqa", "llama"},
                                            {"mistral", "mistral"},
                                            {"qwen2", "qwen2"},
                                            {"qwen3", "qwen3"}};
    for (size_t i = 0; i < 4; i++) {
        char line[64];
        copy_golden(models[i][0]);
        (void)snprintf(line, sizeof line, "\"model_type\": \"%s\",",
                       models[i][1]);
        edit_config(folder, line, "");
        hp_model *m = open_model(folder);
        assert_string_equal(hp_model_info_get(m)->model_type,
                            i == 1 ? "llama" : models[i][1]);
        assert_non_null(strstr(hp_model_note(m, 0), "names no model_type"));
        close_model(m);
    }
    copy_golden("llama-bias");
    edit_config(folder, "\"model_type\": \"llama\",", "");
    assert_int_equal(try_model(folder, &err), HP_FORMAT);
    assert_non_null(strstr(err.message, "o_proj.bias' is there, but"));
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, make_folder, remove_folder, NULL                              \
    }
    static const struct CMUnitTest tests[] = {
        TEST("sizes that are missing or contradict are refused", test_sizes),
        TEST("rotary positions that are not understood are refused",
             test_positions),
        TEST("transformers 4 and 5 say positions in two ways",
             test_position_forms),
        TEST("windows as config.json gives them", test_windows),
        TEST("windows of some layers only", test_windows_of_layers),
        TEST("every weight that is missing is named", test_missing_tensors),
        TEST("a shape that contradicts config.json is refused", test_shapes),
        TEST("names come without their prefix", test_prefix),
        TEST("the output is stored, tied or not there", test_output),
        TEST("stored frequencies are no parameters", test_buffers),
        TEST("tensors tell the model where config.json does not",
             test_no_model_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
