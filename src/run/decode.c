/*
 * A sequence that grows: the weights stay in memory, keys and values of the
 * tokens so far in a cache, and new tokens go through the layers as a piece of
 * a sweep does, a few hundred at a time. What an encoder reads goes through
 * its layers as one piece; the decoder's keys and values of it are kept.
 */
#include "nn/cpu.h"
#include "run/generator.h"
#include "run/prepare.h"
#include "run/sampling.h"

#include <limits.h>
#include <omp.h>
#include <string.h>

/* A step of so few tokens is over before other threads have woken up: what
 * takes its time are products, which one thread makes. */
#define FEW_ROWS ((size_t)8)

/* ---- tokens ---- */

size_t hp_generator_position(const hp_generator *g)
{
    return g->cache.past;
}

/* Tokens that come after `past` others. */
static hp_status check_tokens(const hp_generator *g, size_t past,
                              const int32_t *ids, size_t n, hp_error *err)
{
    const hp_spec *s = &g->run.model->spec;
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

static hp_status embed(hp__run *r, hp_error *err)
{
    hp__reader reader = r->reader;
    reader.threads = 1;
    return hp__embed(r, (hp__share){r->pieces, 0}, &reader, r->scratch, err);
}

/* The tokens of a run through all layers of its stack. */
static hp_status go_through(hp__run *r, const hp__layer_weights *layers,
                            hp_error *err)
{
    hp__outcome_init(&r->outcome);
    hp_status st = embed(r, err);
    if (st)
        return st;
#pragma omp parallel num_threads(r->threads) if (r->pieces[0].rows > FEW_ROWS)
    {
        unsigned saved = hp__denormals_off();
#pragma omp single
        for (uint32_t i = r->stack->first_layer; i < r->stack->end_layer; i++) {
            r->layer = layers[i];
            r->layer_index = i;
            if (!hp__outcome_stops(&r->outcome, 0))
                hp__forward(r, (hp__share){r->pieces, 0},
                            &r->scratch[omp_get_thread_num()]);
        }
        hp__denormals_restore(saved);
    }
    return hp__outcome_get(&r->outcome, err);
}

/* At most HP__GENERATOR_ROWS tokens. */
static hp_status advance(hp_generator *g, const int32_t *ids, size_t n,
                         hp_error *err)
{
    hp__stack *k = &g->run.stacks[0];
    k->sequences.ids = ids;
    k->pieces[0].rows = g->start[1] = n;
    hp_status st = go_through(&g->run, g->layers, err);
    g->cache.past += n;
    return st;
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
    if (g->run.model->spec.n_encoder_layers && !g->cache.encoded)
        return hp_fail(err, HP_INVALID, "the encoder has read nothing yet");
    hp_status st = check_tokens(g, g->cache.past, ids, n, err);
    if (!st)
        st = hp__generator_room(g, g->cache.past + n, err);
    for (size_t i = 0; i < n && !st; i += rows) {
        rows = n - i < HP__GENERATOR_ROWS ? n - i : HP__GENERATOR_ROWS;
        st = advance(g, ids + i, rows, err);
    }
    if (!st)
        st = finish(g, rows, err);
    if (!st)
        *logits = g->decoder.logits;
    return st;
}

/* ---- what an encoder reads ---- */

/* Keys and values of all cross blocks. */
static void keep_encoded(hp_generator *g, const hp__run *r)
{
    hp__matrix x = hp__share_hidden(r, (hp__share){r->pieces, 0});
    if (g->encoder_norm.kind != HP_NORM_NONE)
        r->kernels->norm(x.at, x.ld, &x, &g->encoder_norm);
    for (uint32_t i = r->stack->end_layer; i < r->model->spec.n_layers; i++)
        for (size_t j = 0; j < g->layers[i].n_blocks; j++) {
            const hp__attention *a = &g->layers[i].attention[j];
            float *to = g->cache.rows[a->block - r->model->blocks];
            if (a->block->cross)
                hp__encoded_keys(to, r, a, &x);
        }
    g->cache.encoded = x.rows;
}

hp_status hp_generator_encode(hp_generator *g, const int32_t *ids, size_t n,
                              hp_error *err)
{
    const size_t start[2] = {0, n};
    hp__run r = {.model = g->run.model,
                 .options = &g->options,
                 .observer = &g->observer,
                 .extent = HP__WHOLE_LAYER,
                 .n_stacks = 1};
    r.stacks[0] = (hp__stack){.sequences = {.ids = ids, .start = start, .n = 1},
                              .end_layer = r.model->spec.n_encoder_layers};
    hp_generator_reset(g);
    if (!r.model->spec.n_encoder_layers)
        return hp_fail(err, HP_INVALID, "the model has no encoder");
    hp_status st = check_tokens(g, 0, ids, n, err);
    if (!st)
        st = hp__generator_encoder_room(g, n, err);
    if (st)
        return st;
    st = hp__run_prepare(&r, err);
    if (!st)
        st = go_through(&r, g->layers, err);
    if (!st)
        keep_encoded(g, &r);
    hp__run_release(&r);
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
    const hp_spec *s = &g->run.model->spec;
    hp_generator_reset(g);
    if (!st && s->n_encoder_layers) {
        st = hp_generator_encode(g, prompt, n, err);
        prompt = &s->start_token;
        n = 1;
    }
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
