/*
 * The one forward pass of a layer, for all architectures: what differs between
 * them is which maps and norms are there and whether a norm stands before a
 * part or after its residual.
 */
#include "run/backward.h"

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
    if (p.n && p.k)
        r->blas->multiply(r->blas, &p);
}

/* ---- embedding ---- */

static hp__band table_rows(const hp_tensor *t, size_t width, uint64_t row,
                           uint64_t rows)
{
    return (hp__band){t, width, row, rows, 0, width};
}

static hp_status add_positions(const hp__run *r, size_t tokens, float *x,
                               const hp__reader *reader, float *room,
                               hp_error *err)
{
    const hp_tensor *t = r->model->embedding.position;
    size_t width = (size_t)t->dims[1];
    hp__band band = table_rows(
        t, width, r->model->spec.position_offset + hp__past(r), tokens);
    hp_status st = hp__read_band(room, reader, &band, err);
    hp__matrix all = {.rows = 1, .n = tokens * width};
    all.at = x;
    if (!st)
        r->kernels->add_bias(&all, room);
    return st;
}

static hp_status embed_sequence(const hp__run *r, size_t sequence, float *x,
                                const hp__reader *reader, float *room,
                                hp_error *err)
{
    const hp__embedding *e = &r->model->embedding;
    size_t d = (size_t)e->token->dims[1];
    size_t n = hp__sequence_length(r, sequence);
    const int32_t *ids = r->sequences->ids + r->sequences->start[sequence];
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++) {
        hp__band row = table_rows(e->token, d, (uint64_t)ids[i], 1);
        st = hp__read_band(x + i * d, reader, &row, err);
    }
    if (!st && e->position)
        st = add_positions(r, n, x, reader, room, err);
    if (!st && e->type) {
        hp__band row = table_rows(e->type, d, 0, 1);
        hp__matrix all = {x, n, d, d};
        st = hp__read_band(room, reader, &row, err);
        if (!st)
            r->kernels->add_bias(&all, room);
    }
    return st;
}

static hp_status check_range(const hp__run *r, const hp__matrix *x,
                             const char *what, const char *name, hp_error *err)
{
    if (r->kernels->is_finite(x->at, x->rows * x->n))
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "%s '%s': the forward pass leaves the range of single "
                   "precision",
                   what, name);
}

static void project_rows(const hp__run *r, const hp__matrix *x,
                         const hp__matrix *rows)
{
    hp__map_apply(x->at, x->ld, r, &r->project, rows, 0);
    r->kernels->add_bias(x, r->project.bias);
}

hp_status hp__embed(const hp__run *r, hp__share share, const hp__reader *reader,
                    hp__scratch *scratch, hp_error *err)
{
    const hp__embedding *e = &r->model->embedding;
    const hp__piece *p = share.piece;
    hp__matrix x = hp__share_hidden(r, share), rows = x;
    size_t first = r->sequences->start[p->first];
    hp_status st = HP_OK;
    if (e->project.weight) {
        rows.at = scratch->wide;
        rows.n = rows.ld = (size_t)e->project.n_in;
    }
    for (size_t s = p->first; s < p->first + p->n && !st; s++)
        st = embed_sequence(r, s,
                            rows.at + (r->sequences->start[s] - first) * rows.n,
                            reader, scratch->normed, err);
    if (!st && e->norm.weight) {
        hp__norm norm;
        float *at = scratch->normed;
        st = hp__norm_load(&norm, &at, reader, &e->norm, err);
        if (!st)
            r->kernels->norm(rows.at, rows.ld, &rows, &norm);
    }
    if (!st && e->project.weight)
        project_rows(r, &x, &rows);
    return st ? st : check_range(r, &x, "tensor", e->token->name, err);
}

/* ---- a layer ---- */

/* What a part computes on: x, or its norm where that comes first. */
hp__matrix hp__part_input(const hp__run *r, const hp__matrix *x,
                          const hp__norm *norm, hp__scratch *scratch)
{
    if (!r->model->spec.norm_first || norm->kind == HP_NORM_NONE)
        return *x;
    r->kernels->norm(scratch->normed, x->n, x, norm);
    return (hp__matrix){scratch->normed, x->rows, x->n, x->n};
}

/* x + part W + b, and the norm where that comes after. */
static void part_output(const hp__run *r, const hp__matrix *x,
                        const hp__map *map, const hp__matrix *part,
                        const hp__norm *norm)
{
    if (map->weight)
        hp__map_apply(x->at, x->ld, r, map, part, 1);
    if (map->bias)
        r->kernels->add_bias(x, map->bias);
    if (!r->model->spec.norm_first && norm->kind != HP_NORM_NONE)
        r->kernels->norm(x->at, x->ld, x, norm);
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

/* The outputs of a block's heads, side by side. */
static hp__matrix run_heads(hp__run *r, const hp__attention *a, hp__share share,
                            hp__scratch *scratch)
{
    hp__matrix x = hp__share_hidden(r, share);
    if (a->width) {
        hp__heads heads = hp__project_heads(r, a, share, scratch);
        hp__attend_all(r, &heads);
    }
    const hp_block *b = a->block;
    return (hp__matrix){scratch->wide, x.rows, (size_t)b->n_heads * b->head_dim,
                        a->width};
}

static hp_status add_heads(const hp__run *r, const hp__attention *a,
                           hp__share share, const hp__matrix *z, hp_error *err)
{
    hp__matrix x = hp__share_hidden(r, share);
    hp__map o = hp__projection_of(r, a, share.variant);
    if (!a->has_output ||
        hp__outcome_stops(&r->outcome, hp__work_place(r, share, 0)))
        return HP_OK;
    part_output(r, &x, &o, z, &a->norm);
    return check_range(r, &x, "block", a->block->name, err);
}

static hp_status run_attention(hp__run *r, const hp__attention *a,
                               hp__share share, hp__scratch *scratch,
                               hp_error *err)
{
    hp__matrix z = run_heads(r, a, share, scratch);
    return add_heads(r, a, share, &z, err);
}

/* Rows of the feed-forward part: f(x U + b) D, or (f(x G) * x U) D. */
static void run_mlp_rows(const hp__run *r, const hp__matrix *x,
                         hp__scratch *scratch)
{
    const hp__layer_weights *w = &r->layer;
    const hp__kernels *k = r->kernels;
    hp_activation f = r->model->spec.activation;
    hp__matrix in = hp__part_input(r, x, &w->mlp_norm, scratch);
    hp__matrix up = {scratch->wide, x->rows, w->up.n_out, w->up.n_out};
    hp__map_apply(up.at, up.ld, r, &w->up, &in, 0);
    if (w->gate.weight) {
        hp__matrix gate = up;
        gate.at += up.rows * up.ld;
        hp__map_apply(gate.at, gate.ld, r, &w->gate, &in, 0);
        k->activate(&gate, w->gate.bias, f);
        if (w->up.bias)
            k->add_bias(&up, w->up.bias);
        k->multiply(&up, gate.at, gate.ld);
    } else {
        k->activate(&up, w->up.bias, f);
    }
    part_output(r, x, &w->down, &up, &w->mlp_norm);
}

static hp_status run_mlp(const hp__run *r, hp__share share,
                         hp__scratch *scratch, hp_error *err)
{
    const hp__layer_weights *w = &r->layer;
    hp__matrix x = hp__share_hidden(r, share), rows = x;
    for (size_t i = 0; i < x.rows; i += HP__PIECE_ROWS) {
        rows.at = x.at + i * x.ld;
        rows.rows = x.rows - i < HP__PIECE_ROWS ? x.rows - i : HP__PIECE_ROWS;
        run_mlp_rows(r, &rows, scratch);
    }
    return check_range(r, &x, "block",
                       w->attention[w->n_blocks - 1].block->name, err);
}

void hp__forward(hp__run *r, hp__share share, hp__scratch *scratch)
{
    hp_error err = {{0}, {0}, {0}};
    hp_status st = HP_OK;
    uint64_t place = hp__work_place(r, share, 0);
    for (size_t i = 0; i < r->layer.n_blocks && !st; i++) {
        hp__keep_input(r, share, i);
        st = run_attention(r, &r->layer.attention[i], share, scratch, &err);
    }
    if (!st && r->layer.has_mlp && !hp__outcome_stops(&r->outcome, place)) {
        hp__keep_input(r, share, r->layer.n_blocks);
        st = run_mlp(r, share, scratch, &err);
    }
    hp__outcome_add(&r->outcome, hp__work_place(r, share, UINT32_MAX), st,
                    &err);
}

/* ---- part by part ---- */

void hp__forward_heads(hp__run *r, hp__share share, hp__scratch *scratch)
{
    const hp__attention *a = &r->layer.attention[r->block_index];
    hp__matrix z = run_heads(r, a, share, scratch);
    hp__matrix out = hp__share_outputs(r, share);
    for (size_t i = 0; i < z.rows; i++)
        memcpy(out.at + i * out.ld, z.at + i * z.ld, z.n * sizeof *z.at);
}

void hp__forward_output(hp__run *r, hp__share share)
{
    hp_error err = {{0}, {0}, {0}};
    const hp__attention *a = &r->layer.attention[r->block_index];
    hp__matrix z = hp__share_outputs(r, share);
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
