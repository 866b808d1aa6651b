/*
 * Chunks are the unit of reading: large enough for the file system, small
 * enough to be converted while they are in the cache. Which thread reads a
 * chunk changes nothing but the order of system calls.
 */
#include "run/weights.h"
#include "base/arena.h"
#include "run/outcome.h"

#include <omp.h>
#include <stdlib.h>

/* The values of a band lie in `n` runs of `length`, `step` apart. */
typedef struct layout {
    uint64_t n, length, step, first;
    uint64_t chunks; /* of each run */
} layout;

hp_status hp__reader_open(hp__reader *out, const hp_model *m,
                          const hp__kernels *kernels, unsigned threads,
                          hp_error *err)
{
    out->model = m;
    out->kernels = kernels;
    out->threads = threads;
    out->form = HP__AS_STORED;
    return hp__new(&out->raw, threads, HP__RAW_BYTES, err);
}

void hp__reader_close(hp__reader *r)
{
    free(r->raw);
    r->raw = NULL;
}

hp__band hp__band_all(const hp_tensor *t)
{
    return (hp__band){t, t->n_elements, 0, 1, 0, t->n_elements};
}

hp__band hp__band_outputs(const hp_linear *l, uint64_t first, uint64_t count)
{
    uint64_t width = l->weight->dims[1];
    if (l->out_axis)
        return (hp__band){l->weight,        width, 0, l->n_in,
                          l->first + first, count};
    return (hp__band){l->weight, width, l->first + first, count, 0, l->n_in};
}

hp__band hp__band_bias(const hp_linear *l, uint64_t first, uint64_t count)
{
    uint64_t width = l->bias->n_elements;
    return (hp__band){l->bias, width, 0, 1, l->first + first, count};
}

static size_t width_of(const hp_tensor *t)
{
    switch (t->dtype) {
    case HP_DTYPE_F64:
        return 8;
    case HP_DTYPE_F32:
        return 4;
    case HP_DTYPE_F16:
    case HP_DTYPE_BF16:
    case HP_DTYPE_OTHER:
        break;
    }
    return 2;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static layout layout_of(const hp__band *b)
{
    layout r = {b->rows, b->cols, b->width, b->row * b->width + b->col, 0};
    if (b->cols == b->width || b->rows == 1) {
        r.length *= r.n;
        r.n = 1;
    }
    r.chunks = (r.length + HP__CHUNK - 1) / HP__CHUNK;
    return r;
}

/* One of the values from `first` on is not finite: names it. */
static hp_status fail_value(const hp__reader *r, const hp_tensor *t,
                            uint64_t first, const float *values, hp_error *err)
{
    while (r->kernels->is_finite(values, 1)) {
        values++;
        first++;
    }
    return hp_fail(err, HP_FORMAT,
                   "tensor '%s': element %llu is NaN, infinite or beyond "
                   "single precision",
                   t->name, (unsigned long long)first);
}

/* The room of the calling thread: for what is stored, and for its floats. */
static unsigned char *raw_of(const hp__reader *r)
{
    size_t thread = r->threads > 1 ? (size_t)omp_get_thread_num() : 0;
    return r->raw + thread * HP__RAW_BYTES;
}

static float *floats_of(const hp__reader *r)
{
    return (float *)(void *)(raw_of(r) + HP__CHUNK * 8);
}

static hp_status read_chunk(float *out, const hp__reader *r, const hp_tensor *t,
                            uint64_t first, size_t n, hp_error *err)
{
    unsigned char *raw = raw_of(r);
    size_t width = width_of(t);
    float *floats = out ? out : floats_of(r);
    void *stored = t->dtype == HP_DTYPE_F32 ? (void *)floats : (void *)raw;
    hp_status st = hp_checkpoint_read(hp_model_checkpoint(r->model), t,
                                      first * width, n * width, stored, err);
    if (st)
        return st;
    return r->kernels->convert(floats, stored, n, t->dtype)
               ? HP_OK
               : fail_value(r, t, first, floats, err);
}

/* Chunk i of all chunks of all runs. */
static hp_status read_nth(float *out, const hp__reader *r, const hp__band *b,
                          uint64_t i, hp_error *err)
{
    layout all = layout_of(b);
    uint64_t run = i / all.chunks, from = i % all.chunks * HP__CHUNK;
    uint64_t left = all.length - from;
    return read_chunk(out ? out + run * all.length + from : NULL, r, b->tensor,
                      all.first + run * all.step + from,
                      left < HP__CHUNK ? (size_t)left : HP__CHUNK, err);
}

hp_status hp__read_band(float *out, const hp__reader *r, const hp__band *band,
                        hp_error *err)
{
    layout all = layout_of(band);
    uint64_t n = all.n * all.chunks;
    if (r->threads == 1 || n < 4) {
        for (uint64_t i = 0; i < n; i++) {
            hp_status st = read_nth(out, r, band, i, err);
            if (st)
                return st;
        }
        return HP_OK;
    }
    hp__outcome outcome;
    hp__outcome_init(&outcome);
#pragma omp parallel for num_threads(r->threads) schedule(static)
    for (uint64_t i = 0; i < n; i++) {
        hp_error mine = {{0}, {0}, {0}};
        if (!hp__outcome_stops(&outcome, i))
            hp__outcome_add(&outcome, i, read_nth(out, r, band, i, &mine),
                            &mine);
    }
    return hp__outcome_get(&outcome, err);
}

/* ---- strips ---- */

/* A band is read in parts of rows x cols values. Rows that become columns
 * come by whole strips. */
typedef struct parts {
    uint64_t rows, cols;
    uint64_t down, across; /* how many of them */
} parts;

static parts parts_of(const hp__band *b, int turned)
{
    parts p = {turned ? HP__STRIP : 1, 0, 0, 0};
    p.cols = HP__CHUNK / p.rows;
    if (p.cols >= b->cols) {
        p.cols = b->cols;
        p.rows = HP__CHUNK / p.cols / p.rows * p.rows;
    }
    p.down = (b->rows + p.rows - 1) / p.rows;
    p.across = (b->cols + p.cols - 1) / p.cols;
    return p;
}

/* Part i of a band, its rows side by side. */
static hp_status read_part(hp__part *out, hp__band *at, const hp__reader *r,
                           const parts *p, uint64_t i, hp_error *err)
{
    float *floats = floats_of(r);
    uint64_t down = i / p->across * p->rows, across = i % p->across * p->cols;
    hp__band b = *at;
    b.row += down;
    b.col += across;
    b.rows = smaller(b.rows - down, p->rows);
    b.cols = smaller(b.cols - across, p->cols);
    uint64_t n = b.rows * b.cols, run = b.cols == b.width ? n : b.cols;
    hp_status st = HP_OK;
    for (uint64_t done = 0; done < n && !st; done += run)
        st = read_chunk(floats + done, r, b.tensor,
                        (b.row + done / b.cols) * b.width + b.col, run, err);
    *out = (hp__part){floats, b.rows, b.cols, b.cols};
    *at = (hp__band){.row = down, .col = across};
    return st;
}

hp_status hp__read_strips(float *out, size_t step, const hp__reader *r,
                          const hp__band *band, int turned, hp_error *err)
{
    if (!band->rows || !band->cols)
        return HP_OK;
    parts p = parts_of(band, turned);
    hp__outcome outcome;
    hp__outcome_init(&outcome);
#pragma omp parallel for num_threads(r->threads) schedule(static)
    for (uint64_t i = 0; i < p.down * p.across; i++) {
        hp_error mine = {{0}, {0}, {0}};
        hp__part part;
        hp__band at = *band;
        if (hp__outcome_stops(&outcome, i))
            continue;
        hp_status st = read_part(&part, &at, r, &p, i, &mine);
        hp__outcome_add(&outcome, i, st, &mine);
        if (!st && turned)
            hp__strips_put_turned(out, step, at.col, at.row, &part);
        else if (!st)
            hp__strips_put(out, step, at.row, at.col, &part);
    }
    return hp__outcome_get(&outcome, err);
}
