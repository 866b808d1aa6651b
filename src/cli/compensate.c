/* --compensate: the refit of what a plan leaves, and what is said of it. */
#include "cli/print/print.h"
#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"
#include "cli/work.h"

#include <math.h>
#include <stdlib.h>

hp_status work_check_compensate(const cli *c, hp_error *err)
{
    static const option_id with[] = {OPT_SEQUENTIAL, OPT_DAMP};
    const option_value *damp = &c->opt.value[OPT_DAMP];
    if (damp->given && !(damp->share > 0))
        return hp_fail(err, HP_INVALID, "--damp %s: not above 0", damp->text);
    if (options_has(&c->opt, OPT_SEQUENTIAL) && options_has(&c->opt, OPT_STATS))
        return hp_fail(err, HP_INVALID,
                       "--sequential needs passes over text: --stats has none");
    if (options_has(&c->opt, OPT_COMPENSATE))
        return HP_OK;
    for (size_t i = 0; i < sizeof with / sizeof *with; i++)
        if (options_has(&c->opt, with[i]))
            return hp_fail(err, HP_INVALID, "--%s without --compensate",
                           option_rows[with[i]].name);
    return HP_OK;
}

/* What a refit is made with; `w` has calibration and backend then. */
static hp_status prepare(hp_refit_options *o, work *w, cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    hp_status st = work_open_moments(w, c, err);
    if (st)
        return st;
    *o = (hp_refit_options){.run = work_run_options(w, c),
                            .stats = w->stats,
                            .damping = v[OPT_DAMP].share,
                            .sequential = options_has(&c->opt, OPT_SEQUENTIAL)};
    if (w->calibration)
        o->sequences = hp_calibration_sequences(w->calibration);
    return HP_OK;
}

hp_status work_refit_masks(hp_refit **out, work *w, cli *c,
                           const unsigned char *const *masks, size_t n,
                           hp_error *err)
{
    hp_refit_options o;
    progress_bar bar;
    hp_status st = prepare(&o, w, c, err);
    if (st)
        return st;
    progress_start(&bar, &c->con, "refitting", "tokens",
                   hp_model_spec(w->model)->n_layers);
    o.run.progress = progress_hook(&bar);
    signals_hold();
    st = hp_refit_make(out, w->model, masks, n, &o, err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&c->con, "refitted");
    return st;
}

static void warn(const cli *c, const hp_refit *r)
{
    for (size_t i = 0; i < r->n_blocks; i++) {
        const hp_refit_block *b = &r->blocks[i];
        if (b->lambda > 1.5 * r->damping)
            console_say(&c->con, SAY_WARNING,
                        "block '%s': its outputs could not be told apart; the "
                        "ridge was raised from %g to %g",
                        b->block->name, r->damping, b->lambda);
    }
}

hp_status work_refit(work *w, cli *c, hp_error *err)
{
    unsigned char *mask = NULL;
    if (!options_has(&c->opt, OPT_COMPENSATE))
        return HP_OK;
    hp_status st = work_plan_mask(&mask, w, err);
    const unsigned char *const masks[] = {mask};
    if (!st)
        st = work_refit_masks(&w->refit, w, c, masks, 1, err);
    if (!st)
        warn(c, w->refit);
    free(mask);
    return st;
}

void print_refit(FILE *out, const hp_refit *r)
{
    size_t refitted = 0;
    double before = 0, after = 0;
    for (size_t i = 0; i < r->n_blocks; i++) {
        refitted += (size_t)r->blocks[i].refitted;
        before += r->blocks[i].before;
        after += r->blocks[i].after;
    }
    if (!r->n_blocks)
        return;
    fprintf(out,
            "refitted besides: %zu of the %zu blocks that lose heads; their "
            "outputs are off by\n%.3g %%, without it by %.3g %% (mean over "
            "blocks)\n",
            refitted, r->n_blocks, 100 * after / (double)r->n_blocks,
            100 * before / (double)r->n_blocks);
}
