/* From limits and a baseline to findings. */
#include "cli/check_parts.h"
#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"

#include <stdlib.h>
#include <string.h>

static hp_limit limit_of(const cli *c, option_id id)
{
    const option_value *v = &c->opt.value[id];
    return (hp_limit){v->share, v->number != 0};
}

static int names_policy(const cli *c)
{
    return has(c, OPT_RATIO) || has(c, OPT_COUNT);
}

/* ---- what can be checked ---- */

/* `id` has nothing in the baseline to be held against. */
static hp_status fail_rule(option_id id, const hp_document *d, const char *why,
                           const char *needs, hp_error *err)
{
    hp_status st = hp_fail(err, HP_INVALID, "%s", why);
    hp_fail_file(err, st, d->path);
    return hp_fail_hint(err, st, "--%s needs %s", option_rows[id].name, needs);
}

static hp_status request_of_eval(const hp_document *d, const cli *c,
                                 hp_error *err)
{
    static const option_id others[] = {OPT_MAX_SCORE, OPT_EXPECT_HEADS};
    for (size_t i = 0; i < 2; i++)
        if (has(c, others[i]))
            return fail_rule(others[i], d, "an evaluation holds no scores",
                             "scores or a report", err);
    if (d->eval->metric == HP_METRIC_HIDDEN_COSINE)
        return hp_fail_file(err,
                            hp_fail(err, HP_UNSUPPORTED,
                                    "a cosine cannot be checked; scores can"),
                            d->path);
    if (has(c, OPT_MAX_PERPLEXITY) && d->eval->metric != HP_METRIC_PERPLEXITY)
        return fail_rule(OPT_MAX_PERPLEXITY, d,
                         "the evaluation is of a model that is not causal",
                         "a perplexity; there is --max-loss-increase", err);
    return HP_OK;
}

static hp_status request_of_scores(const hp_document *d, const cli *c,
                                   hp_error *err)
{
    static const option_id others[] = {OPT_MAX_PERPLEXITY, OPT_MAX_LOSS};
    for (size_t i = 0; i < 2; i++)
        if (has(c, others[i]))
            return fail_rule(others[i], d, "scores hold no loss",
                             "an evaluation", err);
    if (has(c, OPT_EXPECT_HEADS) && !d->plan && !names_policy(c))
        return fail_rule(OPT_EXPECT_HEADS, d,
                         "scores do not say how many heads go",
                         "--ratio R or --count N, or a report", err);
    return HP_OK;
}

hp_status check_request(const hp_document *d, const cli *c, hp_error *err)
{
    if (d->eval)
        return request_of_eval(d, c, err);
    if (d->scores)
        return request_of_scores(d, c, err);
    return hp_fail_file(
        err, hp_fail(err, HP_INVALID, "neither an evaluation, nor all scores"),
        d->path);
}

/* ---- evaluations ---- */

static hp_status evaluate(checking *k, cli *c, hp_error *err)
{
    const hp_calibration *data = k->w.calibration;
    int32_t room[HP_MAX_SPECIAL];
    hp_eval_data d = {.sequences = hp_calibration_sequences(data),
                      .context = hp_calibration_context(data),
                      .stride = (size_t)c->opt.value[OPT_STRIDE].number,
                      .info = hp_calibration_info_get(data)};
    hp_eval_options o = {.run = work_run_options(&k->w, c)};
    hp_status st = work_find_special(&d.special, room, &k->w, c, err);
    if (st)
        return st;
    progress_bar bar;
    progress_start(&bar, &c->con, "evaluating", "tokens",
                   hp_model_spec(k->w.model)->n_layers);
    o.run.progress = progress_hook(&bar);
    signals_hold();
    st = hp_evaluate(&k->eval, k->w.model, &d, &o, err);
    progress_end(&bar);
    signals_release();
    return st;
}

static hp_status judge_eval(checking *k, cli *c, hp_error *err)
{
    const hp_eval *was = k->baseline->eval;
    hp_status st = HP_OK;
    if (hp_metric_of(k->w.model) != was->metric)
        return hp_fail(err, HP_INVALID,
                       "the model is measured by %s, the baseline by %s",
                       hp_metric_name(hp_metric_of(k->w.model)),
                       hp_metric_name(was->metric));
    if ((st = work_open_backend(&k->w, c, err)) || (st = evaluate(k, c, err)))
        return st;
    const hp_eval *is = k->eval;
    if (is->tokens != was->tokens && !has(c, OPT_ANY_DATA))
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID,
                                    "%zu tokens were predicted, %zu for the "
                                    "baseline",
                                    is->tokens, was->tokens),
                            "--any-data compares all the same");
    if (has(c, OPT_MAX_PERPLEXITY))
        hp_gate_increase(&k->findings[k->n++], HP_RULE_PERPLEXITY,
                         limit_of(c, OPT_MAX_PERPLEXITY), was->value,
                         is->value);
    if (has(c, OPT_MAX_LOSS))
        hp_gate_increase(&k->findings[k->n++], HP_RULE_LOSS,
                         limit_of(c, OPT_MAX_LOSS), was->loss, is->loss);
    return HP_OK;
}

/* ---- scores ---- */

static hp_status compute_scores(checking *k, cli *c, hp_error *err)
{
    const hp_scores *was = k->baseline->scores;
    c->method = hp_method_find(was->method);
    if (!c->method)
        return hp_fail_file(err,
                            hp_fail(err, HP_UNSUPPORTED,
                                    "method '%s' is not known", was->method),
                            k->baseline->path);
    if (was->step > 0 && k->baseline->plan)
        return hp_fail_hint(
            err,
            hp_fail_file(err,
                         hp_fail(err, HP_UNSUPPORTED,
                                 "its scores were taken in steps that ended "
                                 "with the plan, which cannot be repeated "
                                 "without it"),
                         k->baseline->path),
            "give the document of headprune score --iterate %.15g as the "
            "baseline",
            was->step);
    c->opt.value[OPT_SEED].number = was->seed;
    c->opt.value[OPT_ITERATE].share = was->step;
    if (!has(c, OPT_MIX))
        c->opt.value[OPT_MIX].text = was->mix;
    for (hp_energy_share r = HP_ENERGY_OF_BLOCK; r <= HP_ENERGY_ALONE; r++)
        if (!strcmp(was->unit, hp_energy_unit(r)))
            c->opt.value[OPT_RELATIVE].number = r;
    if (!strcmp(was->unit, HP_UNIT_OF_LAYER))
        c->opt.value[OPT_NORMALIZE].number = HP_NORMALIZE_LAYER;
    return work_score(&k->w, c, err);
}

/* The policy of the options, or the report's. */
static hp_status make_plan(checking *k, cli *c, hp_error *err)
{
    const hp_plan *was = k->baseline->plan;
    if (names_policy(c))
        return work_make_plan(&k->w, c, err);
    hp_policy policy = was->policy;
    if (was->n_heads != k->w.scores->n_heads)
        policy.protect = NULL;
    return hp_plan_make(&k->w.plan, k->w.scores, &policy, err);
}

static hp_status judge_heads(checking *k, cli *c, hp_error *err)
{
    const hp_scores *s = k->w.scores;
    unsigned char *expected = NULL;
    hp_status st =
        work_parse_heads(&expected, c->opt.value[OPT_EXPECT_HEADS].text,
                         s->heads, s->n_heads, err);
    if (!st)
        st = make_plan(k, c, err);
    if (!st)
        st = hp_gate_heads(&k->findings[k->n++], expected, k->w.plan->pruned,
                           s->heads, s->n_heads, err);
    free(expected);
    return st;
}

static hp_status judge_scores(checking *k, cli *c, hp_error *err)
{
    hp_status st = compute_scores(k, c, err);
    if (!st && has(c, OPT_MAX_SCORE))
        st = hp_gate_scores(&k->findings[k->n++], limit_of(c, OPT_MAX_SCORE),
                            k->baseline->scores, k->w.scores, err);
    return st || !has(c, OPT_EXPECT_HEADS) ? st : judge_heads(k, c, err);
}

hp_status check_judge(checking *k, cli *c, hp_error *err)
{
    return k->baseline->eval ? judge_eval(k, c, err) : judge_scores(k, c, err);
}
