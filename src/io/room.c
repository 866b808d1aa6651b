/* Bytes in memory, or in a file when they are too many. */
#include "io/room.h"
#include "base/arena.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of one read, and of one write: for a long one Linux looks for runs of free
 * pages as long, which takes it many times as long as copying. */
#define MOST_READ  ((size_t)1 << 30)
#define MOST_WRITE ((size_t)256 << 10)

static hp_status open_file(hp__room *out, uint64_t bytes, hp_error *err)
{
    hp_status st = hp__file_spool(&out->fd, err);
    if (st)
        return st;
    out->is_file = 1;
    int number = posix_fallocate(out->fd, 0, (off_t)bytes);
    if (!number)
        return HP_OK;
    st = hp__fail_errno(err, number, "reserve a temporary file");
    return hp_fail_hint(err, st,
                        "it takes %llu bytes; set TMPDIR to a folder with room",
                        (unsigned long long)bytes);
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
    return open_file(out, bytes, err);
}

hp_status hp__room_put(const hp__room *r, uint64_t from, const void *bytes,
                       size_t n, hp_error *err)
{
    const unsigned char *next = bytes;
    if (!r->is_file)
        memcpy(r->at + from, bytes, n);
    while (n && r->is_file) {
        ssize_t put =
            pwrite(r->fd, next, n < MOST_WRITE ? n : MOST_WRITE, (off_t)from);
        if (put < 0 && hp__file_wait(r->fd, POLLOUT))
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
    if (!r->is_file)
        memcpy(bytes, r->at + from, n);
    while (n && r->is_file) {
        ssize_t got =
            pread(r->fd, next, n < MOST_READ ? n : MOST_READ, (off_t)from);
        if (got < 0 && hp__file_wait(r->fd, POLLIN))
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
    if (r->is_file)
        close(r->fd);
    *r = (hp__room){0};
}
