#ifndef HEADPRUNE_SCORE_SCORER_H
#define HEADPRUNE_SCORE_SCORER_H

#include "headprune/score.h"

/*
 * The row a scorer adds to the table in score.c: either a sum of what the
 * sweep shows (`see` and `value`), or a function of the weights and the seed
 * (`weigh`). Rounding, ranking and the checks of the result are done for it.
 */
typedef struct hp__scorer {
    hp_method method;
    int uses_seed, uses_mix;
    /* The unit where options decide it; NULL: the method's. */
    const char *(*unit)(const hp_score_options *o);

    /*
     * Attention alone: HP_SEE_* asked for, and what one observation adds to the
     * slot of its (sequence, head). Slots of different sequences or heads are
     * filled by several threads at once and added in sequence order at the
     * end. A scorer never allocates.
     */
    unsigned wants;
    void (*see)(double *slot, const hp_seen *seen);
    /* The score, of the sum of a head's slots; `s` are the sequences whose
     * tokens are its queries. */
    double (*value)(double sum, const hp_sequences *s);

    /* Of weights alone, or of what it finds out itself with o->sequences (when
     * the method needs data): fills in values [heads of m]. */
    hp_status (*weigh)(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err);
} hp__scorer;

extern const hp__scorer hp__scorer_entropy, hp__scorer_magnitude,
    hp__scorer_random, hp__scorer_energy, hp__scorer_gradient,
    hp__scorer_fisher, hp__scorer_taylor, hp__scorer_loss_energy,
    hp__scorer_obs, hp__scorer_ablation, hp__scorer_hybrid;

/* Masks that a scorer puts side by side in one sweep, at most. */
#define HP__MOST_MASKS ((size_t)64)

/* Checked and rounded scores of one method: values [heads of m]. */
HP_CHECKED
hp_status hp__scores_compute(double *values, const hp_model *m,
                             const hp__scorer *scorer,
                             const hp_score_options *o, hp_error *err);
/* rank [n]: 0 goes first; ties in the order of heads. */
HP_CHECKED
hp_status hp__scores_rank(uint32_t *rank, const double *values, size_t n,
                          int highest_first, hp_error *err);
/* Places in the order of o->iterate. */
HP_CHECKED
hp_status hp__scores_iterate(double *places, const hp_model *m,
                             const hp__scorer *scorer,
                             const hp_score_options *o, hp_error *err);

#endif
