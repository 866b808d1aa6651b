/* A random order, the same on every machine: the baseline that any method has
 * to beat. The score of a head is its place in the shuffled order. */
#include "base/random_bits.h"
#include "score/scorer.h"

/* 0 .. n - 1, each as likely: draws past the last multiple of n are repeated.
 */
static uint64_t below(uint64_t *state, uint64_t n)
{
    uint64_t last = UINT64_MAX - (UINT64_MAX % n + 1) % n, draw;
    do
        draw = hp__random_next(state);
    while (draw > last);
    return draw % n;
}

/* Fisher-Yates, downwards. A permutation of the places is as random as one of
 * the heads. */
static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    (void)err;
    uint64_t state = o->seed;
    size_t n = hp_model_n_heads(m);
    for (size_t i = 0; i < n; i++)
        values[i] = (double)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)below(&state, i);
        double swap = values[i - 1];
        values[i - 1] = values[j];
        values[j] = swap;
    }
    return HP_OK;
}

const hp__scorer hp__scorer_random = {
    .method = {.name = "random",
               .unit = "",
               .summary = "an order drawn from --seed, to compare with",
               .passes = "0",
               .zeroed = 113.7,
               .refitted = 107.3},
    .uses_seed = 1,
    .weigh = weigh};
