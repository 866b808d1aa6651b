#ifndef HEADPRUNE_FORECAST_H
#define HEADPRUNE_FORECAST_H

#include "headprune/rewrite.h"

/*
 * What becomes of size and speed, from the shapes alone: known before anything
 * is written.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_forecast {
    uint64_t length; /* tokens of the sequences that multiply-adds are of */
    hp_cost before, after; /* `after`: in the form of the rewrite */
    hp_cost removed;       /* were the pruned heads removed */
    uint64_t in_heads, in_pruned_heads; /* parameters */
    uint64_t zeroed;                    /* values that the rewrite sets to 0 */
    char size[160], speed[160];         /* one line each */
} hp_forecast;

/* Of a rewrite that was begun, a dry one too. HP_INVALID: a head of the plan
 * that the model does not have. */
HP_CHECKED
hp_status hp_forecast_make(hp_forecast *out, const hp_rewrite *r,
                           const hp_plan *p, hp_error *err);

#ifdef __cplusplus
}
#endif

#endif
