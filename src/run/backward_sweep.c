/*
 * The order of a sweep that goes forward and back: layers upwards, what each
 * part needs for the way back kept; losses; layers downwards, block by block.
 * Every layer's weights are read once in each direction, whatever the budget:
 * in a layer all batches come one after the other.
 */
#include "base/arena.h"
#include "run/backward.h"
#include "run/prepare.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static size_t stack_of(const hp__run *r)
{
    return (size_t)(r->stack - r->stacks);
}

static int is_last_stack(const hp__run *r)
{
    return stack_of(r) + 1 == r->n_stacks;
}

/* ---- memory ---- */

static void count_labels(hp__run *r)
{
    const hp_sequences *s = &r->stacks[r->n_stacks - 1].sequences;
    for (size_t i = 0; i < s->n; i++)
        for (size_t at = s->start[i]; at < s->start[i + 1]; at++)
            r->backward->n_labels[i] += r->options->labels[at] >= 0;
}

/* What a batch needs for each of its rows. */
static hp_status get_rows(hp__run *r, size_t *bytes, hp_error *err)
{
    hp__backward *w = r->backward;
    size_t width = r->model->spec.width, most = 0;
    hp_status st = HP_OK;
    *bytes = 0;
    for (size_t i = 0; i < r->n_stacks && !st; i++) {
        size_t rows = r->stacks[i].batch_rows;
        st = hp__new(&w->gradients[i], rows, width * sizeof(float), err);
        *bytes += 2 * rows * width * sizeof(float);
        most = rows > most ? rows : most;
    }
    *bytes += 2 * most * r->sizes.outputs * sizeof(float);
    return st ? st
              : hp__new(&w->z_gradient, most, r->sizes.outputs * sizeof(float),
                        err);
}

static hp_status get_scratch(const hp__run *r, hp__back_scratch *s,
                             hp_error *err)
{
    size_t rows = r->sizes.piece_rows, keys = (r->sizes.length + 15) / 16 * 16;
    size_t mlp_rows = rows < HP__MLP_BACK_ROWS ? rows : HP__MLP_BACK_ROWS;
    size_t qkv = rows * r->sizes.qkv, mlp = mlp_rows * r->sizes.ffn;
    hp_status st = hp__new(&s->wide, qkv > mlp ? qkv : mlp, sizeof(float), err);
    return st ? st
              : hp__new(&s->scores, HP__QUERY_ROWS * keys, sizeof(float), err);
}

static hp_status open_backward(hp__run *r, hp_error *err)
{
    hp__backward *w = r->backward;
    size_t budget = r->sizes.budget;
    size_t n = r->stacks[0].sequences.n, rows;
    hp_status st = get_rows(r, &rows, err);
    if (!st)
        st = hp__states_open(&w->states, r, 2 * r->n_stacks,
                             r->model->spec.width, err);
    if (!st)
        st = hp__kept_open(&w->kept, r, budget > rows ? budget - rows : 0, err);
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
    free(w->gradients[0]);
    free(w->gradients[1]);
    free(w->z_gradient);
    free(w->scratch);
    free(w->losses);
    free(w->n_labels);
    hp__kept_close(&w->kept);
    hp__states_close(&w->states);
    r->backward = NULL;
}

/* ---- states ---- */

static hp_status get_gradients(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp__backward *w = r->backward;
    hp_status st = HP_OK;
    for (size_t i = 0; i <= stack_of(r) && !st; i++)
        st = hp__states_get(r, &w->states, r->n_stacks + i, w->gradients[i], b,
                            err);
    return st;
}

static hp_status put_gradients(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp__backward *w = r->backward;
    hp_status st = HP_OK;
    for (size_t i = 0; i <= stack_of(r) && !st; i++)
        st = hp__states_put(r, &w->states, r->n_stacks + i, w->gradients[i], b,
                            err);
    return st;
}

/* ---- forward ---- */

/* Weights are multiplied one way in a forward pass, the other way back; what
 * comes after the layers takes them both ways. */
static hp_status load_layer(hp__run *r, uint32_t i, hp__form form,
                            hp_error *err)
{
    if (r->strips)
        r->reader.form = form;
    hp_status st = hp__load_layer(r, i, err);
    r->reader.form = HP__AS_STORED;
    for (size_t b = 0; b < r->layer.n_blocks && !st; b++)
        st = hp__projections_get(r, b, err);
    return st;
}

static hp_status forward_batch(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = hp__hidden_get(r, b, err);
    if (!st)
        st = hp__each_share(r, hp__forward_share, b->pieces, b->n, err);
    return st ? st : hp__hidden_put(r, b, err);
}

/* Where what the last norm of an encoder takes is kept. */
static hp__kept_place end_of(const hp__run *r, hp__share s)
{
    return (hp__kept_place){
        .share = s,
        .part = r->model->layers[r->stack->end_layer - 1].n_blocks + 1,
        .what = HP__KEPT_NORMED};
}

static void keep_share(hp__run *r, hp__share s)
{
    hp_error err = {{0}, {0}, {0}};
    hp__kept_place at = end_of(r, s);
    hp__matrix x = hp__share_hidden(r, s);
    hp__outcome_add(&r->outcome, hp__work_place(r, s, 0),
                    hp__keep(r, &at, &x, &err), &err);
}

static hp_status end_encoder_batch(hp__run *r, const hp__batch *b,
                                   hp_error *err)
{
    hp_status st = hp__hidden_get(r, b, err);
    if (!st && r->model->encoder_norm.weight)
        st = hp__each_share(r, keep_share, b->pieces, b->n, err);
    if (!st)
        st = hp__finish_encoder(r, b->pieces, b->n, err);
    return st ? st : hp__hidden_put(r, b, err);
}

static hp_status forward(hp__run *r, size_t stack, hp_error *err)
{
    hp__run_enter(r, stack);
    hp_status st = hp__each_batch(r, hp__embed_batch, err);
    for (uint32_t i = r->stack->first_layer; i < r->stack->end_layer && !st;
         i++) {
        st = load_layer(r, i, HP__STRIPS, err);
        if (!st)
            st = hp__each_batch(r, forward_batch, err);
    }
    return st || is_last_stack(r) ? st
                                  : hp__each_batch(r, end_encoder_batch, err);
}

/* ---- backward ---- */

static hp_status finish_batch(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp__backward *w = r->backward;
    hp_status st = hp__hidden_get(r, b, err);
    if (!st && r->n_stacks > 1)
        memset(w->gradients[0], 0,
               r->stacks[0].batch_rows * r->model->spec.width * sizeof(float));
    if (!st)
        st = hp__finish_back(r, b->pieces, b->n, err);
    return st ? st : put_gradients(r, b, err);
}

static void backward_share(hp__run *r, hp__share s)
{
    if (hp__outcome_stops(&r->outcome, hp__work_place(r, s, 0)))
        return;
    hp__backward_block(r, s, &r->scratch[omp_get_thread_num()]);
    if (!r->block_index)
        hp__report(r, s.piece);
}

static hp_status show(const hp__run *r, const hp__piece *p, hp_error *err)
{
    const hp__backward *w = r->backward;
    const hp__attention *a = &r->layer.attention[r->block_index];
    hp__matrix z = hp__share_outputs(r, a, (hp__share){p, 0});
    const hp_seen_gradients seen = {.block = a->block,
                                    .first_sequence = (uint32_t)p->first,
                                    .n_sequences = (uint32_t)p->n,
                                    .start = r->sequences->start + p->first,
                                    .rows = z.rows,
                                    .n = z.n,
                                    .z = z.at,
                                    .z_gradient =
                                        w->z_gradient + (z.at - r->outputs),
                                    .losses = w->losses + p->first,
                                    .n_labels = w->n_labels + p->first};
    return r->observer->gradients(r->observer->payload, &seen, err);
}

static hp_status backward_batch(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = get_gradients(r, b, err);
    if (!st)
        st = hp__each_share(r, backward_share, b->pieces, b->n, err);
    for (size_t i = 0; i < b->n && !st; i++)
        st = show(r, &b->pieces[i], err);
    return st ? st : put_gradients(r, b, err);
}

static hp_status backward_layer(hp__run *r, uint32_t i, hp_error *err)
{
    hp_status st = load_layer(r, i, HP__STRIPS_BACK, err);
    for (size_t block = r->layer.n_blocks; block-- > 0 && !st;) {
        r->block_index = block;
        st = hp__each_batch(r, backward_batch, err);
    }
    return st;
}

static void norm_share_back(hp__run *r, hp__share s)
{
    hp_error err = {{0}, {0}, {0}};
    hp__kept_place at = end_of(r, s);
    hp__matrix x = hp__share_hidden(r, s), g = hp__share_gradient(r, s);
    hp_status st = hp__recall(r, &at, &x, &err);
    if (!st)
        r->kernels->norm_back(g.at, g.ld, &x, &r->encoder_norm);
    hp__outcome_add(&r->outcome, hp__work_place(r, s, 0), st, &err);
}

static hp_status end_encoder_back(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = get_gradients(r, b, err);
    if (!st)
        st = hp__each_share(r, norm_share_back, b->pieces, b->n, err);
    return st ? st : put_gradients(r, b, err);
}

static hp_status finish_encoder_back(hp__run *r, hp_error *err)
{
    float *at = r->layer_room;
    r->layer_index = r->stack->end_layer - 1;
    hp_status st = hp__norm_load(&r->encoder_norm, &at, &r->reader,
                                 &r->model->encoder_norm, err);
    return st || !r->model->encoder_norm.weight
               ? st
               : hp__each_batch(r, end_encoder_back, err);
}

static hp_status backward(hp__run *r, size_t stack, hp_error *err)
{
    hp__run_enter(r, stack);
    hp_status st = is_last_stack(r) ? hp__each_batch(r, finish_batch, err)
                                    : finish_encoder_back(r, err);
    for (uint32_t i = r->stack->end_layer; i-- > r->stack->first_layer && !st;)
        st = backward_layer(r, i, err);
    return st;
}

/* ---- all of it ---- */

hp_status hp__run_gradients(hp__run *r, hp_error *err)
{
    hp__backward w = {0};
    r->backward = &w;
    r->states = &w.states;
    r->total *= 2;
    hp_status st = open_backward(r, err);
    if (!st)
        count_labels(r);
    for (size_t i = 0; i < r->n_stacks && !st; i++)
        st = forward(r, i, err);
    for (size_t i = r->n_stacks; i-- > 0 && !st;)
        st = backward(r, i, err);
    close_backward(r);
    return st;
}
