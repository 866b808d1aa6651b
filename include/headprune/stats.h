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
 * One block's moments are held at a time. Errors as hp_run_sweep, and what
 * `visit` returns.
 */
HP_CHECKED
hp_status hp_moments_sweep(const hp_model *m, const hp_sequences *s,
                           const hp_run_options *o,
                           const hp_moments_visitor *visitor, hp_error *err);

/* A file of statistics (docs/documents.md, headprune.stats/1), or several as
 * if their texts had been read in one run. */
typedef struct hp_stats hp_stats;

/* HP_FORMAT: no such file, or its tensors contradict each other; HP_INVALID:
 * they are of different models. */
HP_CHECKED
hp_status hp_stats_open(hp_stats **out, const char *const *paths, size_t n,
                        hp_error *err);
void hp_stats_free(hp_stats *s); /* NULL is fine */
/* Borrowed until hp_stats_free. */
const char *hp_stats_fingerprint(const hp_stats *s);
const hp_calibration_info *hp_stats_calibration(const hp_stats *s);
/* HP_INVALID: they are of another model. */
HP_CHECKED
hp_status hp_stats_fits(const hp_stats *s, const hp_model *m, hp_error *err);
/* Writes them to one file that appears whole or not at all. */
HP_CHECKED
hp_status hp_stats_write(const hp_stats *s, const char *path, hp_error *err);

/* Where moments come from: a file, or else a pass over sequences. */
typedef struct hp_moments_source {
    const hp_stats *stats; /* NULL: swept */
    const hp_sequences *sequences;
    hp_run_options run;
} hp_moments_source;

/* Shows the visitor every block of the model in order: hp_moments_sweep, or
 * what hp_stats_fits and reading say. */
HP_CHECKED
hp_status hp_moments_take(const hp_model *m, const hp_moments_source *source,
                          const hp_moments_visitor *visitor, hp_error *err);
/* Takes them by a pass and writes them to a file. */
HP_CHECKED
hp_status hp_moments_save(const char *path, const hp_model *m,
                          const hp_sequences *s, const hp_run_options *o,
                          const hp_calibration_info *info, hp_error *err);

#ifdef __cplusplus
}
#endif

#endif
