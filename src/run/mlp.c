/*
 * The MLP: f(x U + b) D, or (f(x G) * x U) D, a slice of its hidden units at a
 * time. What a slice gives is added to the hidden states right away, so that
 * no row is ever as wide as the MLP, unless a backward pass wants it.
 */
#include "run/backward.h"

#include <string.h>

/* Outputs first .. first + n of a map that is there. */
static hp__map outputs_of(const hp__map *map, size_t first, size_t n)
{
    hp__map part = *map;
    size_t rows = map->rows_are_outputs ? first * map->ld : first;
    size_t strips = first / HP__STRIP * map->step;
    if (!map->weight)
        return part;
    part.weight += map->form == HP__STRIPS ? strips : rows;
    part.bias = map->bias ? map->bias + first : NULL;
    part.n_out = n;
    return part;
}

/* Inputs first .. first + n, without the bias. */
static hp__map inputs_of(const hp__map *map, size_t first, size_t n)
{
    hp__map part = *map;
    size_t rows = map->rows_are_outputs ? first : first * map->ld;
    part.weight += map->form == HP__STRIPS ? first * HP__STRIP : rows;
    part.bias = NULL;
    part.n_in = n;
    return part;
}

/* Slices of about one size, which depends on the model alone, as sums do. */
size_t hp__mlp_slice(const hp__run *r)
{
    size_t units = r->model->spec.ffn_width;
    size_t n = (units + HP__MLP_UNITS - 1) / HP__MLP_UNITS;
    if (n < 2 || r->observer->wants & HP_SEE_GRADIENT)
        return units;
    return ((units + n - 1) / n + 63) / 64 * 64;
}

/* The input; where slices are added to x, it stands apart from it. */
static hp__matrix input_of(const hp__run *r, const hp__matrix *x,
                           hp__scratch *scratch)
{
    hp__matrix in = hp__part_input(r, x, &r->layer.mlp_norm, scratch);
    if (in.at != x->at || hp__mlp_slice(r) >= r->layer.up.n_out)
        return in;
    in.at = scratch->normed;
    in.ld = x->n;
    for (size_t i = 0; i < x->rows; i++)
        memcpy(in.at + i * in.ld, x->at + i * x->ld, x->n * sizeof *in.at);
    return in;
}

static hp_status keep_middle(const hp__run *r, const hp__part_end *e,
                             const hp__matrix *up, const hp__matrix *gate,
                             hp_error *err)
{
    hp__kept_place at = {e->share, e->part, e->row, HP__KEPT_UP};
    hp_status st = hp__keep(r, &at, up, err);
    at.what = HP__KEPT_GATE;
    return st || !gate->at ? st : hp__keep(r, &at, gate, err);
}

/* Hidden units first .. first + up->n, activated; up [rows, up->n]. */
static hp_status run_units(const hp__run *r, const hp__matrix *in, size_t first,
                           const hp__matrix *up, const hp__part_end *end,
                           hp_error *err)
{
    const hp__layer_weights *w = &r->layer;
    const hp__kernels *k = r->kernels;
    hp_activation f = r->model->spec.activation;
    hp__map map = outputs_of(&w->up, first, up->n);
    hp__map of_gate = outputs_of(&w->gate, first, up->n);
    hp__matrix gate = {NULL, up->rows, up->n, up->ld};
    hp__map_apply(up->at, up->ld, r, &map, in, 0);
    if (w->gate.weight) {
        gate.at = up->at + up->rows * up->ld;
        hp__map_apply(gate.at, gate.ld, r, &of_gate, in, 0);
        if (map.bias)
            k->add_bias(up, map.bias);
    }
    hp_status st = keep_middle(r, end, up, &gate, err);
    if (gate.at) {
        k->activate(&gate, of_gate.bias, f);
        k->multiply(up, gate.at, gate.ld);
    } else {
        k->activate(up, map.bias, f);
    }
    return st;
}

hp_status hp__mlp_rows(const hp__run *r, const hp__matrix *x,
                       const hp__part_end *end, hp__scratch *scratch,
                       hp_error *err)
{
    size_t units = r->layer.up.n_out, slice = hp__mlp_slice(r);
    hp__matrix in = input_of(r, x, scratch);
    hp__matrix up = {.rows = x->rows};
    hp__part_end last = *end;
    hp_status st = HP_OK;
    up.at = scratch->wide;
    for (size_t i = 0; i < units && !st; i += slice) {
        up.n = up.ld = units - i < slice ? units - i : slice;
        hp__map down = inputs_of(end->map, i, up.n);
        st = run_units(r, &in, i, &up, end, err);
        if (i + slice < units) {
            hp__map_apply(x->at, x->ld, r, &down, &up, 1);
            continue;
        }
        down.bias = end->map->bias;
        last.map = &down;
        st = st ? st : hp__part_output(r, x, &up, &last, err);
    }
    return st;
}
