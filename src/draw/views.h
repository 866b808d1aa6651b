#ifndef HEADPRUNE_DRAW_VIEWS_H
#define HEADPRUNE_DRAW_VIEWS_H

#include "headprune/page.h"

/*
 * What the figures of one table of heads are drawn from: scores, a plan, or
 * the two together when a plan was made of scores that are at hand.
 */
typedef struct hp__view {
    const char *scores_path, *plan_path; /* files; NULL without one */
    const hp_model_info *model;
    const hp_scores *scores;
    const hp_plan *plan;
    const hp_choice *choice;   /* behind the plan, or NULL */
    const char *method, *unit; /* "" for a list of heads */
    int prunes_highest;
    size_t n;
    const hp_head *heads;        /* [n] */
    const double *values;        /* [n] or NULL; NaN where not known */
    const uint32_t *rank;        /* [n] or NULL */
    const unsigned char *pruned; /* [n] or NULL */
} hp__view;

/* One view a plan, and one for scores that no plan was made of, in the order
 * of the documents. Freed by free(); it borrows from the documents. */
HP_CHECKED
hp_status hp__views_new(hp__view **out, size_t *n,
                        const hp_document *const *docs, size_t n_docs,
                        hp_error *err);

/* The same numbers of the same method and model, whatever file they are in. */
int hp__scores_equal(const hp_scores *a, const hp_scores *b);

/* Blocks are rows. A row's label is its heads' id without the head: "9",
 * "dec.0.self". */
size_t hp__view_rows(const hp__view *v);
/* The first head of the row that follows the one of head `i`; n at the end. */
size_t hp__view_next_row(const hp__view *v, size_t i);
int hp__view_label_length(const hp_head *head);
/* "layer", or "block" where layers have several rows. */
const char *hp__view_row_name(const hp__view *v);
/* 1: ids name a stack of layers, of which there are several. */
int hp__head_names_stack(const hp_head *head);
/* Column of head i of the row that starts at `first`, and how many there are:
 * heads stand under their numbers, or side by side if these are wild. */
size_t hp__view_columns(const hp__view *v);
size_t hp__view_column(const hp__view *v, size_t first, size_t i);

/* Smallest and largest known value; 0: there is none. */
int hp__view_range(double *low, double *high, const hp__view *v);
/* 1: only logarithms tell most values apart: they are above 0, over two decades
 * or more, and three in four lie in the lowest tenth of the range. */
int hp__view_skewed(const hp__view *v);
size_t hp__view_pruned(const hp__view *v);
/* 1 when all that is pruned lies on one side of `*at`, all else on the other.
 */
int hp__view_cut(double *at, const hp__view *v);

#endif
