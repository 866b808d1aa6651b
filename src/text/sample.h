#ifndef HEADPRUNE_TEXT_SAMPLE_H
#define HEADPRUNE_TEXT_SAMPLE_H

#include "headprune/error.h"

#include <stddef.h>

/* The embedded calibration text: English novels and modern texts in turns
 * (models/text/README.md says which), made from mixed.txt by embed.cmake. */
extern const unsigned char hp__mixed[]; /* gzip */
extern const size_t hp__mixed_size, hp__mixed_len;

#define HP__SAMPLE_NAME "embedded:mixed"

/* The text, NUL-terminated, freed by free(). */
HP_CHECKED
hp_status hp__sample_read(char **out, size_t *len, hp_error *err);

/* The texts that calibration and hp_text_read take: at most this long. */
#define HP__TEXT_MOST ((size_t)1 << 30)

#endif
