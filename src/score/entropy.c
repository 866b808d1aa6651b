/* Attention entropy: how evenly a head spreads over what it can see. The sweep
 * computes it inside the softmax; here it is averaged over all queries. */
#include "score/scorer.h"

static void see(double *slot, const hp_seen *seen)
{
    double sum = 0;
    for (uint32_t i = 0; i < seen->n_query; i++)
        sum += seen->row_entropy[i];
    *slot += sum;
}

static double value(double sum, const hp_sequences *s)
{
    return sum / (double)s->start[s->n];
}

const hp__scorer hp__scorer_entropy = {
    .method = {.name = "entropy",
               .unit = "nat",
               .summary = "mean entropy of the head's attention; heads that "
                          "look everywhere go first",
               .prunes_highest = 1,
               .passes = "1",
               .zeroed = 117.2,
               .refitted = 106.7,
               .needs_data = 1},
    .wants = HP_SEE_ENTROPY,
    .see = see,
    .value = value};
