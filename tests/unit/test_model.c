/* Models against the reference data of tests/golden, the sample models, and
 * models some of whose heads are gone. */
#include "edit.h"
#include "fixture.h"
#include "golden_folders.h"
#include "io/json.h"
#include "model/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static hp_error err;

static hp__json *open_expected(const char *name)
{
    char path[1024];
    hp__json *j = NULL;
    (void)snprintf(path, sizeof path, "tests/golden/%s/expected.json", name);
    if (hp__json_open(&j, path, (size_t)16 << 20, &err))
        fail_msg("%s", err.message);
    return j;
}

static hp_model *open_golden(const char *name)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "tests/golden/%s", name);
    return open_model(path);
}

static uint32_t number(const hp__node *object, const char *key)
{
    uint32_t value = 0;
    if (hp__node_get_u32(&value, object, key, &err))
        fail_msg("%s", err.message);
    return value;
}

static const char *string(const hp__node *object, const char *key)
{
    const char *value = NULL;
    if (hp__node_get_string(&value, object, key, &err))
        fail_msg("%s", err.message);
    return value;
}

/* What ids begin with: the number of a block that is alone in its layer, else
 * the stack and the kind as well. */
/* 1: the name is of that stack; its next number is the layer. */
static int read_layer(unsigned long *layer, const char *name, const char *stack)
{
    size_t n = strlen(stack);
    if (strncmp(name, stack, n) != 0)
        return 0;
    *layer = strtoul(name + n, NULL, 10);
    return 1;
}

/* `two`: an encoder and a decoder. */
static void name_block(char id[40], const hp__node *block, size_t i, int two)
{
    unsigned long layer = 0;
    const char *name = string(block, "name");
    if (read_layer(&layer, name, "encoder.block.") ||
        (two && read_layer(&layer, name, "model.encoder.layers.")))
        (void)snprintf(id, 40, "enc.%lu", layer);
    else if (read_layer(&layer, name, "decoder.block.") ||
             (two && read_layer(&layer, name, "model.decoder.layers.")))
        (void)snprintf(id, 40, "dec.%lu.%s", layer, string(block, "kind"));
    else
        (void)snprintf(id, 40, "%zu", i);
}

static void assert_blocks(const hp_model *m, const hp__node *expected)
{
    size_t i = 0, head = 0;
    int two = hp__node_find(expected, "n_decoder_layers") != NULL;
    for (const hp__node *e = hp__node_first(hp__node_find(expected, "blocks"));
         e; e = hp__node_next(e), i++) {
        const hp_block *b = hp_model_block(m, i);
        assert_true(i < hp_model_n_blocks(m));
        assert_string_equal(b->name, string(e, "name"));
        assert_int_equal(b->n_heads, number(e, "n_heads"));
        assert_int_equal(b->n_kv_heads, number(e, "n_kv_heads"));
        assert_int_equal(b->head_dim, number(e, "head_dim"));
        assert_int_equal(b->first_head, head);
        for (uint32_t h = 0; h < b->n_heads; h++, head++) {
            char prefix[40], id[64];
            const hp_head *have = &hp_model_heads(m)[head];
            name_block(prefix, e, i, two);
            (void)snprintf(id, sizeof id, "%s:%u", prefix, (unsigned)h);
            assert_string_equal(have->id, id);
            assert_string_equal(have->name, b->name);
            assert_int_equal(have->block, i);
            assert_int_equal(have->head, h);
        }
    }
    assert_int_equal(i, hp_model_n_blocks(m));
    assert_int_equal(head, hp_model_n_heads(m));
}

static void test_golden_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDEN_FOLDERS; i++) {
        hp__json *j = open_expected(golden_folders[i]);
        const hp__node *e = hp__json_root(j);
        hp_model *m = open_golden(golden_folders[i]);
        const hp_model_info *info = hp_model_info_get(m);
        assert_string_equal(info->model_type, string(e, "model_type"));
        assert_string_equal(info->architecture, string(e, "architecture"));
        uint32_t layers = number(e, "n_layers");
        if (hp__node_find(e, "n_decoder_layers"))
            layers += number(e, "n_decoder_layers");
        assert_int_equal(info->layers, layers);
        assert_int_equal(info->head_dim, number(e, "head_dim"));
        assert_int_equal(info->heads, hp_model_n_heads(m));
        assert_blocks(m, e);
        close_model(m);
        hp__json_free(j);
    }
}

/* 1: the slices of a head are those of `parts`, in order. */
static int same_slices(const hp_model *m, size_t head, const hp__node *parts)
{
    static const char *const roles[] = {"q", "k", "v", "o"};
    hp_slice have[HP_MAX_SLICES];
    size_t n = hp_model_slices(m, head, have), i = 0;
    for (const hp__node *p = hp__node_first(parts); p;
         p = hp__node_next(p), i++) {
        if (i == n)
            return 0;
        const hp_slice *s = &have[i];
        int shared = hp__node_bool(hp__node_find(p, "shared"));
        if (strcmp(roles[s->role], string(p, "role")) != 0 ||
            strcmp(s->tensor->name, string(p, "tensor")) != 0 ||
            s->axis != number(p, "axis") || s->start != number(p, "start") ||
            s->count != number(p, "count") || s->shared != shared)
            return 0;
    }
    return i == n;
}

static void test_golden_slices(void **state)
{
    (void)state;
    size_t n = 0;
    for (size_t i = 0; i < N_GOLDEN_FOLDERS; i++) {
        hp__json *j = open_expected(golden_folders[i]);
        hp_model *m = open_golden(golden_folders[i]);
        const hp__node *e =
            hp__node_first(hp__node_find(hp__json_root(j), "slices"));
        for (; e; e = hp__node_next(e), n++) {
            const hp_block *b = hp_model_block(m, number(e, "block"));
            size_t head = b->first_head + number(e, "head");
            const hp__node *parts = hp__node_find(e, "parts");
            if (!same_slices(m, head, parts))
                fail_msg("%s: slices of %s", golden_folders[i],
                         hp_model_heads(m)[head].id);
            /* The comparison sees a wrong head. */
            size_t other = head + 1 < hp_model_n_heads(m) ? head + 1 : 0;
            assert_false(same_slices(m, other, parts));
        }
        close_model(m);
        hp__json_free(j);
    }
    assert_true(n >= 2 * N_GOLDEN_FOLDERS);
}

static void test_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        uint64_t all, head, heads;
    } cases[] = {
        /* one head: 3 (D hd + hd) + hd D */
        {"models/gpt2-novels", 3505152, 18504, 888192},
        {"models/bert-novels", 1371520, 8240, 263680},
        /* a query head's own 2 D hd, and D hd twice a key/value head */
        {"models/llama-novels", 3221952, 9216, 663552},
        {"models/reaction-bert", 6893137, 65728, 3154944},
        {"models/antibody-roberta", 568985, 8240, 263680},
        {"tests/golden/gpt2-bare", 28672, 1048, 8384},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hp_model *m = open_model(cases[i].path);
        assert_int_equal(hp_model_info_get(m)->parameters, cases[i].all);
        assert_int_equal(hp_model_head_parameters(m, 0), cases[i].head);
        assert_int_equal(hp_model_head_parameters(m, hp_model_n_heads(m) - 1),
                         cases[i].head);
        assert_int_equal(hp_model_heads_parameters(m), cases[i].heads);
        close_model(m);
    }
}

static void test_golden_specs(void **state)
{
    (void)state;
    hp_model *m = open_golden("gpt2-scaled");
    const hp_spec *s = hp_model_spec(m);
    assert_int_equal(s->activation, HP_ACTIVATION_RELU);
    assert_int_equal(s->norm_first, 1);
    assert_int_equal(s->causal, 1);
    assert_true(s->ffn_width != 4 * s->width);
    for (size_t i = 0; i < 3; i++)
        assert_float_equal(hp_model_block(m, i)->scale,
                           0.35355338F / (float)(i + 1), 1e-7F);
    close_model(m);
    m = open_golden("bert-minilm");
    s = hp_model_spec(m);
    assert_int_equal(s->norm_first, 0);
    assert_int_equal(s->causal, 0);
    assert_int_equal(s->n_types, 2);
    assert_float_equal(s->norm_eps, 1e-12F, 1e-18F);
    assert_int_equal(s->output, HP_OUTPUT_NONE);
    /* The pooler; the I64 buffer position_ids is not worth a note. */
    assert_int_equal(hp_model_n_notes(m), 1);
    assert_non_null(strstr(hp_model_note(m, 0), "2 tensors"));
    close_model(m);
}

static void test_stored_decoder(void **state)
{
    (void)state;
    hp_model *m = open_model("models/reaction-bert");
    assert_string_equal(m->output.decoder.weight->name,
                        "cls.predictions.decoder.weight");
    assert_null(hp_model_tied(m));
    assert_string_equal(hp_model_info_get(m)->architecture, "");
    close_model(m);
}

#define F32(name, shape) "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape
#define F64(name, shape) "\"" name "\":{\"dtype\":\"F64\",\"shape\":" shape

/* As F64 the same bytes are half as many numbers: layer 1 of a model that has
 * lost two of its four heads. */
static void test_pruned_gpt2(void **state)
{
    (void)state;
    char *folder = fixture_folder();
    fixture_write(folder, &FIXTURE_GPT2);
    edit_config(folder, "\"n_inner\"",
                "\"pruned_heads\": {\"1\": [2, 0]}, \"n_inner\"");
    edit_header(folder, F32("transformer.h.1.attn.c_attn.weight", "[32,96]"),
                F64("transformer.h.1.attn.c_attn.weight", "[32,48]"));
    edit_header(folder, F32("transformer.h.1.attn.c_attn.bias", "[96]"),
                F64("transformer.h.1.attn.c_attn.bias", "[48]"));
    edit_header(folder, F32("transformer.h.1.attn.c_proj.weight", "[32,32]"),
                F64("transformer.h.1.attn.c_proj.weight", "[16,32]"));
    hp_model *m = open_model(folder);
    const hp_block *b = hp_model_block(m, 1);
    assert_int_equal(hp_model_n_heads(m), 6);
    assert_int_equal(b->n_heads, 2);
    assert_int_equal(b->n_kv_heads, 2);
    assert_float_equal(b->scale, 0.35355339F, 1e-7F);
    assert_string_equal(hp_model_heads(m)[4].id, "1:1");
    assert_string_equal(hp_model_heads(m)[5].id, "1:3");
    hp_slice s[HP_MAX_SLICES];
    assert_int_equal(hp_model_slices(m, 5, s), 7);
    assert_int_equal(s[0].start, 8);
    assert_int_equal(s[2].start, 16 + 8);
    assert_int_equal(s[4].start, 32 + 8);
    assert_int_equal(s[6].start, 8);
    assert_int_equal(s[6].axis, 0);
    close_model(m);
    fixture_remove(folder);
}

static void test_pruned_bert(void **state)
{
    (void)state;
    char *folder = fixture_folder(), from[128], to[128];
    static const char *const maps[] = {"query", "key", "value"};
    fixture_write(folder, &FIXTURE_BERT);
    edit_config(folder, "\"hidden_act\"",
                "\"pruned_heads\": {\"0\": [1, 2]}, \"hidden_act\"");
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(from, sizeof from,
                       "layer.0.attention.self.%s.weight\":{\"dtype\":\"F32\","
                       "\"shape\":[32,32]",
                       maps[i]);
        (void)snprintf(to, sizeof to,
                       "layer.0.attention.self.%s.weight\":{\"dtype\":\"F64\","
                       "\"shape\":[16,32]",
                       maps[i]);
        edit_header(folder, from, to);
        (void)snprintf(from, sizeof from,
                       "layer.0.attention.self.%s.bias\":{\"dtype\":\"F32\","
                       "\"shape\":[32]",
                       maps[i]);
        (void)snprintf(to, sizeof to,
                       "layer.0.attention.self.%s.bias\":{\"dtype\":\"F64\","
                       "\"shape\":[16]",
                       maps[i]);
        edit_header(folder, from, to);
    }
    edit_header(folder,
                "layer.0.attention.output.dense.weight\":{\"dtype\":\"F32\","
                "\"shape\":[32,32]",
                "layer.0.attention.output.dense.weight\":{\"dtype\":\"F64\","
                "\"shape\":[32,16]");
    hp_model *m = open_model(folder);
    assert_int_equal(hp_model_n_heads(m), 6);
    assert_string_equal(hp_model_heads(m)[0].id, "0:0");
    assert_string_equal(hp_model_heads(m)[1].id, "0:3");
    assert_string_equal(hp_model_heads(m)[2].id, "1:0");
    hp_slice s[HP_MAX_SLICES];
    assert_int_equal(hp_model_slices(m, 1, s), 7);
    assert_int_equal(s[0].axis, 0);
    assert_int_equal(s[0].start, 8);
    assert_int_equal(s[6].axis, 1);
    assert_int_equal(s[6].start, 8);
    close_model(m);
    fixture_remove(folder);
}

static uint64_t dims_q[] = {32, 16}, dims_kv[] = {16, 16}, dims_o[] = {16, 32};

/* Four query heads of eight outputs over two key and value heads that take
 * turns in one tensor. */
static void test_grouped_slices(void **state)
{
    (void)state;
    const hp_tensor q = {.n_dims = 2, .dims = dims_q, .n_elements = 512};
    const hp_tensor kv = {.n_dims = 2, .dims = dims_kv, .n_elements = 256};
    const hp_tensor o = {.n_dims = 2, .dims = dims_o, .n_elements = 512};
    hp_block block = {
        .n_heads = 4,
        .n_kv_heads = 2,
        .head_dim = 8,
        .q = {.weight = &q, .count = 32, .n_in = 16, .head_stride = 8},
        .k = {.weight = &kv, .count = 16, .n_in = 16, .head_stride = 8},
        .v = {.weight = &kv, .count = 16, .n_in = 16, .head_stride = 8},
        .o = {.weight = &o, .count = 16, .n_in = 32}};
    hp_head heads[4] = {0};
    hp_model m = {
        .blocks = &block, .n_blocks = 1, .heads = heads, .n_heads = 4};
    hp_slice s[HP_MAX_SLICES];
    for (size_t h = 0; h < 4; h++) {
        assert_int_equal(hp_model_slices(&m, h, s), 4);
        assert_int_equal(s[0].start, h * 8);
        assert_int_equal(s[0].shared, 0);
        assert_int_equal(s[1].start, h / 2 * 8);
        assert_int_equal(s[1].shared, 1);
        assert_int_equal(s[2].shared, 1);
        assert_int_equal(s[3].axis, 1);
        assert_int_equal(s[3].start, h * 8);
        assert_int_equal(hp_model_head_parameters(&m, h), 128 + 128);
    }
    assert_int_equal(hp_model_heads_parameters(&m), 4 * 256 + 2 * 256);
    block.q.head_stride = 24;
    block.q.first = 8;
    (void)hp_model_slices(&m, 2, s);
    assert_int_equal(s[0].start, 8 + 48);
}

static void test_type_names(void **state)
{
    (void)state;
    assert_string_equal(hp_model_type_name(0), "gpt2");
    assert_string_equal(hp_model_type_name(1), "bert");
    size_t n = 0;
    while (hp_model_type_name(n))
        n++;
    assert_null(hp_model_type_name(n + 7));
    hp_model_free(NULL);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, NULL, NULL, NULL                                              \
    }
    static const struct CMUnitTest tests[] = {
        TEST("blocks and heads are those of the reference data",
             test_golden_blocks),
        TEST("heads own the reference data's slices, in order",
             test_golden_slices),
        TEST("parameters in all, of a head, of all heads", test_parameters),
        TEST("what config.json says is in the spec", test_golden_specs),
        TEST("a stored decoder is used", test_stored_decoder),
        TEST("GPT-2 whose heads are gone keeps the old numbers",
             test_pruned_gpt2),
        TEST("BERT whose heads are gone keeps the old numbers",
             test_pruned_bert),
        TEST("grouped keys and values are shared slices", test_grouped_slices),
        TEST("the table of model types ends with NULL", test_type_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
