/* The form "remove": a checkpoint without the heads computes what the whole
 * one computes with them silent, and everything else in it stays. */
#include "edit.h"
#include "fixture.h"
#include "job.h"
#include "states.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of the largest state. Fewer heads are summed in another order, in single
 * precision: OpenBLAS's cores differ by 0 (Nehalem) to 1.3e-6 (Haswell). A head
 * too many or too few is 0.1 or more. */
#define TOLERANCE 4e-6

typedef struct place {
    char *root, *in, *out, *more;
} place;

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->root = fixture_folder();
    p->in = fixture_path(p->root, "in");
    p->out = fixture_path(p->root, "out");
    p->more = fixture_path(p->root, "more");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    fixture_remove(p->root);
    free(p->in);
    free(p->out);
    free(p->more);
    free(p);
    return 0;
}

static char *read_in(const char *folder, const char *name, size_t *len)
{
    char *path = fixture_path(folder, name);
    char *bytes = fixture_read(path, len);
    free(path);
    return bytes;
}

static void assert_contains(const char *folder, const char *name,
                            const char *text)
{
    char *bytes = read_in(folder, name, NULL);
    if (!strstr(bytes, text))
        fail_msg("'%s' is not in %s:\n%s", text, name, bytes);
    free(bytes);
}

static void assert_lacks(const char *folder, const char *name, const char *text)
{
    char *bytes = read_in(folder, name, NULL);
    if (strstr(bytes, text))
        fail_msg("'%s' is in %s:\n%s", text, name, bytes);
    free(bytes);
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
    char *x = fixture_path(a, name), *y = fixture_path(b, name);
    if (!fixture_same(x, y))
        fail_msg("%s and %s differ", x, y);
    free(x);
    free(y);
}

/* ---- what is computed ---- */

static void same_states(const char *whole, const char *heads,
                        const char *removed)
{
    states a = states_of(whole, heads), b = states_of(removed, "");
    double off = states_differ(&a, &b);
    if (!(off <= TOLERANCE))
        fail_msg("%s without %s: states differ by %g", whole, heads, off);
    states_free(&a);
    states_free(&b);
}

static size_t file_size(const char *folder)
{
    size_t len;
    free(read_in(folder, "model.safetensors", &len));
    return len;
}

static void removed_heads_compute_like_silent_ones(void **state)
{
    const place *p = *state;
    static const char *const golden[] = {
        "gpt2",        "gpt2-bare",  "gpt2-bf16",   "gpt2-f64",
        "gpt2-scaled", "bert-gamma", "bert-minilm", "bert-mlm",
        "llama-gqa",   "llama-bias", "roberta",     "electra",
        "electra-mlm", "distilbert", "llama-mqa",   "llama3-rope",
        "mistral",     "qwen2",      "qwen3"};
    /* Uneven, a layer emptied, the last layer emptied. */
    static const char *const lists[] = {"0:1 1:0", "0:* 1:1", "0:0 1:*"};
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
        for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
            char *in = fixture_path("tests/golden", golden[i]);
            job_emit(in, lists[k], p->out, "remove");
            same_states(in, lists[k], p->out);
            assert_true(file_size(p->out) < file_size(in));
            fixture_unlink(p->out);
            free(in);
        }
}

static void groups_may_become_unequal(void **state)
{
    const place *p = *state;
    static const char in[] = "tests/golden/llama-gqa";
    static const char heads[] = "0:0,2,3 1:1,4-7";
    job_emit(in, heads, p->out, "remove");
    same_states(in, heads, p->out);
    hp_model *m = open_model(p->out);
    const hp_block *b = hp_model_block(m, 0);
    assert_int_equal(b->n_heads, 5);
    assert_non_null(b->kv_head);
    assert_string_equal(hp_model_heads(m)[0].id, "0:1");
    assert_string_equal(hp_model_heads(m)[1].id, "0:4");
    close_model(m);
    /* And on from there. */
    job_emit(p->out, "0:1 1:2", p->more, "remove");
    same_states(in, "0:0-3 1:1,2,4-7", p->more);
}

static void removing_twice_is_removing_once(void **state)
{
    const place *p = *state;
    static const char *const golden[] = {"gpt2", "bert-mlm", "llama-gqa"};
    for (size_t i = 0; i < 3; i++) {
        char *in = fixture_path("tests/golden", golden[i]);
        char *once = fixture_path(p->root, "once");
        job_emit(in, "0:1", p->out, "remove");
        job_emit(p->out, "0:0 1:1", p->more, "remove");
        job_emit(in, "0:0,1 1:1", once, "remove");
        assert_same_file(p->more, once, "model.safetensors");
        assert_same_file(p->more, once, "config.json");
        fixture_unlink(p->out);
        fixture_unlink(p->more);
        fixture_unlink(once);
        free(once);
        free(in);
    }
}

static void a_mask_is_removed_too(void **state)
{
    const place *p = *state;
    static const char in[] = "tests/golden/gpt2";
    job_emit(in, "0:1", p->out, "mask");
    job_emit(p->out, "1:2", p->more, "remove");
    same_states(in, "0:1 1:2", p->more);
    hp_model *m = open_model(p->more);
    assert_null(hp_model_masked(m));
    assert_int_equal(hp_model_n_heads(m), 6);
    close_model(m);
}

/* ---- what is written ---- */

static void other_bytes_stay(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    hp_checkpoint *a = NULL, *b = NULL;
    fixture f = FIXTURE_GPT2;
    f.dtype = "BF16";
    fixture_write(p->in, &f);
    edit_header(
        p->in, "{\"__metadata__\":{\"format\":\"pt\"},",
        "{\"__metadata__\" : { \"format\":\"pt\", \"k\": \"\\u0041\" }, ");
    job_emit(p->in, "0:1,2 1:3", p->out, "remove");
    char *bytes = read_in(p->out, "model.safetensors", NULL);
    assert_non_null(strstr(bytes + 8,
                           "{\"__metadata__\" : { \"format\":\"pt\", "
                           "\"k\": \"\\u0041\" }, \"transf"));
    free(bytes);
    assert_int_equal(hp_checkpoint_open(&a, p->in, NULL, &err), HP_OK);
    assert_int_equal(hp_checkpoint_open(&b, p->out, NULL, &err), HP_OK);
    assert_int_equal(hp_checkpoint_n_tensors(a), hp_checkpoint_n_tensors(b));
    for (size_t i = 0; i < hp_checkpoint_n_tensors(a); i++) {
        const hp_tensor *x = hp_checkpoint_tensor(a, i);
        const hp_tensor *y = hp_checkpoint_tensor(b, i);
        char one[16384], other[16384];
        assert_string_equal(x->name, y->name);
        assert_string_equal(x->dtype_name, y->dtype_name);
        if (strstr(x->name, ".attn.c_attn") ||
            strstr(x->name, ".attn.c_proj.weight"))
            continue;
        assert_int_equal(x->size, y->size);
        assert_in_range(x->size, 1, sizeof one);
        assert_int_equal(hp_checkpoint_read(a, x, 0, x->size, one, &err), 0);
        assert_int_equal(hp_checkpoint_read(b, y, 0, y->size, other, &err), 0);
        assert_memory_equal(one, other, x->size);
    }
    assert_int_equal(hp_checkpoint_shard(b, 0)->data_offset % 8, 0);
    hp_checkpoint_free(a);
    hp_checkpoint_free(b);
}

static void config_says_what_went(void **state)
{
    const place *p = *state;
    fixture_write(p->in, &FIXTURE_BERT);
    edit_config(p->in, "\"hidden_act\"",
                "\"eps\": 1.0e-05, \"big\": 9007199254740993, \"in\": "
                "{\"pruned_heads\": 1}, \"hidden_act\"");
    job_emit(p->in, "0:1,2 1:3", p->out, "remove");
    assert_contains(p->out, "config.json",
                    "\"pruned_heads\": {\"0\": [1, 2], \"1\": [3]}");
    assert_contains(p->out, "config.json",
                    "\"headprune_heads_kept\": [[0, 3], [0, 1, 2]]");
    assert_contains(p->out, "config.json",
                    "\"AutoModelForMaskedLM\": "
                    "\"modeling_headprune.HeadpruneBertForMaskedLM\"");
    assert_contains(p->out, "config.json",
                    "\"eps\": 1.0e-05, \"big\": 9007199254740993, \"in\": "
                    "{\"pruned_heads\": 1}, \"hidden_act\"");
    char *was = read_in(p->in, "config.json", NULL);
    char *is = read_in(p->out, "config.json", NULL);
    /* Up to the end of the last value nothing has changed. */
    size_t same = strcspn(was, "}");
    while (was[same - 1] == '\n' || was[same - 1] == ' ')
        same--;
    assert_memory_equal(was, is, same);
    free(was);
    free(is);
    char *own = read_in("src/prune", "modeling_headprune.py", NULL);
    char *out = read_in(p->out, "modeling_headprune.py", NULL);
    assert_string_equal(own, out);
    free(own);
    free(out);
}

static void llama_has_no_pruned_heads(void **state)
{
    const place *p = *state;
    job_emit("tests/golden/llama-gqa", "0:1", p->out, "remove");
    assert_lacks(p->out, "config.json", "pruned_heads");
    assert_contains(p->out, "config.json",
                    "modeling_headprune.HeadpruneLlamaForCausalLM");
}

static void an_index_stays_right(void **state)
{
    const place *p = *state;
    char text[64];
    hp_error err = {0};
    hp_checkpoint *c = NULL;
    uint64_t bytes = 0;
    job_emit("tests/golden/gpt2-sharded", "0:* 1:0,3", p->out, "remove");
    assert_int_equal(hp_checkpoint_open(&c, p->out, NULL, &err), HP_OK);
    assert_int_equal(hp_checkpoint_n_shards(c), 3);
    for (size_t i = 0; i < hp_checkpoint_n_tensors(c); i++)
        bytes += hp_checkpoint_tensor(c, i)->size;
    hp_checkpoint_free(c);
    (void)snprintf(text, sizeof text, "\"total_size\": %llu",
                   (unsigned long long)bytes);
    assert_contains(p->out, "model.safetensors.index.json", text);
    assert_lacks(p->out, "model.safetensors.index.json", "h.0.attn.c_attn");
    assert_contains(p->out, "model.safetensors.index.json",
                    "h.0.attn.c_proj.bias");
}

static void an_emptied_layer_needs_the_code(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    job j;
    fixture_write(p->in, &FIXTURE_GPT2);
    edit_config(p->in, "\"n_inner\"", "\"pruned_heads\": {}, \"n_inner\"");
    job_emit(p->in, "0:*", p->out, "remove");
    assert_lacks(p->out, "config.json", "pruned_heads");
    assert_contains(p->out, "config.json",
                    "\"headprune_heads_kept\": [[], [0, 1, 2, 3]]");
    job_open(&j, p->in, NULL, "0:*");
    hp_rewrite_options o = job_options(p->more, 0);
    o.emit = hp_emit_find("remove");
    o.no_remote_code = 1;
    assert_int_equal(job_run(&j, &o, &err), HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "layer 0 would keep no head"));
    job_close(&j);
    job_open(&j, p->in, NULL, "0:1");
    assert_int_equal(job_run(&j, &o, &err), HP_OK);
    job_close(&j);
    assert_contains(p->more, "config.json", "\"pruned_heads\": {\"0\": [1]}");
    assert_lacks(p->more, "config.json", "headprune");
    assert_int_equal(fixture_count(p->more), 2);
}

static void code_of_others_is_kept(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    fixture_write(p->in, &FIXTURE_GPT2);
    edit_config(p->in, "\"n_inner\"",
                "\"auto_map\": {\"AutoModel\": \"my.Model\"}, \"n_inner\"");
    assert_int_equal(job_refused(p->in, "0:1", p->out, "remove", &err),
                     HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "names other code: 'my.Model'"));
}

static void weights_of_eight_bits_are_cut(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    hp_checkpoint *a = NULL, *b = NULL;
    const float scale[2] = {1, 2};
    static const char o[] = "transformer.h.0.attn.c_proj.weight";
    /* A model of which only the output projection is of eight bits. */
    fixture_write(p->in, &FIXTURE_GPT2);
    edit_header(p->in, "c_proj.weight\":{\"dtype\":\"F32\",\"shape\":[32,32]",
                "c_proj.old\":{\"dtype\":\"F32\",\"shape\":[32,32]");
    float bytes[256] = {0};
    for (size_t i = 0; i < 256; i++)
        bytes[i] = (float)i;
    edit_add(p->in, o, "256", bytes, 256);
    edit_add(p->in, "transformer.h.1.attn.c_proj.weight", "256", bytes, 256);
    edit_header(p->in, "\"F32\",\"shape\":[256]",
                "\"F8_E4M3\",\"shape\":[32,32]");
    job_emit(p->in, "0:1 1:*", p->out, "remove");
    assert_int_equal(hp_checkpoint_open(&a, p->in, NULL, &err), HP_OK);
    assert_int_equal(hp_checkpoint_open(&b, p->out, NULL, &err), HP_OK);
    char was[1024], is[768];
    assert_int_equal(
        hp_checkpoint_read(a, hp_checkpoint_find(a, o), 0, 1024, was, &err),
        HP_OK);
    assert_int_equal(
        hp_checkpoint_read(b, hp_checkpoint_find(b, o), 0, 768, is, &err),
        HP_OK);
    assert_memory_equal(is, was, 256);
    assert_memory_equal(is + 256, was + 512, 512);
    hp_checkpoint_free(a);
    hp_checkpoint_free(b);
    fixture_unlink(p->out);
    edit_add(p->in, "transformer.h.0.attn.c_proj.weight_scale", "2", scale, 2);
    assert_int_equal(job_refused(p->in, "0:1", p->out, "remove", &err),
                     HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "what to cut of it is not known"));
}

static void a_dry_run_writes_nothing(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    hp_rewrite *r = NULL;
    job j;
    fixture_write(p->in, &FIXTURE_GPT2);
    job_open(&j, p->in, NULL, "0:1");
    hp_rewrite_options o = job_options(p->out, 0);
    o.emit = hp_emit_find("remove");
    o.dry_run = 1;
    assert_int_equal(hp_rewrite_begin(&r, j.model, j.plan, &o, &err), HP_OK);
    assert_int_equal(hp_rewrite_n_changes(r), 3);
    assert_true(hp_rewrite_cuts(r));
    assert_int_equal(hp_rewrite_n_written(r), 0);
    assert_int_equal(hp_rewrite_commit(r, &err), HP_OK);
    hp_rewrite_free(r);
    job_close(&j);
    assert_int_equal(fixture_count(p->root), 1);
}

static void kept_heads_are_checked(void **state)
{
    const place *p = *state;
    static const struct {
        const char *kept, *says;
    } rows[] = {
        {"7", "'headprune_heads_kept' is not an array of 2 lists"},
        {"[[0]]", "is not an array of 2 lists"},
        {"[[0], 3]", "layer 1 is not a list"},
        {"[[0], [1, 0]]", "layer 1 does not list heads of 0 to 3 in ascending"},
        {"[[4], []]", "layer 0 does not list heads of 0 to 3"},
        {"[[0.5], []]", "layer 0 does not list"},
        {"[[0, 0], []]", "layer 0 does not list"},
        {"[[\"0\"], []]", "layer 0 does not list"},
        {"[[0, 3], [0, 1, 2]]", "shape"},
        {"[[], [0, 1, 2, 3]]", "no head of this layer is left"},
        {"[[0, 1, 2, 3], [0, 1, 2, 3]], \"pruned_heads\": {\"0\": [1]}",
         "do not say the same"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        hp_error err = {0};
        fixture_write(p->in, &FIXTURE_GPT2);
        (void)snprintf(text, sizeof text,
                       "\"headprune_heads_kept\": %s, \"n_inner\"",
                       rows[i].kept);
        edit_config(p->in, "\"n_inner\"", text);
        assert_int_equal(try_model(p->in, &err), HP_FORMAT);
        if (!strstr(err.message, rows[i].says))
            fail_msg("%s: %s", rows[i].kept, err.message);
    }
}

/* ---- uniform ---- */

static hp_status uniform(const place *p, const char *in, const char *heads,
                         hp_error *err)
{
    job j;
    hp_rewrite_options o = job_options(p->out, 1);
    o.emit = hp_emit_find("remove");
    o.uniform = 1;
    job_open(&j, in, NULL, heads);
    hp_status st = job_run(&j, &o, err);
    job_close(&j);
    return st;
}

static void uniform_is_in_the_numbers(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    /* 8 query heads in 2 groups: half of each, other ones in layer 1. */
    static const char in[] = "tests/golden/llama-gqa";
    static const char half[] = "0:0,2,4,6 1:1,3,4,7";
    assert_int_equal(uniform(p, in, half, &err), HP_OK);
    same_states(in, half, p->out);
    assert_contains(p->out, "config.json", "\"num_attention_heads\": 4,");
    assert_contains(p->out, "config.json", "\"num_key_value_heads\": 2,");
    assert_lacks(p->out, "config.json", "headprune");
    static const char groups[] = "0:0-3 1:4-7";
    assert_int_equal(uniform(p, in, groups, &err), HP_OK);
    same_states(in, groups, p->out);
    assert_contains(p->out, "config.json", "\"num_key_value_heads\": 1,");
}

/* All that is left of a head of T5: not one tensor has its rows or columns. */
static void t5_loses_columns_of_its_table(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    hp_checkpoint *a = NULL, *b = NULL;
    static const char in[] = "tests/golden/t5";
    static const char heads[] = "enc.0:0 enc.1:0 dec.0.self:2 dec.1.self:2 "
                                "dec.2.self:2 dec.0.cross:1 dec.1.cross:3 "
                                "dec.2.cross:0";
    static const char name[] = "decoder.block.0.layer.0.SelfAttention."
                               "relative_attention_bias.weight";
    assert_int_equal(uniform(p, in, heads, &err), HP_OK);
    assert_contains(p->out, "config.json", "\"num_heads\": 3,");
    assert_int_equal(hp_checkpoint_open(&a, in, NULL, &err), HP_OK);
    assert_int_equal(hp_checkpoint_open(&b, p->out, NULL, &err), HP_OK);
    const hp_tensor *x = hp_checkpoint_find(a, name);
    const hp_tensor *y = hp_checkpoint_find(b, name);
    assert_int_equal(x->dims[1], 4);
    assert_int_equal(y->dims[1], 3);
    for (uint64_t row = 0; row < x->dims[0]; row++) {
        float was[4], is[3];
        assert_int_equal(hp_checkpoint_read(a, x, row * 16, 16, was, &err), 0);
        assert_int_equal(hp_checkpoint_read(b, y, row * 12, 12, is, &err), 0);
        assert_memory_equal(is, was, 8);
        assert_memory_equal(is + 2, was + 3, 4);
    }
    hp_checkpoint_free(a);
    hp_checkpoint_free(b);
    close_model(open_model(p->out));
    /* The same number everywhere, but not the same heads of a table. */
    assert_int_equal(uniform(p, in,
                             "enc.0:0 enc.1:1 dec.0.self:2 dec.1.self:2 "
                             "dec.2.self:2 dec.0.cross:1 dec.1.cross:3 "
                             "dec.2.cross:0",
                             &err),
                     HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "share a table of position biases"));
}

static void says_what_transformers_5_refuses(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    hp_rewrite *r = NULL;
    job j;
    hp_rewrite_options o = job_options(p->out, 0);
    o.emit = hp_emit_find("remove");
    o.uniform = o.dry_run = 1;
    /* A width of 40 and 6 heads. */
    job_open(&j, "tests/golden/llama-gqa", NULL, "0:0,4 1:1,5");
    assert_int_equal(hp_rewrite_begin(&r, j.model, j.plan, &o, &err), HP_OK);
    assert_non_null(strstr(hp_rewrite_note(r), "refuses 6 heads"));
    assert_non_null(strstr(hp_rewrite_note(r), "that it takes is 4"));
    hp_rewrite_free(r);
    job_close(&j);
}

static void uneven_is_not_uniform(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    static const char in[] = "tests/golden/llama-gqa";
    static const struct {
        const char *heads, *says;
    } rows[] = {
        {"0:0", "would keep 3 query heads of one key and value head and 4 of"},
        {"0:0-3", "would keep 4 heads and 1 key and value heads, block"},
        {"0:*", "would keep no head"},
        {"0:0,2,4,6 1:0-3", "keep 4 heads and 2 key and value heads, block"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(uniform(p, in, rows[i].heads, &err), HP_UNSUPPORTED);
        if (!strstr(err.message, rows[i].says))
            fail_msg("%s: %s", rows[i].heads, err.message);
    }
    assert_int_equal(uniform(p, "tests/golden/gpt2", "0:0 1:1", &err),
                     HP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "takes the width of a head from"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(removed_heads_compute_like_silent_ones),
        TEST(groups_may_become_unequal),
        TEST(removing_twice_is_removing_once),
        TEST(a_mask_is_removed_too),
        TEST(other_bytes_stay),
        TEST(config_says_what_went),
        TEST(llama_has_no_pruned_heads),
        TEST(an_index_stays_right),
        TEST(an_emptied_layer_needs_the_code),
        TEST(code_of_others_is_kept),
        TEST(weights_of_eight_bits_are_cut),
        TEST(a_dry_run_writes_nothing),
        TEST(kept_heads_are_checked),
        TEST(uniform_is_in_the_numbers),
        TEST(t5_loses_columns_of_its_table),
        TEST(says_what_transformers_5_refuses),
        TEST(uneven_is_not_uniform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
