/*
 * Atomic output: the target holds its old bytes or all of the new ones,
 * whatever happens. The order is write, fsync, close, rename, fsync of folder.
 */
#define _GNU_SOURCE /* sync_file_range; NOLINT(cert-dcl51-cpp) */
#include "base/arena.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the target's name in the temporary one: NAME_MAX is 255. */
#define NAME_SHOWN 200
#define TRIES      1000
#define WRITE_MOST ((size_t)1 << 30)
/* What the disk is given at a time while more is written, so that the fsync at
 * the end finds little to wait for. */
#define DISK_STEP ((uint64_t)8 << 20)

struct hp__output {
    hp__arena arena;
    const char *path, *folder, *temp; /* temp NULL: renamed or removed */
    int fd;                           /* -1: closed */
    uint64_t written, begun; /* bytes in order; of them on their way to disk */
    hp_status failed;
    hp_error why;
};

hp_status hp__folder_sync(const char *path, hp_error *err)
{
    hp_status st = HP_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system that cannot sync folders has nothing to lose. */
    if (fd < 0 || (fsync(fd) && errno != EINVAL))
        st = hp_fail_file(err, hp__fail_errno(err, errno, "sync"), path);
    if (fd >= 0)
        close(fd);
    return st;
}

static hp_status split_path(hp__output *o, const char **name, const char *path,
                            hp_error *err)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    hp_status st = hp__arena_strdup(&o->path, &o->arena, path, err);
    if (st)
        return st;
    if (!slash)
        return hp__arena_strdup(&o->folder, &o->arena, ".", err);
    return hp__arena_printf(&o->folder, &o->arena, err, "%.*s",
                            slash == path ? 1 : (int)(slash - path), path);
}

static hp_status open_temp(hp__output *o, const char *name, hp_error *err)
{
    for (unsigned i = 0; i < TRIES; i++) {
        const char *temp;
        hp_status st =
            hp__arena_printf(&temp, &o->arena, err, "%s/.%.*s.headprune-%ld-%u",
                             o->folder, NAME_SHOWN, name, (long)getpid(), i);
        if (st)
            return st;
        o->fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (o->fd >= 0) {
            o->temp = temp;
            return HP_OK;
        }
        if (errno != EEXIST && errno != EINTR)
            return errno == ENOENT
                       ? hp_fail(err, HP_IO, "no such folder: '%s'", o->folder)
                       : hp__fail_errno(err, errno, "create");
    }
    return hp_fail(err, HP_IO, "%d temporary files of its name exist", TRIES);
}

/* What would be replaced must be a regular file, and lends its mode. */
static hp_status look_at_target(mode_t *mode, const char *path, hp_error *err)
{
    struct stat s;
    *mode = 0;
    if (stat(path, &s))
        return HP_OK;
    if (S_ISDIR(s.st_mode))
        return hp_fail(err, HP_IO, "is a folder");
    if (!S_ISREG(s.st_mode))
        return hp_fail(err, HP_IO, "not a regular file");
    *mode = s.st_mode & 0777;
    return HP_OK;
}

hp_status hp__output_open(hp__output **out, const char *path, hp_error *err)
{
    hp__output *o = NULL;
    const char *name = NULL;
    mode_t mode = 0;
    hp_status st = look_at_target(&mode, path, err);
    if (!st)
        st = hp__new(&o, 1, sizeof *o, err);
    if (!st) {
        o->fd = -1;
        st = split_path(o, &name, path, err);
    }
    if (!st && !*name)
        st = hp_fail(err, HP_IO, "not a file name");
    if (!st)
        st = open_temp(o, name, err);
    if (!st && mode && fchmod(o->fd, mode))
        st = hp__fail_errno(err, errno, "set the mode");
    if (!st) {
        *out = o;
        return HP_OK;
    }
    hp__output_abandon(o);
    return hp_fail_file(err, st, path);
}

static hp_status keep_failure(hp__output *o, hp_status st, const hp_error *why,
                              hp_error *err)
{
    if (!o->failed) {
        o->failed = st;
        o->why = *why;
    }
    if (err)
        *err = o->why;
    return o->failed;
}

hp_status hp__output_reserve(hp__output *o, uint64_t n, hp_error *err)
{
    hp_error why = {0};
    int number = 0;
    if (o->failed)
        return keep_failure(o, o->failed, &why, err);
    do
        number = n && n <= INT64_MAX ? posix_fallocate(o->fd, 0, (off_t)n) : 0;
    while (number == EINTR);
    if (!number || number == EINVAL || number == EOPNOTSUPP)
        return HP_OK;
    hp_status st = hp__fail_errno(&why, number, "write");
    hp_fail_file(&why, st, o->path);
    return keep_failure(o, st, &why, err);
}

/* Whether they arrive is for fsync to say. */
static void begin_disk(hp__output *o)
{
#ifdef SYNC_FILE_RANGE_WRITE
    uint64_t n = o->written - o->begun;
    if (n < DISK_STEP)
        return;
    (void)sync_file_range(o->fd, (off_t)o->begun, (off_t)n,
                          SYNC_FILE_RANGE_WRITE);
    o->begun = o->written;
#else
    (void)o;
#endif
}

hp_status hp__output_write(hp__output *o, const void *bytes, size_t n,
                           hp_error *err)
{
    hp_error why = {0};
    hp_status st = o->failed;
    if (!st)
        st = hp__write_all(o->fd, bytes, n, o->path, &why);
    if (st)
        return keep_failure(o, st, &why, err);
    o->written += n;
    begin_disk(o);
    return HP_OK;
}

hp_status hp__output_put(const hp__output *o, uint64_t at, const void *bytes,
                         size_t n, hp_error *err)
{
    const char *from = bytes;
    while (n) {
        ssize_t put =
            pwrite(o->fd, from, n < WRITE_MOST ? n : WRITE_MOST, (off_t)at);
        if (put < 0 && hp__file_wait(o->fd, POLLOUT))
            continue;
        if (put < 0)
            return hp_fail_file(err, hp__fail_errno(err, errno, "write"),
                                o->path);
        from += put;
        at += (uint64_t)put;
        n -= (size_t)put;
    }
    return HP_OK;
}

hp_status hp__output_sync(hp__output *o, hp_error *err)
{
    hp_error why = {0};
    hp_status st = o->failed;
    if (o->fd < 0)
        return st ? keep_failure(o, st, &why, err) : st;
    if (!st && fsync(o->fd))
        st = hp__fail_errno(&why, errno, "sync");
    if (close(o->fd) && !st && errno != EINTR)
        st = hp__fail_errno(&why, errno, "close");
    o->fd = -1;
    if (!st)
        return st;
    hp_fail_file(&why, st, o->path);
    return keep_failure(o, st, &why, err);
}

hp_status hp__output_commit(hp__output *o, hp_error *err)
{
    hp_status st = hp__output_sync(o, err);
    if (st || !o->temp)
        return st;
    if (rename(o->temp, o->path))
        return hp_fail_file(err, hp__fail_errno(err, errno, "rename"), o->path);
    o->temp = NULL;
    return hp__folder_sync(o->folder, err);
}

void hp__output_abandon(hp__output *o)
{
    if (!o)
        return;
    if (o->fd >= 0)
        close(o->fd);
    if (o->temp)
        unlink(o->temp);
    hp__arena_clear(&o->arena);
    free(o);
}
