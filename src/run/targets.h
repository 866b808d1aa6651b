#ifndef HEADPRUNE_RUN_TARGETS_H
#define HEADPRUNE_RUN_TARGETS_H

#include "headprune/model.h"
#include "headprune/sequences.h"

/* Of what and how targets are made. */
typedef struct hp__target_rule {
    const hp_sequences *sequences;
    const size_t *context; /* causal: [sequences] leading tokens that are
                              context only; NULL: the first one */
    /* Masked models: tokens that are never masked, and the id they are masked
     * with. Or, in place of the rule, `labels`: [tokens] the token to predict
     * there, -1 elsewhere, for sequences that hold the mask token already. */
    hp_special special;
    const int32_t *labels;
} hp__target_rule;

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

/* HP_INVALID: nothing to predict, or no mask token. A model without an output
 * has no targets. Released also after a failure. */
HP_CHECKED
hp_status hp__targets_open(hp__targets *out, hp_output output,
                           const hp__target_rule *d, hp_error *err);
void hp__targets_close(hp__targets *t);
/* The sequences that `rows` counts through: of pairs what the decoder reads. */
const hp_sequences *hp__targets_rows(const hp__targets *t);

#endif
