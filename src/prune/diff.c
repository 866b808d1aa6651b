/*
 * Comparing two checkpoints. Which bands of a tensor belong to which heads is
 * asked of both models; then both files are walked side by side, row by row.
 */
#include "headprune/diff.h"
#include "plan/plan_mask.h"
#include "prune/bands_of.h"
#include "prune/compare.h"

#include <stdlib.h>
#include <string.h>

/* What was seen of a head, and of that its slice of the output projection. */
typedef struct head_seen {
    hp__seen all, output;
} head_seen;

typedef struct diffing {
    hp_diff d; /* first: handed out as it */
    hp__arena arena;
    hp_diff_tensor *tensors;
    hp_diff_head *heads;
    head_seen *seen; /* [heads of A] */
    hp__bands_of of_a, of_b;
    hp__pair pair;
    const hp_progress *progress;
    uint64_t done, total; /* bytes of A */
} diffing;

/* A run of indices along an axis that is compared as one. */
typedef struct span {
    uint64_t a, b, count;
    const hp__band_of *bands; /* [n_bands] whose it is */
    size_t n_bands;
    hp__seen seen;
} span;

/* Two tensors as [rows, dim, inner], the spans lying along dim. */
typedef struct layout {
    uint64_t rows, dim_a, dim_b, inner;
    span *spans; /* [n] */
    size_t n;
    int resized; /* a head is in one of them only */
} layout;

const char *hp_diff_verdict_name(hp_diff_verdict v)
{
    static const char *const names[HP_DIFF_VERDICTS] = {
        [HP_DIFF_IDENTICAL] = "identical", [HP_DIFF_ZEROED] = "zeroed",
        [HP_DIFF_CHANGED] = "changed",     [HP_DIFF_RESIZED] = "resized",
        [HP_DIFF_SHAPE] = "shape",         [HP_DIFF_MISSING] = "missing",
        [HP_DIFF_ADDED] = "added"};
    return names[v];
}

/* ---- which parts are compared ---- */

static int same_dims(const hp_tensor *a, const hp_tensor *b, unsigned but)
{
    if (a->n_dims != b->n_dims)
        return 0;
    for (unsigned i = 0; i < a->n_dims; i++)
        if (i != but && a->dims[i] != b->dims[i])
            return 0;
    return 1;
}

/* The first of the heads that share a band which the other side has too; `n`:
 * none. */
static size_t first_twin(const hp__band_of *b, size_t n)
{
    size_t i = 0;
    while (i < n && !b[i].has_twin)
        i++;
    return i;
}

/* 1: all of these bands lie at the same place in both. */
static int at_one_place(const hp__bands_of *of)
{
    for (size_t i = 0; i < of->n;) {
        const hp__band_of *b = &of->list[i];
        size_t n = hp__bands_of_same(b, of), with = first_twin(b, n);
        if (with == n || b[with].twin != b->start)
            return 0;
        i += n;
    }
    return 1;
}

static void add_span(layout *l, uint64_t a, uint64_t b, uint64_t count)
{
    if (count)
        l->spans[l->n++] = (span){.a = a, .b = b, .count = count};
}

/* A span for every band that both have, and when the rest is at the same place
 * in both, spans for that. */
static void lay_bands(layout *l, const hp__bands_of *of, int rest)
{
    uint64_t at = 0;
    for (size_t i = 0; i < of->n;) {
        const hp__band_of *b = &of->list[i];
        size_t n = hp__bands_of_same(b, of), with = first_twin(b, n);
        if (rest)
            add_span(l, at, at, b->start - at);
        if (with < n) {
            add_span(l, b->start, b[with].twin, b->count);
            l->spans[l->n - 1].bands = b;
            l->spans[l->n - 1].n_bands = n;
        }
        at = b->start + b->count;
        i += n;
    }
    if (rest)
        add_span(l, at, at, l->dim_a - at);
}

static void set_axis(layout *l, const hp_tensor *a, const hp_tensor *b,
                     unsigned axis)
{
    l->rows = l->inner = 1;
    l->dim_a = a->dims[axis];
    l->dim_b = b->dims[axis];
    for (unsigned i = 0; i < axis; i++)
        l->rows *= a->dims[i];
    for (unsigned i = axis + 1; i < a->n_dims; i++)
        l->inner *= a->dims[i];
}

/* `*fits` 0: the shapes have nothing to do with each other. */
static hp_status lay_out(layout *l, int *fits, const diffing *w,
                         const hp_diff_tensor *t, hp_error *err)
{
    hp__bands_of of_a = hp__bands_of_tensor(&w->of_a, t->a);
    hp__bands_of of_b = hp__bands_of_tensor(&w->of_b, t->b);
    *fits = 1;
    hp_status st = hp__new(&l->spans, 2 * of_a.n + 1, sizeof *l->spans, err);
    if (st)
        return st;
    int same = same_dims(t->a, t->b, UINT32_MAX);
    if (same && !of_a.n) {
        *l = (layout){1, w->pair.a.units, w->pair.b.units, 1, l->spans, 0, 0};
        add_span(l, 0, 0, l->dim_a);
        return HP_OK;
    }
    if (!of_a.n || !of_b.n || !same_dims(t->a, t->b, of_a.list->axis)) {
        *fits = 0;
        return HP_OK;
    }
    set_axis(l, t->a, t->b, of_a.list->axis);
    l->resized = !same || !at_one_place(&of_a);
    *fits = !l->resized || (hp__bands_of_count(&of_a) == l->dim_a &&
                            hp__bands_of_count(&of_b) == l->dim_b);
    if (*fits)
        lay_bands(l, &of_a, !l->resized);
    return HP_OK;
}

/* ---- one tensor ---- */

static hp_status walk(const layout *l, hp__pair *p, hp_error *err)
{
    for (uint64_t r = 0; r < l->rows; r++) {
        for (size_t i = 0; i < l->n; i++) {
            span *s = &l->spans[i];
            uint64_t a = (r * l->dim_a + s->a) * l->inner;
            uint64_t b = (r * l->dim_b + s->b) * l->inner;
            hp_status st =
                hp__pair_compare(&s->seen, p, a, b, s->count * l->inner, err);
            if (st)
                return st;
        }
    }
    return HP_OK;
}

static hp_diff_verdict verdict_of(const hp__seen *s, int resized)
{
    if (!s->differing)
        return resized ? HP_DIFF_RESIZED : HP_DIFF_IDENTICAL;
    return s->zeroed == s->differing && !resized ? HP_DIFF_ZEROED
                                                 : HP_DIFF_CHANGED;
}

static void conclude(diffing *w, hp_diff_tensor *t, const layout *l)
{
    hp__seen sum = {0};
    for (size_t i = 0; i < l->n; i++) {
        const span *s = &l->spans[i];
        hp__seen_add(&sum, &s->seen);
        for (size_t k = 0; k < s->n_bands; k++) {
            head_seen *h = &w->seen[s->bands[k].head];
            hp__seen_add(&h->all, &s->seen);
            if (s->bands[k].output)
                hp__seen_add(&h->output, &s->seen);
        }
    }
    t->values = hp__seen_difference(&sum);
    t->verdict = verdict_of(&sum, l->resized);
}

/* Numbers of a dtype that headprune does not compute with can't be held
 * against those of another. */
static int comparable(const hp_tensor *a, const hp_tensor *b)
{
    return !strcmp(a->dtype_name, b->dtype_name) ||
           (a->dtype != HP_DTYPE_OTHER && b->dtype != HP_DTYPE_OTHER);
}

static hp_status compare(diffing *w, hp_diff_tensor *t, hp_error *err)
{
    layout l = {0};
    int fits;
    t->verdict =
        same_dims(t->a, t->b, UINT32_MAX) ? HP_DIFF_IDENTICAL : HP_DIFF_SHAPE;
    if (!t->a->n_elements || !t->b->n_elements)
        return HP_OK;
    if (!comparable(t->a, t->b)) {
        hp__seen all = {.differing = t->a->n_elements, .no_number = 1};
        t->values = hp__seen_difference(&all);
        if (t->verdict == HP_DIFF_IDENTICAL)
            t->verdict = HP_DIFF_CHANGED;
        return HP_OK;
    }
    hp__pair_take(&w->pair, t->a, t->b);
    hp_status st = lay_out(&l, &fits, w, t, err);
    if (!st && fits) {
        st = walk(&l, &w->pair, err);
        conclude(w, t, &l);
    }
    free(l.spans);
    return st;
}

/* ---- all of it ---- */

static hp_status report(diffing *w, const hp_tensor *t, hp_error *err)
{
    const hp_progress *p = w->progress;
    w->done += t->size;
    if (p && p->step && p->step(p->payload, w->done, w->total))
        return hp_fail(err, HP_CANCELLED, "cancelled");
    return HP_OK;
}

static hp_status compare_all(diffing *w, hp_error *err)
{
    hp_status st = HP_OK;
    w->d.same = 1;
    for (size_t i = 0; i < w->d.n_tensors && !st; i++) {
        hp_diff_tensor *t = &w->tensors[i];
        if (t->a && t->b)
            st = compare(w, t, err);
        w->d.same &= t->verdict == HP_DIFF_IDENTICAL;
        if (!st && t->a)
            st = report(w, t->a, err);
    }
    return st;
}

static hp_status list_tensors(diffing *w, hp_error *err)
{
    const hp_checkpoint *a = w->d.a.checkpoint, *b = w->d.b.checkpoint;
    size_t n_a = hp_checkpoint_n_tensors(a), n_b = hp_checkpoint_n_tensors(b);
    hp_status st = hp__arena_alloc(&w->tensors, &w->arena, n_a + n_b,
                                   sizeof *w->tensors, err);
    if (st)
        return st;
    w->d.tensors = w->tensors;
    for (size_t i = 0; i < n_a; i++) {
        const hp_tensor *t = hp_checkpoint_tensor(a, i);
        const hp_tensor *other = hp_checkpoint_find(b, t->name);
        w->tensors[w->d.n_tensors++] =
            (hp_diff_tensor){t->name,
                             t,
                             other,
                             other ? HP_DIFF_IDENTICAL : HP_DIFF_MISSING,
                             {0}};
        w->total += t->size;
    }
    for (size_t i = 0; i < n_b; i++) {
        const hp_tensor *t = hp_checkpoint_tensor(b, i);
        if (!hp_checkpoint_find(a, t->name))
            w->tensors[w->d.n_tensors++] =
                (hp_diff_tensor){t->name, NULL, t, HP_DIFF_ADDED, {0}};
    }
    return HP_OK;
}

/* Those of `one` that `other` has not become `verdict`, the rest `both`, or are
 * passed over when that is the same. */
static void add_heads(diffing *w, const hp_diff_side *one,
                      const hp_diff_side *other, hp_diff_verdict verdict,
                      hp_diff_verdict both)
{
    size_t n = hp_model_n_heads(one->model), at = 0;
    size_t n_other = hp_model_n_heads(other->model);
    for (size_t i = 0; i < n; i++) {
        const hp_head *h = &one->heads[i];
        int alone =
            hp__head_find(other->heads, n_other, h->id, &at) == SIZE_MAX;
        if (alone || both != verdict)
            w->heads[w->d.n_heads++] =
                (hp_diff_head){h, alone ? verdict : both, {0}};
    }
}

static hp_status list_heads(diffing *w, hp_error *err)
{
    hp_diff_side *a = &w->d.a, *b = &w->d.b;
    size_t n_a = hp_model_n_heads(a->model), n_b = hp_model_n_heads(b->model);
    a->heads = a->heads ? a->heads : hp_model_heads(a->model);
    b->heads = b->heads ? b->heads : hp_model_heads(b->model);
    hp_status st =
        hp__arena_alloc(&w->heads, &w->arena, n_a + n_b, sizeof *w->heads, err);
    if (!st)
        st = hp__arena_alloc(&w->seen, &w->arena, n_a, sizeof *w->seen, err);
    if (!st)
        st = hp__bands_of_find(&w->of_a, &w->arena, a, b, err);
    if (!st)
        st = hp__bands_of_find(&w->of_b, &w->arena, b, a, err);
    if (st)
        return st;
    w->d.heads = w->heads;
    add_heads(w, a, b, HP_DIFF_MISSING, HP_DIFF_IDENTICAL);
    add_heads(w, b, a, HP_DIFF_ADDED, HP_DIFF_ADDED);
    return HP_OK;
}

static void conclude_heads(diffing *w)
{
    for (size_t i = 0; i < w->d.n_heads; i++) {
        hp_diff_head *h = &w->heads[i];
        if (h->verdict != HP_DIFF_IDENTICAL)
            continue;
        const head_seen *s = &w->seen[i];
        h->values = hp__seen_difference(&s->all);
        /* The other model has a head of that id, but none of its tensors. */
        if (!s->all.compared)
            h->verdict = HP_DIFF_MISSING;
        else if (s->output.nonzero_a && s->output.compared &&
                 !s->output.nonzero_b)
            h->verdict = HP_DIFF_ZEROED;
        else if (s->all.differing)
            h->verdict = HP_DIFF_CHANGED;
    }
}

hp_status hp_diff_run(hp_diff **out, const hp_diff_side *a,
                      const hp_diff_side *b, const hp_progress *progress,
                      hp_error *err)
{
    diffing *w;
    *out = NULL;
    hp_status st = hp__new(&w, 1, sizeof *w, err);
    if (st)
        return st;
    w->d.a = *a;
    w->d.b = *b;
    w->progress = progress;
    st = list_tensors(w, err);
    if (!st && a->model && b->model)
        st = list_heads(w, err);
    if (!st)
        st = hp__pair_open(&w->pair, a->checkpoint, b->checkpoint, err);
    if (!st)
        st = compare_all(w, err);
    hp__pair_close(&w->pair);
    if (st) {
        hp_diff_free(&w->d);
        return st;
    }
    conclude_heads(w);
    *out = &w->d;
    return HP_OK;
}

void hp_diff_count(size_t tensors[HP_DIFF_VERDICTS],
                   size_t heads[HP_DIFF_VERDICTS], const hp_diff *d)
{
    memset(tensors, 0, HP_DIFF_VERDICTS * sizeof *tensors);
    memset(heads, 0, HP_DIFF_VERDICTS * sizeof *heads);
    for (size_t i = 0; i < d->n_tensors; i++)
        tensors[d->tensors[i].verdict]++;
    for (size_t i = 0; i < d->n_heads; i++)
        heads[d->heads[i].verdict]++;
}

void hp_diff_free(hp_diff *d)
{
    diffing *w = (diffing *)d;
    if (!w)
        return;
    hp__arena_clear(&w->arena);
    free(w);
}
