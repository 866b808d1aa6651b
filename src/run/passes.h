#ifndef HEADPRUNE_RUN_PASSES_H
#define HEADPRUNE_RUN_PASSES_H

#include "headprune/run.h"
#include "run/targets.h"

/*
 * The forward passes of an evaluation. Lanes are what is computed side by
 * side: the base first, if it is computed at all, then every mask. The text
 * goes through in chunks of windows; what comes out is one number a token or
 * a window.
 */
typedef struct hp__lane_results {
    double *losses;  /* [targets] nats */
    double *cosines; /* [windows] with the base's pooled hidden state */
    double kl;       /* sums over targets */
    size_t same_top1, right;
} hp__lane_results;

typedef struct hp__passes {
    const hp_model *model, *base; /* base NULL: `model`, unmasked, or none */
    const hp__targets *targets;
    const hp_run_options *run;
    int has_base; /* lane 0 is the base */
    int compare;  /* kl and same_top1 */
    int pools;    /* no losses but cosines: the models have no output */
    hp__lane_results *lanes; /* [n_lanes] */
    size_t n_lanes;
} hp__passes;

HP_CHECKED
hp_status hp__passes_run(hp__passes *p, hp_error *err);

#endif
