/* Which heads go: in rank order, past those that the policy holds back. */
#include "headprune/plan.h"
#include "model/info.h"
#include "plan/plan_mask.h"
#include "plan/plan_units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many heads are still to be taken, from all blocks or from one. */
typedef struct quota {
    size_t asked, left;
    size_t refused; /* heads of the first unit that is more than is left */
} quota;

/* Blocks without heads count, so heads do not bound their number. */
#define MOST_BLOCKS ((uint32_t)1 << 20)

/* Working arrays of one call. */
typedef struct choice {
    const hp_scores *s;
    const hp_policy *policy;
    hp__units units;
    size_t *heads; /* [n_blocks] not taken so far */
    quota *quotas; /* [1], or [n_blocks] for scope layer */
    size_t n_blocks;
} choice;

/* Scores may come from a document: what arrays are sized by is checked. */
static hp_status check_blocks(const hp_scores *s, hp_error *err)
{
    for (size_t i = 0; i < s->n_heads; i++)
        if (s->heads[i].block >= MOST_BLOCKS)
            return hp_fail(err, HP_INVALID, "head %s: block %u is over %u",
                           s->heads[i].id, (unsigned)s->heads[i].block,
                           MOST_BLOCKS - 1);
    return HP_OK;
}

static hp_status check_ranks(const hp_scores *s, hp_error *err)
{
    unsigned char *taken = NULL;
    hp_status st = hp__new(&taken, s->n_heads, 1, err);
    for (size_t i = 0; i < s->n_heads && !st; i++) {
        if (s->rank[i] >= s->n_heads || taken[s->rank[i]])
            st = hp_fail(err, HP_INVALID,
                         "head %s: rank %u is taken or not below %zu",
                         s->heads[i].id, (unsigned)s->rank[i], s->n_heads);
        else
            taken[s->rank[i]] = 1;
    }
    free(taken);
    return st;
}

/* How many of `heads` heads the policy asks for. */
static size_t asked_of(const hp_policy *p, size_t heads)
{
    if (p->has_count)
        return p->count;
    /* 0.3 * 10 is a little below 3 in binary. */
    return (size_t)floor(p->ratio * (double)heads + 1e-9);
}

static hp_status check_policy(const hp_policy *p, hp_error *err)
{
    if (!p->has_count && !(p->ratio >= 0 && p->ratio <= 1))
        return hp_fail(err, HP_INVALID, "ratio %g is outside 0..1", p->ratio);
    return HP_OK;
}

const char *hp_group_name(hp_group g)
{
    static const char *const names[] = {[HP_GROUP_NONE] = "none",
                                        [HP_GROUP_KV] = "kv",
                                        [HP_GROUP_EVEN] = "even"};
    return names[g];
}

static size_t count_blocks(const hp_scores *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_heads; i++)
        if (s->heads[i].block >= n)
            n = (size_t)s->heads[i].block + 1;
    return n;
}

static int is_protected(const hp_policy *p, size_t head)
{
    return p->protect && p->protect[head];
}

static size_t count_protected(const choice *c, uint32_t block)
{
    size_t n = 0;
    for (size_t i = 0; i < c->s->n_heads; i++)
        if (block == UINT32_MAX || c->s->heads[i].block == block)
            n += (size_t)is_protected(c->policy, i);
    return n;
}

static quota *quota_of(const choice *c, uint32_t block)
{
    return &c->quotas[c->policy->scope == HP_SCOPE_LAYER ? block : 0];
}

static void count_asked(const choice *c)
{
    for (size_t i = 0; i < c->s->n_heads; i++)
        c->heads[c->s->heads[i].block]++;
    if (c->policy->scope == HP_SCOPE_GLOBAL)
        c->quotas[0].asked = asked_of(c->policy, c->s->n_heads);
    else
        for (size_t b = 0; b < c->n_blocks; b++)
            c->quotas[b].asked = asked_of(c->policy, c->heads[b]);
    for (size_t b = 0; b < c->n_blocks; b++)
        c->quotas[b].left = c->quotas[b].asked;
}

/* Takes a unit if that leaves its block enough and is not too much; after one
 * that was too much nothing of its quota is taken, so that what goes at a
 * ratio goes at a higher one too. */
static int take_unit(const choice *c, const hp__unit *u)
{
    quota *q = quota_of(c, u->block);
    if (q->refused || !q->left || c->heads[u->block] < c->policy->keep + u->n)
        return 0;
    if (u->n > q->left) {
        q->refused = u->n;
        return 0;
    }
    q->left -= u->n;
    c->heads[u->block] -= u->n;
    return 1;
}

static size_t take_heads(const choice *c, unsigned char *pruned,
                         uint32_t *order)
{
    size_t n = 0;
    for (size_t i = 0; i < c->units.n; i++) {
        const hp__unit *u = &c->units.at[i];
        if (!take_unit(c, u))
            continue;
        for (size_t k = 0; k < u->n; k++) {
            uint32_t head = c->units.heads[u->first + k];
            pruned[head] = 1;
            order[n++] = head;
        }
    }
    return n;
}

/* `block` UINT32_MAX: of all. */
static hp_status fail_quota(const choice *c, const quota *q, uint32_t block,
                            size_t heads, hp_error *err)
{
    char where[32] = "";
    size_t taken = q->asked - q->left;
    if (block != UINT32_MAX)
        (void)snprintf(where, sizeof where, "block %u: ", (unsigned)block);
    if (q->refused)
        return hp_fail(err, HP_INVALID,
                       "%s%zu heads are to be pruned, but they go %s: %zu or "
                       "%zu can",
                       where, q->asked,
                       c->policy->group == HP_GROUP_KV
                           ? "with all that share their keys and values"
                           : "as many from every group",
                       taken, taken + q->refused);
    return hp_fail(err, HP_INVALID,
                   "%s%zu heads are to be pruned, only %zu of %zu may be (%zu "
                   "protected, every block keeps %zu%s)",
                   where, q->asked, taken, heads, count_protected(c, block),
                   c->policy->keep,
                   c->policy->group == HP_GROUP_NONE
                       ? ""
                       : ", heads that go together stay together");
}

/* What could not be taken is an error, but for the rest of a ratio. */
static hp_status check_quotas(const choice *c, hp_error *err)
{
    int layer = c->policy->scope == HP_SCOPE_LAYER;
    for (uint32_t b = 0; b < (layer ? c->n_blocks : 1); b++) {
        const quota *q = &c->quotas[b];
        size_t heads = c->s->n_heads;
        if (!q->left || (q->refused && !c->policy->has_count))
            continue;
        if (!layer)
            return fail_quota(c, q, UINT32_MAX, heads, err);
        heads = 0;
        for (size_t i = 0; i < c->s->n_heads; i++)
            heads += c->s->heads[i].block == b;
        return fail_quota(c, q, b, heads, err);
    }
    return HP_OK;
}

/* `src` may be NULL: then *out stays NULL. */
static hp_status copy_array(void *out, hp__arena *a, const void *src, size_t n,
                            size_t size, hp_error *err)
{
    void *copy = NULL;
    if (!src)
        return HP_OK;
    hp_status st = hp__arena_alloc(&copy, a, n, size, err);
    if (st)
        return st;
    if (n)
        memcpy(copy, src, n * size);
    memcpy(out, &copy, sizeof copy);
    return HP_OK;
}

/* All of a plan but the heads that go. */
static hp_status describe(hp_plan *p, hp__arena *a, const hp_scores *s,
                          const hp_policy *policy, hp_error *err)
{
    p->prunes_highest = s->prunes_highest;
    p->has_seed = s->has_seed;
    p->seed = s->seed;
    p->step = s->step;
    p->policy = *policy;
    p->policy.protect = NULL;
    p->n_heads = s->n_heads;
    hp_status st = hp__info_copy(&p->model, a, &s->model, err);
    if (!st)
        st = hp__arena_strdup(&p->method, a, s->method, err);
    if (!st)
        st = hp__arena_strdup(&p->unit, a, s->unit, err);
    if (!st && s->mix)
        st = hp__arena_strdup(&p->mix, a, s->mix, err);
    if (!st)
        st = hp__heads_copy(&p->heads, a, s->heads, s->n_heads, err);
    if (!st)
        st = copy_array(&p->values, a, s->values, s->n_heads, sizeof(double),
                        err);
    if (!st)
        st =
            copy_array(&p->rank, a, s->rank, s->n_heads, sizeof(uint32_t), err);
    if (!st)
        st = copy_array(&p->policy.protect, a, policy->protect, s->n_heads, 1,
                        err);
    return st;
}

/* `pruned` and `order` are the plan's own and empty. */
static hp_status choose(hp_plan *p, unsigned char *pruned, uint32_t *order,
                        const hp_scores *s, hp_error *err)
{
    choice c = {.s = s, .policy = &p->policy, .n_blocks = count_blocks(s)};
    hp_status st = check_ranks(s, err);
    if (!st)
        st = hp__units_make(&c.units, s, c.policy, err);
    if (!st)
        st = hp__new(&c.heads, c.n_blocks, sizeof *c.heads, err);
    if (!st)
        st = hp__new(&c.quotas, c.n_blocks + 1, sizeof *c.quotas, err);
    if (!st) {
        count_asked(&c);
        p->n_pruned = take_heads(&c, pruned, order);
        st = check_quotas(&c, err);
    }
    hp__units_clear(&c.units);
    free(c.heads);
    free(c.quotas);
    return st;
}

static hp_status alloc_result(hp_plan *p, unsigned char **pruned,
                              uint32_t **order, hp__arena *a, hp_error *err)
{
    hp_status st = hp__arena_alloc(pruned, a, p->n_heads, sizeof **pruned, err);
    if (!st)
        st = hp__arena_alloc(order, a, p->n_heads, sizeof **order, err);
    if (!st) {
        p->pruned = *pruned;
        p->order = *order;
    }
    return st;
}

hp_status hp_plan_make(hp_plan **out, const hp_scores *s,
                       const hp_policy *policy, hp_error *err)
{
    hp_plan *p = NULL;
    hp__arena *a = NULL;
    unsigned char *pruned = NULL;
    uint32_t *order = NULL;
    *out = NULL;
    hp_status st = check_policy(policy, err);
    if (!st)
        st = check_blocks(s, err);
    if (!st)
        st = hp__plan_new(&p, &a, err);
    if (!st)
        st = describe(p, a, s, policy, err);
    if (!st)
        st = alloc_result(p, &pruned, &order, a, err);
    if (!st)
        st = choose(p, pruned, order, s, err);
    if (st) {
        hp_plan_free(p);
        return st;
    }
    *out = p;
    return HP_OK;
}

hp_status hp__plan_of_heads(hp_plan **out, const hp_scores *s,
                            const hp_policy *policy, const uint32_t *heads,
                            size_t n, hp_error *err)
{
    hp_plan *p = NULL;
    hp__arena *a = NULL;
    unsigned char *pruned = NULL;
    uint32_t *order = NULL;
    *out = NULL;
    hp_status st = hp__plan_new(&p, &a, err);
    if (!st)
        st = describe(p, a, s, policy, err);
    if (!st)
        st = alloc_result(p, &pruned, &order, a, err);
    if (st) {
        hp_plan_free(p);
        return st;
    }
    for (size_t i = 0; i < n; i++) {
        pruned[heads[i]] = 1;
        order[i] = heads[i];
    }
    p->n_pruned = n;
    *out = p;
    return HP_OK;
}

hp_status hp_plan_from_mask(hp_plan **out, const hp_model *m,
                            const unsigned char *mask, hp_error *err)
{
    uint32_t *heads = NULL;
    size_t n = 0;
    *out = NULL;
    const hp_scores none = {.model = *hp_model_info_get(m),
                            .method = "",
                            .unit = "",
                            .n_heads = hp_model_n_heads(m),
                            .heads = hp_model_heads(m)};
    hp_status st = hp__new(&heads, none.n_heads, sizeof *heads, err);
    for (uint32_t i = 0; i < none.n_heads && !st; i++)
        if (mask[i])
            heads[n++] = i;
    const hp_policy policy = {.has_count = 1, .count = n};
    if (!st)
        st = hp__plan_of_heads(out, &none, &policy, heads, n, err);
    free(heads);
    return st;
}

hp_status hp_plan_fits(const hp_plan *p, const hp_model *m, int any_model,
                       hp_error *err)
{
    const hp_model_info *own = hp_model_info_get(m);
    if (!any_model && strcmp(p->model.fingerprint, own->fingerprint) != 0) {
        hp_status st =
            hp_fail(err, HP_INVALID,
                    "the plan is for %s (%.16s...), this model is %.16s...",
                    p->model.path, p->model.fingerprint, own->fingerprint);
        return hp_fail_hint(err, st, "--any-model applies it all the same");
    }
    unsigned char *mask = NULL;
    hp_status st = hp__new(&mask, hp_model_n_heads(m), 1, err);
    if (!st)
        st = hp__plan_mask(mask, p, m, err);
    free(mask);
    return st;
}
