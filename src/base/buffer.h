#ifndef HEADPRUNE_BASE_BUFFER_H
#define HEADPRUNE_BASE_BUFFER_H

#include "headprune/error.h"

#include <stddef.h>

/*
 * A growing run of bytes, always NUL-terminated once something was added.
 * Errors are sticky: after the first failure the calls do nothing, and
 * hp__buffer_take reports it. Start with {0}.
 */
typedef struct hp__buffer {
    char *data;
    size_t len, room;
    int failed;
} hp__buffer;

void hp__buffer_add(hp__buffer *b, const void *bytes, size_t len);
void hp__buffer_text(hp__buffer *b, const char *text);
void hp__buffer_printf(hp__buffer *b, const char *fmt, ...) HP_PRINTF(2, 3);
/* Makes room for `n` more bytes without adding any; 0 when it cannot. */
int hp__buffer_reserve(hp__buffer *b, size_t n);
/* Hands the bytes to the caller (free()), or reports HP_NOMEM. Either way the
 * buffer is empty after it. `len` may be NULL. */
HP_CHECKED
hp_status hp__buffer_take(char **out, size_t *len, hp__buffer *b,
                          hp_error *err);
void hp__buffer_clear(hp__buffer *b);

#endif
