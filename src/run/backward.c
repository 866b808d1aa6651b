/*
 * The one backward pass of a part, for all architectures: the part is computed
 * again from its input, and its steps are turned around, last one first.
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
    hp__map_apply(c, ldc, r, &turned, g, add);
}

static hp__matrix rows_of(float *at, hp__share s, size_t width)
{
    return (hp__matrix){at + s.piece->row * width, s.piece->rows, width, width};
}

/* A part that is turned around: its input x, its norm, and g, the gradient of
 * its output and then of its input. */
typedef struct part_back {
    hp__matrix x, g;
    const hp__norm *norm;
} part_back;

static int is_normed(const hp__run *r, const part_back *p, int first)
{
    return p->norm->kind != HP_NORM_NONE && r->model->spec.norm_first == first;
}

/* From the gradient of norm(x + inner W + b) or x + inner W + b to that of what
 * is added to x, in g, and of `inner`, in `out`. Where the norm comes last x is
 * replaced by what the norm takes. */
static void part_output_back(const hp__run *r, const part_back *p,
                             const hp__map *map, const hp__matrix *inner,
                             hp__matrix out)
{
    if (is_normed(r, p, 0)) {
        hp__map_apply(p->x.at, p->x.ld, r, map, inner, 1);
        if (map->bias)
            r->kernels->add_bias(&p->x, map->bias);
        r->kernels->norm_back(p->g.at, p->g.ld, &p->x, p->norm);
    }
    hp__map_back(out.at, out.ld, r, map, &p->g, 0);
}

/* From that of what the part computes on, in `in`, to that of x. */
static void part_input_back(const hp__run *r, const part_back *p,
                            const hp__matrix *in)
{
    if (is_normed(r, p, 1))
        r->kernels->norm_back(in->at, in->ld, &p->x, p->norm);
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
            float *to = r->backward->stacks[0].gradient +
                        (encoded.at - r->stacks[0].hidden);
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

/* 1: the input of the part that is computed is an embedding. */
static int is_lowest(const hp__run *r, size_t part)
{
    return !part && r->layer_index == r->stack->first_layer;
}

static void attention_back(hp__run *r, const hp__attention *a, hp__share share,
                           hp__scratch *scratch)
{
    const hp__backward *w = r->backward;
    size_t width = (size_t)a->block->n_heads * a->block->head_dim;
    int lowest = is_lowest(r, w->part);
    part_back p = {.x = hp__share_hidden(r, share), .norm = &a->norm};
    p.g = rows_of(w->stack->gradient, share, p.x.n);
    hp__matrix z = rows_of(w->z, share, width), in = {0};
    hp__matrix dz = rows_of(w->z_gradient, share, width);
    hp__map o = hp__projection_of(r, a, share.variant);
    hp__heads heads = hp__project_heads(r, a, share, scratch);
    heads.z = z.at;
    heads.ld_z = z.ld;
    hp__attend_all(r, &heads);
    if (hp__outcome_stops(&r->outcome, hp__work_place(r, share, 0)))
        return;
    part_output_back(r, &p, &o, &z, dz);
    if (!lowest) {
        in = project_back(r, &heads, &dz, scratch);
        part_input_back(r, &p, &in);
    }
    memcpy(p.x.at, p.g.at, p.x.rows * p.x.n * sizeof *p.x.at);
    if (!lowest)
        r->kernels->add(&p.g, in.at, in.ld);
}

/* ---- MLP ---- */

/* The rows of an MLP between its two projections. */
typedef struct middle {
    hp__matrix up, pre; /* x U + b, and what is activated (without its bias): up
                           itself when there is no gate */
    hp__matrix act, g;  /* what the last projection reads, and its gradient */
    const float *bias;  /* of `pre` */
} middle;

static middle middle_of(const hp__run *r, const hp__scratch *scratch,
                        size_t rows)
{
    const hp__layer_weights *w = &r->layer;
    size_t n = w->up.n_out, thread = (size_t)(scratch - r->scratch);
    hp__matrix own = {scratch->wide, rows, n, n}, next = own;
    middle m = {.up = own, .pre = own, .bias = w->up.bias};
    if (w->gate.weight) {
        m.pre.at += rows * n;
        m.bias = w->gate.bias;
    }
    next.at = r->backward->scratch[thread].wide;
    m.act = next;
    next.at += rows * n;
    m.g = next;
    return m;
}

/* act = f(pre + bias) */
static void activate(const hp__run *r, const middle *m)
{
    memcpy(m->act.at, m->pre.at, m->pre.rows * m->pre.n * sizeof *m->pre.at);
    r->kernels->activate(&m->act, m->bias, r->model->spec.activation);
}

static void run_middle(const hp__run *r, const middle *m, const hp__matrix *in)
{
    const hp__layer_weights *w = &r->layer;
    hp__map_apply(m->up.at, m->up.ld, r, &w->up, in, 0);
    if (w->gate.weight) {
        hp__map_apply(m->pre.at, m->pre.ld, r, &w->gate, in, 0);
        if (w->up.bias)
            r->kernels->add_bias(&m->up, w->up.bias);
    }
    activate(r, m);
    if (w->gate.weight)
        r->kernels->multiply(&m->act, m->up.at, m->up.ld);
}

/* From m->g to the gradient of what the first projections read. */
static void middle_back(const hp__run *r, const middle *m, hp__matrix in)
{
    const hp__layer_weights *w = &r->layer;
    const hp__kernels *k = r->kernels;
    hp_activation f = r->model->spec.activation;
    if (w->gate.weight) {
        activate(r, m);
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

static void mlp_rows_back(const hp__run *r, const part_back *p,
                          hp__scratch *scratch)
{
    const hp__layer_weights *w = &r->layer;
    middle m = middle_of(r, scratch, p->x.rows);
    hp__matrix in = hp__part_input(r, &p->x, p->norm, scratch);
    run_middle(r, &m, &in);
    part_output_back(r, p, &w->down, &m.act, m.g);
    in = (hp__matrix){scratch->normed, p->x.rows, p->x.n, p->x.n};
    middle_back(r, &m, in);
    part_input_back(r, p, &in);
    r->kernels->add(&p->g, in.at, in.ld);
}

static void mlp_back(const hp__run *r, hp__share share, hp__scratch *scratch)
{
    hp__matrix x = hp__share_hidden(r, share);
    hp__matrix g = rows_of(r->backward->stack->gradient, share, x.n);
    size_t most = HP__MLP_BACK_ROWS;
    for (size_t i = 0; i < x.rows; i += most) {
        size_t n = x.rows - i < most ? x.rows - i : most;
        const part_back p = {{x.at + i * x.ld, n, x.n, x.ld},
                             {g.at + i * g.ld, n, g.n, g.ld},
                             &r->layer.mlp_norm};
        mlp_rows_back(r, &p, scratch);
    }
}

/* ---- a part ---- */

static hp_status check_range(const hp__run *r, hp__share share,
                             const hp_block *b, hp_error *err)
{
    hp__matrix g =
        rows_of(r->backward->stack->gradient, share, r->model->spec.width);
    if (r->kernels->is_finite(g.at, g.rows * g.n))
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "block '%s': the backward pass leaves the range of single "
                   "precision",
                   b->name);
}

void hp__backward_part(hp__run *r, hp__share share, hp__scratch *scratch)
{
    hp_error err = {{0}, {0}, {0}};
    const hp__layer_weights *w = &r->layer;
    size_t i = r->backward->part;
    if (i < w->n_blocks)
        attention_back(r, &w->attention[i], share, scratch);
    else
        mlp_back(r, share, scratch);
    if (i >= w->n_blocks)
        i = w->n_blocks - 1;
    hp_status st = check_range(r, share, w->attention[i].block, &err);
    hp__outcome_add(&r->outcome, hp__work_place(r, share, UINT32_MAX), st,
                    &err);
}
