/*
 * The order of a sweep: batches, in them layers, in them pieces, in them
 * variants. Threads share these, and the heads of a piece where pieces run
 * out; only one layer's weights are in memory.
 */
#include "nn/cpu.h"
#include "run/backward.h"
#include "run/prepare.h"

#include <omp.h>
#include <string.h>

void hp__report(hp__run *r, const hp__piece *p)
{
    const hp_progress *to = &r->options->progress;
#pragma omp critical(hp__progress)
    {
        r->done += p->rows;
        if (to->step && to->step(to->payload, r->done, r->total)) {
            hp_error err = {{0}, {0}, {0}};
            hp__outcome_add(&r->outcome, 0,
                            hp_fail(&err, HP_CANCELLED, "cancelled"), &err);
        }
    }
}

void hp__forward_share(hp__run *r, hp__share s)
{
    if (hp__variant_begin(&r->variants, s.variant) > r->layer_index ||
        hp__outcome_stops(&r->outcome, hp__work_place(r, s, 0)))
        return;
    hp__forward(r, s, &r->scratch[omp_get_thread_num()]);
    hp__report(r, s.piece);
}

/*
 * A variant that goes its own way from this layer on takes a copy of the state
 * it has shared so far. In a decoder those that went it in the encoder already
 * begin as the first one does: with the embedding of the same tokens.
 */
void hp__part_share(hp__run *r, hp__share s)
{
    uint32_t begin = hp__variant_begin(&r->variants, s.variant);
    int fresh = r->layer_index == r->stack->first_layer;
    if (!s.variant || begin > r->layer_index ||
        (begin < r->layer_index && !fresh))
        return;
    hp__share from = {s.piece, fresh ? 0 : r->variants.at[s.variant].parent};
    hp__matrix x = hp__share_hidden(r, from);
    memcpy(hp__share_hidden(r, s).at, x.at, x.rows * x.n * sizeof *x.at);
}

void hp__embed_share(hp__run *r, hp__share s)
{
    if (s.variant)
        return;
    unsigned thread = (unsigned)omp_get_thread_num();
    hp__reader reader = r->reader;
    hp_error err = {{0}, {0}, {0}};
    reader.threads = 1;
    reader.raw += thread * HP__RAW_BYTES;
    if (!hp__outcome_stops(&r->outcome, hp__work_place(r, s, 0)))
        hp__outcome_add(&r->outcome, hp__work_place(r, s, 0),
                        hp__embed(r, s, &reader, &r->scratch[thread], &err),
                        &err);
}

hp_status hp__each_share(hp__run *r, void (*work)(hp__run *, hp__share),
                         const hp__piece *pieces, size_t n, hp_error *err)
{
    size_t n_variants = r->variants.n;
#pragma omp parallel num_threads(r->threads)
    {
        unsigned saved = hp__denormals_off();
#pragma omp single
        for (size_t i = 0; i < n * n_variants; i++) {
#pragma omp task firstprivate(i)
            work(r, (hp__share){&pieces[i / n_variants], i % n_variants});
        }
        /* The barrier at the end of the single region runs all tasks. */
        hp__denormals_restore(saved);
    }
    return hp__outcome_get(&r->outcome, err);
}

hp_status hp__load_layer(hp__run *r, uint32_t i, hp_error *err)
{
    int last = i + 1 == r->model->spec.n_layers;
    hp__extent extent = last ? r->extent : HP__WHOLE_LAYER;
    r->layer_index = i;
    return hp__layer_load(&r->layer, r->layer_room, &r->reader, i, extent, err);
}

static hp_status run_layer(hp__run *r, uint32_t i, const hp__piece *pieces,
                           size_t n, hp_error *err)
{
    hp_status st = hp__load_layer(r, i, err);
    if (!st)
        st = hp__each_share(r, hp__part_share, pieces, n, err);
    for (size_t b = 0; b < r->layer.n_blocks && !st; b++)
        st = hp__projections_get(r, b, err);
    return st ? st : hp__each_share(r, hp__forward_share, pieces, n, err);
}

/* What is left of variants that share a state to the end is a copy of it. */
static hp_status finish(hp__run *r, const hp__piece *pieces, size_t n,
                        hp_error *err)
{
    r->layer_index = r->model->spec.n_layers;
    hp_status st = hp__each_share(r, hp__part_share, pieces, n, err);
    return st ? st : hp__finish(r, pieces, n, err);
}

static void norm_share(hp__run *r, hp__share s)
{
    hp__matrix x = hp__share_hidden(r, s);
    if (hp__variant_begin(&r->variants, s.variant) <= r->layer_index)
        r->kernels->norm(x.at, x.ld, &x, &r->encoder_norm);
}

hp_status hp__finish_encoder(hp__run *r, const hp__piece *pieces, size_t n,
                             hp_error *err)
{
    float *at = r->layer_room;
    hp_status st = hp__norm_load(&r->encoder_norm, &at, &r->reader,
                                 &r->model->encoder_norm, err);
    return st ? st : hp__each_share(r, norm_share, pieces, n, err);
}

/* An encoder ends with what the decoder reads, the last stack with what
 * observers see. */
hp_status hp__finish_stack(hp__run *r, const hp__piece *pieces, size_t n,
                           hp_error *err)
{
    if (r->stack->end_layer < r->model->spec.n_layers)
        return hp__finish_encoder(r, pieces, n, err);
    return r->extent == HP__WHOLE_LAYER ? finish(r, pieces, n, err) : HP_OK;
}

/* n pieces from `first` on: stack after stack. */
static hp_status run_batch(hp__run *r, size_t first, size_t n, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t k = 0; k < r->n_stacks && !st; k++) {
        hp__run_enter(r, k);
        const hp__piece *pieces = r->pieces + first;
        st = hp__each_share(r, hp__embed_share, pieces, n, err);
        for (uint32_t i = r->stack->first_layer; i < r->stack->end_layer && !st;
             i++)
            st = run_layer(r, i, pieces, n, err);
        if (!st)
            st = hp__finish_stack(r, pieces, n, err);
    }
    return st;
}

static hp_status run_batches(hp__run *r, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i < r->n_pieces && !st;) {
        size_t n = hp__batch_size(r, i);
        st = run_batch(r, i, n, err);
        i += n;
    }
    return st;
}

static hp_status run_all(hp__run *r, hp_error *err)
{
    unsigned wants = r->observer->wants;
    int logits = (wants & (HP_SEE_LOGITS | HP_SEE_GRADIENT)) != 0;
    hp_status st = hp__check_rest(&r->reader, r->extent, logits, err);
    if (st)
        return st;
    if (wants & HP_SEE_GRADIENT)
        return hp__run_gradients(r, err);
    return wants & HP_SEE_OUTPUT ? hp__run_outputs(r, err)
                                 : run_batches(r, err);
}

/* How much of the last layer `wants` needs. */
static hp__extent extent_of(unsigned wants)
{
    if (wants & (HP_SEE_HIDDEN | HP_SEE_LOGITS | HP_SEE_GRADIENT))
        return HP__WHOLE_LAYER;
    return wants & HP_SEE_OUTPUT ? HP__TO_OUTPUT : HP__TO_SOFTMAX;
}

hp_status hp_run_sweep(const hp_model *m, const hp_sequences *s,
                       const hp_run_options *o, const hp_observer *observer,
                       hp_error *err)
{
    hp_status st = hp__run_check(m, s, o, observer, err);
    if (st)
        return st;
    hp__run r = {.model = m,
                 .sequences = s,
                 .options = o,
                 .observer = observer,
                 .extent = extent_of(observer->wants)};
    st = hp__run_prepare(&r, err);
    if (!st)
        st = run_all(&r, err);
    hp__run_release(&r);
    return st;
}
