#ifndef HEADPRUNE_TEXT_H
#define HEADPRUNE_TEXT_H

#include "headprune/error.h"
#include "headprune/sequences.h"

/*
 * Text to token ids, and calibration windows (docs/methods.md, "Windows").
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_tokenizer hp_tokenizer;

/*
 * Opens the tokenizer of a folder (tokenizer.json, else tokenizer.model,
 * spiece.model or sentencepiece.bpe.model, else vocab.json + merges.txt, else
 * vocab.txt) or one such file.
 * `vocab` is the number of rows of the model's embedding: an id at or past it
 * is HP_FORMAT. No tokenizer file in the folder: HP_FORMAT with a hint to
 * --tokens. A component that headprune does not know: HP_UNSUPPORTED, named.
 */
HP_CHECKED
hp_status hp_tokenizer_open(hp_tokenizer **out, const char *path,
                            uint32_t vocab, hp_error *err);
void hp_tokenizer_free(hp_tokenizer *t); /* NULL is fine */

/* Special tokens of the tokenizer; borrowed. */
const hp_special *hp_tokenizer_special(const hp_tokenizer *t);

typedef struct hp_ids {
    int32_t *ids; /* [n], freed by the caller with free(); NULL: none */
    size_t n;
} hp_ids;

/*
 * Ids of a text of `len` bytes; it may hold U+0000. `special`: with the
 * tokens that the tokenizer puts around a text ([CLS] ... [SEP]); special
 * tokens that stand in the text are matched either way. HP_FORMAT: invalid
 * UTF-8, or a character that the vocabulary cannot express.
 */
HP_CHECKED
hp_status hp_tokenizer_encode(hp_ids *out, const hp_tokenizer *t,
                              const char *text, size_t len, int special,
                              hp_error *err);

/*
 * One token as a reader may see it: the bytes that a token of bytes stands for
 * (which need not be whole characters), a space for every word mark (U+2581)
 * of a decoder that has them, else the vocabulary's own text ("##ing");
 * NUL-terminated, "" for an id without a token. `*out` is freed by the caller
 * with free().
 */
HP_CHECKED
hp_status hp_tokenizer_token(char **out, const hp_tokenizer *t, int32_t id,
                             hp_error *err);

/*
 * Ids back to text, a few at a time, as a generator makes them. A character
 * whose bytes are spread over tokens comes with the last of them, of byte
 * fallback (<0x0A>) with the token behind them; bytes that are no character
 * become U+FFFD. Special tokens, and ids without a token,
 * stand for no text. The tokenizer is borrowed until hp_detokenizer_free.
 */
typedef struct hp_detokenizer hp_detokenizer;

/* HP_UNSUPPORTED: headprune does not know the tokenizer's decoder. */
HP_CHECKED
hp_status hp_detokenizer_open(hp_detokenizer **out, const hp_tokenizer *t,
                              hp_error *err);
void hp_detokenizer_free(hp_detokenizer *d); /* NULL is fine */
/* Takes n ids. `*text`, NUL-terminated and `*len` bytes without the NUL, is
 * what is new; borrowed until the next call. */
HP_CHECKED
hp_status hp_detokenizer_add(const char **text, size_t *len, hp_detokenizer *d,
                             const int32_t *ids, size_t n, hp_error *err);
/* What is left of a character that was cut; then the next text begins. */
HP_CHECKED
hp_status hp_detokenizer_end(const char **text, size_t *len, hp_detokenizer *d,
                             hp_error *err);

typedef struct hp_calibration_options {
    const char *const *data; /* paths of texts, "-" standard input */
    size_t n_data;           /* 0: the embedded sample */
    const char *tokens;      /* path of token ids instead of text; or NULL */
    size_t sequences;        /* windows at most; 0: 32, or all of `tokens` */
    size_t length;           /* tokens a window; 0: min(512, max_length) */
    size_t stride;           /* tokens from one window to the next; 0: windows
                                follow each other; not with `tokens` */
    size_t max_length;       /* the model's maximum; 0: it has none */
    uint32_t vocab;          /* ids are below it */
    int no_special;          /* 1: the same windows of texts without the tokens
                                that stand around them */
    int pairs;               /* 1: of what an encoder and its decoder read */
    int32_t start_token;     /* pairs of texts: the decoder's begin with it */
} hp_calibration_options;

typedef struct hp_calibration hp_calibration;

/*
 * Reads and cuts the calibration data. `t` may be NULL when `o->tokens` is
 * given. Texts (.gz accepted; a truncated or damaged one is HP_FORMAT) are
 * tokenised, joined in order, and cut into consecutive windows of `length`
 * tokens, special tokens included; a last window shorter than half of it is
 * dropped unless it is the only one. With `tokens`, every line is used as it
 * is: a line longer than `max_length`, an id out of range, an empty file:
 * HP_FORMAT with the line's number.
 *
 * Pairs: a text is cut into runs of two windows, of which the encoder reads the
 * first and the decoder the start token and the second; a text that is shorter
 * than one pair is cut in the middle. Lines of ids are [[encoder's], [decoder's
 * ids]], taken as they are.
 */
HP_CHECKED
hp_status hp_calibration_open(hp_calibration **out, const hp_tokenizer *t,
                              const hp_calibration_options *o, hp_error *err);
void hp_calibration_free(hp_calibration *c); /* NULL is fine */
/* Borrowed until hp_calibration_free. */
const hp_sequences *hp_calibration_sequences(const hp_calibration *c);
const hp_calibration_info *hp_calibration_info_get(const hp_calibration *c);
/*
 * Two parts: every fourth sequence (of fewer than four, the last) is held out,
 * to judge on what was made from the rest. Each is freed by itself; the info
 * of `rest` tells how many were held out. HP_INVALID: there is one sequence
 * only.
 */
HP_CHECKED
hp_status hp_calibration_split(hp_calibration **rest, hp_calibration **held,
                               const hp_calibration *c, hp_error *err);
/* [sequences] leading tokens of each (of pairs, of the decoder's) that are
 * context only: those that the window before has already, and what the
 * tokenizer puts in front. At least 1. */
const size_t *hp_calibration_context(const hp_calibration *c);

/*
 * All bytes of the files in `paths`, joined ("-": standard input; .gz
 * inflated), for callers that tokenise text by their own rules. `*out` is
 * freed by the caller with free(); it is NUL-terminated, `*len` without.
 */
HP_CHECKED
hp_status hp_text_read(char **out, size_t *len, const char *const *paths,
                       size_t n_paths, hp_error *err);

#ifdef __cplusplus
}
#endif

#endif
