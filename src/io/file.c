/* Reading: pread on regular files, read on streams; writing all of a text to a
 * descriptor; EINTR retried. */
#include "io/file.h"
#include "base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One read or write of the system: far below what they promise to take. */
#define STEP_MOST   ((size_t)1 << 30)
#define SPOOL_STEP  ((size_t)1 << 16)
#define SPOOL_TRIES 1000

hp_status hp__fail_errno(hp_error *err, int number, const char *what)
{
    char reason[128];
    if (number == ENOENT)
        return hp_fail(err, HP_IO, "no such file");
    if (number == EISDIR)
        return hp_fail(err, HP_IO, "is a folder");
    if (strerror_r(number, reason, sizeof reason))
        snprintf(reason, sizeof reason, "error %d", number);
    hp_status st = hp_fail(err, HP_IO, "cannot %s: %s", what, reason);
    if (number == EMFILE || number == ENFILE)
        return hp_fail_hint(err, st, "raise the limit with 'ulimit -n'");
    return st;
}

static void set_identity(hp__file *f, int fd, const struct stat *s)
{
    f->fd = fd;
    f->size = (uint64_t)s->st_size;
    f->dev = s->st_dev;
    f->ino = s->st_ino;
    f->changed_ns =
        (int64_t)s->st_ctim.tv_sec * 1000000000 + s->st_ctim.tv_nsec;
}

static hp_status take_descriptor(hp__file *out, int fd, hp_error *err)
{
    struct stat s;
    hp_status st = HP_OK;
    if (fstat(fd, &s))
        st = hp__fail_errno(err, errno, "open");
    else if (S_ISDIR(s.st_mode))
        st = hp__fail_errno(err, EISDIR, "open");
    else if (!S_ISREG(s.st_mode))
        st = hp_fail(err, HP_IO, "not a regular file");
    if (st)
        close(fd);
    else
        set_identity(out, fd, &s);
    return st;
}

/* O_NONBLOCK: a pipe without a writer must not hang the open. */
hp_status hp__file_open(hp__file *out, const char *path, hp_error *err)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    while (fd < 0 && errno == EINTR);
    hp_status st = fd < 0 ? hp__fail_errno(err, errno, "open")
                          : take_descriptor(out, fd, err);
    return st ? hp_fail_file(err, st, path) : st;
}

int hp__file_wait(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    if (errno == EINTR)
        return 1;
    return (errno == EAGAIN || errno == EWOULDBLOCK) &&
           (poll(&p, 1, -1) >= 0 || errno == EINTR);
}

static hp_status read_some(int fd, void *out, size_t room, size_t *n,
                           hp_error *err)
{
    ssize_t got;
    do
        got = read(fd, out, room < STEP_MOST ? room : STEP_MOST);
    while (got < 0 && hp__file_wait(fd, POLLIN));
    if (got < 0)
        return hp__fail_errno(err, errno, "read");
    *n = (size_t)got;
    return HP_OK;
}

hp_status hp__write_all(int fd, const void *bytes, size_t n, const char *name,
                        hp_error *err)
{
    const char *from = bytes;
    while (n) {
        ssize_t put = write(fd, from, n < STEP_MOST ? n : STEP_MOST);
        if (put < 0 && hp__file_wait(fd, POLLOUT))
            continue;
        if (put < 0) {
            hp_status st = hp__fail_errno(err, errno, "write");
            return hp_fail_file(err, st, name);
        }
        from += put;
        n -= (size_t)put;
    }
    return HP_OK;
}

hp_status hp__file_spool(int *out, hp_error *err)
{
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    int fd = -1;
    if (!folder || !*folder)
        folder = "/tmp";
    for (unsigned i = 0; fd < 0 && i < SPOOL_TRIES; i++) {
        int len = snprintf(path, sizeof path, "%s/headprune-%ld-%u", folder,
                           (long)getpid(), i);
        if (len < 0 || (size_t)len >= sizeof path)
            return hp_fail(err, HP_IO, "TMPDIR is too long a path");
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0) {
        hp_status st = hp__fail_errno(err, errno, "make a temporary file");
        hp_fail_file(err, st, path);
        return hp_fail_hint(err, st, "set TMPDIR to a folder with room");
    }
    unlink(path);
    *out = fd;
    return HP_OK;
}

static hp_status spool(int to, hp_error *err)
{
    char step[SPOOL_STEP];
    size_t n = 1;
    hp_status st = HP_OK;
    while (!st && n) {
        st = read_some(STDIN_FILENO, step, sizeof step, &n, err);
        if (!st && n)
            st = hp__write_all(to, step, n, "temporary file", err);
    }
    return st;
}

hp_status hp__file_open_stdin(hp__file *out, hp_error *err)
{
    struct stat s;
    int fd = -1;
    hp_status st = HP_OK;
    if (!fstat(STDIN_FILENO, &s) && S_ISREG(s.st_mode) &&
        lseek(STDIN_FILENO, 0, SEEK_CUR) == 0) {
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (fd < 0)
            st = hp__fail_errno(err, errno, "open");
    } else {
        st = hp__file_spool(&fd, err);
        if (!st)
            st = spool(fd, err);
        if (st && fd >= 0)
            close(fd);
    }
    if (!st)
        st = take_descriptor(out, fd, err);
    return st ? hp_fail_file(err, st, "standard input") : st;
}

hp_status hp__file_read(const hp__file *f, uint64_t from, void *out, uint64_t n,
                        hp_error *err)
{
    char *to = out;
    if (from > f->size || n > f->size - from)
        return hp_fail(err, HP_IO,
                       "cannot read %llu bytes at %llu: the file has %llu",
                       (unsigned long long)n, (unsigned long long)from,
                       (unsigned long long)f->size);
    while (n) {
        ssize_t got =
            pread(f->fd, to, n < STEP_MOST ? n : STEP_MOST, (off_t)from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hp__fail_errno(err, errno, "read");
        if (!got)
            return hp_fail(err, HP_IO,
                           "the file became shorter while it was read: it "
                           "ends at %llu of %llu bytes",
                           (unsigned long long)from,
                           (unsigned long long)f->size);
        to += got;
        from += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return HP_OK;
}

hp_status hp__file_unchanged(const hp__file *f, hp_error *err)
{
    struct stat s;
    hp__file now;
    if (fstat(f->fd, &s))
        return hp__fail_errno(err, errno, "stat");
    set_identity(&now, f->fd, &s);
    if (now.size == f->size && now.dev == f->dev && now.ino == f->ino &&
        now.changed_ns == f->changed_ns)
        return HP_OK;
    return hp_fail(err, HP_IO, "the file was changed while it was in use");
}

void hp__file_close(hp__file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static hp_status read_to_end(hp__buffer *b, int fd, size_t most, hp_error *err)
{
    for (;;) {
        size_t n = 0;
        if (!hp__buffer_reserve(b, SPOOL_STEP))
            return HP_OK; /* hp__buffer_take reports it */
        hp_status st =
            read_some(fd, b->data + b->len, b->room - b->len - 1, &n, err);
        if (st || !n)
            return st;
        b->len += n;
        if (b->len > most)
            return hp_fail(err, HP_FORMAT, "larger than %zu bytes", most);
    }
}

hp_status hp__file_slurp(char **out, size_t *len, const char *path, size_t most,
                         hp_error *err)
{
    hp__buffer b = {0};
    int from_stdin = strcmp(path, "-") == 0;
    int fd = STDIN_FILENO;
    if (!from_stdin)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    hp_status st = fd < 0 ? hp__fail_errno(err, errno, "open")
                          : read_to_end(&b, fd, most, err);
    if (!from_stdin && fd >= 0)
        close(fd);
    if (!st)
        st = hp__buffer_take(out, len, &b, err);
    hp__buffer_clear(&b);
    return st ? hp_fail_file(err, st, from_stdin ? "standard input" : path)
              : st;
}

int hp__file_exists(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct stat s;
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    return len > 0 && (size_t)len < sizeof path && !stat(path, &s);
}
