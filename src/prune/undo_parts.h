#ifndef HEADPRUNE_PRUNE_UNDO_PARTS_H
#define HEADPRUNE_PRUNE_UNDO_PARTS_H

#include "base/buffer.h"
#include "prune/rewriting.h"

/* The inside of an undo file while it is written. */

/* A tensor of the file. */
typedef struct hp__undo_part_at {
    const char *name;
    uint64_t size, offset; /* from the start of the data */
    uint64_t done;         /* bytes that were put */
} hp__undo_part_at;

/* A small file of the input that is not in the output as it was. */
typedef struct hp__undo_stored {
    const char *name;
    char *bytes; /* [len] */
    size_t len;
    char sha256[65];
} hp__undo_stored;

struct hp__undo {
    hp__output *file;
    uint64_t data;           /* offset of the data */
    hp__undo_part_at *parts; /* [n_parts]: changes, headers of shards, small
                    files, refitted tensors, manifest */
    size_t n_parts;
    size_t replaced;        /* the first part of a refitted tensor */
    hp__undo_stored *files; /* [n_files] */
    size_t n_files;
    hp__hashing *hashing; /* of the shard that is shown; NULL between them */
    char (*shards)[65];   /* [shards] SHA-256 of the input's */
};

/* What shard i is called in the output. */
const char *hp__undo_output_name(const hp_rewrite *r, size_t i);
/* As long before the hashes are known as after. */
void hp__undo_manifest(hp__buffer *b, const hp__undo *u, const hp_rewrite *r);

#endif
