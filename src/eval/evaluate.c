/* From a request to results: checks, the passes, and one self-contained
 * evaluation for every mask. */
#include "base/arena.h"
#include "eval/summary.h"
#include "model/graph.h"
#include "model/info.h"
#include "run/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct evaluation {
    const hp_model *m;
    const hp_eval_data *d;
    const hp_eval_options *o;
    hp__targets targets;
    hp__passes passes;
    hp_metric metric;
    double *base_losses; /* of lane 0 when it is the base */
    size_t n;            /* results */
} evaluation;

/* ---- checks ---- */

static hp_status check_data(hp_metric metric, const hp_eval_data *d,
                            hp_error *err)
{
    if (!d->sequences || !d->sequences->n)
        return hp_fail(err, HP_INVALID, "there is nothing to evaluate on");
    if (metric != HP_METRIC_PERPLEXITY && d->stride)
        return hp_fail(err, HP_INVALID,
                       "a stride is for models that predict the next token");
    return HP_OK;
}

static hp_status open_targets(evaluation *e, hp_error *err)
{
    const hp_eval_data *d = e->d;
    const hp__target_rule rule = {.sequences = d->sequences,
                                  .context = d->context,
                                  .special = d->special,
                                  .labels = d->labels};
    hp_status st = check_data(e->metric, d, err);
    return st ? st
              : hp__targets_open(&e->targets, e->m->spec.output, &rule, err);
}

static hp_status check_model(const hp_model *m, const hp_model *base,
                             hp_error *err)
{
    if (hp_metric_of(base) != hp_metric_of(m))
        return hp_fail(err, HP_INVALID,
                       "the base is measured by its %s, the model by its %s",
                       hp_metric_name(hp_metric_of(base)),
                       hp_metric_name(hp_metric_of(m)));
    if (base->spec.vocab != m->spec.vocab)
        return hp_fail(err, HP_INVALID,
                       "the base has a vocabulary of %u, the model one of %u",
                       base->spec.vocab, m->spec.vocab);
    if (hp_metric_of(m) == HP_METRIC_HIDDEN_COSINE &&
        base->spec.width != m->spec.width)
        return hp_fail(err, HP_INVALID,
                       "hidden states of the base have %u values, those of the "
                       "model %u",
                       base->spec.width, m->spec.width);
    return HP_OK;
}

static hp_status check_eval(const evaluation *e, const hp_eval *base,
                            hp_error *err)
{
    if (!base->losses)
        return hp_fail(err, HP_INVALID,
                       "the base's evaluation holds no losses to pair with");
    if (base->tokens != e->targets.n || base->metric != e->metric)
        return hp_fail(err, HP_INVALID,
                       "the base was evaluated on other tokens (%zu, here %zu)",
                       base->tokens, e->targets.n);
    return HP_OK;
}

/* Ids that the windows do not hold, and so the sweep does not check. */
static hp_status check_ids(const evaluation *e, hp_error *err)
{
    const hp__targets *t = &e->targets;
    int32_t vocab = (int32_t)e->m->spec.vocab;
    if (t->masked && e->d->special.mask >= vocab)
        return hp_fail(err, HP_INVALID,
                       "mask token %d is not in the model's 0 to %d",
                       (int)e->d->special.mask, (int)vocab - 1);
    for (size_t i = 0; i < t->n; i++)
        if (t->labels[i] < 0 || t->labels[i] >= vocab)
            return hp_fail(err, HP_INVALID,
                           "token id %d, to be predicted, is not in the "
                           "model's 0 to %d",
                           (int)t->labels[i], (int)vocab - 1);
    return HP_OK;
}

static hp_status check(const evaluation *e, hp_error *err)
{
    const hp_eval_base *b = &e->o->base;
    int given = (b->unmasked != 0) + (b->model != NULL) + (b->eval != NULL);
    if (given > 1)
        return hp_fail(err, HP_INVALID, "more than one base to compare with");
    if (!e->o->run.backend)
        return hp_fail(err, HP_INVALID, "an evaluation needs a backend");
    if (e->metric == HP_METRIC_HIDDEN_COSINE && !(b->unmasked || b->model))
        return hp_fail_hint(
            err,
            hp_fail(err, HP_INVALID,
                    "the model has no output over the vocabulary, so it can "
                    "only be compared"),
            "give what to compare with: --against BASE, or heads to mask");
    hp_status st = check_ids(e, err);
    if (!st && b->model)
        st = check_model(e->m, b->model, err);
    return st || !b->eval ? st : check_eval(e, b->eval, err);
}

/* ---- results ---- */

static hp_status copy_data(hp_eval *out, hp__arena *a, const evaluation *e,
                           hp_error *err)
{
    const hp_sequences *s = hp__targets_rows(&e->targets);
    const hp_calibration_info *info = e->d->info;
    out->windows = s->n;
    for (size_t i = 0; i < s->n; i++)
        if (s->start[i + 1] - s->start[i] > out->length)
            out->length = s->start[i + 1] - s->start[i];
    out->stride = e->d->stride ? e->d->stride : out->length;
    out->tokens =
        e->metric == HP_METRIC_HIDDEN_COSINE ? s->start[s->n] : e->targets.n;
    hp_status st =
        hp__arena_strdup(&out->source, a, info ? info->source : "", err);
    return st ? st
              : hp__arena_strdup(&out->sha256, a, info ? info->sha256 : "",
                                 err);
}

static hp_status copy_mask(hp_eval *out, hp__arena *a, const evaluation *e,
                           const unsigned char *mask, hp_error *err)
{
    char *text = NULL;
    out->heads = "";
    if (!mask)
        return HP_OK;
    for (size_t i = 0; i < e->m->n_heads; i++)
        out->n_masked += mask[i] != 0;
    hp_status st =
        hp_heads_format(&text, mask, e->m->heads, e->m->n_heads, err);
    if (!st)
        st = hp__arena_strdup(&out->heads, a, text, err);
    free(text);
    return st;
}

static hp_status copy_base(hp_eval *out, hp__arena *a, const evaluation *e,
                           hp_error *err)
{
    const hp_eval_base *b = &e->o->base;
    const hp_model_info *info = &e->m->info;
    out->has_base = b->unmasked || b->model || b->eval;
    if (!out->has_base)
        return HP_OK;
    if (b->model)
        info = &b->model->info;
    else if (b->eval)
        info = &b->eval->model;
    return hp__info_copy(&out->base, a, info, err);
}

/* What is known before anything is computed, and room for the rest. */
static hp_status begin_result(hp_eval **out, double **losses,
                              const evaluation *e, size_t i, hp_error *err)
{
    const unsigned char *const *masks = e->o->run.masks;
    hp__arena *a = NULL;
    hp_status st = hp__eval_new(out, &a, err);
    if (st)
        return st;
    hp_eval *r = *out;
    r->metric = e->metric;
    r->loss = r->loss_error = r->base_value = r->base_loss = (double)NAN;
    r->delta = r->delta_error = r->kl = r->same_top1 = r->top1 = (double)NAN;
    st = hp__info_copy(&r->model, a, &e->m->info, err);
    if (!st)
        st = copy_data(r, a, e, err);
    if (!st)
        st = copy_mask(r, a, e, masks && e->o->run.n_variants ? masks[i] : NULL,
                       err);
    if (!st)
        st = copy_base(r, a, e, err);
    if (!st && e->targets.n)
        st = hp__arena_alloc(losses, a, e->targets.n, sizeof **losses, err);
    r->losses = *losses;
    return st;
}

static void finish_losses(hp_eval *r, const evaluation *e,
                          const hp__lane_results *lane)
{
    double n = (double)e->targets.n;
    hp__summarise_losses(r, &e->targets);
    r->top1 = (double)lane->right / n;
    if (e->o->base.eval)
        hp__summarise_pairs(r, e->o->base.eval->losses);
    else if (r->has_base)
        hp__summarise_pairs(r, e->base_losses);
    if (e->passes.compare) {
        r->kl = lane->kl / n;
        r->same_top1 = (double)lane->same_top1 / n;
    }
}

static void finish_cosines(hp_eval *r, const evaluation *e,
                           const hp__lane_results *lane)
{
    hp__mean mean = hp__mean_of(lane->cosines, e->targets.windows.n);
    r->value = mean.value;
    r->value_error = mean.error;
    r->base_value = 1.0;
}

/* ---- all of it ---- */

static hp_status get_lanes(evaluation *e, hp_eval **out, hp_error *err)
{
    hp__passes *p = &e->passes;
    size_t windows = e->targets.windows.n;
    hp_status st = hp__new(&p->lanes, p->n_lanes, sizeof *p->lanes, err);
    if (!st)
        st = hp__new(&e->base_losses, e->targets.n, sizeof(double), err);
    if (!st && p->has_base)
        p->lanes[0].losses = e->base_losses;
    for (size_t i = 0; i < e->n && !st; i++) {
        hp__lane_results *lane = &p->lanes[i + (p->has_base != 0)];
        st = begin_result(&out[i], &lane->losses, e, i, err);
    }
    for (size_t l = 0; l < p->n_lanes && !st; l++)
        if (p->pools)
            st = hp__new(&p->lanes[l].cosines, windows, sizeof(double), err);
    return st;
}

static void release(evaluation *e)
{
    for (size_t l = 0; l < e->passes.n_lanes && e->passes.lanes; l++)
        free(e->passes.lanes[l].cosines);
    free(e->passes.lanes);
    free(e->base_losses);
    hp__targets_close(&e->targets);
}

static hp_status evaluate(evaluation *e, hp_eval **out, hp_error *err)
{
    hp__passes *p = &e->passes;
    hp_status st = open_targets(e, err);
    if (!st)
        st = check(e, err);
    if (!st)
        st = get_lanes(e, out, err);
    if (!st)
        st = hp__passes_run(p, err);
    for (size_t i = 0; i < e->n && !st; i++) {
        const hp__lane_results *lane = &p->lanes[i + (p->has_base != 0)];
        if (p->pools)
            finish_cosines(out[i], e, lane);
        else
            finish_losses(out[i], e, lane);
    }
    return st;
}

hp_status hp_evaluate(hp_eval **out, const hp_model *m, const hp_eval_data *d,
                      const hp_eval_options *o, hp_error *err)
{
    evaluation e = {.m = m, .d = d, .o = o};
    e.n = o->run.n_variants ? o->run.n_variants : 1;
    e.passes =
        (hp__passes){.model = m,
                     .base = o->base.model,
                     .targets = &e.targets,
                     .run = &o->run,
                     .has_base = o->base.unmasked || o->base.model,
                     .pools = hp_metric_of(m) == HP_METRIC_HIDDEN_COSINE};
    e.metric = hp_metric_of(m);
    e.passes.compare =
        e.passes.has_base && !o->skip_divergence && !e.passes.pools;
    e.passes.n_lanes = e.n + (e.passes.has_base != 0);
    memset(out, 0, e.n * sizeof(hp_eval *));
    hp_status st = evaluate(&e, out, err);
    release(&e);
    for (size_t i = 0; i < e.n && st; i++) {
        hp_eval_free(out[i]);
        out[i] = NULL;
    }
    return st;
}
