/*
 * A sequence that grows: the weights stay in memory, keys and values of the
 * tokens so far in a cache, and new tokens go through the layers as a piece of
 * a sweep does, at most ROWS at a time.
 */
#include "base/arena.h"
#include "base/checked.h"
#include "headprune/generate.h"
#include "nn/cpu.h"
#include "run/logits.h"
#include "run/prepare.h"
#include "run/sampling.h"

#include <limits.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define ROWS ((size_t)256)
/* A step of so few tokens is over before other threads have woken up: what
 * takes its time are products, which one thread makes. */
#define FEW_ROWS   ((size_t)8)
#define LEAST_ROOM ((size_t)256) /* tokens in a new cache */

struct hp_generator {
    hp__run run;
    hp_run_options options;
    hp_observer observer; /* sees nothing */
    hp_sequences tokens;  /* of the call */
    size_t start[2];
    unsigned char *masked;     /* [heads] */
    const unsigned char *mask; /* the same; NULL: nothing is masked */
    hp__layer_weights *layers; /* [n_layers] */
    hp__norm norm;
    hp__map vocabulary;
    hp__decoder decoder;
    hp__cache cache;
    int32_t *candidates; /* [vocab] */
};

/* ---- memory ---- */

hp_status hp_generator_check(const hp_model *m, hp_error *err)
{
    const hp_spec *s = &m->spec;
    if (s->causal && s->output == HP_OUTPUT_CAUSAL)
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
    float *at = r->layer_room;
    for (uint32_t i = 0; i < m->spec.n_layers && !st; i++, at += layer)
        st = hp__layer_load(&g->layers[i], at, &r->reader, i, HP__WHOLE_LAYER,
                            err);
    if (!st)
        st = hp__norm_load(&g->norm, &at, &r->reader, &m->final_norm, err);
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

/* Room for `n` tokens: cache, positions, and the scores of their keys. */
static hp_status make_room(hp_generator *g, size_t n, hp_error *err)
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
    for (size_t i = 0; i < r->model->n_blocks && !st; i++)
        st = grow_rows(&c->rows[i], c, row_floats(&r->model->blocks[i]), room,
                       err);
    if (!st)
        st = hp__rotary_open(&r->rotary, r->model, room, err);
    size_t keys = (room + 15) / 16 * 16;
    for (unsigned i = 0; i < r->threads && !st; i++) {
        free(r->scratch[i].scores);
        r->scratch[i].scores = NULL;
        st = hp__new(&r->scratch[i].scores, HP__QUERY_ROWS * keys,
                     sizeof(float), err);
    }
    c->room = st ? 0 : room;
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
    g->start[1] = ROWS; /* a sequence to make room for */
    g->tokens = (hp_sequences){NULL, g->start, 1};
    r->sequences = &g->tokens;
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

void hp_generator_free(hp_generator *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->run.model->n_blocks && g->cache.rows; i++)
        free(g->cache.rows[i]);
    free(g->cache.rows);
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

/* ---- tokens ---- */

size_t hp_generator_position(const hp_generator *g)
{
    return g->cache.past;
}

void hp_generator_reset(hp_generator *g)
{
    g->cache.past = 0;
}

static hp_status check_tokens(const hp_generator *g, const int32_t *ids,
                              size_t n, hp_error *err)
{
    const hp_spec *s = &g->run.model->spec;
    size_t past = g->cache.past;
    if (!n)
        return hp_fail(err, HP_INVALID, "there are no tokens");
    if (n > INT_MAX - past || (s->max_positions && n > s->max_positions - past))
        return hp_fail(err, HP_INVALID,
                       "%zu tokens are more than the model takes: at most %u",
                       past + n, s->max_positions ? s->max_positions : INT_MAX);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= s->vocab)
            return hp_fail(err, HP_INVALID,
                           "position %zu: token id %d is not in the model's 0 "
                           "to %u",
                           past + i, (int)ids[i], s->vocab - 1);
    return HP_OK;
}

static hp_status embed(hp_generator *g, hp_error *err)
{
    hp__run *r = &g->run;
    hp__reader reader = r->reader;
    reader.threads = 1;
    return hp__embed(r, (hp__share){r->pieces, 0}, &reader, r->scratch, err);
}

/* At most ROWS tokens through all layers. */
static hp_status advance(hp_generator *g, const int32_t *ids, size_t n,
                         hp_error *err)
{
    hp__run *r = &g->run;
    g->tokens.ids = ids;
    g->start[1] = n;
    r->pieces[0].rows = n;
    hp__outcome_init(&r->outcome);
    hp_status st = embed(g, err);
    if (st)
        return st;
#pragma omp parallel num_threads(r->threads) if (n > FEW_ROWS)
    {
        unsigned saved = hp__denormals_off();
#pragma omp single
        for (uint32_t i = 0; i < r->model->spec.n_layers; i++) {
            r->layer = g->layers[i];
            r->layer_index = i;
            if (!hp__outcome_stops(&r->outcome, 0))
                hp__forward(r, (hp__share){r->pieces, 0},
                            &r->scratch[omp_get_thread_num()]);
        }
        hp__denormals_restore(saved);
    }
    g->cache.past += n;
    return hp__outcome_get(&r->outcome, err);
}

/* Logits of the last of the rows that went through. */
static hp_status finish(hp_generator *g, size_t rows, hp_error *err)
{
    hp__run *r = &g->run;
    hp__matrix x = hp__share_hidden(r, (hp__share){r->pieces, 0});
    x.at += (rows - 1) * x.ld;
    x.rows = 1;
    if (g->norm.kind != HP_NORM_NONE)
        r->kernels->norm(x.at, x.ld, &x, &g->norm);
    hp__decoder_transform(&g->decoder, &x, r->scratch[0].normed);
    return hp__decoder_run(&g->decoder, &x, err);
}

hp_status hp_generator_feed(const float **logits, hp_generator *g,
                            const int32_t *ids, size_t n, hp_error *err)
{
    size_t rows = 0;
    *logits = NULL;
    hp_status st = check_tokens(g, ids, n, err);
    if (!st)
        st = make_room(g, g->cache.past + n, err);
    for (size_t i = 0; i < n && !st; i += rows) {
        rows = n - i < ROWS ? n - i : ROWS;
        st = advance(g, ids + i, rows, err);
    }
    if (!st)
        st = finish(g, rows, err);
    if (!st)
        *logits = g->decoder.logits;
    return st;
}

/* ---- a text ---- */

static hp_status check_sampling(const hp_sampling *s, hp_error *err)
{
    if (!(s->temperature >= 0.0 && s->temperature <= 1e6))
        return hp_fail(err, HP_INVALID, "temperature %g is outside of 0 to 1e6",
                       s->temperature);
    if (s->temperature > 0.0 && !(s->top_p > 0.0 && s->top_p <= 1.0))
        return hp_fail(err, HP_INVALID, "top-p %g is not above 0 and up to 1",
                       s->top_p);
    return HP_OK;
}

static int ends_text(const hp_generate_options *o, int32_t id)
{
    for (size_t i = 0; i < o->n_end; i++)
        if (o->end[i] == id)
            return 1;
    return 0;
}

static int32_t choose(const hp_generator *g, const float *logits,
                      const hp_sampling *s, uint64_t *state)
{
    size_t n = g->run.model->spec.vocab;
    return s->temperature > 0.0 ? hp__sample(logits, n, s, state, g->candidates)
                                : hp__sample_greedy(logits, n);
}

hp_status hp_generate(hp_stop *stop, hp_generator *g, const int32_t *prompt,
                      size_t n, const hp_generate_options *o, hp_error *err)
{
    const float *logits = NULL;
    uint64_t state = o->sampling.seed;
    uint32_t most = g->run.model->spec.max_positions;
    hp_stop why = HP_STOP_COUNT;
    hp_status st = check_sampling(&o->sampling, err);
    hp_generator_reset(g);
    if (!st)
        st = hp_generator_feed(&logits, g, prompt, n, err);
    for (size_t made = 0; !st && made < o->max_tokens;) {
        int32_t id = choose(g, logits, &o->sampling, &state);
        made++;
        if (o->token && o->token(o->payload, id))
            return hp_fail(err, HP_CANCELLED, "cancelled");
        if (ends_text(o, id)) {
            why = HP_STOP_END;
            break;
        }
        if (made == o->max_tokens)
            break;
        if (most && g->cache.past == most) {
            why = HP_STOP_POSITIONS;
            break;
        }
        st = hp_generator_feed(&logits, g, &id, 1, err);
    }
    if (!st && stop)
        *stop = why;
    return st;
}
