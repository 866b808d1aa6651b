/* Samples of a sweep's points: the texts that the caller's generator makes of
 * the same prompts, and whether an earlier sweep asked for the same ones. */
#include "eval/sweep_parts.h"

#include <stdlib.h>
#include <string.h>

hp_status hp__samples_make(hp_samples *out, hp__arena *a,
                           const hp_sweep_prompts *p,
                           const unsigned char *masked, const hp_refit *refit,
                           hp_error *err)
{
    hp_sample *at = NULL;
    *out = (hp_samples){0, NULL};
    if (!p)
        return HP_OK;
    hp_status st = hp__arena_alloc(&at, a, p->n, sizeof *at, err);
    for (size_t i = 0; i < p->n && !st; i++) {
        char *text = NULL;
        st = p->sample(&text, p->payload, i, masked, refit, err);
        if (!st)
            st = hp__arena_strdup(&at[i].text, a, text, err);
        if (!st)
            st = hp__arena_strdup(&at[i].prompt, a, p->prompts[i], err);
        free(text);
    }
    if (!st)
        *out = (hp_samples){p->n, at};
    return st;
}

hp_status hp__samples_copy(hp_samples *out, hp__arena *a,
                           const hp_samples *from, hp_error *err)
{
    hp_sample *at = NULL;
    hp_samples source = *from;
    *out = (hp_samples){0, NULL};
    if (!source.n)
        return HP_OK;
    hp_status st = hp__arena_alloc(&at, a, source.n, sizeof *at, err);
    for (size_t i = 0; i < source.n && !st; i++) {
        st = hp__arena_strdup(&at[i].prompt, a, source.at[i].prompt, err);
        if (!st)
            st = hp__arena_strdup(&at[i].text, a, source.at[i].text, err);
    }
    if (!st)
        *out = (hp_samples){source.n, at};
    return st;
}

hp_status hp__samples_check(const hp_samples *s, const hp_sweep_prompts *p,
                            hp_error *err)
{
    size_t n = p ? p->n : 0;
    if (s->n != n)
        return hp_fail(err, HP_INVALID,
                       "the sweep has samples of %zu prompts, not of %zu", s->n,
                       n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->at[i].prompt, p->prompts[i]) != 0)
            return hp_fail(err, HP_INVALID,
                           "the sweep has samples of another prompt, '%.40s'",
                           s->at[i].prompt);
    return HP_OK;
}
