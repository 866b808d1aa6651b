#ifndef HEADPRUNE_PRUNE_MODELING_H
#define HEADPRUNE_PRUNE_MODELING_H

#include "prune/emit.h"

#define HP__MODELING_NAME "modeling_headprune.py"

/* Embedded at build time: modeling_headprune.py. */
extern const unsigned char hp__modeling[];
extern const size_t hp__modeling_len;

/* Adds the file that loads uneven checkpoints in transformers. */
HP_CHECKED
hp_status hp__modeling_add(hp__edition *out, hp__arena *a, hp_error *err);

#endif
