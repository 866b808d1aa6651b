#ifndef HEADPRUNE_EVAL_SUMMARY_H
#define HEADPRUNE_EVAL_SUMMARY_H

#include "headprune/eval.h"
#include "run/targets.h"

/* From one number a token, or a window, to an evaluation. */

typedef struct hp__mean {
    double value, error; /* standard error; NaN for fewer than two */
} hp__mean;

/* Mean of `values` [n], taken as independent. */
hp__mean hp__mean_of(const double *values, size_t n);
/* Mean of all values, its error from one sum a window: first[w] ..
 * first[w + 1] are the values of window w. */
hp__mean hp__mean_of_windows(const double *values, const size_t *first,
                             size_t windows);
/* Mean of a - b [n] and its error, paired. */
hp__mean hp__mean_of_pairs(const double *a, const double *b, size_t n);

/* Fills in value, loss and their errors of e->losses. */
void hp__summarise_losses(hp_eval *e, const hp__targets *t);
/* Fills in the difference to a base: its losses [e->tokens]. */
void hp__summarise_pairs(hp_eval *e, const double *base_losses);

#endif
