#ifndef HEADPRUNE_TEXT_CHARACTERS_H
#define HEADPRUNE_TEXT_CHARACTERS_H

#include <stddef.h>
#include <stdint.h>

#define HP__WORD_MARK "\xE2\x96\x81" /* U+2581, what stands for a space */

/* Offset of the first byte that is not UTF-8, or `len`. */
size_t hp__utf8_check(const char *s, size_t len);
/* The character at *at, which moves past it. Checked text only. */
uint32_t hp__utf8_next(const char *s, size_t *at);
/* The character that ends at `at` > 0. Checked text only. */
uint32_t hp__utf8_before(const char *s, size_t at);

#endif
