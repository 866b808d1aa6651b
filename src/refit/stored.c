/* Double -> stored value in one rounding. Files are little-endian, and so are
 * the machines headprune runs on. */
#include "refit/stored.h"

#include <math.h>
#include <string.h>

size_t hp__encoded_size(hp_dtype dtype)
{
    switch (dtype) {
    case HP_DTYPE_F64:
        return 8;
    case HP_DTYPE_F32:
        return 4;
    case HP_DTYPE_F16:
    case HP_DTYPE_BF16:
        return 2;
    case HP_DTYPE_OTHER:
        break;
    }
    return 0;
}

/* To `bits` significant binary digits, exponents from `least` on (below it the
 * format is denormal); what rounds to 2^beyond or more is infinite. */
static double to_bits(double x, int bits, int least, int beyond)
{
    int exponent;
    if (!isfinite(x))
        return x;
    (void)frexp(x, &exponent);
    int unit = (exponent - 1 > least ? exponent - 1 : least) - bits + 1;
    double r = ldexp(nearbyint(ldexp(x, -unit)), unit);
    return fabs(r) >= ldexp(1.0, beyond) ? copysign(HUGE_VAL, x) : r;
}

double hp__rounded(double x, hp_dtype dtype)
{
    switch (dtype) {
    case HP_DTYPE_F32:
        return (double)(float)x;
    case HP_DTYPE_F16:
        return to_bits(x, 11, -14, 16);
    case HP_DTYPE_BF16:
        return to_bits(x, 8, -126, 128);
    case HP_DTYPE_F64:
    case HP_DTYPE_OTHER:
        break;
    }
    return x;
}

/* Exact: `x` is a half already. */
static uint16_t half_bits(double x)
{
    int exponent;
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    double size = fabs(x);
    if (size < ldexp(1.0, -14)) /* denormal: units of 2^-24 */
        return (uint16_t)(sign | (uint16_t)ldexp(size, 24));
    double fraction = frexp(size, &exponent); /* 0.5 .. 1 */
    uint16_t digits = (uint16_t)(ldexp(fraction, 11) - 1024);
    return (uint16_t)(sign | (uint16_t)((exponent + 14) << 10) | digits);
}

void hp__encode(unsigned char *out, double x, hp_dtype dtype)
{
    double r = hp__rounded(x, dtype);
    float f = (float)r;
    uint32_t bits;
    uint16_t half;
    memcpy(&bits, &f, sizeof bits);
    switch (dtype) {
    case HP_DTYPE_F64:
        memcpy(out, &r, sizeof r);
        break;
    case HP_DTYPE_F32:
        memcpy(out, &f, sizeof f);
        break;
    case HP_DTYPE_BF16:
        half = (uint16_t)(bits >> 16);
        memcpy(out, &half, sizeof half);
        break;
    case HP_DTYPE_F16:
        half = half_bits(r);
        memcpy(out, &half, sizeof half);
        break;
    case HP_DTYPE_OTHER:
        break;
    }
}
