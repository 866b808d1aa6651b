#ifndef HEADPRUNE_CLI_SWEEP_WORK_H
#define HEADPRUNE_CLI_SWEEP_WORK_H

#include "cli/sampler.h"

/* What a sweep is made of: methods x ratios x seeds as scores and plans, and
 * the text they are evaluated on. */
typedef struct sweep_work {
    work w;
    hp_calibration *own; /* evaluation data of its own, or NULL */
    hp_eval_data data;
    int32_t ids[HP_MAX_SPECIAL]; /* room for its special tokens */
    const hp_method **methods;   /* [n_methods] */
    double *ratios;              /* [n_ratios] */
    hp_scores **scores; /* [n_scores] a method with each of its seeds */
    hp_plan **plans;    /* [n_plans] */
    hp_refit **refits;  /* [n_plans] with --compensate */
    size_t n_methods, n_ratios, n_scores, n_plans;
    sampler sampler;
    hp_sweep *before; /* of --resume, or NULL */
    hp_sweep *sweep;
} sweep_work;

/* Reads --methods and --ratios. HP_INVALID names the word that is wrong. */
HP_CHECKED
hp_status sweep_read_grid(sweep_work *s, const cli *c, hp_error *err);
/* Calibration and evaluation data, with a warning when they are the same. */
HP_CHECKED
hp_status sweep_open_data(sweep_work *s, cli *c, hp_error *err);
/* Scores of every method and seed, and the plans of every ratio. */
HP_CHECKED
hp_status sweep_make_plans(sweep_work *s, cli *c, hp_error *err);
void sweep_work_clear(sweep_work *s);

#endif
