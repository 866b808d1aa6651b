#include "io/json_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number: value * 10^exponent. */
typedef struct decimal {
    uint64_t value;
    int exponent;
} decimal;

/* Digits as long as the value fits 64 bits; the exponent counts those of a
 * fraction that fit, and those before a point that do not. */
static const char *take_digits(decimal *d, const char *at, const char *end,
                               int is_fraction)
{
    int full = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        uint64_t next = 0;
        full |= __builtin_mul_overflow(d->value, 10U, &next) ||
                __builtin_add_overflow(next, (unsigned)(*at - '0'), &next);
        if (!full)
            d->value = next;
        d->exponent += is_fraction ? -!full : full;
    }
    return at;
}

static double ten_to(int exponent)
{
    char text[16];
    snprintf(text, sizeof text, "1e%d", exponent);
    return strtod(text, NULL);
}

static double value_of(decimal d)
{
    double value = (double)d.value;
    if (!d.value)
        return 0;
    if (d.exponent >= 0)
        return d.exponent ? value * ten_to(d.exponent) : value;
    while (d.exponent < -308 && value > 0) { /* serde_json has no more tens */
        value /= 1e308;
        d.exponent += 308;
    }
    return d.exponent < -308 ? 0 : value / ten_to(-d.exponent);
}

double hp__scan_number(const hp__scan *s)
{
    const char *at = s->span.at, *end = at + s->span.len;
    int negative = at < end && *at == '-';
    decimal d = {0, 0};
    at = take_digits(&d, at + negative, end, 0);
    if (at < end && *at == '.')
        at = take_digits(&d, at + 1, end, 1);
    if (at < end) { /* e or E; a longer exponent is as good as this one */
        long exponent = strtol(at + 1, NULL, 10);
        exponent = exponent > 9999 ? 9999 : exponent < -9999 ? -9999 : exponent;
        d.exponent += (int)exponent;
    }
    double value = value_of(d);
    return negative ? -value : value;
}
