/* --round: from the plan that was asked for to one that the form can write. */
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

/* Heads of the model that a plan prunes; the plan may have a table of its own.
 */
static hp_status mask_of(unsigned char **out, const hp_plan *p,
                         const hp_model *m, hp_error *err)
{
    char *list = NULL;
    size_t n = hp_model_n_heads(m);
    *out = calloc(n ? n : 1, 1);
    hp_status st = *out ? HP_OK : hp_fail(err, HP_NOMEM, "no memory");
    if (!st)
        st = hp_heads_format(&list, p->pruned, p->heads, p->n_heads, err);
    if (!st)
        st = hp_heads_parse(*out, list, hp_model_heads(m), n, err);
    free(list);
    return st;
}

/* Heads of `a` that are not of `b`: "0:1,4 3:2". */
static hp_status say_only(const char *what, const unsigned char *a,
                          const unsigned char *b, const work *w, const cli *c,
                          hp_error *err)
{
    size_t n = hp_model_n_heads(w->model), count = 0;
    char *list = NULL;
    unsigned char *only = calloc(n ? n : 1, 1);
    if (!only)
        return hp_fail(err, HP_NOMEM, "no memory");
    for (size_t i = 0; i < n; i++) {
        only[i] = a[i] && !b[i];
        count += only[i];
    }
    hp_status st =
        hp_heads_format(&list, only, hp_model_heads(w->model), n, err);
    if (!st && count)
        console_say(&c->con, SAY_NOTE, "rounded: %s: %s", what, list);
    free(list);
    free(only);
    return st;
}

hp_status output_round(const output *o, work *w, const cli *c, hp_error *err)
{
    const option_value *way = &c->opt.value[OPT_ROUND];
    hp_plan *rounded = NULL;
    unsigned char *was = NULL, *is = NULL;
    if (!way->given)
        return HP_OK;
    hp_status st = hp_plan_round(&rounded, w->plan, w->model, &o->options,
                                 (hp_round)way->number, err);
    if (!st)
        st = mask_of(&was, w->plan, w->model, err);
    if (!st)
        st = mask_of(&is, rounded, w->model, err);
    if (!st)
        st = say_only("these stay after all", was, is, w, c, err);
    if (!st)
        st = say_only("these go, too", is, was, w, c, err);
    free(was);
    free(is);
    if (st) {
        hp_plan_free(rounded);
        return st;
    }
    hp_plan_free(w->plan);
    w->plan = rounded;
    return HP_OK;
}
