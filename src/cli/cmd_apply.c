/* apply: a plan or a list of heads -> a new checkpoint. */
#include "cli/output.h"

static hp_status check_source(const cli *c, hp_error *err)
{
    int plan = options_has(&c->opt, OPT_PLAN);
    int heads = options_has(&c->opt, OPT_HEADS);
    if (plan && heads)
        return hp_fail(err, HP_INVALID, "--plan and --heads together");
    if (!plan && !heads)
        return hp_fail_hint(
            err, hp_fail(err, HP_INVALID, "which heads shall be pruned?"),
            "give --plan FILE or --heads LIST");
    return HP_OK;
}

hp_status cmd_apply(cli *c, hp_error *err)
{
    work w = {0};
    output out = {0};
    hp_status st;
    if ((st = check_source(c, err)) || (st = work_check_compensate(c, err)) ||
        (st = work_open_model(&w, c, c->args[0], err)) ||
        (st = work_read_plan(&w, c, err)) ||
        (st = output_prepare(&out, &w, c, err)) ||
        (st = output_round(&out, &w, c, err)) ||
        (st = work_refit(&w, c, err)) || (st = output_write(&out, &w, c, err)))
        goto done;
    st = output_tell(&out, &w, c, err);
done:
    output_clear(&out);
    work_clear(&w);
    return st;
}
