/*
 * Before a sweep: is the request valid, how are the sequences cut into pieces,
 * and what memory does that take. All of it is allocated here, once.
 */
#include "run/prepare.h"
#include "base/arena.h"
#include "base/checked.h"
#include "headprune/backend.h"
#include "run/backward.h"
#include "run/logits.h"
#include "run/scratch.h"

#include <limits.h>
#include <stdlib.h>

/* ---- the request ---- */

/* `of` is "" or what else has to be said of a sequence. */
static hp_status check_ids(const hp_spec *s, const hp_sequences *q, size_t i,
                           const char *of, hp_error *err)
{
    for (size_t at = q->start[i]; at < q->start[i + 1]; at++)
        if (q->ids[at] < 0 || (uint32_t)q->ids[at] >= s->vocab)
            return hp_fail(err, HP_INVALID,
                           "sequence %zu%s, position %zu: token id %d is not "
                           "in the model's 0 to %u",
                           i, of, at - q->start[i], (int)q->ids[at],
                           s->vocab - 1);
    return HP_OK;
}

static hp_status check_pairs(const hp_spec *s, const hp_sequences *q,
                             hp_error *err)
{
    if (s->n_encoder_layers && !q->decoder)
        return hp_fail(err, HP_INVALID,
                       "the model reads pairs of sequences, one of them with "
                       "its decoder, which are not there");
    if (!s->n_encoder_layers && q->decoder)
        return hp_fail(err, HP_INVALID,
                       "the model reads one sequence at a time, not pairs");
    if (q->decoder && q->decoder->n != q->n)
        return hp_fail(err, HP_INVALID,
                       "%zu sequences of the encoder, %zu of the decoder", q->n,
                       q->decoder->n);
    return HP_OK;
}

static hp_status check_sequences(const hp_spec *s, const hp_sequences *q,
                                 const char *of, hp_error *err)
{
    if (!q->n)
        return hp_fail(err, HP_INVALID, "there are no sequences");
    for (size_t i = 0; i < q->n; i++) {
        size_t length = q->start[i + 1] - q->start[i];
        if (!length)
            return hp_fail(err, HP_INVALID, "sequence %zu%s is empty", i, of);
        if (s->max_positions && length > s->max_positions)
            return hp_fail(err, HP_INVALID,
                           "sequence %zu%s has %zu tokens, but the model takes "
                           "at most %u",
                           i, of, length, s->max_positions);
        hp_status st = check_ids(s, q, i, of, err);
        if (st)
            return st;
    }
    return HP_OK;
}

/* What a backward pass is asked for. */
static hp_status check_gradients(const hp_model *m, const hp_sequences *s,
                                 const hp_run_options *o,
                                 const hp_observer *observer, hp_error *err)
{
    size_t n = 0;
    if (observer->wants != HP_SEE_GRADIENT || o->n_variants > 1)
        return hp_fail(err, HP_INVALID,
                       "gradients are computed by themselves, and of one mask");
    for (size_t i = 0; o->labels && i < s->start[s->n]; i++) {
        if (o->labels[i] >= 0 && (uint32_t)o->labels[i] >= m->spec.vocab)
            return hp_fail(err, HP_INVALID,
                           "token id %d, to be predicted, is not in the "
                           "model's 0 to %u",
                           (int)o->labels[i], m->spec.vocab - 1);
        n += o->labels[i] >= 0;
    }
    return n ? HP_OK
             : hp_fail(err, HP_INVALID,
                       "the sequences hold no token to predict");
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
    if (m->opaque)
        return hp_fail(err, HP_UNSUPPORTED,
                       "tensor '%s': nothing is computed with %s",
                       m->opaque->name, m->opaque->dtype_name);
    if (!hp_model_runs(m))
        return hp_fail(err, HP_UNSUPPORTED,
                       "model_type '%s' is known by its tensors alone: "
                       "nothing can be computed with it",
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
    unsigned outputs = HP_SEE_LOGITS | HP_SEE_GRADIENT;
    if (observer->wants & outputs && !m->output.decoder.weight)
        return hp_fail(err, HP_INVALID,
                       "the model has no output over the vocabulary");
    hp_status st = hp__run_check_model(m, err);
    if (!st)
        st = check_pairs(&m->spec, s, err);
    if (!st)
        st = check_sequences(&m->spec, s, "", err);
    if (!st && s->decoder)
        st = check_sequences(&m->spec, s->decoder, " of the decoder", err);
    if (!st && observer->wants & HP_SEE_GRADIENT)
        st = check_gradients(m, s->decoder ? s->decoder : s, o, observer, err);
    return st;
}

/* ---- memory ---- */

static void grow(size_t *most, size_t n)
{
    *most = n > *most ? n : *most;
}

static void measure_rows(hp__run *r)
{
    const hp_model *m = r->model;
    unsigned outputs_seen = HP_SEE_OUTPUT | HP_SEE_GRADIENT;
    r->sizes.qkv = hp__embedded_width(m);
    if (r->observer->wants & HP_SEE_GRADIENT)
        r->sizes.outputs = m->spec.width; /* also of the vocabulary's rows */
    for (size_t i = 0; i < m->n_blocks; i++) {
        const hp_block *b = &m->blocks[i];
        size_t qkv =
            ((size_t)b->n_heads + 2 * (size_t)b->n_kv_heads) * b->head_dim;
        grow(&r->sizes.qkv, qkv);
        if (r->observer->wants & outputs_seen)
            grow(&r->sizes.outputs, (size_t)b->n_heads * b->head_dim);
        if (!b->o.weight)
            continue;
        grow(&r->sizes.projection, (size_t)b->o.weight->n_elements);
        grow(&r->sizes.projection,
             hp__strips_size((size_t)b->o.n_in, (size_t)b->o.count));
        grow(&r->sizes.projection,
             hp__strips_size((size_t)b->o.count, (size_t)b->o.n_in));
    }
    r->sizes.ffn = hp__mlp_slice(r) * (m->spec.gated ? 2 : 1);
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

/* What every batch begins with stays in memory. */
static hp_status get_embedding(hp__run *r, hp_error *err)
{
    const hp_linear *l = &r->model->embedding.project;
    size_t floats = 0;
    hp_status st = hp__map_room(&floats, l, err);
    if (st || !l->weight)
        return st;
    st = hp__new(&r->project_room, floats, sizeof(float), err);
    float *at = r->project_room;
    return st ? st : hp__map_load(&r->project, &at, &r->reader, l, err);
}

/* By default hidden states share their memory with the threads' scratch, but
 * have half of it at least. */
static size_t budget_of(const hp__run *r)
{
    const size_t most = (size_t)64 << 20;
    size_t scratch = r->threads * hp__scratch_floats(r) * sizeof(float);
    if (r->options->budget)
        return r->options->budget;
    return most - (scratch < most / 2 ? scratch : most / 2);
}

static hp_status get_projections(hp__run *r, hp_error *err)
{
    size_t n = r->variants.n * HP__MAX_BLOCKS;
    hp_status st = hp__new(&r->projected, n, sizeof *r->projected, err);
    if (!st && r->strips)
        st = hp__new(&r->given, r->sizes.projection, sizeof(float), err);
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
    free(r->given);
}

static hp_status get_memory(hp__run *r, hp_error *err)
{
    hp_status st = hp__stacks_alloc(r, err);
    if (!st && r->options->projections.get)
        st = get_projections(r, err);
    if (!st)
        st = get_layer_room(r, err);
    if (!st)
        st = hp__new(&r->scratch, r->threads, sizeof *r->scratch, err);
    for (unsigned i = 0; i < r->threads && !st; i++)
        st = hp__scratch_get(&r->scratch[i], r, err);
    if (!st)
        st = hp__rotary_open(&r->rotary, r->model, r->sizes.length, err);
    if (!st)
        st = hp__reader_open(&r->reader, r->model, r->kernels, r->threads, err);
    if (r->strips && !(r->observer->wants & HP_SEE_GRADIENT))
        r->reader.form = HP__STRIPS;
    if (!st)
        st = get_embedding(r, err);
    return st;
}

/* Where the address space is limited, what was taken since the first look may
 * leave OpenBLAS fewer buffers: then fewer threads run. */
static hp_status keep_room_for_blas(hp__run *r, hp_error *err)
{
    unsigned fit = hp__blas_room(r->threads);
    if (!fit)
        return hp_fail(err, HP_NOMEM,
                       "out of memory: OpenBLAS's buffers do not fit beside "
                       "the weights in the address space allowed");
    while (r->threads > fit)
        hp__scratch_free(&r->scratch[--r->threads]);
    r->reader.threads = fit;
    return HP_OK;
}

hp_status hp__run_prepare(hp__run *r, hp_error *err)
{
    unsigned wanted =
        r->options->threads ? r->options->threads : hp_backend_cpus();
    hp__outcome_init(&r->outcome);
    r->kernels = r->options->backend->kernels;
    /* One row at a time meets weights once only. */
    r->strips = r->options->backend->strips && !r->cache;
    r->threads = hp__blas_room(wanted);
    if (!r->threads)
        return hp_fail(err, HP_NOMEM,
                       "out of memory: OpenBLAS's buffers do not fit in the "
                       "address space allowed");
    r->total = 0;
    hp_status st = hp__stacks_open(r, err);
    if (!st)
        st = hp__variants_open(&r->variants, r->model, r->options->masks,
                               r->options->n_variants, err);
    if (st)
        return st;
    measure_rows(r);
    r->sizes.budget = budget_of(r);
    r->sizes.together = r->threads;
    for (size_t i = 0; i < r->n_stacks; i++) {
        const hp__stack *k = &r->stacks[i];
        r->total +=
            k->sequences.start[k->sequences.n] *
            hp__variants_layers(&r->variants, k->first_layer, k->end_layer);
    }
    st = get_memory(r, err);
    return st ? st : keep_room_for_blas(r, err);
}

void hp__run_release(hp__run *r)
{
    for (unsigned i = 0; i < r->threads && r->scratch; i++)
        hp__scratch_free(&r->scratch[i]);
    hp__reader_close(&r->reader);
    hp__rotary_close(&r->rotary);
    free(r->scratch);
    free(r->layer_room);
    free(r->project_room);
    free_projections(r);
    hp__variants_close(&r->variants);
    hp__stacks_close(r);
}
