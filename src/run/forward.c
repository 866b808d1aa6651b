/*
 * The one forward pass of a layer, for all architectures: what differs between
 * them is which maps and norms are there and whether a norm stands before a
 * part or after its residual.
 */
#include "run/kept_rows.h"

#include <omp.h>
#include <string.h>

size_t hp__sequence_length(const hp__run *r, size_t sequence)
{
    return r->sequences->start[sequence + 1] - r->sequences->start[sequence];
}

size_t hp__past(const hp__run *r)
{
    return r->cache ? r->cache->past : 0;
}

hp__matrix hp__share_hidden(const hp__run *r, hp__share s)
{
    size_t d = r->model->spec.width;
    size_t row = s.variant * r->sizes.batch_rows + s.piece->row;
    return (hp__matrix){r->hidden + row * d, s.piece->rows, d, d};
}

hp__matrix hp__share_encoded(const hp__run *r, hp__share s)
{
    const hp__stack *k = &r->stacks[0];
    size_t d = r->model->spec.width;
    if (r->n_stacks < 2)
        return (hp__matrix){NULL, 0, d, d};
    const hp__piece *p = &k->pieces[s.piece - r->pieces];
    size_t owner = hp__variant_owner(&r->variants, s.variant, k->end_layer - 1);
    size_t row = owner * k->batch_rows + p->row;
    return (hp__matrix){k->hidden + row * d, p->rows, d, d};
}

uint64_t hp__work_place(const hp__run *r, hp__share s, size_t i)
{
    uint64_t piece = (uint64_t)(s.piece - r->pieces);
    return ((piece * r->variants.n + s.variant) << 32) + i;
}

void hp__map_apply(float *c, size_t ldc, const hp__run *r, const hp__map *map,
                   const hp__matrix *x, int add)
{
    hp__matrix rows = *x;
    for (size_t i = 0; i < x->rows && map->n_out && map->n_in; i += rows.rows) {
        size_t left = x->rows - i;
        rows.rows = left < HP__PIECE_ROWS ? left : HP__PIECE_ROWS;
        rows.at = x->at + i * x->ld;
        hp__map_multiply(c + i * ldc, ldc, r->options->backend, map, &rows,
                         add);
    }
}

hp_status hp__check_range(const hp__run *r, const hp__matrix *x,
                          const char *what, const char *name, hp_error *err)
{
    if (r->kernels->is_finite(x->at, x->rows * x->n))
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "%s '%s': the forward pass leaves the range of single "
                   "precision",
                   what, name);
}

/* ---- a layer ---- */

hp__matrix hp__part_input(const hp__run *r, const hp__matrix *x,
                          const hp__norm *norm, hp__scratch *scratch)
{
    if (!r->model->spec.norm_first || norm->kind == HP_NORM_NONE)
        return *x;
    r->kernels->norm(scratch->normed, x->n, x, norm);
    return (hp__matrix){scratch->normed, x->rows, x->n, x->n};
}

hp_status hp__part_output(const hp__run *r, const hp__matrix *x,
                          const hp__matrix *inner, const hp__part_end *e,
                          hp_error *err)
{
    const hp__kept_place normed = {e->share, e->part, e->row, HP__KEPT_NORMED};
    int norm_first = r->model->spec.norm_first;
    int has_norm = e->norm->kind != HP_NORM_NONE;
    hp_status st = HP_OK;
    if (has_norm && norm_first)
        st = hp__keep(r, &normed, x, err);
    if (e->map->weight)
        hp__map_apply(x->at, x->ld, r, e->map, inner, 1);
    if (e->map->bias)
        r->kernels->add_bias(x, e->map->bias);
    if (!has_norm || norm_first)
        return st;
    st = hp__keep(r, &normed, x, err);
    r->kernels->norm(x->at, x->ld, x, e->norm);
    return st;
}

/* Keys and values of these tokens, for these and for later ones. */
static void remember(const hp__run *r, const hp__attention *a, const float *qkv,
                     size_t tokens)
{
    const hp_block *b = a->block;
    size_t queries = (size_t)b->n_heads * b->head_dim;
    size_t n = 2 * (size_t)b->n_kv_heads * b->head_dim;
    float *to = r->cache->rows[b - r->model->blocks] + r->cache->past * n;
    for (size_t i = 0; i < tokens; i++)
        memcpy(to + i * n, qkv + i * a->width + queries, n * sizeof *to);
}

/* What maps first .. end - 1 of a block make of x, side by side in rows of
 * `width`. */
static void apply_maps(float *out, size_t width, const hp__run *r,
                       const hp__map *first, const hp__map *end,
                       const hp__matrix *x)
{
    for (const hp__map *map = first; map < end; map++) {
        hp__matrix part = {out, x->rows, map->n_out, width};
        hp__map_apply(out, width, r, map, x, 0);
        if (map->bias)
            r->kernels->add_bias(&part, map->bias);
        out += map->n_out;
    }
}

void hp__encoded_keys(float *out, const hp__run *r, const hp__attention *a,
                      const hp__matrix *encoded)
{
    apply_maps(out, a->encoded_width, r, a->qkv + 1, a->qkv + a->n_qkv,
               encoded);
}

/* Queries and keys before their norms, for a backward pass. */
static void keep_raw(const hp__attention *a, size_t rows,
                     const hp__scratch *scratch)
{
    const hp_block *b = a->block;
    size_t n = ((size_t)b->n_heads + b->n_kv_heads) * b->head_dim;
    for (size_t i = 0; i < rows && scratch->raw; i++)
        memcpy(scratch->raw + i * n, scratch->wide + i * a->width,
               n * sizeof *scratch->raw);
}

/* Queries, keys and values; of a cross block those of the encoder's output
 * come after all queries, unless a cache holds them. */
hp__heads hp__project_heads(const hp__run *r, const hp__attention *a,
                            hp__share share, hp__scratch *scratch)
{
    int cross = a->block->cross;
    hp__matrix x = hp__share_hidden(r, share);
    hp__matrix in = hp__part_input(r, &x, &a->norm, scratch);
    float *encoded = scratch->wide + x.rows * a->width;
    apply_maps(scratch->wide, a->width, r, a->qkv,
               a->qkv + (cross ? 1 : a->n_qkv), &in);
    keep_raw(a, x.rows, scratch);
    if (!cross)
        hp__query_key(r, a, share, scratch->wide);
    if (!cross && r->cache)
        remember(r, a, scratch->wide, x.rows);
    if (cross && !r->cache) {
        hp__matrix e = hp__share_encoded(r, share);
        hp__encoded_keys(encoded, r, a, &e);
    }
    return (hp__heads){.attention = a,
                       .share = share,
                       .qkv = scratch->wide,
                       .encoded = encoded,
                       .z = scratch->wide,
                       .ld_z = a->width};
}

static void attend(hp__run *r, const hp__heads *heads, size_t item)
{
    hp_error err = {{0}, {0}, {0}};
    uint64_t place = hp__work_place(r, heads->share, item + 1);
    if (hp__outcome_stops(&r->outcome, place))
        return;
    hp_status st =
        hp__attend(r, heads, item, &r->scratch[omp_get_thread_num()], &err);
    hp__outcome_add(&r->outcome, place, st, &err);
}

/* Threads that have no piece of their own help here. */
void hp__attend_all(hp__run *r, const hp__heads *heads)
{
    size_t n = heads->share.piece->n * heads->attention->block->n_heads;
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i)
        attend(r, heads, i);
    }
}

/* The outputs of a block's heads, side by side: put aside where they are looked
 * at, else in place of the queries. */
static hp__matrix run_heads(hp__run *r, const hp__attention *a, hp__share share,
                            hp__scratch *scratch)
{
    const hp_block *b = a->block;
    hp__matrix z = {scratch->wide, share.piece->rows,
                    (size_t)b->n_heads * b->head_dim, a->width};
    if (r->outputs)
        z = hp__share_outputs(r, a, share);
    if (a->width) {
        hp__heads heads = hp__project_heads(r, a, share, scratch);
        heads.z = z.at;
        heads.ld_z = z.ld;
        hp__attend_all(r, &heads);
    }
    return z;
}

static hp_status add_heads(const hp__run *r, const hp__attention *a,
                           hp__share share, const hp__matrix *z, hp_error *err)
{
    hp__matrix x = hp__share_hidden(r, share);
    hp__map o = hp__projection_of(r, a, share.variant);
    const hp__part_end end = {.share = share,
                              .part = (size_t)(a - r->layer.attention),
                              .map = &o,
                              .norm = &a->norm};
    if (!a->has_output ||
        hp__outcome_stops(&r->outcome, hp__work_place(r, share, 0)))
        return HP_OK;
    hp_status st = hp__part_output(r, &x, z, &end, err);
    return st ? st : hp__check_range(r, &x, "block", a->block->name, err);
}

static hp_status run_attention(hp__run *r, const hp__attention *a,
                               hp__share share, hp__scratch *scratch,
                               hp_error *err)
{
    hp__matrix z = run_heads(r, a, share, scratch);
    hp_status st = hp__keep_heads(r, a, share, scratch, err);
    return st ? st : add_heads(r, a, share, &z, err);
}

static hp_status run_mlp(const hp__run *r, hp__share share,
                         hp__scratch *scratch, hp_error *err)
{
    const hp__layer_weights *w = &r->layer;
    hp__matrix x = hp__share_hidden(r, share), rows = x;
    hp_status st = HP_OK;
    for (size_t i = 0; i < x.rows && !st; i += HP__PIECE_ROWS) {
        const hp__part_end end = {share, w->n_blocks, i, &w->down,
                                  &w->mlp_norm};
        rows.at = x.at + i * x.ld;
        rows.rows = x.rows - i < HP__PIECE_ROWS ? x.rows - i : HP__PIECE_ROWS;
        st = hp__mlp_rows(r, &rows, &end, scratch, err);
    }
    return st ? st
              : hp__check_range(r, &x, "block",
                                w->attention[w->n_blocks - 1].block->name, err);
}

void hp__forward(hp__run *r, hp__share share, hp__scratch *scratch)
{
    hp_error err = {{0}, {0}, {0}};
    hp_status st = HP_OK;
    uint64_t place = hp__work_place(r, share, 0);
    for (size_t i = 0; i < r->layer.n_blocks && !st; i++)
        st = run_attention(r, &r->layer.attention[i], share, scratch, &err);
    if (!st && r->layer.has_mlp && !hp__outcome_stops(&r->outcome, place))
        st = run_mlp(r, share, scratch, &err);
    hp__outcome_add(&r->outcome, hp__work_place(r, share, UINT32_MAX), st,
                    &err);
}

/* ---- part by part ---- */

void hp__forward_heads(hp__run *r, hp__share share, hp__scratch *scratch)
{
    run_heads(r, &r->layer.attention[r->block_index], share, scratch);
}

void hp__forward_output(hp__run *r, hp__share share)
{
    hp_error err = {{0}, {0}, {0}};
    const hp__attention *a = &r->layer.attention[r->block_index];
    hp__matrix z = hp__share_outputs(r, a, share);
    hp_status st = add_heads(r, a, share, &z, &err);
    hp__outcome_add(&r->outcome, hp__work_place(r, share, UINT32_MAX), st,
                    &err);
}

void hp__forward_mlp(hp__run *r, hp__share share, hp__scratch *scratch)
{
    hp_error err = {{0}, {0}, {0}};
    hp_status st = r->layer.has_mlp ? run_mlp(r, share, scratch, &err) : HP_OK;
    hp__outcome_add(&r->outcome, hp__work_place(r, share, UINT32_MAX), st,
                    &err);
}
