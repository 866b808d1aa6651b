/*
 * The end of the forward pass and the beginning of the backward pass: from the
 * hidden states of the positions that have a label to losses and back. Logits
 * exist for a run of rows at a time, in the place where their gradients then
 * stand; the vocabulary passes over them once in each direction.
 */
#include "base/arena.h"
#include "nn/cpu.h"
#include "run/backward.h"
#include "run/logits.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define TILE        ((size_t)384) /* columns of a gradient that are summed at once */
#define LOGIT_BYTES ((size_t)64 << 20) /* of one run of rows */

typedef struct finish {
    hp__run *run;
    hp__norm norm; /* the final one */
    hp__decoder decoder;
    size_t *rows; /* [n] tokens with a label, of one run */
    size_t n;
    float *hidden;  /* [rows, D] before the final norm */
    float *read;    /* [rows, D] what transform, or else the decoder, reads */
    float *raw;     /* [rows, D] x W of the transform */
    float *turned;  /* [rows, D] f(x W + b) */
    float *decoded; /* [rows, D] what the decoder reads, then its gradient */
    double *losses; /* [rows] */
} finish;

static hp__matrix matrix_of(const finish *f, float *at)
{
    size_t width = f->run->model->spec.width;
    return (hp__matrix){at, f->n, width, width};
}

static void copy(const hp__matrix *to, const float *from)
{
    memcpy(to->at, from, to->rows * to->n * sizeof *from);
}

/* ---- forward ---- */

/* From f->hidden to f->decoded. */
static void read_rows(const finish *f)
{
    const hp__run *r = f->run;
    const hp__decoder *d = &f->decoder;
    hp__matrix hidden = matrix_of(f, f->hidden), read = matrix_of(f, f->read);
    hp__matrix turned = matrix_of(f, f->turned);
    hp__matrix decoded = matrix_of(f, f->decoded);
    if (f->norm.kind != HP_NORM_NONE)
        r->kernels->norm(read.at, read.ld, &hidden, &f->norm);
    else
        copy(&read, hidden.at);
    if (!d->transform.weight) {
        copy(&decoded, read.at);
        return;
    }
    hp__map_apply(f->raw, read.ld, r, &d->transform, &read, 0);
    copy(&turned, f->raw);
    r->kernels->activate(&turned, d->transform.bias,
                         r->model->output.activation);
    if (d->transform_norm.kind != HP_NORM_NONE)
        r->kernels->norm(decoded.at, decoded.ld, &turned, &d->transform_norm);
    else
        copy(&decoded, turned.at);
}

static size_t sequence_of(const hp__run *r, size_t token)
{
    size_t low = 0, high = r->sequences->n;
    while (low + 1 < high) {
        size_t middle = (low + high) / 2;
        if (r->sequences->start[middle] <= token)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Logits become gradients of the mean loss of the row's sequence:
 * (softmax - 1 at the label) / labels of the sequence. */
static void lose_row(finish *f, size_t i)
{
    hp__run *r = f->run;
    size_t vocab = (size_t)f->decoder.map->count;
    float *row = f->decoder.logits + i * vocab;
    size_t label = (size_t)r->options->labels[f->rows[i]];
    uint32_t n = r->backward->n_labels[sequence_of(r, f->rows[i])];
    double max = (double)r->kernels->row_max(row, vocab), entropy;
    double at_label = (double)row[label];
    double z = r->kernels->softmax(&entropy, row, vocab, 1.0F);
    float weight = r->model->output.scale / (float)n;
    f->losses[i] = log(z) + (max - at_label);
    r->kernels->scale(row, vocab, (float)((double)weight / z));
    row[label] -= weight;
}

static void lose(finish *f)
{
    hp__backward *w = f->run->backward;
#pragma omp parallel for num_threads(f->run->threads) schedule(static)
    for (size_t i = 0; i < f->n; i++)
        lose_row(f, i);
    for (size_t i = 0; i < f->n; i++) {
        size_t s = sequence_of(f->run, f->rows[i]);
        w->losses[s] += f->losses[i] / (double)w->n_labels[s];
    }
}

/* ---- backward ---- */

/* f->decoded += a block of gradients of logits times its outputs' weights. */
static void decode_back(const finish *f, size_t first, size_t outputs)
{
    const hp__decoder *d = &f->decoder;
    const hp__run *r = f->run;
    size_t vocab = (size_t)d->map->count, width = r->model->spec.width;
    size_t tiles = (width + TILE - 1) / TILE;
#pragma omp parallel num_threads(r->threads)
    {
        unsigned saved = hp__denormals_off();
#pragma omp for schedule(static)
        for (size_t t = 0; t < tiles; t++) {
            size_t at = t * TILE, n = width - at < TILE ? width - at : TILE;
            int turned = d->map->out_axis != 0;
            hp__product p = {.m = f->n,
                             .n = n,
                             .k = outputs,
                             .a = d->logits + first,
                             .lda = vocab,
                             .b = d->blocks + (turned ? at * outputs : at),
                             .ldb = turned ? outputs : width,
                             .b_rows_are_outputs = turned,
                             .c = f->decoded + at,
                             .ldc = width,
                             .add = first > 0};
            r->blas->multiply(r->blas, &p);
        }
        hp__denormals_restore(saved);
    }
}

static hp_status decode_all_back(const finish *f, hp_error *err)
{
    const hp__decoder *d = &f->decoder;
    size_t vocab = (size_t)d->map->count;
    hp_status st = HP_OK;
    for (size_t first = 0; first < vocab && !st; first += d->outputs) {
        size_t left = vocab - first, n = left < d->outputs ? left : d->outputs;
        hp__band band = hp__band_outputs(d->map, first, n);
        st = hp__read_band(d->blocks, &f->run->reader, &band, err);
        if (!st)
            decode_back(f, first, n);
    }
    return st;
}

/* From the gradient of what the decoder reads to that of hidden states, both
 * in f->decoded. */
static void read_rows_back(const finish *f)
{
    const hp__run *r = f->run;
    const hp__decoder *d = &f->decoder;
    hp__matrix g = matrix_of(f, f->decoded), raw = matrix_of(f, f->raw);
    hp__matrix turned = matrix_of(f, f->turned);
    hp__matrix hidden = matrix_of(f, f->hidden);
    if (d->transform.weight) {
        if (d->transform_norm.kind != HP_NORM_NONE)
            r->kernels->norm_back(g.at, g.ld, &turned, &d->transform_norm);
        r->kernels->activate_back(&g, &raw, d->transform.bias,
                                  r->model->output.activation);
        hp__map_back(turned.at, turned.ld, r, &d->transform, &g, 0);
        copy(&g, turned.at);
    }
    if (f->norm.kind != HP_NORM_NONE)
        r->kernels->norm_back(g.at, g.ld, &hidden, &f->norm);
}

/* ---- a run of rows ---- */

/* Tokens with a label from `token` on, below `end`: as many as fit. Returns
 * the token to go on with. */
static size_t take_rows(finish *f, size_t token, size_t end)
{
    const hp__run *r = f->run;
    size_t width = r->model->spec.width;
    f->n = 0;
    for (; token < end && f->n < f->decoder.rows; token++)
        if (r->options->labels[token] >= 0) {
            memcpy(f->hidden + f->n * width,
                   r->backward->stack->hidden + token * width,
                   width * sizeof *f->hidden);
            f->rows[f->n++] = token;
        }
    return token;
}

static void give_rows(const finish *f)
{
    size_t width = f->run->model->spec.width;
    for (size_t i = 0; i < f->n; i++)
        memcpy(f->run->backward->stack->gradient + f->rows[i] * width,
               f->decoded + i * width, width * sizeof *f->decoded);
}

static hp_status finish_run(finish *f, hp_error *err)
{
    hp__matrix decoded = matrix_of(f, f->decoded);
    read_rows(f);
    hp_status st = hp__decoder_run(&f->decoder, &decoded, err);
    if (st)
        return st;
    lose(f);
    st = decode_all_back(f, err);
    if (st)
        return st;
    read_rows_back(f);
    give_rows(f);
    return HP_OK;
}

/* ---- all of it ---- */

static hp_status open_finish(finish *f, hp__run *r, hp_error *err)
{
    float *at = r->layer_room;
    size_t width = r->model->spec.width;
    f->run = r;
    f->decoder.rows =
        LOGIT_BYTES / sizeof(float) / (size_t)r->model->output.decoder.count;
    hp_status st =
        hp__norm_load(&f->norm, &at, &r->reader, &r->model->final_norm, err);
    if (!st)
        st = hp__decoder_open(&f->decoder, r, &at, err);
    size_t rows = f->decoder.rows;
    float **const rooms[] = {&f->hidden, &f->read, &f->raw, &f->turned,
                             &f->decoded};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms && !st; i++)
        st = hp__new(rooms[i], rows, width * sizeof(float), err);
    if (!st)
        st = hp__new(&f->rows, rows, sizeof *f->rows, err);
    return st ? st : hp__new(&f->losses, rows, sizeof *f->losses, err);
}

static void close_finish(finish *f)
{
    hp__decoder_close(&f->decoder);
    free(f->hidden);
    free(f->read);
    free(f->raw);
    free(f->turned);
    free(f->decoded);
    free(f->rows);
    free(f->losses);
}

hp_status hp__finish_back(hp__run *r, hp_error *err)
{
    finish f = {0};
    size_t tokens = r->sequences->start[r->sequences->n];
    size_t bytes = tokens * r->model->spec.width * sizeof(float);
    memset(r->backward->stack->gradient, 0, bytes);
    hp_status st = open_finish(&f, r, err);
    for (size_t at = 0; at < tokens && !st;) {
        at = take_rows(&f, at, tokens);
        if (f.n)
            st = finish_run(&f, err);
    }
    close_finish(&f);
    return st;
}
