#ifndef HEADPRUNE_DRAW_SCALE_H
#define HEADPRUNE_DRAW_SCALE_H

#include <stddef.h>

/* From values to pixels, along one axis. */
typedef struct hp__scale {
    double low, high; /* low < high; both above 0 when `logarithmic` */
    double from, to;  /* pixels of low and high */
    int logarithmic;
} hp__scale;

enum { HP__MAX_TICKS = 24 };

/*
 * A scale that holds `low` to `high`, widened to round numbers. Logarithmic
 * only when asked for and both are above 0. Equal ends are set apart; ends that
 * are not finite count as 0 and 1.
 */
hp__scale hp__scale_fit(double low, double high, int logarithmic);
double hp__scale_at(const hp__scale *s, double value);
/* Round values inside the scale, in order; about `wanted` (at least 2) of
 * them. Returns how many were written. */
size_t hp__scale_ticks(double out[HP__MAX_TICKS], const hp__scale *s,
                       unsigned wanted);
/* A tick's text: as few digits as tell it from its neighbours. */
const char *hp__scale_label(char out[32], double tick);

#endif
