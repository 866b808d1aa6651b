/*
 * Before a sweep: is the request valid, how are the sequences cut into pieces,
 * and what memory does that take. All of it is allocated here, once.
 */
#include "run/prepare.h"
#include "base/arena.h"
#include "base/checked.h"
#include "headprune/backend.h"
#include "run/logits.h"

#include <limits.h>
#include <stdlib.h>

#define DEFAULT_BUDGET ((size_t)64 << 20)

/* ---- the request ---- */

static hp_status check_ids(const hp_spec *s, const hp_sequences *q, size_t i,
                           hp_error *err)
{
    for (size_t at = q->start[i]; at < q->start[i + 1]; at++)
        if (q->ids[at] < 0 || (uint32_t)q->ids[at] >= s->vocab)
            return hp_fail(err, HP_INVALID,
                           "sequence %zu, position %zu: token id %d is not in "
                           "the model's 0 to %u",
                           i, at - q->start[i], (int)q->ids[at], s->vocab - 1);
    return HP_OK;
}

static hp_status check_sequences(const hp_spec *s, const hp_sequences *q,
                                 hp_error *err)
{
    if (!q->n)
        return hp_fail(err, HP_INVALID, "there are no sequences");
    for (size_t i = 0; i < q->n; i++) {
        size_t length = q->start[i + 1] - q->start[i];
        if (!length)
            return hp_fail(err, HP_INVALID, "sequence %zu is empty", i);
        if (s->max_positions && length > s->max_positions)
            return hp_fail(err, HP_INVALID,
                           "sequence %zu has %zu tokens, but the model takes "
                           "at most %u",
                           i, length, s->max_positions);
        hp_status st = check_ids(s, q, i, err);
        if (st)
            return st;
    }
    return HP_OK;
}

/* OpenBLAS counts in int. */
static hp_status check_widths(const hp_model *m, hp_error *err)
{
    const hp_spec *s = &m->spec;
    const uint64_t widths[] = {
        s->width, s->ffn_width, s->vocab,
        ((uint64_t)s->n_heads + 2 * (uint64_t)s->n_kv_heads) * s->head_dim};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if (widths[i] > INT_MAX)
            return hp_fail(err, HP_UNSUPPORTED,
                           "a matrix of %llu columns is too wide",
                           (unsigned long long)widths[i]);
    return HP_OK;
}

hp_status hp__run_check_model(const hp_model *m, hp_error *err)
{
    if (m->spec.position == HP_POSITION_RELATIVE)
        return hp_fail(err, HP_UNSUPPORTED,
                       "model type '%s': its kind of positions cannot be "
                       "computed with",
                       m->info.model_type);
    for (uint32_t i = 0; i < m->spec.n_layers; i++)
        if (m->layers[i].n_blocks > HP__MAX_BLOCKS)
            return hp_fail(err, HP_UNSUPPORTED,
                           "layer %u has %u attention blocks", i,
                           m->layers[i].n_blocks);
    return check_widths(m, err);
}

hp_status hp__run_check(const hp_model *m, const hp_sequences *s,
                        const hp_run_options *o, const hp_observer *observer,
                        hp_error *err)
{
    if (!o->backend)
        return hp_fail(err, HP_INVALID, "a forward pass needs a backend");
    if (observer->wants & HP_SEE_LOGITS && !m->output.decoder.weight)
        return hp_fail(err, HP_INVALID,
                       "the model has no output over the vocabulary");
    hp_status st = hp__run_check_model(m, err);
    return st ? st : check_sequences(&m->spec, s, err);
}

/* ---- pieces ---- */

/* Whole sequences, one after the other, up to HP__PIECE_ROWS rows; a longer
 * sequence is a piece of its own. */
static void cut(hp__run *r)
{
    hp__piece *p = NULL;
    for (size_t s = 0; s < r->sequences->n; s++) {
        size_t rows = hp__sequence_length(r, s);
        if (!p || p->rows + rows > HP__PIECE_ROWS) {
            p = &r->pieces[r->n_pieces++];
            *p = (hp__piece){.first = s};
        }
        p->n++;
        p->rows += rows;
        if (p->rows > r->sizes.piece_rows)
            r->sizes.piece_rows = p->rows;
        if (rows > r->sizes.length)
            r->sizes.length = rows;
    }
}

size_t hp__batch_size(const hp__run *r, size_t first)
{
    size_t budget = r->options->budget ? r->options->budget : DEFAULT_BUDGET;
    size_t row = r->model->spec.width + r->sizes.outputs;
    size_t most = budget / sizeof(float) / row, rows = 0;
    most /= r->variants.n;
    size_t i = first;
    for (; i < r->n_pieces; i++) {
        if (i > first && rows + r->pieces[i].rows > most)
            break;
        rows += r->pieces[i].rows;
    }
    return i - first;
}

static void lay_out_batches(hp__run *r)
{
    for (size_t i = 0; i < r->n_pieces;) {
        size_t n = hp__batch_size(r, i), rows = 0;
        for (size_t end = i + n; i < end; i++) {
            r->pieces[i].row = rows;
            rows += r->pieces[i].rows;
        }
        if (rows > r->sizes.batch_rows)
            r->sizes.batch_rows = rows;
    }
}

/* ---- memory ---- */

static void measure_rows(hp__run *r)
{
    const hp_model *m = r->model;
    for (size_t i = 0; i < m->n_blocks; i++) {
        const hp_block *b = &m->blocks[i];
        size_t qkv =
            ((size_t)b->n_heads + 2 * (size_t)b->n_kv_heads) * b->head_dim;
        if (qkv > r->sizes.qkv)
            r->sizes.qkv = qkv;
        size_t outputs = (size_t)b->n_heads * b->head_dim;
        if (r->observer->wants & HP_SEE_OUTPUT && outputs > r->sizes.outputs)
            r->sizes.outputs = outputs;
        if (b->o.weight && b->o.weight->n_elements > r->sizes.projection)
            r->sizes.projection = (size_t)b->o.weight->n_elements;
    }
    r->sizes.ffn = (size_t)m->spec.ffn_width * (m->spec.gated ? 2 : 1);
}

hp_status hp__output_room(size_t *floats, const hp_model *m, hp_error *err)
{
    const hp__output_head *o = &m->output;
    *floats = hp__norm_room(&m->final_norm) + hp__norm_room(&o->norm);
    hp_status st = hp__map_room(floats, &o->transform, err);
    if (!st && !hp__add(floats, *floats, o->decoder.count))
        return hp_fail(err, HP_NOMEM, "out of memory (vocabulary)");
    return st;
}

static hp_status get_layer_room(hp__run *r, hp_error *err)
{
    size_t layer = 0, output = 0;
    hp_status st = hp__layer_room(&layer, r->model, err);
    if (!st)
        st = hp__output_room(&output, r->model, err);
    return st ? st
              : hp__new(&r->layer_room, layer > output ? layer : output,
                        sizeof(float), err);
}

static hp_status get_scratch(const hp__run *r, hp__scratch *s, hp_error *err)
{
    size_t rows = r->sizes.piece_rows, width = r->model->spec.width;
    size_t mlp_rows = rows < HP__PIECE_ROWS ? rows : HP__PIECE_ROWS;
    size_t wide = rows * r->sizes.qkv, mlp = mlp_rows * r->sizes.ffn;
    size_t keys = (r->sizes.length + 15) / 16 * 16;
    hp_status st =
        hp__new(&s->wide, wide > mlp ? wide : mlp, sizeof(float), err);
    if (!st)
        st = hp__new(&s->normed, rows * width, sizeof(float), err);
    if (!st)
        st = hp__new(&s->scores, HP__QUERY_ROWS * keys, sizeof(float), err);
    if (!st)
        st = hp__new(&s->entropy, r->sizes.length, sizeof(double), err);
    if (!st && r->observer->wants & HP_SEE_PROBS)
        st = hp__new(&s->probs, HP__QUERY_ROWS * r->sizes.length, sizeof(float),
                     err);
    return st;
}

static hp_status get_projections(hp__run *r, hp_error *err)
{
    size_t n = r->variants.n * HP__MAX_BLOCKS;
    hp_status st = hp__new(&r->projected, n, sizeof *r->projected, err);
    for (size_t i = 0; i < n && !st; i++)
        st = hp__new(&r->projected[i].weight, r->sizes.projection,
                     sizeof(float), err);
    return st;
}

static void free_projections(hp__run *r)
{
    for (size_t i = 0; r->projected && i < r->variants.n * HP__MAX_BLOCKS; i++)
        free(r->projected[i].weight);
    free(r->projected);
}

static hp_status get_memory(hp__run *r, hp_error *err)
{
    size_t rows;
    if (!hp__mul(&rows, r->sizes.batch_rows, r->variants.n))
        return hp_fail(err, HP_NOMEM, "out of memory (%zu variants)",
                       r->variants.n);
    hp_status st =
        hp__new(&r->hidden, rows, r->model->spec.width * sizeof(float), err);
    if (!st && r->sizes.outputs)
        st = hp__new(&r->outputs, rows, r->sizes.outputs * sizeof(float), err);
    if (!st && r->options->projections.get)
        st = get_projections(r, err);
    if (!st)
        st = get_layer_room(r, err);
    if (!st)
        st = hp__new(&r->scratch, r->threads, sizeof *r->scratch, err);
    for (unsigned i = 0; i < r->threads && !st; i++)
        st = get_scratch(r, &r->scratch[i], err);
    if (!st)
        st = hp__rotary_open(&r->rotary, r->model, r->sizes.length, err);
    if (!st)
        st = hp__reader_open(&r->reader, r->model, r->kernels, r->threads, err);
    return st;
}

hp_status hp__run_prepare(hp__run *r, hp_error *err)
{
    unsigned wanted =
        r->options->threads ? r->options->threads : hp_backend_cpus();
    hp__outcome_init(&r->outcome);
    r->blas = &r->options->backend->blas;
    r->kernels = r->options->backend->kernels;
    r->threads = hp__blas_room(wanted);
    if (!r->threads)
        return hp_fail(err, HP_NOMEM,
                       "out of memory: OpenBLAS's buffers do not fit in the "
                       "address space allowed");
    hp_status st = hp__new(&r->pieces, r->sequences->n, sizeof *r->pieces, err);
    if (!st)
        st = hp__variants_open(&r->variants, r->model, r->options->masks,
                               r->options->n_variants, err);
    if (st)
        return st;
    cut(r);
    measure_rows(r);
    lay_out_batches(r);
    r->total = (uint64_t)r->sequences->start[r->sequences->n] *
               hp__variants_layers(&r->variants, r->model->spec.n_layers);
    st = get_memory(r, err);
    if (!st && hp__blas_room(r->threads) < r->threads)
        return hp_fail(err, HP_NOMEM,
                       "out of memory: OpenBLAS's buffers for %u threads do "
                       "not fit in the address space allowed",
                       r->threads);
    return st;
}

void hp__run_release(hp__run *r)
{
    for (unsigned i = 0; i < r->threads && r->scratch; i++) {
        free(r->scratch[i].wide);
        free(r->scratch[i].normed);
        free(r->scratch[i].scores);
        free(r->scratch[i].entropy);
        free(r->scratch[i].probs);
    }
    hp__reader_close(&r->reader);
    hp__rotary_close(&r->rotary);
    free(r->scratch);
    free(r->layer_room);
    free_projections(r);
    free(r->outputs);
    free(r->hidden);
    hp__variants_close(&r->variants);
    free(r->pieces);
}
