#ifndef HEADPRUNE_SWEEP_H
#define HEADPRUNE_SWEEP_H

#include "headprune/eval.h"
#include "headprune/plan.h"
#include "headprune/refit.h"

/*
 * Sweeps: many plans for one model, each evaluated with its heads masked in
 * memory, and what the numbers say: each method at each ratio against random
 * choices of as many heads. Definitions are in docs/methods.md.
 */
#ifdef __cplusplus
extern "C" {
#endif

/* The method that others are held against: its seeds are the sample. */
#define HP_SWEEP_REFERENCE "random"

/* What a causal model goes on with after a prompt, greedily. */
typedef struct hp_sample {
    const char *prompt, *text;
} hp_sample;
typedef struct hp_samples {
    size_t n;
    const hp_sample *at; /* [n] in the order of the prompts */
} hp_samples;

/* One plan, evaluated. The metric is the baseline's. */
typedef struct hp_sweep_point {
    const char *method;
    int has_seed;
    uint64_t seed;
    double ratio;
    size_t n_pruned;
    const char *heads;         /* the list form, "0:1,4 3:2" */
    double value, error;       /* and its standard error */
    double loss;               /* nats; NaN where the metric has none */
    double delta, delta_error; /* of the loss, paired by token */
    double kl, same_top1;      /* against the model as it is */
    hp_samples samples;        /* none without prompts */
} hp_sweep_point;

/* Better and worse: with p below 0.05. Unclear: the sample does not tell.
 * None: of the reference itself, or with fewer than two seeds of it. */
#define HP_VERDICT_MAP(X)                                                      \
    X(NONE, "none")                                                            \
    X(UNCLEAR, "unclear")                                                      \
    X(BETTER, "better")                                                        \
    X(WORSE, "worse")
typedef enum hp_verdict {
#define X(name, text) HP_VERDICT_##name,
    HP_VERDICT_MAP(X)
#undef X
} hp_verdict;
/* "better"; never NULL. */
const char *hp_verdict_text(hp_verdict v);

/* A method at a ratio. Without seeds of the reference at this ratio n_seeds is
 * 0 and the numbers after it are NaN. */
typedef struct hp_sweep_row {
    const char *method;
    double ratio;
    size_t n_pruned;
    double value; /* the mean over its seeds when the method draws */
    double delta; /* value - the baseline's */
    size_t n_seeds;
    double mean, sd, min, max; /* of the reference; sd: n - 1 below */
    double z;                  /* (value - mean) / sd */
    double p;    /* of a number this far from the mean, either side */
    size_t wins; /* seeds of the reference that are worse */
    hp_verdict verdict;
} hp_sweep_row;

/* Spearman's correlation of two methods' rankings of all heads. */
typedef struct hp_sweep_agreement {
    const char *first, *second;
    double spearman;
} hp_sweep_agreement;

/* Self-contained, from a model or from a document. */
typedef struct hp_sweep {
    hp_model_info model;
    int has_calibration;
    hp_calibration_info calibration; /* when has_calibration */
    hp_scope scope;
    size_t keep;
    hp_group group;
    double damping;     /* of the refit of every point; 0: there was none */
    int sequential;     /* 1: block after block */
    hp_eval baseline;   /* the model as it is; no losses, no base */
    hp_samples samples; /* of the model as it is */
    size_t max_tokens;  /* of a sample; 0 without prompts */
    size_t n_planned;   /* points of the whole sweep */
    size_t n_points;    /* fewer while it is under way */
    const hp_sweep_point *points; /* [n_points] in the order of the plans */
    size_t n_rows;
    const hp_sweep_row *rows; /* [n_rows] */
    size_t n_agreements;
    const hp_sweep_agreement *agreements; /* [n_agreements] */
} hp_sweep;

/* Texts that every point goes on with. `sample` continues prompts[i] with the
 * heads of `masked` silent and refitted as by `refit` (NULL: none are); the
 * text is freed with free(). */
typedef struct hp_sweep_prompts {
    const char *const *prompts; /* [n] */
    size_t n;
    size_t max_tokens; /* >= 1; told in the sweep */
    hp_status (*sample)(char **text, void *payload, size_t i,
                        const unsigned char *masked, const hp_refit *refit,
                        hp_error *err);
    void *payload;
} hp_sweep_prompts;

typedef struct hp_sweep_options {
    hp_run_options run; /* its masks are not looked at; progress: tokens x
                           points of the whole sweep */
    const hp_eval_data *data;
    const hp_scores *const
        *scores; /* [n_scores], whose rankings are compared */
    size_t n_scores;
    const hp_plan *const *plans; /* [n_plans] made by ratio, for this model */
    size_t n_plans;
    /* [n_plans] that go with the plans, all of one kind, and the data that they
     * were made from; NULL: heads are masked only. */
    const hp_refit *const *refits;
    const hp_calibration_info *refit_calibration;
    const hp_sweep_prompts *prompts; /* or NULL */
    const hp_sweep *before;          /* its points are taken over; or NULL */
    size_t chunk; /* plans that are evaluated together; 0: 8, at most 64 */
    /* Called after every chunk but the last; a failure ends the sweep. */
    hp_status (*save)(void *payload, const hp_sweep *so_far, hp_error *err);
    void *payload;
} hp_sweep_options;

/*
 * Evaluates all plans that `before` does not hold. With `before` and without,
 * in chunks of any size, the result is the same. HP_INVALID: `before` is of
 * another model, other data or prompts, or holds a point that is none of the
 * plans'. Other errors as hp_evaluate. Freed with hp_sweep_free.
 */
HP_CHECKED
hp_status hp_sweep_run(hp_sweep **out, const hp_model *m,
                       const hp_sweep_options *o, hp_error *err);
void hp_sweep_free(hp_sweep *s); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
