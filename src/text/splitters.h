#ifndef HEADPRUNE_TEXT_SPLITTERS_H
#define HEADPRUNE_TEXT_SPLITTERS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "headprune/error.h"
#include "io/json.h"
#include "text/regex.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The "pre_tokenizer" of a tokenizer as a list of stages: each cuts, drops or
 * rewrites a piece of text and hands what comes out to the next, the last one
 * to the model. A new component is one function and one row of the table in
 * splitters.c.
 */
#define HP__SPLITTERS_MOST 16

typedef enum hp__behavior {
    HP__REMOVED,
    HP__ISOLATED,
    HP__MERGED_WITH_PREVIOUS,
    HP__MERGED_WITH_NEXT,
    HP__CONTIGUOUS
} hp__behavior;

/* Whether a mark is put in front: of every piece, of the text, of nothing. */
typedef enum hp__prepending {
    HP__PREPEND_ALWAYS,
    HP__PREPEND_FIRST,
    HP__PREPEND_NEVER
} hp__prepending;

typedef struct hp__split hp__split;

typedef struct hp__splitter {
    hp_status (*run)(const struct hp__splitter *p, hp__split *s, size_t stage,
                     const char *text, size_t len, hp_error *err);
    hp__regex *regex;    /* matches are the delimiters, or */
    int (*is)(uint32_t); /* characters */
    hp__behavior behavior;
    int invert;       /* what lies between is the delimiter */
    const char *mark; /* stands for a space */
    hp__prepending prepending;
} hp__splitter;

typedef struct hp__splitters {
    hp__splitter items[HP__SPLITTERS_MOST];
    size_t n;
    hp__arena *arena; /* set by the owner; texts are copied into it */
    /* Whether a text can be cut before a space and go through in pieces: */
    int cuts;  /* it is cut there anyway */
    int whole; /* it must not be */
    int tight; /* it must not be if white space comes and goes before */
    int marks; /* spaces become HP__WORD_MARK without a cut */
    int words; /* the last stage cuts at HP__WORD_MARK */
    int bytes; /* bytes are written as characters (ByteLevel) */
} hp__splitters;

/* One run through the stages; word() takes what comes out. */
struct hp__split {
    const hp__splitters *list;
    hp__matcher *matcher;
    hp__buffer scratch[HP__SPLITTERS_MOST];
    hp_status (*word)(void *to, const char *text, size_t len, hp_error *err);
    void *to;
    int at_start; /* the piece at work begins the text; set by the caller */
    int stop;     /* set by word(): no more is wanted */
};

/* `node` may be NULL or null: no stage. HP_UNSUPPORTED names the component. */
HP_CHECKED
hp_status hp__splitters_read(hp__splitters *out, const hp__node *node,
                             hp_error *err);
HP_CHECKED
hp_status hp__splitters_byte_level(hp__splitters *out, int add_prefix_space,
                                   int use_regex, hp_error *err);
HP_CHECKED
hp_status hp__splitters_bert(hp__splitters *out, hp_error *err);
/* Marks for spaces, and cuts in front of every mark if `cut`. */
HP_CHECKED
hp_status hp__splitters_metaspace(hp__splitters *out, const char *mark,
                                  hp__prepending prepending, int cut,
                                  hp_error *err);
/* Cuts where a HP__WORD_MARK follows something else. */
HP_CHECKED
hp_status hp__splitters_words(hp__splitters *out, hp_error *err);
HP_CHECKED
hp_status hp__splitters_whitespace(hp__splitters *out, hp_error *err);
void hp__splitters_clear(hp__splitters *s);

/* Sends a piece of checked UTF-8 through the stages from `stage` on. */
HP_CHECKED
hp_status hp__split_run(hp__split *s, size_t stage, const char *text,
                        size_t len, hp_error *err);
void hp__split_clear(hp__split *s); /* the scratch */

/* The byte that ByteLevel writes as the character; -1: none. */
int hp__byte_of_character(uint32_t c);

#endif
