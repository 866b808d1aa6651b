/*
 * One pass over the attention weights, bound by memory. What is read together
 * is a strip: heads side by side along one axis of one tensor. Query, key and
 * value of GPT-2 lie in one tensor and make one strip.
 */
#include "run/squares.h"
#include "base/arena.h"
#include "headprune/backend.h"
#include "nn/kernels.h"
#include "run/outcome.h"

#include <omp.h>
#include <stdlib.h>

#define READ_BYTES ((size_t)256 << 10)

typedef struct strip {
    const hp_tensor *tensor;
    unsigned axis;         /* along which the heads lie */
    uint64_t first, group; /* first row or column, and how many a head has */
    uint64_t n_groups;
    double *sums; /* [n_groups] */
} strip;

typedef struct job {
    const hp_checkpoint *checkpoint;
    const hp__kernels *kernels;
    strip *strips; /* [n_strips] */
    size_t n_strips;
    double *sums;  /* [all groups of all strips] */
    size_t buffer; /* bytes for one thread */
} job;

static uint64_t columns(const strip *s)
{
    return s->tensor->dims[1];
}

static size_t element(const strip *s)
{
    return (size_t)(s->tensor->size / s->tensor->n_elements);
}

/* Reads `n` values from value `from` on. */
static hp_status read_values(void *out, const job *j, const strip *s,
                             uint64_t from, uint64_t n, hp_error *err)
{
    size_t width = element(s);
    return hp_checkpoint_read(j->checkpoint, s->tensor, from * width, n * width,
                              out, err);
}

/* Heads are bands of columns: every row adds to every head. */
static hp_status sum_columns(const job *j, const strip *s, unsigned char *raw,
                             hp_error *err)
{
    uint64_t rows = s->tensor->dims[0], used = s->group * s->n_groups;
    size_t row_bytes = (size_t)columns(s) * element(s);
    int whole = used == columns(s);
    uint64_t step = whole ? j->buffer / row_bytes : 1;
    for (uint64_t r = 0; r < rows; r += step) {
        uint64_t n = step < rows - r ? step : rows - r;
        hp_status st = read_values(raw, j, s, r * columns(s) + s->first,
                                   whole ? n * columns(s) : used, err);
        if (st)
            return st;
        for (uint64_t i = 0; i < n; i++)
            j->kernels->add_squares(s->sums, raw + i * row_bytes,
                                    (size_t)s->n_groups, (size_t)s->group,
                                    s->tensor->dtype);
    }
    return HP_OK;
}

/* Heads are bands of rows: every row adds to one head. */
static hp_status sum_rows(const job *j, const strip *s, unsigned char *raw,
                          hp_error *err)
{
    size_t row_bytes = (size_t)columns(s) * element(s);
    uint64_t rows = s->group * s->n_groups, step = j->buffer / row_bytes;
    for (uint64_t r = 0; r < rows; r += step) {
        uint64_t n = step < rows - r ? step : rows - r;
        hp_status st = read_values(raw, j, s, (s->first + r) * columns(s),
                                   n * columns(s), err);
        if (st)
            return st;
        for (uint64_t i = 0; i < n; i++)
            j->kernels->add_squares(&s->sums[(r + i) / s->group],
                                    raw + i * row_bytes, 1, (size_t)columns(s),
                                    s->tensor->dtype);
    }
    return HP_OK;
}

static hp_status sum_strip(const job *j, const strip *s, unsigned char *raw,
                           hp_error *err)
{
    return s->axis ? sum_columns(j, s, raw, err) : sum_rows(j, s, raw, err);
}

/* ---- which strips a model has ---- */

/* 1: b goes on where a ends, in the same tensor. */
static int follows(const strip *b, const strip *a)
{
    return b->tensor == a->tensor && b->axis == a->axis &&
           b->group == a->group &&
           b->first == a->first + a->group * a->n_groups;
}

static void add_strip(job *j, strip s, double **at)
{
    s.sums = *at;
    *at += s.n_groups;
    size_t need = (size_t)columns(&s) * element(&s);
    if (need > j->buffer)
        j->buffer = need;
    if (j->n_strips && follows(&s, &j->strips[j->n_strips - 1]))
        j->strips[j->n_strips - 1].n_groups += s.n_groups;
    else
        j->strips[j->n_strips++] = s;
}

/* Heads of a map that do not lie side by side make strips of their own. */
static void add_outputs(job *j, const hp_linear *l, uint64_t heads,
                        uint64_t head_dim, double **at)
{
    int dense = l->head_stride == head_dim;
    strip s = {l->weight, l->out_axis,       l->first,
               head_dim,  dense ? heads : 1, NULL};
    for (uint64_t h = 0; h < (dense ? 1 : heads); h++) {
        s.first = l->first + h * l->head_stride;
        add_strip(j, s, at);
    }
}

/* Sums of a block: of its query heads, key heads, value heads, and inputs of
 * the output projection, in this order. */
static void add_block(job *j, const hp_block *b, double **at)
{
    add_outputs(j, &b->q, b->n_heads, b->head_dim, at);
    add_outputs(j, &b->k, b->n_kv_heads, b->head_dim, at);
    add_outputs(j, &b->v, b->n_kv_heads, b->head_dim, at);
    strip o = {b->o.weight, 1 - b->o.out_axis, 0,
               b->head_dim, b->n_heads,        NULL};
    add_strip(j, o, at);
}

static size_t sums_of(const hp_block *b)
{
    return 2 * ((size_t)b->n_heads + b->n_kv_heads);
}

static hp_status plan(job *j, const hp_model *m, hp_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < hp_model_n_blocks(m); i++)
        n += sums_of(hp_model_block(m, i));
    j->checkpoint = hp_model_checkpoint(m);
    j->kernels = hp__kernels_at(0);
    j->buffer = READ_BYTES;
    hp_status st = hp__new(&j->sums, n, sizeof *j->sums, err);
    if (!st)
        st = hp__new(&j->strips, n, sizeof *j->strips, err);
    double *at = j->sums;
    for (size_t i = 0; i < hp_model_n_blocks(m) && !st; i++)
        if (hp_model_block(m, i)->n_heads)
            add_block(j, hp_model_block(m, i), &at);
    return st;
}

static hp_status sum_all(const job *j, unsigned threads, hp_error *err)
{
    unsigned char *raw;
    hp_status st = hp__new(&raw, threads, j->buffer, err);
    if (st)
        return st;
    hp__outcome outcome;
    hp__outcome_init(&outcome);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t i = 0; i < j->n_strips; i++) {
        hp_error mine = {{0}, {0}, {0}};
        unsigned char *buffer = raw + (size_t)omp_get_thread_num() * j->buffer;
        if (!hp__outcome_stops(&outcome, i))
            hp__outcome_add(&outcome, i,
                            sum_strip(j, &j->strips[i], buffer, &mine), &mine);
    }
    free(raw);
    return hp__outcome_get(&outcome, err);
}

static void hand_out(double (*squares)[4], const hp_model *m, const double *at)
{
    for (size_t i = 0; i < hp_model_n_blocks(m); i++) {
        const hp_block *b = hp_model_block(m, i);
        const double *k = at + b->n_heads, *v = k + b->n_kv_heads;
        const double *o = v + b->n_kv_heads;
        for (uint32_t h = 0; h < b->n_heads; h++) {
            uint32_t shared = h / (b->n_heads / b->n_kv_heads);
            double *out = squares[b->first_head + h];
            out[HP_ROLE_Q] = at[h];
            out[HP_ROLE_K] = k[shared];
            out[HP_ROLE_V] = v[shared];
            out[HP_ROLE_O] = o[h];
        }
        at += sums_of(b);
    }
}

hp_status hp__run_squares(double (*squares)[4], const hp_model *m,
                          unsigned threads, hp_error *err)
{
    job j = {0};
    hp_status st = plan(&j, m, err);
    if (!st)
        st = sum_all(&j, threads ? threads : hp_backend_cpus(), err);
    if (!st)
        hand_out(squares, m, j.sums);
    free(j.strips);
    free(j.sums);
    return st;
}
