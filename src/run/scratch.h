#ifndef HEADPRUNE_RUN_SCRATCH_H
#define HEADPRUNE_RUN_SCRATCH_H

#include "run/engine.h"

/* Floats of a row of embeddings, before they are projected. */
size_t hp__embedded_width(const hp_model *m);

/* Floats of one thread's working memory, without what only observers and
 * backward passes ask for. */
size_t hp__scratch_floats(const hp__run *r);
HP_CHECKED
hp_status hp__scratch_get(hp__scratch *s, const hp__run *r, hp_error *err);
void hp__scratch_free(hp__scratch *s);

#endif
