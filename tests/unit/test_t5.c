/* T5 and its relatives: what config.json may say, what the two stacks bind,
 * and checkpoints that hold the encoder alone. */
#include "edit.h"
#include "fixture.h"
#include "model/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TIED  "tests/golden/t5"
#define GATED "tests/golden/t5-v11"

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

static void copy(const char *from)
{
    edit_copy(folder, from);
    memset(&err, 0, sizeof err);
}

static void test_spec(void **state)
{
    (void)state;
    hp_model *m = open_model(TIED);
    const hp_spec *s = hp_model_spec(m);
    assert_int_equal(s->n_layers, 5);
    assert_int_equal(s->n_encoder_layers, 2);
    assert_int_equal(s->max_positions, 0);
    assert_int_equal(s->start_token, 0);
    assert_int_equal(s->activation, HP_ACTIVATION_RELU);
    assert_int_equal(s->gated, 0);
    assert_int_equal(s->output, HP_OUTPUT_CAUSAL);
    assert_float_equal(m->output.scale, 0.20412415F, 1e-7F); /* 24^-0.5 */
    assert_ptr_equal(m->output.decoder.weight, m->embedding.token);
    assert_string_equal(hp_model_tied(m), "lm_head.weight = shared.weight");
    assert_int_equal(hp_model_n_notes(m), 0);
    close_model(m);
    m = open_model(GATED);
    s = hp_model_spec(m);
    assert_int_equal(s->activation, HP_ACTIVATION_GELU_TANH);
    assert_int_equal(s->gated, 1);
    assert_true(m->output.scale == 1.0F);
    assert_string_equal(m->output.decoder.weight->name, "lm_head.weight");
    const hp_mlp *mlp = &m->layers[3].mlp;
    assert_string_equal(mlp->gate.weight->name,
                        "decoder.block.1.layer.2.DenseReluDense.wi_0.weight");
    assert_string_equal(mlp->up.weight->name,
                        "decoder.block.1.layer.2.DenseReluDense.wi_1.weight");
    close_model(m);
}

/* Encoder, decoder and cross blocks see differently; the bias of a stack is
 * its first layer's. */
static void test_blocks(void **state)
{
    (void)state;
    hp_model *m = open_model(GATED);
    static const struct {
        uint32_t layer;
        int causal, decoder, cross;
        const char *table;
    } want[] = {
        {0, 0, 0, 0, "encoder.block.0."}, {1, 0, 0, 0, "encoder.block.0."},
        {0, 1, 1, 0, "decoder.block.0."}, {0, 0, 1, 1, NULL},
        {1, 1, 1, 0, "decoder.block.0."}, {1, 0, 1, 1, NULL},
    };
    assert_int_equal(hp_model_n_blocks(m), 6);
    for (size_t i = 0; i < 6; i++) {
        const hp_block *b = hp_model_block(m, i);
        assert_int_equal(b->layer, want[i].layer);
        assert_int_equal(b->causal, want[i].causal);
        assert_int_equal(b->decoder, want[i].decoder);
        assert_int_equal(b->cross, want[i].cross);
        assert_true(b->scale == 1.0F);
        const hp_tensor *table = b->relative.table;
        assert_int_equal(table != NULL, want[i].table != NULL);
        if (!table || !want[i].table)
            continue;
        assert_memory_equal(table->name, want[i].table, strlen(want[i].table));
        assert_int_equal(b->relative.buckets, 10);
        assert_int_equal(b->relative.max_distance, 20);
    }
    assert_string_equal(m->encoder_norm.weight->name,
                        "encoder.final_layer_norm.weight");
    assert_string_equal(m->final_norm.weight->name,
                        "decoder.final_layer_norm.weight");
    close_model(m);
}

typedef struct verdict {
    const char *from, *to; /* in config.json */
    hp_status status;
    const char *message;
} verdict;

static void assert_verdict(const verdict *v)
{
    hp_status st = try_model(folder, &err);
    if (st != v->status || !strstr(err.message, v->message))
        fail_msg("%s: status %d, \"%s\"", v->to, (int)st, err.message);
}

static void test_config(void **state)
{
    (void)state;
    static const verdict v[] = {
        {"\"num_layers\"", "\"x\"", HP_FORMAT, "'num_layers' is missing"},
        {"\"num_heads\"", "\"x\"", HP_FORMAT, "'num_heads' is missing"},
        {"\"d_model\"", "\"x\"", HP_FORMAT, "'d_model' is missing"},
        {"\"d_kv\"", "\"x\"", HP_FORMAT, "'d_kv' is missing"},
        {"\"d_ff\"", "\"x\"", HP_FORMAT, "'d_ff' is missing"},
        {"\"vocab_size\"", "\"x\"", HP_FORMAT, "'vocab_size' is missing"},
        {"\"num_heads\": 4", "\"num_heads\": 0", HP_FORMAT,
         "'num_heads' is 0, expected 1 to 16777216"},
        {"\"num_decoder_layers\": 2", "\"num_decoder_layers\": 0", HP_FORMAT,
         "'num_decoder_layers' is 0"},
        {"\"num_decoder_layers\": 2", "\"num_decoder_layers\": 3", HP_FORMAT,
         "'decoder.block.2.layer.0.SelfAttention.q.weight' is missing"},
        {"\"num_layers\": 2", "\"num_layers\": 2147483647", HP_FORMAT,
         "2147483649 layers are asked for"},
        {"\"d_kv\": 8", "\"d_kv\": 6", HP_FORMAT,
         "q.weight': shape [32, 24], expected [24, 24]"},
        {"1e-06", "0", HP_FORMAT, "'layer_norm_epsilon' is 0"},
        {"\"gated-gelu\"", "\"gated-swish-2\"", HP_UNSUPPORTED,
         "'feed_forward_proj': activation 'swish-2' is not supported"},
        {"\"gated-gelu\"", "\"linear\"", HP_UNSUPPORTED,
         "activation 'linear' is not supported"},
        {"\"gated-gelu\"", "\"relu\"", HP_FORMAT, "wi.weight' is missing"},
        {"\"gated-gelu\"", "3", HP_FORMAT, "'feed_forward_proj'"},
        {"num_buckets\": 10", "num_buckets\": 3", HP_FORMAT,
         "'relative_attention_num_buckets' is 3, expected 4 or more"},
        {"num_buckets\": 10", "num_buckets\": 12", HP_FORMAT,
         "relative_attention_bias.weight': shape [10, 4], expected [12, 4]"},
        {"max_distance\": 20", "max_distance\": 5", HP_FORMAT,
         "'relative_attention_max_distance' is 5, expected 6 to 65536 with 10 "
         "buckets"},
        {"max_distance\": 20", "max_distance\": 65537", HP_FORMAT,
         "expected 6 to 65536"},
        {"start_token_id\": 0", "start_token_id\": 80", HP_FORMAT,
         "'decoder_start_token_id': 80 is not below the vocabulary of 80"},
        {"start_token_id\": 0", "start_token_id\": \"a\"", HP_FORMAT,
         "'decoder_start_token_id'"},
        {"\"use_cache\"", "\"pruned_heads\": {\"0\": [1]}, \"use_cache\"",
         HP_UNSUPPORTED, "'pruned_heads'"},
        {"\"tie_word_embeddings\": false", "\"tie_word_embeddings\": 0",
         HP_FORMAT, "'tie_word_embeddings'"},
    };
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        copy(GATED);
        edit_config(folder, v[i].from, v[i].to);
        assert_verdict(&v[i]);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    copy(TIED);
    edit_config(folder, "\"relative_attention_num_buckets\": 32,", "");
    edit_config(folder, "\"relative_attention_max_distance\": 128,", "");
    edit_config(folder, "\"feed_forward_proj\": \"relu\",", "");
    edit_config(folder, "\"decoder_start_token_id\": 0,", "");
    edit_config(folder, "\"pad_token_id\": 0,", "\"pad_token_id\": 7,");
    edit_config(folder, "\"use_cache\"", "\"pruned_heads\": {}, \"use_cache\"");
    hp_model *m = open_model(folder);
    assert_int_equal(hp_model_block(m, 0)->relative.buckets, 32);
    assert_int_equal(hp_model_block(m, 0)->relative.max_distance, 128);
    assert_int_equal(hp_model_spec(m)->activation, HP_ACTIVATION_RELU);
    assert_int_equal(hp_model_spec(m)->start_token, 7);
    close_model(m);
    copy(GATED);
    edit_config(folder, "\"num_decoder_layers\": 2,",
                "\"num_decoder_layers\": null,");
    m = open_model(folder);
    assert_int_equal(hp_model_spec(m)->n_layers, 4);
    close_model(m);
}

static void test_missing(void **state)
{
    (void)state;
    static const char *const names[] = {
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        "encoder.block.1.layer.0.SelfAttention.k.weight",
        "encoder.block.1.layer.1.DenseReluDense.wi_1.weight",
        "encoder.final_layer_norm.weight",
        "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        "decoder.block.0.layer.1.EncDecAttention.o.weight",
        "decoder.block.1.layer.1.layer_norm.weight",
        "decoder.block.1.layer.2.DenseReluDense.wi_0.weight",
        "decoder.final_layer_norm.weight",
        "lm_head.weight",
        "shared.weight",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char message[160];
        copy(GATED);
        edit_header(folder, names[i], "x");
        (void)snprintf(message, sizeof message, "tensor '%s' is missing",
                       names[i]);
        assert_verdict(&(verdict){"", names[i], HP_FORMAT, message});
    }
}

/* mT5 differs from T5 in what is meant where config.json is silent; UMT5 has a
 * bias of its own in every layer. */
static void test_relatives(void **state)
{
    (void)state;
    copy(GATED);
    edit_config(folder, "\"model_type\": \"t5\"", "\"model_type\": \"mt5\"");
    edit_config(folder, "\"feed_forward_proj\": \"gated-gelu\",", "");
    edit_config(folder, "\"tie_word_embeddings\": false,", "");
    hp_model *m = open_model(folder);
    assert_int_equal(hp_model_spec(m)->gated, 1);
    assert_string_equal(m->output.decoder.weight->name, "lm_head.weight");
    assert_string_equal(hp_model_info_get(m)->model_type, "mt5");
    close_model(m);
    edit_config(folder, "\"model_type\": \"mt5\"", "\"model_type\": \"umt5\"");
    assert_verdict(&(verdict){
        "", "umt5", HP_FORMAT,
        "'encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight'"
        " is missing"});
}

/* The other names take as many bytes, so that nothing of the data moves. */
static void test_copies_of_the_table(void **state)
{
    (void)state;
    copy(TIED);
    edit_header(folder, "shared.weight", "encoder.embed_tokens.weight");
    hp_model *m = open_model(folder);
    assert_string_equal(m->embedding.token->name,
                        "encoder.embed_tokens.weight");
    assert_int_equal(hp_model_info_get(m)->parameters, 38632);
    close_model(m);
    copy(GATED);
    edit_header(folder, "lm_head.weight", "decoder.embed_tokens.weight");
    edit_config(folder, "\"tie_word_embeddings\": false",
                "\"tie_word_embeddings\": true");
    m = open_model(folder);
    assert_int_equal(hp_model_n_notes(m), 0);
    assert_string_equal(m->output.decoder.weight->name, "shared.weight");
    close_model(m);
}

static void test_encoder_alone(void **state)
{
    (void)state;
    copy(TIED);
    edit_header(folder, "\"decoder.", "\"x.");
    assert_verdict(&(verdict){
        "", "no decoder", HP_FORMAT,
        "'decoder.block.0.layer.0.SelfAttention.q.weight' is missing"});
    edit_config(folder, "T5ForConditionalGeneration", "T5EncoderModel");
    hp_model *m = open_model(folder);
    const hp_spec *s = hp_model_spec(m);
    assert_int_equal(s->n_layers, 2);
    assert_int_equal(s->n_encoder_layers, 0);
    assert_int_equal(s->causal, 0);
    assert_int_equal(s->output, HP_OUTPUT_NONE);
    assert_int_equal(hp_model_n_heads(m), 8);
    assert_string_equal(hp_model_heads(m)[7].id, "enc.1:3");
    assert_string_equal(m->final_norm.weight->name,
                        "encoder.final_layer_norm.weight");
    assert_null(m->encoder_norm.weight);
    assert_string_equal(hp_model_note(m, 0),
                        "there is no decoder: the encoder is all of the model");
    close_model(m);
}

/* Classes with a head of their own put "transformer." in front. */
static void test_prefix(void **state)
{
    (void)state;
    copy(TIED);
    edit_config(folder, "T5ForConditionalGeneration",
                "T5ForSequenceClassification");
    edit_header(folder, "\"encoder.", "\"transformer.encoder.");
    edit_header(folder, "\"decoder.", "\"transformer.decoder.");
    edit_header(folder, "\"shared.", "\"transformer.shared.");
    hp_model *m = open_model(folder);
    assert_string_equal(hp_model_block(m, 3)->name,
                        "transformer.decoder.block.0.layer.1.EncDecAttention");
    assert_int_equal(hp_model_spec(m)->output, HP_OUTPUT_NONE);
    close_model(m);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, make_folder, remove_folder, NULL                              \
    }
    static const struct CMUnitTest tests[] = {
        TEST("what config.json says is in the spec", test_spec),
        TEST("what blocks see, and their bias", test_blocks),
        TEST("what is wrong in config.json is named", test_config),
        TEST("what config.json need not say", test_defaults),
        TEST("tensors that are missing are named", test_missing),
        TEST("mT5 and UMT5", test_relatives),
        TEST("copies of the token table", test_copies_of_the_table),
        TEST("an encoder alone", test_encoder_alone),
        TEST("names with a prefix", test_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
