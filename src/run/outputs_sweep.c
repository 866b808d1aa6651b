/*
 * The order of a sweep whose observer looks at the outputs of heads: a block of
 * all sequences, in batches, before the next block. Then what the block's
 * projection shall be is asked for, and what it adds goes to the hidden states.
 */
#include "run/batch_states.h"

#include <omp.h>

static void heads_share(hp__run *r, hp__share s)
{
    if (hp__variant_begin(&r->variants, s.variant) <= r->layer_index)
        hp__forward_heads(r, s, &r->scratch[omp_get_thread_num()]);
}

static void output_share(hp__run *r, hp__share s)
{
    if (hp__variant_begin(&r->variants, s.variant) <= r->layer_index)
        hp__forward_output(r, s);
}

/* What follows the heads of a layer's last block. */
static void rest_share(hp__run *r, hp__share s)
{
    if (hp__variant_begin(&r->variants, s.variant) > r->layer_index)
        return;
    hp__forward_output(r, s);
    hp__forward_mlp(r, s, &r->scratch[omp_get_thread_num()]);
    hp__report(r, s.piece);
}

static hp_status heads_of(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = hp__hidden_get(r, b, err);
    if (!st && !r->block_index)
        st = hp__each_share(r, hp__part_share, b->pieces, b->n, err);
    if (!st)
        st = hp__each_share(r, heads_share, b->pieces, b->n, err);
    return st ? st : hp__outputs_show(r, b->pieces, b->n, err);
}

static hp_status add_outputs(hp__run *r, const hp__batch *b, hp_error *err)
{
    int last = r->block_index + 1 == r->layer.n_blocks;
    hp_status st = hp__each_share(r, last ? rest_share : output_share,
                                  b->pieces, b->n, err);
    return st ? st : hp__hidden_put(r, b, err);
}

static hp_status whole_batch(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = heads_of(r, b, err);
    return st ? st : add_outputs(r, b, err);
}

static hp_status heads_batch(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = heads_of(r, b, err);
    if (!st)
        st = hp__hidden_put(r, b, err);
    return st ? st
              : hp__states_put(r, r->output_states,
                               (size_t)(r->stack - r->stacks), r->outputs, b,
                               err);
}

static hp_status output_batch(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = hp__hidden_get(r, b, err);
    if (!st)
        st = hp__states_get(r, r->output_states, (size_t)(r->stack - r->stacks),
                            r->outputs, b, err);
    return st ? st : add_outputs(r, b, err);
}

/* A projection that is given may be made of what all sequences have shown. */
static hp_status run_block(hp__run *r, size_t i, hp_error *err)
{
    r->block_index = i;
    if (!r->projected)
        return hp__each_batch(r, whole_batch, err);
    hp_status st = hp__each_batch(r, heads_batch, err);
    if (!st)
        st = hp__projections_get(r, i, err);
    return st ? st : hp__each_batch(r, output_batch, err);
}

static hp_status end_batch(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = hp__hidden_get(r, b, err);
    if (!st)
        st = hp__finish_stack(r, b->pieces, b->n, err);
    return st ? st : hp__hidden_put(r, b, err);
}

static hp_status run_stack(hp__run *r, size_t stack, hp_error *err)
{
    hp__run_enter(r, stack);
    hp_status st = hp__each_batch(r, hp__embed_batch, err);
    for (uint32_t i = r->stack->first_layer; i < r->stack->end_layer && !st;
         i++) {
        st = hp__load_layer(r, i, err);
        for (size_t b = 0; b < r->layer.n_blocks && !st; b++)
            st = run_block(r, b, err);
    }
    return st ? st : hp__each_batch(r, end_batch, err);
}

hp_status hp__run_outputs(hp__run *r, hp_error *err)
{
    hp__states hidden = {0}, outputs = {0};
    r->states = &hidden;
    r->output_states = &outputs;
    hp_status st =
        hp__states_open(&hidden, r, r->n_stacks, r->model->spec.width, err);
    if (!st && r->projected)
        st = hp__states_open(&outputs, r, r->n_stacks, r->sizes.outputs, err);
    for (size_t i = 0; i < r->n_stacks && !st; i++)
        st = run_stack(r, i, err);
    hp__states_close(&hidden);
    hp__states_close(&outputs);
    return st;
}
