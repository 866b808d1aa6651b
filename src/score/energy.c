/*
 * Energy: the mean squared norm of what a head adds to the residual stream,
 * E |z_h W_h|^2 = tr(W_h' E[z_h z_h'] W_h). Blocks differ in scale, so a share
 * of the block's total (or of the stream the block adds to) ranks better than
 * the energy itself.
 */
#include "base/arena.h"
#include "nn/dense.h"
#include "nn/machine.h"
#include "score/scorer.h"
#include "stats/output_map.h"

#include <omp.h>
#include <stdlib.h>

typedef struct work {
    const hp_model *m;
    const hp_projections *projections; /* of the sweep */
    const hp__blas *blas;
    hp_energy_share relative;
    unsigned threads;
    double *values; /* [heads of m] */
    double *w;      /* [n, D] the block's output projection */
    double *room;   /* [threads][head_dim, D] */
    double *own;    /* [heads of a block] tr(W_h' C_hh W_h) */
    double *joint;  /* [heads of a block] those of pairs with later heads, too:
                      their sum is tr(W' C W) */
} work;

/* tr(W_h' C[rows of h, columns] W[columns]); columns first .. first + n. */
static double trace(const work *w, const hp_moments *s, size_t h, size_t first,
                    size_t n)
{
    size_t dim = s->block->head_dim, width = hp__projection_width(s->block);
    double *room = w->room + (size_t)omp_get_thread_num() * dim * width;
    const double *own = w->w + h * dim * width;
    hp__dense_product p = {.m = dim,
                           .n = width,
                           .k = n,
                           .a = s->c + h * dim * s->n + first,
                           .lda = s->n,
                           .b = w->w + first * width,
                           .ldb = width,
                           .c = room,
                           .ldc = width};
    double sum = 0;
    hp__dense_multiply(w->blas, &p);
    for (size_t i = 0; i < dim * width; i++)
        sum += room[i] * own[i];
    return sum;
}

static void add_up(work *w, const hp_moments *s)
{
    size_t dim = s->block->head_dim;
    int joint = w->relative == HP_ENERGY_OF_BLOCK;
#pragma omp parallel for num_threads(w->threads) schedule(dynamic)
    for (size_t h = 0; h < s->block->n_heads; h++) {
        size_t next = (h + 1) * dim;
        w->own[h] = trace(w, s, h, h * dim, dim);
        w->joint[h] = w->own[h];
        if (joint && next < s->n) /* both ways */
            w->joint[h] += 2 * trace(w, s, h, next, s->n - next);
    }
}

/* What a head's energy is divided by. */
static double whole(const work *w, const hp_moments *s)
{
    double sum = 0;
    switch (w->relative) {
    case HP_ENERGY_OF_BLOCK:
        for (size_t h = 0; h < s->block->n_heads; h++)
            sum += w->joint[h];
        return sum;
    case HP_ENERGY_OF_STREAM:
        return s->stream;
    case HP_ENERGY_ALONE:
        break;
    }
    return (double)s->rows;
}

static hp_status visit(void *payload, const hp_moments *s, hp_error *err)
{
    work *w = payload;
    if (!s->block->n_heads)
        return HP_OK;
    hp_status st =
        hp__projection_get(w->w, w->m, s->block, w->projections, err);
    if (st)
        return st;
    add_up(w, s);
    double by = whole(w, s);
    for (size_t h = 0; h < s->block->n_heads; h++)
        w->values[s->block->first_head + h] = by > 0 ? w->own[h] / by : 0;
    return HP_OK;
}

static hp_status get_room(work *w, hp_error *err)
{
    size_t heads = 0, dim = 0, n = 0, width = 0;
    for (size_t i = 0; i < hp_model_n_blocks(w->m); i++) {
        const hp_block *b = hp_model_block(w->m, i);
        heads = b->n_heads > heads ? b->n_heads : heads;
        dim = b->head_dim > dim ? b->head_dim : dim;
        n = b->o.n_in > n ? (size_t)b->o.n_in : n;
        width = b->o.count > width ? (size_t)b->o.count : width;
    }
    hp_status st = hp__new(&w->w, n, width * sizeof(double), err);
    if (!st)
        st = hp__new(&w->room, w->threads, dim * width * sizeof(double), err);
    if (!st)
        st = hp__new(&w->own, heads, sizeof(double), err);
    if (!st)
        st = hp__new(&w->joint, heads, sizeof(double), err);
    return st;
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    unsigned wanted = o->run.threads ? o->run.threads : hp_backend_cpus();
    work w = {.m = m,
              .projections = &o->run.projections,
              .blas = &o->run.backend->blas,
              .relative = o->relative,
              .threads = hp__blas_room(wanted)};
    const hp_moments_visitor visitor = {visit, &w};
    const hp_moments_source source = {o->stats, o->sequences, o->run};
    w.values = values;
    if (!w.threads)
        w.threads = 1;
    hp_status st = get_room(&w, err);
    if (!st)
        st = hp_moments_take(m, &source, &visitor, err);
    free(w.w);
    free(w.room);
    free(w.own);
    free(w.joint);
    return st;
}

const char *hp_energy_unit(hp_energy_share r)
{
    static const char *const units[] = {[HP_ENERGY_OF_BLOCK] = "of block",
                                        [HP_ENERGY_OF_STREAM] = "of stream",
                                        [HP_ENERGY_ALONE] = "energy"};
    return units[r];
}

static const char *unit(const hp_score_options *o)
{
    return hp_energy_unit(o->relative);
}

const hp__scorer hp__scorer_energy = {
    .method = {.name = "energy",
               .unit = "of block",
               .summary = "mean squared norm of what the head adds to the "
                          "residual stream, as a share of its block's",
               .passes = "1",
               .zeroed = 110.4,
               .refitted = 104.5,
               .needs_data = 1,
               .takes_stats = 1,
               .choice = 2,
               .why = "the model has no output over the vocabulary, so there "
                      "is no loss to weigh heads by"},
    .unit = unit,
    .weigh = weigh};
