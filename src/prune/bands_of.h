#ifndef HEADPRUNE_PRUNE_BANDS_OF_H
#define HEADPRUNE_PRUNE_BANDS_OF_H

#include "base/arena.h"
#include "headprune/diff.h"

/* The bands of one model's heads beside those of the same heads in another. */

/* Heads that share a band have one of these each. */
typedef struct hp__band_of {
    const hp_tensor *tensor; /* of this model */
    unsigned axis;
    uint64_t start, count;
    size_t head;
    int output;    /* it is of the output projection */
    int has_twin;  /* the other model has the head */
    uint64_t twin; /* where its band starts there, in the tensor of that name */
} hp__band_of;

typedef struct hp__bands_of {
    const hp__band_of *list; /* [n] by tensor in file order, then by start */
    size_t n;
} hp__bands_of;

HP_CHECKED
hp_status hp__bands_of_find(hp__bands_of *out, hp__arena *a,
                            const hp_diff_side *side, const hp_diff_side *other,
                            hp_error *err);
/* Those of one tensor. */
hp__bands_of hp__bands_of_tensor(const hp__bands_of *all, const hp_tensor *t);
/* How many of them, from the first on, are the same band. */
size_t hp__bands_of_same(const hp__band_of *first, const hp__bands_of *of);
/* Indices along the axis that they take up together. */
uint64_t hp__bands_of_count(const hp__bands_of *of);

#endif
