#ifndef HEADPRUNE_TEXT_UNICODE_H
#define HEADPRUNE_TEXT_UNICODE_H

#include "base/buffer.h"
#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Characters and their properties: the only user of utf8proc. The properties
 * are those of the Hugging Face tokenizers library, whose BERT components
 * know the categories of Unicode 8 only.
 */
typedef enum hp__form { HP__NFC, HP__NFD, HP__NFKC, HP__NFKD } hp__form;

/* Appends the normal form of checked UTF-8. */
HP_CHECKED
hp_status hp__unicode_normalize(hp__buffer *out, hp__form form, const char *s,
                                size_t len, hp_error *err);

int hp__unicode_is_space(uint32_t c);       /* White_Space */
int hp__unicode_is_number(uint32_t c);      /* Nd, Nl, No */
int hp__unicode_is_mark(uint32_t c);        /* Mn */
int hp__unicode_is_combining(uint32_t c);   /* Mn, Mc, Me */
int hp__unicode_is_other(uint32_t c);       /* Cc, Cf, Co */
int hp__unicode_is_punctuation(uint32_t c); /* P*, ASCII symbols too */
int hp__unicode_is_cjk(uint32_t c);         /* BERT's Chinese characters */
/* Whether \w matches it: letters, marks, numbers, connectors. */
int hp__unicode_is_word(uint32_t c);
/* Whether Rust's \w matches it: alphabetic, marks, digits, connectors, joiners.
 */
int hp__unicode_is_alphabetic(uint32_t c);
/* Bytes of the extended grapheme cluster that begins checked UTF-8; len > 0. */
size_t hp__unicode_cluster(const char *s, size_t len);
/* Whether a space can belong to the cluster of the character before it. */
int hp__unicode_takes_space(uint32_t before);
/* Full lower case: one or two characters, their number is returned. */
size_t hp__unicode_lower(uint32_t out[2], uint32_t c);

#endif
