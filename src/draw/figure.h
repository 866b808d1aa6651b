#ifndef HEADPRUNE_DRAW_FIGURE_H
#define HEADPRUNE_DRAW_FIGURE_H

#include "draw/markup.h"
#include "draw/scale.h"
#include "draw/views.h"

/*
 * A figure: an SVG without its outermost element, and the same numbers as a
 * table. Title and caption are escaped text. Failures of memory stay in the
 * buffers.
 */
typedef struct hp__figure {
    const char *name; /* of its file, without .svg */
    double width, height;
    hp__buffer title, caption, body, table;
} hp__figure;

/* One cell a head: colour is the score, a hatched and crossed cell is pruned.
 */
void hp__draw_heatmap(hp__figure *f, const hp__view *v);
/* One bar a block. The view has a plan. */
void hp__draw_kept(hp__figure *f, const hp__view *v);
/* The search behind a choice with a limit, and the heads that were taken. */
void hp__draw_limit(hp__figure *f, const hp_choice *c, size_t taken);
/* How many heads have which score, and where the cut lies. The view has
 * scores. */
void hp__draw_histogram(hp__figure *f, const hp__view *v);

/* Values of the evaluations of one metric; 0: there are none. */
int hp__draw_evaluations(hp__figure *f, const hp_document *const *docs,
                         size_t n, hp_metric metric);
/* The metric against the share of heads pruned. */
HP_CHECKED
hp_status hp__draw_curves(hp__figure *f, const hp_sweep *s, hp_error *err);
/* One square a head, one row a block. */
void hp__draw_thumbnails(hp__figure *f, const hp_thumbnails *t);
/* One square a block, heads against heads. */
void hp__draw_supplied(hp__figure *f, const hp_redundancy *r);
/* Scores of one model by two methods: `a` and `b` have the same heads. */
HP_CHECKED
hp_status hp__draw_agreement(hp__figure *f, const hp_scores *a,
                             const hp_scores *b, hp_error *err);
/* Grid, ticks and names around the plot. Sets the pixels of both scales from
 * the figure's size. Units may be NULL. */
typedef struct hp__axes {
    hp__scale *x, *y;
    const char *x_name, *x_unit, *y_name, *y_unit;
} hp__axes;
void hp__draw_axes(hp__figure *f, const hp__axes *a);

/* " ± 1.5", two digits; nothing for what is not finite. */
void hp__put_error(hp__buffer *b, double error);
/* "3.2 nat", "3.2" without a unit. */
void hp__put_value(hp__buffer *b, double value, const char *unit);
/* "entropy (nat)", "random (seed 3)". */
void hp__put_method(hp__buffer *b, const char *method, const char *unit,
                    int has_seed, uint64_t seed);

#endif
