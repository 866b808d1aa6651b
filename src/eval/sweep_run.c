/*
 * The sweep over plans: what an earlier run measured is taken over, the rest
 * is evaluated in chunks, and after each chunk the caller gets a whole sweep
 * to save. A point's numbers depend on nothing but its own mask.
 */
#include "eval/sweep_parts.h"
#include "model/info.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Plans that are evaluated together: each chunk scores the model as it is
 * once more, and holds the hidden states of all its plans. */
#define CHUNK      8
#define CHUNK_MOST 64

typedef struct sweeping {
    const hp_model *m;
    const hp_sweep_options *o;
    size_t n;               /* plans */
    hp_sweep_point *points; /* [n], in the order of the plans */
    unsigned char *done;    /* [n] */
    size_t n_done;
    char **lists;            /* [n] heads of the points, owned */
    hp_eval *own;            /* the baseline evaluated here, or NULL */
    const hp_eval *baseline; /* that, or an earlier sweep's */
    hp_samples samples;      /* of the baseline */
    hp__arena arena;         /* texts of the samples */
    size_t n_chunk;          /* variants that are being evaluated */
} sweeping;

/* ---- results ---- */

/* To the digits that an evaluation's document has: a sweep that is read back
 * goes on with the numbers that it had, and on other processors too. */
static double rounded(double value)
{
    char text[32];
    if (!isfinite(value))
        return value;
    snprintf(text, sizeof text, "%.9g", value);
    return strtod(text, NULL);
}

static hp_status copy_points(hp_sweep *s, hp__arena *a, const sweeping *w,
                             hp_error *err)
{
    hp_sweep_point *points = NULL;
    hp_status st = hp__arena_alloc(&points, a, w->n, sizeof *points, err);
    for (size_t i = 0; i < w->n && !st; i++) {
        if (!w->done[i])
            continue;
        hp_sweep_point *p = &points[s->n_points++];
        *p = w->points[i];
        st = hp__arena_strdup(&p->method, a, p->method, err);
        if (!st)
            st = hp__arena_strdup(&p->heads, a, p->heads, err);
        if (!st)
            st = hp__samples_copy(&p->samples, a, &p->samples, err);
    }
    s->points = points;
    return st;
}

/* The baseline stands alone: it is compared with nothing. */
static hp_status copy_baseline(hp_sweep *s, hp__arena *a, const hp_eval *from,
                               hp_error *err)
{
    const double none = (double)NAN;
    hp_eval *b = &s->baseline;
    *b = *from;
    b->value = rounded(b->value);
    b->value_error = rounded(b->value_error);
    b->loss = rounded(b->loss);
    b->model = s->model;
    b->has_base = 0;
    b->base = (hp_model_info){0};
    b->base_value = b->base_loss = b->delta = b->delta_error = none;
    b->kl = b->same_top1 = none;
    b->losses = NULL;
    b->heads = "";
    hp_status st = hp__arena_strdup(&b->source, a, from->source, err);
    return st ? st : hp__arena_strdup(&b->sha256, a, from->sha256, err);
}

static const hp_calibration_info *calibration_of(const hp_sweep_options *o)
{
    for (size_t i = 0; i < o->n_scores; i++)
        if (o->scores[i]->has_calibration)
            return &o->scores[i]->calibration;
    return o->refits ? o->refit_calibration : NULL;
}

static hp_status describe(hp_sweep *s, hp__arena *a, const sweeping *w,
                          hp_error *err)
{
    const hp_calibration_info *c = calibration_of(w->o);
    hp_status st = hp__info_copy(&s->model, a, hp_model_info_get(w->m), err);
    if (!st && c) {
        s->has_calibration = 1;
        s->calibration = *c;
        st = hp__arena_strdup(&s->calibration.source, a, c->source, err);
        if (!st)
            st = hp__arena_strdup(&s->calibration.sha256, a, c->sha256, err);
    }
    if (!st)
        st = copy_baseline(s, a, w->baseline, err);
    if (!st)
        st = hp__samples_copy(&s->samples, a, &w->samples, err);
    if (w->n) {
        s->scope = w->o->plans[0]->policy.scope;
        s->keep = w->o->plans[0]->policy.keep;
        s->group = w->o->plans[0]->policy.group;
        s->damping = w->o->refits ? w->o->refits[0]->damping : 0;
        s->sequential = w->o->refits && w->o->refits[0]->sequential;
    }
    s->max_tokens = w->o->prompts ? w->o->prompts->max_tokens : 0;
    s->n_planned = w->n;
    return st;
}

static hp_status make_sweep(hp_sweep **out, const sweeping *w, hp_error *err)
{
    hp_sweep *s = NULL;
    hp__arena *a = NULL;
    *out = NULL;
    hp_status st = hp__sweep_new(&s, &a, err);
    if (!st)
        st = describe(s, a, w, err);
    if (!st)
        st = copy_points(s, a, w, err);
    if (!st)
        st = hp__sweep_rows(s, a, err);
    if (!st)
        st = hp__sweep_agreements(s, a, w->o->scores, w->o->n_scores, err);
    if (st)
        hp_sweep_free(s);
    else
        *out = s;
    return st;
}

/* ---- what was measured before ---- */

static int same_calibration(const hp_sweep *b, const hp_calibration_info *c)
{
    if (!c || !b->has_calibration)
        return !c && !b->has_calibration;
    return !strcmp(b->calibration.sha256, c->sha256) &&
           b->calibration.sequences == c->sequences &&
           b->calibration.length == c->length &&
           b->calibration.tokens == c->tokens;
}

static int same_windows(const hp_eval *b, const hp_eval_data *d)
{
    size_t stride = d->stride ? d->stride : d->info->length;
    return !strcmp(b->sha256, d->info->sha256) &&
           b->windows == d->sequences->n && b->length == d->info->length &&
           b->stride == stride;
}

static int same_refit(const hp_sweep *b, const hp_sweep_options *o)
{
    if (!o->refits || !o->n_plans)
        return !(b->damping > 0);
    return !(b->damping < o->refits[0]->damping) &&
           !(b->damping > o->refits[0]->damping) &&
           b->sequential == o->refits[0]->sequential;
}

static hp_status check_before(const sweeping *w, hp_error *err)
{
    const hp_sweep *b = w->o->before;
    const hp_model_info *own = hp_model_info_get(w->m);
    if (!same_refit(b, w->o))
        return hp_fail(err, HP_INVALID, "the sweep was made %s",
                       b->damping > 0 ? "with another kind of refit, or with "
                                        "one at all"
                                      : "without a refit");
    if (strcmp(b->model.fingerprint, own->fingerprint) != 0)
        return hp_fail(err, HP_INVALID,
                       "the sweep is of %s (%.16s...), this model is %.16s...",
                       b->model.path, b->model.fingerprint, own->fingerprint);
    if (!same_calibration(b, calibration_of(w->o)))
        return hp_fail(err, HP_INVALID,
                       "the sweep was calibrated on other data (%s)",
                       b->has_calibration ? b->calibration.source : "none");
    if (!same_windows(&b->baseline, w->o->data))
        return hp_fail(err, HP_INVALID,
                       "the sweep was evaluated on other data, or other "
                       "windows of it (%s, %zu x %zu)",
                       b->baseline.source, b->baseline.windows,
                       b->baseline.length);
    hp_status st = hp__samples_check(&b->samples, w->o->prompts, err);
    if (!st && w->o->prompts && b->max_tokens != w->o->prompts->max_tokens)
        st = hp_fail(err, HP_INVALID,
                     "the sweep has samples of up to %zu tokens, not of %zu",
                     b->max_tokens, w->o->prompts->max_tokens);
    return st;
}

static hp_status take_point(sweeping *w, const hp_sweep_point *p, hp_error *err)
{
    for (size_t i = 0; i < w->n; i++) {
        if (!hp__sweep_same_point(&w->points[i], p))
            continue;
        if (strcmp(w->lists[i], p->heads) != 0)
            return hp_fail(err, HP_INVALID,
                           "the sweep has other heads for %s at ratio %.15g",
                           p->method, p->ratio);
        hp_status st = hp__samples_check(&p->samples, w->o->prompts, err);
        if (st)
            return st;
        w->points[i] = *p;
        w->points[i].method = w->o->plans[i]->method;
        w->points[i].heads = w->lists[i];
        w->n_done += !w->done[i];
        w->done[i] = 1;
        return HP_OK;
    }
    return hp_fail(err, HP_INVALID,
                   "the sweep has a point that is not asked for: %s%s at "
                   "ratio %.15g",
                   p->method, p->has_seed ? " with another seed" : "",
                   p->ratio);
}

static hp_status take_before(sweeping *w, hp_error *err)
{
    const hp_sweep *b = w->o->before;
    hp_status st = b ? check_before(w, err) : HP_OK;
    for (size_t i = 0; b && i < b->n_points && !st; i++)
        st = take_point(w, &b->points[i], err);
    if (b && !st) {
        w->baseline = &b->baseline;
        w->samples = b->samples;
    }
    return st;
}

/* ---- evaluation ---- */

/* The engine counts what it does in this chunk; told is the whole sweep. */
static int step(void *payload, uint64_t done, uint64_t total)
{
    const sweeping *w = payload;
    const hp_progress *told = &w->o->run.progress;
    uint64_t tokens = w->o->data->sequences->start[w->o->data->sequences->n];
    double share = total ? (double)done / (double)total : 0;
    double chunk = share * (double)(w->n_chunk * tokens);
    return told->step(told->payload, w->n_done * tokens + (uint64_t)chunk,
                      w->n * tokens);
}

static void take_result(hp_sweep_point *p, const hp_eval *e)
{
    p->value = rounded(e->value);
    p->error = rounded(e->value_error);
    p->loss = rounded(e->loss);
    p->delta = rounded(e->delta);
    p->delta_error = rounded(e->delta_error);
    p->kl = rounded(e->kl);
    p->same_top1 = rounded(e->same_top1);
}

static const hp_refit *refit_of(const sweeping *w, size_t plan)
{
    return w->o->refits ? w->o->refits[plan] : NULL;
}

static hp_status sample(sweeping *w, const size_t *at, size_t n, hp_error *err)
{
    const hp_sweep_prompts *p = w->o->prompts;
    hp_status st = HP_OK;
    if (p && !w->samples.n)
        st = hp__samples_make(&w->samples, &w->arena, p, NULL, NULL, err);
    for (size_t i = 0; i < n && !st; i++)
        st = hp__samples_make(&w->points[at[i]].samples, &w->arena, p,
                              w->o->plans[at[i]]->pruned, refit_of(w, at[i]),
                              err);
    return st;
}

/* The plans `at` [n], and the model as it is when its value is not known. */
static hp_status evaluate(sweeping *w, const size_t *at, size_t n,
                          hp_error *err)
{
    const unsigned char *masks[CHUNK_MOST + 1];
    const hp_refit *refits[CHUNK_MOST + 1];
    hp_refitted refitted = {refits, n};
    hp_eval *got[CHUNK_MOST + 1] = {0};
    size_t n_all = n + !w->baseline;
    for (size_t i = 0; i < n; i++) {
        masks[i] = w->o->plans[at[i]]->pruned;
        refits[i] = refit_of(w, at[i]);
    }
    masks[n] = NULL;
    hp_eval_options o = {.run = w->o->run, .base = {.unmasked = 1}};
    o.run.masks = masks;
    o.run.n_variants = n_all;
    if (w->o->refits)
        o.run.projections = hp_refit_projections(&refitted);
    w->n_chunk = n;
    if (w->o->run.progress.step)
        o.run.progress = (hp_progress){step, w};
    hp_status st = hp_evaluate(got, w->m, w->o->data, &o, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++) {
        take_result(&w->points[at[i]], got[i]);
        w->done[at[i]] = 1;
        hp_eval_free(got[i]);
    }
    w->n_done += n;
    if (!w->baseline)
        w->baseline = w->own = got[n];
    return sample(w, at, n, err);
}

static hp_status save(const sweeping *w, hp_error *err)
{
    hp_sweep *so_far = NULL;
    if (!w->o->save || w->n_done == w->n)
        return HP_OK;
    hp_status st = make_sweep(&so_far, w, err);
    if (!st)
        st = w->o->save(w->o->payload, so_far, err);
    hp_sweep_free(so_far);
    return st;
}

static hp_status evaluate_rest(sweeping *w, hp_error *err)
{
    size_t chunk = w->o->chunk ? w->o->chunk : CHUNK;
    size_t at[CHUNK_MOST], n = 0, next = 0;
    hp_status st = HP_OK;
    if (chunk > CHUNK_MOST)
        chunk = CHUNK_MOST;
    while (!st && (w->n_done < w->n || !w->baseline)) {
        for (n = 0; next < w->n && n < chunk; next++)
            if (!w->done[next])
                at[n++] = next;
        st = evaluate(w, at, n, err);
        if (!st)
            st = save(w, err);
    }
    return st;
}

/* ---- the whole ---- */

static hp_status begin(sweeping *w, hp_error *err)
{
    hp_status st = hp__new(&w->points, w->n, sizeof *w->points, err);
    if (!st)
        st = hp__new(&w->done, w->n, 1, err);
    if (!st)
        st = hp__new(&w->lists, w->n, sizeof *w->lists, err);
    for (size_t i = 0; i < w->n && !st; i++) {
        const hp_plan *p = w->o->plans[i];
        if (p->n_heads != hp_model_n_heads(w->m))
            return hp_fail(err, HP_INVALID,
                           "plan %zu is of %zu heads, the model has %zu", i,
                           p->n_heads, hp_model_n_heads(w->m));
        st =
            hp_heads_format(&w->lists[i], p->pruned, p->heads, p->n_heads, err);
        w->points[i] = (hp_sweep_point){.method = p->method,
                                        .has_seed = p->has_seed,
                                        .seed = p->seed,
                                        .ratio = p->policy.ratio,
                                        .n_pruned = p->n_pruned,
                                        .heads = w->lists[i]};
    }
    return st;
}

hp_status hp_sweep_run(hp_sweep **out, const hp_model *m,
                       const hp_sweep_options *o, hp_error *err)
{
    sweeping w = {.m = m, .o = o, .n = o->n_plans};
    *out = NULL;
    hp_status st = begin(&w, err);
    if (!st)
        st = take_before(&w, err);
    if (!st)
        st = evaluate_rest(&w, err);
    if (!st)
        st = make_sweep(out, &w, err);
    for (size_t i = 0; w.lists && i < w.n; i++)
        free(w.lists[i]);
    free(w.lists);
    free(w.done);
    free(w.points);
    hp_eval_free(w.own);
    hp__arena_clear(&w.arena);
    return st;
}
