#ifndef HEADPRUNE_SCORE_H
#define HEADPRUNE_SCORE_H

#include "headprune/stats.h"

/*
 * Scores: one number for every head. Definitions and sources of the methods
 * are in docs/methods.md.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_method {
    const char *name;    /* "entropy" */
    const char *unit;    /* "nat"; "" without one */
    const char *summary; /* one line */
    int prunes_highest;  /* which end goes first */
    const char *passes;  /* over the data, in forward passes: "1", "3" */
    int needs_data;      /* calibration sequences and a forward pass */
    int needs_loss;      /* a model with an output over the vocabulary */
    int needs_backward;  /* a backward pass to the activations */
    int takes_stats;     /* made of statistics alone, wherever they come from */
    /* Perplexity of the sample model gpt2-novels once 30 % of its heads are
     * zeroed, and once the others are refitted besides: docs/results.md. */
    double zeroed, refitted;
    /* Of hp_method_choose: 1 is taken where the model allows it, else 2, and so
     * on; 0: never chosen. */
    unsigned choice;
    const char *why; /* one line on that; NULL: never chosen */
} hp_method;

/* Method i of the table; NULL past the end. */
const hp_method *hp_method_at(size_t i);
/* NULL when there is none of that name: not an error. */
const hp_method *hp_method_find(const char *name);

/* HP_UNSUPPORTED: the method needs a loss, and the model has no output; the
 * hint names methods that work. */
HP_CHECKED
hp_status hp_method_fits(const hp_method *method, const hp_model *m,
                         hp_error *err);

/* The method to prune a model by when nobody names one: the first in the order
 * of `choice` that it can be scored with. One looks at weights alone, so there
 * always is one. */
const hp_method *hp_method_choose(const hp_model *m);

/* Scores with all that is needed to rank them and to say what they are of:
 * self-contained, so that they can come from a model or from a document. */
typedef struct hp_scores {
    hp_model_info model;
    const char *method, *unit;
    int prunes_highest;
    int has_calibration;
    hp_calibration_info calibration; /* when has_calibration */
    int has_seed;
    uint64_t seed;   /* of random */
    const char *mix; /* of hybrid, as hp_score_options.mix; NULL: none */
    double step;     /* scored again whenever this share had gone; 0: once */
    size_t n_heads;
    const hp_head *heads; /* [n_heads] */
    const double *values; /* [n_heads], rounded to 6 significant digits */
    const uint32_t *rank; /* [n_heads]; 0 is pruned first; ties in head order */
} hp_scores;

/* What an energy is a share of. */
typedef enum hp_energy_share {
    HP_ENERGY_OF_BLOCK,  /* the energy of the block's output */
    HP_ENERGY_OF_STREAM, /* that of the residual stream the block adds to */
    HP_ENERGY_ALONE      /* nothing: mean squared norms */
} hp_energy_share;
/* The unit of scores of that kind: "of block", "of stream", "energy". */
const char *hp_energy_unit(hp_energy_share r);

/* What scores are divided by before they are ranked. */
typedef enum hp_normalize {
    HP_NORMALIZE_NONE,
    HP_NORMALIZE_LAYER /* the square root of the sum of squares of all scores of
                          the attention block */
} hp_normalize;
#define HP_DEFAULT_MIX "entropy:0.5,magnitude:0.5"
/* The unit of scores of that kind. */
#define HP_UNIT_OF_LAYER "of layer"

typedef struct hp_score_options {
    hp_run_options run;            /* backend only for methods that need data */
    const hp_sequences *sequences; /* NULL for methods that need none */
    const hp_calibration_info *calibration; /* copied; NULL: none */
    const hp_stats *stats; /* in place of sequences, where a method takes them;
                              NULL: none */
    uint64_t seed;
    hp_energy_share relative; /* of energy */
    hp_normalize normalize;
    const char *mix; /* of hybrid: "entropy:0.5,magnitude:0.5"; NULL: that */
    /* Above 0: scores are taken again whenever this share of the heads has
     * gone, lowest (or highest) first, with those silent. The score of a head
     * is then its place in that order. `iterate_to` heads are taken so, 0: all;
     * the rest follows as the last scores say. */
    double iterate;
    size_t iterate_to;
    /* 1: after every step the heads that stay are refitted, as by hp_refit_make
     * (sequentially where `refit_sequential`) with this damping. */
    int iterate_refit, refit_sequential;
    double refit_damping;
    /* Methods that need a loss, of masked models: tokens that are never masked,
     * and the id they are masked with. Or `labels`: [tokens] the token to
     * predict there, -1 elsewhere, for sequences that hold the mask token
     * already. */
    hp_special special;
    const int32_t *labels;
} hp_score_options;

/* Scores every head of the model. Errors as hp_run_sweep; a score that is not
 * finite is HP_FORMAT; HP_UNSUPPORTED: the method needs a loss, and the model
 * has no output. Freed with hp_scores_free. */
HP_CHECKED
hp_status hp_score(hp_scores **out, const hp_model *m, const hp_method *method,
                   const hp_score_options *o, hp_error *err);
void hp_scores_free(hp_scores *s); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
