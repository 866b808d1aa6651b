/* The document report/1: what was done, to what, and what follows from it. */
#include "base/arena.h"
#include "document/document_parts.h"
#include "document/report_choice.h"
#include "document/report_refit.h"
#include "plan/plan_mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is known of head i of the model: from the scores, or from the plan. */
static void put_score(hp__emitter *e, const hp_report *r, size_t i, int shared,
                      size_t *at)
{
    const hp_head *h = &hp_model_heads(r->model)[i];
    const hp_plan *p = r->plan;
    if (r->scores) {
        hp__document_head(e, h, shared, r->scores->values[i],
                          r->scores->rank[i]);
        return;
    }
    size_t k = p->values && p->rank
                   ? hp__head_find(p->heads, p->n_heads, h->id, at)
                   : SIZE_MAX;
    hp__document_head(e, h, shared, k == SIZE_MAX ? (double)NAN : p->values[k],
                      k == SIZE_MAX ? HP__NO_RANK : p->rank[k]);
}

static void put_scores(hp__emitter *e, const hp_report *r,
                       const unsigned char *mask)
{
    size_t at = 0;
    int shared =
        hp_heads_shared(hp_model_heads(r->model), hp_model_n_heads(r->model));
    hp__emit_array(e, "scores", 0);
    for (size_t i = 0; i < hp_model_n_heads(r->model); i++) {
        put_score(e, r, i, shared, &at);
        hp__emit_bool(e, "pruned", mask[i]);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

static void put_changed(hp__emitter *e, const hp_rewrite *r)
{
    hp__emit_array(e, "changed", 0);
    for (size_t i = 0; i < hp_rewrite_n_changes(r); i++) {
        const hp_change *c = hp_rewrite_change(r, i);
        hp__emit_object(e, NULL, 1);
        hp__emit_string(e, "tensor", c->tensor->name);
        hp__emit_uint(e, "axis", c->axis);
        hp__emit_array(e, "bands", 1);
        for (size_t b = 0; b < c->n_bands; b++) {
            hp__emit_array(e, NULL, 1);
            hp__emit_uint(e, NULL, c->bands[b][0]);
            hp__emit_uint(e, NULL, c->bands[b][1]);
            hp__emit_end(e);
        }
        hp__emit_end(e);
        hp__emit_uint(e, "bytes", c->bytes);
        hp__emit_string(e, "change", hp_rewrite_cuts(r) ? "removed" : "zeroed");
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

static void put_output(hp__emitter *e, const hp_rewrite *r)
{
    hp__emit_array(e, "output", 0);
    for (size_t i = 0; i < hp_rewrite_n_written(r); i++) {
        const hp_written *w = hp_rewrite_written(r, i);
        hp__emit_object(e, NULL, 1);
        hp__emit_string(e, "file", w->file);
        hp__emit_uint(e, "bytes", w->bytes);
        hp__emit_string(e, "sha256", w->sha256);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

static void put_words(hp__emitter *e, const char *key, const char *const *words,
                      size_t n, int inline_)
{
    hp__emit_array(e, key, inline_);
    for (size_t i = 0; i < n; i++)
        hp__emit_string(e, NULL, words[i]);
    hp__emit_end(e);
}

static void put_outcome(hp__emitter *e, const hp_report *r,
                        const unsigned char *mask, const hp_forecast *f)
{
    size_t n = 0;
    const char *const *loads_in = hp_rewrite_loads_in(r->rewrite);
    while (loads_in[n])
        n++;
    hp__document_calibration(e, r->scores && r->scores->has_calibration
                                    ? &r->scores->calibration
                                    : NULL);
    if (r->choice)
        hp__report_choice(e, r->choice);
    put_scores(e, r, mask);
    hp__emit_string(e, "emit", r->emit->name);
    put_changed(e, r->rewrite);
    hp__report_refit(e, r);
    put_output(e, r->rewrite);
    hp__document_forecast(e, f);
    put_words(e, "loads_in", loads_in, n, 0);
    if (r->blas_core) {
        hp__emit_object(e, "compute", 1);
        hp__emit_string(e, "blas_core", r->blas_core);
        hp__emit_end(e);
    } else {
        hp__emit_null(e, "compute");
    }
    put_words(e, "command", r->command, r->n_command, 1);
}

hp_status hp_document_report(char **out, const hp_report *r, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    unsigned char *mask = NULL;
    hp_forecast forecast;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__new(&mask, hp_model_n_heads(r->model), 1, err);
    if (!st)
        st = hp__plan_mask(mask, r->plan, r->model, err);
    if (!st)
        st = hp_forecast_make(&forecast, r->rewrite, r->plan, err);
    if (!st)
        st = hp__document_start(&e, HP__REPORT_SCHEMA,
                                hp_model_info_get(r->model), err);
    if (!st)
        st = hp__document_plan(&e, r->plan, err);
    if (!st) {
        put_outcome(&e, r, mask, &forecast);
        hp__emit_end(&e);
        st = hp__buffer_take(out, NULL, &b, err);
    }
    hp__buffer_clear(&b);
    free(mask);
    return st;
}
