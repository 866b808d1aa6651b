#include "cli/output.h"
#include "cli/term/progress_bar.h"
#include "cli/term/save.h"
#include "cli/term/signals.h"
#include "cli/term/text_new.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int to_stdout(const output *o)
{
    return !strcmp(o->path, "-");
}

/* METHOD knows method and policy from the command line, apply from the plan. */
static char *default_path(const work *w, const cli *c)
{
    const option_value *v = c->opt.value;
    const char *method = c->method ? c->method->name : w->plan->method;
    int has_count =
        c->method ? options_has(&c->opt, OPT_COUNT) : w->plan->policy.has_count;
    char *name = output_model_name(hp_checkpoint_path(w->checkpoint));
    if (!name)
        return NULL;
    const char *here = *name == '-' ? "./" : "";
    char *path = NULL;
    if (!*method)
        path = text_new("%s%s-pruned", here, name);
    else if (options_has(&c->opt, OPT_MAX_LOSS))
        path =
            text_new("%s%s-%s-loss%.15g%s", here, name, method,
                     v[OPT_MAX_LOSS].share * (v[OPT_MAX_LOSS].number ? 100 : 1),
                     v[OPT_MAX_LOSS].number ? "pct" : "");
    else if (has_count)
        path = text_new("%s%s-%s-%zuheads", here, name, method,
                        c->method ? (size_t)v[OPT_COUNT].number
                                  : w->plan->policy.count);
    else
        path = text_new("%s%s-%s-%.15g", here, name, method,
                        c->method ? v[OPT_RATIO].share : w->plan->policy.ratio);
    free(name);
    return path;
}

static hp_status find_emit(const hp_emit **out, const cli *c, hp_error *err)
{
    const char *name = c->opt.value[OPT_EMIT].text;
    *out = name ? hp_emit_find(name) : hp_emit_at(0);
    if (*out)
        return HP_OK;
    char names[256] = "";
    for (size_t i = 0; hp_emit_at(i); i++) {
        size_t len = strlen(names);
        snprintf(names + len, sizeof names - len, "%s%s", i ? ", " : "",
                 hp_emit_at(i)->name);
    }
    hp_status st = hp_fail(err, HP_INVALID, "--emit '%s' is not a form", name);
    return hp_fail_hint(err, st, "forms: %s", names);
}

/* Options that only one form has a use for. */
static hp_status check_form(const hp_emit *emit, const cli *c, hp_error *err)
{
    static const option_id ids[] = {OPT_UNIFORM, OPT_NO_REMOTE_CODE, OPT_ROUND};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (options_has(&c->opt, ids[i]) && strcmp(emit->name, "remove") != 0)
            return hp_fail(err, HP_INVALID, "--%s needs --emit remove",
                           option_rows[ids[i]].name);
    return HP_OK;
}

/* FILE of --report FOLDER/FILE when FOLDER is the output folder. */
static const char *inside_output(const output *o, const char *report)
{
    size_t len = strlen(o->path);
    while (len && o->path[len - 1] == '/')
        len--;
    if (!report || !len || strncmp(report, o->path, len) != 0 ||
        report[len] != '/' || strchr(report + len + 1, '/'))
        return NULL;
    return report[len + 1] ? report + len + 1 : NULL;
}

static hp_status check_report(const output *o, const char *report,
                              hp_error *err)
{
    if (!report || inside_output(o, report))
        return HP_OK;
    if (!strcmp(report, o->path))
        return hp_fail(err, HP_INVALID, "--report and -o are both '%s'",
                       report);
    return save_check(report, o->options.replace, err);
}

hp_status output_prepare(output *o, const work *w, const cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    hp_status st = find_emit(&o->options.emit, c, err);
    if (!st)
        st = check_form(o->options.emit, c, err);
    if (st)
        return st;
    if (options_has(&c->opt, OPT_COMPENSATE) && o->options.emit->keeps_weights)
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID,
                                    "--compensate: the form '%s' changes no "
                                    "projections",
                                    o->options.emit->name),
                            "--emit zero does");
    const char *given = v[OPT_OUTPUT].text;
    o->path = given ? text_new("%s", given) : default_path(w, c);
    if (!o->path)
        return hp_fail(err, HP_NOMEM, "no memory for a name");
    o->options.out = o->path;
    o->options.replace = options_has(&c->opt, OPT_FORCE);
    o->options.uniform = options_has(&c->opt, OPT_UNIFORM);
    o->options.no_remote_code = options_has(&c->opt, OPT_NO_REMOTE_CODE);
    o->options.undo = v[OPT_UNDO].text;
    o->options.dry_run = options_has(&c->opt, OPT_DRY_RUN);
    if (to_stdout(o) && isatty(STDOUT_FILENO) && !o->options.replace &&
        !o->options.dry_run)
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID,
                                    "a checkpoint is not written to a "
                                    "terminal"),
                            "-f does it all the same");
    st = hp_rewrite_check(w->model, &o->options, err);
    if (!st && v[OPT_UNDO].given && v[OPT_REPORT].given &&
        !strcmp(v[OPT_UNDO].text, v[OPT_REPORT].text))
        st = hp_fail(err, HP_INVALID, "--undo and --report are both '%s'",
                     v[OPT_UNDO].text);
    return st ? st : check_report(o, v[OPT_REPORT].text, err);
}

static hp_status make_report(output *o, const work *w, const cli *c,
                             hp_error *err)
{
    hp_report report = {
        .model = w->model,
        .scores = w->scores,
        .plan = w->plan,
        .rewrite = o->rewrite,
        .refit = w->refit,
        .refit_calibration = w->refit ? work_moments_info(w) : NULL,
        .choice = w->choice.method ? &w->choice : NULL,
        .emit = o->options.emit,
        .blas_core = w->backend ? hp_backend_blas_core(w->backend) : NULL,
        .command = c->command_line,
        .n_command = c->n_command_line};
    return hp_document_report(&o->report, &report, err);
}

/* Beside the checkpoint: headprune.json in a folder (or `given` there),
 * X.headprune.json for X.safetensors. */
static hp_status add_report(output *o, const char *given, hp_error *err)
{
    if (to_stdout(o))
        return HP_OK;
    char *name = NULL;
    if (given) {
        name = text_new("%s", given);
    } else if (text_ends_with(o->path, ".safetensors")) {
        const char *slash = strrchr(o->path, '/');
        const char *base = slash ? slash + 1 : o->path;
        name = text_new("%.*s.headprune.json",
                        (int)(strlen(base) - strlen(".safetensors")), base);
    } else {
        name = text_new("headprune.json");
    }
    hp_status st = name ? hp_rewrite_add(o->rewrite, name, o->report,
                                         strlen(o->report), err)
                        : hp_fail(err, HP_NOMEM, "no memory for a name");
    free(name);
    return st;
}

static hp_status write_all(output *o, const work *w, cli *c, hp_error *err)
{
    const char *report = c->opt.value[OPT_REPORT].text;
    const char *inside = inside_output(o, report);
    save_file save = {0};
    progress_bar bar;
    progress_start(&bar, &c->con, "writing", NULL, 1);
    o->options.progress = progress_hook(&bar);
    o->options.refit = w->refit;
    hp_status st =
        hp_rewrite_begin(&o->rewrite, w->model, w->plan, &o->options, err);
    progress_end(&bar);
    if (st || o->options.dry_run || (st = make_report(o, w, c, err)))
        goto done;
    if (report && !inside)
        st = save_begin(&save, report, o->report, strlen(o->report), err);
    else
        st = add_report(o, inside, err);
    if (st)
        goto done;
    st = signals_pending() ? hp_fail(err, HP_CANCELLED, "cancelled")
                           : hp_rewrite_commit(o->rewrite, err);
    if (!st)
        st = save_commit(&save, err);
done:
    save_discard(&save);
    if (st) {
        hp_rewrite_free(o->rewrite);
        o->rewrite = NULL;
    }
    return st;
}

hp_status output_write(output *o, const work *w, cli *c, hp_error *err)
{
    signals_hold();
    hp_status st = write_all(o, w, c, err);
    signals_release();
    if (!st && !o->options.dry_run)
        console_phase(&c->con, "written");
    return st;
}

void output_clear(output *o)
{
    hp_rewrite_free(o->rewrite);
    free(o->report);
    free(o->path);
    *o = (output){0};
}
