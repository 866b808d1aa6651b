/* The document check/1. */
#include "document/document_parts.h"

#define CHECK_SCHEMA "headprune.check/1"

static void put_data(hp__emitter *e, const hp_calibration_info *d)
{
    if (!d) {
        hp__emit_null(e, "data");
        return;
    }
    hp__emit_object(e, "data", 1);
    hp__emit_string(e, "source", d->source);
    hp__emit_string(e, "sha256", d->sha256);
    hp__emit_uint(e, "sequences", d->sequences);
    hp__emit_uint(e, "length", d->length);
    hp__emit_uint(e, "tokens", d->tokens);
    hp__emit_end(e);
}

static void put_finding(hp__emitter *e, const hp_finding *f)
{
    hp__emit_object(e, NULL, 1);
    hp__emit_string(e, "rule", hp_rule_name(f->rule));
    hp__emit_bool(e, "holds", f->holds);
    if (f->rule == HP_RULE_HEADS) {
        hp__emit_null(e, "limit");
        hp__emit_null(e, "relative");
    } else {
        hp__emit_double(e, "limit", f->limit.value);
        hp__emit_bool(e, "relative", f->limit.relative);
    }
    hp__emit_double(e, "before", f->before);
    hp__emit_double(e, "after", f->after);
    hp__emit_double(e, "change", f->change);
    hp__emit_string(e, "head", f->head[0] ? f->head : NULL);
    hp__emit_uint(e, "heads_broken", f->n_broken);
    hp__emit_string(e, "message", f->message);
    hp__emit_end(e);
}

hp_status hp_document_check(char **out, const hp_check *c, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__document_start(&e, CHECK_SCHEMA, c->model, err);
    hp__emit_object(&e, "baseline", 1);
    hp__emit_string(&e, "path", c->baseline);
    hp__emit_string(&e, "schema", c->schema);
    hp__emit_string(&e, "model", c->base->path);
    hp__emit_string(&e, "fingerprint", c->base->fingerprint);
    hp__emit_end(&e);
    put_data(&e, c->data);
    hp__emit_bool(&e, "passed", hp_check_passes(c));
    hp__emit_array(&e, "rules", 0);
    for (size_t i = 0; i < c->n_findings; i++)
        put_finding(&e, &c->findings[i]);
    hp__emit_end(&e);
    return hp__document_finish(out, &e, st, err);
}
