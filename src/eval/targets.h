#ifndef HEADPRUNE_EVAL_TARGETS_H
#define HEADPRUNE_EVAL_TARGETS_H

#include "headprune/eval.h"

/*
 * What is predicted: for every target the row (a token of all windows, of pairs
 * the decoder's) whose hidden state predicts, and the id that stands there or
 * comes next. For a masked model the windows are a copy with mask tokens in
 * place.
 */
typedef struct hp__targets {
    hp_sequences windows;
    int32_t *masked; /* the copy, or NULL */
    size_t *rows;    /* [n], rising */
    int32_t *labels; /* [n] */
    size_t *first;   /* [windows + 1] first target of a window */
    size_t n;
} hp__targets;

/* HP_INVALID: nothing to predict, or no mask token. A metric of hidden states
 * has no targets. Released also after a failure. */
HP_CHECKED
hp_status hp__targets_open(hp__targets *out, hp_metric metric,
                           const hp_eval_data *d, hp_error *err);
/* The windows whose tokens are rows. */
const hp_sequences *hp__targets_rows(const hp__targets *t);
void hp__targets_close(hp__targets *t);

#endif
