#ifndef HEADPRUNE_TEXT_CHARSMAP_H
#define HEADPRUNE_TEXT_CHARSMAP_H

#include "base/arena.h"
#include "base/buffer.h"
#include "headprune/error.h"

#include <stddef.h>

/*
 * SentencePiece's precompiled normalisation: a double array (Darts) from
 * character sequences to offsets in a list of replacements. Applied as the
 * Hugging Face library does: a grapheme cluster of less than 6 bytes is
 * replaced by what its shortest beginning that is a key stands for, everything
 * else goes character by character.
 */
typedef struct hp__charsmap hp__charsmap;

/* From the bytes of a precompiled_charsmap, which are copied. HP_FORMAT: sizes
 * that do not fit, replacements that are not UTF-8. */
HP_CHECKED
hp_status hp__charsmap_read(hp__charsmap **out, hp__arena *a, const char *bytes,
                            size_t len, hp_error *err);
/* 1: spaces stay as they are, so that a text may be cut before one. */
int hp__charsmap_keeps_space(const hp__charsmap *m);
/* Appends what checked UTF-8 becomes. */
void hp__charsmap_run(const hp__charsmap *m, hp__buffer *out, const char *s,
                      size_t len);

#endif
