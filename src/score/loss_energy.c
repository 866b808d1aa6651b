/* Energy of a head's output in the metric of the loss: the cost, to second
 * order, of losing it alone, tr(G W_h' C_hh W_h). */
#include "score/loss_metric.h"
#include "score/scorer.h"

static hp_status visit(void *payload, const hp__loss_metric *metric,
                       hp_error *err)
{
    double *values = payload;
    const hp_block *b = metric->block;
    size_t dim = b->head_dim;
    (void)err;
    for (size_t h = 0; h < b->n_heads; h++) {
        double sum = 0;
        for (size_t i = h * dim; i < (h + 1) * dim; i++)
            for (size_t j = h * dim; j < (h + 1) * dim; j++)
                sum +=
                    metric->c[i * metric->n + j] * metric->m[i * metric->n + j];
        values[b->first_head + h] = sum;
    }
    return HP_OK;
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    hp__loss_metric_visitor visitor = {.visit = visit};
    visitor.payload = values;
    return hp__loss_metric_sweep(m, o, &visitor, err);
}

const hp__scorer hp__scorer_loss_energy = {
    .method = {.name = "loss-energy",
               .unit = "nat^2",
               .summary = "energy of the head's output in the metric of the "
                          "loss",
               .passes = "3",
               .zeroed = 107.4,
               .refitted = 105.8,
               .needs_data = 1,
               .needs_loss = 1,
               .needs_backward = 1},
    .weigh = weigh};
