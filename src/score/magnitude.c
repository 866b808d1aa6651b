/*
 * Sum of the Frobenius norms of a head's query, key, value and output weights.
 * Every tensor is read once, in pieces of whole rows that several threads
 * take; a piece feeds the sums of all heads that own a part of it. The pieces
 * do not depend on the threads and their sums are added in order.
 */
#include "base/arena.h"
#include "nn/kernels.h"
#include "score/scorer.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Fits a core's second-level cache: what was read is still there to be summed.
 */
#define PIECE_BYTES ((uint64_t)256 << 10)

/* Heads (or groups of them) side by side along one axis of a tensor. */
typedef struct band_set {
    unsigned axis;
    uint64_t first, stride, width; /* unit u: first + u * stride .. + width */
    uint64_t units;
    size_t sums; /* of unit 0, among the source's */
} band_set;

/* One tensor of a block, and the heads' parts of it. */
typedef struct source {
    const hp_tensor *tensor;
    band_set sets[4];
    size_t n_sets, n_sums;
    uint64_t row_bytes, piece_rows, n_pieces;
    uint64_t first_piece; /* in the block */
    size_t first_sum;     /* of the block's totals */
    double *partial;      /* [n_pieces, n_sums] */
} source;

/* The sources of one block; roles index totals. */
typedef struct block_plan {
    const hp_block *block;
    source sources[4];
    size_t n_sources, n_sums, n_partial;
    size_t role_sums[4]; /* HP_ROLE_*: of unit 0, among the block's */
    uint64_t n_pieces;
} block_plan;

static source *find_source(block_plan *p, const hp_tensor *t)
{
    for (size_t i = 0; i < p->n_sources; i++)
        if (p->sources[i].tensor == t)
            return &p->sources[i];
    source *s = &p->sources[p->n_sources++];
    s->tensor = t;
    s->row_bytes = t->size / t->dims[0];
    uint64_t rows = PIECE_BYTES / s->row_bytes;
    s->piece_rows = rows ? rows : 1;
    s->n_pieces = (t->dims[0] + s->piece_rows - 1) / s->piece_rows;
    return s;
}

/* Where the sums of a role begin is known once all sources are. */
typedef struct place {
    source *source;
    size_t set;
} place;

static place add_set(block_plan *p, const hp_tensor *t, band_set set)
{
    source *s = find_source(p, t);
    place at = {s, s->n_sets};
    set.sums = s->n_sums;
    s->n_sums += set.units;
    s->sets[s->n_sets++] = set;
    return at;
}

static place add_outputs(block_plan *p, const hp_linear *l, uint64_t units)
{
    band_set set = {.axis = l->out_axis,
                    .first = l->first,
                    .stride = l->head_stride,
                    .width = p->block->head_dim,
                    .units = units};
    return add_set(p, l->weight, set);
}

static void plan_block(block_plan *p, const hp_block *b)
{
    *p = (block_plan){.block = b};
    band_set inputs = {.axis = 1 - b->o.out_axis,
                       .stride = b->head_dim,
                       .width = b->head_dim,
                       .units = b->n_heads};
    const place places[4] = {[HP_ROLE_Q] = add_outputs(p, &b->q, b->n_heads),
                             [HP_ROLE_K] = add_outputs(p, &b->k, b->n_kv_heads),
                             [HP_ROLE_V] = add_outputs(p, &b->v, b->n_kv_heads),
                             [HP_ROLE_O] = add_set(p, b->o.weight, inputs)};
    for (size_t i = 0; i < p->n_sources; i++) {
        source *s = &p->sources[i];
        s->first_piece = p->n_pieces;
        s->first_sum = p->n_sums;
        p->n_pieces += s->n_pieces;
        p->n_sums += s->n_sums;
        p->n_partial += s->n_sums * s->n_pieces;
    }
    for (size_t r = 0; r < 4; r++)
        p->role_sums[r] = places[r].source->first_sum +
                          places[r].source->sets[places[r].set].sums;
}

/* A piece in memory: rows first_row .. first_row + rows of a source. */
typedef struct piece {
    const source *source;
    uint64_t first_row, rows;
    const unsigned char *bytes;
} piece;

/* Units that own columns: a part of every row. */
static void add_columns(double *sums, const piece *p, const band_set *set,
                        const hp__kernels *k)
{
    const hp_tensor *t = p->source->tensor;
    uint64_t size = t->size / t->n_elements;
    for (uint64_t r = 0; r < p->rows; r++) {
        const unsigned char *at =
            p->bytes + r * p->source->row_bytes + set->first * size;
        if (set->stride == set->width) {
            k->add_squares(sums, at, set->units, set->width, t->dtype);
            continue;
        }
        for (uint64_t u = 0; u < set->units; u++)
            k->add_squares(sums + u, at + u * set->stride * size, 1, set->width,
                           t->dtype);
    }
}

/* Units that own rows: the part of them that lies in this piece. */
static void add_rows(double *sums, const piece *p, const band_set *set,
                     const hp__kernels *k)
{
    const hp_tensor *t = p->source->tensor;
    uint64_t columns = t->n_elements / t->dims[0];
    uint64_t piece_end = p->first_row + p->rows;
    for (uint64_t u = 0; u < set->units; u++) {
        uint64_t from = set->first + u * set->stride;
        uint64_t to = from + set->width;
        from = from > p->first_row ? from : p->first_row;
        to = to < piece_end ? to : piece_end;
        if (from < to)
            k->add_squares(sums + u,
                           p->bytes +
                               (from - p->first_row) * p->source->row_bytes,
                           1, (to - from) * columns, t->dtype);
    }
}

/* Squares of 32 bits or less cannot leave the range of double. */
static hp_status fail_not_finite(const piece *p, hp_error *err)
{
    const hp_tensor *t = p->source->tensor;
    int overflow = t->dtype == HP_DTYPE_F64;
    uint64_t n = p->rows * p->source->row_bytes;
    for (uint64_t i = 0; overflow && i < n; i += sizeof(double)) {
        double value = 0;
        memcpy(&value, p->bytes + i, sizeof value);
        overflow = isfinite(value);
    }
    return hp_fail(err, HP_FORMAT,
                   overflow ? "tensor '%s': the squares of its values leave "
                              "the range of double precision"
                            : "tensor '%s' holds NaN or infinity",
                   t->name);
}

static hp_status sum_piece(const hp_model *m, const source *s, uint64_t index,
                           unsigned char *bytes, hp_error *err)
{
    const hp__kernels *k = hp__kernels_at(0);
    double *sums = s->partial + index * s->n_sums;
    piece p = {.source = s,
               .first_row = index * s->piece_rows,
               .rows = s->piece_rows,
               .bytes = bytes};
    if (p.rows > s->tensor->dims[0] - p.first_row)
        p.rows = s->tensor->dims[0] - p.first_row;
    hp_status st = hp_checkpoint_read(hp_model_checkpoint(m), s->tensor,
                                      p.first_row * s->row_bytes,
                                      p.rows * s->row_bytes, bytes, err);
    if (st)
        return st;
    for (size_t i = 0; i < s->n_sets; i++)
        (s->sets[i].axis ? add_columns : add_rows)(sums + s->sets[i].sums, &p,
                                                   &s->sets[i], k);
    for (size_t i = 0; i < s->n_sums; i++)
        if (!isfinite(sums[i]))
            return fail_not_finite(&p, err);
    return HP_OK;
}

/* What all blocks share: buffers are reused. */
typedef struct work {
    const hp_model *m;
    unsigned threads;
    unsigned char *buffers; /* [threads, buffer_bytes] */
    uint64_t buffer_bytes;
    double *partial; /* of one block */
    double *totals;  /* of one block */
} work;

static const source *source_of(const block_plan *p, uint64_t index)
{
    size_t i = 0;
    while (index >= p->sources[i].first_piece + p->sources[i].n_pieces)
        i++;
    return &p->sources[i];
}

/* On failure the error of the first piece in order, whoever had it. */
static hp_status sum_pieces(const work *w, const block_plan *p, hp_error *err)
{
    hp_status failed = HP_OK;
    uint64_t failed_at = UINT64_MAX;
#pragma omp parallel for schedule(dynamic) num_threads(w->threads)
    for (uint64_t i = 0; i < p->n_pieces; i++) {
        hp_error own;
        const source *s = source_of(p, i);
        unsigned char *bytes =
            w->buffers + (uint64_t)omp_get_thread_num() * w->buffer_bytes;
        hp_status st = sum_piece(w->m, s, i - s->first_piece, bytes, &own);
        if (!st)
            continue;
#pragma omp critical(hp_magnitude_failure)
        if (i < failed_at) {
            failed_at = i;
            failed = st;
            if (err)
                *err = own;
        }
    }
    return failed;
}

static void total_pieces(const work *w, const block_plan *p)
{
    memset(w->totals, 0, p->n_sums * sizeof *w->totals);
    for (size_t i = 0; i < p->n_sources; i++) {
        const source *s = &p->sources[i];
        const double *sums = s->partial;
        for (uint64_t n = s->n_pieces; n; n--, sums += s->n_sums)
            for (size_t j = 0; j < s->n_sums; j++)
                w->totals[s->first_sum + j] += sums[j];
    }
}

static hp_status weigh_block(double *values, const work *w, block_plan *p,
                             hp_error *err)
{
    double *next = w->partial;
    for (size_t i = 0; i < p->n_sources; i++) {
        p->sources[i].partial = next;
        next += p->sources[i].n_pieces * p->sources[i].n_sums;
    }
    memset(w->partial, 0, p->n_partial * sizeof *w->partial);
    hp_status st = sum_pieces(w, p, err);
    if (st)
        return st;
    total_pieces(w, p);
    const hp_block *b = p->block;
    size_t group = b->n_heads / b->n_kv_heads;
    for (size_t h = 0; h < b->n_heads; h++)
        values[b->first_head + h] =
            sqrt(w->totals[p->role_sums[HP_ROLE_Q] + h]) +
            sqrt(w->totals[p->role_sums[HP_ROLE_K] + h / group]) +
            sqrt(w->totals[p->role_sums[HP_ROLE_V] + h / group]) +
            sqrt(w->totals[p->role_sums[HP_ROLE_O] + h]);
    return HP_OK;
}

static hp_status alloc_work(work *w, hp_error *err)
{
    size_t n_partial = 0, n_sums = 0;
    for (size_t i = 0; i < hp_model_n_blocks(w->m); i++) {
        block_plan p;
        plan_block(&p, hp_model_block(w->m, i));
        n_partial = p.n_partial > n_partial ? p.n_partial : n_partial;
        n_sums = p.n_sums > n_sums ? p.n_sums : n_sums;
        for (size_t j = 0; j < p.n_sources; j++) {
            const source *s = &p.sources[j];
            uint64_t rows = s->tensor->dims[0];
            rows = s->piece_rows < rows ? s->piece_rows : rows;
            if (rows * s->row_bytes > w->buffer_bytes)
                w->buffer_bytes = rows * s->row_bytes;
        }
    }
    /* Whole cache lines, so that threads do not share one. */
    w->buffer_bytes = (w->buffer_bytes + 63) / 64 * 64;
    hp_status st = hp__new(&w->buffers, w->threads, w->buffer_bytes, err);
    if (!st)
        st = hp__new(&w->partial, n_partial, sizeof *w->partial, err);
    if (!st)
        st = hp__new(&w->totals, n_sums, sizeof *w->totals, err);
    return st;
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    const hp_progress *progress = &o->run.progress;
    work w = {.m = m,
              .threads = o->run.threads ? o->run.threads : hp_backend_cpus()};
    hp_status st = alloc_work(&w, err);
    size_t n = hp_model_n_blocks(m);
    for (size_t i = 0; i < n && !st; i++) {
        block_plan p;
        plan_block(&p, hp_model_block(m, i));
        st = weigh_block(values, &w, &p, err);
        if (!st && progress->step &&
            progress->step(progress->payload, i + 1, n))
            st = hp_fail(err, HP_CANCELLED, "cancelled");
    }
    free(w.buffers);
    free(w.partial);
    free(w.totals);
    return st;
}

const hp__scorer hp__scorer_magnitude = {
    .method = {.name = "magnitude",
               .unit = "weight",
               .summary = "norms of the head's query, key, value and output "
                          "weights; needs no data"},
    .weigh = weigh};
