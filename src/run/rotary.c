/* Angles grow with the position and reach many turns, so that only double
 * keeps them exact enough. */
#include "run/rotary.h"
#include "base/arena.h"

#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

/* Slow pairs are slowed down by the factor, fast ones not, those between in
 * proportion to their turns. */
static double banded(double frequency, const hp_rope *rope)
{
    double turns = (double)rope->original_positions * frequency / (2 * PI);
    if (turns > rope->high_turns)
        return frequency;
    if (turns < rope->low_turns)
        return frequency / rope->factor;
    double part =
        (turns - rope->low_turns) / (rope->high_turns - rope->low_turns);
    return (1 - part) * frequency / rope->factor + part * frequency;
}

/* Angle of pair i from one position to the next. */
static double frequency_of(const hp_rope *rope, size_t i, size_t half)
{
    double frequency = pow(rope->theta, -(double)i / (double)half);
    switch (rope->scaling) {
    case HP_ROPE_LINEAR:
        return frequency / rope->factor;
    case HP_ROPE_BANDED:
        return banded(frequency, rope);
    case HP_ROPE_DEFAULT:
        break;
    }
    return frequency;
}

hp_status hp__rotary_open(hp__rotary *out, const hp_model *m, size_t n,
                          hp_error *err)
{
    const hp_spec *s = hp_model_spec(m);
    size_t half = s->head_dim / 2;
    if (s->position != HP_POSITION_ROPE || n <= out->positions)
        return HP_OK;
    hp__rotary_close(out);
    hp_status st = hp__new(&out->cosines, n, half * sizeof(float), err);
    if (!st)
        st = hp__new(&out->sines, n, half * sizeof(float), err);
    if (st)
        return st;
    out->positions = n;
    out->half = half;
    for (size_t i = 0; i < half; i++) {
        double frequency = frequency_of(&s->rope, i, half);
        for (size_t p = 0; p < n; p++) {
            double angle = (double)p * frequency;
            out->cosines[p * half + i] = (float)cos(angle);
            out->sines[p * half + i] = (float)sin(angle);
        }
    }
    return HP_OK;
}

void hp__rotary_close(hp__rotary *r)
{
    free(r->cosines);
    free(r->sines);
    *r = (hp__rotary){0};
}
