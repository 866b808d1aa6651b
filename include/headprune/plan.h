#ifndef HEADPRUNE_PLAN_H
#define HEADPRUNE_PLAN_H

#include "headprune/score.h"

/*
 * Plans: which heads go. Pure functions of scores and a policy.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef enum hp_scope { HP_SCOPE_GLOBAL, HP_SCOPE_LAYER } hp_scope;

/* Which heads go together. Where no keys and values are shared, none do. */
typedef enum hp_group {
    HP_GROUP_NONE, /* every head by itself */
    HP_GROUP_KV,   /* all heads that share keys and values */
    HP_GROUP_EVEN  /* one head of every such group of a block */
} hp_group;
/* "none", "kv", "even"; never NULL. */
const char *hp_group_name(hp_group g);

typedef struct hp_policy {
    int has_count; /* 1: `count` heads; 0: floor(ratio * heads + 1e-9) */
    double ratio;  /* 0 .. 1 */
    size_t count;
    hp_scope scope; /* layer: the ratio or count is of every block's heads */
    size_t keep;    /* every block keeps at least this many heads */
    const unsigned char *protect; /* [n_heads] or NULL; 1: never pruned */
    hp_group group; /* what goes together is ranked by the sum of its scores */
} hp_policy;

/* Self-contained like hp_scores. A plan made from a list of heads has no
 * method: `method` is "" and `values` and `rank` are NULL. A plan that was read
 * from a document knows scores and ranks of the pruned heads only: the others
 * have NaN and UINT32_MAX. */
typedef struct hp_plan {
    hp_model_info model;
    const char *method, *unit;
    int prunes_highest;
    int has_seed;
    uint64_t seed;    /* of random */
    const char *mix;  /* as of hp_scores */
    double step;      /* likewise */
    hp_policy policy; /* `protect` is the plan's own copy */
    size_t n_heads, n_pruned;
    const hp_head *heads;        /* [n_heads] */
    const double *values;        /* [n_heads] or NULL */
    const uint32_t *rank;        /* [n_heads] or NULL */
    const unsigned char *pruned; /* [n_heads] */
    const uint32_t *order;       /* [n_pruned] heads, first to go first */
} hp_plan;

/*
 * Takes heads in rank order, passing over those that `protect` or `keep`
 * hold back. Of heads that go together, as many as fit into a ratio.
 * HP_INVALID: ratio outside 0..1, fewer heads may go than asked for (the
 * message says how many may), or a count that heads which go together do not
 * make up.
 */
HP_CHECKED
hp_status hp_plan_make(hp_plan **out, const hp_scores *s,
                       const hp_policy *policy, hp_error *err);
/* A plan that prunes exactly the heads of `mask` [heads of m]. */
HP_CHECKED
hp_status hp_plan_from_mask(hp_plan **out, const hp_model *m,
                            const unsigned char *mask, hp_error *err);
/*
 * A plan of document or model A for model `m`: HP_INVALID when the
 * fingerprints differ, unless `any_model`; then the heads only must exist.
 */
HP_CHECKED
hp_status hp_plan_fits(const hp_plan *p, const hp_model *m, int any_model,
                       hp_error *err);
void hp_plan_free(hp_plan *p); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
