/* stats MODEL -o FILE: statistics of heads' outputs, to be used and merged. */
#include "cli/term/progress_bar.h"
#include "cli/term/save.h"
#include "cli/term/signals.h"
#include "cli/work.h"

#include <string.h>

static hp_status check_output(const cli *c, hp_error *err)
{
    const char *out = c->opt.value[OPT_OUTPUT].text;
    if (!out)
        return hp_fail_hint(
            err, hp_fail(err, HP_INVALID, "where shall the statistics go?"),
            "give -o FILE");
    if (!strcmp(out, "-"))
        return hp_fail(err, HP_INVALID,
                       "statistics are written to a file, not to standard "
                       "output");
    return save_check(out, options_has(&c->opt, OPT_FORCE), err);
}

static void tell(const cli *c, const hp_calibration_info *info)
{
    const char *out = c->opt.value[OPT_OUTPUT].text;
    if (c->con.level < 0)
        printf("%s\n", out);
    else
        printf("statistics of %zu tokens in %zu sequences -> %s\n",
               info->tokens, info->sequences, out);
}

static hp_status take(work *w, cli *c, hp_error *err)
{
    hp_run_options o = work_run_options(w, c);
    progress_bar bar;
    progress_start(&bar, &c->con, "taking statistics", "tokens",
                   hp_model_spec(w->model)->n_layers);
    o.progress = progress_hook(&bar);
    signals_hold();
    hp_status st =
        hp_moments_save(c->opt.value[OPT_OUTPUT].text, w->model,
                        hp_calibration_sequences(w->calibration), &o,
                        hp_calibration_info_get(w->calibration), err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&c->con, "written");
    return st;
}

hp_status cmd_stats(cli *c, hp_error *err)
{
    work w = {0};
    hp_status st;
    if ((st = check_output(c, err)) ||
        (st = work_open_running(&w, c, c->args[0], err)) ||
        (st = work_calibrate(&w, c, err)) ||
        (st = work_open_backend(&w, c, err)) || (st = take(&w, c, err)))
        goto done;
    tell(c, hp_calibration_info_get(w.calibration));
done:
    work_clear(&w);
    return st;
}

hp_status cmd_merge(cli *c, hp_error *err)
{
    hp_stats *s = NULL;
    hp_status st = check_output(c, err);
    for (size_t i = 0; i < c->n_args && !st; i++)
        if (!strcmp(c->args[i], "-"))
            st = hp_fail(err, HP_INVALID,
                         "statistics are read from files, not from standard "
                         "input");
    if (!st)
        st = hp_stats_open(&s, c->args, c->n_args, err);
    signals_hold();
    if (!st)
        st = hp_stats_write(s, c->opt.value[OPT_OUTPUT].text, err);
    signals_release();
    if (!st)
        tell(c, hp_stats_calibration(s));
    hp_stats_free(s);
    return st;
}
