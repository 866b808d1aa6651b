/* Bytes in memory, or in files when they are too many. */
#include "io/room.h"
#include "base/arena.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hp_status open_file(hp__room *out, uint64_t bytes, hp_error *err)
{
    int fd = -1;
    hp_status st = hp__file_spool(&fd, err);
    if (st)
        return st;
    out->fds[out->n_files++] = fd;
    int number = posix_fallocate(fd, 0, (off_t)bytes);
    return number ? hp__fail_errno(err, number, "reserve a temporary file")
                  : HP_OK;
}

static hp_status open_files(hp__room *out, uint64_t bytes, hp_error *err)
{
    uint64_t turns = (bytes - 1) / HP__ROOM_TURN + 1;
    uint64_t n = turns < HP__ROOM_FILES ? turns : HP__ROOM_FILES;
    uint64_t each = ((turns - 1) / n + 1) * HP__ROOM_TURN;
    hp_status st = HP_OK;
    for (uint64_t i = 0; i < n && !st; i++)
        st = open_file(out, each, err);
    return st ? hp_fail_hint(err, st,
                             "it takes %llu bytes; set TMPDIR to a folder with "
                             "room",
                             (unsigned long long)bytes)
              : HP_OK;
}

hp_status hp__room_open(hp__room *out, uint64_t bytes, size_t in_memory,
                        hp_error *err)
{
    *out = (hp__room){0};
    if (bytes <= in_memory)
        return hp__new(&out->at, (size_t)bytes, 1, err);
    if (bytes > INT64_MAX)
        return hp_fail(err, HP_NOMEM, "out of memory (%llu bytes)",
                       (unsigned long long)bytes);
    return open_files(out, bytes, err);
}

/* Where byte `from` lies, and how many of the n from there on lie behind it: no
 * more than a turn. For a long write Linux looks for runs of free pages as
 * long, which takes it many times as long as copying. */
typedef struct place {
    int fd;
    off_t at;
    size_t n;
} place;

static place place_of(const hp__room *r, uint64_t from, size_t n)
{
    uint64_t turn = from / HP__ROOM_TURN, within = from % HP__ROOM_TURN;
    size_t left = HP__ROOM_TURN - (size_t)within;
    return (place){.fd = r->fds[turn % r->n_files],
                   .at = (off_t)(turn / r->n_files * HP__ROOM_TURN + within),
                   .n = n < left ? n : left};
}

hp_status hp__room_put(const hp__room *r, uint64_t from, const void *bytes,
                       size_t n, hp_error *err)
{
    const unsigned char *next = bytes;
    if (!r->n_files)
        memcpy(r->at + from, bytes, n);
    while (n && r->n_files) {
        place p = place_of(r, from, n);
        ssize_t put = pwrite(p.fd, next, p.n, p.at);
        if (put < 0 && hp__file_wait(p.fd, POLLOUT))
            continue;
        if (put < 0)
            return hp__fail_errno(err, errno, "write a temporary file");
        next += put;
        from += (uint64_t)put;
        n -= (size_t)put;
    }
    return HP_OK;
}

hp_status hp__room_get(const hp__room *r, uint64_t from, void *bytes, size_t n,
                       hp_error *err)
{
    unsigned char *next = bytes;
    if (!r->n_files)
        memcpy(bytes, r->at + from, n);
    while (n && r->n_files) {
        place p = place_of(r, from, n);
        ssize_t got = pread(p.fd, next, p.n, p.at);
        if (got < 0 && hp__file_wait(p.fd, POLLIN))
            continue;
        if (got <= 0)
            return got ? hp__fail_errno(err, errno, "read a temporary file")
                       : hp_fail(err, HP_IO, "a temporary file got shorter");
        next += got;
        from += (uint64_t)got;
        n -= (size_t)got;
    }
    return HP_OK;
}

void hp__room_close(hp__room *r)
{
    free(r->at);
    for (size_t i = 0; i < r->n_files; i++)
        close(r->fds[i]);
    *r = (hp__room){0};
}
