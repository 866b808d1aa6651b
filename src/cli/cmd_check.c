/*
 * check MODEL: what a stored document says, computed again on the same data,
 * and held against limits.
 */
#include "cli/check_parts.h"
#include "cli/print/print_check.h"

static hp_status check_options(const cli *c, hp_error *err)
{
    static const option_id rules[] = {OPT_MAX_PERPLEXITY, OPT_MAX_LOSS,
                                      OPT_MAX_SCORE, OPT_EXPECT_HEADS};
    int given = 0;
    for (size_t i = 0; i < MOST_RULES; i++)
        given |= has(c, rules[i]);
    if (!given)
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID, "what shall be checked?"),
                            "give --max-perplexity-increase, "
                            "--max-loss-increase, --max-score-change or "
                            "--expect-heads");
    if (!has(c, OPT_BASELINE))
        return hp_fail_hint(
            err, hp_fail(err, HP_INVALID, "no baseline to check against"),
            "give --baseline FILE");
    if (has(c, OPT_RATIO) && has(c, OPT_COUNT))
        return hp_fail(err, HP_INVALID, "--ratio and --count together");
    return check_files_prepare(c, err);
}

static const char *schema_of(const hp_document *d)
{
    if (d->eval)
        return "headprune.eval/1";
    return d->plan ? "headprune.report/1" : "headprune.scores/1";
}

static hp_status tell(const checking *k, cli *c, hp_error *err)
{
    const hp_calibration *data = k->w.calibration;
    const hp_document *d = k->baseline;
    hp_check check = {.model = hp_model_info_get(k->w.model),
                      .baseline = c->opt.value[OPT_BASELINE].text,
                      .schema = schema_of(d),
                      .base = d->eval ? &d->eval->model : &d->scores->model,
                      .data = data ? hp_calibration_info_get(data) : NULL,
                      .findings = k->findings,
                      .n_findings = k->n};
    hp_status st = print_check(c, &check, err);
    c->answer_is_no = !hp_check_passes(&check) && !has(c, OPT_EXIT_ZERO);
    return st ? st : check_files_write(c, &check, err);
}

hp_status cmd_check(cli *c, hp_error *err)
{
    checking k = {0};
    const char *baseline = c->opt.value[OPT_BASELINE].text;
    hp_status st;
    if ((st = check_options(c, err)) ||
        (st = work_check_stdin(c, c->args[0], err)) ||
        (st = hp_document_open(&k.baseline, baseline, err)) ||
        (st = check_request(k.baseline, c, err)) ||
        (st = work_open_model(&k.w, c, c->args[0], err)) ||
        (st = check_read_data(&k, c, err)) || (st = check_judge(&k, c, err)))
        goto done;
    st = tell(&k, c, err);
done:
    hp_eval_free(k.eval);
    work_clear(&k.w);
    hp_document_free(k.baseline);
    return st;
}
