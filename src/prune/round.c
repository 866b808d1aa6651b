/*
 * From a plan to the nearest one that a form can write. Inside each block heads
 * are ranked anew: those of the plan go first, in its order, then the others by
 * rank; those that are protected go last.
 */
#include "base/arena.h"
#include "model/graph.h"
#include "plan/plan_mask.h"
#include "prune/remove.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct rounding {
    const hp_model *m;
    const hp_plan *p;
    size_t n;                 /* heads of m */
    uint32_t *at;             /* [n] in the plan's table; UINT32_MAX: not */
    uint32_t *place;          /* [n] in the order of pruning, 0 goes first */
    unsigned char *was, *now; /* [n] 1: goes */
    unsigned char *best;      /* [n] of the best shape so far */
    double *value;            /* [heads of a block] */
    unsigned char *taken;     /* [heads of a block] scratch */
} rounding;

/* ---- order ---- */

/* What a head is sorted by: when it goes. */
typedef struct turn {
    uint32_t head;
    int class; /* 0: of the plan, 1: another, 2: protected */
    uint32_t rank;
} turn;

static int by_turn(const void *a, const void *b)
{
    const turn *x = a, *y = b;
    if (x->class != y->class)
        return x->class - y->class;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->head > y->head) - (x->head < y->head);
}

static turn turn_of(const rounding *r, uint32_t head)
{
    const hp_plan *p = r->p;
    uint32_t i = r->at[head];
    turn t = {head, 1, UINT32_MAX};
    if (r->was[head]) {
        t.class = 0;
        for (uint32_t k = 0; k < p->n_pruned; k++)
            if (p->order[k] == i)
                t.rank = k;
        return t;
    }
    if (i != UINT32_MAX && p->rank)
        t.rank = p->rank[i];
    if (i != UINT32_MAX && p->policy.protect && p->policy.protect[i])
        t.class = 2;
    return t;
}

static hp_status order_heads(rounding *r, hp_error *err)
{
    turn *turns = NULL;
    hp_status st = hp__new(&turns, r->n, sizeof *turns, err);
    for (uint32_t i = 0; i < r->n && !st; i++)
        turns[i] = turn_of(r, i);
    if (!st && r->n)
        qsort(turns, r->n, sizeof *turns, by_turn);
    for (uint32_t i = 0; i < r->n && !st; i++)
        r->place[turns[i].head] = i;
    free(turns);
    return st;
}

/* 1: the plan says when this head would go. */
static int is_known(const rounding *r, uint32_t head)
{
    uint32_t i = r->at[head];
    return r->was[head] ||
           (i != UINT32_MAX && r->p->rank && r->p->rank[i] != UINT32_MAX);
}

static hp_status open_rounding(rounding *r, hp_error *err)
{
    const hp_plan *p = r->p;
    size_t at = 0;
    hp_status st = hp__new(&r->at, r->n, sizeof *r->at, err);
    if (!st)
        st = hp__new(&r->place, r->n, sizeof *r->place, err);
    if (!st)
        st = hp__new(&r->was, r->n, 1, err);
    if (!st)
        st = hp__new(&r->now, r->n, 1, err);
    if (!st)
        st = hp__new(&r->best, r->n, 1, err);
    if (!st)
        st = hp__new(&r->value, r->m->spec.n_heads, sizeof *r->value, err);
    if (!st)
        st = hp__new(&r->taken, r->m->spec.n_heads, 1, err);
    if (!st)
        st = hp__plan_mask(r->was, p, r->m, err);
    for (size_t i = 0; i < r->n && !st; i++) {
        size_t k = hp__head_find(p->heads, p->n_heads,
                                 hp_model_heads(r->m)[i].id, &at);
        r->at[i] = k == SIZE_MAX ? UINT32_MAX : (uint32_t)k;
    }
    return st ? st : order_heads(r, err);
}

static void close_rounding(rounding *r)
{
    free(r->at);
    free(r->place);
    free(r->was);
    free(r->now);
    free(r->best);
    free(r->value);
    free(r->taken);
}

/* ---- uniform ---- */

/* Blocks that share a table of position biases keep the same heads. */
static int together(const hp_block *a, const hp_block *b)
{
    return a == b ||
           (a->relative.table && a->relative.table == b->relative.table);
}

/* 1: the block is the first of those that it goes with. */
static int is_first(const rounding *r, const hp_block *b)
{
    const hp_block *first = r->m->blocks;
    while (!together(first, b))
        first++;
    return first == b;
}

/* How much a head of block `b` is worth, in all blocks that go with it. */
static void weigh(const rounding *r, const hp_block *b)
{
    for (uint32_t h = 0; h < b->n_heads; h++) {
        r->value[h] = 0;
        for (size_t i = 0; i < r->m->n_blocks; i++)
            if (together(&r->m->blocks[i], b))
                r->value[h] += r->place[r->m->blocks[i].first_head + h];
    }
}

/* The best `n` heads of a key and value head: marks them in r->taken and
 * returns their worth, negative when there are not as many. */
static double best_of_group(const rounding *r, const hp_block *b, uint32_t kv,
                            uint32_t n)
{
    double sum = 0;
    unsigned char *taken = r->taken;
    memset(taken, 0, b->n_heads);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t best = UINT32_MAX;
        for (uint32_t h = 0; h < b->n_heads; h++)
            if (hp_block_kv_head(b, h) == kv && !taken[h] &&
                (best == UINT32_MAX || r->value[h] > r->value[best]))
                best = h;
        if (best == UINT32_MAX)
            return -1;
        taken[best] = 1;
        sum += r->value[best];
    }
    return sum;
}

/* 1: a head of this key and value head is kept so far. */
static int is_chosen(const hp_block *b, uint32_t kv, const unsigned char *goes)
{
    for (uint32_t h = 0; h < b->n_heads; h++)
        if (hp_block_kv_head(b, h) == kv && !goes[h])
            return 1;
    return 0;
}

/* The key and value head whose best heads are worth most; UINT32_MAX: none
 * has as many. */
static uint32_t best_kv(const rounding *r, const hp_block *b, uint32_t each,
                        const unsigned char *goes)
{
    uint32_t best = UINT32_MAX;
    double most = -1;
    for (uint32_t kv = 0; kv < b->n_kv_heads; kv++) {
        double worth =
            is_chosen(b, kv, goes) ? -1 : best_of_group(r, b, kv, each);
        if (worth > most) {
            most = worth;
            best = kv;
        }
    }
    return best;
}

/* Chooses the heads that a block keeps, and those blocks that go with it: `now`
 * of their heads. 0: it has not as many. */
static int choose(rounding *r, const hp_block *b, hp__shape s)
{
    uint32_t each = s.heads / s.kv_heads;
    unsigned char *goes = r->now + b->first_head;
    memset(goes, 1, b->n_heads);
    weigh(r, b);
    for (uint32_t k = 0; k < s.kv_heads; k++) {
        uint32_t kv = best_kv(r, b, each, goes);
        if (kv == UINT32_MAX)
            return 0;
        (void)best_of_group(r, b, kv, each);
        for (uint32_t h = 0; h < b->n_heads; h++)
            if (r->taken[h])
                goes[h] = 0;
    }
    for (size_t i = 0; i < r->m->n_blocks; i++)
        if (together(&r->m->blocks[i], b))
            memmove(r->now + r->m->blocks[i].first_head, goes, b->n_heads);
    return 1;
}

static int choose_all(rounding *r, hp__shape s)
{
    for (size_t i = 0; i < r->m->n_blocks; i++)
        if (is_first(r, &r->m->blocks[i]) && !choose(r, &r->m->blocks[i], s))
            return 0;
    return 1;
}

static size_t count_changes(const rounding *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->was[i] != r->now[i];
    return n;
}

/* How far `heads` is from what the plan keeps on average; infinite: on the
 * wrong side. */
static double distance(double wanted, uint32_t heads, hp_round direction)
{
    double off = heads - wanted;
    if ((direction == HP_ROUND_DOWN && off < 0) ||
        (direction == HP_ROUND_UP && off > 0))
        return (double)INFINITY;
    return fabs(off);
}

static double mean_kept(const rounding *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++)
        kept += !r->was[i];
    return (double)kept / (double)r->m->n_blocks;
}

static hp_status fail_nowhere(hp_round direction, hp_error *err)
{
    hp_status st = hp_fail(
        err, HP_UNSUPPORTED, "no plan that --uniform can write prunes %s",
        direction == HP_ROUND_UP ? "as many heads" : "as few heads");
    return hp_fail_hint(err, st, "--round nearest takes the nearest");
}

/* The shape whose number of heads is nearest, and of those the one that
 * changes least. With `divides` the width must be a multiple. */
static int find_shape(rounding *r, hp_round direction, int divides)
{
    const hp_spec *s = &r->m->spec;
    uint32_t group = s->n_heads / s->n_kv_heads;
    double wanted = mean_kept(r), least = (double)INFINITY;
    size_t changes = SIZE_MAX;
    for (uint32_t kv = 1; kv <= s->n_kv_heads; kv++)
        for (uint32_t each = 1; each <= group; each++) {
            hp__shape shape = {kv * each, kv};
            double off = distance(wanted, shape.heads, direction);
            if ((divides && s->width % shape.heads) || off > least ||
                isinf(off) || !choose_all(r, shape))
                continue;
            size_t n = count_changes(r);
            if (off < least || n < changes) {
                least = off;
                changes = n;
                memcpy(r->best, r->now, r->n);
            }
        }
    return !isinf(least);
}

static hp_status round_uniform(rounding *r, hp_round direction, hp_error *err)
{
    int divides = r->m->removal->width_of_heads;
    if (!find_shape(r, direction, divides) &&
        !(divides && find_shape(r, direction, 0)))
        return fail_nowhere(direction, err);
    memcpy(r->now, r->best, r->n);
    return HP_OK;
}

/* ---- what needs a head in every block ---- */

static void keep_one(rounding *r)
{
    memcpy(r->now, r->was, r->n);
    for (size_t i = 0; i < r->m->n_blocks; i++) {
        const hp_block *b = &r->m->blocks[i];
        uint32_t last = UINT32_MAX;
        int kept = 0;
        for (uint32_t h = b->first_head; h < b->first_head + b->n_heads; h++) {
            kept |= !r->was[h];
            if (last == UINT32_MAX || r->place[h] > r->place[last])
                last = h;
        }
        if (!kept && last != UINT32_MAX)
            r->now[last] = 0;
    }
}

/* ---- the new plan ---- */

/* Only a head whose rank is known may go beside those of the plan. */
static hp_status check(const rounding *r, hp_error *err)
{
    const hp_head *heads = hp_model_heads(r->m);
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t at = r->at[i];
        int goes = r->now[i] && !r->was[i];
        if (goes && at != UINT32_MAX && r->p->policy.protect &&
            r->p->policy.protect[at])
            return hp_fail(err, HP_UNSUPPORTED,
                           "head %s is protected, but would have to go",
                           heads[i].id);
        if (goes && !is_known(r, i)) {
            hp_status st =
                hp_fail(err, HP_INVALID,
                        "more heads than those of the plan would have to go, "
                        "and it does not say which (%s, say)",
                        heads[i].id);
            return hp_fail_hint(err, st,
                                "--round down, or METHOD or scores in place of "
                                "the plan");
        }
    }
    return HP_OK;
}

static hp_status make_plan(hp_plan **out, const rounding *r, hp_error *err)
{
    uint32_t *order = NULL;
    size_t n = 0;
    hp_status st = hp__new(&order, r->n, sizeof *order, err);
    for (uint32_t place = 0; place < r->n && !st; place++)
        for (uint32_t i = 0; i < r->n; i++)
            if (r->place[i] == place && r->now[i])
                order[n++] = i;
    if (!st)
        st = hp__plan_again(out, r->p, r->m, order, n, err);
    free(order);
    return st;
}

hp_status hp_plan_round(hp_plan **out, const hp_plan *p, const hp_model *m,
                        const hp_rewrite_options *o, hp_round direction,
                        hp_error *err)
{
    rounding r = {.m = m, .p = p, .n = hp_model_n_heads(m)};
    *out = NULL;
    hp_status st = open_rounding(&r, err);
    if (!st && o->uniform && m->removal && m->removal->heads_key)
        st = round_uniform(&r, direction, err);
    else if (!st && hp_rewrite_least(o))
        keep_one(&r);
    else if (!st)
        memcpy(r.now, r.was, r.n);
    if (!st)
        st = check(&r, err);
    if (!st)
        st = make_plan(out, &r, err);
    close_rounding(&r);
    return st;
}
