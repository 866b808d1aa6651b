/* The compensation of a report. */
#include "prune/report_refit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* To six digits, as scores are: processors differ in the last bits. */
static void put(hp__emitter *e, const char *key, double value)
{
    char text[32];
    if (isfinite(value)) {
        (void)snprintf(text, sizeof text, "%.5e", value);
        value = strtod(text, NULL);
    }
    hp__emit_double(e, key, value);
}

void hp__report_refit(hp__emitter *e, const hp_report *report)
{
    const hp_refit *r = report->refit;
    if (!r)
        return;
    hp__emit_object(e, "compensation", 0);
    hp__emit_double(e, "damping", r->damping);
    hp__emit_bool(e, "sequential", r->sequential);
    hp__document_calibration(e, report->refit_calibration);
    hp__emit_array(e, "blocks", 0);
    for (size_t i = 0; i < r->n_blocks; i++) {
        const hp_refit_block *b = &r->blocks[i];
        hp__emit_object(e, NULL, 1);
        hp__emit_string(e, "name", b->block->name);
        hp__emit_string(e, "tensor", r->replacements[i].tensor->name);
        hp__emit_uint(e, "pruned", b->n_pruned);
        hp__emit_bool(e, "refitted", b->refitted);
        put(e, "before", b->before);
        put(e, "after", b->after);
        put(e, "lambda", b->lambda);
        put(e, "condition", b->condition);
        hp__emit_end(e);
    }
    hp__emit_end(e);
    hp__emit_end(e);
}
