#ifndef HEADPRUNE_IO_SAFETENSORS_H
#define HEADPRUNE_IO_SAFETENSORS_H

#include "base/arena.h"
#include "headprune/checkpoint.h"

/* The safetensors container, rules ST01 to ST20 of docs/formats.md. Pure: what
 * is in memory is judged, no file is touched. */

/* Enough of a file's start for hp__safetensors_length. */
enum { HP__SAFETENSORS_START = 64 };

/* Length of the header from the first bytes of a file (as many as it has, at
 * most HP__SAFETENSORS_START). */
HP_CHECKED
hp_status hp__safetensors_length(size_t *out, const char *start,
                                 uint64_t file_size, hp_error *err);
typedef struct hp__tensors {
    hp_tensor *list;
    size_t n;
} hp__tensors;

/*
 * The tensors of a header in the order of their bytes, names and dims in the
 * arena; offsets count from the start of the file. All of `file_size` bytes
 * must be accounted for. `shard` is left 0.
 */
HP_CHECKED
hp_status hp__safetensors_tensors(hp__tensors *out, hp__arena *a,
                                  const char *header, size_t len,
                                  uint64_t file_size, hp_error *err);

#endif
