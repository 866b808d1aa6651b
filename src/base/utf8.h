#ifndef HEADPRUNE_BASE_UTF8_H
#define HEADPRUNE_BASE_UTF8_H

#include <stddef.h>

/*
 * Bytes of the UTF-8 sequence that `text` starts with (1 to 4), 0 when there
 * is none: a cut, overlong, surrogate or too large sequence, or `len` 0.
 */
size_t hp__utf8_length(const char *text, size_t len);
/* Writes a code point that is not a surrogate; the bytes written (1 to 4). */
size_t hp__utf8_write(char out[4], unsigned long code);

/* Room for a name in a message. */
#define HP__SHORT 96
/*
 * A name for a message: at most 80 bytes, cut between characters and then
 * followed by "..."; NUL bytes become '?'. Returns `out`.
 */
const char *hp__shorten(char out[HP__SHORT], const char *name, size_t len);
const char *hp__shorten_text(char out[HP__SHORT], const char *name);

#endif
