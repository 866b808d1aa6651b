#ifndef HEADPRUNE_RUN_PROJECTION_H
#define HEADPRUNE_RUN_PROJECTION_H

#include "headprune/backend.h"
#include "headprune/model.h"

/*
 * Hidden states over the vocabulary. Logits exist for a block of the
 * vocabulary and a group of rows at a time; what is kept of a row are sums, so
 * memory does not grow with vocabulary x rows. Several lanes (masks of one
 * model, or two models of one vocabulary) pass together: the vocabulary is
 * read once, and each lane can be held against lane 0.
 */

/* Of one row: its distribution, as far as the vocabulary has passed. */
typedef struct hp__row_sums {
    double z;      /* sum of e^(logit - max) */
    double gap;    /* sum over lane 0's e^(..) of (its logit - this one) */
    float max;     /* the greatest logit, */
    int32_t top;   /* its id, the first of equal ones */
    float target;  /* logit of the label */
    double shrunk; /* what the sums of the last block were divided by */
} hp__row_sums;

typedef struct hp__lane {
    const hp_model *model;
    float *rows;        /* [n, D of the model], after the final norm; changed */
    hp__row_sums *sums; /* [n], filled in */
} hp__lane;

typedef struct hp__projection {
    const hp_backend *backend;
    unsigned threads;
    hp__lane *lanes; /* [n_lanes], those of one model side by side */
    size_t n_lanes;
    int compare;           /* fill in `gap` */
    const int32_t *labels; /* [n rows] */
    const size_t *groups;  /* [n_groups + 1] rows that are multiplied at once:
                              at most HP__GROUP_ROWS each */
    size_t n_groups;
} hp__projection;

#define HP__GROUP_ROWS ((size_t)256)

/* HP_FORMAT: a weight is not finite, or logits leave single precision. */
HP_CHECKED
hp_status hp__project(const hp__projection *p, hp_error *err);

/* -ln p(label) of a row, in nats. */
double hp__row_loss(const hp__row_sums *s);
/* KL(base || row), in nats, where gaps were filled in. */
double hp__row_divergence(const hp__row_sums *base, const hp__row_sums *s);

#endif
