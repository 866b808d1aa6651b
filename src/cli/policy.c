/* From options to plans: --ratio and its company, --plan, --heads. */
#include "cli/work.h"

#include <stdlib.h>
#include <string.h>

hp_status work_check_policy(const cli *c, hp_error *err)
{
    int ratio = options_has(&c->opt, OPT_RATIO);
    int count = options_has(&c->opt, OPT_COUNT);
    if (ratio && count)
        return hp_fail(err, HP_INVALID, "--ratio and --count together");
    if (!ratio && !count)
        return hp_fail_hint(
            err, hp_fail(err, HP_INVALID, "how many heads shall be pruned?"),
            "give --ratio R or --count N");
    return HP_OK;
}

/* The text of LIST, @FILE or -; `*owned` is to be freed. */
static hp_status read_list(const char **text, size_t *len, char **owned,
                           const char *list, hp_error *err)
{
    const char *path = list + (*list == '@');
    if (*list != '@' && strcmp(list, "-") != 0) {
        *text = list;
        *len = strlen(list);
        return HP_OK;
    }
    hp_status st = hp_text_read(owned, len, &path, 1, err);
    *text = *owned;
    return st;
}

static hp_status parse_list(unsigned char *mask, const char *text, size_t len,
                            const hp_head *heads, size_t n, hp_error *err)
{
    if (len && memchr(text, '\0', len))
        return hp_fail(err, HP_INVALID, "list of heads: holds a NUL byte");
    return hp_heads_parse(mask, text, heads, n, err);
}

static hp_status new_mask(unsigned char **out, size_t n, hp_error *err)
{
    *out = calloc(n ? n : 1, 1);
    return *out ? HP_OK : hp_fail(err, HP_NOMEM, "no memory for %zu heads", n);
}

hp_status work_parse_heads(unsigned char **out, const char *list,
                           const hp_head *heads, size_t n, hp_error *err)
{
    char *owned = NULL;
    const char *text = NULL;
    size_t len = 0;
    hp_status st = new_mask(out, n, err);
    if (!st)
        st = read_list(&text, &len, &owned, list, err);
    if (!st)
        st = parse_list(*out, text, len, heads, n, err);
    free(owned);
    return st;
}

hp_status work_read_policy(hp_policy *out, unsigned char **protect,
                           const work *w, const cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    const hp_scores *s = w->scores;
    hp_status st = HP_OK;
    *protect = NULL;
    if (v[OPT_PROTECT].given)
        st = work_parse_heads(protect, v[OPT_PROTECT].text, s->heads,
                              s->n_heads, err);
    *out = (hp_policy){.has_count = options_has(&c->opt, OPT_COUNT),
                       .ratio = v[OPT_RATIO].share,
                       .count = (size_t)v[OPT_COUNT].number,
                       .scope = (hp_scope)v[OPT_SCOPE].number,
                       .keep = v[OPT_KEEP].given ? (size_t)v[OPT_KEEP].number
                                                 : w->least,
                       .protect = *protect,
                       .group = (hp_group)v[OPT_GROUP].number};
    return st;
}

hp_status work_make_plan(work *w, cli *c, hp_error *err)
{
    hp_policy policy;
    unsigned char *protect;
    hp_status st = work_read_policy(&policy, &protect, w, c, err);
    if (!st)
        st = hp_plan_make(&w->plan, w->scores, &policy, err);
    free(protect);
    return st;
}

static hp_status plan_from_list(work *w, const char *text, size_t len,
                                hp_error *err)
{
    size_t n = hp_model_n_heads(w->model);
    unsigned char *mask = NULL;
    hp_status st = new_mask(&mask, n, err);
    if (!st)
        st = parse_list(mask, text, len, hp_model_heads(w->model), n, err);
    if (!st)
        st = hp_plan_from_mask(&w->plan, w->model, mask, err);
    free(mask);
    return st;
}

static hp_status read_heads(work *w, const char *list, hp_error *err)
{
    const char *text = NULL;
    char *owned = NULL;
    size_t len = 0;
    hp_status st = read_list(&text, &len, &owned, list, err);
    if (st)
        goto done;
    size_t blank = 0;
    while (blank < len && strchr(" \t\r\n", text[blank]))
        blank++;
    if (owned && blank < len && text[blank] == '{')
        st = hp_document_parse_plan(&w->plan, text, len, err);
    else
        st = plan_from_list(w, text, len, err);
    if (st && owned)
        hp_fail_file(err, st, *list == '@' ? list + 1 : "standard input");
done:
    free(owned);
    return st;
}

hp_status work_read_plan(work *w, cli *c, hp_error *err)
{
    const char *plan = c->opt.value[OPT_PLAN].text;
    const char *heads = c->opt.value[OPT_HEADS].text;
    hp_status st = plan ? hp_document_read_plan(&w->plan, plan, err)
                        : read_heads(w, heads, err);
    if (!st)
        st = hp_plan_fits(w->plan, w->model,
                          options_has(&c->opt, OPT_ANY_MODEL), err);
    if (!st)
        console_phase(&c->con, "plan read");
    return st;
}

hp_status work_plan_mask(unsigned char **out, const work *w, hp_error *err)
{
    const hp_plan *p = w->plan;
    size_t n = hp_model_n_heads(w->model);
    char *list = NULL;
    hp_status st = new_mask(out, n, err);
    if (!st)
        st = hp_heads_format(&list, p->pruned, p->heads, p->n_heads, err);
    if (!st)
        st = hp_heads_parse(*out, list, hp_model_heads(w->model), n, err);
    free(list);
    return st;
}
