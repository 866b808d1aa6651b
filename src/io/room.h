#ifndef HEADPRUNE_IO_ROOM_H
#define HEADPRUNE_IO_ROOM_H

#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Room for more than a run shall hold in memory: bytes that are put and got, in
 * memory up to `in_memory` of them, else in unlinked temporary files in TMPDIR.
 * Their blocks are reserved first, so that a full disk is known at once. What
 * was never put is zero. Bytes go to the files in turns, HP__ROOM_TURN of them
 * each: of one file, a single thread can write at a time.
 */
#define HP__ROOM_FILES ((size_t)16)
#define HP__ROOM_TURN  ((size_t)256 << 10)

typedef struct hp__room {
    unsigned char *at; /* in memory */
    int fds[HP__ROOM_FILES];
    size_t n_files; /* 0: in memory */
} hp__room;

HP_CHECKED
hp_status hp__room_open(hp__room *out, uint64_t bytes, size_t in_memory,
                        hp_error *err);
/* `n` bytes from byte `from` on; several threads at once, of different bytes.
 * HP_IO: the file cannot be read or written. */
HP_CHECKED
hp_status hp__room_put(const hp__room *r, uint64_t from, const void *bytes,
                       size_t n, hp_error *err);
HP_CHECKED
hp_status hp__room_get(const hp__room *r, uint64_t from, void *bytes, size_t n,
                       hp_error *err);
/* Also after a failure to open; all zero is fine. */
void hp__room_close(hp__room *r);

#endif
