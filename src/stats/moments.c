/* Moments of all blocks from one sweep, which goes through all sequences block
 * by block: one block's sums are held at a time. */
#include "base/arena.h"
#include "model/graph.h"
#include "nn/machine.h"
#include "stats/accumulate.h"

#include <stdlib.h>
#include <string.h>

typedef struct pass {
    const hp_moments_visitor *visitor;
    hp__accumulator accumulator;
    size_t n_sequences;
    double *sums; /* of one block: C, then the sum, then that of the stream */
    uint64_t rows;
} pass;

static size_t width_of(const hp_block *b)
{
    return (size_t)b->n_heads * b->head_dim;
}

static hp__sums sums_of(const pass *p, size_t n)
{
    return (hp__sums){
        .c = p->sums, .sum = p->sums + n * n, .stream = p->sums + n * n + n};
}

static hp_status finish(const pass *p, const hp_block *b, hp_error *err)
{
    hp__sums s = sums_of(p, width_of(b));
    hp__sums_mirror(s.c, width_of(b));
    const hp_moments moments = {.block = b,
                                .n = width_of(b),
                                .rows = p->rows,
                                .c = s.c,
                                .sum = s.sum,
                                .stream = *s.stream};
    return p->visitor->visit(p->visitor->payload, &moments, err);
}

static hp_status see_outputs(void *payload, const hp_seen_outputs *seen,
                             hp_error *err)
{
    pass *p = payload;
    size_t n = seen->n;
    if (seen->variant)
        return HP_OK;
    if (!seen->first_sequence) {
        memset(p->sums, 0, (n * n + n + 1) * sizeof *p->sums);
        p->rows = 0;
    }
    hp__sums to = sums_of(p, n);
    hp__accumulate(&p->accumulator, &to, seen);
    p->rows += seen->rows;
    int last = seen->first_sequence + seen->n_sequences == p->n_sequences;
    return last ? finish(p, seen->block, err) : HP_OK;
}

static hp_status open_pass(pass *p, const hp_model *m, const hp_run_options *o,
                           hp_error *err)
{
    unsigned wanted = o->threads ? o->threads : hp_backend_cpus();
    unsigned threads = hp__blas_room(wanted);
    size_t widest = 0;
    for (size_t i = 0; i < m->n_blocks; i++)
        if (width_of(&m->blocks[i]) > widest)
            widest = width_of(&m->blocks[i]);
    hp_status st =
        hp__new(&p->sums, widest * widest + widest + 1, sizeof *p->sums, err);
    return st ? st
              : hp__accumulator_open(&p->accumulator, o->backend->kernels,
                                     threads ? threads : 1, widest, err);
}

hp_status hp_moments_sweep(const hp_model *m, const hp_sequences *s,
                           const hp_run_options *o,
                           const hp_moments_visitor *visitor, hp_error *err)
{
    if (!o->backend)
        return hp_fail(err, HP_INVALID, "a forward pass needs a backend");
    pass p = {.visitor = visitor, .n_sequences = s->n};
    const hp_observer observer = {
        .wants = HP_SEE_OUTPUT, .outputs = see_outputs, .payload = &p};
    hp_status st = open_pass(&p, m, o, err);
    if (!st)
        st = hp_run_sweep(m, s, o, &observer, err);
    hp__accumulator_close(&p.accumulator);
    free(p.sums);
    return st;
}
