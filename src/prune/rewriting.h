#ifndef HEADPRUNE_PRUNE_REWRITING_H
#define HEADPRUNE_PRUNE_REWRITING_H

#include "io/file.h"
#include "prune/emit.h"
#include "prune/hashing.h"
#include "prune/place.h"
#include "prune/undo.h"

/* The inside of hp_rewrite, shared by the files that fill it. */

/* A file of the input's folder that is copied as it is. */
typedef struct hp__extra {
    const char *name;
    uint64_t size;
} hp__extra;

/* A file that lies beside X.safetensors, synced but not yet renamed. */
typedef struct hp__beside {
    struct hp__beside *next;
    hp__output *file;
} hp__beside;

struct hp_rewrite {
    hp__arena arena;
    const hp_model *model;
    const hp_checkpoint *checkpoint;
    const hp_refit *refit; /* NULL: none */
    hp__place place;
    hp__edition edition;
    int dry_run;
    hp__extra *extras; /* [n_extras] by name */
    size_t n_extras;
    hp_written *written; /* room for all */
    size_t n_written;
    hp__output *file; /* X.safetensors, synced but not yet renamed */
    hp__beside *beside;
    unsigned char *chunk;
    hp__undo *undo; /* NULL: none is written */
    hp_progress progress;
    uint64_t done, total; /* bytes */
};

/* One file on its way out; `file` NULL: standard output. */
typedef struct hp__sink {
    const char *name;
    const char *shown; /* where the user will find it */
    hp__output *file;
    hp__hashing *hashing;
    uint64_t bytes;
} hp__sink;

/* `size`: bytes that will come, as far as they are known. */
HP_CHECKED
hp_status hp__sink_open(hp__sink *s, hp_rewrite *r, const char *name,
                        uint64_t size, hp_error *err);
HP_CHECKED
hp_status hp__sink_write(hp__sink *s, hp_rewrite *r, const void *bytes,
                         size_t n, hp_error *err);
/* Ends the file, whatever `st` says of it so far, and remembers it. */
hp_status hp__sink_close(hp__sink *s, hp_rewrite *r, hp_status st,
                         hp_error *err);

/* Bytes that are read and written at a time: of r->chunk. */
#define HP__WRITE_CHUNK ((size_t)512 << 10)

/* Shard i of the input, changed as the edition says. */
HP_CHECKED
hp_status hp__shard_write(hp_rewrite *r, size_t i, const char *name,
                          hp_error *err);

/* The small files of the input's folder, by the rule in docs/documents.md. */
HP_CHECKED
hp_status hp__extras_find(hp_rewrite *r, hp_error *err);

/* Writes the weights, and for a folder all that goes with them; `undo`: path of
 * the undo file, or NULL. */
HP_CHECKED
hp_status hp__copy_all(hp_rewrite *r, const char *undo, hp_error *err);

#endif
