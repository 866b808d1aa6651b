#ifndef HEADPRUNE_PRUNE_CONFIG_PATCH_H
#define HEADPRUNE_PRUNE_CONFIG_PATCH_H

#include "base/arena.h"

#include <stddef.h>

/* A top-level key of config.json and the JSON text of its new value; NULL: the
 * key goes. */
typedef struct hp__config_value {
    const char *key, *json;
} hp__config_value;

/* Text of a known length. */
typedef struct hp__text {
    const char *bytes; /* [len] */
    size_t len;
} hp__text;

/*
 * config.json with these values, `*out` in the arena. Keys that are there keep
 * their place, new ones come last in the order given; every other byte is that
 * of `text`.
 */
HP_CHECKED
hp_status hp__config_patch(hp__text *out, hp__arena *a, hp__text text,
                           const hp__config_value *values, size_t n_values,
                           hp_error *err);

#endif
