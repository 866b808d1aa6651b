/* A weighted mean of the ranks that other methods give. Ranks, since scores of
 * different units do not add up. */
#include "base/arena.h"
#include "score/scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct share {
    const hp_method *method;
    double weight;
} share;

#define MOST_SHARES ((size_t)16)

/* NAME or NAME:WEIGHT */
static hp_status parse_share(share *out, const char *word, size_t len,
                             hp_error *err)
{
    char text[64], *colon, *end;
    if (!len || len >= sizeof text)
        return hp_fail(err, HP_INVALID,
                       "the mix has an empty or overlong part");
    memcpy(text, word, len);
    text[len] = '\0';
    colon = strchr(text, ':');
    if (colon)
        *colon = '\0';
    out->method = hp_method_find(text);
    if (!out->method || !strcmp(text, "hybrid"))
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID,
                                    "the mix names '%s', which is no method "
                                    "that can be mixed",
                                    text),
                            "see headprune methods");
    out->weight = 1;
    if (!colon)
        return HP_OK;
    out->weight = strtod(colon + 1, &end);
    if (end == colon + 1 || *end || !(out->weight > 0) ||
        !isfinite(out->weight))
        return hp_fail(err, HP_INVALID,
                       "the mix gives %s the weight '%s', which is no positive "
                       "number",
                       text, colon + 1);
    return HP_OK;
}

static hp_status parse_mix(share out[MOST_SHARES], size_t *n, const char *mix,
                           hp_error *err)
{
    hp_status st = HP_OK;
    for (*n = 0; !st; mix++) {
        size_t len = strcspn(mix, ",");
        if (*n == MOST_SHARES)
            return hp_fail(err, HP_INVALID, "the mix has more than %zu parts",
                           MOST_SHARES);
        st = parse_share(&out[(*n)++], mix, len, err);
        mix += len;
        if (!*mix)
            break;
    }
    return st;
}

static hp_status add_share(double *values, const hp_model *m, const share *s,
                           const hp_score_options *o, hp_error *err)
{
    hp_scores *scores = NULL;
    hp_score_options own = *o;
    own.iterate = 0;
    hp_status st = hp_score(&scores, m, s->method, &own, err);
    for (size_t i = 0; i < hp_model_n_heads(m) && !st; i++)
        values[i] += s->weight * (double)scores->rank[i];
    hp_scores_free(scores);
    return st;
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    share shares[MOST_SHARES] = {{0}};
    size_t n = 0, heads = hp_model_n_heads(m);
    double whole = 0;
    hp_status st = parse_mix(shares, &n, o->mix ? o->mix : HP_DEFAULT_MIX, err);
    memset(values, 0, heads * sizeof *values);
    for (size_t i = 0; i < n && !st; i++) {
        st = add_share(values, m, &shares[i], o, err);
        whole += shares[i].weight;
    }
    for (size_t h = 0; h < heads && !st; h++)
        values[h] /= whole;
    return st;
}

const hp__scorer hp__scorer_hybrid = {
    .method = {.name = "hybrid",
               .unit = "rank",
               .summary = "weighted mean of the ranks of other methods "
                          "(--mix)",
               .passes = "theirs",
               .zeroed = 117.2,
               .refitted = 106.7,
               .needs_data = 1},
    .uses_mix = 1,
    .weigh = weigh};
