/* Which heads go: in rank order, past those that the policy holds back. */
#include "headprune/plan.h"
#include "model/info.h"
#include "prune/plan_mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Working arrays of one call. */
typedef struct choice {
    const hp_scores *s;
    const hp_policy *policy;
    uint32_t *by_rank; /* [n_heads] heads, first to go first */
    size_t *left;      /* [n_blocks] heads not taken so far */
    size_t *quota;     /* [n_blocks] still to take, for scope layer */
    size_t n_blocks;
} choice;

/* Scores may come from a document: what arrays are sized by is checked. */
static hp_status check_blocks(const hp_scores *s, hp_error *err)
{
    for (size_t i = 0; i < s->n_heads; i++)
        if (s->heads[i].block >= s->n_heads)
            return hp_fail(
                err, HP_INVALID, "head %s: block %u of a model with %zu heads",
                s->heads[i].id, (unsigned)s->heads[i].block, s->n_heads);
    return HP_OK;
}

static hp_status check_ranks(const hp_scores *s, uint32_t *by_rank,
                             hp_error *err)
{
    for (size_t i = 0; i < s->n_heads; i++)
        by_rank[i] = UINT32_MAX;
    for (size_t i = 0; i < s->n_heads; i++) {
        if (s->rank[i] >= s->n_heads || by_rank[s->rank[i]] != UINT32_MAX)
            return hp_fail(err, HP_INVALID,
                           "head %s: rank %u is taken or not below %zu",
                           s->heads[i].id, (unsigned)s->rank[i], s->n_heads);
        by_rank[s->rank[i]] = (uint32_t)i;
    }
    return HP_OK;
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

/* Heads of a block (or of all: UINT32_MAX) that may go at most. */
static size_t most_of(const choice *c, uint32_t block)
{
    size_t most = 0;
    for (uint32_t b = 0; b < c->n_blocks; b++) {
        if (block != UINT32_MAX && block != b)
            continue;
        size_t all = 0, open = 0;
        for (size_t i = 0; i < c->s->n_heads; i++) {
            if (c->s->heads[i].block != b)
                continue;
            all++;
            open += !is_protected(c->policy, i);
        }
        size_t spare = all > c->policy->keep ? all - c->policy->keep : 0;
        most += open < spare ? open : spare;
    }
    return most;
}

static size_t count_protected(const choice *c, uint32_t block)
{
    size_t n = 0;
    for (size_t i = 0; i < c->s->n_heads; i++)
        if (block == UINT32_MAX || c->s->heads[i].block == block)
            n += (size_t)is_protected(c->policy, i);
    return n;
}

static hp_status fail_too_many(const choice *c, uint32_t block, size_t asked,
                               size_t heads, hp_error *err)
{
    size_t most = most_of(c, block), held = count_protected(c, block);
    if (block == UINT32_MAX)
        return hp_fail(err, HP_INVALID,
                       "%zu heads are to be pruned, only %zu of %zu may be "
                       "(%zu protected, every block keeps %zu)",
                       asked, most, heads, held, c->policy->keep);
    return hp_fail(err, HP_INVALID,
                   "block %u: %zu heads are to be pruned, only %zu of %zu may "
                   "be (%zu protected, every block keeps %zu)",
                   (unsigned)block, asked, most, heads, held, c->policy->keep);
}

/* Fills left and quota; returns the heads to take in all. */
static hp_status count_asked(size_t *out, const choice *c, hp_error *err)
{
    const hp_scores *s = c->s;
    size_t n = s->n_heads, sum = 0;
    for (size_t i = 0; i < n; i++)
        c->left[s->heads[i].block]++;
    if (c->policy->scope == HP_SCOPE_GLOBAL) {
        *out = asked_of(c->policy, n);
        if (*out > most_of(c, UINT32_MAX))
            return fail_too_many(c, UINT32_MAX, *out, n, err);
        return HP_OK;
    }
    for (uint32_t b = 0; b < c->n_blocks; b++) {
        c->quota[b] = asked_of(c->policy, c->left[b]);
        if (c->quota[b] > most_of(c, b))
            return fail_too_many(c, b, c->quota[b], c->left[b], err);
        sum += c->quota[b];
    }
    *out = sum;
    return HP_OK;
}

static int may_go(const choice *c, uint32_t head)
{
    uint32_t block = c->s->heads[head].block;
    if (is_protected(c->policy, head) || c->left[block] <= c->policy->keep)
        return 0;
    return c->policy->scope == HP_SCOPE_GLOBAL || c->quota[block] > 0;
}

static void take_heads(const choice *c, size_t asked, unsigned char *pruned,
                       uint32_t *order)
{
    size_t n = 0;
    for (size_t i = 0; i < c->s->n_heads && n < asked; i++) {
        uint32_t head = c->by_rank[i], block = c->s->heads[head].block;
        if (!may_go(c, head))
            continue;
        c->left[block]--;
        if (c->policy->scope == HP_SCOPE_LAYER)
            c->quota[block]--;
        pruned[head] = 1;
        order[n++] = head;
    }
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
    p->policy = *policy;
    p->policy.protect = NULL;
    p->n_heads = s->n_heads;
    hp_status st = hp__info_copy(&p->model, a, &s->model, err);
    if (!st)
        st = hp__arena_strdup(&p->method, a, s->method, err);
    if (!st)
        st = hp__arena_strdup(&p->unit, a, s->unit, err);
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
    hp_status st = hp__new(&c.by_rank, s->n_heads, sizeof *c.by_rank, err);
    if (!st)
        st = hp__new(&c.left, c.n_blocks, sizeof *c.left, err);
    if (!st)
        st = hp__new(&c.quota, c.n_blocks, sizeof *c.quota, err);
    if (!st)
        st = check_ranks(s, c.by_rank, err);
    if (!st)
        st = count_asked(&p->n_pruned, &c, err);
    if (!st)
        take_heads(&c, p->n_pruned, pruned, order);
    free(c.by_rank);
    free(c.left);
    free(c.quota);
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

hp_status hp_plan_from_mask(hp_plan **out, const hp_model *m,
                            const unsigned char *mask, hp_error *err)
{
    hp_plan *p = NULL;
    hp__arena *a = NULL;
    unsigned char *pruned = NULL;
    uint32_t *order = NULL;
    *out = NULL;
    const hp_scores none = {.model = *hp_model_info_get(m),
                            .method = "",
                            .unit = "",
                            .n_heads = hp_model_n_heads(m),
                            .heads = hp_model_heads(m)};
    const hp_policy policy = {.has_count = 1};
    hp_status st = hp__plan_new(&p, &a, err);
    if (!st)
        st = describe(p, a, &none, &policy, err);
    if (!st)
        st = alloc_result(p, &pruned, &order, a, err);
    if (st) {
        hp_plan_free(p);
        return st;
    }
    for (uint32_t i = 0; i < p->n_heads; i++)
        if (mask[i]) {
            pruned[i] = 1;
            order[p->n_pruned++] = i;
        }
    p->policy.count = p->n_pruned;
    *out = p;
    return HP_OK;
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
