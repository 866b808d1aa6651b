#ifndef HEADPRUNE_TESTS_PLAIN_FORWARD_H
#define HEADPRUNE_TESTS_PLAIN_FORWARD_H

#include "headprune/sequences.h"
#include "model/graph.h"

/*
 * The forward pass once more, in double, with plain loops and no cleverness:
 * what the sweep is compared with. Rows are tokens of all sequences in order.
 * Freed by plain_free.
 */
typedef struct plain {
    size_t rows, heads, width, vocab;
    double *entropy; /* [heads, rows] */
    double *centre;  /* [heads, rows] attention's mean key position */
    double *hidden;  /* [rows, width] after the final norm */
    double *logits;  /* [rows, vocab]; NULL: the model has no output */
} plain;

plain plain_forward(const hp_model *m, const hp_sequences *s,
                    const unsigned char *masked);
void plain_free(plain *p);

#endif
