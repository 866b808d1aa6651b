#ifndef HEADPRUNE_TEXT_REGEX_H
#define HEADPRUNE_TEXT_REGEX_H

#include "base/buffer.h"
#include "headprune/error.h"

#include <stddef.h>

/* Regular expressions as tokenizers write them: the only user of PCRE2. */
typedef struct hp__regex hp__regex;
typedef struct hp__matcher hp__matcher; /* what matching writes to */

/* `literal`: the pattern is plain text. A construct whose meaning differs from
 * the tokenizers library's is HP_UNSUPPORTED. */
HP_CHECKED
hp_status hp__regex_open(hp__regex **out, const char *pattern, int literal,
                         hp_error *err);
void hp__regex_free(hp__regex *r); /* NULL is fine */

/* 1: the pattern may match no text at all. */
int hp__regex_may_be_empty(const hp__regex *r);

HP_CHECKED
hp_status hp__matcher_open(hp__matcher **out, hp_error *err);
void hp__matcher_free(hp__matcher *m); /* NULL is fine */

typedef struct hp__subject {
    const char *text; /* checked UTF-8 */
    size_t len, from;
} hp__subject;

/* The first match of at least one byte at or after `from`; span[0] == span[1]
 * == len when there is none. */
HP_CHECKED
hp_status hp__regex_find(size_t span[2], const hp__regex *r, hp__matcher *m,
                         const hp__subject *s, hp_error *err);

/* Rewrites a pattern of the tokenizers library (Oniguruma) for PCRE2. */
HP_CHECKED
hp_status hp__regex_translate(hp__buffer *out, const char *pattern,
                              hp_error *err);

#endif
