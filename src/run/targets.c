/* Which tokens are predicted (docs/methods.md, "Evaluation"). */
#include "run/targets.h"
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define MASKED_SHARE 0.15

static void add(hp__targets *t, size_t row, int32_t label)
{
    t->rows[t->n] = row;
    t->labels[t->n++] = label;
}

const hp_sequences *hp__targets_rows(const hp__targets *t)
{
    return t->windows.decoder ? t->windows.decoder : &t->windows;
}

/* Every token but those that are context only, by the row in front of it. */
static void add_next_tokens(hp__targets *t, const hp__target_rule *d)
{
    const hp_sequences *s = hp__targets_rows(t);
    for (size_t w = 0; w < s->n; w++) {
        size_t context = d->context ? d->context[w] : 1;
        t->first[w] = t->n;
        for (size_t i = s->start[w] + context; i < s->start[w + 1]; i++)
            add(t, i - 1, s->ids[i]);
    }
}

/* The same tokens on every machine: Knuth's multiplicative hash of a token's
 * number spreads evenly over 0 .. 1. */
static int is_chosen(size_t i)
{
    uint32_t hash = (uint32_t)(i * UINT64_C(2654435761));
    return (double)hash / 4294967296.0 < MASKED_SHARE;
}

static int is_special(const hp_special *special, int32_t id)
{
    for (size_t i = 0; i < special->n; i++)
        if (special->ids[i] == id)
            return 1;
    return 0;
}

static void mask_tokens(hp__targets *t, const hp__target_rule *d)
{
    const hp_sequences *s = d->sequences;
    for (size_t w = 0; w < s->n; w++) {
        t->first[w] = t->n;
        for (size_t i = s->start[w]; i < s->start[w + 1]; i++)
            if (is_chosen(i) && !is_special(&d->special, s->ids[i])) {
                t->masked[i] = d->special.mask;
                add(t, i, s->ids[i]);
            }
    }
}

static void add_labels(hp__targets *t, const hp__target_rule *d)
{
    const hp_sequences *s = d->sequences;
    for (size_t w = 0; w < s->n; w++) {
        t->first[w] = t->n;
        for (size_t i = s->start[w]; i < s->start[w + 1]; i++)
            if (d->labels[i] >= 0)
                add(t, i, d->labels[i]);
    }
}

static hp_status add_masked(hp__targets *t, const hp__target_rule *d,
                            hp_error *err)
{
    if (d->labels) {
        add_labels(t, d);
        return HP_OK;
    }
    if (d->special.mask < 0)
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID,
                                    "the loss of a masked model takes a mask "
                                    "token, and none is known"),
                            "give its id with --mask-id N");
    size_t n = d->sequences->start[d->sequences->n];
    hp_status st = hp__new(&t->masked, n, sizeof *t->masked, err);
    if (st)
        return st;
    memcpy(t->masked, d->sequences->ids, n * sizeof *t->masked);
    mask_tokens(t, d);
    t->windows.ids = t->masked;
    return HP_OK;
}

hp_status hp__targets_open(hp__targets *out, hp_output output,
                           const hp__target_rule *d, hp_error *err)
{
    out->windows = *d->sequences;
    const hp_sequences *s = hp__targets_rows(out);
    size_t n = s->start[s->n];
    hp_status st =
        hp__new(&out->first, d->sequences->n + 1, sizeof *out->first, err);
    if (st || output == HP_OUTPUT_NONE)
        return st;
    st = hp__new(&out->rows, n, sizeof *out->rows, err);
    if (!st)
        st = hp__new(&out->labels, n, sizeof *out->labels, err);
    if (!st && output == HP_OUTPUT_CAUSAL)
        add_next_tokens(out, d);
    else if (!st)
        st = add_masked(out, d, err);
    out->first[d->sequences->n] = out->n;
    if (!st && !out->n)
        return hp_fail(err, HP_INVALID,
                       "the sequences hold no token to predict");
    return st;
}

void hp__targets_close(hp__targets *t)
{
    free(t->masked);
    free(t->rows);
    free(t->labels);
    free(t->first);
}
