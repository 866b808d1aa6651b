#ifndef HEADPRUNE_STATS_H
#define HEADPRUNE_STATS_H

#include "headprune/run.h"

/*
 * Statistics of what output projections read: per attention block the second
 * moments of the heads' outputs. A forward pass takes them; energy, refit and
 * redundancy are made of them alone. They are sums over query positions, so
 * those of several texts add up.
 */
#ifdef __cplusplus
extern "C" {
#endif

/* Of one block; z [n] are the outputs of its heads side by side, what the
 * output projection reads at one query position. */
typedef struct hp_moments {
    const hp_block *block;
    size_t n;          /* n_heads * head_dim */
    uint64_t rows;     /* query positions */
    const double *c;   /* [n, n] sum of z z', symmetric to the bit */
    const double *sum; /* [n] of z */
    double stream;     /* sum of |x|^2, x the hidden state that the block adds
                          its output to */
} hp_moments;

/* Takes the blocks one after the other; pointers live for one call. A failure
 * ends the pass. */
typedef struct hp_moments_visitor {
    hp_status (*visit)(void *payload, const hp_moments *moments, hp_error *err);
    void *payload;
} hp_moments_visitor;

/*
 * A forward pass over the sequences that shows the visitor every block's
 * moments, in the order of blocks. The first mask of `o`, where there is one,
 * silences heads: their z is 0.
 *
 * Sums are of double precision over strips of at most 1024 query positions,
 * whose products are computed in single precision around the strip's mean:
 * entry (i, j) is off by about 1e-6 of the deviations' size, and the same for
 * every number of threads and every budget.
 *
 * When all hidden states fit the budget, one block's moments are held at a
 * time; else those of all blocks, in memory up to the budget and beyond it in a
 * temporary file (TMPDIR). Errors as hp_run_sweep, and what `visit` returns.
 */
HP_CHECKED
hp_status hp_moments_sweep(const hp_model *m, const hp_sequences *s,
                           const hp_run_options *o,
                           const hp_moments_visitor *visitor, hp_error *err);

#ifdef __cplusplus
}
#endif

#endif
