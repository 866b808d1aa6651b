/* Bisection over the steps of one order. */
#include "headprune/search.h"

/* In its place by the number of heads; step 0 came first. */
static hp_curve_point *make_room(hp_curve *c, size_t n_pruned)
{
    size_t at = c->n++;
    for (; at > 0 && c->points[at - 1].n_pruned > n_pruned; at--)
        c->points[at] = c->points[at - 1];
    return &c->points[at];
}

static hp_status see(int *holds, hp_curve *c, const hp_search *s, size_t step,
                     hp_error *err)
{
    hp_curve_point p = {0};
    hp_finding f;
    hp_status st = s->measure(s->payload, &p, step, err);
    if (st)
        return st;
    *make_room(c, p.n_pruned) = p;
    double base = c->points[0].loss;
    hp_gate_increase(&f, HP_RULE_LOSS, s->limit, base, base + p.delta);
    *holds = f.holds;
    return HP_OK;
}

hp_status hp_search_run(hp_curve *out, size_t *best, const hp_search *s,
                        hp_error *err)
{
    size_t within = 0, beyond = s->n_steps + 1;
    int holds = 0;
    *out = (hp_curve){0};
    *best = 0;
    hp_status st = see(&holds, out, s, 0, err);
    while (!st && beyond - within > 1) {
        size_t step = within + (beyond - within) / 2;
        st = see(&holds, out, s, step, err);
        if (holds)
            within = step;
        else
            beyond = step;
    }
    *best = st ? 0 : within;
    return st;
}
