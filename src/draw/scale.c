#include "draw/scale.h"

#include <math.h>
#include <stdio.h>

/* 1, 2 or 5 times a power of ten, at least `rough`. */
static double round_step(double rough)
{
    double power = pow(10, floor(log10(rough)));
    double share = rough / power;
    /* A hair of room: 0.1 / 0.1 may come out above 1. */
    if (share <= 1.0000001)
        return power;
    if (share <= 2.0000001)
        return 2 * power;
    return share <= 5.0000001 ? 5 * power : 10 * power;
}

static double step_of(const hp__scale *s, unsigned wanted)
{
    return round_step((s->high - s->low) / wanted);
}

hp__scale hp__scale_fit(double low, double high, int logarithmic)
{
    hp__scale s = {.low = low, .high = high, .from = 0, .to = 1};
    if (!isfinite(low) || !isfinite(high) || low > high) {
        s.low = 0;
        s.high = 1;
    }
    if (s.high - s.low <= fabs(s.high) * 1e-9) {
        double room = s.high > 0 || s.high < 0 ? fabs(s.high) / 2 : 0.5;
        s.low -= room;
        s.high += room;
    }
    s.logarithmic = logarithmic && s.low > 0;
    if (s.logarithmic)
        return s;
    double step = step_of(&s, 5);
    s.low = floor(s.low / step + 1e-9) * step;
    s.high = ceil(s.high / step - 1e-9) * step;
    return s;
}

double hp__scale_at(const hp__scale *s, double value)
{
    double share = s->logarithmic
                       ? (log(value) - log(s->low)) / (log(s->high / s->low))
                       : (value - s->low) / (s->high - s->low);
    return s->from + share * (s->to - s->from);
}

static size_t linear_ticks(double *out, const hp__scale *s, unsigned wanted)
{
    double step = step_of(s, wanted);
    double first = ceil(s->low / step - 1e-9);
    size_t n = 0;
    for (; n < HP__MAX_TICKS; n++) {
        double at = first + (double)n;
        if (at * step > s->high + step * 1e-9)
            break;
        /* 3 * 0.1 is not 0.3; -0 is 0. */
        out[n] = step < 1 ? at / round(1 / step) + 0 : at * step + 0;
        if (step < 1 && fabs(round(1 / step) * step - 1) > 1e-6)
            out[n] = at * step + 0;
    }
    return n;
}

static size_t log_ticks(double *out, const hp__scale *s)
{
    static const double parts[] = {1, 2, 5};
    int first = (int)floor(log10(s->low)), last = (int)floor(log10(s->high));
    /* Of many decades only the powers of ten, and not of all. */
    int skip = (last - first) / 8 + 1;
    size_t n = 0, per = last - first > 2 ? 1 : 3;
    for (int k = first; k <= last; k += skip)
        for (size_t i = 0; i < per; i++) {
            double at = parts[i] * pow(10, k);
            if (at >= s->low * (1 - 1e-9) && at <= s->high * (1 + 1e-9))
                out[n++] = at;
        }
    return n;
}

size_t hp__scale_ticks(double out[HP__MAX_TICKS], const hp__scale *s,
                       unsigned wanted)
{
    if (!s->logarithmic)
        return linear_ticks(out, s, wanted);
    size_t n = log_ticks(out, s);
    /* Less than a decade holds too few round numbers of that kind. */
    return n < 3 ? linear_ticks(out, s, wanted) : n;
}

const char *hp__scale_label(char out[32], double tick)
{
    snprintf(out, 32, "%.6g", tick);
    return out;
}
