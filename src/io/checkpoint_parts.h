#ifndef HEADPRUNE_IO_CHECKPOINT_PARTS_H
#define HEADPRUNE_IO_CHECKPOINT_PARTS_H

#include "base/arena.h"
#include "headprune/checkpoint.h"
#include "io/file.h"

typedef struct hp__named {
    const char *name;
    const hp_tensor *tensor;
} hp__named;

/* What stands behind hp_checkpoint, for the files that fill and read it. */
struct hp_checkpoint {
    hp__arena arena;
    const char *path;                                  /* as given, copied */
    const char *folder;                                /* NULL: a stream */
    const char *index_name, *index_path, *config_path; /* NULL: none */
    char *config;
    size_t config_len;
    char fingerprint[7 + 65];
    size_t n_shards;
    hp_shard *shards;
    hp__file *files; /* [n_shards], fd -1 before it is opened */
    size_t n_tensors;
    hp_tensor *tensors;
    hp__named *by_name; /* [n_tensors] */
};

/* Name of a shard for hp_fail_file. */
const char *hp__checkpoint_shown(const hp_shard *s);
/* After the tensors are there: the list that hp_checkpoint_find looks into.
 * HP_FORMAT when two have one name. */
HP_CHECKED
hp_status hp__checkpoint_sort_names(hp_checkpoint *c, hp_error *err);

#endif
