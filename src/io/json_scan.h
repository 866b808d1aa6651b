#ifndef HEADPRUNE_IO_JSON_SCAN_H
#define HEADPRUNE_IO_JSON_SCAN_H

#include "base/buffer.h"
#include "base/utf8.h"

#include <stdint.h>

/*
 * A strict scanner of JSON text (RFC 8259, UTF-8 only): no tree, memory only
 * for the keys of the objects that are open, which must be unique. It is what
 * checks safetensors headers and index files, and every text before cJSON.
 *
 *     hp__scan s = {.text = text, .len = len, .name = "header"};
 *     st = hp__scan_next(&s, err);                 first token
 *     st = hp__scan_open(&s, '{', err);            it must be an object
 *     while (!(st = hp__scan_member(&s, &more, err)) && more)
 *         s.key is the key, s.token the first token of its value:
 *         open it, skip it, or take it when it is a string or a number
 *     st = hp__scan_end(&s, err);                  nothing may follow
 *     hp__scan_clear(&s);
 */
enum { HP__SCAN_DEPTH = 64 };

/* A token of the text; of a string, what stands between the quotes. */
typedef struct hp__span {
    const char *at;
    size_t len;
    int nul; /* a string that has \u0000 in it */
} hp__span;

typedef struct hp__scan {
    const char *text; /* set by the caller, as is `len` */
    size_t len, at;
    const char *name; /* of the text, starts messages: "header" */
    int refuse_nul;   /* \u0000 is an error in every string */
    int trusted;      /* keys were found unique before */
    /* '{' '}' '[' ']' ':' ',' 's'tring 'n'umber 't'rue 'f'alse 'z' null, 0 at
     * the end of the text */
    char token;
    hp__span span;
    int real;     /* the number has a fraction or an exponent */
    int reals;    /* some number before had */
    hp__span key; /* of the member that hp__scan_member found */
    /* inside: */
    int first;
    unsigned depth;
    hp__buffer keys;
    size_t base[HP__SCAN_DEPTH]; /* of `keys`, per depth */
} hp__scan;

HP_CHECKED
hp_status hp__scan_next(hp__scan *s, hp_error *err);
/* The token is `bracket` ('{' or '['): go inside. */
HP_CHECKED
hp_status hp__scan_open(hp__scan *s, char bracket, hp_error *err);
/* To the value of the next member or element; *more 0: past the bracket. */
HP_CHECKED
hp_status hp__scan_member(hp__scan *s, int *more, hp_error *err);
HP_CHECKED
hp_status hp__scan_element(hp__scan *s, int *more, hp_error *err);
/* Past the value that starts with the token, checking all of it. */
HP_CHECKED
hp_status hp__scan_skip(hp__scan *s, hp_error *err);
HP_CHECKED
hp_status hp__scan_end(hp__scan *s, hp_error *err);
void hp__scan_clear(hp__scan *s);

/* HP_FORMAT with the place of the last token in front. */
hp_status hp__scan_fail(const hp__scan *s, hp_error *err, const char *what);
/* What the token is, for messages: "a string", "the end". */
const char *hp__scan_kind(const hp__scan *s);

/* Decodes a string into `out`, at most `room` bytes of it; returns how many.
 * span.len bytes are always enough. No NUL is added. */
size_t hp__scan_decode(char *out, size_t room, hp__span string);
/* The string as hp__shorten gives it. */
const char *hp__scan_shorten(char out[HP__SHORT], hp__span string);
/* The string, NUL-terminated only if it has escapes: then it is in `scratch`,
 * else in the text itself. */
HP_CHECKED
hp_status hp__scan_string(const char **out, size_t *len, hp__buffer *scratch,
                          hp__span string, hp_error *err);
int hp__scan_is(hp__span string, const char *text);
/* 1: the token is a number of digits only, below 2^64. */
int hp__scan_u64(uint64_t *out, const hp__scan *s);
/*
 * The token, a number, as Rust's serde_json reads it: digits that 64 bits hold,
 * times or over a power of ten. That can be one unit in the last place off what
 * strtod gives, and who is to decide between sums of scores as the Hugging Face
 * library does needs the same bits.
 */
double hp__scan_number(const hp__scan *s);

#endif
