/* diff A B: what two checkpoints differ in. */
#include "cli/output.h"
#include "cli/print/print.h"
#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"
#include "cli/term/text_new.h"
#include "cli/work.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A checkpoint, and the report that says what was done to make it. */
typedef struct opened {
    work w;
    hp_plan *made_by;
    hp_head *heads; /* as the original model calls them, or NULL */
} opened;

/* What is left of the plan's heads, when it was removal that left them. */
static hp_status name_heads(opened *o, hp_error *err)
{
    const hp_plan *p = o->made_by;
    const hp_head *own = hp_model_heads(o->w.model);
    size_t n = hp_model_n_heads(o->w.model), at = 0;
    if (!p->n_pruned || p->n_heads - p->n_pruned != n)
        return HP_OK;
    hp_head *heads = calloc(n + 1, sizeof *heads);
    if (!heads)
        return hp_fail(err, HP_NOMEM, "no memory for %zu heads", n);
    for (size_t i = 0; i < p->n_heads && at < n; i++)
        if (!p->pruned[i] && !strcmp(p->heads[i].name, own[at].name))
            heads[at++] = p->heads[i];
    if (at == n)
        o->heads = heads;
    else
        free(heads);
    return HP_OK;
}

/* Heads that were removed by config.json alone left the others renumbered: the
 * report beside them knows how they were called. */
static hp_status read_report(opened *o, cli *c, hp_error *err)
{
    const char *folder = hp_checkpoint_folder(o->w.checkpoint);
    char *path = folder ? text_new("%s/headprune.json", folder) : NULL;
    hp_error why = {0};
    hp_status st = HP_OK;
    if (path && !access(path, F_OK)) {
        if (hp_document_read_plan(&o->made_by, path, &why))
            console_say(&c->con, SAY_DETAIL, "%s: %s", path, why.message);
        else
            st = name_heads(o, err);
    }
    free(path);
    return st;
}

/* A checkpoint that is no model headprune knows has tensors, but no heads. */
static hp_status open_side(hp_diff_side *out, opened *o, cli *c,
                           const char *path, hp_error *err)
{
    work *w = &o->w;
    hp_error why = {0};
    hp_status st = hp_checkpoint_open(&w->checkpoint, path, NULL, err);
    if (st)
        return st;
    console_phase(&c->con, "checkpoint opened");
    if (work_bind_model(w, c, &why))
        console_say(&c->con, SAY_NOTE, "heads are not compared: %s: %s", path,
                    why.message);
    else
        st = read_report(o, c, err);
    *out = (hp_diff_side){w->checkpoint, w->model, o->heads};
    return st;
}

/* Of two models with the same heads, one was made from the other by something
 * else than removal: they call their heads alike. */
static void choose_names(hp_diff_side *a, hp_diff_side *b)
{
    int both = a->heads && b->heads;
    if (!a->model || !b->model || both ||
        hp_model_n_heads(a->model) != hp_model_n_heads(b->model))
        return;
    a->heads = b->heads = NULL;
}

static void close_side(opened *o)
{
    free(o->heads);
    hp_plan_free(o->made_by);
    work_clear(&o->w);
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
    opened a = {0}, b = {0};
    hp_diff_side of_a, of_b;
    hp_diff *d = NULL;
    hp_status st;
    if (!strcmp(c->args[0], "-") && !strcmp(c->args[1], "-"))
        return hp_fail(err, HP_INVALID,
                       "standard input ('-') can be read only once");
    if ((st = open_side(&of_a, &a, c, c->args[0], err)) ||
        (st = open_side(&of_b, &b, c, c->args[1], err)))
        goto done;
    choose_names(&of_a, &of_b);
    if ((st = compare(&d, c, &of_a, &of_b, err)) ||
        (st = print_diff(c, d, err)))
        goto done;
    c->answer_is_no = !d->same && !options_has(&c->opt, OPT_EXIT_ZERO);
done:
    hp_diff_free(d);
    close_side(&b);
    close_side(&a);
    return st;
}
