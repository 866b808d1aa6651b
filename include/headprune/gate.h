#ifndef HEADPRUNE_GATE_H
#define HEADPRUNE_GATE_H

#include "headprune/score.h"

/*
 * The gate of a CI job: rules that hold or are broken, judged from a baseline
 * and what is measured now. Pure functions; a change that equals the limit is
 * within it.
 */
#ifdef __cplusplus
extern "C" {
#endif

#define HP_RULE_MAP(X)                                                         \
    X(PERPLEXITY, "max-perplexity-increase")                                   \
    X(LOSS, "max-loss-increase")                                               \
    X(SCORE, "max-score-change")                                               \
    X(HEADS, "expect-heads")
typedef enum hp_rule {
#define X(name, text) HP_RULE_##name,
    HP_RULE_MAP(X)
#undef X
} hp_rule;
/* "max-loss-increase"; never NULL. */
const char *hp_rule_name(hp_rule rule);

typedef struct hp_limit {
    double value; /* 0.02: 2 % when relative */
    int relative; /* a share of the baseline's value */
} hp_limit;

typedef struct hp_finding {
    hp_rule rule;
    int holds;
    hp_limit limit;       /* HEADS has none */
    double before, after; /* of the score that changed most; NaN of HEADS */
    double change;        /* difference, or share when the limit is one */
    char head[64];        /* SCORE: its id; "" else */
    size_t n_broken;      /* SCORE, HEADS: heads that break the rule */
    char message[400];    /* one line, without the rule's name */
} hp_finding;

/* `rule`: PERPLEXITY or LOSS, which shall not rise by more than the limit. */
void hp_gate_increase(hp_finding *out, hp_rule rule, hp_limit limit,
                      double before, double after);
/* No head's score changes by more than the limit, up or down. HP_INVALID: the
 * two are not of the same heads and method. */
HP_CHECKED
hp_status hp_gate_scores(hp_finding *out, hp_limit limit,
                         const hp_scores *before, const hp_scores *after,
                         hp_error *err);
/* Exactly the heads of `expected` [n_heads] are in `pruned` [n_heads]. */
HP_CHECKED
hp_status hp_gate_heads(hp_finding *out, const unsigned char *expected,
                        const unsigned char *pruned, const hp_head *heads,
                        size_t n_heads, hp_error *err);

/* What headprune.check/1 says. */
typedef struct hp_check {
    const hp_model_info *model;
    const char *baseline;            /* its path */
    const char *schema;              /* "headprune.eval/1" */
    const hp_model_info *base;       /* the model it is of */
    const hp_calibration_info *data; /* NULL: none was read */
    const hp_finding *findings;
    size_t n_findings;
} hp_check;
/* 1: every rule holds. */
int hp_check_passes(const hp_check *c);

#ifdef __cplusplus
}
#endif

#endif
