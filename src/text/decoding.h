#ifndef HEADPRUNE_TEXT_DECODING_H
#define HEADPRUNE_TEXT_DECODING_H

#include "base/arena.h"
#include "io/json.h"

/* The "decoder" of a tokenizer: how tokens become text again. */
typedef struct hp__decoding {
    const char *unknown; /* a component that cannot be run; NULL: none */
    int bytes;           /* ByteLevel: characters stand for bytes */
    const char *prefix;  /* else words: what continues one ("##"); "": nothing
                            does */
    int cleanup;         /* no space before punctuation */
} hp__decoding;

/* `node` may be NULL or null: tokens with spaces between them. */
HP_CHECKED
hp_status hp__decoding_read(hp__decoding *out, hp__arena *a,
                            const hp__node *node, hp_error *err);

#endif
