/* From tensor names to weights: prefixes, old names, what is missing, has the
 * wrong shape or dtype, and what is no part of the model. */
#include "edit.h"
#include "fixture.h"
#include "model/graph.h"

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

static void assert_refused(const char *folder, const char *message)
{
    assert_int_equal(try_model(folder, &err), HP_FORMAT);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" instead of \"%s\"", err.message, message);
    assert_string_equal(err.file, folder);
}

static void test_missing(void **state)
{
    (void)state;
    static const char *const of_gpt2[] = {"transformer.wte.weight",
                                          "transformer.wpe.weight",
                                          "transformer.h.0.ln_1.weight",
                                          "transformer.h.1.ln_1.bias",
                                          "transformer.h.0.attn.c_attn.weight",
                                          "transformer.h.1.attn.c_attn.bias",
                                          "transformer.h.0.attn.c_proj.weight",
                                          "transformer.h.1.attn.c_proj.bias",
                                          "transformer.h.0.ln_2.weight",
                                          "transformer.h.1.mlp.c_fc.weight",
                                          "transformer.h.0.mlp.c_fc.bias",
                                          "transformer.h.1.mlp.c_proj.weight",
                                          "transformer.ln_f.weight",
                                          "transformer.ln_f.bias"};
    static const char *const of_bert[] = {
        "bert.embeddings.word_embeddings.weight",
        "bert.embeddings.position_embeddings.weight",
        "bert.embeddings.token_type_embeddings.weight",
        "bert.embeddings.LayerNorm.weight",
        "bert.encoder.layer.0.attention.self.query.weight",
        "bert.encoder.layer.1.attention.self.key.bias",
        "bert.encoder.layer.1.attention.self.value.weight",
        "bert.encoder.layer.0.attention.output.dense.bias",
        "bert.encoder.layer.1.attention.output.LayerNorm.bias",
        "bert.encoder.layer.0.intermediate.dense.weight",
        "bert.encoder.layer.1.output.dense.weight",
        "bert.encoder.layer.1.output.LayerNorm.weight"};
    char message[160];
    for (size_t i = 0; i < sizeof of_gpt2 / sizeof *of_gpt2; i++) {
        fixture_write(gpt2, &FIXTURE_GPT2);
        edit_header(gpt2, of_gpt2[i], "x");
        (void)snprintf(message, sizeof message, "tensor '%s' is missing",
                       of_gpt2[i]);
        assert_refused(gpt2, message);
    }
    for (size_t i = 0; i < sizeof of_bert / sizeof *of_bert; i++) {
        fixture_write(bert, &FIXTURE_BERT);
        edit_header(bert, of_bert[i], "x");
        (void)snprintf(message, sizeof message, "tensor '%s' is missing",
                       of_bert[i]);
        assert_refused(bert, message);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"[32,96]", "[48,64]",
         "c_attn.weight': shape [48, 64], expected "
         "[32, 96]"},
        {"[32,96]", "[3072]", "shape [3072], expected [32, 96]"},
        {"[32,96]", "[1,32,96]", "shape [1, 32, 96], expected [32, 96]"},
        {"[32,96]", "[96,32]", "shape [96, 32], expected [32, 96]"},
        {"[96]", "[96,1]", "c_attn.bias': shape [96, 1], expected [96]"},
        {"[128,32]", "[32,128]",
         "'transformer.h.0.mlp.c_proj.weight': shape [32, 128], expected "
         "[128, 32]"},
        {"[128,32]",
         "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
         "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,128,32]",
         "shape [1, 1, 1, 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_write(gpt2, &FIXTURE_GPT2);
        edit_header(gpt2, cases[i].from, cases[i].to);
        assert_refused(gpt2, cases[i].message);
    }
}

static void test_dtype(void **state)
{
    (void)state;
    edit_header(gpt2,
                "\"transformer.h.1.attn.c_attn.weight\":{\"dtype\":\"F32\"",
                "\"transformer.h.1.attn.c_attn.weight\":{\"dtype\":\"I32\"");
    assert_refused(gpt2, "'transformer.h.1.attn.c_attn.weight': dtype I32, "
                         "expected F32, F16, BF16 or F64");
}

static void test_two_names(void **state)
{
    (void)state;
    edit_header(gpt2, "transformer.h.1.attn.c_attn", "h.0.attn.c_attn");
    assert_refused(gpt2, "'transformer.h.0.attn.c_attn.weight' and "
                         "'h.0.attn.c_attn.weight' are the same weight under "
                         "two names");
    edit_header(bert, "layer.0.output.LayerNorm.weight",
                "layer.1.output.LayerNorm.gamma");
    edit_header(bert, "layer.1.output.LayerNorm.bias",
                "layer.0.output.LayerNorm.weight");
    assert_refused(bert, "'bert.encoder.layer.1.output.LayerNorm.weight' and "
                         "'bert.encoder.layer.1.output.LayerNorm.gamma' are");
}

static void test_prefixes(void **state)
{
    (void)state;
    edit_header(gpt2, "\"transformer.", "\"");
    hp_model *m = open_model(gpt2);
    assert_string_equal(hp_model_block(m, 1)->name, "h.1.attn");
    assert_string_equal(hp_model_block(m, 1)->q.weight->name,
                        "h.1.attn.c_attn.weight");
    assert_string_equal(hp_model_tied(m), "lm_head.weight = wte.weight");
    close_model(m);
    edit_header(bert, "\"bert.", "\"");
    m = open_model(bert);
    assert_string_equal(hp_model_block(m, 0)->name,
                        "encoder.layer.0.attention");
    assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_MASKED);
    close_model(m);
}

static void test_old_norm_names(void **state)
{
    (void)state;
    edit_header(bert, "LayerNorm.weight", "LayerNorm.gamma");
    edit_header(bert, "LayerNorm.bias", "LayerNorm.beta");
    hp_model *m = open_model(bert);
    assert_string_equal(m->embedding.norm.weight->name,
                        "bert.embeddings.LayerNorm.gamma");
    assert_string_equal(m->layers[1].mlp.norm.bias->name,
                        "bert.encoder.layer.1.output.LayerNorm.beta");
    assert_string_equal(m->output.norm.weight->name,
                        "cls.predictions.transform.LayerNorm.gamma");
    close_model(m);
}

static void test_gpt2_output(void **state)
{
    (void)state;
    hp_model *m = open_model(gpt2);
    assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_CAUSAL);
    assert_ptr_equal(m->output.decoder.weight, m->embedding.token);
    assert_string_equal(hp_model_tied(m),
                        "lm_head.weight = transformer.wte.weight");
    close_model(m);
    static const struct {
        const char *class, *key;
        hp_output output;
    } cases[] = {
        {"\"GPT2DoubleHeadsModel\"", "", HP_OUTPUT_CAUSAL},
        {"\"GPT2Model\"", "", HP_OUTPUT_NONE},
        {"\"GPT2ForSequenceClassification\"", "", HP_OUTPUT_NONE},
        {"", "", HP_OUTPUT_CAUSAL},
        {"\"GPT2LMHeadModel\"", "\"tie_word_embeddings\": false,",
         HP_OUTPUT_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char with[96];
        (void)snprintf(with, sizeof with, "%s\"n_inner\"", cases[i].key);
        fixture_write(gpt2, &FIXTURE_GPT2);
        edit_config(gpt2, "\"GPT2LMHeadModel\"", cases[i].class);
        edit_config(gpt2, "\"n_inner\"", with);
        m = open_model(gpt2);
        assert_int_equal(hp_model_spec(m)->output, cases[i].output);
        assert_int_equal(hp_model_tied(m) != NULL,
                         cases[i].output == HP_OUTPUT_CAUSAL);
        close_model(m);
    }
}

/* With 128 tokens a third layer's down projection has the shape of an own
 * output, and config.json asks for two layers only. */
static void test_gpt2_own_output(void **state)
{
    (void)state;
    fixture f = FIXTURE_GPT2;
    f.layers = 3;
    f.vocab = 128;
    static const char *const keys[] = {"", "\"tie_word_embeddings\": false,"};
    for (size_t i = 0; i < 2; i++) {
        char with[96];
        (void)snprintf(with, sizeof with, "%s\"n_inner\"", keys[i]);
        fixture_write(gpt2, &f);
        edit_config(gpt2, "\"n_layer\": 3", "\"n_layer\": 2");
        edit_config(gpt2, "\"n_inner\"", with);
        edit_header(gpt2, "transformer.h.2.mlp.c_proj.weight",
                    "lm_head.weight");
        hp_model *m = open_model(gpt2);
        assert_string_equal(m->output.decoder.weight->name, "lm_head.weight");
        assert_null(hp_model_tied(m));
        assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_CAUSAL);
        assert_ptr_equal(hp_model_untied(m),
                         i ? NULL : m->output.decoder.weight);
        close_model(m);
    }
    edit_header(gpt2, "lm_head.weight\":{\"dtype\":\"F32\",\"shape\":[128,32]",
                "lm_head.weight\":{\"dtype\":\"F32\",\"shape\":[64,64]");
    assert_refused(gpt2,
                   "'lm_head.weight': shape [64, 64], expected [128, 32]");
}

static void test_bert_output(void **state)
{
    (void)state;
    hp_model *m = open_model(bert);
    assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_MASKED);
    assert_ptr_equal(m->output.decoder.weight, m->embedding.token);
    assert_string_equal(m->output.decoder.bias->name, "cls.predictions.bias");
    assert_string_equal(hp_model_tied(m),
                        "cls.predictions.decoder.weight = "
                        "bert.embeddings.word_embeddings.weight");
    assert_int_equal(hp_model_n_notes(m), 0);
    close_model(m);
    edit_header(bert, "cls.predictions.bias", "cls.predictions.decoder.bias");
    m = open_model(bert);
    assert_string_equal(m->output.decoder.bias->name,
                        "cls.predictions.decoder.bias");
    close_model(m);
    edit_config(bert, "\"hidden_act\"",
                "\"tie_word_embeddings\": false, \"hidden_act\"");
    m = open_model(bert);
    assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_NONE);
    assert_non_null(strstr(hp_model_note(m, 0), "it is not tied"));
    close_model(m);
}

static void test_bert_partial_output(void **state)
{
    (void)state;
    static const struct {
        const char *gone, *note;
    } cases[] = {
        {"cls.predictions.bias", "tensor 'cls.predictions.bias' is missing"},
        {"cls.predictions.transform.dense.bias",
         "'cls.predictions.transform.dense.bias' is missing"},
        {"cls.predictions.transform.LayerNorm.weight",
         "'cls.predictions.transform.LayerNorm.weight' is missing"},
        {"cls.predictions.transform.LayerNorm.bias",
         "'cls.predictions.transform.LayerNorm.bias' is missing"},
        {"cls.predictions.transform.dense.weight",
         "5 tensors are not part of the model, e.g. 'cls.predictions.bias'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_write(bert, &FIXTURE_BERT);
        edit_header(bert, cases[i].gone, "x");
        hp_model *m = open_model(bert);
        assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_NONE);
        assert_null(m->output.decoder.weight);
        assert_null(hp_model_tied(m));
        if (!strstr(hp_model_note(m, 0), cases[i].note))
            fail_msg("note is \"%s\"", hp_model_note(m, 0));
        close_model(m);
    }
}

static void test_buffers(void **state)
{
    (void)state;
    hp_model *m = open_model(gpt2);
    uint64_t all = hp_model_info_get(m)->parameters;
    close_model(m);
    /* A third layer of a model with two: its tensors stand in for buffers. */
    fixture f = FIXTURE_GPT2;
    f.layers = 3;
    fixture_write(gpt2, &f);
    edit_config(gpt2, "\"n_layer\": 3", "\"n_layer\": 2");
    edit_header(gpt2, "h.2.attn.c_attn.weight", "h.0.attn.bias");
    edit_header(gpt2, "h.2.attn.c_proj.weight", "h.0.attn.masked_bias");
    m = open_model(gpt2);
    assert_int_equal(hp_model_info_get(m)->parameters,
                     all + 128 + 96 + 32 + 8192 + 128 + 32);
    assert_int_equal(hp_model_n_notes(m), 1);
    assert_string_equal(hp_model_note(m, 0),
                        "10 tensors are not part of the model, e.g. "
                        "'transformer.h.2.ln_1.weight'");
    close_model(m);
}

static void test_integers(void **state)
{
    (void)state;
    hp_model *m = open_model(bert);
    uint64_t all = hp_model_info_get(m)->parameters;
    close_model(m);
    edit_header(bert, "\"cls.predictions.bias\":{\"dtype\":\"F32\"",
                "\"counts\":{\"dtype\":\"I32\"");
    m = open_model(bert);
    assert_int_equal(hp_model_info_get(m)->parameters, all - 40);
    close_model(m);
}

static void test_one_note(void **state)
{
    (void)state;
    fixture f = FIXTURE_BERT;
    fixture_write(bert, &f);
    edit_header(bert, "\"cls.predictions.", "\"\\u00e9.");
    hp_model *m = open_model(bert);
    assert_int_equal(hp_model_n_notes(m), 1);
    assert_string_equal(hp_model_note(m, 0),
                        "5 tensors are not part of the model, e.g. "
                        "'\xc3\xa9.bias'");
    close_model(m);
}

static void test_long_names(void **state)
{
    (void)state;
    /* 99 bytes and a character of two: it does not fit in 100. */
    char name[128] = "", note[256] = "";
    for (int i = 0; i < 99; i++)
        name[i] = 'n';
    (void)snprintf(note, sizeof note,
                   "5 tensors are not part of the model, e.g. '%s'", name);
    (void)snprintf(name + 99, sizeof name - 99, "\xc3\xa9.");
    edit_header(bert, "cls.predictions.", name);
    hp_model *m = open_model(bert);
    assert_string_equal(hp_model_note(m, 0), note);
    close_model(m);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, write_models, remove_models, NULL                             \
    }
    static const struct CMUnitTest tests[] = {
        TEST("every weight that is missing is named", test_missing),
        TEST("a shape that contradicts config.json is refused", test_shapes),
        TEST("a dtype that cannot be computed with is refused", test_dtype),
        TEST("one weight under two names is refused", test_two_names),
        TEST("names come with and without their prefix", test_prefixes),
        TEST("norms may be named gamma and beta", test_old_norm_names),
        TEST("GPT-2's output is tied, or its class has none", test_gpt2_output),
        TEST("GPT-2's own output is used where it is stored",
             test_gpt2_own_output),
        TEST("BERT's masked-LM head, its bias under either name",
             test_bert_output),
        TEST("an incomplete masked-LM head is not used, and noted",
             test_bert_partial_output),
        TEST("buffers are no parameters and not worth a note", test_buffers),
        TEST("integers are no parameters", test_integers),
        TEST("what is no part of the model is one note", test_one_note),
        TEST("a note cuts long names between characters", test_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
