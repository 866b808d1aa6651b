#ifndef HEADPRUNE_REDUNDANCY_H
#define HEADPRUNE_REDUNDANCY_H

#include "headprune/refit.h"

/*
 * Redundancy: which heads the other heads of their block can replace, by the
 * statistics that a refit is made of (docs/methods.md, "Redundancy").
 */
#ifdef __cplusplus
extern "C" {
#endif

/* Shares of the energy of the block's output. */
typedef struct hp_redundant_head {
    double energy;    /* what the head puts out */
    double cost;      /* what is lost of the output when it goes and the others
                         are refitted; at most `energy` */
    double predicted; /* 1 - cost / energy: the share that others supply */
    uint32_t group;   /* number of its group in the block; UINT32_MAX: none */
} hp_redundant_head;

/* Two heads of a block whose joint removal costs more than the sum. */
typedef struct hp_redundant_pair {
    uint32_t first, second; /* numbers in the block's list of heads */
    double joint;           /* cost of both, a share of the block's output */
    double excess;          /* joint - cost - cost, above 0 */
} hp_redundant_pair;

typedef struct hp_redundant_block {
    size_t n_heads;
    const hp_head *heads;        /* [n_heads] */
    const hp_redundant_head *at; /* [n_heads] */
    /* [n_heads, n_heads] row h, column k: the share of head h's energy that
     * only k supplies, of what the others supply; 0 on the diagonal */
    const double *supplied;
    size_t n_pairs;
    const hp_redundant_pair *pairs; /* [n_pairs] largest excess first */
    size_t n_groups;
} hp_redundant_block;

/* Self-contained. Numbers are rounded to 6 significant digits. */
typedef struct hp_redundancy {
    hp_model_info model;
    int has_calibration;
    hp_calibration_info calibration; /* when has_calibration */
    double damping;
    double threshold; /* heads are of one group when one supplies this share of
                         the other that no third does */
    size_t n_blocks;
    const hp_redundant_block *blocks; /* [n_blocks] */
} hp_redundancy;

typedef struct hp_redundancy_options {
    hp_moments_source source;
    const hp_calibration_info *calibration; /* copied; NULL: none */
    double damping;                         /* ridge, as of a refit; 0: 0.01 */
    double threshold;                       /* 0: 0.1 */
} hp_redundancy_options;

/* Errors as hp_moments_take; HP_FORMAT: a block's statistics cannot be
 * factored. Freed with hp_redundancy_free. */
HP_CHECKED
hp_status hp_redundancy_find(hp_redundancy **out, const hp_model *m,
                             const hp_redundancy_options *o, hp_error *err);
void hp_redundancy_free(hp_redundancy *r); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
