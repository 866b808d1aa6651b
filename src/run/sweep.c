/*
 * The order of a sweep: batches, in them layers, in them pieces. Threads share
 * the pieces of a layer, and the heads of a piece where pieces run out; only
 * one layer's weights are in memory.
 */
#include "nn/cpu.h"
#include "run/prepare.h"

#include <omp.h>

static void report(hp__run *r, const hp__piece *p)
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

static void forward_piece(hp__run *r, const hp__piece *p)
{
    if (hp__outcome_stops(&r->outcome, hp__place(r, p, 0)))
        return;
    hp__forward(r, p, &r->scratch[omp_get_thread_num()]);
    report(r, p);
}

static void embed_piece(hp__run *r, const hp__piece *p)
{
    unsigned thread = (unsigned)omp_get_thread_num();
    hp__reader reader = r->reader;
    hp_error err = {{0}, {0}, {0}};
    reader.threads = 1;
    reader.raw += thread * HP__RAW_BYTES;
    if (!hp__outcome_stops(&r->outcome, hp__place(r, p, 0)))
        hp__outcome_add(&r->outcome, hp__place(r, p, 0),
                        hp__embed(r, p, &reader, &r->scratch[thread], &err),
                        &err);
}

/* Runs `work` on the pieces of a batch, on all threads. */
static hp_status each_piece(hp__run *r,
                            void (*work)(hp__run *, const hp__piece *),
                            const hp__piece *pieces, size_t n, hp_error *err)
{
#pragma omp parallel num_threads(r->threads)
    {
        unsigned saved = hp__denormals_off();
#pragma omp single
        for (size_t i = 0; i < n; i++) {
#pragma omp task firstprivate(i)
            work(r, &pieces[i]);
        }
        /* The barrier at the end of the single region runs all tasks. */
        hp__denormals_restore(saved);
    }
    return hp__outcome_get(&r->outcome, err);
}

static hp_status run_layer(hp__run *r, uint32_t i, const hp__piece *pieces,
                           size_t n, hp_error *err)
{
    int last = i + 1 == r->model->spec.n_layers;
    hp__extent extent = last ? r->extent : HP__WHOLE_LAYER;
    hp_status st =
        hp__layer_load(&r->layer, r->layer_room, &r->reader, i, extent, err);
    return st ? st : each_piece(r, forward_piece, pieces, n, err);
}

static hp_status run_batch(hp__run *r, const hp__piece *pieces, size_t n,
                           hp_error *err)
{
    hp_status st = each_piece(r, embed_piece, pieces, n, err);
    for (uint32_t i = 0; i < r->model->spec.n_layers && !st; i++)
        st = run_layer(r, i, pieces, n, err);
    if (!st && r->extent == HP__WHOLE_LAYER)
        st = hp__finish(r, pieces, n, err);
    return st;
}

static hp_status run_all(hp__run *r, hp_error *err)
{
    int logits = (r->observer->wants & HP_SEE_LOGITS) != 0;
    hp_status st = hp__check_rest(&r->reader, r->extent, logits, err);
    for (size_t i = 0; i < r->n_pieces && !st;) {
        size_t n = hp__batch_size(r, i);
        st = run_batch(r, &r->pieces[i], n, err);
        i += n;
    }
    return st;
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
                 .extent = observer->wants & (HP_SEE_HIDDEN | HP_SEE_LOGITS)
                               ? HP__WHOLE_LAYER
                               : HP__TO_SOFTMAX};
    st = hp__run_prepare(&r, err);
    if (!st)
        st = run_all(&r, err);
    hp__run_release(&r);
    return st;
}
