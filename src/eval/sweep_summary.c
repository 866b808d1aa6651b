/*
 * What a sweep's points say: every method at every ratio against random
 * choices of as many heads, and how far the methods' rankings agree.
 */
#include "eval/statistics.h"
#include "eval/sweep_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A result this unlikely among random choices is not put down to luck. */
#define SURE 0.05

const char *hp_verdict_text(hp_verdict v)
{
    static const char *const texts[] = {
#define X(name, text) text,
        HP_VERDICT_MAP(X)
#undef X
    };
    return texts[v];
}

int hp__sweep_same_point(const hp_sweep_point *p, const hp_sweep_point *q)
{
    return !strcmp(p->method, q->method) && p->has_seed == q->has_seed &&
           p->seed == q->seed && p->ratio == q->ratio;
}

/* Values of a method at a ratio; returns how many. */
static size_t gather(double *values, const hp_sweep *s, const char *method,
                     double ratio)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_points; i++)
        if (!strcmp(s->points[i].method, method) && s->points[i].ratio == ratio)
            values[n++] = s->points[i].value;
    return n;
}

static int is_better(const hp_sweep *s, double value, double than)
{
    return hp_metric_rises(s->baseline.metric) ? value > than : value < than;
}

static hp_verdict judge(const hp_sweep *s, const hp_sweep_row *row)
{
    if (row->n_seeds < 2)
        return HP_VERDICT_NONE;
    if (!(row->p < SURE))
        return HP_VERDICT_UNCLEAR;
    return is_better(s, row->value, row->mean) ? HP_VERDICT_BETTER
                                               : HP_VERDICT_WORSE;
}

static void compare(hp_sweep_row *row, double *work, const hp_sweep *s)
{
    size_t n = gather(work, s, row->method, row->ratio);
    row->value = hp__sample_of(work, n).mean;
    row->delta = row->value - s->baseline.value;
    row->z = row->p = (double)NAN;
    n = gather(work, s, HP_SWEEP_REFERENCE, row->ratio);
    hp__sample sample = hp__sample_of(work, n);
    row->n_seeds = n;
    row->mean = sample.mean;
    row->sd = sample.sd;
    row->min = sample.min;
    row->max = sample.max;
    if (!strcmp(row->method, HP_SWEEP_REFERENCE))
        return;
    for (size_t i = 0; i < n; i++)
        row->wins += (size_t)is_better(s, row->value, work[i]);
    if (sample.sd > 0)
        row->z = (row->value - sample.mean) / sample.sd;
    row->p = hp__sample_p(&sample, row->value);
    row->verdict = judge(s, row);
}

static int has_row(const hp_sweep_row *rows, size_t n, const hp_sweep_point *p)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].ratio == p->ratio && !strcmp(rows[i].method, p->method))
            return 1;
    return 0;
}

hp_status hp__sweep_rows(hp_sweep *s, hp__arena *a, hp_error *err)
{
    hp_sweep_row *rows = NULL;
    double *work = NULL;
    hp_status st = hp__arena_alloc(&rows, a, s->n_points, sizeof *rows, err);
    if (!st)
        st = hp__new(&work, s->n_points, sizeof *work, err);
    for (size_t i = 0; i < s->n_points && !st; i++) {
        const hp_sweep_point *p = &s->points[i];
        if (has_row(rows, s->n_rows, p))
            continue;
        hp_sweep_row *row = &rows[s->n_rows++];
        row->method = p->method;
        row->ratio = p->ratio;
        row->n_pruned = p->n_pruned;
        compare(row, work, s);
    }
    s->rows = rows;
    free(work);
    return st;
}

/* Lowest goes first, whichever end the method prunes. */
static hp_status agree(double *out, const hp_scores *x, const hp_scores *y,
                       hp_error *err)
{
    hp_status st = hp__spearman(out, x->values, y->values, x->n_heads, err);
    if (!st && x->prunes_highest != y->prunes_highest)
        *out = -*out;
    return st;
}

hp_status hp__sweep_agreements(hp_sweep *s, hp__arena *a,
                               const hp_scores *const *scores, size_t n,
                               hp_error *err)
{
    hp_sweep_agreement *list = NULL;
    hp_status st = hp__arena_alloc(&list, a, n * n, sizeof *list, err);
    for (size_t i = 0; i < n && !st; i++)
        for (size_t j = i + 1; j < n && !st; j++) {
            if (scores[i]->has_seed || scores[j]->has_seed)
                continue;
            hp_sweep_agreement *one = &list[s->n_agreements++];
            st = agree(&one->spearman, scores[i], scores[j], err);
            if (!st)
                st = hp__arena_strdup(&one->first, a, scores[i]->method, err);
            if (!st)
                st = hp__arena_strdup(&one->second, a, scores[j]->method, err);
        }
    s->agreements = list;
    return st;
}
