#ifndef HEADPRUNE_RUN_LOGITS_H
#define HEADPRUNE_RUN_LOGITS_H

#include "run/engine.h"

/*
 * From hidden states after the final norm to logits. The vocabulary's matrix
 * is streamed from the file in blocks, or lies in memory already; the blocks
 * and so the sums are the same.
 */
typedef struct hp__decoder {
    hp__run *run;
    const hp_linear *map;
    const hp__map *held;  /* the map in memory; NULL: it is streamed */
    const float *bias;    /* [vocab] or NULL */
    size_t rows, outputs; /* of a run; of a block */
    float *logits;        /* [rows, vocab] */
    float *blocks;        /* [threads][outputs, D]; NULL when held */
    hp__norm transform_norm;
    hp__map transform; /* weight NULL: none */
} hp__decoder;

/* Floats that hp__decoder_open takes at *at, the final norm included. */
HP_CHECKED
hp_status hp__output_room(size_t *floats, const hp_model *m, hp_error *err);
/* `d` is zero but for `held` and `rows` (0: as many as fit in a run); small
 * weights are read to *at, which moves on. Closed also after a failure. */
HP_CHECKED
hp_status hp__decoder_open(hp__decoder *d, hp__run *r, float **at,
                           hp_error *err);
void hp__decoder_close(hp__decoder *d);
/* What stands before the vocabulary: f(x W + b), then its norm, in place of x;
 * room [rows of x, D]. */
void hp__decoder_transform(const hp__decoder *d, const hp__matrix *x,
                           float *room);
/* d->logits of x, which has at most d->rows rows. */
HP_CHECKED
hp_status hp__decoder_run(const hp__decoder *d, const hp__matrix *x,
                          hp_error *err);

#endif
