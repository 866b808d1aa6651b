#ifndef HEADPRUNE_PRUNE_UNDO_H
#define HEADPRUNE_PRUNE_UNDO_H

#include "base/sha256.h"
#include "io/file.h"
#include "prune/emit.h"

/*
 * The undo file: what a pruning takes away, beside what can be read from its
 * output. A safetensors file of U8 tensors (docs/documents.md):
 *     bytes/TENSOR   the bytes of its bands, in the order of the file
 *     header/FILE    8 bytes of length and header of a shard that was cut
 *     replaced/TENSOR  all of a tensor whose kept rows were refitted
 *     file/NAME      a small file that is not in the output as it was
 *     manifest       JSON: files with their SHA-256, and the bands
 */
#define HP__UNDO_SCHEMA   "headprune.undo/1"
#define HP__UNDO_BYTES    "bytes/"
#define HP__UNDO_HEADER   "header/"
#define HP__UNDO_REPLACED "replaced/"
#define HP__UNDO_FILE     "file/"
#define HP__UNDO_MANIFEST "manifest"

struct hp_rewrite;
typedef struct hp__undo hp__undo;

/* Lays the file out and reads the small files; written under a temporary name.
 * Called when the edition is known and before anything is copied. */
HP_CHECKED
hp_status hp__undo_open(hp__undo **out, struct hp_rewrite *r, const char *path,
                        hp_error *err);
/* The original header of a shard that is cut: its first bytes. */
HP_CHECKED
hp_status hp__undo_header(hp__undo *u, struct hp_rewrite *r, size_t shard,
                          hp_error *err);
/* The `n` bytes at `at` of a shard as they are in the input; all of them are
 * shown in order, but a header that hp__undo_header took. */
HP_CHECKED
hp_status hp__undo_see(hp__undo *u, struct hp_rewrite *r, size_t shard,
                       uint64_t at, size_t n, hp_error *err);
/* All was copied: writes the manifest, and all of it is on disk. */
HP_CHECKED
hp_status hp__undo_finish(hp__undo *u, struct hp_rewrite *r, hp_error *err);
/* Moves it into place. */
HP_CHECKED
hp_status hp__undo_commit(hp__undo *u, hp_error *err);
void hp__undo_free(hp__undo *u); /* leaves no trace before commit; NULL is fine
                                  */

#endif
