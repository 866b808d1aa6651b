/*
 * The end of the forward pass and the beginning of the backward pass: from the
 * hidden states of the positions that have a label to losses and back. The
 * vocabulary passes once over all rows of a batch, in blocks of outputs. With
 *
 *     dL/dh = (sum_v e_v W_v / Z - W_label) / labels of the sequence
 *
 * a block's e_v = e^(logit - max) can be multiplied with its W_v as soon as
 * they are known: when a later block has a greater logit, what is there is
 * scaled down. The label's own e is left out of the sum, which would cancel.
 */
#include "base/arena.h"
#include "nn/cpu.h"
#include "run/backward.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_OUTPUTS ((size_t)1024)
#define GROUP_ROWS    ((size_t)256) /* that are multiplied at once */

/* A position that has a label. */
typedef struct target {
    size_t row;      /* of the batch */
    size_t sequence; /* of all */
    size_t label;
    double z, rest; /* sums of e^(logit - max), with the label's and without */
    float max, logit; /* the greatest, and the label's */
} target;

/* Targets first .. end - 1: of one piece. */
typedef struct group {
    size_t first, end;
} group;

typedef struct finish {
    hp__run *run;
    hp__norm norm; /* the final one */
    hp__map transform;
    hp__norm transform_norm;
    target *targets; /* [n] */
    size_t n;
    group *groups; /* [n_groups] */
    size_t n_groups;
    float *decoded;  /* [n, D] what the vocabulary's matrix reads */
    float *labels;   /* [n, D] the rows of labels in it */
    float *gradient; /* [n, D] */
    float *block;    /* BLOCK_OUTPUTS of the decoder, */
    hp__map map;     /* as a map of decoded rows, */
    hp__map back;    /* and as one of gradients */
    size_t output;   /* the first one */
    float *rooms;    /* [threads][GROUP_ROWS][BLOCK_OUTPUTS + 3 D] */
} finish;

static size_t width_of(const finish *f)
{
    return f->run->model->spec.width;
}

static hp__matrix rows_of(const finish *f, float *all, const group *g)
{
    size_t d = width_of(f);
    return (hp__matrix){all + g->first * d, g->end - g->first, d, d};
}

/* Of the calling thread. */
typedef struct room {
    float *logits;                /* [GROUP_ROWS, BLOCK_OUTPUTS] */
    hp__matrix hidden, read, raw; /* [rows, D] before and after the final norm,
                                     and x W of the transform */
} room;

static room room_of(const finish *f, const group *g)
{
    size_t d = width_of(f), thread = (size_t)omp_get_thread_num();
    float *at = f->rooms + thread * GROUP_ROWS * (BLOCK_OUTPUTS + 3 * d);
    hp__matrix rows = {at + GROUP_ROWS * BLOCK_OUTPUTS, g->end - g->first, d,
                       d};
    room out = {.logits = at, .hidden = rows};
    rows.at += GROUP_ROWS * d;
    out.read = rows;
    rows.at += GROUP_ROWS * d;
    out.raw = rows;
    return out;
}

static void copy(const hp__matrix *to, const float *from)
{
    memcpy(to->at, from, to->rows * to->n * sizeof *from);
}

/* ---- what the vocabulary reads ---- */

/* Hidden states of a group through the final norm and the transform's map. */
static void read_rows(const finish *f, const group *g, const room *m)
{
    const hp__run *r = f->run;
    size_t d = m->hidden.n;
    for (size_t i = 0; i < m->hidden.rows; i++)
        memcpy(m->hidden.at + i * d,
               r->hidden + f->targets[g->first + i].row * d, d * sizeof(float));
    if (f->norm.kind != HP_NORM_NONE)
        r->kernels->norm(m->read.at, d, &m->hidden, &f->norm);
    else
        copy(&m->read, m->hidden.at);
    if (f->transform.weight)
        hp__map_apply(m->raw.at, d, r, &f->transform, &m->read, 0);
}

/* f(raw + b), in m->read. */
static void turn_rows(const finish *f, const room *m)
{
    copy(&m->read, m->raw.at);
    f->run->kernels->activate(&m->read, f->transform.bias,
                              f->run->model->output.activation);
}

static void begin_group(const finish *f, const group *g)
{
    room m = room_of(f, g);
    hp__matrix out = rows_of(f, f->decoded, g);
    for (size_t i = g->first; i < g->end; i++)
        f->targets[i].max = -INFINITY;
    read_rows(f, g, &m);
    if (f->transform.weight)
        turn_rows(f, &m);
    if (f->transform.weight && f->transform_norm.kind != HP_NORM_NONE)
        f->run->kernels->norm(out.at, out.ld, &m.read, &f->transform_norm);
    else
        copy(&out, m.read.at);
}

/* ---- a block of the vocabulary ---- */

/* Strips go one way only: both are read. */
static hp_status load_block(finish *f, size_t first, hp_error *err)
{
    hp_linear block = hp__linear_outputs(&f->run->model->output.decoder, first,
                                         BLOCK_OUTPUTS);
    hp__reader reader = f->run->reader;
    float *at = f->block;
    f->output = first;
    if (f->run->strips)
        reader.form = HP__STRIPS;
    hp_status st = hp__map_load(&f->map, &at, &reader, &block, err);
    f->back = f->map;
    if (st || !f->run->strips)
        return st;
    reader.form = HP__STRIPS_BACK;
    return hp__map_load(&f->back, &at, &reader, &block, err);
}

/* Logits of a row become e^(logit - max of all so far), the label's 0. */
static void add_row(const finish *f, size_t i, float *row)
{
    const hp__kernels *k = f->run->kernels;
    target *t = &f->targets[i];
    size_t n = f->map.n_out, at = t->label - f->output;
    float scale = f->run->model->output.scale;
    float max = k->row_max(row, n) * scale, own = 0.0F;
    int labelled = t->label >= f->output && at < n;
    if (labelled)
        t->logit = row[at] * scale;
    double entropy, z = k->softmax(&entropy, row, n, scale), by = 1.0;
    if (labelled) {
        own = row[at];
        row[at] = 0.0F;
        hp__map_output(f->labels + i * width_of(f), &f->map, at);
    }
    if (max > t->max) {
        double shrunk = exp((double)t->max - (double)max);
        t->max = max;
        t->z *= shrunk;
        t->rest *= shrunk;
        k->scale(f->gradient + i * width_of(f), width_of(f), (float)shrunk);
    } else {
        by = exp((double)max - (double)t->max);
        k->scale(row, n, (float)by);
    }
    t->z += z * by;
    t->rest += (z - (double)own) * by;
}

static void add_block(const finish *f, const group *g)
{
    const hp__run *r = f->run;
    room m = room_of(f, g);
    hp__matrix x = rows_of(f, f->decoded, g), out = rows_of(f, f->gradient, g);
    hp__matrix logits = {m.logits, x.rows, f->map.n_out, f->map.n_out};
    hp__map_apply(logits.at, logits.ld, r, &f->map, &x, 0);
    if (f->map.bias)
        r->kernels->add_bias(&logits, f->map.bias);
    for (size_t i = 0; i < x.rows; i++)
        add_row(f, g->first + i, logits.at + i * logits.ld);
    hp__map_back(out.at, out.ld, r, &f->back, &logits, f->output > 0);
}

/* ---- back ---- */

/* The gradient of what the decoder reads. */
static void end_row(const finish *f, size_t i)
{
    const target *t = &f->targets[i];
    const hp__run *r = f->run;
    size_t d = width_of(f);
    double weight = (double)r->model->output.scale /
                    (double)r->backward->n_labels[t->sequence];
    float *g = f->gradient + i * d;
    float *own = f->labels + i * d;
    hp__matrix row = {g, 1, d, d};
    r->kernels->scale(g, d, (float)(weight / t->z));
    r->kernels->scale(own, d, (float)(-weight * t->rest / t->z));
    r->kernels->add(&row, own, d);
}

/* That of the hidden states. */
static void end_group(const finish *f, const group *g)
{
    const hp__run *r = f->run;
    hp__matrix out = rows_of(f, f->gradient, g);
    room m = room_of(f, g);
    for (size_t i = g->first; i < g->end; i++)
        end_row(f, i);
    read_rows(f, g, &m);
    if (f->transform.weight) {
        if (f->transform_norm.kind != HP_NORM_NONE) {
            turn_rows(f, &m);
            r->kernels->norm_back(out.at, out.ld, &m.read, &f->transform_norm);
        }
        r->kernels->activate_back(&out, &m.raw, f->transform.bias,
                                  r->model->output.activation);
        hp__map_back(m.read.at, m.read.ld, r, &f->transform, &out, 0);
        copy(&out, m.read.at);
    }
    if (f->norm.kind != HP_NORM_NONE)
        r->kernels->norm_back(out.at, out.ld, &m.hidden, &f->norm);
}

static hp_status check_rows(const finish *f, hp_error *err)
{
    for (size_t i = 0; i < f->n; i++)
        if (!isfinite(f->targets[i].z) || !isfinite(f->targets[i].logit) ||
            !isfinite(f->targets[i].max))
            return hp_fail(err, HP_FORMAT,
                           "tensor '%s': the logits leave the range of single "
                           "precision",
                           f->run->model->output.decoder.weight->name);
    return HP_OK;
}

static void add_losses(const finish *f)
{
    hp__backward *w = f->run->backward;
    for (size_t i = 0; i < f->n; i++) {
        const target *t = &f->targets[i];
        double loss = log(t->z) + ((double)t->max - (double)t->logit);
        w->losses[t->sequence] += loss / (double)w->n_labels[t->sequence];
    }
}

/* From row i of the targets to the row of each in the batch, which comes no
 * earlier. */
static void spread(const finish *f, size_t rows)
{
    size_t d = width_of(f), bytes = d * sizeof(float);
    for (size_t i = f->n, end = rows; i-- > 0;) {
        size_t row = f->targets[i].row;
        memmove(f->gradient + row * d, f->gradient + i * d, bytes);
        memset(f->gradient + (row + 1) * d, 0, (end - row - 1) * bytes);
        end = row;
        if (!i)
            memset(f->gradient, 0, row * bytes);
    }
    if (!f->n)
        memset(f->gradient, 0, rows * bytes);
}

/* ---- a batch ---- */

/* Targets in order, GROUP_ROWS of a piece at a time: how they are cut must not
 * change a result. */
static void list_targets(finish *f, const hp__piece *pieces, size_t n)
{
    const hp__run *r = f->run;
    const size_t *start = r->sequences->start;
    for (const hp__piece *p = pieces; p < pieces + n; p++) {
        size_t from = f->n, token = start[p->first];
        for (size_t s = p->first; s < p->first + p->n; s++)
            for (; token < start[s + 1]; token++)
                if (r->options->labels[token] >= 0)
                    f->targets[f->n++] =
                        (target){.row = p->row + token - start[p->first],
                                 .sequence = s,
                                 .label = (size_t)r->options->labels[token]};
        for (; from < f->n; from = f->groups[f->n_groups++].end) {
            size_t left = f->n - from;
            f->groups[f->n_groups] =
                (group){from, from + (left < GROUP_ROWS ? left : GROUP_ROWS)};
        }
    }
}

static hp_status load_output(finish *f, hp_error *err)
{
    hp__run *r = f->run;
    const hp__output_head *o = &r->model->output;
    float *at = r->layer_room;
    hp_status st =
        hp__norm_load(&f->norm, &at, &r->reader, &r->model->final_norm, err);
    if (!st)
        st = hp__map_load(&f->transform, &at, &r->reader, &o->transform, err);
    return st ? st
              : hp__norm_load(&f->transform_norm, &at, &r->reader, &o->norm,
                              err);
}

static hp_status open_finish(finish *f, size_t rows, size_t pieces,
                             hp_error *err)
{
    hp__run *r = f->run;
    size_t d = width_of(f);
    f->decoded = r->outputs;
    f->labels = r->backward->z_gradient;
    f->gradient = r->backward->gradients[r->stack - r->stacks];
    hp_linear largest =
        hp__linear_outputs(&r->model->output.decoder, 0, BLOCK_OUTPUTS);
    size_t block = 0;
    hp_status st = hp__map_room(&block, &largest, err);
    if (!st)
        st = hp__new(&f->targets, rows, sizeof *f->targets, err);
    if (!st)
        st = hp__new(&f->groups, rows / GROUP_ROWS + pieces, sizeof *f->groups,
                     err);
    if (!st)
        st = hp__new(&f->block, 2, block * sizeof(float), err);
    if (!st)
        st = hp__new(&f->rooms, r->threads * GROUP_ROWS,
                     (BLOCK_OUTPUTS + 3 * d) * sizeof(float), err);
    return st ? st : load_output(f, err);
}

static void close_finish(finish *f)
{
    free(f->targets);
    free(f->groups);
    free(f->block);
    free(f->rooms);
}

static void each_group(const finish *f,
                       void (*step)(const finish *, const group *))
{
#pragma omp parallel num_threads(f->run->threads)
    {
        unsigned saved = hp__denormals_off();
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < f->n_groups; i++)
            step(f, &f->groups[i]);
        hp__denormals_restore(saved);
    }
}

hp_status hp__finish_back(hp__run *r, const hp__piece *pieces, size_t n,
                          hp_error *err)
{
    finish f = {.run = r};
    const hp__piece *last = &pieces[n - 1];
    size_t rows = last->row + last->rows;
    size_t vocab = (size_t)r->model->output.decoder.count;
    hp_status st = open_finish(&f, rows, n, err);
    if (!st) {
        list_targets(&f, pieces, n);
        each_group(&f, begin_group);
    }
    for (size_t at = 0; at < vocab && !st && f.n; at += BLOCK_OUTPUTS) {
        st = load_block(&f, at, err);
        if (!st)
            each_group(&f, add_block);
    }
    if (!st)
        st = check_rows(&f, err);
    if (!st) {
        each_group(&f, end_group);
        add_losses(&f);
        spread(&f, rows);
    }
    close_finish(&f);
    return st;
}
