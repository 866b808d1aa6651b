/* Where an output may go: everything that can stand at its path. */
#include "fixture.h"
#include "job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder with the model IN, and another model, pruned, OLD. */
typedef struct place {
    char *root, *in, *in_file, *old, *old_file;
    job j;
} place;

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->root = fixture_folder();
    p->in = fixture_path(p->root, "in");
    p->in_file = fixture_path(p->in, "model.safetensors");
    p->old = fixture_path(p->root, "old");
    p->old_file = fixture_path(p->old, "model.safetensors");
    fixture_write(p->in, &FIXTURE_GPT2);
    job_prune(p->in, "0:0", p->old);
    job_open(&p->j, p->in, NULL, "1:2");
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    job_close(&p->j);
    free(p->in);
    free(p->in_file);
    free(p->old);
    free(p->old_file);
    fixture_remove(p->root);
    free(p);
    return 0;
}

/* Both the check and the run itself refuse, and leave all as it was. */
static void refused_job(const job *j, const char *out, int replace,
                        hp_status status, const char *message)
{
    hp_error err = {0};
    hp_rewrite_options o = job_options(out, replace);
    hp_status st = hp_rewrite_check(j->model, &o, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: check: status %d, '%s'", out, (int)st, err.message);
    if (*out && status == HP_IO)
        assert_string_equal(err.file, out);
    memset(&err, 0, sizeof err);
    st = job_run(j, &o, &err);
    if (st != status || !strstr(err.message, message))
        fail_msg("%s: run: status %d, '%s'", out, (int)st, err.message);
}

static void refused(const place *p, const char *name, int replace,
                    const char *message)
{
    char *out = fixture_path(p->root, name);
    size_t before = fixture_count(p->root);
    refused_job(&p->j, out, replace, HP_IO, message);
    assert_int_equal(fixture_count(p->root), before);
    free(out);
}

static void taken(const place *p, const char *name, int replace)
{
    hp_error err = {0};
    char *out = fixture_path(p->root, name);
    hp_rewrite_options o = job_options(out, replace);
    if (hp_rewrite_check(p->j.model, &o, &err) || job_run(&p->j, &o, &err))
        fail_msg("%s: %s", name, err.message);
    free(out);
}

/* What job_run writes for the plan of this place. */
static void holds_new_output(const place *p, const char *name)
{
    char *fresh = fixture_path(p->root, "fresh.safetensors");
    char *folder = fixture_path(p->root, name);
    char *file = fixture_path(folder, "model.safetensors");
    hp_error err = {0};
    hp_rewrite_options o = job_options(fresh, 1);
    assert_int_equal(job_run(&p->j, &o, &err), HP_OK);
    assert_true(fixture_same(fresh, file));
    assert_int_equal(fixture_count(folder), 2);
    fixture_unlink(fresh);
    free(fresh);
    free(folder);
    free(file);
}

static void make_folder(const place *p, const char *name)
{
    char *path = fixture_path(p->root, name);
    assert_int_equal(mkdir(path, 0777), 0);
    free(path);
}

static void make_link(const place *p, const char *to, const char *name)
{
    char *path = fixture_path(p->root, name);
    assert_int_equal(symlink(to, path), 0);
    free(path);
}

static void an_existing_output_is_refused(void **state)
{
    place *p = *state;
    hp_error err = {0};
    hp_rewrite_options o = job_options(p->old, 0);
    refused(p, "old", 0, "output exists");
    refused(p, "old/", 0, "output exists");
    assert_int_equal(hp_rewrite_check(p->j.model, &o, &err), HP_IO);
    assert_string_equal(err.hint, "-f replaces it");
}

static void replacing_leaves_nothing_of_the_old(void **state)
{
    place *p = *state;
    fixture_put_text(p->old, "notes.txt", "of the old one");
    taken(p, "old", 1);
    holds_new_output(p, "old");
    assert_int_equal(fixture_count(p->root), 2);
}

static void what_is_replaced_lends_its_mode(void **state)
{
    place *p = *state;
    struct stat s;
    assert_int_equal(chmod(p->old, 0750), 0);
    taken(p, "old", 1);
    assert_int_equal(stat(p->old, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0750);
    char *file = fixture_path(p->root, "x.safetensors");
    fixture_put_text(p->root, "x.safetensors", "old");
    assert_int_equal(chmod(file, 0640), 0);
    taken(p, "x.safetensors", 1);
    assert_int_equal(stat(file, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0640);
    free(file);
}

static void new_outputs_follow_the_umask(void **state)
{
    place *p = *state;
    struct stat s;
    mode_t mask = umask(027);
    taken(p, "new", 0);
    umask(mask);
    char *folder = fixture_path(p->root, "new");
    char *file = fixture_path(folder, "model.safetensors");
    assert_int_equal(stat(folder, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0750);
    assert_int_equal(stat(file, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0640);
    free(folder);
    free(file);
}

static void an_empty_folder_is_used(void **state)
{
    place *p = *state;
    make_folder(p, "empty");
    taken(p, "empty", 0);
    holds_new_output(p, "empty");
    make_folder(p, "empty2");
    taken(p, "empty2/", 1);
    holds_new_output(p, "empty2");
}

static void the_input_is_never_replaced(void **state)
{
    place *p = *state;
    make_link(p, "in", "link");
    make_link(p, "in/model.safetensors", "link.safetensors");
    char *hard = fixture_path(p->root, "hard.safetensors");
    assert_int_equal(link(p->in_file, hard), 0);
    for (int replace = 0; replace < 2; replace++) {
        refused(p, "in", replace, "is the input's folder");
        refused(p, "./in/../in//", replace, "is the input's folder");
        refused(p, "link", replace, "is the input's folder");
        refused(p, "in/model.safetensors", replace, "is the input itself");
        refused(p, "link.safetensors", replace, "is the input itself");
        refused(p, "hard.safetensors", replace, "is the input itself");
    }
    assert_int_equal(fixture_count(p->in), 2);
    free(hard);
}

static void a_folder_that_holds_the_input_is_not_replaced(void **state)
{
    place *p = *state;
    char *hard = fixture_path(p->old, "copy.safetensors");
    assert_int_equal(link(p->in_file, hard), 0);
    refused(p, "old", 1, "'copy.safetensors' is read");
    assert_int_equal(unlink(hard), 0);
    assert_int_equal(symlink("../in/model.safetensors", hard), 0);
    refused(p, "old", 1, "'copy.safetensors' is read");
    free(hard);
}

static void only_model_folders_are_replaced(void **state)
{
    place *p = *state;
    char *home = fixture_path(p->root, "home");
    make_folder(p, "home");
    fixture_put_text(home, "thesis.txt", "");
    refused(p, "home", 0, "output exists");
    refused(p, "home", 1, "is no model folder");
    fixture_put_text(home, "config.json", "");
    make_folder(p, "home/letters");
    refused(p, "home", 1, "'letters' in it is no plain file");
    assert_int_equal(fixture_count(home), 3);
    free(home);
}

static void the_parent_must_be_a_folder(void **state)
{
    place *p = *state;
    fixture_put_text(p->root, "file", "");
    refused(p, "nowhere/out", 0, "no such folder");
    refused(p, "nowhere/out.safetensors", 0, "no such folder");
    refused(p, "file/out", 0, "is not a folder");
    refused(p, "file/out.safetensors", 0, "is not a folder");
}

static void a_name_too_long_is_known_at_once(void **state)
{
    place *p = *state;
    char name[400];
    memset(name, 'x', sizeof name);
    memcpy(name + sizeof name - 13, ".safetensors", 13);
    refused(p, name, 0, "File name too long");
    name[300] = '\0';
    refused(p, name, 0, "File name too long");
    name[250] = '\0';
    taken(p, name, 0);
}

static void what_is_no_folder_is_refused(void **state)
{
    place *p = *state;
    fixture_put_text(p->root, "weights.bin", "");
    char *pipe = fixture_path(p->root, "pipe");
    char *named = fixture_path(p->root, "pipe.safetensors");
    assert_int_equal(mkfifo(pipe, 0666), 0);
    assert_int_equal(mkfifo(named, 0666), 0);
    make_folder(p, "folder.safetensors");
    for (int replace = 0; replace < 2; replace++) {
        refused(p, "weights.bin", replace, "exists and is not a folder");
        refused(p, "pipe", replace, "exists and is not a folder");
        refused(p, "pipe.safetensors", replace, "not a regular file");
        refused(p, "folder.safetensors", replace, "is a folder");
        refused_job(&p->j, "/dev/null", replace, HP_IO, "is not a folder");
    }
    free(pipe);
    free(named);
}

static void a_link_to_a_folder_stands_for_it(void **state)
{
    place *p = *state;
    struct stat s;
    char *link = fixture_path(p->root, "link");
    make_link(p, "old", "link");
    make_link(p, "gone", "dangling");
    refused(p, "link", 0, "output exists");
    refused(p, "dangling", 1, "leads nowhere");
    taken(p, "link", 1);
    holds_new_output(p, "old");
    assert_int_equal(lstat(link, &s), 0);
    assert_true(S_ISLNK(s.st_mode));
    free(link);
}

static void a_link_in_place_of_a_file_is_itself_replaced(void **state)
{
    place *p = *state;
    struct stat s;
    char *link = fixture_path(p->root, "link.safetensors");
    fixture_put_text(p->root, "blob", "kept");
    make_link(p, "blob", "link.safetensors");
    make_link(p, "gone", "dangling.safetensors");
    refused(p, "link.safetensors", 0, "output exists");
    refused(p, "dangling.safetensors", 0, "output exists");
    taken(p, "link.safetensors", 1);
    taken(p, "dangling.safetensors", 1);
    assert_int_equal(lstat(link, &s), 0);
    assert_true(S_ISREG(s.st_mode));
    char *blob = fixture_path(p->root, "blob");
    char *text = fixture_read(blob, NULL);
    assert_string_equal(text, "kept");
    free(text);
    free(blob);
    free(link);
}

static void the_working_folder_is_refused(void **state)
{
    place *p = *state;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    for (int replace = 0; replace < 2; replace++) {
        refused_job(&p->j, ".", replace, HP_IO, "is the working folder");
        refused_job(&p->j, "./", replace, HP_IO, "is the working folder");
        refused_job(&p->j, here, replace, HP_IO, "is the working folder");
        refused_job(&p->j, "/", replace, HP_IO, "is a mount point");
        refused_job(&p->j, "/proc", replace, HP_IO, "is a mount point");
    }
}

static void a_folder_where_nothing_can_be_made_is_an_error(void **state)
{
    place *p = *state;
    hp_error err = {0};
    hp_rewrite_options o = job_options("/proc/headprune-out", 0);
    assert_int_equal(job_run(&p->j, &o, &err), HP_IO);
    assert_string_equal(err.file, "/proc/headprune-out");
    o = job_options("/proc/headprune.safetensors", 0);
    assert_int_equal(job_run(&p->j, &o, &err), HP_IO);
}

static void several_files_do_not_go_into_one(void **state)
{
    place *p = *state;
    job j;
    hp_error err = {0};
    fixture f = FIXTURE_BERT;
    f.shards = 2;
    char *in = fixture_path(p->root, "shards");
    char *out = fixture_path(p->root, "one.safetensors");
    fixture_write(in, &f);
    job_open(&j, in, NULL, "0:0");
    refused_job(&j, out, 0, HP_INVALID, "of 2 files does not go into one");
    refused_job(&j, "-", 0, HP_INVALID, "of 2 files does not go into one");
    hp_rewrite_options o = job_options("-", 0);
    assert_int_equal(hp_rewrite_check(j.model, &o, &err), HP_INVALID);
    assert_non_null(strstr(err.hint, "folder"));
    job_close(&j);
    free(in);
    free(out);
}

static void an_empty_name_is_refused(void **state)
{
    place *p = *state;
    refused_job(&p->j, "", 1, HP_INVALID, "empty name");
}

static void no_file_goes_beside_an_index(void **state)
{
    place *p = *state;
    fixture f = FIXTURE_BERT;
    f.shards = 2;
    char *in = fixture_path(p->root, "shards");
    fixture_write(in, &f);
    refused(p, "shards/model.safetensors", 1, "an index stands beside it");
    taken(p, "shards/other.safetensors", 0);
    free(in);
}

static void an_output_that_appears_meanwhile_is_kept(void **state)
{
    static const char *const names[] = {"late", "late.safetensors"};
    place *p = *state;
    for (int i = 0; i < 2; i++) {
        hp_error err = {0};
        hp_rewrite *r = NULL;
        char *out = fixture_path(p->root, names[i]);
        hp_rewrite_options o = job_options(out, 0);
        assert_int_equal(hp_rewrite_begin(&r, p->j.model, p->j.plan, &o, &err),
                         HP_OK);
        if (i == 0) {
            make_folder(p, names[i]);
            fixture_put_text(out, "config.json", "mine");
        } else {
            fixture_put_text(p->root, names[i], "mine");
        }
        assert_int_equal(hp_rewrite_commit(r, &err), HP_IO);
        assert_string_equal(err.message, "output exists");
        assert_string_equal(err.file, out);
        hp_rewrite_free(r);
        assert_int_equal(fixture_count(p->root), 3 + (size_t)i);
        free(out);
    }
}

static void an_input_that_changes_meanwhile_is_noticed(void **state)
{
    place *p = *state;
    hp_error err = {0};
    hp_rewrite *r = NULL;
    char *out = fixture_path(p->root, "out");
    hp_rewrite_options o = job_options(out, 0);
    assert_int_equal(hp_rewrite_begin(&r, p->j.model, p->j.plan, &o, &err),
                     HP_OK);
    FILE *f = fopen(p->in_file, "ab");
    assert_non_null(f);
    if (f) {
        fputc('x', f);
        fclose(f);
    }
    assert_int_equal(hp_rewrite_commit(r, &err), HP_IO);
    assert_non_null(strstr(err.message, "changed"));
    hp_rewrite_free(r);
    assert_int_equal(fixture_count(p->root), 2);
    free(out);
}

static void nothing_is_seen_before_the_commit(void **state)
{
    place *p = *state;
    hp_error err = {0};
    hp_rewrite *r = NULL;
    hp_rewrite_options o = job_options(p->old, 1);
    char *old = fixture_read(p->old_file, NULL);
    size_t len;
    assert_int_equal(hp_rewrite_begin(&r, p->j.model, p->j.plan, &o, &err),
                     HP_OK);
    assert_int_equal(hp_rewrite_add(r, "headprune.json", "x", 1, &err), HP_OK);
    assert_int_equal(fixture_count(p->old), 2);
    hp_rewrite_free(r);
    char *still = fixture_read(p->old_file, &len);
    assert_memory_equal(still, old, len);
    assert_int_equal(fixture_count(p->root), 2);
    free(still);
    free(old);
}

static void added_files_have_plain_new_names(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "/etc/x"};
    place *p = *state;
    hp_error err = {0};
    hp_rewrite *r = NULL;
    char *out = fixture_path(p->root, "out.safetensors");
    hp_rewrite_options o = job_options(out, 0);
    assert_int_equal(hp_rewrite_begin(&r, p->j.model, p->j.plan, &o, &err),
                     HP_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(hp_rewrite_add(r, bad[i], "x", 1, &err), HP_INVALID);
    assert_int_equal(hp_rewrite_add(r, "out.safetensors", "x", 1, &err),
                     HP_INVALID);
    fixture_put_text(p->root, "there.json", "mine");
    assert_int_equal(hp_rewrite_add(r, "there.json", "x", 1, &err), HP_IO);
    assert_string_equal(err.message, "output exists");
    hp_rewrite_free(r);
    o = job_options(p->old, 1);
    assert_int_equal(hp_rewrite_begin(&r, p->j.model, p->j.plan, &o, &err),
                     HP_OK);
    assert_int_equal(hp_rewrite_add(r, "config.json", "x", 1, &err),
                     HP_INVALID);
    assert_non_null(strstr(err.message, "one of the model's files"));
    hp_rewrite_free(r);
    free(out);
}

static void a_head_that_the_model_lacks_is_refused(void **state)
{
    place *p = *state;
    job wide;
    hp_error err = {0};
    fixture f = FIXTURE_GPT2;
    f.heads = 8;
    f.head_dim = 4;
    char *in = fixture_path(p->root, "wide");
    char *out = fixture_path(p->root, "out");
    fixture_write(in, &f);
    job_open(&wide, in, NULL, "0:7");
    job mixed = {p->j.checkpoint, p->j.model, wide.plan};
    hp_rewrite_options o = job_options(out, 0);
    assert_int_equal(job_run(&mixed, &o, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "0:7"));
    assert_int_equal(fixture_count(p->root), 3);
    job_close(&wide);
    free(in);
    free(out);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_existing_output_is_refused),
        CASE(replacing_leaves_nothing_of_the_old),
        CASE(what_is_replaced_lends_its_mode),
        CASE(new_outputs_follow_the_umask),
        CASE(an_empty_folder_is_used),
        CASE(the_input_is_never_replaced),
        CASE(a_folder_that_holds_the_input_is_not_replaced),
        CASE(only_model_folders_are_replaced),
        CASE(the_parent_must_be_a_folder),
        CASE(a_name_too_long_is_known_at_once),
        CASE(what_is_no_folder_is_refused),
        CASE(a_link_to_a_folder_stands_for_it),
        CASE(a_link_in_place_of_a_file_is_itself_replaced),
        CASE(the_working_folder_is_refused),
        CASE(a_folder_where_nothing_can_be_made_is_an_error),
        CASE(several_files_do_not_go_into_one),
        CASE(an_empty_name_is_refused),
        CASE(no_file_goes_beside_an_index),
        CASE(an_output_that_appears_meanwhile_is_kept),
        CASE(an_input_that_changes_meanwhile_is_noticed),
        CASE(nothing_is_seen_before_the_commit),
        CASE(added_files_have_plain_new_names),
        CASE(a_head_that_the_model_lacks_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
