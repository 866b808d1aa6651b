/* eval MODEL: how good it is on a text, whole or with heads silent. */
#include "cli/print/print.h"
#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"
#include "cli/work.h"

#include <stdlib.h>
#include <string.h>

typedef struct evaluation {
    work w, base; /* base: checkpoint and model of --against */
    int32_t ids[HP_MAX_SPECIAL];
    hp_special special;
    unsigned char *mask; /* [heads of the model] or NULL */
    hp_eval *result;
} evaluation;

/* ---- what is compared ---- */

static hp_status check_request(const cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    if (v[OPT_PLAN].given && v[OPT_HEADS].given)
        return hp_fail(err, HP_INVALID, "--plan and --heads together");
    if (v[OPT_AGAINST].given && !strcmp(v[OPT_AGAINST].text, "-"))
        return hp_fail(err, HP_INVALID,
                       "--against takes a path, not standard input");
    return HP_OK;
}

/* The heads of --heads or --plan; a plan numbers them as its document does. */
static hp_status read_mask(evaluation *e, cli *c, hp_error *err)
{
    size_t n = hp_model_n_heads(e->w.model);
    char *list = NULL;
    if (!options_has(&c->opt, OPT_PLAN) && !options_has(&c->opt, OPT_HEADS))
        return HP_OK;
    hp_status st = work_read_plan(&e->w, c, err);
    if (st)
        return st;
    const hp_plan *p = e->w.plan;
    e->mask = calloc(n + 1, 1);
    if (!e->mask)
        return hp_fail(err, HP_NOMEM, "no memory for %zu heads", n);
    st = hp_heads_format(&list, p->pruned, p->heads, p->n_heads, err);
    if (!st)
        st = hp_heads_parse(e->mask, list, hp_model_heads(e->w.model), n, err);
    free(list);
    return st;
}

static hp_status open_base(evaluation *e, cli *c, hp_error *err)
{
    const char *path = c->opt.value[OPT_AGAINST].text;
    if (!path)
        return HP_OK;
    hp_status st = hp_checkpoint_open(&e->base.checkpoint, path, NULL, err);
    if (!st)
        st = work_bind_model(&e->base, c, err);
    if (st)
        return hp_fail_file(err, st, path);
    work_tell_model(c, e->base.model);
    console_phase(&c->con, "base opened");
    return HP_OK;
}

/* ---- running ---- */

static hp_status evaluate(evaluation *e, cli *c, hp_error *err)
{
    work *w = &e->w;
    const hp_calibration *data = w->calibration;
    const unsigned char *mask = e->mask;
    hp_eval_data d = {.sequences = hp_calibration_sequences(data),
                      .context = hp_calibration_context(data),
                      .stride = (size_t)c->opt.value[OPT_STRIDE].number,
                      .info = hp_calibration_info_get(data),
                      .special = e->special};
    hp_eval_options o = {.run = work_run_options(w, c),
                         .base.model = e->base.model,
                         .base.unmasked = mask && !e->base.model};
    o.run.masks = &mask;
    o.run.n_variants = 1;
    progress_bar bar;
    progress_start(&bar, &c->con, "evaluating", "tokens",
                   hp_model_spec(w->model)->n_layers);
    o.run.progress = progress_hook(&bar);
    signals_hold();
    hp_status st = hp_evaluate(&e->result, w->model, &d, &o, err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&c->con, "evaluated");
    return st;
}

hp_status cmd_eval(cli *c, hp_error *err)
{
    evaluation e = {.special.mask = -1};
    hp_status st;
    if ((st = check_request(c, err)) ||
        (st = work_open_running(&e.w, c, c->args[0], err)) ||
        (st = read_mask(&e, c, err)) || (st = open_base(&e, c, err)) ||
        (st = work_read_windows(&e.w, c, err)) ||
        (st = work_find_special(&e.special, e.ids, &e.w, c, err)) ||
        (st = work_open_backend(&e.w, c, err)) || (st = evaluate(&e, c, err)))
        goto done;
    st = print_eval(c, e.result, err);
done:
    hp_eval_free(e.result);
    free(e.mask);
    work_clear(&e.base);
    work_clear(&e.w);
    return st;
}
