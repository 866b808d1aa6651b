/* BERT's relatives and OPT: what their config.json may say, and what their
 * files may lack. */
#include "edit.h"
#include "fixture.h"
#include "model/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROBERTA    "tests/golden/roberta"
#define DISTILBERT "tests/golden/distilbert"
#define OPT        "tests/golden/opt"
#define ELECTRA    "tests/golden/electra"

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

typedef struct verdict {
    const char *from, *to; /* in config.json */
    hp_status status;
    const char *message;
} verdict;

static void assert_verdicts(const char *model, const verdict *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        edit_copy(folder, model);
        edit_config(folder, v[i].from, v[i].to);
        memset(&err, 0, sizeof err);
        hp_status st = try_model(folder, &err);
        if (st != v[i].status || !strstr(err.message, v[i].message))
            fail_msg("%s: status %d, \"%s\"", v[i].to, (int)st, err.message);
    }
}

static void test_roberta_values(void **state)
{
    (void)state;
    static const verdict v[] = {
        {"\"pad_token_id\": 1", "\"pad_token_id\": 0", HP_OK, ""},
        {"\"pad_token_id\"", "\"x\"", HP_OK, ""},
        {"\"pad_token_id\": 1", "\"pad_token_id\": 22", HP_OK, ""},
        {"\"pad_token_id\": 1", "\"pad_token_id\": 23", HP_FORMAT,
         "'pad_token_id' is 23: positions begin after it, and "
         "'max_position_embeddings' is 24"},
        {"\"pad_token_id\": 1", "\"pad_token_id\": 4294967295", HP_FORMAT,
         "'pad_token_id' is 4294967295"},
        {"\"pad_token_id\": 1", "\"pad_token_id\": -1", HP_FORMAT,
         "'pad_token_id'"},
        {"\"max_position_embeddings\": 24", "\"max_position_embeddings\": 1",
         HP_FORMAT, "'max_position_embeddings' is 1"},
        {"\"max_position_embeddings\": 24", "\"max_position_embeddings\": 25",
         HP_FORMAT,
         "'roberta.embeddings.position_embeddings.weight': shape [24, 32], "
         "expected [25, 32]"},
        {"\"absolute\"", "\"relative_key\"", HP_UNSUPPORTED, "'relative_key'"},
        {"\"type_vocab_size\": 1", "\"type_vocab_size\": 2", HP_FORMAT,
         "shape [1, 32], expected [2, 32]"},
    };
    assert_verdicts(ROBERTA, v, sizeof v / sizeof *v);
}

static void test_distilbert_values(void **state)
{
    (void)state;
    static const verdict v[] = {
        {"\"dim\"", "\"x\"", HP_FORMAT, "'dim' is missing"},
        {"\"n_heads\"", "\"x\"", HP_FORMAT, "'n_heads' is missing"},
        {"\"n_layers\"", "\"x\"", HP_FORMAT, "'n_layers' is missing"},
        {"\"hidden_dim\"", "\"x\"", HP_FORMAT, "'hidden_dim' is missing"},
        {"\"vocab_size\"", "\"x\"", HP_FORMAT, "'vocab_size' is missing"},
        {"\"max_position_embeddings\"", "\"x\"", HP_FORMAT,
         "'max_position_embeddings' is missing"},
        {"\"n_heads\": 4", "\"n_heads\": 3", HP_FORMAT,
         "'dim': 32 is not divisible by 'n_heads' 3"},
        {"\"activation\": \"gelu\"", "\"activation\": \"tanh\"", HP_UNSUPPORTED,
         "activation 'tanh'"},
        {"\"sinusoidal_pos_embds\": false", "\"sinusoidal_pos_embds\": true",
         HP_OK, ""},
    };
    assert_verdicts(DISTILBERT, v, sizeof v / sizeof *v);
}

static void test_opt_values(void **state)
{
    (void)state;
    static const verdict v[] = {
        {"\"hidden_size\"", "\"x\"", HP_FORMAT, "'hidden_size' is missing"},
        {"\"num_attention_heads\"", "\"x\"", HP_FORMAT,
         "'num_attention_heads' is missing"},
        {"\"num_hidden_layers\"", "\"x\"", HP_FORMAT,
         "'num_hidden_layers' is missing"},
        {"\"ffn_dim\"", "\"x\"", HP_FORMAT, "'ffn_dim' is missing"},
        {"\"vocab_size\"", "\"x\"", HP_FORMAT, "'vocab_size' is missing"},
        {"\"max_position_embeddings\": 24", "\"max_position_embeddings\": 26",
         HP_FORMAT,
         "'model.decoder.embed_positions.weight': shape [26, 32], expected "
         "[28, 32]"},
        {"\"relu\"", "\"tanh\"", HP_UNSUPPORTED, "activation 'tanh'"},
        {"\"do_layer_norm_before\": true", "\"do_layer_norm_before\": false",
         HP_UNSUPPORTED, "'do_layer_norm_before' is false: norms after the"},
        {"\"enable_bias\": true", "\"enable_bias\": false", HP_UNSUPPORTED,
         "'enable_bias' is false"},
        {"\"layer_norm_elementwise_affine\": true",
         "\"layer_norm_elementwise_affine\": false", HP_UNSUPPORTED,
         "'layer_norm_elementwise_affine' is false"},
        {"\"_remove_final_layer_norm\": false",
         "\"_remove_final_layer_norm\": true", HP_UNSUPPORTED,
         "'_remove_final_layer_norm' is true"},
        {"\"word_embed_proj_dim\": 32", "\"word_embed_proj_dim\": 16",
         HP_UNSUPPORTED, "'word_embed_proj_dim' is 16, 'hidden_size' 32"},
        {"\"word_embed_proj_dim\"", "\"x\"", HP_OK, ""},
    };
    assert_verdicts(OPT, v, sizeof v / sizeof *v);
    hp_model *m = open_model(OPT);
    const hp_spec *s = hp_model_spec(m);
    assert_int_equal(s->position_offset, 2);
    assert_int_equal(s->max_positions, 24); /* of a table of 26 rows */
    assert_int_equal(s->output, HP_OUTPUT_CAUSAL);
    assert_string_equal(hp_model_tied(m), "lm_head.weight = "
                                          "model.decoder.embed_tokens.weight");
    close_model(m);
}

static void test_electra_values(void **state)
{
    (void)state;
    static const verdict v[] = {
        {"\"embedding_size\"", "\"x\"", HP_FORMAT,
         "'embedding_size' is missing"},
        {"\"embedding_size\": 20", "\"embedding_size\": 0", HP_FORMAT,
         "'embedding_size' is 0"},
        {"\"embedding_size\": 20", "\"embedding_size\": 32", HP_FORMAT,
         "'electra.embeddings.word_embeddings.weight': shape [80, 20], "
         "expected [80, 32]"},
        {"\"hidden_size\"", "\"x\"", HP_FORMAT, "'hidden_size' is missing"},
    };
    assert_verdicts(ELECTRA, v, sizeof v / sizeof *v);
    hp_model *m = open_model(ELECTRA);
    assert_int_equal(m->embedding.project.n_in, 20);
    assert_int_equal(m->embedding.project.count, 32);
    close_model(m);
}

/* The head's vectors are as wide as the embeddings'. */
static void test_electra_head(void **state)
{
    (void)state;
    hp_model *m = open_model("tests/golden/electra-mlm");
    assert_null(m->embedding.project.weight);
    assert_int_equal(m->output.activation, HP_ACTIVATION_GELU);
    assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_MASKED);
    assert_int_equal(hp_model_n_notes(m), 0);
    close_model(m);
    edit_copy(folder, ELECTRA);
    edit_header(folder, "discriminator_predictions.dense.weight",
                "generator_predictions.dense.weight");
    m = open_model(folder);
    assert_non_null(strstr(hp_model_note(m, 0), "embeddings have another "));
    assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_NONE);
    close_model(m);
}

static void test_positions(void **state)
{
    (void)state;
    hp_model *m = open_model(ROBERTA);
    const hp_spec *s = hp_model_spec(m);
    assert_int_equal(s->position_offset, 2);
    assert_int_equal(s->max_positions, 22); /* of a table of 24 rows */
    assert_int_equal(s->output, HP_OUTPUT_MASKED);
    assert_string_equal(hp_model_tied(m),
                        "lm_head.decoder.weight = "
                        "roberta.embeddings.word_embeddings.weight");
    close_model(m);
}

static void test_relatives(void **state)
{
    (void)state;
    static const char *const types[] = {"xlm-roberta", "camembert"};
    for (size_t i = 0; i < 2; i++) {
        char text[32];
        edit_copy(folder, ROBERTA);
        (void)snprintf(text, sizeof text, "\"%s\"", types[i]);
        edit_config(folder, "\"roberta\"", text);
        hp_model *m = open_model(folder);
        assert_string_equal(hp_model_info_get(m)->model_type, types[i]);
        assert_int_equal(hp_model_spec(m)->position_offset, 2);
        assert_int_equal(hp_model_n_notes(m), 0);
        close_model(m);
    }
}

/* A name that is there once becomes another. */
static void assert_missing(const char *model, const char *name, hp_status want,
                           const char *say)
{
    edit_copy(folder, model);
    edit_header(folder, name, "x");
    memset(&err, 0, sizeof err);
    assert_int_equal(try_model(folder, &err), want);
    if (want && !strstr(err.message, say))
        fail_msg("\"%s\" instead of \"%s\"", err.message, say);
    if (want)
        return;
    hp_model *m = open_model(folder);
    if (!strstr(hp_model_note(m, 0), say))
        fail_msg("\"%s\" instead of \"%s\"", hp_model_note(m, 0), say);
    assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_NONE);
    assert_null(m->output.decoder.weight);
    close_model(m);
}

static void test_missing(void **state)
{
    (void)state;
    static const char *const of_distilbert[] = {
        "distilbert.embeddings.word_embeddings.weight",
        "distilbert.embeddings.position_embeddings.weight",
        "distilbert.embeddings.LayerNorm.bias",
        "distilbert.transformer.layer.1.attention.q_lin.weight",
        "distilbert.transformer.layer.0.attention.k_lin.bias",
        "distilbert.transformer.layer.1.attention.v_lin.bias",
        "distilbert.transformer.layer.1.attention.out_lin.weight",
        "distilbert.transformer.layer.0.sa_layer_norm.weight",
        "distilbert.transformer.layer.0.ffn.lin1.bias",
        "distilbert.transformer.layer.1.ffn.lin2.weight",
        "distilbert.transformer.layer.1.output_layer_norm.bias"};
    static const char *const of_electra[] = {
        "electra.embeddings.position_embeddings.weight",
        "electra.embeddings.LayerNorm.weight",
        "electra.embeddings_project.weight", "electra.embeddings_project.bias"};
    static const char *const of_opt[] = {
        "model.decoder.embed_tokens.weight",
        "model.decoder.embed_positions.weight",
        "model.decoder.layers.0.self_attn_layer_norm.bias",
        "model.decoder.layers.1.self_attn.k_proj.weight",
        "model.decoder.layers.0.self_attn.out_proj.bias",
        "model.decoder.layers.1.fc1.weight",
        "model.decoder.layers.0.fc2.bias",
        "model.decoder.layers.1.final_layer_norm.weight",
        "model.decoder.final_layer_norm.weight"};
    static const char *const of_heads[][2] = {
        {ROBERTA, "lm_head.dense.bias"},
        {ROBERTA, "lm_head.layer_norm.weight"},
        {ROBERTA, "lm_head.bias"},
        {DISTILBERT, "vocab_transform.bias"},
        {DISTILBERT, "vocab_layer_norm.bias"},
        {DISTILBERT, "vocab_projector.bias"},
        {ELECTRA "-mlm", "generator_lm_head.bias"},
        {ELECTRA "-mlm", "generator_predictions.LayerNorm.bias"}};
    char say[160];
    for (size_t i = 0; i < sizeof of_distilbert / sizeof *of_distilbert; i++) {
        (void)snprintf(say, sizeof say, "tensor '%s' is missing",
                       of_distilbert[i]);
        assert_missing(DISTILBERT, of_distilbert[i], HP_FORMAT, say);
    }
    for (size_t i = 0; i < sizeof of_opt / sizeof *of_opt; i++) {
        (void)snprintf(say, sizeof say, "tensor '%s' is missing", of_opt[i]);
        assert_missing(OPT, of_opt[i], HP_FORMAT, say);
    }
    for (size_t i = 0; i < sizeof of_electra / sizeof *of_electra; i++) {
        (void)snprintf(say, sizeof say, "tensor '%s' is missing",
                       of_electra[i]);
        assert_missing(ELECTRA, of_electra[i], HP_FORMAT, say);
    }
    for (size_t i = 0; i < sizeof of_heads / sizeof *of_heads; i++) {
        (void)snprintf(say, sizeof say, "not used: tensor '%s' is missing",
                       of_heads[i][1]);
        assert_missing(of_heads[i][0], of_heads[i][1], HP_OK, say);
    }
}

/* Without prefix and model_type, BERT's names are RoBERTa's too. */
static void test_ambiguous(void **state)
{
    (void)state;
    edit_copy(folder, ROBERTA);
    edit_config(folder, "\"model_type\": \"roberta\",", "");
    hp_model *m = open_model(folder);
    assert_string_equal(hp_model_info_get(m)->model_type, "roberta");
    close_model(m);
    edit_header(folder, "\"roberta.", "\"");
    assert_int_equal(try_model(folder, &err), HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "those of 'bert' or 'roberta'"));
    assert_non_null(strstr(err.hint, "--as TYPE"));
    const hp_model_options o = {.as = "roberta"};
    m = open_model_with(folder, &o);
    assert_int_equal(hp_model_spec(m)->position_offset, 2);
    close_model(m);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, make_folder, remove_folder, NULL                              \
    }
    static const struct CMUnitTest tests[] = {
        TEST("RoBERTa: values that do not fit", test_roberta_values),
        TEST("DistilBERT: values that do not fit", test_distilbert_values),
        TEST("OPT: values that do not fit, variants", test_opt_values),
        TEST("ELECTRA: values that do not fit", test_electra_values),
        TEST("ELECTRA: which heads predict", test_electra_head),
        TEST("RoBERTa's positions begin after the padding's", test_positions),
        TEST("RoBERTa's relatives are opened alike", test_relatives),
        TEST("tensors that are missing are named", test_missing),
        TEST("names that fit two architectures are ambiguous", test_ambiguous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
