/* Where rows of activations lie between the forward and the backward sweep. */
#include "run/kept_rows.h"
#include "base/arena.h"
#include "run/backward.h"

#include <stdlib.h>

#define PARTS                                                                  \
    ((size_t)HP__MAX_BLOCKS + 2) /* of a layer, and what comes after */

/* ---- how much there is ---- */

typedef struct plan {
    const hp__run *run;
    size_t stack;
    uint64_t end; /* of what is laid out */
} plan;

/* `width` floats of all tokens of the plan's stack. */
static void lay_out(uint64_t *at, plan *p, size_t width)
{
    const hp_sequences *s = &p->run->stacks[p->stack].sequences;
    *at = p->end;
    p->end += (uint64_t)s->start[s->n] * width * sizeof(float);
}

static void lay_out_norm(hp__kept_part *part, plan *p,
                         const hp_norm_weights *norm)
{
    lay_out(&part->at[HP__KEPT_NORMED], p,
            norm->weight ? p->run->model->spec.width : 0);
}

/* `lowest`: what the part reads has no gradient. */
static void lay_out_attention(hp__kept_part *part, plan *p, const hp_block *b,
                              int lowest)
{
    size_t dim = b->head_dim, own = b->n_heads * dim;
    size_t shared = (size_t)b->n_kv_heads * dim, stack = p->stack;
    int normed = b->q_norm.weight || b->k_norm.weight;
    lay_out_norm(part, p, &b->norm);
    lay_out(&part->at[HP__KEPT_OUTPUTS], p, own);
    if (lowest)
        return;
    lay_out(&part->at[HP__KEPT_HEADS], p, own + (b->cross ? 0 : 2 * shared));
    lay_out(&part->at[HP__KEPT_RAW], p, normed ? own + shared : 0);
    p->stack = 0;
    lay_out(&part->at[HP__KEPT_ENCODED], p, b->cross ? 2 * shared : 0);
    p->stack = stack;
}

static void lay_out_layer(hp__kept_part *parts, plan *p, uint32_t i)
{
    const hp_model *m = p->run->model;
    const hp__layer *layer = &m->layers[i];
    int lowest = i == p->run->stacks[p->stack].first_layer;
    for (uint32_t b = 0; b < layer->n_blocks; b++)
        lay_out_attention(&parts[b], p, &m->blocks[layer->first_block + b],
                          lowest && !b);
    hp__kept_part *mlp = &parts[layer->n_blocks];
    lay_out_norm(mlp, p, &layer->mlp.norm);
    lay_out(&mlp->at[HP__KEPT_UP], p, m->spec.ffn_width);
    lay_out(&mlp->at[HP__KEPT_GATE], p,
            layer->mlp.gate.weight ? m->spec.ffn_width : 0);
    if (p->stack + 1 < p->run->n_stacks)
        lay_out_norm(mlp + 1, p, &m->encoder_norm);
}

hp_status hp__kept_open(hp__kept_store *out, const hp__run *r, size_t in_memory,
                        hp_error *err)
{
    plan p = {.run = r};
    hp_status st = hp__new(&out->parts, r->model->spec.n_layers,
                           PARTS * sizeof *out->parts, err);
    if (st)
        return st;
    for (; p.stack < r->n_stacks; p.stack++) {
        const hp__stack *k = &r->stacks[p.stack];
        for (uint32_t i = k->first_layer; i < k->end_layer; i++)
            lay_out_layer(out->parts + i * PARTS, &p, i);
    }
    return hp__room_open(&out->room, p.end, in_memory, err);
}

void hp__kept_close(hp__kept_store *k)
{
    hp__room_close(&k->room);
    free(k->parts);
}

/* ---- rows ---- */

/* Where the rows begin, `width` floats each. */
static uint64_t begin_of(const hp__run *r, const hp__kept_place *p,
                         size_t width)
{
    const hp__kept_part *part =
        &r->backward->kept.parts[r->layer_index * PARTS + p->part];
    const hp_sequences *s =
        p->what == HP__KEPT_ENCODED ? &r->stacks[0].sequences : r->sequences;
    size_t row = s->start[p->share.piece->first] + p->row;
    return part->at[p->what] + (uint64_t)row * width * sizeof(float);
}

hp_status hp__keep(const hp__run *r, const hp__kept_place *p,
                   const hp__matrix *rows, hp_error *err)
{
    if (!r->backward)
        return HP_OK;
    return hp__room_put(&r->backward->kept.room, begin_of(r, p, rows->n),
                        rows->at, rows->rows * rows->n * sizeof *rows->at, err);
}

hp_status hp__recall(const hp__run *r, const hp__kept_place *p,
                     const hp__matrix *rows, hp_error *err)
{
    return hp__room_get(&r->backward->kept.room, begin_of(r, p, rows->n),
                        rows->at, rows->rows * rows->n * sizeof *rows->at, err);
}

/* ---- heads ---- */

int hp__kept_lowest(const hp__run *r, size_t part)
{
    return !part && r->layer_index == r->stack->first_layer;
}

typedef hp_status move(const hp__run *r, const hp__kept_place *p,
                       const hp__matrix *rows, hp_error *err);

static hp_status move_heads(const hp__run *r, const hp__attention *a,
                            hp__share share, const hp__scratch *scratch,
                            move *f, hp_error *err)
{
    const hp_block *b = a->block;
    size_t rows = share.piece->rows;
    size_t raw = ((size_t)b->n_heads + b->n_kv_heads) * b->head_dim;
    hp__kept_place at = {.share = share,
                         .part = (size_t)(a - r->layer.attention),
                         .what = HP__KEPT_OUTPUTS};
    hp__matrix z = hp__share_outputs(r, a, share), m = z;
    hp_status st = f(r, &at, &z, err);
    if (st || hp__kept_lowest(r, at.part))
        return st;
    at.what = HP__KEPT_HEADS;
    m = (hp__matrix){scratch->wide, rows, a->width, a->width};
    st = f(r, &at, &m, err);
    if (!st && (b->q_norm.weight || b->k_norm.weight)) {
        at.what = HP__KEPT_RAW;
        m = (hp__matrix){scratch->raw, rows, raw, raw};
        st = f(r, &at, &m, err);
    }
    if (st || !b->cross)
        return st;
    at.what = HP__KEPT_ENCODED;
    m = (hp__matrix){scratch->wide + rows * a->width,
                     hp__share_encoded(r, share).rows, a->encoded_width,
                     a->encoded_width};
    return f(r, &at, &m, err);
}

hp_status hp__keep_heads(const hp__run *r, const hp__attention *a,
                         hp__share share, const hp__scratch *scratch,
                         hp_error *err)
{
    return r->backward ? move_heads(r, a, share, scratch, hp__keep, err)
                       : HP_OK;
}

hp_status hp__recall_heads(const hp__run *r, const hp__attention *a,
                           hp__share share, hp__scratch *scratch, hp_error *err)
{
    return move_heads(r, a, share, scratch, hp__recall, err);
}
