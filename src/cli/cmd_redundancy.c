/* redundancy MODEL: which heads the others of their block can replace. */
#include "cli/print/print.h"
#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"
#include "cli/work.h"

#include <stdlib.h>

static hp_status find(hp_redundancy **out, work *w, cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    progress_bar bar;
    hp_redundancy_options o = {
        .source = {.stats = w->stats, .run = work_run_options(w, c)},
        .calibration = work_moments_info(w),
        .damping = v[OPT_DAMP].share};
    if (w->calibration)
        o.source.sequences = hp_calibration_sequences(w->calibration);
    progress_start(&bar, &c->con, "comparing heads", "tokens",
                   hp_model_spec(w->model)->n_layers);
    o.source.run.progress = progress_hook(&bar);
    signals_hold();
    hp_status st = hp_redundancy_find(out, w->model, &o, err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&c->con, "heads compared");
    return st;
}

hp_status cmd_redundancy(cli *c, hp_error *err)
{
    work w = {0};
    hp_redundancy *r = NULL;
    const option_value *damp = &c->opt.value[OPT_DAMP];
    hp_status st;
    if (damp->given && !(damp->share > 0))
        return hp_fail(err, HP_INVALID, "--damp %s: not above 0", damp->text);
    if ((st = work_open_model(&w, c, c->args[0], err)) ||
        (st = work_open_moments(&w, c, err)) || (st = find(&r, &w, c, err)))
        goto done;
    st = print_redundancy(c, r, err);
done:
    hp_redundancy_free(r);
    work_clear(&w);
    return st;
}
