/*
 * Chunk by chunk: the sweep of every model gathers the hidden states that
 * predict (or their means), then the vocabulary passes over all of them.
 * Chunks begin where the sweep would begin a piece anyway and groups of rows
 * do not cross pieces, so that what a row is multiplied with depends on
 * nothing but the text.
 */
#include "run/passes.h"
#include "base/arena.h"
#include "run/engine.h"
#include "run/projection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BUDGET ((size_t)64 << 20)

typedef struct chunk {
    hp__passes *p;
    const unsigned char **masks; /* [variants of the model] */
    size_t n_masks;
    unsigned threads;
    size_t first, end;     /* windows */
    size_t *start;         /* [windows of the chunk + 1] */
    size_t *decoder_start; /* the same of the decoder's */
    size_t *groups;        /* [n_groups + 1] targets, from the chunk's first */
    size_t n_groups;
    hp__lane *lanes;              /* [n_lanes] */
    double *pooled;               /* [n_lanes][windows][D] */
    size_t lane;                  /* of the sweep's first variant */
    uint64_t done, total, before; /* progress */
} chunk;

static const hp_model *model_of(const hp__passes *p, size_t lane)
{
    return p->base && p->has_base && !lane ? p->base : p->model;
}

/* ---- what a chunk is ---- */

static size_t bytes_of(const hp__passes *p, size_t first, size_t end)
{
    const size_t *at = p->targets->first;
    size_t rows = at[end] - at[first], bytes = 0;
    for (size_t l = 0; l < p->n_lanes; l++) {
        size_t width = model_of(p, l)->spec.width;
        bytes += p->pools
                     ? (end - first) * width * sizeof(double)
                     : rows * (width * sizeof(float) + sizeof(hp__row_sums));
    }
    return bytes;
}

static size_t budget_of(const hp__passes *p)
{
    return p->run->budget ? p->run->budget : DEFAULT_BUDGET;
}

/* As many pieces as half of the budget holds; the sweep has the other half. */
static size_t chunk_end(const hp__passes *p, size_t first)
{
    const hp_sequences *s = &p->targets->windows;
    size_t end = hp__piece_end(s, first);
    while (end < s->n) {
        size_t next = hp__piece_end(s, end);
        if (bytes_of(p, first, next) > budget_of(p) / 2)
            break;
        end = next;
    }
    return end;
}

/* Rows of one piece, HP__GROUP_ROWS of them at a time. */
static void cut_groups(chunk *c)
{
    const hp__targets *t = c->p->targets;
    c->n_groups = 0;
    c->groups[0] = 0;
    for (size_t w = c->first; w < c->end;) {
        size_t end = hp__piece_end(&t->windows, w);
        size_t at = t->first[w] - t->first[c->first];
        size_t past = t->first[end] - t->first[c->first];
        for (; at < past; c->groups[++c->n_groups] = at)
            at += past - at < HP__GROUP_ROWS ? past - at : HP__GROUP_ROWS;
        w = end;
    }
}

/* ---- memory of the largest chunk ---- */

static hp_status get_lanes(chunk *c, size_t rows, size_t windows, hp_error *err)
{
    const hp__passes *p = c->p;
    hp_status st = hp__new(&c->lanes, p->n_lanes, sizeof *c->lanes, err);
    int pools = p->pools;
    for (size_t l = 0; l < p->n_lanes && !st; l++) {
        hp__lane *lane = &c->lanes[l];
        lane->model = model_of(p, l);
        size_t width = lane->model->spec.width;
        if (pools)
            continue;
        st = hp__new(&lane->rows, rows, width * sizeof *lane->rows, err);
        if (!st)
            st = hp__new(&lane->sums, rows, sizeof *lane->sums, err);
    }
    if (!st && pools)
        st = hp__new(&c->pooled, p->n_lanes * windows,
                     p->model->spec.width * sizeof *c->pooled, err);
    return st;
}

static hp_status get_memory(chunk *c, hp_error *err)
{
    const hp__targets *t = c->p->targets;
    size_t rows = 0, windows = 0, groups = 0;
    for (size_t w = 0; w < t->windows.n;) {
        size_t end = chunk_end(c->p, w), n = t->first[end] - t->first[w];
        rows = n > rows ? n : rows;
        windows = end - w > windows ? end - w : windows;
        w = end;
    }
    groups = rows / HP__GROUP_ROWS + windows + 1;
    hp_status st = hp__new(&c->start, windows + 1, sizeof *c->start, err);
    if (!st)
        st = hp__new(&c->decoder_start, windows + 1, sizeof *c->start, err);
    if (!st)
        st = hp__new(&c->groups, groups + 1, sizeof *c->groups, err);
    return st ? st : get_lanes(c, rows, windows, err);
}

static void release(chunk *c)
{
    for (size_t l = 0; l < c->p->n_lanes && c->lanes; l++) {
        free(c->lanes[l].rows);
        free(c->lanes[l].sums);
    }
    free(c->lanes);
    free(c->pooled);
    free(c->groups);
    free(c->start);
    free(c->decoder_start);
    free(c->masks);
}

/* ---- hidden states ---- */

static void keep_rows(chunk *c, const hp_seen *seen, size_t lane)
{
    const hp__targets *t = c->p->targets;
    size_t w = c->first + seen->sequence,
           width = c->lanes[lane].model->spec.width;
    size_t row = hp__targets_rows(t)->start[w] + seen->position;
    for (size_t i = t->first[w]; i < t->first[w + 1]; i++)
        if (t->rows[i] >= row && t->rows[i] < row + seen->n_query)
            memcpy(c->lanes[lane].rows + (i - t->first[c->first]) * width,
                   seen->hidden + (t->rows[i] - row) * width,
                   width * sizeof(float));
}

static void pool(chunk *c, const hp_seen *seen, size_t lane)
{
    size_t width = c->p->model->spec.width, n = c->end - c->first;
    double *sum = c->pooled + (lane * n + seen->sequence) * width;
    if (!seen->position)
        memset(sum, 0, width * sizeof *sum);
    for (size_t i = 0; i < seen->n_query; i++)
        for (size_t j = 0; j < width; j++)
            sum[j] += (double)seen->hidden[i * width + j];
}

static void see(void *payload, const hp_seen *seen)
{
    chunk *c = payload;
    size_t lane = c->lane + seen->variant;
    if (c->p->pools)
        pool(c, seen, lane);
    else
        keep_rows(c, seen, lane);
}

static int step(void *payload, uint64_t done, uint64_t total)
{
    chunk *c = payload;
    const hp_progress *to = &c->p->run->progress;
    (void)total;
    c->done = c->before + done;
    return to->step(to->payload, c->done, c->total);
}

/* The chunk's windows; `start` is filled in. */
static hp_sequences part(const chunk *c, size_t *start, const hp_sequences *all)
{
    for (size_t i = 0; i <= c->end - c->first; i++)
        start[i] = all->start[c->first + i] - all->start[c->first];
    return (hp_sequences){.ids = all->ids + all->start[c->first],
                          .start = start,
                          .n = c->end - c->first};
}

/* Projections are given by mask; the base has none of its own. */
static hp_status get_projection(void *payload, hp_projection *p, hp_error *err)
{
    const chunk *c = payload;
    const hp_projections *given = &c->p->run->projections;
    size_t own = c->p->has_base && !c->p->base;
    hp_projection of_mask = *p;
    if (p->variant < own)
        return HP_OK;
    of_mask.variant -= own;
    hp_status st = given->get(given->payload, &of_mask, err);
    p->given = of_mask.given;
    return st;
}

/* Hidden states of a model under `masks`, for lanes from `lane` on. */
static hp_status sweep(chunk *c, const hp_model *m, size_t lane,
                       const unsigned char *const *masks, size_t n,
                       hp_error *err)
{
    const hp_observer observer = {
        .wants = HP_SEE_HIDDEN, .see = see, .payload = c};
    const hp_sequences *all = &c->p->targets->windows;
    hp_sequences decoder, s = part(c, c->start, all);
    if (all->decoder) {
        decoder = part(c, c->decoder_start, all->decoder);
        s.decoder = &decoder;
    }
    hp_run_options o = *c->p->run;
    o.budget = budget_of(c->p) / 2;
    o.masks = masks;
    o.n_variants = n;
    c->before = c->done;
    c->lane = lane;
    if (o.projections.get)
        o.projections =
            (hp_projections){m == c->p->model ? get_projection : NULL, c};
    if (o.progress.step)
        o.progress = (hp_progress){step, c};
    return hp_run_sweep(m, &s, &o, &observer, err);
}

static hp_status gather(chunk *c, hp_error *err)
{
    hp__passes *p = c->p;
    size_t first = p->base && p->has_base;
    hp_status st = HP_OK;
    if (first) {
        st = sweep(c, p->base, 0, NULL, 0, err);
        if (st)
            return hp_fail_file(err, st, p->base->info.path);
    }
    return sweep(c, p->model, first, c->masks, c->n_masks, err);
}

/* ---- results ---- */

static hp_status project(const chunk *c, hp_error *err)
{
    const hp__passes *p = c->p;
    const hp__targets *t = p->targets;
    const hp__projection projection = {.backend = p->run->backend,
                                       .threads = c->threads,
                                       .lanes = c->lanes,
                                       .n_lanes = p->n_lanes,
                                       .compare = p->compare,
                                       .labels = t->labels + t->first[c->first],
                                       .groups = c->groups,
                                       .n_groups = c->n_groups};
    return hp__project(&projection, err);
}

static void add_losses(chunk *c)
{
    hp__passes *p = c->p;
    size_t first = p->targets->first[c->first];
    size_t n = p->targets->first[c->end] - first;
    for (size_t l = 0; l < p->n_lanes; l++) {
        hp__lane_results *r = &p->lanes[l];
        for (size_t i = 0; i < n; i++) {
            const hp__row_sums *base = &c->lanes[0].sums[i];
            const hp__row_sums *s = &c->lanes[l].sums[i];
            r->losses[first + i] = hp__row_loss(s);
            r->right += s->top == p->targets->labels[first + i];
            r->same_top1 += s->top == base->top;
            if (l && p->compare)
                r->kl += hp__row_divergence(base, s);
        }
    }
}

static double cosine(const double *a, const double *b, size_t n)
{
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (size_t i = 0; i < n; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static void add_cosines(chunk *c)
{
    size_t width = c->p->model->spec.width, n = c->end - c->first;
    for (size_t l = 0; l < c->p->n_lanes; l++)
        for (size_t w = 0; w < n; w++)
            c->p->lanes[l].cosines[c->first + w] = cosine(
                c->pooled + w * width, c->pooled + (l * n + w) * width, width);
}

static hp_status run_chunk(chunk *c, hp_error *err)
{
    hp_status st = gather(c, err);
    if (st)
        return st;
    if (c->p->pools) {
        add_cosines(c);
        return HP_OK;
    }
    cut_groups(c);
    if (c->p->targets->first[c->end] > c->p->targets->first[c->first])
        st = project(c, err);
    if (!st)
        add_losses(c);
    return st;
}

/* ---- all of it ---- */

/* The model's variants: unmasked first when it is its own base. */
static hp_status list_masks(chunk *c, hp_error *err)
{
    const hp__passes *p = c->p;
    const hp_run_options *o = p->run;
    size_t own = p->has_base && !p->base, given = o->n_variants;
    c->n_masks = own + (given ? given : 1);
    hp_status st = hp__new(&c->masks, c->n_masks, sizeof *c->masks, err);
    for (size_t i = 0; i < given && o->masks && !st; i++)
        c->masks[own + i] = o->masks[i];
    return st;
}

/* Tokens x layers, as the sweeps count them. */
static hp_status measure(chunk *c, hp_error *err)
{
    const hp__passes *p = c->p;
    const hp_sequences *s = &p->targets->windows;
    hp__variants v = {0};
    hp_status st = hp__variants_open(&v, p->model, c->masks, c->n_masks, err);
    if (!st)
        c->total = hp__sweep_work(p->model, s, &v);
    hp__variants_close(&v);
    if (p->base && p->has_base)
        c->total += hp__sweep_work(p->base, s, NULL);
    return st;
}

hp_status hp__passes_run(hp__passes *p, hp_error *err)
{
    unsigned wanted = p->run->threads ? p->run->threads : hp_backend_cpus();
    chunk c = {.p = p, .threads = hp__blas_room(wanted)};
    hp_status st = HP_OK;
    if (!c.threads)
        return hp_fail(err, HP_NOMEM,
                       "out of memory: OpenBLAS's buffers do not fit in the "
                       "address space allowed");
    st = list_masks(&c, err);
    if (!st)
        st = measure(&c, err);
    if (!st)
        st = get_memory(&c, err);
    while (c.first < p->targets->windows.n && !st) {
        c.end = chunk_end(p, c.first);
        st = run_chunk(&c, err);
        c.first = c.end;
    }
    release(&c);
    return st;
}
