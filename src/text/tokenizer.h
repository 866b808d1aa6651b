#ifndef HEADPRUNE_TEXT_TOKENIZER_H
#define HEADPRUNE_TEXT_TOKENIZER_H

#include "base/arena.h"
#include "base/buffer.h"
#include "headprune/text.h"
#include "io/json.h"
#include "io/json_parts.h"
#include "text/added.h"
#include "text/decoding.h"
#include "text/normalizers.h"
#include "text/splitters.h"
#include "text/subword.h"
#include "text/vocab.h"

/*
 * A tokenizer: added tokens are cut out of the text, what lies between is
 * normalised and cut into words, every word becomes ids, and ids are put
 * around the whole. Immutable once open, so that threads can share it.
 */
struct hp_tokenizer {
    hp__arena arena;
    hp__vocab vocab;
    hp__added raw, normal; /* looked for before and after normalising */
    hp__normalizers normalizers;
    hp__splitters splitters;
    hp__subword subword;
    int32_t *before, *after; /* put around a text */
    size_t n_before, n_after;
    hp_special special;
    hp__decoding decoding;
    size_t chunk; /* text goes through in pieces of this many bytes; 0: whole */
};

/* Adds the ids of a text without the ones around it to `ids` (int32_t), and
 * stops behind the word that makes at least `most` of them. */
HP_CHECKED
hp_status hp__tokenizer_encode(hp__buffer *ids, const hp_tokenizer *t,
                               const char *text, size_t len, size_t most,
                               hp_error *err);
/* HP_FORMAT with the offset of the first byte that is not UTF-8. */
HP_CHECKED
hp_status hp__text_check(const char *text, size_t len, hp_error *err);

/* A tokenizer from the text of a tokenizer.json. */
HP_CHECKED
hp_status hp__tokenizer_parse(hp_tokenizer **out, const char *json, size_t len,
                              uint32_t vocab, hp_error *err);
/* Fill a tokenizer from the text of a tokenizer.json. */
HP_CHECKED
hp_status hp__tokenizer_read_json(hp_tokenizer *t, const char *text, size_t len,
                                  uint32_t vocab, hp_error *err);
/* The same from vocab.json and merges.txt, and from vocab.txt; `config` is the
 * root of tokenizer_config.json or NULL. */
HP_CHECKED
hp_status hp__tokenizer_read_bpe(hp_tokenizer *t, const char *folder,
                                 const hp__node *config, uint32_t vocab,
                                 hp_error *err);
HP_CHECKED
hp_status hp__tokenizer_read_wordpiece(hp_tokenizer *t, const char *path,
                                       const hp__node *config, uint32_t vocab,
                                       hp_error *err);
/* From the bytes of a SentencePiece model. */
HP_CHECKED
hp_status hp__tokenizer_read_spm(hp_tokenizer *t, const char *bytes, size_t len,
                                 const hp__node *config, uint32_t vocab,
                                 hp_error *err);
/* The same without a configuration, as a tokenizer of its own. */
HP_CHECKED
hp_status hp__tokenizer_parse_spm(hp_tokenizer **out, const char *bytes,
                                  size_t len, uint32_t vocab, hp_error *err);

/* model.vocab and model.merges, which are too large for a tree. */
typedef struct hp__tokenizer_parts {
    hp__json_part items[2];
} hp__tokenizer_parts;
/* The "model", with room for `n_added` tokens in the vocabulary; its limit is
 * set. */
HP_CHECKED
hp_status hp__tokenizer_read_model(hp_tokenizer *t, const hp__node *model,
                                   const hp__tokenizer_parts *parts,
                                   size_t n_added, hp_error *err);

/* Steps they share. A "vocab" object into t->vocab, with room for `more`. */
HP_CHECKED
hp_status hp__tokenizer_read_vocab(hp_tokenizer *t, const hp__json_part *object,
                                   size_t more, uint32_t limit, hp_error *err);
/* Sorts added tokens into those for raw and those for normalised text, and
 * takes note of the special ones. */
HP_CHECKED
hp_status hp__tokenizer_index_added(hp_tokenizer *t,
                                    const hp__added_token *tokens, size_t n,
                                    hp_error *err);
/* "content" and the flags; the text is borrowed. */
HP_CHECKED
hp_status hp__added_token_read(hp__added_token *out, const hp__node *node,
                               hp_error *err);
/* Ids around a text: `before` further out in front of those that are there,
 * `after` behind. */
HP_CHECKED
hp_status hp__tokenizer_surround(hp_tokenizer *t, const int32_t *before,
                                 size_t n_before, const int32_t *after,
                                 size_t n_after, hp_error *err);
/* The "post_processor" (tokenizer_post.c). */
HP_CHECKED
hp_status hp__tokenizer_read_post(hp_tokenizer *t, const hp__node *node,
                                  hp_error *err);

#endif
