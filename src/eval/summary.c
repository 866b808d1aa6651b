/* Means and their standard errors (docs/methods.md, "Evaluation"). Sums run in
 * the order of the text. */
#include "eval/summary.h"

#include <math.h>

hp__mean hp__mean_of(const double *values, size_t n)
{
    double sum = 0.0, squares = 0.0, count = (double)n;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    for (size_t i = 0; i < n; i++) {
        double off = values[i] - sum / count;
        squares += off * off;
    }
    return (hp__mean){sum / count, n > 1 ? sqrt(squares / (count - 1) / count)
                                         : (double)NAN};
}

/* Cochran, Sampling Techniques (1977), 6.4: a ratio of sums over windows. */
hp__mean hp__mean_of_windows(const double *values, const size_t *first,
                             size_t windows)
{
    double sum = 0.0, squares = 0.0, count = (double)windows;
    double n = (double)(first[windows] - first[0]);
    for (size_t i = first[0]; i < first[windows]; i++)
        sum += values[i];
    double mean = sum / n;
    for (size_t w = 0; w < windows; w++) {
        double own = 0.0;
        for (size_t i = first[w]; i < first[w + 1]; i++)
            own += values[i];
        double off = own - mean * (double)(first[w + 1] - first[w]);
        squares += off * off;
    }
    double error = sqrt(squares * count / (count - 1)) / n;
    return (hp__mean){mean, windows > 1 ? error : (double)NAN};
}

hp__mean hp__mean_of_pairs(const double *a, const double *b, size_t n)
{
    double sum = 0.0, squares = 0.0, count = (double)n;
    for (size_t i = 0; i < n; i++)
        sum += a[i] - b[i];
    for (size_t i = 0; i < n; i++) {
        double off = a[i] - b[i] - sum / count;
        squares += off * off;
    }
    return (hp__mean){sum / count, n > 1 ? sqrt(squares / (count - 1) / count)
                                         : (double)NAN};
}

/* The delta method: an error of e^x is e^x times that of x. */
static void set_value(double *value, double *error, hp_metric metric,
                      hp__mean loss)
{
    int grows = metric == HP_METRIC_PERPLEXITY;
    *value = grows ? exp(loss.value) : loss.value;
    *error = grows ? *value * loss.error : loss.error;
}

void hp__summarise_losses(hp_eval *e, const hp__targets *t)
{
    hp__mean loss = hp__mean_of_windows(e->losses, t->first, e->windows);
    e->loss = loss.value;
    e->loss_error = loss.error;
    set_value(&e->value, &e->value_error, e->metric, loss);
}

void hp__summarise_pairs(hp_eval *e, const double *base_losses)
{
    hp__mean delta = hp__mean_of_pairs(e->losses, base_losses, e->tokens);
    hp__mean loss = hp__mean_of(base_losses, e->tokens);
    double ignored;
    e->base_loss = loss.value;
    set_value(&e->base_value, &ignored, e->metric, loss);
    e->delta = delta.value;
    e->delta_error = delta.error;
}
