#include "draw/views.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers above this make no columns: a document may claim any. */
enum { MOST_COLUMNS = 1024 };

static int same_heads(const hp_scores *s, const hp_plan *p)
{
    if (s->n_heads != p->n_heads)
        return 0;
    for (size_t i = 0; i < s->n_heads; i++)
        if (strcmp(s->heads[i].id, p->heads[i].id) != 0)
            return 0;
    return 1;
}

static int same_parameters(const hp_scores *s, const hp_plan *p)
{
    return s->has_seed == p->has_seed && s->seed == p->seed &&
           !(s->step < p->step) && !(s->step > p->step) &&
           !strcmp(s->mix ? s->mix : "", p->mix ? p->mix : "");
}

/* Of that plan: the same model, method and heads. */
static int is_of(const hp_scores *s, const hp_plan *p)
{
    return s && !strcmp(s->model.fingerprint, p->model.fingerprint) &&
           !strcmp(s->method, p->method) && same_parameters(s, p) &&
           same_heads(s, p);
}

int hp__scores_equal(const hp_scores *a, const hp_scores *b)
{
    if (strcmp(a->model.fingerprint, b->model.fingerprint) != 0 ||
        strcmp(a->method, b->method) != 0 || a->has_seed != b->has_seed ||
        a->seed != b->seed || a->n_heads != b->n_heads)
        return 0;
    for (size_t i = 0; i < a->n_heads; i++)
        if (strcmp(a->heads[i].id, b->heads[i].id) != 0 ||
            a->values[i] < b->values[i] || a->values[i] > b->values[i])
            return 0;
    return 1;
}

/* Whether the scores of document i are drawn already: with a plan, or as an
 * earlier document's. */
static int is_drawn(const hp_document *const *docs, size_t n, size_t i,
                    const unsigned char *used)
{
    for (size_t k = 0; k < n; k++)
        if (docs[k]->scores && (used[k] || k < i) &&
            hp__scores_equal(docs[k]->scores, docs[i]->scores))
            return 1;
    return 0;
}

static hp__view view_of(const hp_scores *s, const hp_plan *p)
{
    hp__view v = {.scores = s, .plan = p};
    v.model = p ? &p->model : &s->model;
    v.method = p ? p->method : s->method;
    v.unit = p ? p->unit : s->unit;
    v.prunes_highest = p ? p->prunes_highest : s->prunes_highest;
    v.n = p ? p->n_heads : s->n_heads;
    v.heads = p ? p->heads : s->heads;
    v.values = s ? s->values : p->values;
    v.rank = s ? s->rank : p->rank;
    v.pruned = p ? p->pruned : NULL;
    return v;
}

static hp__view view_of_plan(const hp_document *const *docs, size_t n,
                             size_t at, unsigned char *used)
{
    const hp_plan *p = docs[at]->plan;
    size_t found = docs[at]->scores ? at : n;
    for (size_t i = 0; i < n && found == n; i++)
        if (is_of(docs[i]->scores, p))
            found = i;
    hp__view v = view_of(found < n ? docs[found]->scores : NULL, p);
    v.plan_path = docs[at]->path;
    v.choice = docs[at]->choice;
    v.scores_path = found < n ? docs[found]->path : NULL;
    if (found < n)
        used[found] = 1;
    return v;
}

hp_status hp__views_new(hp__view **out, size_t *n,
                        const hp_document *const *docs, size_t n_docs,
                        hp_error *err)
{
    unsigned char *used = NULL;
    *n = 0;
    hp_status st = hp__new(out, n_docs, sizeof **out, err);
    if (!st)
        st = hp__new(&used, n_docs, 1, err);
    if (st)
        goto done;
    for (size_t i = 0; i < n_docs; i++)
        if (docs[i]->plan)
            (*out)[(*n)++] = view_of_plan(docs, n_docs, i, used);
    for (size_t i = 0; i < n_docs; i++) {
        if (!docs[i]->scores || is_drawn(docs, n_docs, i, used))
            continue;
        hp__view v = view_of(docs[i]->scores, NULL);
        v.scores_path = docs[i]->path;
        (*out)[(*n)++] = v;
    }
done:
    free(used);
    if (st) {
        free(*out);
        *out = NULL;
    }
    return st;
}

size_t hp__view_next_row(const hp__view *v, size_t i)
{
    uint32_t block = v->heads[i].block;
    while (i < v->n && v->heads[i].block == block)
        i++;
    return i;
}

size_t hp__view_rows(const hp__view *v)
{
    size_t rows = 0;
    for (size_t i = 0; i < v->n; i = hp__view_next_row(v, i))
        rows++;
    return rows;
}

int hp__view_label_length(const hp_head *head)
{
    const char *colon = strrchr(head->id, ':');
    size_t len = colon ? (size_t)(colon - head->id) : 0;
    return len < 16 ? (int)len : 16;
}

int hp__head_names_stack(const hp_head *head)
{
    return head->id[strcspn(head->id, ".")] != '\0';
}

const char *hp__view_row_name(const hp__view *v)
{
    return v->n && hp__head_names_stack(v->heads) ? "block" : "layer";
}

static uint32_t largest_number(const hp__view *v)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->heads[i].head > largest)
            largest = v->heads[i].head;
    return largest;
}

size_t hp__view_columns(const hp__view *v)
{
    uint32_t largest = largest_number(v);
    if (largest < MOST_COLUMNS)
        return (size_t)largest + 1;
    size_t widest = 0;
    for (size_t i = 0, next; i < v->n; i = next) {
        next = hp__view_next_row(v, i);
        if (next - i > widest)
            widest = next - i;
    }
    return widest;
}

size_t hp__view_column(const hp__view *v, size_t first, size_t i)
{
    return largest_number(v) < MOST_COLUMNS ? v->heads[i].head : i - first;
}

int hp__view_range(double *low, double *high, const hp__view *v)
{
    int any = 0;
    for (size_t i = 0; v->values && i < v->n; i++) {
        double value = v->values[i];
        if (!isfinite(value))
            continue;
        *low = any ? fmin(*low, value) : value;
        *high = any ? fmax(*high, value) : value;
        any = 1;
    }
    return any;
}

int hp__view_skewed(const hp__view *v)
{
    double low = 0, high = 0;
    size_t known = 0, small = 0;
    if (!hp__view_range(&low, &high, v) || low <= 0 || high < 100 * low)
        return 0;
    for (size_t i = 0; i < v->n; i++) {
        known += isfinite(v->values[i]) != 0;
        small += v->values[i] < low + (high - low) / 10;
    }
    return 4 * small >= 3 * known;
}

size_t hp__view_pruned(const hp__view *v)
{
    size_t n = 0;
    for (size_t i = 0; v->pruned && i < v->n; i++)
        n += v->pruned[i] != 0;
    return n;
}

int hp__view_cut(double *at, const hp__view *v)
{
    double last_gone = -HUGE_VAL, first_kept = HUGE_VAL;
    double sign = v->prunes_highest ? -1 : 1;
    if (!v->scores || !v->pruned || !v->n)
        return 0;
    for (size_t i = 0; i < v->n; i++) {
        double value = sign * v->values[i];
        if (v->pruned[i])
            last_gone = fmax(last_gone, value);
        else
            first_kept = fmin(first_kept, value);
    }
    if (isinf(last_gone) || isinf(first_kept) || last_gone > first_kept)
        return 0;
    *at = sign * (last_gone + first_kept) / 2;
    return 1;
}
