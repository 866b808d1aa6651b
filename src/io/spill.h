#ifndef HEADPRUNE_IO_SPILL_H
#define HEADPRUNE_IO_SPILL_H

#include "headprune/error.h"

#include <stddef.h>

/*
 * Working memory that may be larger than what a run shall hold: zeroed bytes,
 * in memory up to `in_memory` of them, else in an unlinked temporary file in
 * TMPDIR that is mapped and that the system keeps in memory as far as there is
 * room. The file's blocks are reserved first, so that a full disk is an error
 * here and no signal later.
 */
typedef struct hp__spill {
    void *at; /* aligned to 64 */
    size_t bytes;
    int mapped;
} hp__spill;

HP_CHECKED
hp_status hp__spill_open(hp__spill *out, size_t n, size_t size,
                         size_t in_memory, hp_error *err);
void hp__spill_close(hp__spill *s); /* all zero is fine */

#endif
