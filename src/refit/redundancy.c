/* What heads can replace: costs as shares, pairs and groups. */
#include "headprune/redundancy.h"
#include "base/arena.h"
#include "model/info.h"
#include "refit/costs.h"
#include "stats/output_map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAMPING   0.01
#define THRESHOLD 0.1

typedef struct work {
    const hp_model *m;
    hp_redundancy *r;
    hp__arena *arena;           /* of r */
    hp_redundant_block *blocks; /* [n_blocks] */
    double *w;                  /* [n, D] */
    hp__costs costs;
} work;

/* ---- what is told ---- */

static double rounded(double x)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.5e", x);
    return strtod(text, NULL);
}

static double share(double part, double whole)
{
    double s = whole > 0 ? part / whole : 0;
    return s > 0 ? rounded(s) : 0;
}

static int by_excess(const void *a, const void *b)
{
    const hp_redundant_pair *x = a, *y = b;
    if (x->excess < y->excess || x->excess > y->excess)
        return x->excess > y->excess ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->second < y->second ? -1 : x->second > y->second;
}

static size_t list_pairs(hp_redundant_pair *out, const hp__costs *k,
                         double whole)
{
    size_t n = 0;
    for (uint32_t h = 0; h < k->heads; h++)
        for (uint32_t j = h + 1; j < k->heads; j++) {
            double joint = k->joint[h * k->heads + j];
            double excess = share(joint - k->single[h] - k->single[j], whole);
            if (excess > 0)
                out[n++] =
                    (hp_redundant_pair){h, j, share(joint, whole), excess};
        }
    qsort(out, n, sizeof *out, by_excess);
    return n;
}

/* Heads that are linked, and what those are linked to, get one number; heads
 * that are alone have none. */
static size_t find_groups(hp_redundant_head *at, const double *supplied,
                          size_t n, double threshold)
{
    size_t groups = 0;
    for (size_t h = 0; h < n; h++)
        at[h].group = UINT32_MAX;
    for (size_t first = 0; first < n; first++) {
        size_t members = 0, before;
        if (at[first].group != UINT32_MAX)
            continue;
        at[first].group = (uint32_t)groups;
        do {
            before = members;
            members = 0;
            for (size_t h = 0; h < n; h++)
                for (size_t j = 0; j < n && at[h].group == groups; j++)
                    if (supplied[h * n + j] >= threshold ||
                        supplied[j * n + h] >= threshold)
                        at[j].group = (uint32_t)groups;
            for (size_t h = 0; h < n; h++)
                members += at[h].group == groups;
        } while (members != before);
        if (members > 1)
            groups++;
        else
            at[first].group = UINT32_MAX;
    }
    return groups;
}

static hp_status get_block(hp_redundant_head **at, double **supplied,
                           hp_redundant_pair **pairs, work *k, size_t n,
                           hp_error *err)
{
    hp__arena *a = k->arena;
    hp_status st = hp__arena_alloc(at, a, n, sizeof **at, err);
    if (!st)
        st = hp__arena_alloc(supplied, a, n * n, sizeof **supplied, err);
    return st ? st : hp__arena_alloc(pairs, a, n * n, sizeof **pairs, err);
}

static hp_status tell(hp_redundant_block *out, work *w, hp_error *err)
{
    const hp__costs *k = &w->costs;
    hp_redundant_head *at;
    double *supplied, whole = 0;
    hp_redundant_pair *pairs;
    size_t n = k->heads;
    hp_status st = get_block(&at, &supplied, &pairs, w, n, err);
    if (st)
        return st;
    for (size_t i = 0; i < n * n; i++)
        whole += hp__costs_energy(k, i / n, i % n);
    for (size_t h = 0; h < n; h++) {
        double energy = hp__costs_energy(k, h, h);
        if (!isfinite(k->single[h]) || !isfinite(energy))
            return hp_fail(err, HP_FORMAT,
                           "block '%s': what its heads put out cannot be told "
                           "apart",
                           out->heads[0].name);
        at[h].energy = share(energy, whole);
        at[h].cost = share(k->single[h], whole);
        at[h].predicted = share(energy - k->single[h], energy);
        for (size_t j = 0; j < n; j++)
            supplied[h * n + j] =
                h == j ? 0
                       : share(k->without[h * n + j] - k->single[h], energy);
    }
    out->at = at;
    out->supplied = supplied;
    out->pairs = pairs;
    out->n_pairs = list_pairs(pairs, k, whole);
    out->n_groups = find_groups(at, supplied, n, w->r->threshold);
    return HP_OK;
}

static hp_status visit(void *payload, const hp_moments *s, hp_error *err)
{
    work *w = payload;
    hp_redundancy *r = w->r;
    hp_redundant_block *b = &w->blocks[r->n_blocks];
    if (r->n_blocks)
        b->heads = b[-1].heads + b[-1].n_heads;
    b->n_heads = s->block->n_heads;
    r->n_blocks++;
    hp_status st = hp__projection_read(w->w, w->m, s->block, err);
    if (!st)
        st = hp__costs_find(&w->costs, s, w->w, r->damping, err);
    return st ? st : tell(b, w, err);
}

/* ---- the whole ---- */

static hp_status get_projection(work *w, hp_error *err)
{
    uint64_t most = 0;
    for (size_t i = 0; i < hp_model_n_blocks(w->m); i++) {
        const hp_linear *o = &hp_model_block(w->m, i)->o;
        most = o->n_in * o->count > most ? o->n_in * o->count : most;
    }
    return hp__new(&w->w, (size_t)most, sizeof(double), err);
}

static hp_status describe(work *k, const hp_redundancy_options *o,
                          hp_error *err)
{
    hp_redundancy *r = k->r;
    hp__arena *a = k->arena;
    const hp_head *heads = NULL;
    size_t n = hp_model_n_blocks(k->m);
    r->damping = o->damping > 0 ? o->damping : DAMPING;
    r->threshold = o->threshold > 0 ? o->threshold : THRESHOLD;
    hp_status st = hp__info_copy(&r->model, a, hp_model_info_get(k->m), err);
    if (!st && o->calibration) {
        r->has_calibration = 1;
        r->calibration = *o->calibration;
        st = hp__arena_strdup(&r->calibration.source, a, o->calibration->source,
                              err);
        if (!st)
            st = hp__arena_strdup(&r->calibration.sha256, a,
                                  o->calibration->sha256, err);
    }
    if (!st)
        st = hp__heads_copy(&heads, a, hp_model_heads(k->m),
                            hp_model_n_heads(k->m), err);
    if (!st)
        st = hp__arena_alloc(&k->blocks, a, n, sizeof *k->blocks, err);
    if (!st && n)
        k->blocks[0].heads = heads;
    r->blocks = k->blocks;
    return st;
}

hp_status hp_redundancy_find(hp_redundancy **out, const hp_model *m,
                             const hp_redundancy_options *o, hp_error *err)
{
    work k = {.m = m};
    const hp_moments_visitor visitor = {visit, &k};
    *out = NULL;
    if (!o->source.run.backend)
        return hp_fail(err, HP_INVALID, "redundancy needs a backend");
    hp_status st = hp__redundancy_new(&k.r, &k.arena, err);
    if (!st)
        st = describe(&k, o, err);
    if (!st)
        st = get_projection(&k, err);
    if (!st)
        st = hp__costs_open(&k.costs, m, &o->source.run, err);
    if (!st)
        st = hp_moments_take(m, &o->source, &visitor, err);
    hp__costs_close(&k.costs);
    free(k.w);
    if (st)
        hp_redundancy_free(k.r);
    else
        *out = k.r;
    return st;
}
