#ifndef HEADPRUNE_REFIT_H
#define HEADPRUNE_REFIT_H

#include "headprune/stats.h"

/*
 * Refit: when heads go, the kept rows of their block's output projection take
 * over what these heads added, as far as the kept heads' outputs predict it
 * (ridge regression; docs/methods.md, "Compensation").
 */
#ifdef __cplusplus
extern "C" {
#endif

/* A block that loses heads. Errors are relative: the root of the mean squared
 * change of the block's output over that of the output itself. */
typedef struct hp_refit_block {
    const hp_block *block;
    uint32_t n_pruned;
    double before, after; /* with the heads gone; and with the refit */
    double lambda;        /* ridge, as a share of the mean of C's diagonal */
    double condition; /* of what was solved, an estimate; NaN: nothing was */
    int refitted; /* 0: no head is left, or nothing was gained; the kept rows
                     are as they were */
} hp_refit_block;

/* New bytes of a whole tensor, as it is stored: an output projection with its
 * kept rows refitted and its pruned rows zero. */
typedef struct hp_replacement {
    const hp_tensor *tensor;
    const unsigned char *bytes; /* [tensor->size] */
} hp_replacement;

typedef struct hp_refit {
    double damping;
    int sequential;
    size_t n_blocks;
    const hp_refit_block *blocks; /* [n_blocks] in model order */
    const hp_replacement
        *replacements; /* [n_blocks] where `refitted`, else tensor NULL */
} hp_refit;

typedef struct hp_refit_options {
    hp_run_options run; /* its masks and projections are not looked at */
    const hp_sequences *sequences;
    const hp_stats *stats; /* in place of sequences, but for `sequential` */
    double damping; /* ridge as a share of the mean of C's diagonal; 0: 0.01 */
    /* 1: a block is fitted to what it reads once the blocks before it are
     * pruned and refitted, not to what it reads in the whole model. Every mask
     * takes a pass of its own. */
    int sequential;
} hp_refit_options;

/*
 * Refits the model for each of `masks` [n][heads of m], 1: the head goes; one
 * pass over the sequences serves all. out[n], each freed with hp_refit_free;
 * on failure all are NULL. A matrix that cannot be factored gets ten times the
 * ridge, as often as it takes. Values are rounded to the stored dtype, to
 * nearest even, and a block whose error would not get smaller that way keeps
 * its rows. The same for any threads and budget. Errors as hp_moments_sweep;
 * HP_UNSUPPORTED: an output projection is stored in a dtype that is not
 * written, or with others in one tensor.
 */
HP_CHECKED
hp_status hp_refit_make(hp_refit **out, const hp_model *m,
                        const unsigned char *const *masks, size_t n,
                        const hp_refit_options *o, hp_error *err);
void hp_refit_free(hp_refit *r); /* NULL is fine */

/* What the tensor becomes; NULL: it stays. */
const unsigned char *hp_refit_find(const hp_refit *r, const hp_tensor *t);

/*
 * The refitted weights for a sweep in memory: variant i takes those of
 * refits[i] (NULL: the model's own). To be given with the masks they were made
 * for; as hp_run_options.projections, with `payload` the array.
 */
typedef struct hp_refitted {
    const hp_refit *const *refits;
    size_t n; /* variants from here on are the model's own */
} hp_refitted;
hp_projections hp_refit_projections(hp_refitted *r);

#ifdef __cplusplus
}
#endif

#endif
