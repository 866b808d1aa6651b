/* score METHOD MODEL: one number for every head; writes no checkpoint. */
#include "cli/print/print.h"
#include "cli/work.h"

hp_status cmd_score(cli *c, hp_error *err)
{
    work w = {0};
    hp_status st;
    if ((st = work_open_model(&w, c, c->args[1], err)) ||
        (st = work_score(&w, c, err)))
        goto done;
    st = print_scores(c, w.scores, err);
done:
    work_clear(&w);
    return st;
}
