/*
 * Mean and spread of small samples, Student's t, Spearman's rank correlation.
 * Student's t is Abramowitz & Stegun 26.7.3 and 26.7.4: exact for whole
 * degrees of freedom, no series to cut off.
 */
#include "eval/statistics.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>

hp__sample hp__sample_of(const double *values, size_t n)
{
    const double none = (double)NAN;
    hp__sample s = {.n = n, .mean = none, .min = none, .max = none, .sd = none};
    if (!n)
        return s;
    s.min = s.max = values[0];
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
        s.min = values[i] < s.min ? values[i] : s.min;
        s.max = values[i] > s.max ? values[i] : s.max;
    }
    /* Equal values have no spread, whatever their sum was rounded to. */
    s.mean = s.min == s.max ? s.min : sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (values[i] - s.mean) * (values[i] - s.mean);
    if (n > 1)
        s.sd = sqrt(squares / (double)(n - 1));
    return s;
}

double hp__student_p(double t, size_t degrees)
{
    const double half_pi = acos(0.0);
    double angle = atan(t / sqrt((double)degrees));
    double cos2 = cos(angle) * cos(angle), inside = 0;
    size_t odd = degrees % 2;
    double term = odd ? cos(angle) : 1;
    for (size_t k = 2 + odd; k <= degrees; k += 2) {
        inside += term;
        term *= cos2 * ((double)k - 1) / (double)k;
    }
    inside *= sin(angle);
    if (odd)
        inside = (inside + angle) / half_pi;
    double p = 1 - inside;
    return p > 0 ? p : 0;
}

double hp__sample_p(const hp__sample *s, double value)
{
    if (s->n < 2 || !(s->sd > 0))
        return (double)NAN;
    double t = (value - s->mean) / (s->sd * sqrt(1 + 1 / (double)s->n));
    return isfinite(t) ? hp__student_p(fabs(t), s->n - 1) : (double)NAN;
}

typedef struct place {
    double value;
    size_t at;
} place;

static int by_value(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

hp_status hp__mean_ranks(double *ranks, const double *values, size_t n,
                         hp_error *err)
{
    place *work = NULL;
    hp_status st = hp__new(&work, n, sizeof *work, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        work[i] = (place){values[i], i};
    qsort(work, n, sizeof *work, by_value);
    for (size_t from = 0, to = 0; from < n; from = to) {
        while (to < n && work[to].value == work[from].value)
            to++;
        for (size_t i = from; i < to; i++)
            ranks[work[i].at] = (double)(from + 1 + to) / 2;
    }
    free(work);
    return HP_OK;
}

static double correlate(const double *a, const double *b, size_t n)
{
    /* The mean of n ranks, ties or not. */
    double mean = ((double)n + 1) / 2, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - mean) * (b[i] - mean);
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : (double)NAN;
}

hp_status hp__spearman(double *out, const double *a, const double *b, size_t n,
                       hp_error *err)
{
    double *ranks = NULL;
    hp_status st = hp__new(&ranks, 2 * n, sizeof *ranks, err);
    if (!st)
        st = hp__mean_ranks(ranks, a, n, err);
    if (!st)
        st = hp__mean_ranks(ranks + n, b, n, err);
    if (!st)
        *out = correlate(ranks, ranks + n, n);
    free(ranks);
    return st;
}
