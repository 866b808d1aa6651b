/* What becomes of size and speed: in a report, and in the plan of a dry run. */
#include "document/document_parts.h"

static void put_parameters(hp__emitter *e, const hp_forecast *f)
{
    hp__emit_object(e, "parameters", 1);
    hp__emit_uint(e, "before", f->before.parameters);
    hp__emit_uint(e, "in_heads", f->in_heads);
    hp__emit_uint(e, "in_pruned_heads", f->in_pruned_heads);
    hp__emit_uint(e, "zeroed", f->zeroed);
    hp__emit_uint(e, "removed", f->before.parameters - f->after.parameters);
    hp__emit_uint(e, "after", f->after.parameters);
    hp__emit_uint(e, "if_removed", f->removed.parameters);
    hp__emit_end(e);
}

void hp__document_forecast(hp__emitter *e, const hp_forecast *f)
{
    hp__emit_object(e, "forecast", 0);
    put_parameters(e, f);
    hp__emit_object(e, "bytes", 1);
    hp__emit_uint(e, "before", f->before.bytes);
    hp__emit_uint(e, "after", f->after.bytes);
    hp__emit_uint(e, "if_removed", f->removed.bytes);
    hp__emit_end(e);
    hp__emit_object(e, "multiply_adds", 1);
    hp__emit_uint(e, "length", f->length);
    hp__emit_uint(e, "before", f->before.multiply_adds);
    hp__emit_uint(e, "after", f->after.multiply_adds);
    hp__emit_uint(e, "if_removed", f->removed.multiply_adds);
    hp__emit_end(e);
    hp__emit_string(e, "size", f->size);
    hp__emit_string(e, "speed", f->speed);
    hp__emit_end(e);
}

hp_status hp_document_forecast(char **out, const hp_plan *p,
                               const hp_forecast *f, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__document_start(&e, HP__PLAN_SCHEMA, &p->model, err);
    if (!st)
        st = hp__document_plan(&e, p, err);
    if (!st)
        hp__document_forecast(&e, f);
    return hp__document_finish(out, &e, st, err);
}
