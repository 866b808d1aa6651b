#ifndef HEADPRUNE_STATS_OUTPUT_MAP_H
#define HEADPRUNE_STATS_OUTPUT_MAP_H

#include "headprune/stats.h"

/* The output projection of a block in double, out [n, D], input by output
 * whatever its file's orientation. Errors as for any weight that is read. */
HP_CHECKED
hp_status hp__projection_read(double *out, const hp_model *m, const hp_block *b,
                              hp_error *err);
/* The same as a sweep with `p` has it for variant 0: refitted where it gives a
 * weight, which is then a whole tensor. */
HP_CHECKED
hp_status hp__projection_get(double *out, const hp_model *m, const hp_block *b,
                             const hp_projections *p, hp_error *err);
/* D of it. */
static inline size_t hp__projection_width(const hp_block *b)
{
    return (size_t)b->o.count;
}

#endif
