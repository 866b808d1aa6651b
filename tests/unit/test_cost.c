/* What models weigh and what a token of them costs, against numbers worked out
 * by hand: those of GPT-2 small, of grouped keys, of a window, of an encoder
 * and of two stacks. */
#include "edit.h"
#include "fixture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a checkpoint of the shape of GPT-2 small, all holes ---- */

typedef struct header {
    char text[32768];
    size_t len;
    uint64_t bytes; /* of data */
} header;

static void add(header *h, const char *layer, const char *name, unsigned rows,
                unsigned columns)
{
    uint64_t n = columns ? columns : 1, size = n * rows * 4;
    char shape[32];
    (void)snprintf(shape, sizeof shape, columns ? "%u,%u" : "%u", rows,
                   columns);
    h->len += (size_t)snprintf(
        h->text + h->len, sizeof h->text - h->len,
        "%c\"%s%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":"
        "[%" PRIu64 ",%" PRIu64 "]}",
        h->len ? ',' : '{', layer, name, shape, h->bytes, h->bytes + size);
    h->bytes += size;
    assert_true(h->len + 2 < sizeof h->text);
}

static void add_norm(header *h, const char *layer, const char *name)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%s.weight", name);
    add(h, layer, text, 768, 0);
    (void)snprintf(text, sizeof text, "%s.bias", name);
    add(h, layer, text, 768, 0);
}

static void add_layer(header *h, unsigned layer)
{
    char at[16];
    (void)snprintf(at, sizeof at, "h.%u.", layer);
    add_norm(h, at, "ln_1");
    add(h, at, "attn.c_attn.weight", 768, 2304);
    add(h, at, "attn.c_attn.bias", 2304, 0);
    add(h, at, "attn.c_proj.weight", 768, 768);
    add(h, at, "attn.c_proj.bias", 768, 0);
    add_norm(h, at, "ln_2");
    add(h, at, "mlp.c_fc.weight", 768, 3072);
    add(h, at, "mlp.c_fc.bias", 3072, 0);
    add(h, at, "mlp.c_proj.weight", 3072, 768);
    add(h, at, "mlp.c_proj.bias", 768, 0);
}

/* Only the header takes room: the data is a hole in the file. */
static char *make_gpt2_small(void)
{
    char *folder = fixture_folder();
    header *h = calloc(1, sizeof *h);
    assert_non_null(h);
    add(h, "", "wte.weight", 50257, 768);
    add(h, "", "wpe.weight", 1024, 768);
    for (unsigned i = 0; i < 12; i++)
        add_layer(h, i);
    add_norm(h, "", "ln_f");
    h->text[h->len++] = '}';
    while (h->len % 8)
        h->text[h->len++] = ' ';
    uint64_t len = h->len;
    char *bytes = malloc(8 + h->len);
    assert_non_null(bytes);
    memcpy(bytes, &len, 8);
    memcpy(bytes + 8, h->text, h->len);
    fixture_put(folder, "model.safetensors", bytes, 8 + h->len);
    fixture_put_text(folder, "config.json",
                     "{\"model_type\": \"gpt2\", \"architectures\": "
                     "[\"GPT2LMHeadModel\"], \"n_layer\": 12, \"n_head\": 12, "
                     "\"n_embd\": 768, \"n_positions\": 1024, "
                     "\"vocab_size\": 50257, \"layer_norm_epsilon\": 1e-05, "
                     "\"activation_function\": \"gelu_new\"}");
    char *path = fixture_path(folder, "model.safetensors");
    assert_int_equal(truncate(path, (off_t)(8 + h->len + h->bytes)), 0);
    free(path);
    free(bytes);
    free(h);
    return folder;
}

static hp_cost cost(const hp_model *m, const char *heads, uint64_t length)
{
    unsigned char mask[256] = {0};
    hp_error err = {0};
    size_t n = hp_model_n_heads(m);
    assert_true(n <= sizeof mask);
    if (hp_heads_parse(mask, heads, hp_model_heads(m), n, &err))
        fail_msg("%s", err.message);
    return hp_model_cost(m, *heads ? mask : NULL, length);
}

static void gpt2_small_is_known_by_heart(void **state)
{
    (void)state;
    char *folder = make_gpt2_small();
    hp_model *m = open_model(folder);
    hp_cost whole = cost(m, "", 512);
    assert_int_equal(whole.parameters, 124439808);
    assert_int_equal(whole.bytes, 4 * UINT64_C(124439808));
    /* 12 layers of 12 x 768^2, the vocabulary, and 513 / 2 keys a query */
    assert_int_equal(whole.multiply_adds, 12 * UINT64_C(12) * 768 * 768 +
                                              UINT64_C(50257) * 768 +
                                              12 * UINT64_C(768) * 513);
    assert_int_equal(hp_model_head_parameters(m, 0), 196800);
    assert_int_equal(hp_model_heads_parameters(m), 144 * 196800);
    /* 43 heads, 30 % of 144: 6.8 % of the parameters */
    hp_cost less = cost(m, "0:* 1:* 2:* 3:0-6", 512);
    assert_int_equal(whole.parameters - less.parameters, 43 * 196800);
    assert_int_equal(whole.bytes - less.bytes, 43 * 4 * 196800);
    assert_int_equal(whole.multiply_adds - less.multiply_adds,
                     43 * (4 * 768 * 64 + 64 * 513));
    close_model(m);
    fixture_remove(folder);
}

/* 8 query heads of 8 in 2 groups, width 40, feed-forward 48, vocabulary 80 */
static void a_group_goes_with_its_last_head(void **state)
{
    (void)state;
    hp_model *m = open_model("tests/golden/llama-gqa");
    hp_cost whole = cost(m, "", 10);
    uint64_t maps = 2 * (2 * 40 * 64 + 2 * 40 * 16 + 3 * 40 * 48) + 80 * 40;
    assert_int_equal(whole.multiply_adds, maps + 16 * 2 * 8 * 55 / 10);
    hp_cost less = cost(m, "0:0-4", 10);
    uint64_t gone = 5 * 2 * 8 * 40 + 2 * 8 * 40;
    assert_int_equal(whole.parameters - less.parameters, gone);
    assert_int_equal(whole.bytes - less.bytes, 4 * gone);
    assert_int_equal(less.multiply_adds, maps - gone + 11 * 2 * 8 * 55 / 10);
    less = cost(m, "0:0-2,4-6 1:7", 10);
    assert_int_equal(whole.parameters - less.parameters, 7 * 2 * 8 * 40);
    less = cost(m, "0:* 1:*", 10);
    assert_int_equal(less.multiply_adds, 2 * 3 * 40 * 48 + 80 * 40);
    close_model(m);
}

/* 4 query heads of 8 in 2 groups, width 32, feed-forward 48; a query sees at
 * most 6 keys: of 10 queries 1 + 2 + 3 + 4 + 5 + 5 * 6 */
static void a_window_bounds_the_keys(void **state)
{
    (void)state;
    hp_model *m = open_model("tests/golden/mistral");
    uint64_t maps = 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48) + 80 * 32;
    assert_int_equal(cost(m, "", 10).multiply_adds, maps + 8 * 2 * 8 * 45 / 10);
    assert_int_equal(cost(m, "", 4).multiply_adds, maps + 8 * 2 * 8 * 10 / 4);
    close_model(m);
}

/* Every query of an encoder sees all 10 keys; its output has a dense layer in
 * front of the vocabulary. */
static void an_encoder_sees_all_of_its_tokens(void **state)
{
    (void)state;
    hp_model *m = open_model("tests/golden/bert-mlm");
    assert_int_equal(cost(m, "", 10).multiply_adds,
                     2 * (4 * 32 * 32 + 2 * 32 * 64) + 32 * 32 + 80 * 32 +
                         8 * 2 * 8 * 10);
    close_model(m);
}

/* 2 encoder and 3 decoder layers, 4 heads of 8, width 24, feed-forward 48 */
static void two_stacks_cost_a_token_of_each(void **state)
{
    (void)state;
    hp_model *m = open_model("tests/golden/t5");
    uint64_t maps = 2 * (4 * 24 * 32 + 2 * 24 * 48) +
                    3 * (8 * 24 * 32 + 2 * 24 * 48) + 80 * 24;
    uint64_t keys = 8 * 100 + 12 * 55 + 12 * 100; /* encoder, self, cross */
    assert_int_equal(cost(m, "", 10).multiply_adds, maps + keys * 2 * 8 / 10);
    close_model(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt2_small_is_known_by_heart),
        cmocka_unit_test(a_group_goes_with_its_last_head),
        cmocka_unit_test(a_window_bounds_the_keys),
        cmocka_unit_test(an_encoder_sees_all_of_its_tokens),
        cmocka_unit_test(two_stacks_cost_a_token_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
