/*
 * After the last layer: the final norm, and logits over the vocabulary. The
 * vocabulary is far wider than the model, so logits are made for a run of rows
 * at a time, all threads sharing the vocabulary, and its matrix is streamed
 * through small blocks.
 */
#include "run/logits.h"
#include "base/arena.h"
#include "nn/cpu.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define LOGIT_BYTES ((size_t)32 << 20) /* of one run of rows */
#define BLOCK_BYTES ((size_t)8 << 20)  /* of decoder weights, per thread */

static size_t vocab_of(const hp__decoder *d)
{
    return (size_t)d->map->count;
}

/* ---- one run of rows ---- */

/* Outputs first .. first + n, from memory or from the file. */
static hp_status get_weights(hp__map *out, const hp__decoder *d, size_t first,
                             size_t n, size_t width, hp_error *err)
{
    hp__run *r = d->run;
    unsigned thread = (unsigned)omp_get_thread_num();
    *out = (hp__map){.n_in = width,
                     .n_out = n,
                     .ld = d->map->out_axis ? n : width,
                     .rows_are_outputs = !d->map->out_axis};
    if (d->held) {
        out->ld = d->held->ld;
        out->weight =
            d->held->weight + (d->map->out_axis ? first : first * width);
        return HP_OK;
    }
    hp__reader reader = r->reader;
    reader.threads = 1;
    reader.raw += thread * HP__RAW_BYTES;
    float *weights = d->blocks + thread * d->outputs * width;
    hp__band band = hp__band_outputs(d->map, first, n);
    out->weight = weights;
    return hp__read_band(weights, &reader, &band, err);
}

static hp_status decode_block(const hp__decoder *d, const hp__matrix *x,
                              size_t i, hp_error *err)
{
    const hp__run *r = d->run;
    size_t first = i * d->outputs, left = vocab_of(d) - first;
    size_t n = left < d->outputs ? left : d->outputs;
    hp__map map;
    hp_status st = get_weights(&map, d, first, n, x->n, err);
    if (st)
        return st;
    hp__matrix out = {d->logits + first, x->rows, n, vocab_of(d)};
    hp__map_apply(out.at, out.ld, r, &map, x, 0);
    if (d->bias)
        r->kernels->add_bias(&out, d->bias + first);
    for (size_t row = 0; row < out.rows; row++)
        r->kernels->scale(out.at + row * out.ld, n, r->model->output.scale);
    return HP_OK;
}

hp_status hp__decoder_run(const hp__decoder *d, const hp__matrix *x,
                          hp_error *err)
{
    hp__run *r = d->run;
    size_t n = (vocab_of(d) + d->outputs - 1) / d->outputs;
    hp__outcome outcome;
    hp__outcome_init(&outcome);
#pragma omp parallel num_threads(r->threads) if (n > 1)
    {
        unsigned saved = hp__denormals_off();
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n; i++) {
            hp_error mine = {{0}, {0}, {0}};
            if (!hp__outcome_stops(&outcome, i))
                hp__outcome_add(&outcome, i, decode_block(d, x, i, &mine),
                                &mine);
        }
        hp__denormals_restore(saved);
    }
    hp_status st = hp__outcome_get(&outcome, err);
    if (!st && !r->kernels->is_finite(d->logits, x->rows * vocab_of(d)))
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': the logits leave the range of single "
                       "precision",
                       d->map->weight->name);
    return st;
}

/* The part of sequence `s` that lies in rows first .. first + n of all
 * tokens; n_query 0: none of it. */
static hp_seen part_of(const hp__run *r, size_t s, size_t first, size_t n)
{
    const size_t *start = r->sequences->start;
    size_t from = start[s] > first ? start[s] : first;
    size_t to = start[s + 1] < first + n ? start[s + 1] : first + n;
    return (hp_seen){.sequence = (uint32_t)s,
                     .n_query = to > from ? (uint32_t)(to - from) : 0,
                     .position = to > from ? (uint32_t)(from - start[s]) : 0};
}

static void show_logits(const hp__decoder *d, hp__share share, size_t row,
                        size_t rows)
{
    const hp__run *r = d->run;
    const hp__piece *p = share.piece;
    size_t first = r->sequences->start[p->first] + row;
#pragma omp parallel for num_threads(r->threads) schedule(dynamic)
    for (size_t s = p->first; s < p->first + p->n; s++) {
        hp_seen seen = part_of(r, s, first, rows);
        size_t at = r->sequences->start[s] + seen.position - first;
        if (!seen.n_query)
            continue;
        seen.variant = share.variant;
        seen.logits = d->logits + at * vocab_of(d);
        r->observer->see(r->observer->payload, &seen);
    }
}

/* ---- a share ---- */

/* Of the batch of `pieces`, in the order of the work. */
static hp__share share_at(const hp__run *r, const hp__piece *pieces, size_t i)
{
    return (hp__share){&pieces[i / r->variants.n], i % r->variants.n};
}

/* f(x W + b), then its norm, in place of x. */
void hp__decoder_transform(const hp__decoder *d, const hp__matrix *x,
                           float *room)
{
    const hp__run *r = d->run;
    hp__matrix out = {room, x->rows, x->n, x->n};
    if (!d->transform.weight)
        return;
    hp__map_apply(room, x->n, r, &d->transform, x, 0);
    r->kernels->activate(&out, d->transform.bias, r->model->output.activation);
    if (d->transform_norm.kind != HP_NORM_NONE)
        r->kernels->norm(x->at, x->ld, &out, &d->transform_norm);
    else
        memcpy(x->at, room, x->rows * x->n * sizeof *room);
}

static void finish_share(hp__run *r, hp__share share, const hp__norm *norm,
                         const hp__decoder *d, hp__scratch *scratch)
{
    const hp__piece *p = share.piece;
    hp__matrix x = hp__share_hidden(r, share);
    if (norm->kind != HP_NORM_NONE)
        r->kernels->norm(x.at, x.ld, &x, norm);
    size_t first = r->sequences->start[p->first];
    for (size_t s = p->first; s < p->first + p->n; s++) {
        hp_seen seen =
            part_of(r, s, r->sequences->start[s], hp__sequence_length(r, s));
        seen.variant = share.variant;
        seen.hidden = x.at + (r->sequences->start[s] - first) * x.n;
        if (r->observer->wants & HP_SEE_HIDDEN)
            r->observer->see(r->observer->payload, &seen);
    }
    if (d->map)
        hp__decoder_transform(d, &x, scratch->normed);
}

static void finish_pieces(hp__run *r, const hp__piece *pieces, size_t n,
                          const hp__norm *norm, const hp__decoder *d)
{
#pragma omp parallel num_threads(r->threads)
    {
        unsigned saved = hp__denormals_off();
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n * r->variants.n; i++)
            finish_share(r, share_at(r, pieces, i), norm, d,
                         &r->scratch[omp_get_thread_num()]);
        hp__denormals_restore(saved);
    }
}

/* ---- a batch ---- */

static size_t at_least(size_t n, size_t least)
{
    return n > least ? n : least;
}

/* Sizes depend on the model alone: the cut must not change a result. */
static void measure(hp__decoder *d, const hp__run *r)
{
    size_t width = r->model->spec.width, vocab = vocab_of(d);
    if (!d->rows)
        d->rows = at_least(LOGIT_BYTES / sizeof(float) / vocab, 1);
    if (d->rows > HP__PIECE_ROWS)
        d->rows = HP__PIECE_ROWS;
    d->outputs = at_least(BLOCK_BYTES / sizeof(float) / width / 64 * 64, 64);
    if (d->outputs > vocab)
        d->outputs = vocab;
}

hp_status hp__decoder_open(hp__decoder *d, hp__run *r, float **at,
                           hp_error *err)
{
    const hp__output_head *o = &r->model->output;
    size_t width = r->model->spec.width, vocab = (size_t)o->decoder.count;
    d->run = r;
    d->map = &o->decoder;
    measure(d, r);
    hp_status st = hp__new(&d->logits, d->rows * vocab, sizeof(float), err);
    if (!st && !d->held)
        st = hp__new(&d->blocks, r->threads * d->outputs * width, sizeof(float),
                     err);
    if (!st)
        st = hp__map_load(&d->transform, at, &r->reader, &o->transform, err);
    if (!st)
        st = hp__norm_load(&d->transform_norm, at, &r->reader, &o->norm, err);
    if (!st && o->decoder.bias) {
        hp__band band = hp__band_bias(&o->decoder, 0, vocab);
        d->bias = *at;
        st = hp__read_band(*at, &r->reader, &band, err);
    }
    return st;
}

void hp__decoder_close(hp__decoder *d)
{
    free(d->blocks);
    free(d->logits);
}

static hp_status decode_share(const hp__decoder *d, hp__share share,
                              hp_error *err)
{
    hp__matrix x = hp__share_hidden(d->run, share), rows = x;
    hp_status st = HP_OK;
    for (size_t i = 0; i < x.rows && !st; i += d->rows) {
        rows.at = x.at + i * x.ld;
        rows.rows = x.rows - i < d->rows ? x.rows - i : d->rows;
        st = hp__decoder_run(d, &rows, err);
        if (!st)
            show_logits(d, share, i, rows.rows);
    }
    return st;
}

hp_status hp__finish(hp__run *r, const hp__piece *pieces, size_t n,
                     hp_error *err)
{
    hp__decoder d = {0};
    hp__norm norm;
    float *at = r->layer_room;
    hp_status st =
        hp__norm_load(&norm, &at, &r->reader, &r->model->final_norm, err);
    if (!st && r->observer->wants & HP_SEE_LOGITS)
        st = hp__decoder_open(&d, r, &at, err);
    if (!st)
        finish_pieces(r, pieces, n, &norm, &d);
    for (size_t i = 0; i < n * r->variants.n && !st && d.map; i++)
        st = decode_share(&d, share_at(r, pieces, i), err);
    hp__decoder_close(&d);
    return st;
}
