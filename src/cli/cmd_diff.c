/* diff A B: what two checkpoints differ in. */
#include "cli/print.h"
#include "cli/progress_bar.h"
#include "cli/signals.h"
#include "cli/work.h"

#include <string.h>

/* A checkpoint that is no model headprune knows has tensors, but no heads. */
static hp_status open_side(hp_diff_side *out, work *w, cli *c, const char *path,
                           hp_error *err)
{
    hp_error why = {0};
    hp_status st = hp_checkpoint_open(&w->checkpoint, path, NULL, err);
    if (st)
        return st;
    console_phase(&c->con, "checkpoint opened");
    if (work_bind_model(w, c, &why))
        console_say(&c->con, SAY_NOTE, "heads are not compared: %s: %s", path,
                    why.message);
    *out = (hp_diff_side){w->checkpoint, w->model};
    return HP_OK;
}

static hp_status compare(hp_diff **out, cli *c, const hp_diff_side *a,
                         const hp_diff_side *b, hp_error *err)
{
    progress_bar bar;
    signals_hold();
    progress_start(&bar, &c->con, "comparing", NULL, 1);
    hp_progress progress = progress_hook(&bar);
    hp_status st = hp_diff_run(out, a, b, &progress, err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&c->con, "compared");
    return st;
}

hp_status cmd_diff(cli *c, hp_error *err)
{
    work a = {0}, b = {0};
    hp_diff_side of_a, of_b;
    hp_diff *d = NULL;
    hp_status st;
    if (!strcmp(c->args[0], "-") && !strcmp(c->args[1], "-"))
        return hp_fail(err, HP_INVALID,
                       "standard input ('-') can be read only once");
    if ((st = open_side(&of_a, &a, c, c->args[0], err)) ||
        (st = open_side(&of_b, &b, c, c->args[1], err)) ||
        (st = compare(&d, c, &of_a, &of_b, err)) ||
        (st = print_diff(c, d, err)))
        goto done;
    c->answer_is_no = !d->same && !options_has(&c->opt, OPT_EXIT_ZERO);
done:
    hp_diff_free(d);
    work_clear(&b);
    work_clear(&a);
    return st;
}
