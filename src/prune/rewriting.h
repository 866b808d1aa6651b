#ifndef HEADPRUNE_PRUNE_REWRITING_H
#define HEADPRUNE_PRUNE_REWRITING_H

#include "io/file.h"
#include "prune/emit.h"
#include "prune/place.h"

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
    hp__place place;
    hp__changes changes;
    hp__extra *extras; /* [n_extras] by name */
    size_t n_extras;
    hp_written *written; /* room for all */
    size_t n_written;
    hp__output *file; /* X.safetensors, synced but not yet renamed */
    hp__beside *beside;
    unsigned char *chunk;
    hp_progress progress;
    uint64_t done, total; /* bytes */
};

/* The small files of the input's folder, by the rule in docs/documents.md. */
HP_CHECKED
hp_status hp__extras_find(hp_rewrite *r, hp_error *err);

/* Writes the weights, and for a folder all that goes with them. */
HP_CHECKED
hp_status hp__copy_all(hp_rewrite *r, hp_error *err);

#endif
