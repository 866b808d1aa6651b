/* Undo and restore: the original's bytes, whatever was done to it. */
#include "edit.h"
#include "fixture.h"
#include "job.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct place {
    char *root, *in, *out, *again, *undo;
} place;

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->root = fixture_folder();
    p->in = fixture_path(p->root, "in");
    p->out = fixture_path(p->root, "out");
    p->again = fixture_path(p->root, "again");
    p->undo = fixture_path(p->root, "undo");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    fixture_remove(p->root);
    free(p->in);
    free(p->out);
    free(p->again);
    free(p->undo);
    free(p);
    return 0;
}

static void prune(const char *in, const char *heads, const char *out,
                  const char *undo, const char *emit)
{
    job j;
    hp_error err = {0};
    hp_rewrite_options o = job_options(out, 1);
    o.emit = hp_emit_find(emit);
    o.undo = undo;
    job_open(&j, in, NULL, heads);
    if (job_run(&j, &o, &err))
        fail_msg("%s: %s", err.file, err.message);
    job_close(&j);
}

static hp_status restore(const char *pruned, const char *undo, const char *out,
                         hp_error *err)
{
    hp_checkpoint *c = NULL;
    hp_rewrite *r = NULL;
    const hp_restore_options o = {.undo = undo, .out = out};
    hp_status st = hp_checkpoint_open(&c, pruned, NULL, err);
    if (!st)
        st = hp_restore_begin(&r, c, &o, err);
    if (!st)
        st = hp_rewrite_commit(r, err);
    hp_rewrite_free(r);
    hp_checkpoint_free(c);
    return st;
}

static void must_restore(const char *pruned, const char *undo, const char *out)
{
    hp_error err = {0};
    if (restore(pruned, undo, out, &err))
        fail_msg("%s: %s", err.file, err.message);
}

/* Both folders hold the same files with the same bytes. */
static void same_folder(const char *a, const char *b)
{
    DIR *d = opendir(a);
    assert_non_null(d);
    assert_int_equal(fixture_count(a), fixture_count(b));
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        char *x = fixture_path(a, e->d_name), *y = fixture_path(b, e->d_name);
        if (!fixture_same(x, y))
            fail_msg("%s is not restored", e->d_name);
        free(x);
        free(y);
    }
    closedir(d);
}

/* ---- round trips ---- */

static void every_form_can_be_undone(void **state)
{
    const place *p = *state;
    static const char *const forms[] = {"zero", "zero-all", "mask", "remove"};
    static const char *const golden[] = {
        "gpt2", "gpt2-sharded", "gpt2-bf16", "bert-mlm", "llama-gqa", "qwen3"};
    static const char *const lists[] = {"0:1 1:0", "0:* 1:0,1", ""};
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
        for (size_t f = 0; f < 4; f++)
            for (size_t k = 0; k < 3; k++) {
                char *in = fixture_path("tests/golden", golden[i]);
                prune(in, lists[k], p->out, p->undo, forms[f]);
                must_restore(p->out, p->undo, p->again);
                same_folder(in, p->again);
                fixture_unlink(p->again);
                free(in);
            }
}

/* 2 x 320 x 320 x 4 bytes: bands lie across the borders of the buffer. */
static void bands_may_cross_buffers(void **state)
{
    const place *p = *state;
    fixture f = {"bert", 2, 10, 32, 40, 16, "F32", 2};
    fixture_write(p->in, &f);
    prune(p->in, "0:0,3,9 1:2-8", p->out, p->undo, "remove");
    must_restore(p->out, p->undo, p->again);
    same_folder(p->in, p->again);
}

static void gates_can_be_undone(void **state)
{
    const place *p = *state;
    const float values[4] = {1, 2, 3, 4};
    fixture_write(p->in, &FIXTURE_GPT2);
    edit_add(p->in, "transformer.h.0.attn.gate", "4", values, 4);
    prune(p->in, "0:1,2", p->out, p->undo, "gate");
    must_restore(p->out, p->undo, p->again);
    same_folder(p->in, p->again);
}

/* The report and the mask of the first pruning are the second's original. */
static void a_second_pruning_can_be_undone(void **state)
{
    const place *p = *state;
    char *more = fixture_path(p->root, "more");
    static const char *const forms[] = {"zero", "mask", "remove"};
    for (size_t i = 0; i < 3; i++) {
        prune("tests/golden/gpt2", "0:1", p->out, NULL, forms[i]);
        fixture_put_text(p->out, "headprune.json", "{}\n");
        for (size_t k = 0; k < 3; k++) {
            prune(p->out, "1:2", more, p->undo, forms[k]);
            must_restore(more, p->undo, p->again);
            same_folder(p->out, p->again);
            fixture_unlink(p->again);
        }
    }
    free(more);
}

/* Without code of ours the modeling file of an earlier pruning does not go
 * along; undone, it is there again. */
static void what_is_left_out_comes_back(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    char *more = fixture_path(p->root, "more");
    job j;
    prune("tests/golden/gpt2", "0:1", p->out, NULL, "remove");
    hp_rewrite_options o = job_options(more, 0);
    o.emit = hp_emit_find("remove");
    o.undo = p->undo;
    o.no_remote_code = 1;
    job_open(&j, p->out, NULL, "1:1");
    assert_int_equal(job_run(&j, &o, &err), HP_OK);
    job_close(&j);
    char *file = fixture_path(more, "modeling_headprune.py");
    assert_int_not_equal(access(file, F_OK), 0);
    must_restore(more, p->undo, p->again);
    same_folder(p->out, p->again);
    free(file);
    free(more);
}

static void files_of_other_names_keep_them(void **state)
{
    const place *p = *state;
    fixture_write(p->in, &FIXTURE_GPT2);
    char *from = fixture_path(p->in, "model.safetensors");
    char *to = fixture_path(p->in, "weights.safetensors");
    assert_int_equal(rename(from, to), 0);
    prune(p->in, "0:1", p->out, p->undo, "remove");
    must_restore(p->out, p->undo, p->again);
    same_folder(p->in, p->again);
    free(from);
    free(to);
}

static void a_single_file_can_be_undone(void **state)
{
    const place *p = *state;
    char *file = fixture_path(p->root, "x.safetensors");
    char *back = fixture_path(p->root, "y.safetensors");
    prune("tests/golden/gpt2", "0:1", file, p->undo, "zero");
    must_restore(file, p->undo, back);
    assert_true(fixture_same(back, "tests/golden/gpt2/model.safetensors"));
    must_restore(file, p->undo, p->again);
    assert_int_equal(fixture_count(p->again), 1);
    free(file);
    free(back);
}

/* ---- what is refused ---- */

static void refused(const place *p, const char *pruned, const char *undo,
                    hp_status status, const char *says)
{
    hp_error err = {0};
    assert_int_equal(restore(pruned, undo, p->again, &err), status);
    if (!strstr(err.message, says))
        fail_msg("'%s' is not in '%s'", says, err.message);
    assert_int_not_equal(access(p->again, F_OK), 0);
}

static void flip(const char *folder, const char *name, size_t from_end)
{
    char *path = fixture_path(folder, name);
    size_t len;
    char *bytes = fixture_read(path, &len);
    bytes[len - from_end] ^= 1;
    fixture_put(folder, name, bytes, len);
    free(bytes);
    free(path);
}

static void what_does_not_belong_together_is_refused(void **state)
{
    const place *p = *state;
    char *other = fixture_path(p->root, "other.undo");
    char *more = fixture_path(p->root, "more");
    static const char in[] = "tests/golden/gpt2";
    prune(in, "0:1", p->out, p->undo, "remove");
    prune(in, "0:2", more, other, "remove");
    refused(p, p->out, other, HP_FORMAT, "undo file belongs to another output");
    refused(p, p->out, "tests/golden/gpt2/model.safetensors", HP_FORMAT,
            "no undo file");
    refused(p, p->out, "tests/golden/gpt2/config.json", HP_FORMAT, "");
    refused(p, p->out, "nowhere", HP_IO, "no such file");
    flip(p->out, "config.json", 2);
    hp_error err = {0};
    assert_int_equal(restore(p->out, p->undo, p->again, &err), HP_FORMAT);
    assert_non_null(strstr(err.file, "config.json"));
    flip(p->out, "config.json", 2);
    flip(p->out, "model.safetensors", 5);
    refused(p, p->out, p->undo, HP_FORMAT, "was changed");
    flip(p->out, "model.safetensors", 5);
    must_restore(p->out, p->undo, p->again);
    free(other);
    free(more);
}

/* Every byte of the undo file but those of names and spaces matters. */
static void a_damaged_undo_file_is_refused(void **state)
{
    const place *p = *state;
    size_t len;
    fixture_write(p->in, &FIXTURE_GPT2);
    prune(p->in, "0:1 1:*", p->out, p->undo, "remove");
    free(fixture_read(p->undo, &len));
    for (size_t at = 1; at < len; at += 97) {
        hp_error err = {0};
        flip(p->root, "undo", at);
        hp_status st = restore(p->out, p->undo, p->again, &err);
        if (!st)
            same_folder(p->in, p->again); /* in the tool's version, say */
        else
            assert_int_equal(st, HP_FORMAT);
        fixture_unlink(p->again);
        flip(p->root, "undo", at);
    }
}

static void the_undo_file_has_its_place(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    job j;
    fixture_write(p->in, &FIXTURE_GPT2);
    char *weights = fixture_path(p->in, "model.safetensors");
    char *inside = fixture_path(p->out, "undo");
    job_open(&j, p->in, NULL, "0:1");
    hp_rewrite_options o = job_options(p->out, 0);
    o.undo = weights;
    assert_int_equal(job_run(&j, &o, &err), HP_IO);
    assert_non_null(strstr(err.message, "is a file of the input"));
    fixture_put_text(p->root, "undo", "mine");
    o.undo = p->undo;
    assert_int_equal(job_run(&j, &o, &err), HP_IO);
    assert_non_null(strstr(err.message, "undo file exists"));
    assert_int_not_equal(access(p->out, F_OK), 0);
    o.replace = 1;
    assert_int_equal(job_run(&j, &o, &err), HP_OK);
    o.undo = inside;
    assert_int_equal(job_run(&j, &o, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "cannot lie in the output folder"));
    job_close(&j);
    assert_int_equal(fixture_count(p->root), 3);
    free(weights);
    free(inside);
}

static int stop_at_once(void *payload, uint64_t done, uint64_t total)
{
    (void)payload;
    (void)done;
    (void)total;
    return 1;
}

static void what_is_stopped_leaves_no_trace(void **state)
{
    const place *p = *state;
    hp_error err = {0};
    hp_checkpoint *c = NULL;
    hp_rewrite *r = NULL;
    job j;
    fixture_write(p->in, &FIXTURE_GPT2);
    job_open(&j, p->in, NULL, "0:1");
    hp_rewrite_options o = job_options(p->out, 0);
    o.undo = p->undo;
    o.progress.step = stop_at_once;
    assert_int_equal(job_run(&j, &o, &err), HP_CANCELLED);
    assert_int_equal(fixture_count(p->root), 1);
    /* Written, but never put into place. */
    o.progress.step = NULL;
    assert_int_equal(hp_rewrite_begin(&r, j.model, j.plan, &o, &err), HP_OK);
    hp_rewrite_free(r);
    assert_int_equal(fixture_count(p->root), 1);
    assert_int_equal(job_run(&j, &o, &err), HP_OK);
    job_close(&j);
    const hp_restore_options ro = {
        .undo = p->undo, .out = p->again, .progress.step = stop_at_once};
    assert_int_equal(hp_checkpoint_open(&c, p->out, NULL, &err), HP_OK);
    assert_int_equal(hp_restore_begin(&r, c, &ro, &err), HP_CANCELLED);
    hp_checkpoint_free(c);
    assert_int_equal(fixture_count(p->root), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_form_can_be_undone),
        TEST(bands_may_cross_buffers),
        TEST(gates_can_be_undone),
        TEST(a_second_pruning_can_be_undone),
        TEST(what_is_left_out_comes_back),
        TEST(files_of_other_names_keep_them),
        TEST(a_single_file_can_be_undone),
        TEST(what_does_not_belong_together_is_refused),
        TEST(a_damaged_undo_file_is_refused),
        TEST(what_is_stopped_leaves_no_trace),
        TEST(the_undo_file_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
