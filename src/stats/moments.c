/*
 * Moments of all blocks from one sweep. One block's sums are enough while the
 * sweep goes through all sequences block by block; when it comes back for more
 * of them, every block needs sums of its own.
 */
#include "base/arena.h"
#include "io/spill.h"
#include "model/graph.h"
#include "nn/machine.h"
#include "stats/accumulate.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_BUDGET ((size_t)64 << 20)

typedef struct pass {
    const hp_model *m;
    const hp_moments_visitor *visitor;
    hp__accumulator accumulator;
    size_t n_sequences;
    size_t room;      /* doubles of a block's sums */
    size_t in_memory; /* bytes of sums that stay in memory */
    hp__spill sums;   /* [n_sums, room] */
    size_t n_sums;    /* 1, or the model's blocks */
    uint64_t *rows;   /* [blocks] */
    size_t open;      /* the block whose sums are the one; SIZE_MAX: none */
} pass;

static size_t width_of(const hp_block *b)
{
    return (size_t)b->n_heads * b->head_dim;
}

static hp__sums sums_at(const pass *p, const hp_block *b)
{
    size_t n = width_of(b), i = p->n_sums == 1 ? 0 : (size_t)(b - p->m->blocks);
    double *at = (double *)p->sums.at + i * p->room;
    return (hp__sums){.c = at, .sum = at + n * n, .stream = at + n * n + n};
}

/* The sweep has left a block unfinished: from here on each has its own. */
static hp_status part_sums(pass *p, hp_error *err)
{
    hp__spill one = p->sums;
    size_t open = p->open;
    hp_status st = hp__spill_open(&p->sums, p->m->n_blocks,
                                  p->room * sizeof(double), p->in_memory, err);
    if (!st) {
        p->n_sums = p->m->n_blocks;
        memcpy((double *)p->sums.at + open * p->room, one.at,
               p->room * sizeof(double));
    }
    hp__spill_close(&one);
    return st;
}

static hp_status begin(pass *p, const hp_block *b, hp_error *err)
{
    size_t i = (size_t)(b - p->m->blocks);
    if (p->n_sums != 1 || p->open == i)
        return HP_OK;
    if (p->open != SIZE_MAX && p->m->n_blocks > 1)
        return part_sums(p, err);
    memset(p->sums.at, 0, p->room * sizeof(double));
    p->open = i;
    return HP_OK;
}

static hp_status finish(pass *p, const hp_block *b, hp_error *err)
{
    hp__sums s = sums_at(p, b);
    hp__sums_mirror(s.c, width_of(b));
    const hp_moments moments = {.block = b,
                                .n = width_of(b),
                                .rows = p->rows[b - p->m->blocks],
                                .c = s.c,
                                .sum = s.sum,
                                .stream = *s.stream};
    p->open = SIZE_MAX;
    return p->visitor->visit(p->visitor->payload, &moments, err);
}

static hp_status see_outputs(void *payload, const hp_seen_outputs *seen,
                             hp_error *err)
{
    pass *p = payload;
    const hp_block *b = seen->block;
    if (seen->variant)
        return HP_OK;
    hp_status st = begin(p, b, err);
    if (st)
        return st;
    hp__sums to = sums_at(p, b);
    hp__accumulate(&p->accumulator, &to, seen);
    p->rows[b - p->m->blocks] += seen->rows;
    int last = seen->first_sequence + seen->n_sequences == p->n_sequences;
    return last ? finish(p, b, err) : HP_OK;
}

static hp_status open_pass(pass *p, const hp_run_options *o, hp_error *err)
{
    unsigned wanted = o->threads ? o->threads : hp_backend_cpus();
    unsigned threads = hp__blas_room(wanted);
    size_t widest = 0;
    for (size_t i = 0; i < p->m->n_blocks; i++)
        if (width_of(&p->m->blocks[i]) > widest)
            widest = width_of(&p->m->blocks[i]);
    p->room = widest * widest + widest + 1;
    p->in_memory = o->budget ? o->budget : DEFAULT_BUDGET;
    p->open = SIZE_MAX;
    p->n_sums = 1;
    hp_status st = hp__new(&p->rows, p->m->n_blocks, sizeof *p->rows, err);
    if (!st)
        st = hp__spill_open(&p->sums, 1, p->room * sizeof(double), SIZE_MAX,
                            err);
    if (!st)
        st = hp__accumulator_open(&p->accumulator, &o->backend->blas,
                                  threads ? threads : 1, widest, err);
    return st;
}

hp_status hp_moments_sweep(const hp_model *m, const hp_sequences *s,
                           const hp_run_options *o,
                           const hp_moments_visitor *visitor, hp_error *err)
{
    if (!o->backend)
        return hp_fail(err, HP_INVALID, "a forward pass needs a backend");
    pass p = {.m = m, .visitor = visitor, .n_sequences = s->n};
    const hp_observer observer = {
        .wants = HP_SEE_OUTPUT, .outputs = see_outputs, .payload = &p};
    hp_status st = open_pass(&p, o, err);
    if (!st)
        st = hp_run_sweep(m, s, o, &observer, err);
    hp__accumulator_close(&p.accumulator);
    hp__spill_close(&p.sums);
    free(p.rows);
    return st;
}
