#ifndef HEADPRUNE_TEXT_NORMALIZERS_H
#define HEADPRUNE_TEXT_NORMALIZERS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "headprune/error.h"
#include "io/json.h"
#include "text/charsmap.h"
#include "text/regex.h"

#include <stddef.h>

/*
 * The "normalizer" of a tokenizer as a list of steps from text to text. A new
 * component is one function and one row of the table in normalizers.c.
 */
#define HP__NORMALIZERS_MOST 16

typedef struct hp__normalizer {
    hp_status (*run)(const struct hp__normalizer *n, hp__buffer *out,
                     const char *s, size_t len, hp_error *err);
    int form;            /* hp__form */
    const char *content; /* Prepend, Replace: what is put there */
    const char *pattern; /* Replace: the text that is looked for, or */
    hp__regex *regex;    /* what matches */
    int left, right;     /* Strip */
    hp__charsmap *map;   /* Precompiled */
    int only_at_start;   /* does nothing inside a text */
    int drops;           /* can leave out a character at the start */
} hp__normalizer;

typedef struct hp__normalizers {
    hp__normalizer items[HP__NORMALIZERS_MOST];
    size_t n;
    hp__arena *arena; /* set by the owner; texts are copied into it */
    int whole;        /* text cannot be cut before a space */
    int loose;        /* white space may come and go */
    int marks;        /* spaces become HP__WORD_MARK */
} hp__normalizers;

/* `node` may be NULL or null: no step. HP_UNSUPPORTED names the component. */
HP_CHECKED
hp_status hp__normalizers_read(hp__normalizers *out, const hp__node *node,
                               hp_error *err);
void hp__normalizers_clear(hp__normalizers *n);

/* BertNormalizer by its settings. */
typedef struct hp__bert_cleaning {
    int clean_text, handle_chinese_chars, strip_accents, lowercase;
} hp__bert_cleaning;
HP_CHECKED
hp_status hp__normalizers_bert(hp__normalizers *out, const hp__bert_cleaning *b,
                               hp_error *err);
/* The others by theirs. */
HP_CHECKED
hp_status hp__normalizers_prepend(hp__normalizers *out, const char *text,
                                  hp_error *err);
HP_CHECKED
hp_status hp__normalizers_replace(hp__normalizers *out, const char *pattern,
                                  const char *content, hp_error *err);
HP_CHECKED
hp_status hp__normalizers_replace_regex(hp__normalizers *out,
                                        const char *pattern,
                                        const char *content, hp_error *err);
HP_CHECKED
hp_status hp__normalizers_strip(hp__normalizers *out, int left, int right,
                                hp_error *err);
HP_CHECKED
hp_status hp__normalizers_charsmap(hp__normalizers *out, const char *bytes,
                                   size_t len, hp_error *err);

/* Checked UTF-8 to be normalised. */
typedef struct hp__piece {
    const char *text;
    size_t len;
    int inside; /* is no beginning of a text */
    int moved;  /* out: what it begins with now is no longer its beginning */
} hp__piece;

/* All steps; the result is in *a, the other is scratch. */
HP_CHECKED
hp_status hp__normalizers_run(const hp__normalizers *n, hp__buffer *a,
                              hp__buffer *b, hp__piece *piece, hp_error *err);

#endif
