#ifndef HEADPRUNE_STATS_STATS_FILE_H
#define HEADPRUNE_STATS_STATS_FILE_H

#include "headprune/stats.h"
#include "io/tensor_file.h"

/*
 * The layout of a file of statistics. Of every block NAME: NAME.c [n, n],
 * NAME.sum [n], NAME.stream [1] and NAME.rows [1], all F64, in this order.
 */
#define HP__STATS_SCHEMA "headprune.stats/1"
#define HP__STATS_PARTS  ((size_t)4)

/* A block, as a file knows it. */
typedef struct hp__stats_block {
    const char *name;
    size_t n;
} hp__stats_block;

/* What a file says beside its tensors. */
typedef struct hp__stats_about {
    const char *fingerprint;
    const hp_calibration_info *info; /* NULL: nothing is known */
} hp__stats_about;

/* A new file with room for the blocks. */
HP_CHECKED
hp_status hp__stats_create(hp__tensor_file **out, const char *path,
                           const hp__stats_block *blocks, size_t n,
                           const hp__stats_about *about, hp_error *err);
/* The moments of block i. */
HP_CHECKED
hp_status hp__stats_put(hp__tensor_file *f, size_t i, const hp_moments *m,
                        hp_error *err);

#endif
