#ifndef HEADPRUNE_PLAN_PLAN_MASK_H
#define HEADPRUNE_PLAN_PLAN_MASK_H

#include "headprune/plan.h"

/*
 * The number of the head with that id, SIZE_MAX when there is none. The search
 * goes on at *at, one after the last hit: ids that are asked for in the order
 * of the table are found at once.
 */
size_t hp__head_find(const hp_head *heads, size_t n, const char *id,
                     size_t *at);

/*
 * The pruned heads of a plan as a mask over the heads of `m`
 * [hp_model_n_heads], matched by id: a plan may come from a document.
 * HP_INVALID names a head that `m` does not have.
 */
HP_CHECKED
hp_status hp__plan_mask(unsigned char *mask, const hp_plan *p,
                        const hp_model *m, hp_error *err);

/* A plan of these heads, [n] in pruning order, whatever the policy says. */
HP_CHECKED
hp_status hp__plan_of_heads(hp_plan **out, const hp_scores *s,
                            const hp_policy *policy, const uint32_t *heads,
                            size_t n, hp_error *err);
/* Plan `p` with these heads of the model, [n] in pruning order, in place of its
 * own. */
HP_CHECKED
hp_status hp__plan_again(hp_plan **out, const hp_plan *p, const hp_model *m,
                         const uint32_t *heads, size_t n, hp_error *err);

#endif
