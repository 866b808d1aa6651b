/* Reads scores/1. */
#include "document/document_parts.h"
#include "document/read_parts.h"
#include "headprune/document.h"
#include "model/info.h"

#include <stdlib.h>
#include <string.h>

typedef struct ranked {
    double value;
    uint32_t head;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? -1 : 1;
    return x->head < y->head ? -1 : x->head > y->head;
}

/* The ranks follow from the scores, so those of the document are not read: a
 * filter may have changed scores. */
static hp_status rank_heads(uint32_t *rank, const hp_scores *s, hp_error *err)
{
    ranked *list = NULL;
    hp_status st = hp__new(&list, s->n_heads, sizeof *list, err);
    if (st)
        return st;
    for (size_t i = 0; i < s->n_heads; i++)
        list[i] = (ranked){s->prunes_highest ? -s->values[i] : s->values[i],
                           (uint32_t)i};
    qsort(list, s->n_heads, sizeof *list, by_value);
    for (uint32_t k = 0; k < s->n_heads; k++)
        rank[list[k].head] = k;
    free(list);
    return HP_OK;
}

static hp_status read_heads(hp_head *heads, double *values, hp__arena *a,
                            const hp__node *list, const char *key,
                            hp_error *err)
{
    hp_status st = HP_OK;
    size_t i = 0;
    for (const hp__node *n = hp__node_first(list); n && !st;
         n = hp__node_next(n), i++) {
        st = hp__read_head(&heads[i], a, n, err);
        if (!st)
            st = hp__node_get_double(&values[i], n, "score", err);
        st = hp__within(err, st, key, i);
    }
    return st ? st : hp__check_heads(heads, i, err);
}

static hp_status read_table(hp_scores *s, hp__arena *a, const hp__node *root,
                            const char *key, hp_error *err)
{
    const hp__node *list;
    hp_head *heads;
    double *values;
    uint32_t *rank;
    hp_status st = hp__node_get_array(&list, root, key, err);
    if (st)
        return st;
    s->n_heads = hp__node_count(list);
    if (s->n_heads != s->model.heads)
        return hp_fail(err, HP_FORMAT,
                       "%zu heads are listed, but the model has %u", s->n_heads,
                       (unsigned)s->model.heads);
    st = hp__arena_alloc(&heads, a, s->n_heads, sizeof *heads, err);
    if (!st)
        st = hp__arena_alloc(&values, a, s->n_heads, sizeof *values, err);
    if (!st)
        st = hp__arena_alloc(&rank, a, s->n_heads, sizeof *rank, err);
    if (st)
        return st;
    s->heads = heads;
    s->values = values;
    s->rank = rank;
    st = read_heads(heads, values, a, list, key, err);
    return st ? st : rank_heads(rank, s, err);
}

/* `key`: the member that lists the heads. */
static hp_status read_scores(hp_scores **out, const hp__node *root,
                             const char *schema, const char *key, hp_error *err)
{
    hp_scores *s = NULL;
    hp__arena *a = NULL;
    hp__told_method method = {0};
    hp_status st = hp__scores_new(&s, &a, err);
    if (!st)
        st = hp__read_schema(root, schema, NULL, err);
    if (!st)
        st = hp__read_model(&s->model, a, root, err);
    if (!st)
        st = hp__read_method(&method, a, root, err);
    if (!st) {
        s->method = method.name;
        s->unit = method.unit;
        s->prunes_highest = method.prunes_highest;
        s->has_seed = method.has_seed;
        s->seed = method.seed;
        s->mix = method.mix;
        s->step = method.step;
        st = hp__read_calibration(&s->has_calibration, &s->calibration, a, root,
                                  err);
    }
    if (!st)
        st = read_table(s, a, root, key, err);
    if (st)
        hp_scores_free(s);
    else
        *out = s;
    return st;
}

hp_status hp__read_scores(hp_scores **out, const hp__node *root, hp_error *err)
{
    return read_scores(out, root, HP__SCORES_SCHEMA, "heads", err);
}

hp_status hp__read_report_scores(hp_scores **out, const hp__node *root,
                                 hp_error *err)
{
    const hp__node *list = hp__node_find(root, "scores");
    *out = NULL;
    for (const hp__node *n = hp__node_first(list); n; n = hp__node_next(n)) {
        const hp__node *score = hp__node_find(n, "score");
        if (score && hp__node_kind(score) == HP__NULL)
            return HP_OK;
    }
    if (!hp__node_find(root, "method") ||
        hp__node_kind(hp__node_find(root, "method")) == HP__NULL)
        return HP_OK;
    return read_scores(out, root, HP__REPORT_SCHEMA, "scores", err);
}

hp_status hp_document_parse_scores(hp_scores **out, const char *text,
                                   size_t len, hp_error *err)
{
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__json_parse(&j, text, len, err);
    if (!st)
        st = hp__read_scores(out, hp__json_root(j), err);
    hp__json_free(j);
    return st;
}

hp_status hp_document_read_scores(hp_scores **out, const char *path,
                                  hp_error *err)
{
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__json_open(&j, path, HP__DOCUMENT_MOST, err);
    if (!st)
        st = hp__read_scores(out, hp__json_root(j), err);
    hp__json_free(j);
    return st ? hp_fail_file(err, st,
                             strcmp(path, "-") == 0 ? "standard input" : path)
              : st;
}
