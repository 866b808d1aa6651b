#ifndef HEADPRUNE_TEXT_NORMALIZERS_H
#define HEADPRUNE_TEXT_NORMALIZERS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "headprune/error.h"
#include "io/json.h"

#include <stddef.h>

/*
 * The "normalizer" of a tokenizer as a list of steps from text to text. A new
 * component is one function and one row of the table in normalizers.c.
 */
#define HP__NORMALIZERS_MOST 16

typedef struct hp__normalizer {
    hp_status (*run)(const struct hp__normalizer *n, hp__buffer *out,
                     const char *s, size_t len, hp_error *err);
    int form; /* hp__form */
} hp__normalizer;

typedef struct hp__normalizers {
    hp__normalizer items[HP__NORMALIZERS_MOST];
    size_t n;
} hp__normalizers;

/* `node` may be NULL or null: no step. HP_UNSUPPORTED names the component. */
HP_CHECKED
hp_status hp__normalizers_read(hp__normalizers *out, const hp__node *node,
                               hp_error *err);
/* BertNormalizer by its settings. */
typedef struct hp__bert_cleaning {
    int clean_text, handle_chinese_chars, strip_accents, lowercase;
} hp__bert_cleaning;
HP_CHECKED
hp_status hp__normalizers_bert(hp__normalizers *out, const hp__bert_cleaning *b,
                               hp_error *err);
/* All steps over checked UTF-8; the result is in *a, the other is scratch. */
HP_CHECKED
hp_status hp__normalizers_run(const hp__normalizers *n, hp__buffer *a,
                              hp__buffer *b, const char *s, size_t len,
                              hp_error *err);

#endif
