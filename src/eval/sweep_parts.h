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

/* A sample of every prompt; none without prompts (NULL). */
HP_CHECKED
hp_status hp__samples_make(hp_samples *out, hp__arena *a,
                           const hp_sweep_prompts *p,
                           const unsigned char *masked, const hp_refit *refit,
                           hp_error *err);
HP_CHECKED
hp_status hp__samples_copy(hp_samples *out, hp__arena *a,
                           const hp_samples *from, hp_error *err);
/* HP_INVALID unless they are of these prompts, each of them. */
HP_CHECKED
hp_status hp__samples_check(const hp_samples *s, const hp_sweep_prompts *p,
                            hp_error *err);

/* 1 when the points are of the same method, seed and ratio. */
int hp__sweep_same_point(const hp_sweep_point *p, const hp_sweep_point *q);

#endif
