#ifndef HEADPRUNE_PRUNE_REMOVE_H
#define HEADPRUNE_PRUNE_REMOVE_H

#include "model/removal.h"
#include "prune/emit.h"

/* The two ways of the form "remove". */

/* How many heads all blocks keep, and how many key and value heads. */
typedef struct hp__shape {
    uint32_t heads, kv_heads;
} hp__shape;

/* What the order leaves in every block. HP_UNSUPPORTED: not as many in each of
 * them, or of their key and value heads. */
HP_CHECKED
hp_status hp__shape_of(hp__shape *out, const hp__order *o, hp_error *err);

/* All blocks keep equally many heads: config.json says how many. */
HP_CHECKED
hp_status hp__uniform_edit(hp__edition *out, hp__arena *a, const hp__order *o,
                           hp_error *err);

#endif
