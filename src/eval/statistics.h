#ifndef HEADPRUNE_EVAL_STATISTICS_H
#define HEADPRUNE_EVAL_STATISTICS_H

#include "headprune/error.h"

#include <stddef.h>

/* Small samples of numbers, and what one more number is against them. */

typedef struct hp__sample {
    size_t n;
    double mean, min, max;
    double sd; /* of a sample: n - 1 below; NaN with fewer than two */
} hp__sample;

/* `n` may be 0: then all but n is NaN. */
hp__sample hp__sample_of(const double *values, size_t n);

/*
 * How likely a number at least as far from the mean as `value`, on either
 * side, would be if it were one more of the sample: (value - mean) /
 * (sd sqrt(1 + 1/n)) in Student's t with n - 1 degrees of freedom. NaN when
 * the sample has no spread.
 */
double hp__sample_p(const hp__sample *s, double value);
/* P(|T| > t) of Student's t, t >= 0, by its finite sum for whole degrees of
 * freedom. */
double hp__student_p(double t, size_t degrees);

/* Ranks of values [n], from 1, smallest first; equal values share the mean of
 * theirs. */
HP_CHECKED
hp_status hp__mean_ranks(double *ranks, const double *values, size_t n,
                         hp_error *err);
/* Spearman's rank correlation of a and b [n], ties with their mean rank; NaN
 * when one of them does not vary. */
HP_CHECKED
hp_status hp__spearman(double *out, const double *a, const double *b, size_t n,
                       hp_error *err);

#endif
