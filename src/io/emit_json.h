#ifndef HEADPRUNE_IO_EMIT_JSON_H
#define HEADPRUNE_IO_EMIT_JSON_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Writes JSON text into a buffer: commas, line breaks and escapes are kept
 * here. An object or array opened with `inline_` stands on one line, others
 * have one member a line; the end of the outermost adds the line break of the
 * text. Keys are NULL inside arrays. At most 16 levels. Errors stay in the
 * buffer (sticky).
 */
typedef struct hp__emitter {
    hp__buffer *out;
    unsigned depth;
    unsigned char inline_[16]; /* per depth */
    unsigned char empty[16];
    char closer[16];
} hp__emitter;

void hp__emit_start(hp__emitter *e, hp__buffer *out);
void hp__emit_object(hp__emitter *e, const char *key, int inline_);
void hp__emit_array(hp__emitter *e, const char *key, int inline_);
void hp__emit_end(hp__emitter *e); /* of the innermost object or array */
/* NULL text is null; invalid UTF-8 becomes U+FFFD. */
void hp__emit_string(hp__emitter *e, const char *key, const char *text);
void hp__emit_uint(hp__emitter *e, const char *key, uint64_t value);
void hp__emit_int(hp__emitter *e, const char *key, int64_t value);
/* Shortest decimal that reads back as `value`; NaN and infinity are null. */
void hp__emit_double(hp__emitter *e, const char *key, double value);
void hp__emit_bool(hp__emitter *e, const char *key, int value);
void hp__emit_null(hp__emitter *e, const char *key);

#endif
