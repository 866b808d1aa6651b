/*
 * From weight references to weights in memory: what a layer needs is laid out
 * one after the other in one block of floats.
 */
#include "run/layer.h"
#include "base/checked.h"

/* Of one vector of the widest unit, so that rows start well. */
#define ALIGNMENT ((size_t)16)

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t rounded(size_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

hp_status hp__map_room(size_t *floats, const hp_linear *l, hp_error *err)
{
    size_t n;
    if (!l->weight && !l->bias)
        return HP_OK;
    if (!hp__add(&n, l->count, HP__STRIP) ||
        !hp__mul(&n, n, l->n_in + HP__STRIP) ||
        !hp__add(floats, *floats,
                 larger(hp__strips_size(l->n_in, l->count),
                        hp__strips_size(l->count, l->n_in))) ||
        !hp__add(floats, *floats, 2 * ALIGNMENT + l->count))
        return hp_fail(err, HP_NOMEM, "out of memory (tensor '%s')",
                       l->weight ? l->weight->name : l->bias->name);
    return HP_OK;
}

size_t hp__norm_room(const hp_norm_weights *w)
{
    return w->weight ? 2 * rounded((size_t)w->weight->n_elements) : 0;
}

/* 1: rows of the file are columns of the strips. */
static int is_turned(const hp__map *map)
{
    return map->rows_are_outputs != (map->form == HP__STRIPS_BACK);
}

void hp__map_cut(float *out, const hp__map *map, const float *stored)
{
    hp__part all = {stored, map->n_in, map->n_out, map->ld};
    if (map->rows_are_outputs)
        all = (hp__part){stored, map->n_out, map->n_in, map->ld};
    hp__strips_cut(&out, &all, is_turned(map));
}

/* Reads a band to *at. */
static hp_status load_band(const float **out, float **at, const hp__reader *r,
                           hp__band band, hp_error *err)
{
    *out = *at;
    hp_status st = hp__read_band(*at, r, &band, err);
    *at += rounded((size_t)(band.rows * band.cols));
    return st;
}

static hp_status load_weight(hp__map *out, float **at, const hp__reader *r,
                             const hp_linear *l, hp_error *err)
{
    hp__band band = hp__band_outputs(l, 0, l->count);
    out->form = r->form;
    if (r->form == HP__AS_STORED)
        return load_band(&out->weight, at, r, band, err);
    out->weight = *at;
    int back = r->form == HP__STRIPS_BACK;
    size_t k = back ? out->n_out : out->n_in, n = back ? out->n_in : out->n_out;
    out->step = k * HP__STRIP;
    hp_status st =
        hp__read_strips(*at, out->step, r, &band, is_turned(out), err);
    *at += hp__strips_size(k, n);
    return st;
}

hp_status hp__map_load(hp__map *out, float **at, const hp__reader *r,
                       const hp_linear *l, hp_error *err)
{
    hp_status st = HP_OK;
    *out = (hp__map){0};
    if (!l->weight && !l->bias)
        return HP_OK;
    out->n_in = (size_t)l->n_in;
    out->n_out = (size_t)l->count;
    out->rows_are_outputs = !l->out_axis;
    out->ld = l->out_axis ? out->n_out : out->n_in;
    if (l->weight)
        st = load_weight(out, at, r, l, err);
    if (!st && l->bias)
        st = load_band(&out->bias, at, r, hp__band_bias(l, 0, l->count), err);
    return st;
}

hp_linear hp__linear_outputs(const hp_linear *l, uint64_t first, uint64_t n)
{
    hp_linear part = *l;
    part.first += first;
    part.count = l->count - first < n ? l->count - first : n;
    return part;
}

void hp__map_multiply(float *c, size_t ldc, const hp_backend *backend,
                      const hp__map *map, const hp__matrix *x, int add)
{
    hp__strips strips = {map->form == HP__STRIPS ? map->weight : NULL,
                         map->step};
    hp__product p = {.m = x->rows,
                     .n = map->n_out,
                     .k = map->n_in,
                     .a = x->at,
                     .lda = x->ld,
                     .b = map->weight,
                     .ldb = map->ld,
                     .b_rows_are_outputs = map->rows_are_outputs,
                     .ldc = ldc,
                     .add = add};
    p.c = c;
    hp__multiply(backend, &p, strips);
}

void hp__map_output(float *out, const hp__map *map, size_t output)
{
    const float *from = map->weight;
    size_t step = HP__STRIP;
    if (map->form == HP__STRIPS) {
        from += output / HP__STRIP * map->step + output % HP__STRIP;
    } else {
        from += map->rows_are_outputs ? output * map->ld : output;
        step = map->rows_are_outputs ? 1 : map->ld;
    }
    for (size_t i = 0; i < map->n_in; i++)
        out[i] = from[i * step];
}

hp_status hp__norm_load(hp__norm *out, float **at, const hp__reader *r,
                        const hp_norm_weights *w, hp_error *err)
{
    const hp_spec *s = &r->model->spec;
    *out = (hp__norm){.kind = HP_NORM_NONE, .eps = s->norm_eps};
    if (!w->weight)
        return HP_OK;
    out->kind = s->norm;
    hp_status st = load_band(&out->weight, at, r, hp__band_all(w->weight), err);
    if (!st && w->bias)
        st = load_band(&out->bias, at, r, hp__band_all(w->bias), err);
    return st;
}

/* ---- attention ---- */

/* 1: the outputs of b come right after those of a, in the same tensors. */
static int follows(const hp_linear *b, const hp_linear *a)
{
    return b->weight == a->weight && b->bias == a->bias &&
           b->out_axis == a->out_axis && b->n_in == a->n_in &&
           b->first == a->first + a->count;
}

/* Query, key and value maps, those that lie side by side and read the same made
 * one. Returns how many. */
static size_t merged(hp_linear out[3], const hp_block *b, hp__extent extent)
{
    const hp_linear *maps[] = {&b->q, &b->k, &b->v};
    size_t n = 0, used = extent == HP__TO_SOFTMAX ? 2 : 3;
    for (size_t i = 0; i < used; i++) {
        int same_input = n && !(b->cross && i == 1);
        if (same_input && follows(maps[i], &out[n - 1]))
            out[n - 1].count += maps[i]->count;
        else
            out[n++] = *maps[i];
    }
    return n;
}

static hp_status load_attention(hp__attention *out, float **at,
                                const hp__reader *r, hp__extent extent,
                                hp_error *err)
{
    hp_linear maps[3] = {{0}};
    const hp_block *b = out->block;
    out->n_qkv = merged(maps, b, extent);
    out->width = out->encoded_width = 0;
    hp_status st = hp__norm_load(&out->norm, at, r, &b->norm, err);
    if (!st)
        st = hp__norm_load(&out->q_norm, at, r, &b->q_norm, err);
    if (!st)
        st = hp__norm_load(&out->k_norm, at, r, &b->k_norm, err);
    for (size_t i = 0; i < out->n_qkv && !st; i++) {
        st = hp__map_load(&out->qkv[i], at, r, &maps[i], err);
        *(b->cross && i ? &out->encoded_width : &out->width) +=
            out->qkv[i].n_out;
    }
    if (!st)
        st = hp__relative_load(&out->relative, at, r, b, err);
    out->has_values = extent != HP__TO_SOFTMAX;
    out->o = (hp__map){0};
    out->has_output = extent == HP__WHOLE_LAYER;
    if (!st && out->has_output)
        st = hp__map_load(&out->o, at, r, &b->o, err);
    return st;
}

static hp_status load_mlp(hp__layer_weights *out, float **at,
                          const hp__reader *r, const hp_mlp *mlp, hp_error *err)
{
    hp_status st = hp__norm_load(&out->mlp_norm, at, r, &mlp->norm, err);
    if (!st)
        st = hp__map_load(&out->up, at, r, &mlp->up, err);
    if (!st)
        st = hp__map_load(&out->gate, at, r, &mlp->gate, err);
    if (!st)
        st = hp__map_load(&out->down, at, r, &mlp->down, err);
    return st;
}

hp_status hp__layer_load(hp__layer_weights *out, float *room,
                         const hp__reader *r, uint32_t i, hp__extent extent,
                         hp_error *err)
{
    const hp_model *m = r->model;
    const hp__layer *layer = &m->layers[i];
    hp_status st = HP_OK;
    out->n_blocks = layer->n_blocks;
    for (size_t b = 0; b < out->n_blocks && !st; b++) {
        int last = b + 1 == out->n_blocks;
        out->attention[b].block = &m->blocks[layer->first_block + b];
        st = load_attention(&out->attention[b], &room, r,
                            last ? extent : HP__WHOLE_LAYER, err);
    }
    out->has_mlp = extent == HP__WHOLE_LAYER;
    if (!st && out->has_mlp)
        st = load_mlp(out, &room, r, &layer->mlp, err);
    return st;
}

static hp_status layer_room(size_t *floats, const hp_model *m,
                            const hp__layer *layer, hp_error *err)
{
    hp_status st = HP_OK;
    const hp_mlp *mlp = &layer->mlp;
    const hp_linear *maps[] = {&mlp->up, &mlp->gate, &mlp->down};
    *floats = hp__norm_room(&mlp->norm);
    for (size_t i = 0; i < 3 && !st; i++)
        st = hp__map_room(floats, maps[i], err);
    for (uint32_t i = 0; i < layer->n_blocks && !st; i++) {
        const hp_block *b = &m->blocks[layer->first_block + i];
        const hp_linear *of_block[] = {&b->q, &b->k, &b->v, &b->o};
        *floats += hp__norm_room(&b->norm) + hp__norm_room(&b->q_norm) +
                   hp__norm_room(&b->k_norm);
        for (size_t j = 0; j < 4 && !st; j++)
            st = hp__map_room(floats, of_block[j], err);
        if (!st)
            st = hp__relative_room(floats, b, err);
    }
    return st;
}

hp_status hp__layer_room(size_t *floats, const hp_model *m, hp_error *err)
{
    *floats = 0;
    for (uint32_t i = 0; i < m->spec.n_layers; i++) {
        size_t n = 0;
        hp_status st = layer_room(&n, m, &m->layers[i], err);
        if (st)
            return st;
        if (n > *floats)
            *floats = n;
    }
    return HP_OK;
}

/* ---- what is not loaded ---- */

static hp_status check_tensor(const hp_tensor *t, const hp__reader *r,
                              hp_error *err)
{
    if (!t)
        return HP_OK;
    hp__band all = hp__band_all(t);
    return hp__read_band(NULL, r, &all, err);
}

static hp_status check_map(const hp_linear *l, const hp__reader *r,
                           hp_error *err)
{
    hp_status st = HP_OK;
    hp__band band;
    if (l->weight) {
        band = hp__band_outputs(l, 0, l->count);
        st = hp__read_band(NULL, r, &band, err);
    }
    if (!st && l->bias) {
        band = hp__band_bias(l, 0, l->count);
        st = hp__read_band(NULL, r, &band, err);
    }
    return st;
}

static hp_status check_norm(const hp_norm_weights *w, const hp__reader *r,
                            hp_error *err)
{
    hp_status st = check_tensor(w->weight, r, err);
    return st ? st : check_tensor(w->bias, r, err);
}

static hp_status check_last_layer(const hp__reader *r, hp__extent extent,
                                  hp_error *err)
{
    const hp_model *m = r->model;
    const hp__layer *layer = &m->layers[m->spec.n_layers - 1];
    const hp_block *b = &m->blocks[layer->first_block + layer->n_blocks - 1];
    const hp_mlp *mlp = &layer->mlp;
    const hp_linear *maps[5] = {&b->v, &b->o, &mlp->up, &mlp->gate, &mlp->down};
    hp_status st = check_norm(&mlp->norm, r, err);
    for (size_t i = extent == HP__TO_OUTPUT; i < 5 && !st; i++)
        st = check_map(maps[i], r, err);
    return st ? st : check_norm(&m->final_norm, r, err);
}

static hp_status check_output(const hp__reader *r, hp_error *err)
{
    const hp_model *m = r->model;
    const hp__output_head *o = &m->output;
    hp_status st = check_map(&o->transform, r, err);
    if (!st)
        st = check_norm(&o->norm, r, err);
    if (!st && o->decoder.weight && o->decoder.weight != m->embedding.token)
        st = check_map(&o->decoder, r, err);
    else if (!st)
        st = check_tensor(o->decoder.bias, r, err);
    return st;
}

hp_status hp__check_rest(const hp__reader *r, hp__extent last, int output,
                         hp_error *err)
{
    const hp_model *m = r->model;
    hp_status st = check_tensor(m->embedding.token, r, err);
    if (!st)
        st = check_tensor(m->embedding.position, r, err);
    if (!st)
        st = check_tensor(m->embedding.type, r, err);
    if (!st && last != HP__WHOLE_LAYER)
        st = check_last_layer(r, last, err);
    if (!st && !output)
        st = check_output(r, err);
    return st;
}
