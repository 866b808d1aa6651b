/* From options to the plans of a sweep: methods x ratios x seeds. */
#include "cli/sweep_work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_SEEDS = 5 };

/* Calls `take` with every word between commas. */
static hp_status each_word(sweep_work *s, const char *list, const char *option,
                           hp_status (*take)(sweep_work *s, const char *word,
                                             hp_error *err),
                           hp_error *err)
{
    char word[64];
    hp_status st = HP_OK;
    for (const char *at = list; !st; at++) {
        size_t len = strcspn(at, ",");
        if (!len || len >= sizeof word)
            return hp_fail(err, HP_INVALID,
                           "--%s '%s' has an empty or overlong part", option,
                           list);
        memcpy(word, at, len);
        word[len] = '\0';
        st = take(s, word, err);
        at += len;
        if (!*at)
            break;
    }
    return st;
}

static hp_status take_method(sweep_work *s, const char *word, hp_error *err)
{
    const hp_method *m = hp_method_find(word);
    if (!m)
        return hp_fail_hint(
            err,
            hp_fail(err, HP_INVALID, "--methods: unknown method '%s'", word),
            "see headprune methods");
    for (size_t i = 0; i < s->n_methods; i++)
        if (s->methods[i] == m)
            return hp_fail(err, HP_INVALID, "--methods names %s twice", word);
    s->methods[s->n_methods++] = m;
    return HP_OK;
}

static hp_status take_ratio(sweep_work *s, const char *word, hp_error *err)
{
    static const option_row row = {.name = "ratios", .type = OPTION_SHARE};
    option_value v = {0};
    hp_status st = option_value_parse(&v, &row, word, err);
    for (size_t i = 0; i < s->n_ratios && !st; i++)
        if (s->ratios[i] == v.share)
            st = hp_fail(err, HP_INVALID, "--ratios names %s twice", word);
    if (!st)
        s->ratios[s->n_ratios++] = v.share;
    return st;
}

static void *new_array(size_t n, size_t size)
{
    return calloc(n ? n : 1, size);
}

hp_status sweep_read_grid(sweep_work *s, const cli *c, hp_error *err)
{
    const char *methods = c->opt.value[OPT_METHODS].text;
    const char *ratios = c->opt.value[OPT_RATIOS].text;
    if (!methods)
        methods = "entropy,magnitude,random";
    if (!ratios)
        ratios = "0.1,0.2,0.3,0.5,0.7";
    s->methods = new_array(strlen(methods), sizeof(hp_method *));
    s->ratios = new_array(strlen(ratios), sizeof *s->ratios);
    if (!s->methods || !s->ratios)
        return hp_fail(err, HP_NOMEM, "no memory for the points");
    hp_status st = each_word(s, methods, "methods", take_method, err);
    return st ? st : each_word(s, ratios, "ratios", take_ratio, err);
}

/* One method with its seeds: from --seed on. */
static hp_status score_method(sweep_work *s, cli *c, const hp_method *method,
                              size_t n_seeds, hp_error *err)
{
    uint64_t first = c->opt.value[OPT_SEED].number;
    hp_status st = HP_OK;
    for (size_t i = 0; i < n_seeds && !st; i++) {
        hp_scores **at = &s->scores[s->n_scores];
        st = work_score_with(at, &s->w, c, method, first + i, err);
        if (st)
            return st;
        s->n_scores++;
        if (!(*at)->has_seed)
            break;
    }
    return st;
}

static hp_status plan_method(sweep_work *s, const cli *c,
                             const hp_method *method, hp_error *err)
{
    const option_value *v = c->opt.value;
    hp_policy policy = {.scope = (hp_scope)v[OPT_SCOPE].number,
                        .keep = (size_t)v[OPT_KEEP].number,
                        .group = (hp_group)v[OPT_GROUP].number};
    for (size_t r = 0; r < s->n_ratios; r++) {
        policy.ratio = s->ratios[r];
        for (size_t i = 0; i < s->n_scores; i++) {
            if (strcmp(s->scores[i]->method, method->name) != 0)
                continue;
            hp_status st =
                hp_plan_make(&s->plans[s->n_plans], s->scores[i], &policy, err);
            if (st)
                return st;
            s->n_plans++;
        }
    }
    return HP_OK;
}

hp_status sweep_make_plans(sweep_work *s, cli *c, hp_error *err)
{
    size_t n_seeds = (size_t)c->opt.value[OPT_SEEDS].number;
    if (!n_seeds)
        n_seeds = DEFAULT_SEEDS;
    s->scores = new_array(s->n_methods * n_seeds, sizeof(hp_scores *));
    s->plans =
        new_array(s->n_methods * n_seeds * s->n_ratios, sizeof(hp_plan *));
    if (!s->scores || !s->plans)
        return hp_fail(err, HP_NOMEM, "no memory for the points");
    for (size_t i = 0; i < s->n_ratios; i++)
        s->w.most = fmax(s->w.most, s->ratios[i]);
    hp_status st = HP_OK;
    for (size_t i = 0; i < s->n_methods && !st; i++)
        st = work_prepare_method(&s->w, c, s->methods[i], err);
    for (size_t i = 0; i < s->n_methods && !st; i++)
        st = score_method(s, c, s->methods[i], n_seeds, err);
    for (size_t i = 0; i < s->n_methods && !st; i++)
        st = plan_method(s, c, s->methods[i], err);
    return st;
}

void sweep_work_clear(sweep_work *s)
{
    for (size_t i = 0; s->refits && i < s->n_plans; i++)
        hp_refit_free(s->refits[i]);
    free(s->refits);
    for (size_t i = 0; i < s->n_plans; i++)
        hp_plan_free(s->plans[i]);
    for (size_t i = 0; i < s->n_scores; i++)
        hp_scores_free(s->scores[i]);
    free(s->plans);
    free(s->scores);
    free(s->ratios);
    free(s->methods);
    hp_sweep_free(s->before);
    hp_sweep_free(s->sweep);
    hp_calibration_free(s->own);
    sampler_clear(&s->sampler);
    work_clear(&s->w);
    *s = (sweep_work){0};
}
