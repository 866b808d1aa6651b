/* Output projections in one orientation. */
#include "stats/output_map.h"
#include "base/arena.h"
#include "run/weights.h"

#include <stdlib.h>

static void turn(double *out, const float *stored, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            out[i * width + j] = (double)stored[j * n + i];
}

hp_status hp__projection_read(double *out, const hp_model *m, const hp_block *b,
                              hp_error *err)
{
    hp__reader reader = {0};
    float *stored = NULL;
    size_t n = (size_t)b->o.n_in, width = hp__projection_width(b);
    hp__band band = hp__band_outputs(&b->o, 0, b->o.count);
    hp_status st = hp__reader_open(&reader, m, hp__kernels_at(0), 1, err);
    if (!st)
        st = hp__new(&stored, n, width * sizeof *stored, err);
    if (!st)
        st = hp__read_band(stored, &reader, &band, err);
    for (size_t i = 0; !st && b->o.out_axis && i < n * width; i++)
        out[i] = (double)stored[i];
    if (!st && !b->o.out_axis)
        turn(out, stored, n, width);
    free(stored);
    hp__reader_close(&reader);
    return st;
}
