/*
 * The one backward pass of a part, for all architectures: its steps are turned
 * around, last one first, with what the forward pass has kept of them.
 */
#include "run/backward.h"

#include <omp.h>
#include <string.h>

/* The gradient of x W from that of its result. */
void hp__map_back(float *c, size_t ldc, const hp__run *r, const hp__map *map,
                  const hp__matrix *g, int add)
{
    hp__map turned = *map;
    turned.n_in = map->n_out;
    turned.n_out = map->n_in;
    turned.rows_are_outputs = !map->rows_are_outputs;
    if (map->form == HP__STRIPS_BACK)
        turned.form = HP__STRIPS;
    hp__map_apply(c, ldc, r, &turned, g, add);
}

hp__matrix hp__share_gradient(const hp__run *r, hp__share s)
{
    size_t d = r->model->spec.width;
    float *all = r->backward->gradients[r->stack - r->stacks];
    return (hp__matrix){all + s.piece->row * d, s.piece->rows, d, d};
}

/* A part that is turned around: what its norm takes, the norm, and the gradient
 * of its output and then of its input. */
typedef struct part_back {
    hp__matrix x, g;
    const hp__norm *norm;
} part_back;

static hp_status open_part(const part_back *p, const hp__run *r,
                           hp__kept_place at, hp_error *err)
{
    at.what = HP__KEPT_NORMED;
    return p->norm->kind == HP_NORM_NONE ? HP_OK
                                         : hp__recall(r, &at, &p->x, err);
}

static int is_normed(const hp__run *r, const part_back *p, int first)
{
    return p->norm->kind != HP_NORM_NONE && r->model->spec.norm_first == first;
}

/* From the gradient of norm(x + inner W + b) or x + inner W + b to that of what
 * is added to x, in g, and of `inner`, in `out`. */
static void part_output_back(const hp__run *r, const part_back *p,
                             const hp__map *map, hp__matrix out)
{
    if (is_normed(r, p, 0))
        r->kernels->norm_back(p->g.at, p->g.ld, &p->x, p->norm);
    hp__map_back(out.at, out.ld, r, map, &p->g, 0);
}

/* From that of what the part computes on, in `in`, to that of x. */
static void part_input_back(const hp__run *r, const part_back *p,
                            const hp__matrix *in)
{
    if (is_normed(r, p, 1))
        r->kernels->norm_back(in->at, in->ld, &p->x, p->norm);
    r->kernels->add(&p->g, in->at, in->ld);
}

/* ---- attention ---- */

static void attend_back_all(hp__run *r, const hp__heads_back *heads)
{
    size_t n =
        heads->heads.share.piece->n * heads->heads.attention->block->n_kv_heads;
#pragma omp taskgroup
    for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i)
        hp__attend_back(r, heads, i, &r->scratch[omp_get_thread_num()]);
    }
}

/* From the gradients of queries, keys and values to that of what they were made
 * of, in scratch->normed; a cross block's keys and values add to the gradient
 * of what the encoder gave. */
static hp__matrix maps_back(hp__run *r, const hp__heads_back *h,
                            hp__scratch *scratch)
{
    const hp__attention *a = h->heads.attention;
    hp__share share = h->heads.share;
    size_t rows = share.piece->rows, width = r->model->spec.width;
    hp__matrix in = {scratch->normed, rows, width, width};
    float *at = h->dqkv;
    for (size_t i = 0; i < a->n_qkv; i++) {
        const hp__map *map = &a->qkv[i];
        if (a->block->cross && i == 1)
            at = h->dencoded;
        hp__matrix g = {at, rows, map->n_out, a->width};
        at += map->n_out;
        if (a->block->cross && i) {
            hp__matrix encoded = hp__share_encoded(r, share);
            g.rows = encoded.rows;
            g.ld = a->encoded_width;
            float *to =
                r->backward->gradients[0] + (encoded.at - r->stacks[0].hidden);
            hp__map_back(to, width, r, map, &g, 1);
        } else {
            hp__map_back(in.at, in.ld, r, map, &g, i > 0);
        }
    }
    return in;
}

/* From dz to the gradient of what the heads' projections read. */
static hp__matrix project_back(hp__run *r, const hp__heads *heads,
                               const hp__matrix *dz, hp__scratch *scratch)
{
    const hp__attention *a = heads->attention;
    float *wide = r->backward->scratch[scratch - r->scratch].wide;
    const hp__heads_back back = {*heads, dz->at, wide,
                                 wide + dz->rows * a->width};
    attend_back_all(r, &back);
    if (!a->block->cross)
        hp__query_key_back(r, a, heads->share, scratch->raw, wide);
    return maps_back(r, &back, scratch);
}

static hp_status attention_back(hp__run *r, const hp__attention *a,
                                hp__share share, hp__scratch *scratch,
                                hp_error *err)
{
    hp__kept_place at = {.share = share,
                         .part = (size_t)(a - r->layer.attention)};
    part_back p = {.x = hp__share_hidden(r, share),
                   .g = hp__share_gradient(r, share),
                   .norm = &a->norm};
    hp__matrix dz = hp__share_outputs(r, a, share);
    hp__map o = hp__projection_of(r, a, share.variant);
    hp_status st = open_part(&p, r, at, err);
    if (!st)
        st = hp__recall_heads(r, a, share, scratch, err);
    if (st)
        return st;
    const hp__heads heads = {.attention = a,
                             .share = share,
                             .qkv = scratch->wide,
                             .encoded = scratch->wide + dz.rows * a->width,
                             .z = dz.at,
                             .ld_z = dz.ld};
    dz.at = r->backward->z_gradient + (dz.at - r->outputs);
    part_output_back(r, &p, &o, dz);
    if (!hp__kept_lowest(r, at.part)) {
        hp__matrix in = project_back(r, &heads, &dz, scratch);
        part_input_back(r, &p, &in);
    }
    return HP_OK;
}

/* ---- MLP ---- */

/* The rows of an MLP between its two projections. */
typedef struct middle {
    hp__matrix up, pre; /* x U + b, and what is activated (without its bias): up
                           itself when there is no gate */
    hp__matrix act, g;  /* of a gated one what is activated, and the gradient of
                           what the last projection reads */
    const float *bias;  /* of `pre` */
} middle;

static middle middle_of(const hp__run *r, const hp__scratch *scratch,
                        size_t rows)
{
    const hp__layer_weights *w = &r->layer;
    size_t n = w->up.n_out, thread = (size_t)(scratch - r->scratch);
    hp__matrix own = {scratch->wide, rows, n, n}, next = own;
    middle m = {.up = own, .pre = own, .bias = w->up.bias};
    next.at = r->backward->scratch[thread].wide;
    m.g = m.act = next;
    if (w->gate.weight) {
        m.pre.at += rows * n;
        m.bias = w->gate.bias;
        m.act.at += rows * n;
    }
    return m;
}

static hp_status recall_middle(const hp__run *r, const middle *m,
                               hp__kept_place at, hp_error *err)
{
    at.what = HP__KEPT_UP;
    hp_status st = hp__recall(r, &at, &m->up, err);
    at.what = HP__KEPT_GATE;
    return st || !r->layer.gate.weight ? st : hp__recall(r, &at, &m->pre, err);
}

/* From m->g to the gradient of what the first projections read. */
static void middle_back(const hp__run *r, const middle *m, hp__matrix in)
{
    const hp__layer_weights *w = &r->layer;
    const hp__kernels *k = r->kernels;
    hp_activation f = r->model->spec.activation;
    if (w->gate.weight) {
        size_t bytes = m->pre.rows * m->pre.n * sizeof *m->pre.at;
        memcpy(m->act.at, m->pre.at, bytes);
        k->activate(&m->act, m->bias, f);
        k->multiply(&m->act, m->g.at, m->g.ld);
        k->multiply(&m->g, m->up.at, m->up.ld);
        hp__map_back(in.at, in.ld, r, &w->up, &m->act, 0);
    }
    k->activate_back(&m->g, &m->pre, m->bias, f);
    if (w->gate.weight)
        hp__map_back(in.at, in.ld, r, &w->gate, &m->g, 1);
    else
        hp__map_back(in.at, in.ld, r, &w->up, &m->g, 0);
}

static hp_status mlp_rows_back(const hp__run *r, const part_back *p,
                               hp__kept_place at, hp__scratch *scratch,
                               hp_error *err)
{
    middle m = middle_of(r, scratch, p->x.rows);
    hp__matrix in = {scratch->normed, p->x.rows, p->x.n, p->x.n};
    hp_status st = open_part(p, r, at, err);
    if (!st)
        st = recall_middle(r, &m, at, err);
    if (st)
        return st;
    part_output_back(r, p, &r->layer.down, m.g);
    middle_back(r, &m, in);
    part_input_back(r, p, &in);
    return HP_OK;
}

static hp_status mlp_back(const hp__run *r, hp__share share,
                          hp__scratch *scratch, hp_error *err)
{
    hp__matrix x = hp__share_hidden(r, share);
    hp__matrix g = hp__share_gradient(r, share);
    size_t most = HP__MLP_BACK_ROWS;
    hp_status st = HP_OK;
    for (size_t i = 0; i < x.rows && !st; i += most) {
        size_t n = x.rows - i < most ? x.rows - i : most;
        const part_back p = {{x.at + i * x.ld, n, x.n, x.ld},
                             {g.at + i * g.ld, n, g.n, g.ld},
                             &r->layer.mlp_norm};
        const hp__kept_place at = {
            .share = share, .part = r->layer.n_blocks, .row = i};
        st = mlp_rows_back(r, &p, at, scratch, err);
    }
    return st;
}

/* ---- both ---- */

static hp_status check_range(const hp__run *r, hp__share share,
                             const hp_block *b, hp_error *err)
{
    hp__matrix g = hp__share_gradient(r, share);
    if (r->kernels->is_finite(g.at, g.rows * g.n))
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "block '%s': the backward pass leaves the range of single "
                   "precision",
                   b->name);
}

void hp__backward_block(hp__run *r, hp__share share, hp__scratch *scratch)
{
    hp_error err = {{0}, {0}, {0}};
    const hp__attention *a = &r->layer.attention[r->block_index];
    hp_status st = HP_OK;
    if (r->block_index + 1 == r->layer.n_blocks)
        st = mlp_back(r, share, scratch, &err);
    if (!st)
        st = attention_back(r, a, share, scratch, &err);
    if (!st)
        st = check_range(r, share, a->block, &err);
    hp__outcome_add(&r->outcome, hp__work_place(r, share, UINT32_MAX), st,
                    &err);
}
