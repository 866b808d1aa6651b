/*
 * Sum of the Frobenius norms of a head's query, key, value and output weights.
 * Every tensor is read once, in pieces of whole rows that several threads
 * take; a piece feeds the sums of all heads that own a part of it. The pieces
 * do not depend on the threads, and their sums are added in order.
 */
#include "base/arena.h"
#include "score/bands.h"
#include "score/scorer.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

/* Blocks whose sums are kept apart at a time: up to 4 MiB of them. */
#define MOST_PARTIAL ((size_t)1 << 19)

typedef struct work {
    const hp_model *m;
    const hp_progress *progress;
    unsigned threads;
    hp__bands *blocks;      /* [blocks of m] */
    unsigned char *buffers; /* [threads, buffer_bytes] */
    uint64_t buffer_bytes;
    double *partial; /* of the blocks of one batch */
    double *totals;  /* of one block */
    uint64_t done, total;
} work;

/* Blocks first .. end - 1, which share one pass. */
typedef struct batch {
    size_t first, end;
    uint64_t n_pieces;
} batch;

/* How a batch ends: the failure of the first piece in order is reported,
 * whichever thread was faster. */
typedef struct ending {
    uint64_t place;
    hp_status status;
    hp_error error;
} ending;

/* The source that piece `*index` of the batch belongs to; `*index` becomes the
 * piece's number in it. */
static const hp__source *find_piece(const work *w, const batch *b,
                                    uint64_t *index)
{
    const hp__bands *block = &w->blocks[b->first];
    while (*index >= block->n_pieces)
        *index -= (block++)->n_pieces;
    const hp__source *s = block->sources;
    while (*index >= s->n_pieces)
        *index -= (s++)->n_pieces;
    return s;
}

static hp_status add_piece(const work *w, const batch *b, uint64_t index,
                           hp_error *err)
{
    const hp__source *s = find_piece(w, b, &index);
    unsigned char *bytes =
        w->buffers + (uint64_t)omp_get_thread_num() * w->buffer_bytes;
    return hp__source_add(s, index, hp_model_checkpoint(w->m), bytes, err);
}

static void end_at(ending *e, uint64_t place, hp_status st, const hp_error *err)
{
    if (place < e->place)
        *e = (ending){place, st, *err};
}

/* Called by one thread at a time. */
static void report(work *w, ending *e)
{
    const hp_progress *to = w->progress;
    w->done++;
    if (to->step && to->step(to->payload, w->done, w->total) && !e->status) {
        hp_error why;
        hp_status st = hp_fail(&why, HP_CANCELLED, "cancelled");
        end_at(e, 0, st, &why);
    }
}

static hp_status add_pieces(work *w, const batch *b, hp_error *err)
{
    ending e = {.place = UINT64_MAX};
#pragma omp parallel for schedule(dynamic) num_threads(w->threads)
    for (uint64_t i = 0; i < b->n_pieces; i++) {
        uint64_t stop;
        hp_error own = {{0}, {0}, {0}};
#pragma omp critical(hp_magnitude)
        stop = e.place;
        if (i > stop)
            continue;
        hp_status st = add_piece(w, b, i, &own);
#pragma omp critical(hp_magnitude)
        {
            if (st)
                end_at(&e, i, st, &own);
            report(w, &e);
        }
    }
    if (e.status && err)
        *err = e.error;
    return e.status;
}

/* The values of one block, of the sums of its pieces. */
static void finish_block(double *values, const work *w, const hp__bands *p)
{
    hp__bands_total(w->totals, p);
    const hp_block *b = p->block;
    for (uint32_t h = 0; h < b->n_heads; h++) {
        uint32_t kv = hp_block_kv_head(b, h);
        values[b->first_head + h] =
            sqrt(w->totals[p->role_sums[HP_ROLE_Q] + h]) +
            sqrt(w->totals[p->role_sums[HP_ROLE_K] + kv]) +
            sqrt(w->totals[p->role_sums[HP_ROLE_V] + kv]) +
            sqrt(w->totals[p->role_sums[HP_ROLE_O] + h]);
    }
}

/* The next batch. */
static batch begin_batch(work *w, size_t first)
{
    size_t n = hp_model_n_blocks(w->m), used = 0;
    batch b = {.first = first, .end = first};
    do {
        hp__bands *p = &w->blocks[b.end++];
        hp__bands_place(p, w->partial + used);
        used += p->n_partial;
        b.n_pieces += p->n_pieces;
    } while (b.end < n && used + w->blocks[b.end].n_partial <= MOST_PARTIAL);
    return b;
}

/* Sizes of the buffers, which all batches share. */
static hp_status plan(work *w, hp_error *err)
{
    size_t n = hp_model_n_blocks(w->m), n_sums = 0, n_partial = 0, most = 0;
    hp_status st = hp__new(&w->blocks, n, sizeof *w->blocks, err);
    for (size_t i = 0; i < n && !st; i++) {
        hp__bands *p = &w->blocks[i];
        hp__bands_init(p, hp_model_block(w->m, i));
        w->total += p->n_pieces;
        n_partial += p->n_partial;
        most = p->n_partial > most ? p->n_partial : most;
        n_sums = p->n_sums > n_sums ? p->n_sums : n_sums;
        if (p->piece_bytes > w->buffer_bytes)
            w->buffer_bytes = p->piece_bytes;
    }
    if (n_partial > MOST_PARTIAL)
        n_partial = most > MOST_PARTIAL ? most : MOST_PARTIAL;
    /* Whole cache lines, so that threads do not share one. */
    w->buffer_bytes = (w->buffer_bytes + 63) / 64 * 64;
    if (!st)
        st = hp__new_buffer(&w->buffers, w->threads, w->buffer_bytes, err);
    if (!st)
        st = hp__new_buffer(&w->partial, n_partial, sizeof *w->partial, err);
    if (!st)
        st = hp__new(&w->totals, n_sums, sizeof *w->totals, err);
    return st;
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    work w = {.m = m,
              .progress = &o->run.progress,
              .threads = o->run.threads ? o->run.threads : hp_backend_cpus()};
    const hp_tensor *opaque = hp_model_opaque(m);
    if (opaque)
        return hp_fail(err, HP_UNSUPPORTED,
                       "tensor '%s': nothing is computed with %s", opaque->name,
                       opaque->dtype_name);
    hp_status st = plan(&w, err);
    size_t next = 0;
    while (next < hp_model_n_blocks(m) && !st) {
        batch b = begin_batch(&w, next);
        st = add_pieces(&w, &b, err);
        for (; next < b.end && !st; next++)
            finish_block(values, &w, &w.blocks[next]);
    }
    free(w.blocks);
    free(w.buffers);
    free(w.partial);
    free(w.totals);
    return st;
}

const hp__scorer hp__scorer_magnitude = {
    .method = {.name = "magnitude",
               .unit = "weight",
               .summary = "norms of the head's query, key, value and output "
                          "weights; needs no data",
               .passes = "0",
               .zeroed = 114.8,
               .refitted = 105.9,
               .choice = 3,
               .why = "forward passes are not computed for this model, so "
                      "weights are all there is to look at"},
    .weigh = weigh};
