#ifndef HEADPRUNE_MODEL_INFO_H
#define HEADPRUNE_MODEL_INFO_H

#include "base/arena.h"
#include "headprune/redundancy.h"
#include "headprune/sweep.h"

/*
 * What scores, evaluations, plans and sweeps own: copies of everything, in an
 * arena of their own, so that they outlive the model or document they came
 * from. `out` points to the public part; fields that hold text are filled in
 * from `*arena`. hp_scores_free and its like free the whole.
 */
HP_CHECKED
hp_status hp__scores_new(hp_scores **out, hp__arena **arena, hp_error *err);
HP_CHECKED
hp_status hp__eval_new(hp_eval **out, hp__arena **arena, hp_error *err);
HP_CHECKED
hp_status hp__plan_new(hp_plan **out, hp__arena **arena, hp_error *err);
HP_CHECKED
hp_status hp__sweep_new(hp_sweep **out, hp__arena **arena, hp_error *err);

HP_CHECKED
hp_status hp__redundancy_new(hp_redundancy **out, hp__arena **arena,
                             hp_error *err);

HP_CHECKED
hp_status hp__info_copy(hp_model_info *out, hp__arena *a,
                        const hp_model_info *info, hp_error *err);
HP_CHECKED
hp_status hp__heads_copy(const hp_head **out, hp__arena *a,
                         const hp_head *heads, size_t n, hp_error *err);

#endif
