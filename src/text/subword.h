#ifndef HEADPRUNE_TEXT_SUBWORD_H
#define HEADPRUNE_TEXT_SUBWORD_H

#include "base/arena.h"
#include "base/buffer.h"
#include "headprune/error.h"
#include "text/trie.h"
#include "text/vocab.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The model of a tokenizer: from one word, as the pre-tokenizer cut it, to
 * ids. Immutable once made; what encoding writes to is the caller's hp__word.
 */
typedef struct hp__word {
    const char *text;
    size_t len;
    hp__buffer ids; /* int32_t */
    hp__buffer symbols, queue, piece;
    size_t bad_at,
        bad_len; /* bad_len > 0: what the vocabulary cannot express */
} hp__word;

typedef struct hp__subword {
    /* Fills w->ids from w->text. */
    hp_status (*encode)(const struct hp__subword *m, hp__word *w,
                        hp_error *err);
    const hp__vocab *vocab;
    int32_t unk; /* -1: there is none */
    int byte_fallback;
    int32_t bytes[256]; /* tokens <0x00> .. <0xFF>; -1: missing */
    /* BPE */
    struct hp__merge *merges;
    size_t merge_mask;
    int fuse_unk, ignore_merges;
    int crosses_words; /* a merge joins over the beginning of a word */
    /* Unigram */
    hp__trie trie;
    const double *scores; /* by id */
    double unk_score;
    /* WordPiece */
    const char *prefix;
    size_t prefix_len;
    uint32_t most_characters;
} hp__subword;

/* Fills m->bytes. */
void hp__subword_bytes(hp__subword *m);
void hp__word_clear(hp__word *w);

/* The two parts of a merge, as text, with its rank; `where` says which merge
 * that is ("line 7"). */
typedef struct hp__merge_text {
    const char *left, *right;
    size_t left_len, right_len;
    uint32_t rank;
} hp__merge_text;

HP_CHECKED
hp_status hp__bpe_init(hp__subword *m, hp__arena *a, const hp__vocab *v,
                       size_t merges, hp_error *err);
/* Up to HP__MERGES_MOST merges. HP_FORMAT when a part, or both joined, are not
 * in the vocabulary. */
enum { HP__MERGES_MOST = 32 };
HP_CHECKED
hp_status hp__bpe_add(hp__subword *m, const hp__merge_text *merges, size_t n,
                      hp_error *err);
/* Cuts "left right" at its one space; HP_FORMAT when there are more or none. */
HP_CHECKED
hp_status hp__merge_parse(hp__merge_text *out, const char *text, size_t len,
                          hp_error *err);

void hp__wordpiece_init(hp__subword *m, const hp__vocab *v, const char *prefix,
                        uint32_t most_characters, int32_t unk);

/* `scores` by id; borrowed. */
HP_CHECKED
hp_status hp__unigram_init(hp__subword *m, hp__arena *a, const hp__vocab *v,
                           const double *scores, int32_t unk, hp_error *err);

/* Words are tokens, or unknown. */
void hp__wordlevel_init(hp__subword *m, const hp__vocab *v, int32_t unk);

#endif
