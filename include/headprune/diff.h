#ifndef HEADPRUNE_DIFF_H
#define HEADPRUNE_DIFF_H

#include "headprune/model.h"
#include "headprune/progress.h"

/*
 * What two checkpoints differ in, tensor by tensor and head by head. Values
 * are compared as numbers, whatever dtype, shard or order they are stored in;
 * a head of one model is the head of the same id in the other, so that a model
 * can be held against one that heads were removed from.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef enum hp_diff_verdict {
    HP_DIFF_IDENTICAL,
    /* All that differs is zero in B. Of a head: its slice of the output
     * projection is zero in B and was not in A, so that it is silent. */
    HP_DIFF_ZEROED,
    HP_DIFF_CHANGED,
    HP_DIFF_RESIZED, /* of a tensor: heads are in one of them only, all else
                           is identical */
    HP_DIFF_SHAPE,   /* another shape, which heads do not account for */
    HP_DIFF_MISSING, /* not in B; of a head: nor is any tensor to compare */
    HP_DIFF_ADDED,   /* only in B */
    HP_DIFF_VERDICTS
} hp_diff_verdict;
/* "identical", "zeroed", ... */
const char *hp_diff_verdict_name(hp_diff_verdict v);

/* Of the values that both have. A NaN equals a NaN and -0 equals 0. */
typedef struct hp_difference {
    uint64_t compared, differing;
    uint64_t zeroed; /* of those that differ: zero in B */
    double max_abs;  /* greatest |b - a|; NaN where it is no number */
    double relative; /* ||b - a|| / ||a||, Frobenius; NaN likewise */
} hp_difference;

typedef struct hp_diff_tensor {
    const char *name;
    const hp_tensor *a, *b; /* NULL: not there */
    hp_diff_verdict verdict;
    hp_difference values;
} hp_diff_tensor;

typedef struct hp_diff_head {
    const hp_head *head; /* of A, or of B when only B has it */
    hp_diff_verdict verdict;
    hp_difference values; /* over all its slices, biases too */
} hp_diff_head;

typedef struct hp_diff_side {
    const hp_checkpoint *checkpoint;
    const hp_model *model; /* NULL: not one that headprune knows */
    const hp_head *heads;  /* [heads of model] as the original model calls them;
                              NULL: as `model` does */
} hp_diff_side;

/* Names, tensors and heads are borrowed from the sides. */
typedef struct hp_diff {
    hp_diff_side a, b;             /* `heads` is there when the model is */
    int same;                      /* 1: every tensor is identical */
    const hp_diff_tensor *tensors; /* [n_tensors] A's in file order, then what
                                      only B has */
    size_t n_tensors;
    const hp_diff_head *heads; /* [n_heads] likewise; none unless both sides
                                  have a model */
    size_t n_heads;
} hp_diff;

/*
 * Reads both checkpoints once, tensor by tensor, in memory that does not grow
 * with them. Progress counts bytes of A. HP_IO: a file has become shorter.
 */
HP_CHECKED
hp_status hp_diff_run(hp_diff **out, const hp_diff_side *a,
                      const hp_diff_side *b, const hp_progress *progress,
                      hp_error *err);
/* How many have which verdict. */
void hp_diff_count(size_t tensors[HP_DIFF_VERDICTS],
                   size_t heads[HP_DIFF_VERDICTS], const hp_diff *d);
void hp_diff_free(hp_diff *d); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
