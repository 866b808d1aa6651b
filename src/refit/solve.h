#ifndef HEADPRUNE_REFIT_SOLVE_H
#define HEADPRUNE_REFIT_SOLVE_H

#include "headprune/refit.h"
#include "nn/dense.h"

/*
 * The refit of one block: W_K + D with (C_KK + lambda I) D = C_KS W_S, K and S
 * the kept and the pruned rows. D's columns are independent: they are solved
 * in bands of a fixed number, one thread a band.
 */
typedef struct hp__solver {
    const hp__blas *blas;
    unsigned threads;
    size_t n, width;     /* the largest block's */
    double *a;           /* [n, n] C_KK + lambda I, then its factor */
    double *across;      /* [n, n] C_SK */
    double *bands;       /* [threads][HP__SOLVE_ROOM(n)] */
    double *errors;      /* [bands][3] before, after, of the whole output */
    double *room;        /* [3 n] of the condition */
    int *ints;           /* [n] */
    size_t *kept, *gone; /* [n] rows */
} hp__solver;

/* What is to be solved. */
typedef struct hp__block_task {
    const hp_moments *moments;
    const double *w;             /* [n, width] input by output */
    const unsigned char *masked; /* [heads of the block] */
    hp_dtype dtype;              /* that the result is stored in */
    double damping;
} hp__block_task;

HP_CHECKED
hp_status hp__solver_open(hp__solver *s, const hp_model *m,
                          const hp_run_options *o, hp_error *err);
void hp__solver_close(hp__solver *s);

/* Fills all of `out` but `block`, and w_new [n, width] when it says refitted:
 * pruned rows 0, kept rows rounded to the dtype. HP_FORMAT: the moments are
 * not finite, or no ridge makes them a matrix that can be factored. */
HP_CHECKED
hp_status hp__solve(hp_refit_block *out, double *w_new, hp__solver *s,
                    const hp__block_task *t, hp_error *err);

#endif
