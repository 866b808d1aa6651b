#ifndef HEADPRUNE_PLAN_PLAN_UNITS_H
#define HEADPRUNE_PLAN_PLAN_UNITS_H

#include "headprune/plan.h"

/*
 * What a plan takes at a time, ranked: one head, all heads that share keys and
 * values, or one head of every such group of a block.
 */
typedef struct hp__unit {
    double value; /* low values go first */
    uint32_t block;
    size_t first, n; /* of hp__units.heads */
} hp__unit;

typedef struct hp__units {
    hp__unit *at; /* [n] first to go first */
    size_t n;
    uint32_t *heads; /* of a unit, first to go first */
} hp__units;

/* Heads that are protected are in no unit, and neither are those that would go
 * with one. Released also after a failure. */
HP_CHECKED
hp_status hp__units_make(hp__units *out, const hp_scores *s, const hp_policy *p,
                         hp_error *err);
void hp__units_clear(hp__units *u);

#endif
