#ifndef HEADPRUNE_TEXT_ADDED_H
#define HEADPRUNE_TEXT_ADDED_H

#include "base/arena.h"
#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Added tokens ("<|endoftext|>", "[MASK]"): found in the text before anything
 * else happens to it, the leftmost first, of several there the longest.
 */
typedef struct hp__added_token {
    const char *text;
    size_t len;
    int32_t id;
    /* lstrip, rstrip: takes the white space on that side with it.
     * normalized: is looked for in normalised text. */
    int single_word, lstrip, rstrip, normalized;
    int special; /* stands for no text */
} hp__added_token;

typedef struct hp__added {
    hp__added_token *tokens; /* by first byte, then the longest first */
    size_t n;
    size_t first[257]; /* where the tokens of a first byte begin */
} hp__added;

/* Sorts `tokens` into one that finds; all are of length > 0. */
void hp__added_index(hp__added *a, hp__added_token *tokens, size_t n);

/* Where a scan through a text stands. Start with {.text, .len}. */
typedef struct hp__added_scan {
    const char *text;
    size_t len;
    size_t from, to; /* out: the piece */
    int32_t id;      /* out: the added token it is; -1: text between */
    size_t search;   /* where the search goes on */
    size_t next_from, next_to;
    int32_t next_id;
    int pending; /* next_ is found, but text comes before it */
} hp__added_scan;

/* The next piece, never empty; 0: there is none. */
int hp__added_next(const hp__added *a, hp__added_scan *s);

#endif
