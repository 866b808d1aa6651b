/* Scores taken again after every step: heads that have gone are silent, those
 * that stay may have been refitted, and what is left is scored as the model
 * then is. */
#include "base/arena.h"
#include "headprune/refit.h"
#include "score/scorer.h"

#include <stdlib.h>
#include <string.h>

typedef struct iteration {
    const hp_model *m;
    const hp__scorer *scorer;
    hp_score_options o; /* with `mask` as its one mask */
    unsigned char *mask;
    const unsigned char *masks[1];
    hp_refit *refit;                        /* of `mask`; NULL: none */
    const hp_refit *refits[HP__MOST_MASKS]; /* the same for every variant */
    hp_refitted refitted;
    double *scores;
    uint32_t *rank;
    size_t n, gone;
} iteration;

static hp_status open_iteration(iteration *x, hp_error *err)
{
    hp_status st = hp__new(&x->mask, x->n, 1, err);
    if (!st)
        st = hp__new(&x->scores, x->n, sizeof *x->scores, err);
    if (!st)
        st = hp__new(&x->rank, x->n, sizeof *x->rank, err);
    if (st)
        return st;
    x->masks[0] = x->mask;
    x->o.run.masks = x->masks;
    x->o.run.n_variants = 1;
    return HP_OK;
}

/* Heads that are silent from the beginning come first. */
static void begin(double *places, iteration *x, const hp_run_options *o)
{
    const unsigned char *mask = o->n_variants ? o->masks[0] : NULL;
    for (size_t h = 0; h < x->n && mask; h++)
        if (mask[h]) {
            x->mask[h] = 1;
            places[h] = (double)x->gone++;
        }
}

/* Gives the next places to heads that are left, the first to go first, up to
 * `end`. */
static void take(double *places, iteration *x, size_t end)
{
    for (uint32_t rank = 0; rank < x->n && x->gone < end; rank++) {
        size_t h = 0;
        while (x->rank[h] != rank)
            h++;
        if (x->mask[h])
            continue;
        x->mask[h] = 1;
        places[h] = (double)x->gone++;
    }
}

static hp_status score(iteration *x, hp_error *err)
{
    hp_status st = hp__scores_compute(x->scores, x->m, x->scorer, &x->o, err);
    return st ? st
              : hp__scores_rank(x->rank, x->scores, x->n,
                                x->scorer->method.prunes_highest, err);
}

/* What the sweep takes in place of the model's own projections from here on. */
static hp_status refit(iteration *x, hp_error *err)
{
    const hp_refit_options o = {.run = {.backend = x->o.run.backend,
                                        .budget = x->o.run.budget,
                                        .threads = x->o.run.threads},
                                .sequences = x->o.sequences,
                                .damping = x->o.refit_damping,
                                .sequential = x->o.refit_sequential};
    hp_refit_free(x->refit);
    hp_status st = hp_refit_make(&x->refit, x->m, x->masks, 1, &o, err);
    for (size_t i = 0; i < HP__MOST_MASKS; i++)
        x->refits[i] = x->refit;
    x->refitted = (hp_refitted){x->refits, HP__MOST_MASKS};
    x->o.run.projections = hp_refit_projections(&x->refitted);
    return st;
}

static size_t share_of(double ratio, size_t n)
{
    double heads = ratio * (double)n + 1e-9;
    return heads < (double)n ? (size_t)heads : n;
}

hp_status hp__scores_iterate(double *places, const hp_model *m,
                             const hp__scorer *scorer,
                             const hp_score_options *o, hp_error *err)
{
    iteration x = {.m = m, .scorer = scorer, .o = *o, .n = hp_model_n_heads(m)};
    size_t last = o->iterate_to ? o->iterate_to : x.n;
    hp_status st = open_iteration(&x, err);
    if (!st)
        begin(places, &x, &o->run);
    for (size_t i = 1; x.gone < x.n && !st; i++) {
        size_t end = share_of(o->iterate * (double)i, x.n);
        st = score(&x, err);
        if (end <= x.gone)
            end = x.gone + 1;
        take(places, &x, end < last ? end : x.n);
        if (!st && o->iterate_refit && x.gone < x.n)
            st = refit(&x, err);
    }
    hp_refit_free(x.refit);
    free(x.mask);
    free(x.scores);
    free(x.rank);
    return st;
}
