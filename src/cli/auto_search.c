/* How many heads may go: plans of one order, each refitted as it would be
 * written and evaluated on windows that nothing was made from. */
#include "cli/auto_search.h"
#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"

#include <stdlib.h>

typedef struct search {
    work *w;
    cli *c;
    hp_calibration *held;
    hp_policy policy;
    unsigned char *protect; /* the policy's */
    size_t *counts;         /* [n_steps] that plans can be made of, rising */
    size_t n_steps;
    size_t at; /* step that w->plan and w->refit are of; 0: none */
    hp_eval *whole;
} search;

/* ---- before ---- */

static hp_status check_loss(const work *w, hp_error *err)
{
    hp_status st = work_check_runs(w, err);
    if (st || hp_metric_of(w->model) != HP_METRIC_HIDDEN_COSINE)
        return st;
    st = hp_fail(err, HP_UNSUPPORTED,
                 "the model has no output over the vocabulary, so no loss can "
                 "rise");
    return hp_fail_hint(err, st, "give --ratio R or --count N");
}

/* The part that is not held out takes the place of the data. */
static hp_status split(search *s, hp_error *err)
{
    hp_calibration *rest = NULL;
    hp_status st = work_calibrate(s->w, s->c, err);
    if (!st)
        st = hp_calibration_split(&rest, &s->held, s->w->calibration, err);
    if (st)
        return st;
    hp_calibration_free(s->w->calibration);
    s->w->calibration = rest;
    return HP_OK;
}

static hp_status make_plan(hp_plan **out, search *s, size_t count,
                           hp_error *err)
{
    s->policy.has_count = 1;
    s->policy.count = count;
    return hp_plan_make(out, s->w->scores, &s->policy, err);
}

/* What is held back, or goes together, leaves gaps between the counts. */
static hp_status list_counts(search *s, hp_error *err)
{
    size_t n = s->w->scores->n_heads;
    s->counts = calloc(n + 1, sizeof *s->counts);
    if (!s->counts)
        return hp_fail(err, HP_NOMEM, "no memory for %zu heads", n);
    for (size_t count = 1; count <= n; count++) {
        hp_plan *p = NULL;
        hp_status st = make_plan(&p, s, count, NULL);
        if (!st)
            s->counts[s->n_steps++] = count;
        else if (st != HP_INVALID)
            return hp_fail(err, st, "no memory for a plan");
        hp_plan_free(p);
    }
    if (s->n_steps)
        return HP_OK;
    hp_plan *p = NULL; /* says why */
    hp_status st = make_plan(&p, s, 1, err);
    hp_plan_free(p);
    return st ? st : hp_fail(err, HP_INVALID, "the model has no heads");
}

/* ---- one step ---- */

static hp_status go_to(search *s, size_t step, hp_error *err)
{
    work *w = s->w;
    if (s->at == step)
        return HP_OK;
    hp_plan_free(w->plan);
    hp_refit_free(w->refit);
    w->plan = NULL;
    w->refit = NULL;
    s->at = step;
    hp_status st = make_plan(&w->plan, s, s->counts[step - 1], err);
    return st ? st : work_refit(w, s->c, err);
}

/* `plan` NULL: the whole model, which all others are compared with. */
static hp_status evaluate(hp_eval **out, search *s, const hp_plan *plan,
                          hp_error *err)
{
    const work *w = s->w;
    const unsigned char *mask = plan ? plan->pruned : NULL;
    const hp_refit *refit = w->refit;
    hp_refitted refitted = {&refit, 1};
    hp_eval_data d = {.sequences = hp_calibration_sequences(s->held),
                      .context = hp_calibration_context(s->held),
                      .info = hp_calibration_info_get(s->held),
                      .special = w->special};
    hp_eval_options o = {.run = work_run_options(w, s->c),
                         .base.eval = plan ? s->whole : NULL};
    o.run.masks = &mask;
    o.run.n_variants = 1;
    if (plan && refit)
        o.run.projections = hp_refit_projections(&refitted);
    progress_bar bar;
    progress_start(&bar, &s->c->con, "evaluating", "tokens",
                   hp_model_spec(w->model)->n_layers);
    o.run.progress = progress_hook(&bar);
    signals_hold();
    hp_status st = hp_evaluate(out, w->model, &d, &o, err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&s->c->con, "evaluated");
    return st;
}

static hp_status measure(void *payload, hp_curve_point *out, size_t step,
                         hp_error *err)
{
    search *s = payload;
    hp_eval *e = NULL;
    if (!step) {
        hp_status st = evaluate(&s->whole, s, NULL, err);
        if (!st)
            out->loss = s->whole->loss;
        return st;
    }
    hp_status st = go_to(s, step, err);
    if (!st)
        st = evaluate(&e, s, s->w->plan, err);
    if (st)
        return st;
    const hp_plan *p = s->w->plan;
    *out = (hp_curve_point){.ratio = (double)p->n_pruned / (double)p->n_heads,
                            .n_pruned = p->n_pruned,
                            .loss = e->loss,
                            .delta = e->delta,
                            .delta_error = e->delta_error};
    hp_eval_free(e);
    return HP_OK;
}

/* ---- the whole ---- */

static hp_status fail_limit(const hp_choice *choice, const cli *c,
                            hp_error *err)
{
    const hp_curve_point *best = &choice->curve.points[1];
    for (size_t i = 2; i < choice->curve.n; i++)
        if (choice->curve.points[i].delta < best->delta)
            best = &choice->curve.points[i];
    hp_status st = hp_fail(
        err, HP_UNSUPPORTED,
        "no number of heads keeps the loss on held-out text within %s: the "
        "least rise seen is %+.4g nats (of %.4g), with %zu pruned",
        c->opt.value[OPT_MAX_LOSS].text, best->delta,
        choice->curve.points[0].loss, best->n_pruned);
    return hp_fail_hint(err, st,
                        "nothing was written; a higher --max-loss-increase, or "
                        "--ratio R");
}

static hp_status find(search *s, hp_error *err)
{
    hp_choice *choice = &s->w->choice;
    const option_value *limit = &s->c->opt.value[OPT_MAX_LOSS];
    choice->has_limit = 1;
    choice->limit = (hp_limit){limit->share, limit->number != 0};
    const hp_search how = {.n_steps = s->n_steps,
                           .limit = choice->limit,
                           .measure = measure,
                           .payload = s};
    size_t best = 0;
    hp_status st = hp_search_run(&choice->curve, &best, &how, err);
    if (st)
        return st;
    return best ? go_to(s, best, err) : fail_limit(choice, s->c, err);
}

hp_status auto_search(work *w, cli *c, hp_error *err)
{
    search s = {.w = w, .c = c};
    hp_status st = check_loss(w, err);
    if (!st)
        st = split(&s, err);
    if (!st)
        st = work_score(w, c, err);
    if (!st)
        st = work_read_policy(&s.policy, &s.protect, w, c, err);
    if (!st)
        st = list_counts(&s, err);
    if (!st)
        st = find(&s, err);
    hp_eval_free(s.whole);
    hp_calibration_free(s.held);
    free(s.counts);
    free(s.protect);
    return st;
}
