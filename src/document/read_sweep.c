/* Reads sweep/1. */
#include "document/document_parts.h"
#include "document/read_parts.h"
#include "headprune/document.h"
#include "model/info.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sweep on its way. */
typedef struct draft {
    hp_sweep *s;
    hp__arena *a;
    hp_sweep_point *points;
    hp_sweep_row *rows;
    hp_sweep_agreement *agreements;
} draft;

/* Null is NaN: what was not finite. */
static hp_status get_figure(double *out, const hp__node *object,
                            const char *key, hp_error *err)
{
    *out = (double)NAN;
    if (!hp__node_find(object, key))
        return hp_fail(err, HP_FORMAT, "key '%s' is missing", key);
    return hp__node_find_double(out, object, key, err);
}

/* Names and numbers of one object, as a table. */
typedef struct figure {
    const char *key;
    double *out;
} figure;

static hp_status get_figures(const figure *list, size_t n,
                             const hp__node *object, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = get_figure(list[i].out, object, list[i].key, err);
    return st;
}

static hp_status get_size(size_t *out, const hp__node *object, const char *key,
                          hp_error *err)
{
    uint32_t n = 0;
    hp_status st = hp__node_get_u32(&n, object, key, err);
    *out = n;
    return st;
}

static hp_status get_eval(hp_sweep_point *p, const hp__node *n, hp_error *err)
{
    const hp__node *eval, *delta;
    const figure figures[] = {{"value", &p->value},
                              {"stderr", &p->error},
                              {"loss", &p->loss},
                              {"kl", &p->kl},
                              {"same_top1", &p->same_top1}};
    const figure differences[] = {{"loss", &p->delta},
                                  {"stderr", &p->delta_error}};
    hp_status st = hp__node_get_object(&eval, n, "eval", err);
    if (!st)
        st = get_figures(figures, 5, eval, err);
    if (!st)
        st = hp__node_get_object(&delta, eval, "delta", err);
    return st ? st : get_figures(differences, 2, delta, err);
}

static hp_status read_sample(hp_sample *s, const draft *d, const hp__node *n,
                             hp_error *err)
{
    hp_status st = hp__read_text(&s->prompt, d->a, n, "prompt", err);
    return st ? st : hp__read_text(&s->text, d->a, n, "text", err);
}

/* Only there when there were prompts. */
static hp_status read_samples(hp_samples *out, const draft *d,
                              const hp__node *object, hp_error *err)
{
    const hp__node *list;
    hp_sample *at = NULL;
    if (!hp__node_find(object, "samples"))
        return HP_OK;
    hp_status st = hp__node_get_array(&list, object, "samples", err);
    if (!st)
        st = hp__arena_alloc(&at, d->a, hp__node_count(list), sizeof *at, err);
    if (st)
        return st;
    out->at = at;
    for (const hp__node *n = hp__node_first(list); n && !st;
         n = hp__node_next(n)) {
        size_t i = out->n++;
        st = hp__within(err, read_sample(&at[i], d, n, err), "samples", i);
    }
    return st;
}

static hp_status read_point(hp_sweep_point *p, const draft *d,
                            const hp__node *n, hp_error *err)
{
    hp_status st = hp__read_text(&p->method, d->a, n, "method", err);
    if (!st)
        st = hp__read_seed(&p->has_seed, &p->seed, n, err);
    if (!st)
        st = hp__node_get_double(&p->ratio, n, "ratio", err);
    if (!st)
        st = get_size(&p->n_pruned, n, "pruned", err);
    if (!st)
        st = hp__read_text(&p->heads, d->a, n, "heads", err);
    if (!st)
        st = get_eval(p, n, err);
    return st ? st : read_samples(&p->samples, d, n, err);
}

static hp_status get_verdict(hp_verdict *out, const hp__node *n, hp_error *err)
{
    static const hp_verdict all[] = {HP_VERDICT_UNCLEAR, HP_VERDICT_BETTER,
                                     HP_VERDICT_WORSE};
    const char *text = NULL;
    hp_status st = hp__node_find_string(&text, n, "verdict", err);
    *out = HP_VERDICT_NONE;
    if (st || !text)
        return st;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(text, hp_verdict_text(all[i]))) {
            *out = all[i];
            return HP_OK;
        }
    return hp_fail(err, HP_FORMAT,
                   "key 'verdict' is '%.40s': not 'better', 'worse' or "
                   "'unclear'",
                   text);
}

static hp_status read_row(hp_sweep_row *r, const draft *d, const hp__node *n,
                          hp_error *err)
{
    const hp__node *random;
    const figure figures[] = {
        {"value", &r->value}, {"delta", &r->delta}, {"z", &r->z}, {"p", &r->p}};
    const figure sample[] = {
        {"mean", &r->mean}, {"sd", &r->sd}, {"min", &r->min}, {"max", &r->max}};
    hp_status st = hp__read_text(&r->method, d->a, n, "method", err);
    if (!st)
        st = hp__node_get_double(&r->ratio, n, "ratio", err);
    if (!st)
        st = get_size(&r->n_pruned, n, "pruned", err);
    if (!st)
        st = get_figures(figures, 4, n, err);
    if (!st)
        st = hp__node_get_object(&random, n, "random", err);
    if (!st)
        st = get_size(&r->n_seeds, random, "seeds", err);
    if (!st)
        st = get_figures(sample, 4, random, err);
    if (!st)
        st = get_size(&r->wins, n, "wins", err);
    return st ? st : get_verdict(&r->verdict, n, err);
}

static hp_status read_agreement(hp_sweep_agreement *g, const draft *d,
                                const hp__node *n, hp_error *err)
{
    const hp__node *pair;
    hp_status st = hp__node_get_array(&pair, n, "methods", err);
    if (st)
        return st;
    const hp__node *first = hp__node_first(pair);
    const char *x = first ? hp__node_string(first) : NULL;
    const char *y = x && hp__node_next(first)
                        ? hp__node_string(hp__node_next(first))
                        : NULL;
    if (!y || hp__node_count(pair) != 2)
        return hp_fail(err, HP_FORMAT, "key 'methods' is no pair of names");
    st = hp__arena_strdup(&g->first, d->a, x, err);
    if (!st)
        st = hp__arena_strdup(&g->second, d->a, y, err);
    return st ? st : get_figure(&g->spearman, n, "spearman", err);
}

static hp_status read_points(draft *d, const hp__node *root, hp_error *err)
{
    const hp__node *list;
    hp_status st = hp__node_get_array(&list, root, "points", err);
    if (!st)
        st = hp__arena_alloc(&d->points, d->a, hp__node_count(list),
                             sizeof *d->points, err);
    if (st)
        return st;
    d->s->points = d->points;
    for (const hp__node *n = hp__node_first(list); n && !st;
         n = hp__node_next(n)) {
        size_t i = d->s->n_points++;
        st = hp__within(err, read_point(&d->points[i], d, n, err), "points", i);
    }
    return st;
}

static hp_status read_rows(draft *d, const hp__node *root, hp_error *err)
{
    const hp__node *list;
    hp_status st = hp__node_get_array(&list, root, "summary", err);
    if (!st)
        st = hp__arena_alloc(&d->rows, d->a, hp__node_count(list),
                             sizeof *d->rows, err);
    if (st)
        return st;
    d->s->rows = d->rows;
    for (const hp__node *n = hp__node_first(list); n && !st;
         n = hp__node_next(n)) {
        size_t i = d->s->n_rows++;
        st = hp__within(err, read_row(&d->rows[i], d, n, err), "summary", i);
    }
    return st;
}

static hp_status read_agreements(draft *d, const hp__node *root, hp_error *err)
{
    const hp__node *list;
    hp_status st = hp__node_get_array(&list, root, "agreement", err);
    if (!st)
        st = hp__arena_alloc(&d->agreements, d->a, hp__node_count(list),
                             sizeof *d->agreements, err);
    if (st)
        return st;
    d->s->agreements = d->agreements;
    for (const hp__node *n = hp__node_first(list); n && !st;
         n = hp__node_next(n)) {
        size_t i = d->s->n_agreements++;
        st = hp__within(err, read_agreement(&d->agreements[i], d, n, err),
                        "agreement", i);
    }
    return st;
}

static hp_status read_policy(hp_sweep *s, const hp__node *root, hp_error *err)
{
    const hp__node *policy;
    const char *scope = NULL;
    hp_status st = hp__node_get_object(&policy, root, "policy", err);
    if (!st)
        st = hp__node_get_string(&scope, policy, "scope", err);
    if (!st)
        st = get_size(&s->keep, policy, "keep", err);
    if (!st)
        st = hp__read_group(&s->group, policy, err);
    if (st)
        return st;
    s->scope = strcmp(scope, "layer") == 0 ? HP_SCOPE_LAYER : HP_SCOPE_GLOBAL;
    if (s->scope == HP_SCOPE_GLOBAL && strcmp(scope, "global") != 0)
        return hp_fail(err, HP_FORMAT,
                       "key 'scope' is '%.40s': not 'global' or 'layer'",
                       scope);
    return HP_OK;
}

static hp_status read_compensation(hp_sweep *s, const hp__node *root,
                                   hp_error *err)
{
    const hp__node *n = hp__node_find(root, "compensation");
    if (!n || hp__node_kind(n) == HP__NULL)
        return HP_OK;
    hp_status st = hp__node_get_double(&s->damping, n, "damping", err);
    if (!st)
        st = hp__node_find_bool(&s->sequential, n, "sequential", err);
    if (!st && !(s->damping > 0))
        st = hp_fail(err, HP_FORMAT, "key 'damping' is not above 0");
    return st;
}

static hp_status read_baseline(draft *d, const hp__node *root, hp_error *err)
{
    const hp__node *n, *data;
    hp_eval *b = &d->s->baseline;
    const figure figures[] = {
        {"value", &b->value}, {"stderr", &b->value_error}, {"loss", &b->loss}};
    b->model = d->s->model;
    b->heads = "";
    b->loss_error = b->top1 = (double)NAN;
    b->base_value = b->base_loss = b->delta = b->delta_error = (double)NAN;
    b->kl = b->same_top1 = (double)NAN;
    hp_status st = hp__node_get_object(&n, root, "baseline", err);
    if (!st)
        st = hp__read_metric(&b->metric, n, err);
    if (!st)
        st = get_figures(figures, 3, n, err);
    if (!st)
        st = get_size(&b->tokens, n, "tokens", err);
    if (!st)
        st = get_size(&b->windows, n, "windows", err);
    if (!st)
        st = get_size(&b->length, n, "length", err);
    if (!st)
        st = get_size(&b->stride, n, "stride", err);
    if (!st)
        st = hp__node_get_object(&data, n, "data", err);
    if (!st)
        st = hp__read_text(&b->source, d->a, data, "source", err);
    if (!st)
        st = hp__read_text(&b->sha256, d->a, data, "sha256", err);
    return st ? st : read_samples(&d->s->samples, d, n, err);
}

static hp_status read_sweep(hp_sweep **out, const hp__node *root, hp_error *err)
{
    draft d = {0};
    hp_status st = hp__sweep_new(&d.s, &d.a, err);
    if (!st)
        st = hp__read_schema(root, HP__SWEEP_SCHEMA, NULL, err);
    if (!st)
        st = hp__read_model(&d.s->model, d.a, root, err);
    if (!st)
        st = hp__read_calibration(&d.s->has_calibration, &d.s->calibration, d.a,
                                  root, err);
    if (!st)
        st = read_policy(d.s, root, err);
    if (!st)
        st = read_compensation(d.s, root, err);
    if (!st)
        st = read_baseline(&d, root, err);
    if (!st)
        st = get_size(&d.s->n_planned, root, "planned", err);
    if (!st && hp__node_find(root, "max_tokens"))
        st = get_size(&d.s->max_tokens, root, "max_tokens", err);
    if (!st)
        st = read_points(&d, root, err);
    if (!st)
        st = read_rows(&d, root, err);
    if (!st)
        st = read_agreements(&d, root, err);
    if (st)
        hp_sweep_free(d.s);
    else
        *out = d.s;
    return st;
}

hp_status hp_document_parse_sweep(hp_sweep **out, const char *text, size_t len,
                                  hp_error *err)
{
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__json_parse(&j, text, len, err);
    if (!st)
        st = read_sweep(out, hp__json_root(j), err);
    hp__json_free(j);
    return st;
}

hp_status hp_document_read_sweep(hp_sweep **out, const char *path,
                                 hp_error *err)
{
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__json_open(&j, path, HP__DOCUMENT_MOST, err);
    if (!st)
        st = read_sweep(out, hp__json_root(j), err);
    hp__json_free(j);
    return st ? hp_fail_file(err, st,
                             strcmp(path, "-") == 0 ? "standard input" : path)
              : st;
}
