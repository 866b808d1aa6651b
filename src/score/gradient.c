/* Gradient at a gate on the head (Michel, Levy and Neubig 2019): E |dL/dg|.
 * Sizes are taken before the mean, so that sequences cannot cancel. */
#include "score/loss_sweep.h"
#include "score/scorer.h"

#include <math.h>

static double of_each(double g)
{
    return fabs(g);
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    static const hp__gate_mean mean = {.of_each = of_each};
    return hp__gate_scores(values, m, o, &mean, err);
}

const hp__scorer hp__scorer_gradient = {
    .method = {.name = "gradient",
               .unit = "nat",
               .summary =
                   "mean size of the loss's gradient at a gate on the head",
               .passes = "3",
               .zeroed = 111.4,
               .refitted = 105.2,
               .needs_data = 1,
               .needs_loss = 1,
               .needs_backward = 1},
    .weigh = weigh};
