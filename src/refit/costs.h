#ifndef HEADPRUNE_REFIT_COSTS_H
#define HEADPRUNE_REFIT_COSTS_H

#include "headprune/stats.h"
#include "nn/dense.h"

/*
 * What goes when heads go and the others are refitted, from one inverse a
 * block. With A = C + lambda I, P = A^-1 and G = W W', the heads S cost
 * tr((P_SS)^-1 G_SS): (P_SS)^-1 is the Schur complement of the kept heads in A,
 * what of S they do not predict.
 */
typedef struct hp__costs {
    const hp__blas *blas;
    unsigned threads;
    size_t n, dim, heads; /* of the block, as hp__costs_find was told */
    double *a, *p;        /* [n, n] A; its inverse */
    double *factor;       /* [n, n] of A */
    double *g;            /* [n, n] W W' */
    double *room;         /* [threads][8 dim^2] */
    size_t room_size;     /* of one thread */
    double *single;       /* [heads] costs */
    double *joint;        /* [heads, heads] above the diagonal: of both */
    double *without;      /* [heads, heads] row h: of h where column k is gone;
                             not on the diagonal */
} hp__costs;

HP_CHECKED
hp_status hp__costs_open(hp__costs *k, const hp_model *m,
                         const hp_run_options *o, hp_error *err);
void hp__costs_close(hp__costs *k);
/* Of one block, w [n, D] input by output. NaN where a part cannot be factored;
 * HP_FORMAT: A cannot. */
HP_CHECKED
hp_status hp__costs_find(hp__costs *k, const hp_moments *s, const double *w,
                         double damping, hp_error *err);
/* tr(A_hj G_jh): h = j, the energy of a head; over all, that of the block. */
double hp__costs_energy(const hp__costs *k, size_t h, size_t j);

#endif
