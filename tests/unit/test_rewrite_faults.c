/* Writing that fails, is stopped or killed: the old output or the new one. */
#include "fixture.h"
#include "job.h"

#include "prune/place.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A model, two plans for it, and what they write: A stands at OUT. */
typedef struct place {
    char *root, *in, *out, *out_file, *a_file, *b_file;
    job a, b;
} place;

static void run_to(const job *j, const char *out)
{
    hp_error err = {0};
    hp_rewrite_options o = job_options(out, 1);
    if (job_run(j, &o, &err))
        fail_msg("%s", err.message);
}

static int setup(void **state)
{
    /* Three times the buffer that files are streamed through. */
    const fixture f = {"gpt2", 2, 4, 32, 40, 16, "F32", 1};
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->root = fixture_folder();
    p->in = fixture_path(p->root, "in");
    p->out = fixture_path(p->root, "out");
    p->out_file = fixture_path(p->out, "model.safetensors");
    p->a_file = fixture_path(p->root, "a.safetensors");
    p->b_file = fixture_path(p->root, "b.safetensors");
    fixture_write(p->in, &f);
    job_open(&p->a, p->in, NULL, "0:0-2");
    job_open(&p->b, p->in, NULL, "0:3 1:1");
    run_to(&p->a, p->a_file);
    run_to(&p->b, p->b_file);
    run_to(&p->a, p->out);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    job_close(&p->a);
    job_close(&p->b);
    free(p->in);
    free(p->out);
    free(p->out_file);
    free(p->a_file);
    free(p->b_file);
    fixture_remove(p->root);
    free(p);
    return 0;
}

/* in, out, a, b and nothing else; A is still there, whole. */
static void nothing_has_changed(const place *p)
{
    assert_int_equal(fixture_count(p->root), 4);
    assert_int_equal(fixture_count(p->out), 2);
    assert_true(fixture_same(p->out_file, p->a_file));
}

/* ---- full disks ---- */

/* In a child, for limits and closed descriptors: 0 when the job fails with
 * HP_IO and a message that has `message`. */
static int expect_failure(const job *j, const char *out, const char *message)
{
    hp_error err = {0};
    hp_rewrite_options o = job_options(out, 1);
    hp_status st = job_run(j, &o, &err);
    if (st == HP_IO && strstr(err.message, message))
        return 0;
    fprintf(stderr, "%s: status %d, '%s'\n", out, (int)st, err.message);
    return 1;
}

static int exit_code(pid_t child)
{
    int status = -1;
    assert_true(child > 0);
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void limit_and_fail(const place *p, const char *out, rlim_t bytes)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {bytes, bytes};
        signal(SIGXFSZ, SIG_IGN); /* NOLINT(cert-err33-c) */
        _exit(setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
              expect_failure(&p->b, out, "File too large"));
    }
    assert_int_equal(exit_code(child), 0);
    nothing_has_changed(p);
}

static void a_full_disk_leaves_the_old_output(void **state)
{
    place *p = *state;
    char *file = fixture_path(p->root, "new.safetensors");
    /* The weights do not fit at all; in part; only config.json does not. */
    limit_and_fail(p, p->out, 0);
    limit_and_fail(p, p->out, 700000);
    limit_and_fail(p, file, 100);
    free(file);
}

static void the_message_names_the_file_as_the_user_sees_it(void **state)
{
    place *p = *state;
    pid_t child = fork();
    if (child == 0) {
        hp_error err = {0};
        struct rlimit limit = {0, 0};
        hp_rewrite_options o = job_options(p->out, 1);
        signal(SIGXFSZ, SIG_IGN); /* NOLINT(cert-err33-c) */
        _exit(setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
              job_run(&p->b, &o, &err) != HP_IO ||
              strcmp(err.file, p->out_file) != 0);
    }
    assert_int_equal(exit_code(child), 0);
}

/* ---- standard output ---- */

/* Runs `j` to "-" with descriptor 1 as `fd`; 0 or what went wrong. */
static int run_to_stdout(const job *j, int fd, const char *message)
{
    hp_error err = {0};
    hp_rewrite *r = NULL;
    hp_rewrite_options o = job_options("-", 0);
    if (dup2(fd, STDOUT_FILENO) < 0)
        return 2;
    if (message)
        return expect_failure(j, "-", message);
    if (hp_rewrite_begin(&r, j->model, j->plan, &o, &err))
        return 3;
    int wrong = hp_rewrite_add(r, "x", "x", 1, &err) != HP_INVALID ||
                hp_rewrite_commit(r, &err) != HP_OK;
    hp_rewrite_free(r);
    return wrong;
}

static int stdout_job(const job *j, int fd, const char *message)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_IGN); /* NOLINT(cert-err33-c) */
        _exit(run_to_stdout(j, fd, message));
    }
    close(fd);
    return exit_code(child);
}

static void a_stream_has_the_bytes_of_the_file(void **state)
{
    place *p = *state;
    char *path = fixture_path(p->root, "stream");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(stdout_job(&p->b, fd, NULL), 0);
    assert_true(fixture_same(path, p->b_file));
    fixture_unlink(path);
    nothing_has_changed(p);
    free(path);
}

static void a_full_or_closed_stream_is_an_error(void **state)
{
    place *p = *state;
    int ends[2];
    assert_int_equal(stdout_job(&p->b, open("/dev/full", O_WRONLY | O_CLOEXEC),
                                "No space left"),
                     0);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(stdout_job(&p->b, ends[1], "Broken pipe"), 0);
    nothing_has_changed(p);
}

/* ---- stopping ---- */

static int stop_after(void *payload, uint64_t done, uint64_t total)
{
    int *left = payload;
    (void)done;
    (void)total;
    return (*left)-- == 0;
}

static void a_run_that_is_stopped_leaves_no_trace(void **state)
{
    place *p = *state;
    char *file = fixture_path(p->root, "new.safetensors");
    const char *const outs[] = {p->out, file};
    for (int i = 0; i < 6; i++) {
        hp_error err = {0};
        int left = i / 2;
        hp_rewrite_options o = job_options(outs[i % 2], 1);
        o.progress = (hp_progress){stop_after, &left};
        assert_int_equal(job_run(&p->b, &o, &err), HP_CANCELLED);
        nothing_has_changed(p);
    }
    free(file);
}

/* ---- killing ---- */

static void rewrite_for_ever(const place *p)
{
    for (int i = 0;; i++) {
        const job *j = i % 2 ? &p->a : &p->b;
        const char *text = i % 2 ? "a" : "b";
        hp_error err = {0};
        hp_rewrite *r = NULL;
        hp_rewrite_options o = job_options(p->out, 1);
        if (hp_rewrite_begin(&r, j->model, j->plan, &o, &err) ||
            hp_rewrite_add(r, "headprune.json", text, 1, &err) ||
            hp_rewrite_commit(r, &err)) {
            fprintf(stderr, "%s: %s\n", err.file, err.message);
            _exit(1);
        }
        hp_rewrite_free(r);
    }
}

/* The weights, the report and the configuration of one run. */
static void output_is_whole(const place *p, int started)
{
    char *report = fixture_path(p->out, "headprune.json");
    int first = access(report, F_OK) != 0;
    char *text = first ? NULL : fixture_read(report, NULL);
    int is_b = text && strcmp(text, "b") == 0;
    assert_true(started || first);
    assert_int_equal(fixture_count(p->out), first ? 2 : 3);
    assert_true(fixture_same(p->out_file, is_b ? p->b_file : p->a_file));
    free(text);
    free(report);
}

static void a_kill_leaves_the_old_or_the_new_output(void **state)
{
    place *p = *state;
    uint32_t random = 12345;
    for (int i = 0; i < 100; i++) {
        random = random * 1664525u + 1013904223u;
        struct timespec t = {0, (long)(random >> 8)}; /* up to 16.8 ms */
        pid_t child = fork();
        if (child == 0)
            rewrite_for_ever(p);
        assert_true(child > 0);
        nanosleep(&t, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(exit_code(child), 128 + SIGKILL);
        output_is_whole(p, 1);
    }
    /* What is left is hidden, and in nobody's way. */
    run_to(&p->a, p->out);
    assert_true(fixture_same(p->out_file, p->a_file));
}

static void runs_at_once_leave_one_whole_output(void **state)
{
    place *p = *state;
    pid_t children[8];
    for (size_t i = 0; i < 8; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            hp_error err = {0};
            hp_rewrite_options o = job_options(p->out, 1);
            _exit(job_run(i % 2 ? &p->a : &p->b, &o, &err) != HP_OK);
        }
    }
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(exit_code(children[i]), 0);
    assert_int_equal(fixture_count(p->root), 4);
    assert_int_equal(fixture_count(p->out), 2);
    assert_true(fixture_same(p->out_file, p->a_file) ||
                fixture_same(p->out_file, p->b_file));
}

/* ---- file systems that cannot exchange two names ---- */

static void folders_change_places_by_moves(void **state)
{
    place *p = *state;
    char *aside = fixture_path(p->root, "aside");
    char *in_now = fixture_path(p->out, "model.safetensors");
    char *out_now = fixture_path(p->in, "model.safetensors");
    char *before = fixture_read(out_now, NULL);
    size_t len;
    assert_int_equal(hp__exchange_by_moves(p->in, p->out, aside), 0);
    char *after = fixture_read(in_now, &len);
    assert_memory_equal(before, after, len);
    assert_true(fixture_same(out_now, p->a_file));
    assert_int_equal(fixture_count(p->root), 4);
    free(before);
    free(after);
    free(aside);
    free(in_now);
    free(out_now);
}

static void a_move_that_fails_is_undone(void **state)
{
    place *p = *state;
    char *aside = fixture_path(p->root, "aside");
    char *gone = fixture_path(p->root, "gone");
    assert_int_equal(hp__exchange_by_moves(gone, p->out, aside), -1);
    assert_int_equal(errno, ENOENT);
    nothing_has_changed(p);
    free(aside);
    free(gone);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_full_disk_leaves_the_old_output),
        CASE(the_message_names_the_file_as_the_user_sees_it),
        CASE(a_stream_has_the_bytes_of_the_file),
        CASE(a_full_or_closed_stream_is_an_error),
        CASE(a_run_that_is_stopped_leaves_no_trace),
        CASE(a_kill_leaves_the_old_or_the_new_output),
        CASE(runs_at_once_leave_one_whole_output),
        CASE(folders_change_places_by_moves),
        CASE(a_move_that_fails_is_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
