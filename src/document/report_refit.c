/* The compensation of a report. */
#include "document/report_refit.h"

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
        hp__document_rounded(e, "before", b->before);
        hp__document_rounded(e, "after", b->after);
        hp__document_rounded(e, "lambda", b->lambda);
        hp__document_rounded(e, "condition", b->condition);
        hp__emit_end(e);
    }
    hp__emit_end(e);
    hp__emit_end(e);
}
