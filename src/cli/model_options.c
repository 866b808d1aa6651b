/* What the command line says of a model that its config.json does not, and what
 * may be done with it then. */
#include "cli/work.h"

#include <stdio.h>

/* The failure for an unknown type lists all; a near one is named. */
static hp_status suggest_type(const char *as, hp_status st, hp_error *err)
{
    size_t best = 0;
    const char *name, *nearest = NULL;
    for (size_t i = 0; (name = hp_model_type_name(i)); i++)
        if (suggest_closer(&best, as, name))
            nearest = name;
    return nearest ? hp_fail_hint(err, st, "did you mean --as %s?", nearest)
                   : st;
}

static void tell_untied(const cli *c, const hp_model *m)
{
    const hp_tensor *t = hp_model_untied(m);
    if (t)
        console_say(&c->con, SAY_WARNING,
                    "%s: warning: config.json ties '%s' to the token table, "
                    "but they differ; the stored one is used, as by "
                    "transformers 5 and not by 4",
                    hp_model_info_get(m)->path, t->name);
}

void work_tell_model(const cli *c, const hp_model *m)
{
    const unsigned char *masked = hp_model_masked(m);
    size_t silent = 0, n = hp_model_n_heads(m);
    tell_untied(c, m);
    for (size_t i = 0; masked && i < n; i++)
        silent += masked[i];
    if (masked)
        console_say(&c->con, SAY_NOTE,
                    "%s: headprune.masks.safetensors silences %zu of %zu heads",
                    hp_model_info_get(m)->path, silent, n);
}

hp_status work_bind_model(work *w, const cli *c, hp_error *err)
{
    static const hp_qkv_order orders[] = {HP_QKV_SPLIT, HP_QKV_HEADS};
    const option_value *v = c->opt.value;
    hp_model_options o = {.as = v[OPT_AS].text,
                          .n_heads = (uint32_t)v[OPT_N_HEADS].number};
    if (v[OPT_QKV_ORDER].given)
        o.qkv_order = orders[v[OPT_QKV_ORDER].number];
    hp_status st = hp_model_open(&w->model, w->checkpoint, &o, err);
    return o.as && st == HP_INVALID ? suggest_type(o.as, st, err) : st;
}

static const char *list_methods(char *out, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; hp_method_at(i) && len < size; i++)
        if (!hp_method_at(i)->needs_data)
            len += (size_t)snprintf(out + len, size - len, "%s%s",
                                    len ? ", " : "", hp_method_at(i)->name);
    return out;
}

hp_status work_check_runs(const work *w, hp_error *err)
{
    const hp_detection *d = hp_model_detection(w->model);
    char methods[128] = "";
    if (hp_model_runs(w->model))
        return HP_OK;
    hp_status st = hp_fail(err, HP_UNSUPPORTED,
                           "model_type '%s' is known by its tensors alone: "
                           "nothing can be computed with it",
                           hp_model_info_get(w->model)->model_type);
    st = hp_fail_file(err, st, hp_checkpoint_path(w->checkpoint));
    list_methods(methods, sizeof methods);
    return d->runs_as
               ? hp_fail_hint(err, st,
                              "methods that look at weights work: %s; --as %s "
                              "runs it, if it computes alike",
                              methods, d->runs_as)
               : hp_fail_hint(err, st, "methods that look at weights work: %s",
                              methods);
}

hp_status work_open_running(work *w, cli *c, const char *path, hp_error *err)
{
    hp_status st = work_open_model(w, c, path, err);
    return st ? st : work_check_runs(w, err);
}
