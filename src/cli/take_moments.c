/* Where statistics come from: --stats, or data and a pass. */
#include "cli/work.h"

hp_status work_open_stats(work *w, cli *c, hp_error *err)
{
    const char *path = c->opt.value[OPT_STATS].text;
    static const option_id others[] = {OPT_DATA, OPT_TOKENS, OPT_SEQUENCES};
    if (!path || w->stats)
        return HP_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (options_has(&c->opt, others[i]))
            return hp_fail(err, HP_INVALID, "--stats and --%s together",
                           option_rows[others[i]].name);
    hp_status st = hp_stats_open(&w->stats, &path, 1, err);
    if (!st)
        st = hp_stats_fits(w->stats, w->model, err);
    if (!st)
        console_phase(&c->con, "statistics opened");
    return st;
}

hp_status work_open_moments(work *w, cli *c, hp_error *err)
{
    hp_status st = work_open_stats(w, c, err);
    if (!st && !w->stats)
        st = work_check_runs(w, err);
    if (!st && !w->stats && !w->calibration)
        st = work_calibrate(w, c, err);
    if (!st && !w->backend)
        st = work_open_backend(w, c, err);
    return st;
}

const hp_calibration_info *work_moments_info(const work *w)
{
    return w->stats ? hp_stats_calibration(w->stats)
                    : hp_calibration_info_get(w->calibration);
}
