/* The bytes of an output: what is changed, what is copied, what is said. */
#include "fixture.h"
#include "job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = fixture_folder();
    return 0;
}

static int teardown(void **state)
{
    fixture_remove(*state);
    return 0;
}

/* Paths inside the test's folder; one call each per test. */
typedef struct paths {
    char *in, *out, *in_file, *out_file;
} paths;

static paths make_paths(void **state, const fixture *f)
{
    paths p;
    p.in = fixture_path(*state, "in");
    p.out = fixture_path(*state, "out");
    p.in_file = fixture_path(p.in, "model.safetensors");
    p.out_file = fixture_path(p.out, "model.safetensors");
    fixture_write(p.in, f);
    return p;
}

static void free_paths(paths *p)
{
    free(p->in);
    free(p->out);
    free(p->in_file);
    free(p->out_file);
}

/*
 * Compares shard `shard` of two checkpoints byte by byte: bytes inside the
 * pruned heads' slices of the output projections are zero, all others equal.
 * Slices are enumerated element by element here, the writer goes by runs.
 */
static size_t check_bytes(const job *j, size_t shard, const char *old,
                          const char *now)
{
    size_t len, n_new, changed = 0;
    char *a = fixture_read(old, &len), *b = fixture_read(now, &n_new);
    unsigned char *zeroed = calloc(len, 1);
    assert_non_null(zeroed);
    assert_int_equal(n_new, len);
    for (size_t h = 0; h < hp_model_n_heads(j->model); h++) {
        hp_slice s[HP_MAX_SLICES];
        size_t n = hp_model_slices(j->model, h, s);
        const hp_tensor *t = s[n - 1].tensor;
        assert_int_equal(s[n - 1].role, HP_ROLE_O);
        if (!j->plan->pruned[h] || t->shard != shard)
            continue;
        size_t size = t->size / t->n_elements;
        for (size_t e = 0; e < t->n_elements; e++) {
            size_t at = s[n - 1].axis ? e % t->dims[1] : e / t->dims[1];
            if (at >= s[n - 1].start && at < s[n - 1].start + s[n - 1].count)
                memset(zeroed + t->offset + e * size, 1, size);
        }
    }
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(b[i], zeroed[i] ? 0 : a[i]);
        changed += zeroed[i];
    }
    free(zeroed);
    free(a);
    free(b);
    return changed;
}

static void an_empty_plan_writes_the_same_file(void **state)
{
    paths p = make_paths(state, &FIXTURE_GPT2);
    job_prune(p.in, "", p.out);
    assert_true(fixture_same(p.in_file, p.out_file));
    free_paths(&p);
}

/* `n` heads of elements of `size` bytes. */
static void prune_and_check(void **state, fixture f, const char *heads,
                            size_t n, size_t size)
{
    size_t bytes = n * f.head_dim * f.heads * f.head_dim * size;
    job j;
    paths p = make_paths(state, &f);
    job_prune(p.in, heads, p.out);
    job_open(&j, p.in, NULL, heads);
    assert_int_equal(check_bytes(&j, 0, p.in_file, p.out_file), bytes);
    job_close(&j);
    free_paths(&p);
}

static void rows_of_gpt2_become_zero(void **state)
{
    prune_and_check(state, FIXTURE_GPT2, "0:1,2 1:3", 3, 4);
}

static void columns_of_bert_become_zero(void **state)
{
    prune_and_check(state, FIXTURE_BERT, "0:0,2 1:1-3", 5, 4);
}

static void elements_of_two_bytes_become_zero(void **state)
{
    fixture f = FIXTURE_BERT;
    f.dtype = "F16";
    prune_and_check(state, f, "0:3 1:0", 2, 2);
}

static void elements_of_eight_bytes_become_zero(void **state)
{
    fixture f = FIXTURE_BERT;
    f.dtype = "F64";
    prune_and_check(state, f, "0:3 1:0", 2, 8);
}

static void all_heads_can_go(void **state)
{
    prune_and_check(state, FIXTURE_BERT, "0:* 1:*", 8, 4);
}

/* 2 x 320 x 320 x 4 bytes of output projection: bands lie across the borders
 * of the buffer that the file is streamed through. */
static void bands_across_chunks_become_zero(void **state)
{
    fixture f = {"bert", 2, 5, 64, 40, 16, "F32", 1};
    prune_and_check(state, f, "0:0,4 1:2", 3, 4);
}

static void shards_and_index_are_written(void **state)
{
    job j;
    fixture f = FIXTURE_BERT;
    f.shards = 3;
    paths p = make_paths(state, &f);
    job_prune(p.in, "0:1 1:0,3", p.out);
    job_open(&j, p.in, NULL, "0:1 1:0,3");
    size_t changed = 0;
    for (size_t i = 0; i < 3; i++) {
        const char *name = hp_checkpoint_shard(j.checkpoint, i)->name;
        char *now = fixture_path(p.out, name);
        const char *old = hp_checkpoint_shard(j.checkpoint, i)->path;
        changed += check_bytes(&j, i, old, now);
        free(now);
    }
    assert_int_equal(changed, 3 * 8 * 32 * 4);
    char *a = fixture_path(p.in, "model.safetensors.index.json");
    char *b = fixture_path(p.out, "model.safetensors.index.json");
    assert_true(fixture_same(a, b));
    assert_int_equal(fixture_count(p.out), 5);
    free(a);
    free(b);
    job_close(&j);
    free_paths(&p);
}

static void pruning_twice_is_pruning_once(void **state)
{
    paths p = make_paths(state, &FIXTURE_GPT2);
    char *again = fixture_path(*state, "again");
    char *again_file = fixture_path(again, "model.safetensors");
    job_prune(p.in, "0:1 1:0,3", p.out);
    job_prune(p.out, "0:1 1:0,3", again);
    assert_true(fixture_same(p.out_file, again_file));
    assert_false(fixture_same(p.in_file, again_file));
    free(again);
    free(again_file);
    free_paths(&p);
}

static void changes_name_bands_of_adjacent_heads(void **state)
{
    job j;
    hp_error err = {0};
    hp_rewrite *r = NULL;
    paths p = make_paths(state, &FIXTURE_BERT);
    hp_rewrite_options o = job_options(p.out, 0);
    job_open(&j, p.in, NULL, "0:0,1,3 1:2");
    assert_int_equal(hp_rewrite_begin(&r, j.model, j.plan, &o, &err), HP_OK);
    assert_int_equal(hp_rewrite_n_changes(r), 2);
    const hp_change *c = hp_rewrite_change(r, 0);
    assert_string_equal(c->tensor->name,
                        "bert.encoder.layer.0.attention.output.dense.weight");
    assert_int_equal(c->axis, 1);
    assert_int_equal(c->n_bands, 2);
    assert_int_equal(c->bands[0][0], 0);
    assert_int_equal(c->bands[0][1], 16);
    assert_int_equal(c->bands[1][0], 24);
    assert_int_equal(c->bands[1][1], 8);
    assert_int_equal(c->bytes, 24 * 32 * 4);
    c = hp_rewrite_change(r, 1);
    assert_int_equal(c->n_bands, 1);
    assert_int_equal(c->bytes, 8 * 32 * 4);
    hp_rewrite_free(r);
    job_close(&j);
    free_paths(&p);
}

/* sha256sum of the file, by the system's own tool. */
static void check_sha256(const char *folder, const hp_written *w)
{
    char line[65] = "";
    char *path = fixture_path(folder, w->file);
    char *command = malloc(strlen(path) + 32);
    assert_non_null(command);
    snprintf(command, strlen(path) + 32, "sha256sum '%s'", path);
    FILE *tool = popen(command, "r"); /* NOLINT(cert-env33-c) */
    assert_non_null(tool);
    if (tool && fgets(line, sizeof line, tool))
        assert_string_equal(line, w->sha256);
    if (tool)
        pclose(tool);
    assert_int_equal(strlen(line), 64);
    size_t len;
    free(fixture_read(path, &len));
    assert_int_equal(len, w->bytes);
    free(command);
    free(path);
}

static void written_files_are_listed_with_their_hashes(void **state)
{
    static const char *const names[] = {"model.safetensors", "config.json",
                                        "merges.txt", "tokenizer.json"};
    job j;
    hp_error err = {0};
    hp_rewrite *r = NULL;
    paths p = make_paths(state, &FIXTURE_GPT2);
    fixture_put_text(p.in, "tokenizer.json", "{}");
    fixture_put_text(p.in, "merges.txt", "");
    hp_rewrite_options o = job_options(p.out, 0);
    job_open(&j, p.in, NULL, "0:1");
    assert_int_equal(hp_rewrite_begin(&r, j.model, j.plan, &o, &err), HP_OK);
    assert_int_equal(hp_rewrite_add(r, "headprune.json", "{}\n", 3, &err),
                     HP_OK);
    assert_int_equal(hp_rewrite_commit(r, &err), HP_OK);
    assert_int_equal(hp_rewrite_n_written(r), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(hp_rewrite_written(r, i)->file, names[i]);
        check_sha256(p.out, hp_rewrite_written(r, i));
    }
    assert_int_equal(fixture_count(p.out), 5);
    hp_rewrite_free(r);
    job_close(&j);
    free_paths(&p);
}

static void small_files_go_along_and_others_stay(void **state)
{
    static const char *const along[] = {"README.md", "special tokens.json",
                                        "vocab.txt", "linked.txt"};
    static const char *const stay[] = {
        "pytorch_model.bin", "pytorch_model.bin.index.json",
        "model.onnx",        "tf_model.h5",
        "headprune.json",    ".hidden",
        "flax_model.msgpack"};
    paths p = make_paths(state, &FIXTURE_GPT2);
    char *link = fixture_path(p.in, "linked.txt");
    char *folder = fixture_path(p.in, "folder");
    for (size_t i = 0; i < 3; i++)
        fixture_put_text(p.in, along[i], along[i]);
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++)
        fixture_put_text(p.in, stay[i], "no");
    assert_int_equal(symlink("vocab.txt", link), 0);
    fixture_write(folder, &FIXTURE_GPT2);
    job_prune(p.in, "0:1", p.out);
    assert_int_equal(fixture_count(p.out), 2 + 4);
    for (size_t i = 0; i < 4; i++) {
        char *path = fixture_path(p.out, along[i]);
        char *text = fixture_read(path, NULL);
        assert_string_equal(text, along[i < 3 ? i : 2]);
        free(text);
        free(path);
    }
    free(link);
    free(folder);
    free_paths(&p);
}

static void a_larger_file_stays(void **state)
{
    paths p = make_paths(state, &FIXTURE_GPT2);
    char *large = fixture_path(p.in, "corpus.txt");
    fixture_put_text(p.in, "corpus.txt", "");
    assert_int_equal(truncate(large, ((off_t)64 << 20) + 1), 0);
    job_prune(p.in, "0:1", p.out);
    assert_int_equal(fixture_count(p.out), 2);
    free(large);
    free_paths(&p);
}

static void a_single_file_becomes_a_folder_that_loads(void **state)
{
    job j;
    hp_error err = {0};
    paths p = make_paths(state, &FIXTURE_GPT2);
    char *named = fixture_path(p.in, "my-weights.safetensors");
    assert_int_equal(rename(p.in_file, named), 0);
    fixture_put_text(p.in, "vocab.txt", "x");
    hp_rewrite_options o = job_options(p.out, 0);
    job_open(&j, named, NULL, "0:1");
    assert_int_equal(job_run(&j, &o, &err), HP_OK);
    assert_int_equal(fixture_count(p.out), 3);
    assert_int_equal(check_bytes(&j, 0, named, p.out_file), 8 * 32 * 4);
    job_close(&j);
    free(named);
    free_paths(&p);
}

static void the_config_that_was_used_is_written(void **state)
{
    job j;
    hp_error err = {0};
    paths p = make_paths(state, &FIXTURE_GPT2);
    char *config = fixture_path(p.in, "config.json");
    char *elsewhere = fixture_path(*state, "other.json");
    char *written = fixture_path(p.out, "config.json");
    fixture_put_text(p.in, "notes.txt", "of another kind");
    assert_int_equal(rename(config, elsewhere), 0);
    hp_rewrite_options o = job_options(p.out, 0);
    job_open(&j, p.in_file, elsewhere, "0:1");
    assert_int_equal(job_run(&j, &o, &err), HP_OK);
    assert_true(fixture_same(elsewhere, written));
    /* No config.json there: the folder is not the model's. */
    assert_int_equal(fixture_count(p.out), 2);
    job_close(&j);
    free(config);
    free(elsewhere);
    free(written);
    free_paths(&p);
}

static void one_file_goes_out_alone(void **state)
{
    job j;
    hp_error err = {0};
    hp_rewrite *r = NULL;
    paths p = make_paths(state, &FIXTURE_GPT2);
    char *out = fixture_path(*state, "pruned.safetensors");
    char *report = fixture_path(*state, "pruned.json");
    hp_rewrite_options o = job_options(out, 0);
    job_open(&j, p.in, NULL, "1:2");
    assert_int_equal(hp_rewrite_begin(&r, j.model, j.plan, &o, &err), HP_OK);
    assert_int_equal(hp_rewrite_add(r, "pruned.json", "{}\n", 3, &err), HP_OK);
    assert_int_not_equal(access(out, F_OK), 0);
    assert_int_not_equal(access(report, F_OK), 0);
    assert_int_equal(hp_rewrite_commit(r, &err), HP_OK);
    assert_int_equal(access(report, F_OK), 0);
    assert_int_equal(check_bytes(&j, 0, p.in_file, out), 8 * 32 * 4);
    assert_int_equal(hp_rewrite_n_written(r), 1);
    assert_string_equal(hp_rewrite_written(r, 0)->file, "pruned.safetensors");
    assert_int_equal(fixture_count(*state), 3);
    hp_rewrite_free(r);
    job_close(&j);
    free(out);
    free(report);
    free_paths(&p);
}

static int count_steps(void *payload, uint64_t done, uint64_t total)
{
    uint64_t *last = payload;
    assert_true(done > last[0] && done <= total);
    last[0] = done;
    last[1] = total;
    return 0;
}

static void progress_ends_at_the_total(void **state)
{
    job j;
    hp_error err = {0};
    uint64_t last[2] = {0, 0};
    fixture f = FIXTURE_GPT2;
    f.shards = 2;
    paths p = make_paths(state, &f);
    fixture_put_text(p.in, "vocab.txt", "hello");
    hp_rewrite_options o = job_options(p.out, 0);
    o.progress = (hp_progress){count_steps, last};
    job_open(&j, p.in, NULL, "1:2");
    assert_int_equal(job_run(&j, &o, &err), HP_OK);
    assert_true(last[0] > 100000);
    assert_int_equal(last[0], last[1]);
    job_close(&j);
    free_paths(&p);
}

static void forms_are_found_by_name(void **state)
{
    (void)state;
    assert_string_equal(hp_emit_at(0)->name, "zero");
    assert_ptr_equal(hp_emit_find("zero"), hp_emit_at(0));
    size_t n = 0;
    while (hp_emit_at(n))
        n++;
    assert_in_range(n, 4, 100);
    assert_ptr_equal(hp_emit_find(hp_emit_at(n - 1)->name), hp_emit_at(n - 1));
    assert_null(hp_emit_find("zer"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_empty_plan_writes_the_same_file),
        CASE(rows_of_gpt2_become_zero),
        CASE(columns_of_bert_become_zero),
        CASE(elements_of_two_bytes_become_zero),
        CASE(elements_of_eight_bytes_become_zero),
        CASE(all_heads_can_go),
        CASE(bands_across_chunks_become_zero),
        CASE(shards_and_index_are_written),
        CASE(pruning_twice_is_pruning_once),
        CASE(changes_name_bands_of_adjacent_heads),
        CASE(written_files_are_listed_with_their_hashes),
        CASE(small_files_go_along_and_others_stay),
        CASE(a_larger_file_stays),
        CASE(a_single_file_becomes_a_folder_that_loads),
        CASE(the_config_that_was_used_is_written),
        CASE(one_file_goes_out_alone),
        CASE(progress_ends_at_the_total),
        cmocka_unit_test(forms_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
