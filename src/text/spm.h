#ifndef HEADPRUNE_TEXT_SPM_H
#define HEADPRUNE_TEXT_SPM_H

#include "base/arena.h"
#include "headprune/error.h"
#include "text/subword.h"
#include "text/vocab.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A SentencePiece model (tokenizer.model, spiece.model): what of
 * https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
 * makes a tokenizer. Texts are borrowed from the bytes it was read from.
 */
typedef enum hp__spm_kind { HP__SPM_UNIGRAM = 1, HP__SPM_BPE = 2 } hp__spm_kind;

enum { HP__SPM_UNKNOWN = 2, HP__SPM_CONTROL = 3, HP__SPM_USER_DEFINED = 4 };

typedef struct hp__spm_piece {
    const char *text; /* [len], checked UTF-8 */
    size_t len;
    float score; /* finite */
    int type;    /* 1: normal */
} hp__spm_piece;

typedef struct hp__spm {
    hp__spm_piece *pieces; /* [n]; a piece's place is its id */
    size_t n;
    hp__spm_kind kind;
    int32_t unk;          /* id of the piece for the unknown */
    const char *charsmap; /* [charsmap_len] */
    size_t charsmap_len;
} hp__spm;

/* HP_FORMAT: not such a file; HP_UNSUPPORTED: a kind of model that no
 * transformers tokenizer has. */
HP_CHECKED
hp_status hp__spm_read(hp__spm *out, hp__arena *a, const char *bytes,
                       size_t len, hp_error *err);

/* The BPE model that the pieces make; `v` has them by their ids. */
HP_CHECKED
hp_status hp__spm_merges(hp__subword *out, hp__arena *a, const hp__vocab *v,
                         const hp__spm *m, hp_error *err);

#endif
