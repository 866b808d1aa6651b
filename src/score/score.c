/* The table of scorers, and what is the same for all of them: slots of a
 * sweep, rounding, ranks, and a result that owns what it holds. */
#include "base/checked.h"
#include "model/info.h"
#include "score/scorer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const hp__scorer *const table[] = {
    &hp__scorer_entropy,  &hp__scorer_magnitude,   &hp__scorer_random,
    &hp__scorer_energy,   &hp__scorer_gradient,    &hp__scorer_fisher,
    &hp__scorer_taylor,   &hp__scorer_loss_energy, &hp__scorer_obs,
    &hp__scorer_ablation, &hp__scorer_hybrid,      NULL};

const hp_method *hp_method_at(size_t i)
{
    size_t n = 0;
    while (n < i && table[n])
        n++;
    return table[n] ? &table[n]->method : NULL;
}

static const hp__scorer *find_scorer(const char *name)
{
    for (size_t i = 0; table[i]; i++)
        if (strcmp(table[i]->method.name, name) == 0)
            return table[i];
    return NULL;
}

const hp_method *hp_method_find(const char *name)
{
    const hp__scorer *s = find_scorer(name);
    return s ? &s->method : NULL;
}

/* One slot for every (sequence, head). */
typedef struct slots {
    const hp__scorer *scorer;
    double *at; /* [sequences, heads] */
    size_t n_heads;
} slots;

static void see(void *payload, const hp_seen *seen)
{
    const slots *s = payload;
    size_t head = seen->block->first_head + seen->head;
    s->scorer->see(&s->at[seen->sequence * s->n_heads + head], seen);
}

static hp_status check_sequences(const hp__scorer *scorer,
                                 const hp_score_options *o, hp_error *err)
{
    const hp_sequences *s = o->sequences;
    if (scorer->method.takes_stats && o->stats)
        return HP_OK;
    if (scorer->method.needs_data && (!s || s->n == 0))
        return hp_fail(err, HP_INVALID,
                       "method '%s' needs calibration sequences",
                       scorer->method.name);
    return HP_OK;
}

/* The sequences whose tokens are a head's queries. */
static const hp_sequences *queries_of(const hp_model *m, size_t head,
                                      const hp_sequences *s)
{
    const hp_block *b = hp_model_block(m, hp_model_heads(m)[head].block);
    return b->decoder ? s->decoder : s;
}

/* Names of methods that work without a loss, "random" aside. */
static void list_others(char *out, size_t room)
{
    size_t len = 0;
    for (size_t i = 0; table[i]; i++) {
        const hp_method *m = &table[i]->method;
        if (!m->needs_loss && !table[i]->uses_seed && len < room)
            len += (size_t)snprintf(out + len, room - len, "%s%s",
                                    len ? ", " : "", m->name);
    }
}

hp_status hp_method_fits(const hp_method *method, const hp_model *m,
                         hp_error *err)
{
    char others[128] = "";
    if (!method->needs_loss || hp_model_spec(m)->output != HP_OUTPUT_NONE)
        return HP_OK;
    list_others(others, sizeof others);
    hp_status st = hp_fail(err, HP_UNSUPPORTED,
                           "method '%s' needs a loss, but the model has no "
                           "output over the vocabulary",
                           method->name);
    return hp_fail_hint(err, st, "methods that need none: %s", others);
}

static int can_score(const hp_method *method, const hp_model *m)
{
    if (method->needs_data && !hp_model_runs(m))
        return 0;
    return hp_method_fits(method, m, NULL) == HP_OK;
}

const hp_method *hp_method_choose(const hp_model *m)
{
    const hp_method *best = NULL;
    for (size_t i = 0; table[i]; i++) {
        const hp_method *one = &table[i]->method;
        if (one->choice && (!best || one->choice < best->choice) &&
            can_score(one, m))
            best = one;
    }
    return best;
}

static hp_status sweep(double *values, const hp_model *m,
                       const hp__scorer *scorer, const hp_score_options *o,
                       hp_error *err)
{
    const hp_sequences *seqs = o->sequences;
    slots s = {.scorer = scorer, .n_heads = hp_model_n_heads(m)};
    size_t n;
    if (!hp__mul(&n, seqs->n, s.n_heads))
        return hp_fail(err, HP_NOMEM, "out of memory (%zu sequences)", seqs->n);
    hp_status st = hp__new(&s.at, n, sizeof *s.at, err);
    if (st)
        return st;
    const hp_observer observer = {
        .wants = scorer->wants, .see = see, .payload = &s};
    st = hp_run_sweep(m, seqs, &o->run, &observer, err);
    for (size_t h = 0; h < s.n_heads && !st; h++) {
        double sum = 0;
        for (size_t i = 0; i < seqs->n; i++)
            sum += s.at[i * s.n_heads + h];
        values[h] = scorer->value(sum, queries_of(m, h, seqs));
    }
    free(s.at);
    return st;
}

/* The scores of every block as a vector of length 1. */
static void normalise(double *values, const hp_model *m)
{
    for (size_t i = 0; i < hp_model_n_blocks(m); i++) {
        const hp_block *b = hp_model_block(m, i);
        double *own = values + b->first_head, sum = 0;
        for (uint32_t h = 0; h < b->n_heads; h++)
            sum += own[h] * own[h];
        for (uint32_t h = 0; h < b->n_heads && sum > 0; h++)
            own[h] /= sqrt(sum);
    }
}

/* Six significant digits: what CPU kernels differ in is gone before scores are
 * ranked. */
static double round_score(double value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.5e", value);
    return strtod(text, NULL);
}

static hp_status round_scores(double *values, const hp_model *m, hp_error *err)
{
    const hp_head *heads = hp_model_heads(m);
    for (size_t i = 0; i < hp_model_n_heads(m); i++) {
        if (!isfinite(values[i]))
            return hp_fail(err, HP_FORMAT, "head %s: its score is not finite",
                           heads[i].id);
        values[i] = round_score(values[i]);
    }
    return HP_OK;
}

typedef struct ranked {
    double key; /* lowest first */
    uint32_t head;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->head > y->head) - (x->head < y->head);
}

hp_status hp__scores_rank(uint32_t *rank, const double *values, size_t n,
                          int highest_first, hp_error *err)
{
    ranked *r = NULL;
    hp_status st = hp__new(&r, n, sizeof *r, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        r[i] = (ranked){.key = highest_first ? -values[i] : values[i],
                        .head = (uint32_t)i};
    qsort(r, n, sizeof *r, compare_ranked);
    for (size_t i = 0; i < n; i++)
        rank[r[i].head] = (uint32_t)i;
    free(r);
    return HP_OK;
}

static hp_status copy_calibration(hp_scores *s, hp__arena *a,
                                  const hp_calibration_info *info,
                                  hp_error *err)
{
    if (!info)
        return HP_OK;
    s->has_calibration = 1;
    s->calibration = *info;
    hp_status st =
        hp__arena_strdup(&s->calibration.source, a, info->source, err);
    if (!st)
        st = hp__arena_strdup(&s->calibration.sha256, a, info->sha256, err);
    return st;
}

/* What the scores are of. Method names live as long as the program. */
static hp_status describe(hp_scores *s, hp__arena *a, const hp_model *m,
                          const hp__scorer *scorer, const hp_score_options *o,
                          hp_error *err)
{
    s->method = scorer->method.name;
    s->unit = scorer->unit ? scorer->unit(o) : scorer->method.unit;
    if (o->normalize == HP_NORMALIZE_LAYER)
        s->unit = HP_UNIT_OF_LAYER;
    if (o->iterate > 0)
        s->unit = "place";
    s->prunes_highest = scorer->method.prunes_highest && !(o->iterate > 0);
    s->has_seed = scorer->uses_seed;
    s->seed = scorer->uses_seed ? o->seed : 0;
    s->step = o->iterate;
    s->n_heads = hp_model_n_heads(m);
    hp_status st = hp__info_copy(&s->model, a, hp_model_info_get(m), err);
    if (!st)
        st = hp__heads_copy(&s->heads, a, hp_model_heads(m), s->n_heads, err);
    if (!st && scorer->uses_mix)
        st =
            hp__arena_strdup(&s->mix, a, o->mix ? o->mix : HP_DEFAULT_MIX, err);
    if (!st && scorer->method.needs_data)
        st = copy_calibration(s, a, o->calibration, err);
    return st;
}

hp_status hp__scores_compute(double *values, const hp_model *m,
                             const hp__scorer *scorer,
                             const hp_score_options *o, hp_error *err)
{
    hp_status st = check_sequences(scorer, o, err);
    if (!st)
        st = hp_method_fits(&scorer->method, m, err);
    if (!st)
        st = scorer->wants ? sweep(values, m, scorer, o, err)
                           : scorer->weigh(values, m, o, err);
    if (!st && o->normalize == HP_NORMALIZE_LAYER)
        normalise(values, m);
    return st ? st : round_scores(values, m, err);
}

static hp_status check_iteration(const hp__scorer *scorer,
                                 const hp_score_options *o, hp_error *err)
{
    if (!(o->iterate > 0 && o->iterate <= 1))
        return hp_fail(err, HP_INVALID,
                       "a step of %g of the heads, not above 0 and up to 1",
                       o->iterate);
    if (o->stats && scorer->method.takes_stats)
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID,
                                    "steps need passes over text: statistics "
                                    "know nothing of heads that have gone"),
                            "give text with --data FILE, or score once");
    return scorer->method.needs_data
               ? HP_OK
               : hp_fail(err, HP_INVALID,
                         "method '%s' looks at no data: its scores stay what "
                         "they are when heads go",
                         scorer->method.name);
}

static hp_status get_values(double *values, const hp_model *m,
                            const hp__scorer *scorer, const hp_score_options *o,
                            hp_error *err)
{
    if (o->iterate == 0)
        return hp__scores_compute(values, m, scorer, o, err);
    hp_status st = check_iteration(scorer, o, err);
    return st ? st : hp__scores_iterate(values, m, scorer, o, err);
}

static hp_status fill(hp_scores *s, hp__arena *a, const hp_model *m,
                      const hp__scorer *scorer, const hp_score_options *o,
                      hp_error *err)
{
    double *values = NULL;
    uint32_t *rank = NULL;
    hp_status st = describe(s, a, m, scorer, o, err);
    if (!st)
        st = hp__arena_alloc(&values, a, s->n_heads, sizeof *values, err);
    if (!st)
        st = hp__arena_alloc(&rank, a, s->n_heads, sizeof *rank, err);
    if (!st)
        st = get_values(values, m, scorer, o, err);
    if (!st)
        st = hp__scores_rank(rank, values, s->n_heads, s->prunes_highest, err);
    s->values = values;
    s->rank = rank;
    return st;
}

hp_status hp_score(hp_scores **out, const hp_model *m, const hp_method *method,
                   const hp_score_options *o, hp_error *err)
{
    const hp__scorer *scorer = find_scorer(method->name);
    hp_scores *s = NULL;
    hp__arena *a = NULL;
    *out = NULL;
    if (!scorer)
        return hp_fail(err, HP_INVALID, "there is no method '%s'",
                       method->name);
    hp_status st = hp__scores_new(&s, &a, err);
    if (!st)
        st = fill(s, a, m, scorer, o, err);
    if (st) {
        hp_scores_free(s);
        const char *path = hp_checkpoint_path(hp_model_checkpoint(m));
        return st == HP_FORMAT ? hp_fail_file(err, st, path) : st;
    }
    *out = s;
    return HP_OK;
}
