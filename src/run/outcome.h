#ifndef HEADPRUNE_RUN_OUTCOME_H
#define HEADPRUNE_RUN_OUTCOME_H

#include "headprune/error.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * How work that is spread over threads ends. Every piece of work has a place
 * in one order; the failure with the lowest place is the one reported, so
 * that the message does not depend on which thread was faster.
 */
typedef struct hp__outcome {
    _Atomic uint64_t stop; /* work from this place on is not worth starting */
    hp_status status;
    hp_error error;
} hp__outcome;

void hp__outcome_init(hp__outcome *o);
/* Takes note of a failure; HP_OK is fine. `err` may be NULL. */
void hp__outcome_add(hp__outcome *o, uint64_t place, hp_status status,
                     const hp_error *err);
/* 1: something at or before `place` has failed. */
int hp__outcome_stops(const hp__outcome *o, uint64_t place);
/* The status, with its message in `err` (may be NULL). */
HP_CHECKED
hp_status hp__outcome_get(const hp__outcome *o, hp_error *err);

#endif
