/*
 * The vocabulary passes in blocks of outputs; of each block every group of
 * rows makes its logits, lane after lane, and adds them to its sums. A row
 * belongs to one group, and blocks come in order: no sum depends on threads.
 */
#include "run/projection.h"
#include "base/arena.h"
#include "nn/cpu.h"
#include "nn/machine.h"
#include "run/layer.h"
#include "run/outcome.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_OUTPUTS ((size_t)1024)

/* The output of one model. */
typedef struct decoder {
    const hp_model *model;
    hp__reader reader;
    float *room; /* transform and norm */
    hp__map transform;
    hp__norm norm;
    float *block; /* BLOCK_OUTPUTS of the decoder, */
    hp__map map;  /* as a map */
} decoder;

typedef struct work {
    const hp__projection *p;
    const hp__kernels *kernels;
    decoder decoders[2];
    size_t n_decoders;
    size_t vocab, first, n; /* outputs of the block */
    float *logits;          /* [threads][2][HP__GROUP_ROWS, BLOCK_OUTPUTS] */
    float *rows;            /* [threads][HP__GROUP_ROWS, D], transformed */
    size_t width;           /* the largest D */
} work;

/* ---- outputs ---- */

static hp_status get_rooms(decoder *d, hp_error *err)
{
    const hp__output_head *o = &d->model->output;
    hp_linear largest = hp__linear_outputs(&o->decoder, 0, BLOCK_OUTPUTS);
    size_t floats = hp__norm_room(&o->norm), block = 0;
    hp_status st = hp__map_room(&floats, &o->transform, err);
    if (!st)
        st = hp__map_room(&block, &largest, err);
    if (!st)
        st = hp__new(&d->room, floats, sizeof *d->room, err);
    return st ? st : hp__new(&d->block, block, sizeof *d->block, err);
}

static hp_status open_decoder(work *w, const hp_model *m, hp_error *err)
{
    decoder *d = &w->decoders[w->n_decoders++];
    const hp__output_head *o = &m->output;
    size_t width = m->spec.width;
    d->model = m;
    w->vocab = (size_t)o->decoder.count;
    w->width = width > w->width ? width : w->width;
    hp_status st = get_rooms(d, err);
    if (!st)
        st = hp__reader_open(&d->reader, m, w->kernels, w->p->threads, err);
    if (w->p->backend->strips)
        d->reader.form = HP__STRIPS;
    float *at = d->room;
    if (!st)
        st = hp__map_load(&d->transform, &at, &d->reader, &o->transform, err);
    return st ? st : hp__norm_load(&d->norm, &at, &d->reader, &o->norm, err);
}

static hp_status load_block(const work *w, decoder *d, hp_error *err)
{
    hp_linear block =
        hp__linear_outputs(&d->model->output.decoder, w->first, w->n);
    float *at = d->block;
    return hp__map_load(&d->map, &at, &d->reader, &block, err);
}

static decoder *decoder_of(work *w, size_t lane)
{
    size_t i = 0;
    while (w->decoders[i].model != w->p->lanes[lane].model)
        i++;
    return &w->decoders[i];
}

static hp_status open_work(work *w, hp_error *err)
{
    const hp__projection *p = w->p;
    hp_status st = HP_OK;
    for (size_t i = 0; i < p->n_lanes && !st; i++)
        if (!i || p->lanes[i].model != p->lanes[i - 1].model)
            st = open_decoder(w, p->lanes[i].model, err);
    if (!st)
        st = hp__new(&w->logits, 2 * HP__GROUP_ROWS * p->threads,
                     BLOCK_OUTPUTS * sizeof *w->logits, err);
    if (!st)
        st = hp__new(&w->rows, p->threads * HP__GROUP_ROWS,
                     w->width * sizeof *w->rows, err);
    return st;
}

static void close_work(work *w)
{
    for (size_t i = 0; i < w->n_decoders; i++) {
        hp__reader_close(&w->decoders[i].reader);
        free(w->decoders[i].room);
        free(w->decoders[i].block);
    }
    free(w->logits);
    free(w->rows);
}

/* ---- rows ---- */

static hp__matrix rows_of(const work *w, size_t lane, size_t group)
{
    const hp__lane *l = &w->p->lanes[lane];
    size_t first = w->p->groups[group], d = l->model->spec.width;
    return (hp__matrix){l->rows + first * d, w->p->groups[group + 1] - first, d,
                        d};
}

/* What the decoder takes: f(x W + b), then its norm, in place of x. */
static void prepare_rows(work *w, size_t lane, size_t group)
{
    const decoder *d = decoder_of(w, lane);
    hp__matrix x = rows_of(w, lane, group);
    hp__matrix out = {w->rows + (size_t)omp_get_thread_num() * HP__GROUP_ROWS *
                                    w->width,
                      x.rows, x.n, x.n};
    for (size_t i = w->p->groups[group]; i < w->p->groups[group + 1]; i++)
        w->p->lanes[lane].sums[i] = (hp__row_sums){.max = -INFINITY};
    if (!d->transform.weight)
        return;
    hp__map_multiply(out.at, out.ld, w->p->backend, &d->transform, &x, 0);
    w->kernels->activate(&out, d->transform.bias, d->model->output.activation);
    if (d->norm.kind != HP_NORM_NONE)
        w->kernels->norm(x.at, x.ld, &out, &d->norm);
    else
        memcpy(x.at, out.at, x.rows * x.n * sizeof *x.at);
}

static void make_logits(work *w, size_t lane, size_t group, float *out)
{
    const decoder *d = decoder_of(w, lane);
    hp__matrix x = rows_of(w, lane, group);
    hp__matrix logits = {out, x.rows, w->n, BLOCK_OUTPUTS};
    hp__map_multiply(out, BLOCK_OUTPUTS, w->p->backend, &d->map, &x, 0);
    if (d->map.bias)
        w->kernels->add_bias(&logits, d->map.bias);
    for (size_t i = 0; i < x.rows; i++)
        w->kernels->scale(out + i * BLOCK_OUTPUTS, w->n,
                          d->model->output.scale);
}

static int32_t place_of(const float *row, size_t n, float value)
{
    size_t i = 0;
    while (i + 1 < n && !(row[i] >= value))
        i++;
    return (int32_t)i;
}

static void add_row(const work *w, hp__row_sums *s, const float *row,
                    int32_t label)
{
    float max = w->kernels->row_max(row, w->n);
    s->shrunk = 1.0;
    if (max > s->max) {
        s->shrunk = exp((double)s->max - (double)max);
        s->max = max;
        s->top = (int32_t)w->first + place_of(row, w->n, max);
    }
    s->z = s->z * s->shrunk + w->kernels->sum_exp(row, w->n, s->max);
    size_t at = (size_t)label - w->first;
    if ((size_t)label >= w->first && at < w->n)
        s->target = row[at];
}

static void add_group(work *w, size_t group)
{
    const hp__projection *p = w->p;
    float *base = w->logits + (size_t)omp_get_thread_num() * 2 *
                                  HP__GROUP_ROWS * BLOCK_OUTPUTS;
    for (size_t l = 0; l < p->n_lanes; l++) {
        float *own = l ? base + HP__GROUP_ROWS * BLOCK_OUTPUTS : base;
        make_logits(w, l, group, own);
        for (size_t i = p->groups[group]; i < p->groups[group + 1]; i++) {
            size_t at = (i - p->groups[group]) * BLOCK_OUTPUTS;
            hp__row_sums *s = &p->lanes[l].sums[i];
            const hp__row_sums *first = &p->lanes[0].sums[i];
            add_row(w, s, own + at, p->labels[i]);
            if (l && p->compare)
                s->gap =
                    s->gap * first->shrunk +
                    w->kernels->sum_gap(base + at, own + at, w->n, first->max);
        }
    }
}

/* Runs `step` on every group of every lane, or on every group. */
static void each_group(work *w, int lanes)
{
    size_t n = w->p->n_groups * (lanes ? w->p->n_lanes : 1);
#pragma omp parallel num_threads(w->p->threads)
    {
        unsigned saved = hp__denormals_off();
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n; i++) {
            if (lanes)
                prepare_rows(w, i / w->p->n_groups, i % w->p->n_groups);
            else
                add_group(w, i);
        }
        hp__denormals_restore(saved);
    }
}

static hp_status check_sums(const work *w, hp_error *err)
{
    size_t n = w->p->groups[w->p->n_groups];
    for (size_t l = 0; l < w->p->n_lanes; l++)
        for (size_t i = 0; i < n; i++) {
            const hp__row_sums *s = &w->p->lanes[l].sums[i];
            const hp_linear *d = &w->p->lanes[l].model->output.decoder;
            if (!isfinite(s->z) || !isfinite(s->gap) || !isfinite(s->max) ||
                !isfinite(s->target))
                return hp_fail(err, HP_FORMAT,
                               "tensor '%s': the logits leave the range of "
                               "single precision",
                               d->weight->name);
        }
    return HP_OK;
}

hp_status hp__project(const hp__projection *p, hp_error *err)
{
    work w = {.p = p, .kernels = p->backend->kernels};
    hp_status st = open_work(&w, err);
    if (!st)
        each_group(&w, 1);
    for (; w.first < w.vocab && !st; w.first += w.n) {
        size_t left = w.vocab - w.first;
        w.n = left < BLOCK_OUTPUTS ? left : BLOCK_OUTPUTS;
        for (size_t i = 0; i < w.n_decoders && !st; i++)
            st = load_block(&w, &w.decoders[i], err);
        if (!st)
            each_group(&w, 0);
    }
    if (!st)
        st = check_sums(&w, err);
    close_work(&w);
    return st;
}

double hp__row_loss(const hp__row_sums *s)
{
    return log(s->z) + ((double)s->max - (double)s->target);
}

double hp__row_divergence(const hp__row_sums *base, const hp__row_sums *s)
{
    double of_base = log(base->z) + (double)base->max;
    double kl = s->gap / base->z + (log(s->z) + (double)s->max - of_base);
    return kl > 0.0 ? kl : 0.0;
}
