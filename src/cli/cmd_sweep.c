/* sweep MODEL: methods x ratios x seeds, evaluated, and saved as it goes. */
#include "cli/print/print.h"
#include "cli/sweep_work.h"
#include "cli/term/progress_bar.h"
#include "cli/term/save.h"
#include "cli/term/signals.h"

#include <stdlib.h>
#include <string.h>

/* Where the document goes; NULL: only to standard output. */
static const char *saved_to(const cli *c)
{
    const char *out = c->opt.value[OPT_OUTPUT].text;
    return out ? out : c->opt.value[OPT_RESUME].text;
}

static hp_status check_output(const cli *c, hp_error *err)
{
    const char *out = saved_to(c), *resume = c->opt.value[OPT_RESUME].text;
    if (!out)
        return HP_OK;
    if (!strcmp(out, "-"))
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID,
                                    "a sweep is saved to a file, not to "
                                    "standard output"),
                            "--json prints the document");
    int goes_on = resume && !strcmp(resume, out);
    return save_check(out, goes_on || options_has(&c->opt, OPT_FORCE), err);
}

static int same_data(const hp_calibration_info *a, const hp_calibration_info *b)
{
    return !strcmp(a->sha256, b->sha256);
}

static hp_status open_evaluation(sweep_work *s, cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    size_t most = (size_t)v[OPT_EVAL_SEQUENCES].number;
    hp_calibration_options o = work_data_options(&s->w);
    o.data = c->opt.eval_data;
    o.n_data = c->opt.n_eval_data;
    o.tokens = v[OPT_EVAL_TOKENS].text;
    o.sequences = most;
    o.length = (size_t)v[OPT_LENGTH].number;
    if (!o.tokens && !most)
        o.sequences = SIZE_MAX; /* all of the text */
    hp_status st = o.tokens ? HP_OK : work_open_tokenizer(&s->w, c, err);
    if (!st)
        st = hp_calibration_open(&s->own, s->w.tokenizer, &o, err);
    if (!st)
        console_phase(&c->con, "evaluation data read");
    return st;
}

static int needs_calibration(const sweep_work *s, const cli *c)
{
    int stats = options_has(&c->opt, OPT_STATS);
    for (size_t i = 0; i < s->n_methods; i++)
        if (s->methods[i]->needs_data && !(stats && s->methods[i]->takes_stats))
            return 1;
    return options_has(&c->opt, OPT_COMPENSATE) && !stats;
}

hp_status sweep_open_data(sweep_work *s, cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    int own = c->opt.n_eval_data || v[OPT_EVAL_TOKENS].given;
    hp_status st = HP_OK;
    if (c->opt.n_eval_data && v[OPT_EVAL_TOKENS].given)
        return hp_fail(err, HP_INVALID,
                       "--eval-data and --eval-tokens together");
    if (!own || needs_calibration(s, c))
        st = work_calibrate(&s->w, c, err);
    if (!st)
        st = work_open_stats(&s->w, c, err);
    if (!st && own)
        st = open_evaluation(s, c, err);
    if (st)
        return st;
    const hp_calibration *used = own ? s->own : s->w.calibration;
    s->data = (hp_eval_data){.sequences = hp_calibration_sequences(used),
                             .context = hp_calibration_context(used),
                             .info = hp_calibration_info_get(used)};
    if (!own)
        console_say(&c->con, SAY_WARNING,
                    "evaluated on the data that calibrates: --eval-data FILE "
                    "or --eval-tokens FILE takes other data");
    else if (s->w.calibration &&
             same_data(hp_calibration_info_get(s->w.calibration), s->data.info))
        console_say(&c->con, SAY_WARNING,
                    "calibration and evaluation data are the same");
    return work_find_special(&s->data.special, s->ids, &s->w, c, err);
}

/* ---- the run ---- */

typedef struct saving {
    const char *path;
} saving;

static hp_status save_document(const char *path, const hp_sweep *s,
                               hp_error *err)
{
    char *text = NULL;
    save_file file = {0};
    hp_status st = hp_document_sweep(&text, s, err);
    if (!st)
        st = save_begin(&file, path, text, strlen(text), err);
    if (!st)
        st = save_commit(&file, err);
    save_discard(&file);
    free(text);
    return st;
}

static hp_status save_points(void *payload, const hp_sweep *so_far,
                             hp_error *err)
{
    const saving *s = payload;
    return save_document(s->path, so_far, err);
}

static hp_status run_sweep(sweep_work *s, cli *c, hp_error *err)
{
    saving save = {saved_to(c)};
    hp_sweep_options o = {
        .run = work_run_options(&s->w, c),
        .data = &s->data,
        .scores = (const hp_scores *const *)s->scores,
        .n_scores = s->n_scores,
        .plans = (const hp_plan *const *)s->plans,
        .n_plans = s->n_plans,
        .refits = (const hp_refit *const *)s->refits,
        .refit_calibration = s->refits ? work_moments_info(&s->w) : NULL,
        .prompts = s->sampler.told.n ? &s->sampler.told : NULL,
        .before = s->before,
        .save = save.path ? save_points : NULL,
        .payload = &save};
    progress_bar bar;
    char what[64];
    snprintf(what, sizeof what, "evaluating %zu points", s->n_plans);
    progress_start(&bar, &c->con, what, "tokens", 1);
    o.run.progress = progress_hook(&bar);
    signals_hold();
    hp_status st = hp_sweep_run(&s->sweep, s->w.model, &o, err);
    if (!st && save.path)
        st = save_document(save.path, s->sweep, err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&c->con, "points evaluated");
    return st;
}

static hp_status read_before(sweep_work *s, const cli *c, hp_error *err)
{
    const char *path = c->opt.value[OPT_RESUME].text;
    return path ? hp_document_read_sweep(&s->before, path, err) : HP_OK;
}

/* Of all plans from one pass over the calibration data. */
static hp_status make_refits(sweep_work *s, cli *c, hp_error *err)
{
    if (!options_has(&c->opt, OPT_COMPENSATE))
        return HP_OK;
    size_t n = s->n_plans;
    const unsigned char **masks = calloc(n + 1, sizeof *masks);
    s->refits = calloc(n + 1, sizeof(hp_refit *));
    if (!masks || !s->refits) {
        free(masks);
        return hp_fail(err, HP_NOMEM, "no memory for the points");
    }
    for (size_t i = 0; i < n; i++)
        masks[i] = s->plans[i]->pruned;
    hp_status st = work_refit_masks(s->refits, &s->w, c, masks, n, err);
    free(masks);
    return st;
}

hp_status cmd_sweep(cli *c, hp_error *err)
{
    sweep_work s = {0};
    hp_status st;
    if ((st = sweep_read_grid(&s, c, err)) || (st = sampler_check(c, err)) ||
        (st = work_check_compensate(c, err)) || (st = check_output(c, err)) ||
        (st = read_before(&s, c, err)) ||
        (st = work_open_running(&s.w, c, c->args[0], err)) ||
        (st = sampler_open(&s.sampler, &s.w, c, err)) ||
        (st = sweep_open_data(&s, c, err)) ||
        (st = work_open_backend(&s.w, c, err)) ||
        (st = sweep_make_plans(&s, c, err)) || (st = make_refits(&s, c, err)) ||
        (st = run_sweep(&s, c, err)))
        goto done;
    if (c->con.level < 0 && saved_to(c) && cli_form(c) == FORM_HUMAN)
        puts(saved_to(c));
    else
        st = print_sweep(c, s.sweep, err);
done:
    sweep_work_clear(&s);
    return st;
}
