#ifndef HEADPRUNE_TEXT_DECODING_H
#define HEADPRUNE_TEXT_DECODING_H

#include "base/arena.h"
#include "base/buffer.h"
#include "io/json.h"

/*
 * The "decoder" of a tokenizer: how tokens become text again. Its components
 * are steps that tokens go through one after the other, as they come; behind
 * Fuse what comes is parts of one token. A new component is one function in
 * decode_steps.c and one row of the table in decoding.c.
 */
enum { HP__DECODERS_MOST = 8 };

typedef struct hp__decode hp__decode;

typedef struct hp__decoder {
    void (*run)(const struct hp__decoder *p, hp__decode *d, size_t step,
                const char *text, size_t len);
    void (*end)(const struct hp__decoder *p, hp__decode *d, size_t step);
    const char *from, *to; /* what is replaced, by what */
    const char *prefix;    /* WordPiece: what continues a word; "": nothing */
    int cleanup;           /* WordPiece: no space before punctuation */
    size_t start, stop;    /* Strip: how many at most */
    int keep_first;        /* Metaspace: marks of the first token stay */
    int fused;             /* what comes is parts of one token */
} hp__decoder;

typedef struct hp__decoding {
    const char *unknown; /* a component that cannot be run; NULL: none */
    hp__decoder items[HP__DECODERS_MOST];
    size_t n;
    int fused;         /* Fuse is among them */
    const char *mark;  /* stands for a space; NULL: nothing does */
    int byte_fallback; /* tokens <0x00> .. <0xFF> are bytes */
} hp__decoding;

/* `node` may be NULL or null: tokens with spaces between them. */
HP_CHECKED
hp_status hp__decoding_read(hp__decoding *out, hp__arena *a,
                            const hp__node *node, hp_error *err);
/* ByteLevel; WordPiece with its clean-up; Metaspace; Replace of the word mark,
 * ByteFallback, Fuse and, if `strip`, Strip of one space in front. */
void hp__decoding_bytes(hp__decoding *out);
void hp__decoding_words(hp__decoding *out, const char *prefix, int cleanup);
void hp__decoding_metaspace(hp__decoding *out, int keep_first);
void hp__decoding_fallback(hp__decoding *out, int strip);

/* Tokens on their way; what comes out is in `out`, which need not be UTF-8. */
struct hp__decode {
    const hp__decoding *list;
    hp__buffer out;
    hp__buffer own[HP__DECODERS_MOST]; /* of the step */
    size_t seen[HP__DECODERS_MOST];    /* tokens, or what the step counts */
};

void hp__decode_token(hp__decode *d, const char *text, size_t len);
void hp__decode_end(hp__decode *d); /* then the next text begins */
void hp__decode_clear(hp__decode *d);

/* The byte that a token <0x00> .. <0xFF> stands for; -1: it is another. */
int hp__byte_token(const char *text, size_t len);

#endif
