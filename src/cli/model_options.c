/* What the command line says of a model that its config.json does not. */
#include "cli/work.h"

/* The failure for an unknown type lists all; a near one is named. */
static hp_status suggest_type(const char *as, hp_status st, hp_error *err)
{
    size_t best = 0;
    const char *name, *nearest = NULL;
    for (size_t i = 0; (name = hp_model_type_name(i)); i++) {
        if (suggest_closer(&best, as, name))
            nearest = name;
    }
    return nearest ? hp_fail_hint(err, st, "did you mean --as %s?", nearest)
                   : st;
}

hp_status work_bind_model(work *w, const cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    hp_model_options o = {.as = v[OPT_AS].text};
    hp_status st = hp_model_open(&w->model, w->checkpoint, &o, err);
    return o.as && st == HP_INVALID ? suggest_type(o.as, st, err) : st;
}
