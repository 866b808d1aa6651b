/* The choice of a report, and the curve behind it. */
#include "document/report_choice.h"

static void put_limit(hp__emitter *e, const hp_choice *c)
{
    if (!c->has_limit) {
        hp__emit_null(e, "max_loss_increase");
        return;
    }
    hp__emit_object(e, "max_loss_increase", 1);
    hp__emit_double(e, "value", c->limit.value);
    hp__emit_bool(e, "relative", c->limit.relative);
    hp__emit_end(e);
}

static void put_curve(hp__emitter *e, const hp_curve *c)
{
    hp__emit_array(e, "curve", 0);
    for (size_t i = 0; i < c->n; i++) {
        const hp_curve_point *p = &c->points[i];
        hp__emit_object(e, NULL, 1);
        hp__document_rounded(e, "ratio", p->ratio);
        hp__emit_uint(e, "pruned", p->n_pruned);
        hp__document_rounded(e, "loss", p->loss);
        hp__document_rounded(e, "delta", p->delta);
        hp__document_rounded(e, "stderr", p->delta_error);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

void hp__report_choice(hp__emitter *e, const hp_choice *c)
{
    hp__emit_object(e, "auto", 0);
    hp__emit_string(e, "method", c->method->name);
    hp__emit_string(e, "why", c->method->why);
    hp__emit_bool(e, "compensates", c->compensates);
    put_limit(e, c);
    hp__emit_end(e);
    if (c->has_limit)
        put_curve(e, &c->curve);
}
