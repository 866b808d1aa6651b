/* The document eval/1. */
#include "document/document_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* What CPU kernels differ in stays below the ninth digit or near it. */
static void put_figure(hp__emitter *e, const char *key, double value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.9g", value);
    hp__emit_double(e, key, strtod(text, NULL));
}

static void put_base(hp__emitter *e, const hp_eval *v)
{
    hp__emit_object(e, "base", 1);
    put_figure(e, "value", v->base_value);
    put_figure(e, "loss", v->base_loss);
    hp__emit_string(e, "path", v->base.path);
    hp__emit_string(e, "fingerprint", v->base.fingerprint);
    hp__emit_end(e);
    hp__emit_object(e, "delta", 1);
    put_figure(e, "loss", v->delta);
    put_figure(e, "stderr", v->delta_error);
    hp__emit_end(e);
    put_figure(e, "kl", v->kl);
    put_figure(e, "same_top1", v->same_top1);
}

hp_status hp_document_eval(char **out, const hp_eval *v, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__document_start(&e, HP__EVAL_SCHEMA, &v->model, err);
    hp__emit_string(&e, "metric", hp_metric_name(v->metric));
    put_figure(&e, "value", v->value);
    put_figure(&e, "stderr", v->value_error);
    put_figure(&e, "loss", v->loss);
    hp__emit_uint(&e, "tokens", v->tokens);
    hp__emit_uint(&e, "windows", v->windows);
    hp__emit_uint(&e, "length", v->length);
    hp__emit_uint(&e, "stride", v->stride);
    hp__emit_object(&e, "data", 1);
    hp__emit_string(&e, "source", v->source);
    hp__emit_string(&e, "sha256", v->sha256);
    hp__emit_end(&e);
    hp__emit_uint(&e, "pruned", v->n_masked);
    hp__emit_string(&e, "heads", v->heads);
    put_figure(&e, "top1", v->top1);
    if (v->has_base)
        put_base(&e, v);
    return hp__document_finish(out, &e, st, err);
}
