#ifndef HEADPRUNE_EVAL_H
#define HEADPRUNE_EVAL_H

#include "headprune/score.h"

/*
 * How good a model is on a text, and what masking heads costs. Definitions,
 * with the standard errors, are in docs/methods.md, "Evaluation".
 */
#ifdef __cplusplus
extern "C" {
#endif

/* What a model is measured by: its output decides. */
typedef enum hp_metric {
    HP_METRIC_PERPLEXITY,     /* causal: e^loss, of the next token */
    HP_METRIC_MASKED_LM_LOSS, /* masked: loss at masked tokens */
    HP_METRIC_HIDDEN_COSINE   /* no output: mean cosine of mean-pooled last
                                 hidden states with those of the base */
} hp_metric;
/* "perplexity", "masked_lm_loss", "hidden_cosine" */
const char *hp_metric_name(hp_metric metric);
hp_metric hp_metric_of(const hp_model *m);
/* 1: higher values are better. */
int hp_metric_rises(hp_metric metric);

/* What is evaluated on. */
typedef struct hp_eval_data {
    const hp_sequences *sequences; /* windows */
    const size_t *context; /* [windows] leading tokens that are context only;
                              NULL: none but the first, which always is */
    size_t stride;         /* as documents say it; 0: the windows' length */
    const hp_calibration_info *info; /* copied; NULL: nothing is known */
    /* Masked models: tokens that are never masked, and the id they are masked
     * with. Or, in place of the rule, `labels`: [tokens] the token to predict
     * there, -1 elsewhere, for windows that hold the mask token already. */
    hp_special special;
    const int32_t *labels;
} hp_eval_data;

/* What an evaluation is compared with; at most one of them. */
typedef struct hp_eval_base {
    int unmasked;          /* the model itself, no head masked */
    const hp_model *model; /* another checkpoint of the same vocabulary */
    /* An earlier evaluation of the base on the same data by this process:
     * nothing is computed again, but neither are kl and same_top1. */
    const struct hp_eval *eval;
} hp_eval_base;

/* Self-contained. Numbers that were not computed are NaN, and null in a
 * document. Standard errors of one window alone are NaN. */
typedef struct hp_eval {
    hp_model_info model;
    hp_metric metric;
    double value, value_error; /* +- standard error, over windows */
    double loss, loss_error;   /* mean of -ln p(token), nats */
    size_t tokens;             /* that were predicted (cosine: read) */
    size_t windows, length, stride;
    const char *source, *sha256; /* of the data; "" when nothing is known */
    const char *heads;           /* masked ones, "0:1,4 3:2"; "" none */
    size_t n_masked;
    int has_base;
    hp_model_info base; /* when has_base, as all below */
    double base_value, base_loss;
    double delta, delta_error; /* loss - base loss, paired by token */
    double kl;                 /* mean KL(base || this), nats a token */
    double same_top1;          /* share of tokens with the same likeliest one */
    double top1;               /* share of tokens predicted right */
    /* [tokens] losses in the order of the tokens, for pairing; NULL when it
     * was read from a document or is of cosines. */
    const double *losses;
} hp_eval;

typedef struct hp_eval_options {
    hp_run_options run; /* its masks are what is evaluated, each by itself;
                           the budget covers all that grows with the data */
    hp_eval_base base;
    int skip_divergence; /* 1: no kl, no same_top1: faster */
} hp_eval_options;

/*
 * Evaluates every mask of `o->run` (none: the model as it is) in one go, each
 * compared with the base. out[n_variants, at least 1]; every entry is freed
 * with hp_eval_free; on failure all are NULL. Memory does not grow with
 * vocabulary x tokens. Progress: tokens x layers.
 *
 * HP_INVALID: a cosine without a base, a masked model without a mask token, a
 * base of another vocabulary or kind, no token to predict; else as
 * hp_run_sweep.
 */
HP_CHECKED
hp_status hp_evaluate(hp_eval **out, const hp_model *m, const hp_eval_data *d,
                      const hp_eval_options *o, hp_error *err);
void hp_eval_free(hp_eval *e); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
