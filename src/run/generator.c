/*
 * What a generator holds: all weights in single precision, the cache, and
 * working memory that grows with the text.
 */
#include "run/generator.h"
#include "base/arena.h"
#include "base/checked.h"
#include "run/prepare.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_ROOM ((size_t)256) /* tokens in a new cache */

hp_status hp_generator_check(const hp_model *m, hp_error *err)
{
    const hp_spec *s = &m->spec;
    if (!hp_model_runs(m) || (s->causal && s->output == HP_OUTPUT_CAUSAL))
        return hp__run_check_model(m, err);
    hp_status st = hp_fail(err, HP_UNSUPPORTED, "a model of type '%s' %s",
                           m->info.model_type,
                           s->causal ? "without an output over the vocabulary "
                                       "cannot generate text"
                                     : "is not causal: it cannot generate "
                                       "text");
    return hp_fail_hint(err, st,
                        "its heads can be scored and pruned all the same");
}

/* All layers and the output, one after the other in one block. */
static hp_status weights_room(size_t *floats, size_t *layer, const hp_model *m,
                              hp_error *err)
{
    size_t output = 0, all;
    hp_status st = hp__layer_room(layer, m, err);
    if (!st)
        st = hp__output_room(&output, m, err);
    if (!st)
        st = hp__map_room(&output, &m->output.decoder, err);
    output += hp__norm_room(&m->encoder_norm);
    if (!st && (!hp__mul(&all, *layer, m->spec.n_layers) ||
                !hp__add(floats, all, output)))
        return hp_fail(err, HP_NOMEM, "out of memory (weights)");
    return st;
}

static hp_status load_weights(hp_generator *g, hp_error *err)
{
    hp__run *r = &g->run;
    const hp_model *m = r->model;
    size_t floats = 0, layer = 0;
    hp_status st = weights_room(&floats, &layer, m, err);
    if (st)
        return st;
    free(r->layer_room); /* that of one layer */
    r->layer_room = NULL;
    st = hp__new(&r->layer_room, floats, sizeof(float), err);
    if (!st)
        st = hp__new(&g->layers, m->spec.n_layers, sizeof *g->layers, err);
    if (!st)
        st = hp__new(&g->own, m->n_blocks, sizeof *g->own, err);
    if (!st)
        st = hp__new(&g->given, m->n_blocks, sizeof *g->given, err);
    float *at = r->layer_room;
    for (uint32_t i = 0; i < m->spec.n_layers && !st; i++, at += layer)
        st = hp__layer_load(&g->layers[i], at, &r->reader, i, HP__WHOLE_LAYER,
                            err);
    for (uint32_t i = 0; i < m->spec.n_layers && !st; i++)
        for (size_t j = 0; j < g->layers[i].n_blocks; j++)
            g->own[m->layers[i].first_block + j] =
                g->layers[i].attention[j].o.weight;
    if (!st)
        st = hp__norm_load(&g->norm, &at, &r->reader, &m->final_norm, err);
    if (!st)
        st = hp__norm_load(&g->encoder_norm, &at, &r->reader, &m->encoder_norm,
                           err);
    if (!st)
        st = hp__map_load(&g->vocabulary, &at, &r->reader, &m->output.decoder,
                          err);
    g->decoder = (hp__decoder){.held = &g->vocabulary, .rows = 1};
    return st ? st : hp__decoder_open(&g->decoder, r, &at, err);
}

static size_t row_floats(const hp_block *b)
{
    return 2 * (size_t)b->n_kv_heads * b->head_dim;
}

static hp_status grow_rows(float **rows, const hp__cache *c, size_t width,
                           size_t room, hp_error *err)
{
    float *grown = NULL;
    size_t floats;
    if (!hp__mul(&floats, room, width))
        return hp_fail(err, HP_NOMEM, "out of memory (cache)");
    hp_status st = hp__new(&grown, floats, sizeof *grown, err);
    if (st)
        return st;
    if (c->past)
        memcpy(grown, *rows, c->past * width * sizeof *grown);
    free(*rows);
    *rows = grown;
    return HP_OK;
}

static hp_status grow_scores(hp_generator *g, size_t keys, hp_error *err)
{
    hp__run *r = &g->run;
    hp_status st = HP_OK;
    if (keys <= g->keys)
        return HP_OK;
    keys = (keys + 15) / 16 * 16;
    g->keys = 0;
    for (unsigned i = 0; i < r->threads && !st; i++) {
        free(r->scratch[i].scores);
        r->scratch[i].scores = NULL;
        st = hp__new(&r->scratch[i].scores, HP__QUERY_ROWS * keys,
                     sizeof(float), err);
    }
    g->keys = st ? 0 : keys;
    return st;
}

hp_status hp__generator_room(hp_generator *g, size_t n, hp_error *err)
{
    hp__cache *c = &g->cache;
    hp__run *r = &g->run;
    uint32_t most = r->model->spec.max_positions;
    if (n <= c->room)
        return HP_OK;
    size_t room = n > LEAST_ROOM / 2 ? 2 * n : LEAST_ROOM;
    if (most && room > most)
        room = most;
    hp_status st = HP_OK;
    for (size_t i = 0; i < r->model->n_blocks && !st; i++) {
        const hp_block *b = &r->model->blocks[i];
        if (b->decoder == (r->stack->first_layer > 0) && !b->cross)
            st = grow_rows(&c->rows[i], c, row_floats(b), room, err);
    }
    if (!st)
        st = hp__rotary_open(&r->rotary, r->model, room, err);
    if (!st)
        st = grow_scores(g, room, err);
    c->room = st ? 0 : room;
    return st;
}

hp_status hp__generator_encoder_room(hp_generator *g, size_t n, hp_error *err)
{
    hp__cache *c = &g->cache;
    hp_status st = grow_scores(g, n, err);
    for (size_t i = 0; i < g->run.model->n_blocks && !st; i++) {
        const hp_block *b = &g->run.model->blocks[i];
        size_t floats;
        if (!b->cross)
            continue;
        free(c->rows[i]);
        c->rows[i] = NULL;
        if (!hp__mul(&floats, n, row_floats(b)))
            return hp_fail(err, HP_NOMEM, "out of memory (cache)");
        st = hp__new(&c->rows[i], floats, sizeof(float), err);
    }
    return st;
}

static void see_nothing(void *payload, const hp_seen *seen)
{
    (void)payload;
    (void)seen;
}

static hp_status fill(hp_generator *g, const hp_model *m,
                      const hp_generator_options *o, hp_error *err)
{
    hp__run *r = &g->run;
    r->model = m;
    hp_status st = hp__new(&g->masked, m->n_heads, 1, err);
    g->options = (hp_run_options){.backend = o->backend,
                                  .threads = o->threads,
                                  .masks = &g->mask,
                                  .n_variants = 1};
    g->observer = (hp_observer){.see = see_nothing};
    g->start[1] = HP__GENERATOR_ROWS; /* a sequence to make room for */
    r->n_stacks = 1;
    r->stacks[0] = (hp__stack){.sequences = {.start = g->start, .n = 1},
                               .first_layer = m->spec.n_encoder_layers,
                               .end_layer = m->spec.n_layers};
    r->options = &g->options;
    r->observer = &g->observer;
    r->cache = &g->cache;
    r->extent = HP__WHOLE_LAYER;
    if (!st)
        st = hp__run_prepare(r, err);
    if (!st)
        st = hp__check_rest(&r->reader, HP__WHOLE_LAYER, 1, err);
    if (!st)
        st = load_weights(g, err);
    if (!st)
        st = hp__new(&g->cache.rows, m->n_blocks, sizeof *g->cache.rows, err);
    if (!st)
        st = hp__new(&g->candidates, m->spec.vocab, sizeof *g->candidates, err);
    if (!st)
        hp_generator_set_mask(g, o->masked);
    return st;
}

hp_status hp_generator_open(hp_generator **out, const hp_model *m,
                            const hp_generator_options *o, hp_error *err)
{
    hp_generator *g = NULL;
    *out = NULL;
    if (!o->backend)
        return hp_fail(err, HP_INVALID, "a forward pass needs a backend");
    hp_status st = hp_generator_check(m, err);
    if (!st)
        st = hp__new(&g, 1, sizeof *g, err);
    if (st)
        return st;
    st = fill(g, m, o, err);
    if (st) {
        hp_generator_free(g);
        return st;
    }
    *out = g;
    return HP_OK;
}

void hp_generator_reset(hp_generator *g)
{
    g->cache.past = 0;
    g->cache.encoded = 0;
}

void hp_generator_free(hp_generator *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->run.model->n_blocks && g->cache.rows; i++)
        free(g->cache.rows[i]);
    free(g->cache.rows);
    for (size_t i = 0; i < g->run.model->n_blocks && g->given; i++)
        free(g->given[i]);
    free(g->given);
    free(g->own);
    hp__decoder_close(&g->decoder);
    free(g->layers);
    free(g->masked);
    free(g->candidates);
    hp__run_release(&g->run);
    free(g);
}

void hp_generator_set_mask(hp_generator *g, const unsigned char *masked)
{
    if (masked)
        memcpy(g->masked, masked, g->run.model->n_heads);
    g->mask = masked ? g->masked : NULL;
    g->run.variants.at[0].mask = g->mask;
    hp_generator_reset(g);
}

/* The weights of block `b`, which is `a` of its layer. */
static hp_status set_projection(hp_generator *g, hp__attention *a, size_t b,
                                const hp_projections *p, hp_error *err)
{
    hp_projection one = {.block = a->block, .weight = g->given[b]};
    hp_status st = HP_OK;
    a->o.weight = g->own[b];
    if (!a->o.weight || !p)
        return HP_OK;
    if (!one.weight)
        st = hp__new(&one.weight, (size_t)a->block->o.weight->n_elements,
                     sizeof(float), err);
    g->given[b] = one.weight;
    if (!st)
        st = p->get(p->payload, &one, err);
    if (!st && one.given)
        a->o.weight = one.weight;
    return st;
}

hp_status hp_generator_set_projections(hp_generator *g, const hp_projections *p,
                                       hp_error *err)
{
    const hp_model *m = g->run.model;
    hp_status st = HP_OK;
    for (uint32_t i = 0; i < m->spec.n_layers && !st; i++)
        for (size_t j = 0; j < g->layers[i].n_blocks && !st; j++)
            st = set_projection(g, &g->layers[i].attention[j],
                                m->layers[i].first_block + j, p, err);
    hp_generator_reset(g);
    return st;
}
