/* Reading files and streams; outputs that appear whole or not at all. */
#include "fixture.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *folder;

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

static void bytes_are_read_from_anywhere_inside(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__file f;
    char got[8] = "";
    char *path = fixture_path(folder, "ten");
    fixture_put_text(folder, "ten", "0123456789");
    assert_int_equal(hp__file_open(&f, path, &err), HP_OK);
    assert_int_equal(f.size, 10);
    assert_int_equal(hp__file_read(&f, 3, got, 4, &err), HP_OK);
    assert_string_equal(got, "3456");
    assert_int_equal(hp__file_read(&f, 10, got, 0, &err), HP_OK);
    assert_int_equal(hp__file_read(&f, 8, got, 3, &err), HP_IO);
    assert_string_equal(err.message,
                        "cannot read 3 bytes at 8: the file has 10");
    assert_int_equal(hp__file_read(&f, UINT64_MAX, got, 3, &err), HP_IO);
    assert_int_equal(hp__file_read(&f, 3, got, UINT64_MAX, &err), HP_IO);
    hp__file_close(&f);
    hp__file_close(&f);
    free(path);
}

static void a_file_that_shrinks_or_changes_is_noticed(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__file f;
    char got[8];
    char *path = fixture_path(folder, "shrinks");
    fixture_put_text(folder, "shrinks", "0123456789");
    assert_int_equal(hp__file_open(&f, path, &err), HP_OK);
    assert_int_equal(hp__file_unchanged(&f, &err), HP_OK);
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(hp__file_read(&f, 3, got, 4, &err), HP_IO);
    assert_string_equal(err.message, "the file became shorter while it was "
                                     "read: it ends at 5 of 10 bytes");
    assert_int_equal(hp__file_unchanged(&f, &err), HP_IO);
    assert_string_equal(err.message,
                        "the file was changed while it was in use");
    hp__file_close(&f);
    free(path);
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__file f;
    char *path = fixture_path(folder, "pipe");
    assert_int_equal(hp__file_open(&f, path, &err), HP_IO);
    assert_string_equal(err.message, "no such file");
    assert_string_equal(err.file, path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(hp__file_open(&f, path, &err), HP_IO);
    assert_string_equal(err.message, "not a regular file");
    assert_int_equal(hp__file_open(&f, folder, &err), HP_IO);
    assert_string_equal(err.message, "is a folder");
    char *link = fixture_path(folder, "link");
    char *target = fixture_path(folder, "target");
    fixture_put_text(folder, "target", "x");
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(hp__file_open(&f, link, &err), HP_OK);
    hp__file_close(&f);
    free(link);
    free(target);
    free(path);
}

static void too_many_open_files_come_with_a_hint(void **state)
{
    (void)state;
    hp_error err = {0};
    struct rlimit old, none;
    hp__file f;
    char *path = fixture_path(folder, "x");
    fixture_put_text(folder, "x", "x");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    hp_status st = hp__file_open(&f, path, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(st, HP_IO);
    assert_string_equal(err.message, "cannot open: Too many open files");
    assert_string_equal(err.hint, "raise the limit with 'ulimit -n'");
    free(path);
}

/* Makes `fd` standard input, calls, and puts the old one back. */
static hp_status with_stdin(int fd, hp__file *out, hp_error *err)
{
    int old = dup(STDIN_FILENO);
    assert_true(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
    hp_status st = hp__file_open_stdin(out, err);
    if (old >= 0)
        dup2(old, STDIN_FILENO);
    close(old);
    return st;
}

static int pipe_of(const char *text)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    size_t n = strlen(text);
    assert_int_equal(write(ends[1], text, n), n);
    close(ends[1]);
    return ends[0];
}

static void standard_input_is_used_as_it_is_or_spooled(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__file f;
    struct stat s;
    char got[8] = "";
    char *path = fixture_path(folder, "stdin");
    fixture_put_text(folder, "stdin", "abcdef");
    assert_int_equal(stat(path, &s), 0);
    int fd = open(path, O_RDONLY);
    assert_int_equal(with_stdin(fd, &f, &err), HP_OK);
    assert_int_equal(f.ino, s.st_ino);
    assert_int_equal(hp__file_read(&f, 0, got, 6, &err), HP_OK);
    assert_string_equal(got, "abcdef");
    hp__file_close(&f);

    assert_int_equal(lseek(fd, 2, SEEK_SET), 2); /* the rest is meant */
    assert_int_equal(with_stdin(fd, &f, &err), HP_OK);
    assert_int_equal(f.size, 4);
    assert_int_equal(hp__file_read(&f, 0, got, 4, &err), HP_OK);
    assert_memory_equal(got, "cdef", 4);
    hp__file_close(&f);
    close(fd);

    fd = pipe_of("piped");
    assert_int_equal(with_stdin(fd, &f, &err), HP_OK);
    assert_int_equal(f.size, 5);
    assert_int_equal(hp__file_read(&f, 0, got, 5, &err), HP_OK);
    assert_memory_equal(got, "piped", 5);
    hp__file_close(&f);
    close(fd);
    free(path);
}

static void a_spool_needs_its_folder_and_leaves_nothing_there(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__file f;
    const char *old = getenv("TMPDIR");
    char *keep = old ? strdup(old) : NULL;
    char *spool = fixture_path(folder, "spool");
    int fd = pipe_of("piped");
    assert_int_equal(mkdir(spool, 0700), 0);
    assert_int_equal(setenv("TMPDIR", spool, 1), 0);
    assert_int_equal(with_stdin(fd, &f, &err), HP_OK);
    assert_int_equal(fixture_count(spool), 0);
    hp__file_close(&f);
    close(fd);
    fd = pipe_of("piped");
    assert_int_equal(setenv("TMPDIR", "/nonexistent", 1), 0);
    assert_int_equal(with_stdin(fd, &f, &err), HP_IO);
    assert_non_null(strstr(err.file, "/nonexistent/headprune-"));
    assert_non_null(strstr(err.hint, "TMPDIR"));
    close(fd);
    if (keep)
        setenv("TMPDIR", keep, 1);
    else
        unsetenv("TMPDIR");
    free(keep);
    free(spool);
}

static void small_files_are_slurped_whole(void **state)
{
    (void)state;
    hp_error err = {0};
    char *text = NULL;
    size_t len = 0;
    char *path = fixture_path(folder, "small");
    fixture_put(folder, "small", "a\0b", 3);
    assert_int_equal(hp__file_slurp(&text, &len, path, 3, &err), HP_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4);
    free(text);
    text = NULL;
    assert_int_equal(hp__file_slurp(&text, &len, path, 2, &err), HP_FORMAT);
    assert_string_equal(err.message, "larger than 2 bytes");
    assert_string_equal(err.file, path);
    assert_null(text);
    assert_int_equal(hp__file_slurp(&text, &len, "/dev/zero", 5000, &err),
                     HP_FORMAT);
    assert_int_equal(hp__file_slurp(&text, &len, folder, 10, &err), HP_IO);
    assert_string_equal(err.message, "is a folder");
    free(path);
}

static void existence_is_of_any_kind(void **state)
{
    (void)state;
    fixture_put_text(folder, "here", "");
    assert_true(hp__file_exists(folder, "here"));
    assert_true(hp__file_exists(folder, "."));
    assert_false(hp__file_exists(folder, "there"));
    char name[5000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_false(hp__file_exists(folder, name));
}

/* A new folder in the test's own. */
static char *subfolder(const char *name)
{
    char *path = fixture_path(folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static void an_output_appears_when_it_is_committed(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__output *o = NULL;
    struct stat s;
    char *in = subfolder("out1");
    char *path = fixture_path(in, "result");
    mode_t mask = umask(027);
    assert_int_equal(hp__output_open(&o, path, &err), HP_OK);
    umask(mask);
    assert_int_equal(hp__output_write(o, "ab", 2, &err), HP_OK);
    assert_int_equal(hp__output_write(o, "", 0, &err), HP_OK);
    assert_int_equal(hp__output_write(o, "cd", 2, &err), HP_OK);
    assert_int_equal(hp__output_sync(o, &err), HP_OK);
    assert_int_equal(stat(path, &s), -1);
    assert_int_equal(fixture_count(in), 1);
    assert_int_equal(hp__output_commit(o, &err), HP_OK);
    hp__output_abandon(o);
    assert_int_equal(fixture_count(in), 1);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0640);
    char *text = fixture_read(path, NULL);
    assert_string_equal(text, "abcd");
    free(text);
    free(path);
    free(in);
}

static void an_abandoned_output_leaves_the_old_file(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__output *o = NULL;
    char *in = subfolder("out2");
    char *path = fixture_path(in, "result");
    fixture_put_text(in, "result", "old");
    assert_int_equal(hp__output_open(&o, path, &err), HP_OK);
    assert_int_equal(hp__output_write(o, "new", 3, &err), HP_OK);
    hp__output_abandon(o);
    assert_int_equal(fixture_count(in), 1);
    char *text = fixture_read(path, NULL);
    assert_string_equal(text, "old");
    free(text);
    hp__output_abandon(NULL);
    free(path);
    free(in);
}

static void a_replaced_file_keeps_its_mode(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__output *o = NULL;
    struct stat s;
    char *in = subfolder("out3");
    char *path = fixture_path(in, "result");
    fixture_put_text(in, "result", "old");
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(hp__output_open(&o, path, &err), HP_OK);
    assert_int_equal(hp__output_write(o, "new", 3, &err), HP_OK);
    assert_int_equal(hp__output_commit(o, &err), HP_OK);
    hp__output_abandon(o);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0604);
    assert_int_equal(s.st_size, 3);
    free(path);
    free(in);
}

static void two_outputs_of_one_name_do_not_meet(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__output *a = NULL, *b = NULL;
    char *in = subfolder("out4");
    char *path = fixture_path(in, "result");
    assert_int_equal(hp__output_open(&a, path, &err), HP_OK);
    assert_int_equal(hp__output_open(&b, path, &err), HP_OK);
    assert_int_equal(hp__output_write(a, "aaa", 3, &err), HP_OK);
    assert_int_equal(hp__output_write(b, "b", 1, &err), HP_OK);
    assert_int_equal(hp__output_commit(a, &err), HP_OK);
    assert_int_equal(hp__output_commit(b, &err), HP_OK);
    hp__output_abandon(a);
    hp__output_abandon(b);
    assert_int_equal(fixture_count(in), 1);
    char *text = fixture_read(path, NULL);
    assert_string_equal(text, "b");
    free(text);
    free(path);
    free(in);
}

static void what_must_not_be_replaced_is_refused(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__output *o = NULL;
    assert_int_equal(hp__output_open(&o, folder, &err), HP_IO);
    assert_string_equal(err.message, "is a folder");
    assert_int_equal(hp__output_open(&o, "/dev/null", &err), HP_IO);
    assert_string_equal(err.message, "not a regular file");
    char *path = fixture_path(folder, "absent/result");
    assert_int_equal(hp__output_open(&o, path, &err), HP_IO);
    assert_non_null(strstr(err.message, "no such folder: '"));
    assert_string_equal(err.file, path);
    assert_int_equal(hp__output_open(&o, "absent/", &err), HP_IO);
    assert_string_equal(err.message, "not a file name");
    assert_null(o);
    free(path);
}

static void the_longest_name_still_gets_a_temporary_one(void **state)
{
    (void)state;
    hp_error err = {0};
    hp__output *o = NULL;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    char *in = subfolder("out5");
    char *path = fixture_path(in, name);
    assert_int_equal(hp__output_open(&o, path, &err), HP_OK);
    assert_int_equal(hp__output_commit(o, &err), HP_OK);
    hp__output_abandon(o);
    assert_true(hp__file_exists(in, name));
    assert_int_equal(fixture_count(in), 1);
    free(path);
    free(in);
}

static void a_full_disk_is_reported_and_stays_reported(void **state)
{
    (void)state;
    hp_error err = {0}, again = {0};
    hp__output *o = NULL;
    struct rlimit old, few;
    char *in = subfolder("out6");
    char *path = fixture_path(in, "result");
    static char bytes[5000];
    assert_int_equal(hp__output_open(&o, path, &err), HP_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    few = old;
    few.rlim_cur = 1000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    hp_status st = hp__output_write(o, bytes, sizeof bytes, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(st, HP_IO);
    assert_string_equal(err.message, "cannot write: File too large");
    assert_string_equal(err.file, path);
    assert_int_equal(hp__output_write(o, "x", 1, NULL), HP_IO);
    assert_int_equal(hp__output_commit(o, &again), HP_IO);
    assert_string_equal(again.message, err.message);
    hp__output_abandon(o);
    assert_int_equal(fixture_count(in), 0);
    free(path);
    free(in);
}

static void a_write_that_fails_names_its_target(void **state)
{
    (void)state;
    hp_error err = {0};
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(hp__write_all(fd, "x", 1, "standard output", &err), HP_IO);
    assert_string_equal(err.message, "cannot write: No space left on device");
    assert_string_equal(err.file, "standard output");
    close(fd);
    assert_int_equal(hp__folder_sync("/nonexistent", &err), HP_IO);
    assert_string_equal(err.file, "/nonexistent");
    assert_int_equal(hp__folder_sync(folder, &err), HP_OK);
}

static void only_a_call_that_would_block_is_tried_again(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    errno = EINTR;
    assert_true(hp__file_wait(ends[1], POLLOUT));
    errno = EAGAIN;
    assert_true(hp__file_wait(ends[1], POLLOUT));
    errno = ENOSPC;
    assert_false(hp__file_wait(ends[1], POLLOUT));
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_read_from_anywhere_inside),
        cmocka_unit_test(a_file_that_shrinks_or_changes_is_noticed),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(too_many_open_files_come_with_a_hint),
        cmocka_unit_test(standard_input_is_used_as_it_is_or_spooled),
        cmocka_unit_test(a_spool_needs_its_folder_and_leaves_nothing_there),
        cmocka_unit_test(small_files_are_slurped_whole),
        cmocka_unit_test(existence_is_of_any_kind),
        cmocka_unit_test(an_output_appears_when_it_is_committed),
        cmocka_unit_test(an_abandoned_output_leaves_the_old_file),
        cmocka_unit_test(a_replaced_file_keeps_its_mode),
        cmocka_unit_test(two_outputs_of_one_name_do_not_meet),
        cmocka_unit_test(what_must_not_be_replaced_is_refused),
        cmocka_unit_test(the_longest_name_still_gets_a_temporary_one),
        cmocka_unit_test(a_full_disk_is_reported_and_stays_reported),
        cmocka_unit_test(a_write_that_fails_names_its_target),
        cmocka_unit_test(only_a_call_that_would_block_is_tried_again),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
