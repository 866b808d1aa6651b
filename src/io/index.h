#ifndef HEADPRUNE_IO_INDEX_H
#define HEADPRUNE_IO_INDEX_H

#include "base/arena.h"

#include <stdint.h>

/* model.safetensors.index.json, rules IX01 and IX02 of docs/formats.md. */
typedef struct hp__index_entry {
    const char *tensor;
    const char *shard;
    uint32_t shard_id; /* into hp__index.shards */
} hp__index_entry;

typedef struct hp__index {
    hp__index_entry *entries; /* by shard, then by tensor name */
    size_t n_entries;
    const char **shards; /* plain file names, sorted */
    size_t n_shards;
} hp__index;

HP_CHECKED
hp_status hp__index_parse(hp__index *out, hp__arena *a, const char *text,
                          size_t len, hp_error *err);

#endif
