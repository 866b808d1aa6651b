/* auto: METHOD, with the method that fits the model. */
#include "cli/auto_search.h"
#include "cli/output.h"

static hp_status check_request(const cli *c, hp_error *err)
{
    static const option_id policies[] = {OPT_RATIO, OPT_COUNT, OPT_MAX_LOSS};
    const char *names[2] = {NULL, NULL};
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        if (options_has(&c->opt, policies[i]) && n < 2)
            names[n++] = option_rows[policies[i]].name;
    if (n == 1 && options_has(&c->opt, OPT_MAX_LOSS) &&
        options_has(&c->opt, OPT_ROUND))
        return hp_fail(err, HP_INVALID,
                       "--round would change what --max-loss-increase found");
    if (n == 1)
        return HP_OK;
    if (n)
        return hp_fail(err, HP_INVALID, "--%s and --%s together", names[0],
                       names[1]);
    hp_status st = hp_fail(err, HP_INVALID, "how many heads shall be pruned?");
    return hp_fail_hint(err, st,
                        "give --ratio R, --count N or --max-loss-increase X");
}

/* A refit needs a model that runs, and a form that writes it. */
static hp_status choose_refit(work *w, cli *c, const output *out, hp_error *err)
{
    int refits = hp_model_runs(w->model) && !out->options.emit->keeps_weights;
    w->choice.compensates = refits;
    c->opt.value[OPT_COMPENSATE].given = (unsigned)refits;
    return work_check_compensate(c, err);
}

static hp_status make_plan(const output *out, work *w, cli *c, hp_error *err)
{
    w->least = hp_rewrite_least(&out->options);
    if (options_has(&c->opt, OPT_MAX_LOSS))
        return auto_search(w, c, err);
    hp_status st = work_score(w, c, err);
    if (!st)
        st = work_make_plan(w, c, err);
    if (!st)
        st = output_round(out, w, c, err);
    return st ? st : work_refit(w, c, err);
}

hp_status cmd_auto(cli *c, hp_error *err)
{
    work w = {0};
    output out = {0};
    hp_status st;
    if ((st = check_request(c, err)) ||
        (st = work_open_model(&w, c, c->args[0], err)))
        goto done;
    c->method = w.choice.method = hp_method_choose(w.model);
    if ((st = output_prepare(&out, &w, c, err)) ||
        (st = choose_refit(&w, c, &out, err)) ||
        (st = make_plan(&out, &w, c, err)) ||
        (st = output_write(&out, &w, c, err)))
        goto done;
    st = output_tell(&out, &w, c, err);
done:
    output_clear(&out);
    work_clear(&w);
    return st;
}
