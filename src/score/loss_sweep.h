#ifndef HEADPRUNE_SCORE_LOSS_SWEEP_H
#define HEADPRUNE_SCORE_LOSS_SWEEP_H

#include "headprune/score.h"
#include "run/targets.h"

/*
 * What the scores that know the loss have in common: the targets of the
 * calibration sequences, and the sweep that goes forward and back over them.
 */

/* Targets by the rule for the model's kind of output. */
HP_CHECKED
hp_status hp__loss_targets(hp__targets *out, const hp_model *m,
                           const hp_score_options *o, hp_error *err);

/* A sweep that shows gradients; *predicting: sequences that have a target. */
typedef struct hp__loss_sweep {
    const hp_model *model;
    const hp_score_options *options;
    hp_status (*see)(void *payload, const hp_seen_gradients *seen,
                     hp_error *err);
    void *payload;
} hp__loss_sweep;

HP_CHECKED
hp_status hp__loss_sweep_run(size_t *predicting, const hp__loss_sweep *s,
                             hp_error *err);

/*
 * The gradient at a gate on every head, for every sequence: g_h = sum over
 * positions of z_h . dL/dz_h is dL/d(gate) of a gate of 1 that z_h is
 * multiplied with, L the mean loss of the sequence.
 */
typedef struct hp__gate_mean {   /* NULL: as it is */
    double (*of_each)(double g); /* what a sequence adds */
    double (*of_mean)(double g); /* the score, of the mean over sequences that
                                    have a target */
} hp__gate_mean;

HP_CHECKED
hp_status hp__gate_scores(double *values, const hp_model *m,
                          const hp_score_options *o, const hp__gate_mean *mean,
                          hp_error *err);

#endif
