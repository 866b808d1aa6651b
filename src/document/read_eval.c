/* Reads eval/1. */
#include "document/document_parts.h"
#include "document/read_parts.h"
#include "headprune/document.h"
#include "model/info.h"

#include <math.h>
#include <string.h>

/* A number that must be there, null for NaN. */
static hp_status get_figure(double *out, const hp__node *n, const char *key,
                            hp_error *err)
{
    const hp__node *member = hp__node_find(n, key);
    *out = (double)NAN;
    if (!member)
        return hp_fail(err, HP_FORMAT, "key '%s' is missing", key);
    return hp__node_find_double(out, n, key, err);
}

static hp_status get_size(size_t *out, const hp__node *n, const char *key,
                          hp_error *err)
{
    double value;
    hp_status st = hp__node_get_double(&value, n, key, err);
    if (st)
        return st;
    if (value < 0 || value > 9007199254740992.0 || floor(value) < value)
        return hp_fail(err, HP_FORMAT, "key '%s' is no count", key);
    *out = (size_t)value;
    return HP_OK;
}

static hp_status read_figures(hp_eval *e, const hp__node *n, hp_error *err)
{
    hp_status st = hp__read_metric(&e->metric, n, err);
    if (!st)
        st = get_figure(&e->value, n, "value", err);
    if (!st)
        st = get_figure(&e->value_error, n, "stderr", err);
    if (!st)
        st = get_figure(&e->loss, n, "loss", err);
    e->loss_error = e->metric == HP_METRIC_PERPLEXITY
                        ? e->value_error / e->value
                        : e->value_error;
    e->top1 = (double)NAN;
    return st ? st : hp__node_find_double(&e->top1, n, "top1", err);
}

static hp_status read_counts(hp_eval *e, const hp__node *n, hp_error *err)
{
    hp_status st = get_size(&e->tokens, n, "tokens", err);
    if (!st)
        st = get_size(&e->windows, n, "windows", err);
    if (!st)
        st = get_size(&e->length, n, "length", err);
    if (!st)
        st = get_size(&e->stride, n, "stride", err);
    return st ? st : get_size(&e->n_masked, n, "pruned", err);
}

static hp_status read_data(hp_eval *e, hp__arena *a, const hp__node *n,
                           hp_error *err)
{
    const hp__node *data;
    hp_status st = hp__node_get_object(&data, n, "data", err);
    if (!st)
        st = hp__read_text(&e->source, a, data, "source", err);
    if (!st)
        st = hp__read_text(&e->sha256, a, data, "sha256", err);
    return st ? st : hp__read_text(&e->heads, a, n, "heads", err);
}

/* The base's other facts are not in the document. */
static hp_status read_base(hp_eval *e, hp__arena *a, const hp__node *n,
                           hp_error *err)
{
    const hp__node *base, *delta;
    e->base_value = e->base_loss = e->delta = (double)NAN;
    e->delta_error = e->kl = e->same_top1 = (double)NAN;
    if (!hp__node_find(n, "base"))
        return HP_OK;
    e->has_base = 1;
    e->base.model_type = e->base.architecture = "";
    hp_status st = hp__node_get_object(&base, n, "base", err);
    if (!st)
        st = get_figure(&e->base_value, base, "value", err);
    if (!st)
        st = get_figure(&e->base_loss, base, "loss", err);
    if (!st)
        st = hp__read_text(&e->base.path, a, base, "path", err);
    if (!st)
        st = hp__read_text(&e->base.fingerprint, a, base, "fingerprint", err);
    if (!st)
        st = hp__node_get_object(&delta, n, "delta", err);
    if (!st)
        st = get_figure(&e->delta, delta, "loss", err);
    if (!st)
        st = get_figure(&e->delta_error, delta, "stderr", err);
    if (!st)
        st = get_figure(&e->kl, n, "kl", err);
    return st ? st : get_figure(&e->same_top1, n, "same_top1", err);
}

hp_status hp__read_eval(hp_eval **out, const hp__node *root, hp_error *err)
{
    hp_eval *e = NULL;
    hp__arena *a = NULL;
    hp_status st = hp__eval_new(&e, &a, err);
    if (!st)
        st = hp__read_schema(root, HP__EVAL_SCHEMA, NULL, err);
    if (!st)
        st = hp__read_model(&e->model, a, root, err);
    if (!st)
        st = read_figures(e, root, err);
    if (!st)
        st = read_counts(e, root, err);
    if (!st)
        st = read_data(e, a, root, err);
    if (!st)
        st = read_base(e, a, root, err);
    if (st)
        hp_eval_free(e);
    else
        *out = e;
    return st;
}

hp_status hp_document_parse_eval(hp_eval **out, const char *text, size_t len,
                                 hp_error *err)
{
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__json_parse(&j, text, len, err);
    if (!st)
        st = hp__read_eval(out, hp__json_root(j), err);
    hp__json_free(j);
    return st;
}

hp_status hp_document_read_eval(hp_eval **out, const char *path, hp_error *err)
{
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__json_open(&j, path, HP__DOCUMENT_MOST, err);
    if (!st)
        st = hp__read_eval(out, hp__json_root(j), err);
    hp__json_free(j);
    return st ? hp_fail_file(err, st,
                             strcmp(path, "-") == 0 ? "standard input" : path)
              : st;
}
