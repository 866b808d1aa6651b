/* METHOD: score, plan and apply in one process. */
#include "cli/output.h"

hp_status cmd_prune(cli *c, hp_error *err)
{
    work w = {0};
    output out = {0};
    hp_status st;
    if ((st = work_check_policy(c, err)) ||
        (st = work_check_compensate(c, err)) ||
        (st = work_open_model(&w, c, c->args[0], err)) ||
        (st = output_prepare(&out, &w, c, err)))
        goto done;
    w.least = hp_rewrite_least(&out.options);
    if ((st = work_score(&w, c, err)) || (st = work_make_plan(&w, c, err)) ||
        (st = output_round(&out, &w, c, err)) ||
        (st = work_refit(&w, c, err)) || (st = output_write(&out, &w, c, err)))
        goto done;
    st = output_tell(&out, &w, c, err);
done:
    output_clear(&out);
    work_clear(&w);
    return st;
}
