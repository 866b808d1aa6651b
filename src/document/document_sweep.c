/* The document sweep/1: a point and a row of the summary on one line each. */
#include "document/document_parts.h"

#include <stdlib.h>

static void put_samples(hp__emitter *e, const hp_samples *s, int inline_)
{
    if (!s->n)
        return;
    hp__emit_array(e, "samples", inline_);
    for (size_t i = 0; i < s->n; i++) {
        hp__emit_object(e, NULL, 1);
        hp__emit_string(e, "prompt", s->at[i].prompt);
        hp__emit_string(e, "text", s->at[i].text);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

static void put_baseline(hp__emitter *e, const hp_sweep *s)
{
    const hp_eval *b = &s->baseline;
    hp__emit_object(e, "baseline", 0);
    hp__emit_string(e, "metric", hp_metric_name(b->metric));
    hp__emit_double(e, "value", b->value);
    hp__emit_double(e, "stderr", b->value_error);
    hp__emit_double(e, "loss", b->loss);
    hp__emit_uint(e, "tokens", b->tokens);
    hp__emit_uint(e, "windows", b->windows);
    hp__emit_uint(e, "length", b->length);
    hp__emit_uint(e, "stride", b->stride);
    hp__emit_object(e, "data", 1);
    hp__emit_string(e, "source", b->source);
    hp__emit_string(e, "sha256", b->sha256);
    hp__emit_end(e);
    put_samples(e, &s->samples, 0);
    hp__emit_end(e);
}

static void put_point(hp__emitter *e, const hp_sweep_point *p)
{
    hp__emit_object(e, NULL, 1);
    hp__emit_string(e, "method", p->method);
    if (p->has_seed)
        hp__document_seed(e, p->seed);
    else
        hp__emit_null(e, "seed");
    hp__emit_double(e, "ratio", p->ratio);
    hp__emit_uint(e, "pruned", p->n_pruned);
    hp__emit_string(e, "heads", p->heads);
    hp__emit_object(e, "eval", 1);
    hp__emit_double(e, "value", p->value);
    hp__emit_double(e, "stderr", p->error);
    hp__emit_double(e, "loss", p->loss);
    hp__emit_object(e, "delta", 1);
    hp__emit_double(e, "loss", p->delta);
    hp__emit_double(e, "stderr", p->delta_error);
    hp__emit_end(e);
    hp__emit_double(e, "kl", p->kl);
    hp__emit_double(e, "same_top1", p->same_top1);
    hp__emit_end(e);
    put_samples(e, &p->samples, 1);
    hp__emit_end(e);
}

static void put_row(hp__emitter *e, const hp_sweep_row *r)
{
    int judged = r->verdict != HP_VERDICT_NONE;
    hp__emit_object(e, NULL, 1);
    hp__emit_string(e, "method", r->method);
    hp__emit_double(e, "ratio", r->ratio);
    hp__emit_uint(e, "pruned", r->n_pruned);
    hp__emit_double(e, "value", r->value);
    hp__emit_double(e, "delta", r->delta);
    hp__emit_object(e, "random", 1);
    hp__emit_uint(e, "seeds", r->n_seeds);
    hp__emit_double(e, "mean", r->mean);
    hp__emit_double(e, "sd", r->sd);
    hp__emit_double(e, "min", r->min);
    hp__emit_double(e, "max", r->max);
    hp__emit_end(e);
    hp__emit_double(e, "z", r->z);
    hp__emit_double(e, "p", r->p);
    hp__emit_uint(e, "wins", r->wins);
    hp__emit_string(e, "verdict", judged ? hp_verdict_text(r->verdict) : NULL);
    hp__emit_end(e);
}

static void put_agreement(hp__emitter *e, const hp_sweep_agreement *g)
{
    hp__emit_object(e, NULL, 1);
    hp__emit_array(e, "methods", 1);
    hp__emit_string(e, NULL, g->first);
    hp__emit_string(e, NULL, g->second);
    hp__emit_end(e);
    hp__emit_double(e, "spearman", g->spearman);
    hp__emit_end(e);
}

static void put_lists(hp__emitter *e, const hp_sweep *s)
{
    hp__emit_array(e, "points", 0);
    for (size_t i = 0; i < s->n_points; i++)
        put_point(e, &s->points[i]);
    hp__emit_end(e);
    hp__emit_array(e, "summary", 0);
    for (size_t i = 0; i < s->n_rows; i++)
        put_row(e, &s->rows[i]);
    hp__emit_end(e);
    hp__emit_array(e, "agreement", 0);
    for (size_t i = 0; i < s->n_agreements; i++)
        put_agreement(e, &s->agreements[i]);
    hp__emit_end(e);
}

hp_status hp_document_sweep(char **out, const hp_sweep *s, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__document_start(&e, HP__SWEEP_SCHEMA, &s->model, err);
    hp__document_calibration(&e, s->has_calibration ? &s->calibration : NULL);
    hp__emit_object(&e, "policy", 1);
    hp__emit_string(&e, "scope",
                    s->scope == HP_SCOPE_LAYER ? "layer" : "global");
    hp__emit_uint(&e, "keep", s->keep);
    hp__emit_string(&e, "group", hp_group_name(s->group));
    hp__emit_end(&e);
    if (s->damping > 0) {
        hp__emit_object(&e, "compensation", 1);
        hp__emit_double(&e, "damping", s->damping);
        hp__emit_bool(&e, "sequential", s->sequential);
        hp__emit_end(&e);
    }
    put_baseline(&e, s);
    hp__emit_uint(&e, "planned", s->n_planned);
    if (s->max_tokens)
        hp__emit_uint(&e, "max_tokens", s->max_tokens);
    put_lists(&e, s);
    return hp__document_finish(out, &e, st, err);
}
