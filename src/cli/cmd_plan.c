/* plan SCORES.json: which heads go, from scores and a policy. */
#include "cli/print/print.h"
#include "cli/work.h"

hp_status cmd_plan(cli *c, hp_error *err)
{
    work w = {0};
    hp_status st;
    if ((st = work_check_policy(c, err)) ||
        (st = work_check_stdin(c, c->args[0], err)) ||
        (st = hp_document_read_scores(&w.scores, c->args[0], err)) ||
        (st = work_make_plan(&w, c, err)))
        goto done;
    st = print_plan(stdout, c, w.plan, err);
done:
    work_clear(&w);
    return st;
}
