/* The documents scores/1 and plan/1, and what all documents begin with. */
#include "document/document_parts.h"

#include "headprune/version.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Integers up to here are exact in every JSON reader; larger seeds are text. */
#define EXACT_UP_TO (UINT64_C(1) << 53)

/* A time stamp only where the build asks for a certain one. */
static hp_status put_created(hp__emitter *e, hp_error *err)
{
    char text[64], *end;
    struct tm utc;
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    if (!epoch || !*epoch)
        return HP_OK;
    errno = 0;
    time_t t = (time_t)strtoll(epoch, &end, 10);
    if (errno || *end || t < 0 || !gmtime_r(&t, &utc) ||
        !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc))
        return hp_fail(err, HP_INVALID,
                       "SOURCE_DATE_EPOCH: '%s' is not a number of seconds",
                       epoch);
    hp__emit_string(e, "created", text);
    return HP_OK;
}

static void put_model(hp__emitter *e, const hp_model_info *m)
{
    hp__emit_object(e, "model", 0);
    hp__emit_string(e, "path", m->path);
    hp__emit_string(e, "model_type", m->model_type);
    hp__emit_string(e, "architecture", m->architecture);
    hp__emit_uint(e, "layers", m->layers);
    hp__emit_uint(e, "heads", m->heads);
    hp__emit_uint(e, "head_dim", m->head_dim);
    hp__emit_uint(e, "parameters", m->parameters);
    hp__emit_string(e, "fingerprint", m->fingerprint);
    hp__emit_end(e);
}

hp_status hp__document_open(hp__emitter *e, const char *schema, hp_error *err)
{
    hp__emit_object(e, NULL, 0);
    hp__emit_string(e, "schema", schema);
    hp__emit_object(e, "tool", 1);
    hp__emit_string(e, "name", "headprune");
    hp__emit_string(e, "version", hp_version());
    hp__emit_end(e);
    return put_created(e, err);
}

hp_status hp__document_start(hp__emitter *e, const char *schema,
                             const hp_model_info *model, hp_error *err)
{
    hp_status st = hp__document_open(e, schema, err);
    put_model(e, model);
    return st;
}

void hp__document_seed(hp__emitter *e, uint64_t seed)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    if (seed <= EXACT_UP_TO)
        hp__emit_uint(e, "seed", seed);
    else
        hp__emit_string(e, "seed", text);
}

void hp__document_rounded(hp__emitter *e, const char *key, double value)
{
    char text[32];
    if (isfinite(value)) {
        (void)snprintf(text, sizeof text, "%.5e", value);
        value = strtod(text, NULL);
    }
    hp__emit_double(e, key, value);
}

static void put_method(hp__emitter *e, const hp__told_method *m)
{
    hp__emit_object(e, "method", 1);
    hp__emit_string(e, "name", m->name);
    hp__emit_string(e, "unit", m->unit);
    hp__emit_string(e, "prunes", m->prunes_highest ? "highest" : "lowest");
    if (m->has_seed)
        hp__document_seed(e, m->seed);
    if (m->mix)
        hp__emit_string(e, "mix", m->mix);
    if (m->step > 0)
        hp__emit_double(e, "step", m->step);
    hp__emit_end(e);
}

void hp__document_calibration(hp__emitter *e, const hp_calibration_info *c)
{
    if (!c) {
        hp__emit_null(e, "calibration");
        return;
    }
    hp__emit_object(e, "calibration", 1);
    hp__emit_string(e, "source", c->source);
    hp__emit_string(e, "sha256", c->sha256);
    hp__emit_uint(e, "sequences", c->sequences);
    hp__emit_uint(e, "length", c->length);
    hp__emit_uint(e, "tokens", c->tokens);
    if (c->held_out)
        hp__emit_uint(e, "held_out", c->held_out);
    hp__emit_end(e);
}

void hp__document_head(hp__emitter *e, const hp_head *h, int shared,
                       double score, uint32_t rank)
{
    hp__emit_object(e, NULL, 1);
    hp__emit_string(e, "id", h->id);
    hp__emit_uint(e, "block", h->block);
    hp__emit_string(e, "name", h->name);
    hp__emit_uint(e, "layer", h->layer);
    hp__emit_uint(e, "head", h->head);
    if (shared)
        hp__emit_uint(e, "group", h->group);
    hp__emit_double(e, "score", score);
    if (rank == HP__NO_RANK)
        hp__emit_null(e, "rank");
    else
        hp__emit_uint(e, "rank", rank);
}

hp_status hp__document_finish(char **out, hp__emitter *e, hp_status st,
                              hp_error *err)
{
    hp__emit_end(e);
    if (!st)
        st = hp__buffer_take(out, NULL, e->out, err);
    hp__buffer_clear(e->out);
    return st;
}

hp_status hp_document_scores(char **out, const hp_scores *s, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__document_start(&e, HP__SCORES_SCHEMA, &s->model, err);
    put_method(&e, &(hp__told_method){s->method, s->unit, s->prunes_highest,
                                      s->has_seed, s->seed, s->mix, s->step});
    hp__document_calibration(&e, s->has_calibration ? &s->calibration : NULL);
    hp__emit_array(&e, "heads", 0);
    int shared = hp_heads_shared(s->heads, s->n_heads);
    for (size_t i = 0; i < s->n_heads; i++) {
        hp__document_head(&e, &s->heads[i], shared, s->values[i], s->rank[i]);
        hp__emit_end(&e);
    }
    hp__emit_end(&e);
    return hp__document_finish(out, &e, st, err);
}

static hp_status put_policy(hp__emitter *e, const hp_plan *p, hp_error *err)
{
    const hp_policy *o = &p->policy;
    /* A list of heads has no policy but its own number. */
    int listed = !*p->method;
    char *protect = NULL;
    hp_status st = HP_OK;
    if (o->protect)
        st = hp_heads_format(&protect, o->protect, p->heads, p->n_heads, err);
    hp__emit_object(e, "policy", 1);
    if (listed || o->has_count) {
        hp__emit_null(e, "ratio");
        hp__emit_uint(e, "count", listed ? p->n_pruned : o->count);
    } else {
        hp__emit_double(e, "ratio", o->ratio);
        hp__emit_null(e, "count");
    }
    hp__emit_string(e, "scope",
                    o->scope == HP_SCOPE_LAYER ? "layer" : "global");
    hp__emit_uint(e, "keep", o->keep);
    hp__emit_string(e, "protect", protect ? protect : "");
    hp__emit_string(e, "group", hp_group_name(o->group));
    hp__emit_end(e);
    free(protect);
    return st;
}

static void put_list(hp__emitter *e, const hp_plan *p)
{
    hp__emit_array(e, "list", 0);
    for (size_t k = 0; k < p->n_pruned; k++) {
        uint32_t i = p->order[k];
        hp__document_head(e, &p->heads[i], 0,
                          p->values ? p->values[i] : (double)NAN,
                          p->rank ? p->rank[i] : HP__NO_RANK);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

/* Every head of the model, the kept ones too: with it a plan that is read back
 * is the plan that was written. A plan that came without stays without. */
static void put_blocks(hp__emitter *e, const hp_plan *p)
{
    if (p->n_heads != p->model.heads)
        return;
    hp__emit_array(e, "blocks", 0);
    for (size_t i = 0; i < p->n_heads;) {
        const hp_head *first = &p->heads[i];
        hp__emit_object(e, NULL, 1);
        hp__emit_uint(e, "block", first->block);
        hp__emit_string(e, "name", first->name);
        hp__emit_uint(e, "layer", first->layer);
        hp__emit_array(e, "heads", 1);
        for (; i < p->n_heads && p->heads[i].block == first->block; i++)
            hp__emit_string(e, NULL, p->heads[i].id);
        hp__emit_end(e);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

hp_status hp__document_plan(hp__emitter *e, const hp_plan *p, hp_error *err)
{
    char *heads = NULL;
    hp_status st =
        hp_heads_format(&heads, p->pruned, p->heads, p->n_heads, err);
    if (*p->method)
        put_method(e,
                   &(hp__told_method){p->method, p->unit, p->prunes_highest,
                                      p->has_seed, p->seed, p->mix, p->step});
    else
        hp__emit_null(e, "method");
    if (!st)
        st = put_policy(e, p, err);
    hp__emit_uint(e, "total", p->model.heads);
    hp__emit_uint(e, "pruned", p->n_pruned);
    hp__emit_string(e, "heads", heads);
    put_list(e, p);
    put_blocks(e, p);
    free(heads);
    return st;
}

hp_status hp_document_plan(char **out, const hp_plan *p, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__document_start(&e, HP__PLAN_SCHEMA, &p->model, err);
    if (!st)
        st = hp__document_plan(&e, p, err);
    return hp__document_finish(out, &e, st, err);
}
