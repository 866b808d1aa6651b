/*
 * Moments in, new output projections out: as the pass comes by a block, it is
 * solved for every mask that takes heads of it.
 */
#include "base/arena.h"
#include "base/checked.h"
#include "io/spill.h"
#include "model/graph.h"
#include "nn/kernels.h"
#include "refit/solve.h"
#include "refit/stored.h"
#include "stats/output_map.h"

#include <stdlib.h>

#define DAMPING        0.01
#define DEFAULT_BUDGET ((size_t)64 << 20)

typedef struct owner {
    hp_refit r; /* first: freeing it is freeing all */
    hp__arena arena;
    const unsigned char *mask;
    hp_refit_block *blocks;       /* [r.n_blocks] */
    hp_replacement *replacements; /* [r.n_blocks] */
    hp__spill bytes;              /* of all replacements */
} owner;

typedef struct work {
    const hp_model *m;
    double damping;
    hp__solver solver;
    double *w, *w_new; /* [n, D] */
    owner **at;        /* [n] that the moments are for */
    size_t n;
} work;

static int loses_heads(const hp_block *b, const unsigned char *mask)
{
    for (size_t h = 0; h < b->n_heads; h++)
        if (mask[b->first_head + h])
            return 1;
    return 0;
}

/* ---- what is made ---- */

static hp_status check_tensor(const hp_block *b, hp_error *err)
{
    const hp_tensor *t = b->o.weight;
    if (!hp__encoded_size(t->dtype))
        return hp_fail(err, HP_UNSUPPORTED,
                       "tensor '%s': weights in %s cannot be refitted", t->name,
                       t->dtype_name);
    if (b->o.first || t->n_elements != b->o.n_in * b->o.count)
        return hp_fail(err, HP_UNSUPPORTED,
                       "tensor '%s': it is more than one output projection and "
                       "cannot be refitted",
                       t->name);
    return HP_OK;
}

/* Lists the blocks that lose heads; `*total`: bytes of their tensors. */
static hp_status list_blocks(owner *w, uint64_t *total, const hp_model *m,
                             hp_error *err)
{
    size_t n = m->n_blocks;
    hp_status st =
        hp__arena_alloc(&w->blocks, &w->arena, n, sizeof *w->blocks, err);
    if (!st)
        st = hp__arena_alloc(&w->replacements, &w->arena, n,
                             sizeof *w->replacements, err);
    for (size_t i = 0; i < n && !st; i++) {
        const hp_block *b = &m->blocks[i];
        if (!loses_heads(b, w->mask))
            continue;
        st = check_tensor(b, err);
        w->blocks[w->r.n_blocks].block = b;
        w->replacements[w->r.n_blocks++].tensor = b->o.weight;
        *total += b->o.weight->size;
    }
    w->r.blocks = w->blocks;
    w->r.replacements = w->replacements;
    return st;
}

static hp_status new_refit(owner **out, const hp_model *m,
                           const unsigned char *mask, size_t in_memory,
                           hp_error *err)
{
    owner *w = NULL;
    uint64_t total = 0;
    hp_status st = hp__new(&w, 1, sizeof *w, err);
    *out = w;
    if (st)
        return st;
    w->mask = mask;
    st = list_blocks(w, &total, m, err);
    if (!st)
        st = hp__spill_open(&w->bytes, total, 1, in_memory, err);
    unsigned char *at = w->bytes.at;
    for (size_t i = 0; i < w->r.n_blocks && !st; i++) {
        w->replacements[i].bytes = at;
        at += w->replacements[i].tensor->size;
    }
    return st;
}

void hp_refit_free(hp_refit *r)
{
    owner *w = (owner *)r;
    if (!w)
        return;
    hp__spill_close(&w->bytes);
    hp__arena_clear(&w->arena);
    free(w);
}

/* ---- one block ---- */

static void store(unsigned char *out, const hp_linear *l, const double *w)
{
    hp_dtype dtype = l->weight->dtype;
    size_t size = hp__encoded_size(dtype), n = (size_t)l->n_in;
    size_t width = (size_t)l->count;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++) {
            size_t at = l->out_axis ? i * width + j : j * n + i;
            hp__encode(out + at * size, w[i * width + j], dtype);
        }
}

/* Kept rows as they are. */
static void keep_rows(double *w_new, const double *w, const hp_moments *s,
                      const unsigned char *masked)
{
    size_t width = hp__projection_width(s->block), dim = s->block->head_dim;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < width; j++)
            w_new[i * width + j] = masked[i / dim] ? 0 : w[i * width + j];
}

static hp_status refit_block(work *k, owner *w, size_t i, const hp_moments *s,
                             hp_error *err)
{
    const hp_block *b = s->block;
    const hp__block_task task = {.moments = s,
                                 .w = k->w,
                                 .masked = w->mask + b->first_head,
                                 .dtype = b->o.weight->dtype,
                                 .damping = k->damping};
    hp_status st = hp__solve(&w->blocks[i], k->w_new, &k->solver, &task, err);
    if (st)
        return st;
    if (!w->blocks[i].refitted)
        keep_rows(k->w_new, k->w, s, task.masked);
    size_t at = (size_t)(w->replacements[i].bytes - w->replacements[0].bytes);
    store((unsigned char *)w->bytes.at + at, &b->o, k->w_new);
    return HP_OK;
}

static size_t find_block(const hp_refit *r, const hp_block *b)
{
    size_t i = 0;
    while (i < r->n_blocks && r->blocks[i].block != b)
        i++;
    return i;
}

static hp_status visit(void *payload, const hp_moments *s, hp_error *err)
{
    work *k = payload;
    int read = 0;
    hp_status st = HP_OK;
    for (size_t i = 0; i < k->n && !st; i++) {
        size_t at = find_block(&k->at[i]->r, s->block);
        if (at == k->at[i]->r.n_blocks)
            continue;
        if (!read)
            st = hp__projection_read(k->w, k->m, s->block, err);
        read = 1;
        if (!st)
            st = refit_block(k, k->at[i], at, s, err);
    }
    return st;
}

/* ---- passes ---- */

static hp_status take_moments(work *k, const hp_refit_options *o, hp_error *err)
{
    hp_moments_source source = {o->stats, o->sequences, o->run};
    const hp_moments_visitor visitor = {visit, k};
    source.run.masks = NULL;
    source.run.n_variants = 0;
    source.run.projections = (hp_projections){0};
    return hp_moments_take(k->m, &source, &visitor, err);
}

/* A pass for each mask, in which every block reads what the refitted blocks
 * before it make. Pruned rows are zero, so no head needs to be masked and what
 * it would have put out is still seen. */
static hp_status take_turns(work *k, const hp_refit_options *o, hp_error *err)
{
    owner **all = k->at;
    size_t n = k->n;
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++) {
        const hp_refit *one = &all[i]->r;
        hp_refitted variants = {&one, 1};
        const hp_moments_visitor visitor = {visit, k};
        hp_run_options run = o->run;
        run.masks = NULL;
        run.n_variants = 0;
        run.projections = hp_refit_projections(&variants);
        k->at = &all[i];
        k->n = 1;
        st = hp_moments_sweep(k->m, o->sequences, &run, &visitor, err);
    }
    k->at = all;
    k->n = n;
    return st;
}

static hp_status get_room(work *k, const hp_refit_options *o, hp_error *err)
{
    hp_status st = hp__solver_open(&k->solver, k->m, &o->run, err);
    size_t n = k->solver.n, width = k->solver.width;
    if (!st)
        st = hp__new(&k->w, n, width * sizeof(double), err);
    if (!st)
        st = hp__new(&k->w_new, n, width * sizeof(double), err);
    return st;
}

static hp_status make_all(work *k, const unsigned char *const *masks,
                          const hp_refit_options *o, hp_error *err)
{
    size_t budget = o->run.budget ? o->run.budget : DEFAULT_BUDGET;
    hp_status st = get_room(k, o, err);
    for (size_t i = 0; i < k->n && !st; i++) {
        st = new_refit(&k->at[i], k->m, masks[i], budget / k->n, err);
        if (!st) {
            k->at[i]->r.damping = k->damping;
            k->at[i]->r.sequential = o->sequential;
        }
    }
    if (st)
        return st;
    return o->sequential ? take_turns(k, o, err) : take_moments(k, o, err);
}

hp_status hp_refit_make(hp_refit **out, const hp_model *m,
                        const unsigned char *const *masks, size_t n,
                        const hp_refit_options *o, hp_error *err)
{
    work k = {.m = m, .damping = o->damping > 0 ? o->damping : DAMPING, .n = n};
    for (size_t i = 0; i < n; i++)
        out[i] = NULL;
    if (!o->run.backend)
        return hp_fail(err, HP_INVALID, "a refit needs a backend");
    if (!n)
        return HP_OK;
    hp_status st = hp__new(&k.at, n, sizeof(void *), err);
    if (!st)
        st = make_all(&k, masks, o, err);
    for (size_t i = 0; i < n && k.at; i++) {
        if (st)
            hp_refit_free(k.at[i] ? &k.at[i]->r : NULL);
        else
            out[i] = &k.at[i]->r;
    }
    hp__solver_close(&k.solver);
    free(k.w);
    free(k.w_new);
    free(k.at);
    return st;
}

/* ---- what others take ---- */

const unsigned char *hp_refit_find(const hp_refit *r, const hp_tensor *t)
{
    for (size_t i = 0; r && i < r->n_blocks; i++)
        if (r->replacements[i].tensor == t && r->blocks[i].refitted)
            return r->replacements[i].bytes;
    return NULL;
}

static hp_status get_projection(void *payload, hp_projection *p, hp_error *err)
{
    const hp_refitted *all = payload;
    const hp_refit *r = p->variant < all->n ? all->refits[p->variant] : NULL;
    size_t i = r ? find_block(r, p->block) : 0;
    if (!r || i == r->n_blocks)
        return HP_OK;
    const hp_tensor *t = r->replacements[i].tensor;
    if (!hp__kernels_at(0)->convert(p->weight, r->replacements[i].bytes,
                                    (size_t)t->n_elements, t->dtype))
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': its refitted values leave the range of "
                       "single precision",
                       t->name);
    p->given = 1;
    return HP_OK;
}

hp_projections hp_refit_projections(hp_refitted *r)
{
    return (hp_projections){get_projection, r};
}
