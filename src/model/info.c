/* Scores, plans and sweeps as handles: a public struct with its arena behind
 * it. */
#include "model/info.h"

#include <stdlib.h>
#include <string.h>

typedef struct owned_scores {
    hp_scores scores; /* first: its address is the handle */
    hp__arena arena;
} owned_scores;

typedef struct owned_eval {
    hp_eval eval; /* first: its address is the handle */
    hp__arena arena;
} owned_eval;

typedef struct owned_plan {
    hp_plan plan; /* first: its address is the handle */
    hp__arena arena;
} owned_plan;

typedef struct owned_sweep {
    hp_sweep sweep; /* first: its address is the handle */
    hp__arena arena;
} owned_sweep;

hp_status hp__scores_new(hp_scores **out, hp__arena **arena, hp_error *err)
{
    owned_scores *own = NULL;
    *out = NULL;
    hp_status st = hp__new(&own, 1, sizeof *own, err);
    if (st)
        return st;
    *out = &own->scores;
    *arena = &own->arena;
    return HP_OK;
}

void hp_scores_free(hp_scores *s)
{
    owned_scores *own = (owned_scores *)s;
    if (own)
        hp__arena_clear(&own->arena);
    free(own);
}

hp_status hp__eval_new(hp_eval **out, hp__arena **arena, hp_error *err)
{
    owned_eval *own = NULL;
    *out = NULL;
    hp_status st = hp__new(&own, 1, sizeof *own, err);
    if (st)
        return st;
    *out = &own->eval;
    *arena = &own->arena;
    return HP_OK;
}

void hp_eval_free(hp_eval *e)
{
    owned_eval *own = (owned_eval *)e;
    if (own)
        hp__arena_clear(&own->arena);
    free(own);
}

hp_status hp__plan_new(hp_plan **out, hp__arena **arena, hp_error *err)
{
    owned_plan *own = NULL;
    *out = NULL;
    hp_status st = hp__new(&own, 1, sizeof *own, err);
    if (st)
        return st;
    *out = &own->plan;
    *arena = &own->arena;
    return HP_OK;
}

void hp_plan_free(hp_plan *p)
{
    owned_plan *own = (owned_plan *)p;
    if (own)
        hp__arena_clear(&own->arena);
    free(own);
}

hp_status hp__sweep_new(hp_sweep **out, hp__arena **arena, hp_error *err)
{
    owned_sweep *own = NULL;
    *out = NULL;
    hp_status st = hp__new(&own, 1, sizeof *own, err);
    if (st)
        return st;
    *out = &own->sweep;
    *arena = &own->arena;
    return HP_OK;
}

void hp_sweep_free(hp_sweep *s)
{
    owned_sweep *own = (owned_sweep *)s;
    if (own)
        hp__arena_clear(&own->arena);
    free(own);
}

typedef struct owned_redundancy {
    hp_redundancy redundancy; /* first: its address is the handle */
    hp__arena arena;
} owned_redundancy;

hp_status hp__redundancy_new(hp_redundancy **out, hp__arena **arena,
                             hp_error *err)
{
    owned_redundancy *own = NULL;
    *out = NULL;
    hp_status st = hp__new(&own, 1, sizeof *own, err);
    if (st)
        return st;
    *out = &own->redundancy;
    *arena = &own->arena;
    return HP_OK;
}

void hp_redundancy_free(hp_redundancy *r)
{
    owned_redundancy *own = (owned_redundancy *)r;
    if (own)
        hp__arena_clear(&own->arena);
    free(own);
}

hp_status hp__info_copy(hp_model_info *out, hp__arena *a,
                        const hp_model_info *info, hp_error *err)
{
    *out = *info;
    hp_status st = hp__arena_strdup(&out->path, a, info->path, err);
    if (!st)
        st = hp__arena_strdup(&out->model_type, a, info->model_type, err);
    if (!st)
        st = hp__arena_strdup(&out->architecture, a, info->architecture, err);
    if (!st)
        st = hp__arena_strdup(&out->fingerprint, a, info->fingerprint, err);
    return st;
}

hp_status hp__heads_copy(const hp_head **out, hp__arena *a,
                         const hp_head *heads, size_t n, hp_error *err)
{
    hp_head *copy = NULL;
    hp_status st = hp__arena_alloc(&copy, a, n, sizeof *copy, err);
    for (size_t i = 0; i < n && !st; i++) {
        copy[i] = heads[i];
        st = hp__arena_strdup(&copy[i].id, a, heads[i].id, err);
        /* Heads of one block share one copy of its name. */
        if (i && strcmp(heads[i - 1].name, heads[i].name) == 0)
            copy[i].name = copy[i - 1].name;
        else if (!st)
            st = hp__arena_strdup(&copy[i].name, a, heads[i].name, err);
    }
    if (!st)
        *out = copy;
    return st;
}
