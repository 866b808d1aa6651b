#ifndef HEADPRUNE_PRUNE_COMPARE_H
#define HEADPRUNE_PRUNE_COMPARE_H

#include "base/arena.h"
#include "headprune/diff.h"

/* Values of two tensors, read side by side and compared as numbers. */

/* What was seen of pairs (a, b); sums of disjoint parts add up. */
typedef struct hp__seen {
    uint64_t compared, differing, zeroed;
    double max_abs, square_gap, square_a;
    int no_number;            /* a difference that is none */
    int nonzero_a, nonzero_b; /* there was one */
} hp__seen;

void hp__seen_add(hp__seen *sum, const hp__seen *part);
hp_difference hp__seen_difference(const hp__seen *s);

/* The last bytes that were read of a tensor. */
typedef struct hp__window {
    const hp_checkpoint *checkpoint;
    const hp_tensor *tensor;
    uint64_t units; /* its elements, or bytes when several share one */
    size_t size;    /* bytes of a unit */
    uint64_t first; /* unit */
    size_t n;       /* units; 0: nothing was read */
    unsigned char *bytes;
} hp__window;

typedef struct hp__pair {
    hp__window a, b;
    double *values; /* room for the numbers of one piece of each */
} hp__pair;

HP_CHECKED
hp_status hp__pair_open(hp__pair *p, const hp_checkpoint *a,
                        const hp_checkpoint *b, hp_error *err);
/* The tensors that are compared from now on: not empty, and of one dtype when
 * headprune does not compute with it. */
void hp__pair_take(hp__pair *p, const hp_tensor *a, const hp_tensor *b);
/* Compares `n` units, from `a` and `b` on; adds what it sees. */
HP_CHECKED
hp_status hp__pair_compare(hp__seen *seen, hp__pair *p, uint64_t a, uint64_t b,
                           uint64_t n, hp_error *err);
void hp__pair_close(hp__pair *p);

#endif
