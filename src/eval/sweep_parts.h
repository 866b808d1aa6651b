#ifndef HEADPRUNE_EVAL_SWEEP_PARTS_H
#define HEADPRUNE_EVAL_SWEEP_PARTS_H

#include "base/arena.h"
#include "headprune/sweep.h"

/* Fills rows from points and baseline: a row a method and ratio, in order of
 * appearance. */
HP_CHECKED
hp_status hp__sweep_rows(hp_sweep *s, hp__arena *a, hp_error *err);

/* Fills agreements: every pair of rankings that were not drawn. */
HP_CHECKED
hp_status hp__sweep_agreements(hp_sweep *s, hp__arena *a,
                               const hp_scores *const *scores, size_t n,
                               hp_error *err);

/* 1 when the points are of the same method, seed and ratio. */
int hp__sweep_same_point(const hp_sweep_point *p, const hp_sweep_point *q);

#endif
