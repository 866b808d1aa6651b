#ifndef HEADPRUNE_MODEL_MASKED_HEAD_H
#define HEADPRUNE_MODEL_MASKED_HEAD_H

#include "model/bind.h"

/*
 * The head that predicts masked tokens: f(x W + b), its norm, and a projection
 * to the vocabulary that is tied to the token table or stored. Names are whole,
 * without a prefix: "lm_head.dense".
 */
typedef struct hp__masked_names {
    const char *dense, *norm, *decoder;
    const char *bias[2]; /* the decoder's, under either name; NULL: one name */
} hp__masked_names;

/* Binds the head where the file has all of it; where it has only a part, a
 * note says what is missing. */
void hp__bind_masked_head(hp__binder *b, const hp__masked_names *names,
                          const hp__node *config);

#endif
