#include "score/loss_metric.h"
#include "base/arena.h"
#include "model/graph.h"
#include "nn/machine.h"
#include "score/loss_sweep.h"
#include "stats/accumulate.h"

#include <stdlib.h>
#include <string.h>

typedef struct pass {
    const hp__loss_metric_visitor *visitor;
    const hp_sequences *sequences;
    hp__loss_metric metric;
    hp__accumulator accumulator;
    double *squares[3]; /* [n, n] each, n of the widest block */
    double *sums;       /* [n] */
    float *by;          /* [HP__SUM_ROWS] */
    size_t rows;        /* of the block that is seen */
} pass;

/* ---- sums ---- */

/* M is of summed losses: of a sequence with many targets it counts more. */
static void add_gradients(pass *p, const hp_seen_gradients *seen)
{
    const size_t *start = seen->start;
    hp__sums m = {.c = p->squares[1], .sum = p->sums};
    size_t sequence = 0;
    for (size_t from = 0; from < seen->rows; from += HP__SUM_ROWS) {
        size_t left = seen->rows - from;
        const hp__sum_rows x = {.z = seen->z_gradient + from * seen->n,
                                .by = p->by,
                                .rows =
                                    left < HP__SUM_ROWS ? left : HP__SUM_ROWS,
                                .n = seen->n};
        for (size_t r = 0; r < x.rows; r++) {
            while (start[sequence + 1] - start[0] <= from + r)
                sequence++;
            p->by[r] = (float)seen->n_labels[sequence];
        }
        hp__accumulate_rows(&p->accumulator, &m, &x);
    }
}

static void begin(pass *p, const hp_seen_gradients *seen)
{
    memset(p->squares[0], 0, seen->n * seen->n * sizeof(double));
    memset(p->squares[1], 0, seen->n * seen->n * sizeof(double));
    p->rows = 0;
}

static void mean_of(double *c, size_t n, size_t rows)
{
    hp__sums_mirror(c, n);
    for (size_t i = 0; i < n * n; i++)
        c[i] /= (double)rows;
}

static hp_status finish(pass *p, const hp_seen_gradients *seen, hp_error *err)
{
    hp__loss_metric *out = &p->metric;
    for (size_t i = 0; i < 2; i++)
        mean_of(p->squares[i], seen->n, p->rows);
    out->block = seen->block;
    out->n = seen->n;
    out->c = p->squares[0];
    out->m = p->squares[1];
    out->room = p->squares[2];
    return p->visitor->visit(p->visitor->payload, out, err);
}

static hp_status see(void *payload, const hp_seen_gradients *seen,
                     hp_error *err)
{
    pass *p = payload;
    if (!seen->n)
        return HP_OK; /* a block without heads */
    hp__sums c = {.c = p->squares[0], .sum = p->sums};
    const hp__sum_rows outputs = {seen->z, NULL, seen->rows, seen->n};
    if (!seen->first_sequence)
        begin(p, seen);
    hp__accumulate_rows(&p->accumulator, &c, &outputs);
    add_gradients(p, seen);
    p->rows += seen->rows;
    int last = seen->first_sequence + seen->n_sequences == p->sequences->n;
    return last ? finish(p, seen, err) : HP_OK;
}

/* ---- all of it ---- */

static hp_status open_pass(pass *p, const hp_model *m,
                           const hp__kernels *kernels, hp_error *err)
{
    size_t side = 1;
    for (size_t i = 0; i < m->n_blocks; i++) {
        const hp_block *b = &m->blocks[i];
        size_t n = (size_t)b->n_heads * b->head_dim;
        side = n > side ? n : side;
    }
    hp_status st = HP_OK;
    for (size_t i = 0; i < 3 && !st; i++)
        st = hp__new(&p->squares[i], side, side * sizeof(double), err);
    if (!st)
        st = hp__new(&p->sums, side, sizeof(double), err);
    if (!st)
        st = hp__new(&p->by, HP__SUM_ROWS, sizeof(float), err);
    return st ? st
              : hp__accumulator_open(&p->accumulator, kernels,
                                     p->metric.threads, side, err);
}

static void close_pass(pass *p)
{
    hp__accumulator_close(&p->accumulator);
    for (size_t i = 0; i < 3; i++)
        free(p->squares[i]);
    free(p->sums);
    free(p->by);
}

hp_status hp__loss_metric_sweep(const hp_model *m, const hp_score_options *o,
                                const hp__loss_metric_visitor *visitor,
                                hp_error *err)
{
    unsigned wanted = o->run.threads ? o->run.threads : hp_backend_cpus();
    pass p = {.visitor = visitor, .sequences = o->sequences};
    const hp__loss_sweep sweep = {m, o, see, &p};
    size_t predicting;
    p.metric.blas = &o->run.backend->blas;
    p.metric.threads = hp__blas_room(wanted);
    if (!p.metric.threads)
        p.metric.threads = 1;
    hp_status st = open_pass(&p, m, o->run.backend->kernels, err);
    if (!st)
        st = hp__loss_sweep_run(&predicting, &sweep, err);
    close_pass(&p);
    return st;
}
