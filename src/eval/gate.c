/* Rules of a CI gate, and what is said about them. */
#include "headprune/gate.h"
#include "base/arena.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the value: what a document rounds away, and the last bits in which
 * processors differ, break no limit. */
#define SLACK 1e-7

const char *hp_rule_name(hp_rule rule)
{
    static const char *const names[] = {
#define X(name, text) [HP_RULE_##name] = (text),
        HP_RULE_MAP(X)
#undef X
    };
    return names[rule];
}

int hp_check_passes(const hp_check *c)
{
    for (size_t i = 0; i < c->n_findings; i++)
        if (!c->findings[i].holds)
            return 0;
    return 1;
}

/* In the limit's kind; of nothing, any change is infinitely much. */
static double change_of(hp_limit limit, double before, double after)
{
    double change = after - before;
    if (!limit.relative || change == 0)
        return change;
    return change / fabs(before);
}

static double slack_of(hp_limit limit, double before)
{
    return SLACK * (limit.relative ? 1.0 : fabs(before));
}

static int is_within(hp_limit limit, double before, double change)
{
    return change <= limit.value + slack_of(limit, before);
}

/* "+2.5 %" or "+0.05"; `sign` "%+" or "%". */
static const char *amount(char out[32], hp_limit kind, double value, int sign)
{
    double shown = kind.relative ? 100 * value : value;
    snprintf(out, 32, sign ? "%+.6g%s" : "%.6g%s", shown,
             kind.relative ? " %" : "");
    return out;
}

void hp_gate_increase(hp_finding *out, hp_rule rule, hp_limit limit,
                      double before, double after)
{
    char change[32], most[32];
    double slack = slack_of(limit, before);
    *out = (hp_finding){
        .rule = rule, .limit = limit, .before = before, .after = after};
    out->change = change_of(limit, before, after);
    out->holds = is_within(limit, before, out->change);
    snprintf(
        out->message, sizeof out->message,
        "%s %.6g, was %.6g: %s, %s the %s allowed",
        rule == HP_RULE_PERPLEXITY ? "perplexity" : "loss", after, before,
        amount(change, limit, fabs(out->change) > slack ? out->change : 0, 1),
        out->holds ? "within" : "more than",
        amount(most, limit, limit.value, 0));
}

/* ---- scores ---- */

static hp_status check_same(const hp_scores *a, const hp_scores *b,
                            hp_error *err)
{
    if (strcmp(a->method, b->method) != 0)
        return hp_fail(err, HP_INVALID,
                       "scores of '%s' cannot be held against scores of '%s'",
                       b->method, a->method);
    if (a->n_heads != b->n_heads)
        return hp_fail(err, HP_INVALID,
                       "the model has %zu heads, the baseline %zu", b->n_heads,
                       a->n_heads);
    for (size_t i = 0; i < a->n_heads; i++)
        if (strcmp(a->heads[i].id, b->heads[i].id) != 0)
            return hp_fail(err, HP_INVALID,
                           "head '%s' of the model is '%s' in the baseline",
                           b->heads[i].id, a->heads[i].id);
    return HP_OK;
}

static void say_scores(hp_finding *f, size_t n)
{
    char change[32], most[32];
    amount(most, f->limit, f->limit.value, 0);
    int len = f->holds
                  ? snprintf(f->message, sizeof f->message,
                             "no score of %zu changed by more than %s", n, most)
                  : snprintf(f->message, sizeof f->message,
                             "%zu of %zu scores changed by more than %s",
                             f->n_broken, n, most);
    if (f->change != 0 && len > 0 && (size_t)len < sizeof f->message)
        snprintf(f->message + len, sizeof f->message - (size_t)len,
                 "; most %s: %.6g, was %.6g (%s)", f->head, f->after, f->before,
                 amount(change, f->limit, f->change, 1));
}

hp_status hp_gate_scores(hp_finding *out, hp_limit limit,
                         const hp_scores *before, const hp_scores *after,
                         hp_error *err)
{
    hp_status st = check_same(before, after, err);
    if (st)
        return st;
    *out = (hp_finding){.rule = HP_RULE_SCORE,
                        .limit = limit,
                        .before = (double)NAN,
                        .after = (double)NAN};
    for (size_t i = 0; i < before->n_heads; i++) {
        double a = before->values[i], b = after->values[i];
        double change = change_of(limit, a, b);
        out->n_broken += !is_within(limit, a, fabs(change));
        if (out->head[0] && !(fabs(change) > fabs(out->change)))
            continue;
        out->before = a;
        out->after = b;
        out->change = change;
        snprintf(out->head, sizeof out->head, "%s", after->heads[i].id);
    }
    out->holds = !out->n_broken;
    say_scores(out, before->n_heads);
    return HP_OK;
}

/* ---- heads ---- */

static void add_list(hp_finding *f, const char *what, const char *list)
{
    size_t len = strlen(f->message);
    if (*list)
        snprintf(f->message + len, sizeof f->message - len, "%s%s: %s",
                 len ? "; " : "", what, list);
}

hp_status hp_gate_heads(hp_finding *out, const unsigned char *expected,
                        const unsigned char *pruned, const hp_head *heads,
                        size_t n_heads, hp_error *err)
{
    unsigned char *lost = NULL;
    unsigned char *extra;
    char *missing = NULL, *further = NULL;
    size_t n = 0;
    hp_status st = hp__new(&lost, 2 * n_heads, 1, err);
    if (st)
        return st;
    *out = (hp_finding){.rule = HP_RULE_HEADS,
                        .before = (double)NAN,
                        .after = (double)NAN,
                        .change = (double)NAN};
    extra = lost + n_heads;
    for (size_t i = 0; i < n_heads; i++) {
        lost[i] = expected[i] && !pruned[i];
        extra[i] = !expected[i] && pruned[i];
        out->n_broken += (size_t)lost[i] + extra[i];
        n += pruned[i] != 0;
    }
    out->holds = !out->n_broken;
    st = hp_heads_format(&missing, lost, heads, n_heads, err);
    if (!st)
        st = hp_heads_format(&further, extra, heads, n_heads, err);
    if (!st) {
        add_list(out, "expected, not pruned", missing);
        add_list(out, "pruned, not expected", further);
    }
    if (!st && out->holds)
        snprintf(out->message, sizeof out->message,
                 "the %zu heads to prune are those expected", n);
    free(missing);
    free(further);
    free(lost);
    return st;
}
