#ifndef HEADPRUNE_PROGRESS_H
#define HEADPRUNE_PROGRESS_H

#include <stdint.h>

/*
 * How a long call reports and how it is stopped. `step` is called from one
 * thread at a time with the work done so far and in all, in the unit that the
 * call names; a return other than 0 ends the call with HP_CANCELLED, after it
 * has removed what it had begun to write. `step` may be NULL.
 */
typedef struct hp_progress {
    int (*step)(void *payload, uint64_t done, uint64_t total);
    void *payload;
} hp_progress;

#endif
