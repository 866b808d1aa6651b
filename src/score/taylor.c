/* First-order Taylor estimate of what removing the head does to the loss of the
 * whole text: |E dL/dg|. Sequences cancel, so that few of them say little. */
#include "score/loss_sweep.h"
#include "score/scorer.h"

#include <math.h>

static double of_mean(double g)
{
    return fabs(g);
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    static const hp__gate_mean mean = {.of_mean = of_mean};
    return hp__gate_scores(values, m, o, &mean, err);
}

const hp__scorer hp__scorer_taylor = {
    .method = {.name = "taylor",
               .unit = "nat",
               .summary = "size of the loss's mean gradient at a gate on the "
                          "head; noisy, since sequences cancel",
               .passes = "3",
               .zeroed = 109.2,
               .refitted = 105.0,
               .needs_data = 1,
               .needs_loss = 1,
               .needs_backward = 1},
    .weigh = weigh};
