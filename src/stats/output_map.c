/* Output projections in one orientation. Doubles are not rounded to floats on
 * the way. */
#include "stats/output_map.h"
#include "base/arena.h"
#include "run/weights.h"

#include <stdlib.h>

/* What the reader has checked, as it is stored. */
static hp_status widen(double *out, const float *checked, const hp_model *m,
                       const hp_block *b, hp_error *err)
{
    const hp_tensor *t = b->o.weight;
    size_t n = (size_t)(b->o.n_in * b->o.count);
    if (t->dtype == HP_DTYPE_F64 && n == t->n_elements)
        return hp_checkpoint_read(hp_model_checkpoint(m), t, 0, t->size, out,
                                  err);
    for (size_t i = 0; i < n; i++)
        out[i] = (double)checked[i];
    return HP_OK;
}

static void turn(double *out, const double *stored, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            out[i * width + j] = stored[j * n + i];
}

hp_status hp__projection_read(double *out, const hp_model *m, const hp_block *b,
                              hp_error *err)
{
    hp__reader reader = {0};
    float *checked = NULL;
    double *stored = NULL;
    size_t n = (size_t)b->o.n_in, width = hp__projection_width(b);
    hp__band band = hp__band_outputs(&b->o, 0, b->o.count);
    hp_status st = hp__reader_open(&reader, m, hp__kernels_at(0), 1, err);
    if (!st)
        st = hp__new(&checked, n, width * sizeof *checked, err);
    if (!st)
        st = hp__new(&stored, n, width * sizeof *stored, err);
    if (!st)
        st = hp__read_band(checked, &reader, &band, err);
    if (!st)
        st = widen(b->o.out_axis ? out : stored, checked, m, b, err);
    if (!st && !b->o.out_axis)
        turn(out, stored, n, width);
    free(checked);
    free(stored);
    hp__reader_close(&reader);
    return st;
}

/* Whole tensor `given`, as it is stored. */
static void orient(double *out, const float *given, const hp_block *b)
{
    size_t n = (size_t)b->o.n_in, width = hp__projection_width(b);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            out[i * width + j] =
                (double)given[b->o.out_axis ? i * width + j : j * n + i];
}

hp_status hp__projection_get(double *out, const hp_model *m, const hp_block *b,
                             const hp_projections *p, hp_error *err)
{
    hp_projection own = {.block = b};
    hp_status st = HP_OK;
    if (p->get)
        st = hp__new(&own.weight, b->o.weight->n_elements, sizeof(float), err);
    if (!st && p->get)
        st = p->get(p->payload, &own, err);
    if (!st && own.given)
        orient(out, own.weight, b);
    free(own.weight);
    return st || own.given ? st : hp__projection_read(out, m, b, err);
}
