/*
 * The order of a sweep that goes forward and back: layers upwards, each part's
 * input kept; losses; layers downwards, part by part. Every layer's weights
 * are read once in each direction.
 */
#include "base/arena.h"
#include "run/backward.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BUDGET ((size_t)64 << 20)

static size_t tokens_of(const hp__stack *k)
{
    return k->sequences.start[k->sequences.n];
}

/* Parts of the layers below `layer`: attentions, and one MLP a layer. */
static size_t parts_below(const hp_model *m, uint32_t layer)
{
    size_t blocks =
        layer < m->spec.n_layers ? m->layers[layer].first_block : m->n_blocks;
    return blocks + layer;
}

static size_t parts_of(const hp_model *m, const hp__stack *k)
{
    return parts_below(m, k->end_layer) - parts_below(m, k->first_layer);
}

/* Of part `part` of the layer that is computed. */
static float *inputs_of(const hp__run *r, size_t part)
{
    size_t below = parts_below(r->model, r->layer_index) -
                   parts_below(r->model, r->stack->first_layer);
    return r->backward->stack->inputs +
           (below + part) * tokens_of(r->stack) * r->model->spec.width;
}

void hp__keep_input(const hp__run *r, hp__share share, size_t part)
{
    hp__matrix x = hp__share_hidden(r, share);
    if (r->backward)
        memcpy(inputs_of(r, part) + share.piece->row * x.n, x.at,
               x.rows * x.n * sizeof *x.at);
}

static void enter(hp__run *r, size_t stack)
{
    hp__run_enter(r, stack);
    r->backward->stack = &r->backward->stacks[stack];
}

/* ---- memory ---- */

static void count_labels(hp__run *r)
{
    const hp_sequences *s = &r->stacks[r->n_stacks - 1].sequences;
    for (size_t i = 0; i < s->n; i++)
        for (size_t at = s->start[i]; at < s->start[i + 1]; at++)
            r->backward->n_labels[i] += r->options->labels[at] >= 0;
}

/* Floats that grow with the tokens of a stack; where `at` is not NULL they are
 * laid out there. */
static size_t lay_out(hp__run *r, size_t i, float *at)
{
    hp__stack *k = &r->stacks[i];
    hp__back_stack *to = &r->backward->stacks[i];
    size_t n = tokens_of(k) * r->model->spec.width;
    size_t parts = parts_of(r->model, k), last = i + 1 < r->n_stacks;
    if (at) {
        to->inputs = at;
        to->hidden = k->hidden = at + parts * n;
        to->gradient = to->hidden + n;
        to->last = last ? to->gradient + n : NULL;
    }
    return (parts + 2 + last) * n;
}

/* Everything whose size grows with the tokens. */
static hp_status get_room(hp__run *r, hp_error *err)
{
    hp__backward *w = r->backward;
    const hp_model *m = r->model;
    size_t budget = r->options->budget ? r->options->budget : DEFAULT_BUDGET;
    size_t heads = 0, tokens = 0, floats = 0;
    for (size_t i = 0; i < m->n_blocks; i++) {
        size_t n = (size_t)m->blocks[i].n_heads * m->blocks[i].head_dim;
        heads = n > heads ? n : heads;
    }
    for (size_t i = 0; i < r->n_stacks; i++) {
        size_t n = tokens_of(&r->stacks[i]);
        tokens = n > tokens ? n : tokens;
        floats += lay_out(r, i, NULL);
    }
    hp_status st = hp__spill_open(&w->room, floats + 2 * tokens * heads,
                                  sizeof(float), budget, err);
    if (st)
        return st;
    float *at = w->room.at;
    for (size_t i = 0; i < r->n_stacks; i++)
        at += lay_out(r, i, at);
    w->z = at;
    w->z_gradient = at + tokens * heads;
    return HP_OK;
}

static hp_status get_scratch(const hp__run *r, hp__back_scratch *s,
                             hp_error *err)
{
    size_t rows = r->sizes.piece_rows, keys = (r->sizes.length + 15) / 16 * 16;
    size_t mlp_rows = rows < HP__MLP_BACK_ROWS ? rows : HP__MLP_BACK_ROWS;
    size_t qkv = rows * r->sizes.qkv;
    size_t mlp = 2 * mlp_rows * r->model->spec.ffn_width;
    hp_status st = hp__new(&s->wide, qkv > mlp ? qkv : mlp, sizeof(float), err);
    return st ? st
              : hp__new(&s->scores, HP__QUERY_ROWS * keys, sizeof(float), err);
}

static hp_status open_backward(hp__run *r, hp_error *err)
{
    hp__backward *w = r->backward;
    size_t n = r->stacks[0].sequences.n;
    hp_status st = get_room(r, err);
    if (!st)
        st = hp__new(&w->losses, n, sizeof *w->losses, err);
    if (!st)
        st = hp__new(&w->n_labels, n, sizeof *w->n_labels, err);
    if (!st)
        st = hp__new(&w->scratch, r->threads, sizeof *w->scratch, err);
    for (unsigned i = 0; i < r->threads && !st; i++)
        st = get_scratch(r, &w->scratch[i], err);
    return st;
}

static void close_backward(hp__run *r)
{
    hp__backward *w = r->backward;
    for (unsigned i = 0; i < r->threads && w->scratch; i++) {
        free(w->scratch[i].wide);
        free(w->scratch[i].scores);
    }
    for (size_t i = 0; i < r->n_stacks; i++)
        r->stacks[i].hidden = NULL; /* was in w->room */
    free(w->scratch);
    free(w->losses);
    free(w->n_labels);
    hp__spill_close(&w->room);
    r->backward = NULL;
}

/* ---- forward ---- */

static hp_status each_share(hp__run *r, void (*work)(hp__run *, hp__share),
                            hp_error *err)
{
    return hp__each_share(r, work, r->pieces, r->n_pieces, err);
}

static hp_status load_layer(hp__run *r, uint32_t i, hp_error *err)
{
    r->layer_index = i;
    hp_status st = hp__layer_load(&r->layer, r->layer_room, &r->reader, i,
                                  HP__WHOLE_LAYER, err);
    for (size_t b = 0; b < r->layer.n_blocks && !st; b++)
        st = hp__projections_get(r, b, err);
    return st;
}

static hp_status forward(hp__run *r, size_t stack, hp_error *err)
{
    enter(r, stack);
    const hp__back_stack *own = r->backward->stack;
    hp_status st = each_share(r, hp__embed_share, err);
    for (uint32_t i = r->stack->first_layer; i < r->stack->end_layer && !st;
         i++) {
        st = load_layer(r, i, err);
        if (!st)
            st = each_share(r, hp__forward_share, err);
    }
    if (st || !own->last)
        return st;
    size_t n = tokens_of(r->stack) * r->model->spec.width;
    memcpy(own->last, own->hidden, n * sizeof *own->last);
    return hp__finish_encoder(r, r->pieces, r->n_pieces, err);
}

/* ---- backward ---- */

static void backward_share(hp__run *r, hp__share s)
{
    if (hp__outcome_stops(&r->outcome, hp__work_place(r, s, 0)))
        return;
    hp__backward_part(r, s, &r->scratch[omp_get_thread_num()]);
    if (!r->backward->part)
        hp__report(r, s.piece);
}

static hp_status show(const hp__run *r, const hp_block *b, hp_error *err)
{
    const hp__backward *w = r->backward;
    size_t n = (size_t)b->n_heads * b->head_dim, width = r->model->spec.width;
    hp_status st = HP_OK;
    for (size_t i = 0; i < r->n_pieces && !st; i++) {
        const hp__piece *p = &r->pieces[i];
        const hp_seen_gradients seen = {
            .block = b,
            .first_sequence = (uint32_t)p->first,
            .n_sequences = (uint32_t)p->n,
            .start = r->sequences->start + p->first,
            .rows = p->rows,
            .n = n,
            .z = w->z + p->row * n,
            .z_gradient = w->z_gradient + p->row * n,
            .width = width,
            .gradient = inputs_of(r, w->part) + p->row * width,
            .losses = w->losses + p->first,
            .n_labels = w->n_labels + p->first};
        st = r->observer->gradients(r->observer->payload, &seen, err);
    }
    return st;
}

static hp_status backward_layer(hp__run *r, uint32_t i, hp_error *err)
{
    hp_status st = load_layer(r, i, err);
    for (size_t part = r->layer.n_blocks + 1; part-- > 0 && !st;) {
        r->backward->part = part;
        r->hidden = inputs_of(r, part);
        st = each_share(r, backward_share, err);
        if (!st && part < r->layer.n_blocks)
            st = show(r, r->layer.attention[part].block, err);
    }
    return st;
}

static void norm_share_back(hp__run *r, hp__share s)
{
    size_t width = r->model->spec.width, at = s.piece->row * width;
    const hp__back_stack *own = r->backward->stack;
    hp__matrix x = {own->last + at, s.piece->rows, width, width};
    r->kernels->norm_back(own->gradient + at, width, &x, &r->encoder_norm);
}

static hp_status finish_encoder_back(hp__run *r, hp_error *err)
{
    float *at = r->layer_room;
    hp_status st = hp__norm_load(&r->encoder_norm, &at, &r->reader,
                                 &r->model->encoder_norm, err);
    return st ? st : each_share(r, norm_share_back, err);
}

static hp_status backward(hp__run *r, size_t stack, hp_error *err)
{
    hp_status st = HP_OK;
    enter(r, stack);
    if (r->backward->stack->last)
        st = finish_encoder_back(r, err);
    for (uint32_t i = r->stack->end_layer; i-- > r->stack->first_layer && !st;)
        st = backward_layer(r, i, err);
    return st;
}

/* ---- all of it ---- */

hp_status hp__run_gradients(hp__run *r, hp_error *err)
{
    hp__backward w = {0};
    r->backward = &w;
    r->total *= 2;
    hp_status st = open_backward(r, err);
    if (!st)
        count_labels(r);
    if (!st)
        st = hp__check_rest(&r->reader, HP__WHOLE_LAYER, 1, err);
    for (size_t i = 0; i < r->n_stacks && !st; i++)
        st = forward(r, i, err);
    if (!st)
        st = hp__finish_back(r, err);
    for (size_t i = r->n_stacks; i-- > 0 && !st;)
        st = backward(r, i, err);
    close_backward(r);
    return st;
}
