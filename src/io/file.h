#ifndef HEADPRUNE_IO_FILE_H
#define HEADPRUNE_IO_FILE_H

#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reading: pread only. Every message names the path and the reason; EINTR is
 * retried, a short read is an error.
 */
typedef struct hp__file {
    int fd;
    uint64_t size;
    dev_t dev;
    ino_t ino;
    int64_t changed_ns; /* st_ctim */
} hp__file;

/* "cannot WHAT: REASON" with HP_IO and the text of `number` (an errno). */
hp_status hp__fail_errno(hp_error *err, int number, const char *what);

/* After a failed read or write, with its errno: 1 when it is to be tried again,
 * having waited for a descriptor that would block. `events`: POLLIN, POLLOUT.
 */
int hp__file_wait(int fd, short events);

/* Opens a regular file (through symbolic links); anything else is HP_IO. */
HP_CHECKED
hp_status hp__file_open(hp__file *out, const char *path, hp_error *err);
/* Standard input: as it is when it is a regular file, else spooled to an
 * unlinked temporary file in TMPDIR. */
HP_CHECKED
hp_status hp__file_open_stdin(hp__file *out, hp_error *err);
/* An empty file to read and write that is private to the user and gone with its
 * descriptor, in TMPDIR. */
HP_CHECKED
hp_status hp__file_spool(int *fd, hp_error *err);
HP_CHECKED
hp_status hp__file_read(const hp__file *f, uint64_t from, void *out, uint64_t n,
                        hp_error *err);
/* HP_IO when size, inode or time of change are no longer those at opening. */
HP_CHECKED
hp_status hp__file_unchanged(const hp__file *f, hp_error *err);
void hp__file_close(hp__file *f); /* fd -1 is fine */

/* The whole of a small file, which may be a pipe ("-": standard input),
 * NUL-terminated, freed by free(); HP_FORMAT when it is larger than `most`
 * bytes. HP_IO: absent. */
HP_CHECKED
hp_status hp__file_slurp(char **out, size_t *len, const char *path, size_t most,
                         hp_error *err);

/* 1: a file (or folder) of that name exists. */
int hp__file_exists(const char *folder, const char *name);

/* Writes all of it to a descriptor, EINTR and short writes retried. */
HP_CHECKED
hp_status hp__write_all(int fd, const void *bytes, size_t n, const char *name,
                        hp_error *err);

/*
 * Output: a temporary file beside its target (O_EXCL, mode 0666 & ~umask, or
 * that of the file it replaces), written, fsynced, and moved over the target
 * by commit. A target that is neither absent nor a regular file is refused.
 * Errors of write are sticky. Abandon removes the temporary file; it does
 * nothing after commit.
 */
typedef struct hp__output hp__output;
HP_CHECKED
hp_status hp__output_open(hp__output **out, const char *path, hp_error *err);
/* Room on the disk for `n` bytes, so that a full disk is known at once; a file
 * system that cannot do that is fine. */
HP_CHECKED
hp_status hp__output_reserve(hp__output *o, uint64_t n, hp_error *err);
HP_CHECKED
hp_status hp__output_write(hp__output *o, const void *bytes, size_t n,
                           hp_error *err);
/* `n` bytes at `at`, in any order. Safe from several threads; not sticky. */
HP_CHECKED
hp_status hp__output_put(const hp__output *o, uint64_t at, const void *bytes,
                         size_t n, hp_error *err);
/* fsync and close; the data is on disk under its temporary name. */
HP_CHECKED
hp_status hp__output_sync(hp__output *o, hp_error *err);
/* rename and fsync of the folder (after hp__output_sync). */
HP_CHECKED
hp_status hp__output_commit(hp__output *o, hp_error *err);
void hp__output_abandon(hp__output *o); /* frees; NULL is fine */

/* fsync of a folder. */
HP_CHECKED
hp_status hp__folder_sync(const char *path, hp_error *err);

#endif
