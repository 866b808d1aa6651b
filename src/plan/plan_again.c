/* A plan with other heads, for another reason. */
#include "base/arena.h"
#include "plan/plan_mask.h"

#include <math.h>
#include <stdlib.h>

/* What plan `p` knows of every head of the model. */
typedef struct known {
    double *values;
    uint32_t *rank;
    unsigned char *protect;
} known;

static hp_status find_known(known *k, const hp_plan *p, const hp_model *m,
                            hp_error *err)
{
    size_t n = hp_model_n_heads(m), at = 0;
    hp_status st = hp__new(&k->values, n, sizeof *k->values, err);
    if (!st)
        st = hp__new(&k->rank, n, sizeof *k->rank, err);
    if (!st)
        st = hp__new(&k->protect, n, 1, err);
    for (size_t i = 0; i < n && !st; i++) {
        size_t j =
            hp__head_find(p->heads, p->n_heads, hp_model_heads(m)[i].id, &at);
        int there = j != SIZE_MAX;
        k->values[i] = there && p->values ? p->values[j] : (double)NAN;
        k->rank[i] = there && p->rank ? p->rank[j] : UINT32_MAX;
        k->protect[i] = there && p->policy.protect && p->policy.protect[j];
    }
    return st;
}

hp_status hp__plan_again(hp_plan **out, const hp_plan *p, const hp_model *m,
                         const uint32_t *heads, size_t n, hp_error *err)
{
    known k = {0};
    hp_policy policy = p->policy;
    *out = NULL;
    hp_status st = find_known(&k, p, m, err);
    const hp_scores s = {.model = p->model,
                         .method = p->method,
                         .unit = p->unit,
                         .prunes_highest = p->prunes_highest,
                         .has_seed = p->has_seed,
                         .seed = p->seed,
                         .mix = p->mix,
                         .step = p->step,
                         .n_heads = hp_model_n_heads(m),
                         .heads = hp_model_heads(m),
                         .values = p->values ? k.values : NULL,
                         .rank = p->rank ? k.rank : NULL};
    policy.protect = policy.protect ? k.protect : NULL;
    if (!st)
        st = hp__plan_of_heads(out, &s, &policy, heads, n, err);
    free(k.values);
    free(k.rank);
    free(k.protect);
    return st;
}
