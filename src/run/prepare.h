#ifndef HEADPRUNE_RUN_PREPARE_H
#define HEADPRUNE_RUN_PREPARE_H

#include "run/engine.h"

/* Whether the model and the sequences can be computed with at all. */
HP_CHECKED
hp_status hp__run_check(const hp_model *m, const hp_sequences *s,
                        const hp_run_options *o, const hp_observer *observer,
                        hp_error *err);
/* Whether the model can be computed with at all. */
HP_CHECKED
hp_status hp__run_check_model(const hp_model *m, hp_error *err);
/* Pieces and memory for model, sequences and options, which are set; released
 * also after a failure. */
HP_CHECKED
hp_status hp__run_prepare(hp__run *r, hp_error *err);
void hp__run_release(hp__run *r);
/* Pieces of the batch that begins with piece `first`. */
size_t hp__batch_size(const hp__run *r, size_t first);

/* The stacks and their pieces; then, with variants and row sizes known, hidden
 * states for the largest batch. Closed also after a failure. */
HP_CHECKED
hp_status hp__stacks_open(hp__run *r, hp_error *err);
HP_CHECKED
hp_status hp__stacks_alloc(hp__run *r, hp_error *err);
void hp__stacks_close(hp__run *r);

#endif
