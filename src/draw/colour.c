#include "draw/colour.h"

#include <math.h>
#include <stdio.h>

/* viridis of matplotlib (CC0) at every eighth. */
static const unsigned char ramp[][3] = {
    {68, 1, 84},    {71, 44, 122},  {59, 81, 139},
    {44, 113, 142}, {33, 144, 141}, {39, 173, 129},
    {92, 200, 99},  {170, 220, 50}, {253, 231, 37}};
enum { STEPS = sizeof ramp / sizeof *ramp - 1 };

const char *hp__colour_fill(char out[16], double share)
{
    double at = (share > 0 ? fmin(share, 1) : 0) * STEPS;
    int i = at < STEPS ? (int)at : STEPS - 1;
    unsigned c[3];
    for (int k = 0; k < 3; k++)
        c[k] = (unsigned)(ramp[i][k] +
                          (at - i) * (ramp[i + 1][k] - ramp[i][k]) + 0.5);
    snprintf(out, 16, "fill=\"#%02x%02x%02x\"", c[0] & 255, c[1] & 255,
             c[2] & 255);
    return out;
}
