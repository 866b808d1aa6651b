#ifndef HEADPRUNE_RUN_ROTARY_H
#define HEADPRUNE_RUN_ROTARY_H

#include "headprune/model.h"

/*
 * Cosines and sines of the angles by which queries and keys turn, for every
 * position: computed in double, kept in single precision.
 */
typedef struct hp__rotary {
    float *cosines, *sines; /* [positions, half] */
    size_t positions, half; /* 0: the model has no rotary positions */
} hp__rotary;

/* For positions 0 .. n; what is in `*out` (zero at first) gives way where that
 * is not enough. */
HP_CHECKED
hp_status hp__rotary_open(hp__rotary *out, const hp_model *m, size_t n,
                          hp_error *err);
void hp__rotary_close(hp__rotary *r);

#endif
