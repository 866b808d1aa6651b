#ifndef HEADPRUNE_CHECKPOINT_H
#define HEADPRUNE_CHECKPOINT_H

#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A checkpoint: named tensors in one or more safetensors files, and the
 * config.json beside them. Opening reads and checks every header; tensor data
 * is read on demand with pread, never mapped (a mapped file that shrinks kills
 * the process).
 */
#ifdef __cplusplus
extern "C" {
#endif

/* The dtypes that headprune computes with; all others are passed through. */
typedef enum hp_dtype {
    HP_DTYPE_F32,
    HP_DTYPE_F16,
    HP_DTYPE_BF16,
    HP_DTYPE_F64,
    HP_DTYPE_OTHER
} hp_dtype;

typedef struct hp_tensor {
    const char *name;
    const char *dtype_name; /* as stored: "F32", "BOOL", "F8_E4M3" */
    hp_dtype dtype;
    unsigned n_dims;
    const uint64_t *dims; /* [n_dims]; C order, little-endian values */
    uint64_t n_elements;
    uint32_t shard;  /* index into the checkpoint's shards */
    uint64_t offset; /* of the first byte, from the start of the shard */
    uint64_t size;   /* bytes */
} hp_tensor;

typedef struct hp_shard {
    const char *name; /* plain file name; "-" for a stream */
    const char *path; /* as reached from the path given; NULL for a stream */
    uint64_t data_offset; /* 8 + N: length prefix and header */
    uint64_t size;        /* bytes of the whole file */
} hp_shard;

typedef struct hp_checkpoint hp_checkpoint;

/*
 * Opens a folder, a .safetensors file, an index file, or "-" (one safetensors
 * stream on standard input; what is not a regular file is spooled to an
 * unlinked temporary file). config.json is read from beside the tensors, or
 * from `config` (NULL: beside). A missing config.json is not an error here.
 * In a folder, model.safetensors and an index together are refused, unless the
 * index names that file only. A folder with neither may hold one other
 * .safetensors file.
 * HP_FORMAT: a rule of the format is broken (docs/formats.md numbers them);
 * HP_IO: a file is missing or unreadable.
 */
HP_CHECKED
hp_status hp_checkpoint_open(hp_checkpoint **out, const char *path,
                             const char *config, hp_error *err);
void hp_checkpoint_free(hp_checkpoint *c); /* NULL is fine */

/* Everything below is borrowed until hp_checkpoint_free. */

/* The path that was given. */
const char *hp_checkpoint_path(const hp_checkpoint *c);
/* Folder of the tensors, where the small files are; NULL for a stream. */
const char *hp_checkpoint_folder(const hp_checkpoint *c);
/* Plain name of the index file; NULL when the path stands for one file. */
const char *hp_checkpoint_index_name(const hp_checkpoint *c);
/* Bytes of config.json, NUL-terminated, `*len` without the NUL; or NULL. */
const char *hp_checkpoint_config(const hp_checkpoint *c, size_t *len);
/*
 * "sha256:" and 64 hex digits over the safetensors headers (length prefixes
 * included, shards in name order) and the bytes of config.json.
 */
const char *hp_checkpoint_fingerprint(const hp_checkpoint *c);

/* Shards in name order. */
size_t hp_checkpoint_n_shards(const hp_checkpoint *c);
const hp_shard *hp_checkpoint_shard(const hp_checkpoint *c, size_t i);
/* Tensors in file order: by shard, then by offset. */
size_t hp_checkpoint_n_tensors(const hp_checkpoint *c);
const hp_tensor *hp_checkpoint_tensor(const hp_checkpoint *c, size_t i);
/* NULL when there is no tensor of that name: not an error. */
const hp_tensor *hp_checkpoint_find(const hp_checkpoint *c, const char *name);

/*
 * Reads bytes [from, from + n) of a tensor. Safe from several threads.
 * HP_IO when the file has become shorter or cannot be read.
 */
HP_CHECKED
hp_status hp_checkpoint_read(const hp_checkpoint *c, const hp_tensor *t,
                             uint64_t from, uint64_t n, void *out,
                             hp_error *err);
/* The same for any bytes of a shard, its header included. */
HP_CHECKED
hp_status hp_checkpoint_read_shard(const hp_checkpoint *c, size_t shard,
                                   uint64_t from, uint64_t n, void *out,
                                   hp_error *err);
/*
 * HP_IO when a shard is no longer the file that was opened (inode, size, time
 * of change): what was computed from it and what is read now may not belong
 * together.
 */
HP_CHECKED
hp_status hp_checkpoint_unchanged(const hp_checkpoint *c, hp_error *err);
/* 1 when `path` is one of the files that were opened (device and inode). */
int hp_checkpoint_has_file(const hp_checkpoint *c, const char *path);

#ifdef __cplusplus
}
#endif

#endif
