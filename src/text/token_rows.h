#ifndef HEADPRUNE_TEXT_TOKEN_ROWS_H
#define HEADPRUNE_TEXT_TOKEN_ROWS_H

#include "base/buffer.h"
#include "headprune/text.h"

#include <stddef.h>
#include <stdint.h>

/* Sequences while they are gathered: ids (int32_t) of all, and where each
 * ends (size_t). */
typedef struct hp__token_rows {
    hp__buffer ids, ends;
    size_t n;
} hp__token_rows;

/* Adds ids to the sequence that the next end closes. */
void hp__token_rows_add(hp__token_rows *r, const int32_t *ids, size_t n);
void hp__token_rows_end(hp__token_rows *r);
void hp__token_rows_clear(hp__token_rows *r);

/*
 * Lines of token ids: "[1, 2]", "1 2" or "1,2"; with `decoder` "[[1, 2], [3]]",
 * whose second list goes there. Blank lines are passed over.
 * All lines are checked, `most` of them kept (0: all); max_length 0: a line may
 * be of any length.
 */
typedef struct hp__line_rules {
    size_t most, max_length;
    uint32_t vocab;
} hp__line_rules;
HP_CHECKED
hp_status hp__token_rows_parse(hp__token_rows *out, hp__token_rows *decoder,
                               const char *text, size_t len,
                               const hp__line_rules *rules, hp_error *err);

/* Windows of `length` ids, `before` and `after` included, at most `most`, each
 * `overlap` ids of the text into the one before; a last one shorter than half
 * of it only when it is the only one. */
typedef struct hp__window_rules {
    size_t most, length, overlap;
    size_t second; /* of a pair: ids of the text that go to the decoder */
    const int32_t *before, *after;
    size_t n_before, n_after;
} hp__window_rules;
void hp__token_rows_cut(hp__token_rows *out, const int32_t *ids, size_t n,
                        const hp__window_rules *rules);
/* Pairs without overlap: a window, and the `second` ids of the text that come
 * after it with `start` (NULL: nothing) in front. A last pair with less than
 * half of these only when it is the only one, which is cut in the middle.
 * n >= 2 */
void hp__token_rows_pair(hp__token_rows *out, hp__token_rows *decoder,
                         const int32_t *ids, size_t n,
                         const hp__window_rules *rules, const int32_t *start);

#endif
