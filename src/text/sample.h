#ifndef HEADPRUNE_TEXT_SAMPLE_H
#define HEADPRUNE_TEXT_SAMPLE_H

#include "headprune/error.h"

#include <stddef.h>

/* The embedded calibration text: twelve passages of English novels, made from
 * novels.txt by embed.cmake. */
extern const unsigned char hp__novels[]; /* gzip */
extern const size_t hp__novels_size, hp__novels_len;

#define HP__SAMPLE_NAME "embedded:novels"

/* The text, NUL-terminated, freed by free(). */
HP_CHECKED
hp_status hp__sample_read(char **out, size_t *len, hp_error *err);

/* The texts that calibration and hp_text_read take: at most this long. */
#define HP__TEXT_MOST ((size_t)1 << 30)

#endif
