#ifndef HEADPRUNE_TEXT_VOCAB_H
#define HEADPRUNE_TEXT_VOCAB_H

#include "base/arena.h"
#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Token text to id: an open-addressing hash whose size is known when it is
 * made. Ids are unique and below `limit`.
 */
typedef struct hp__vocab {
    struct hp__token *tokens;
    struct hp__text_slot *by_text;
    uint32_t *by_id; /* 1 + index into tokens; 0: free */
    size_t n, room, mask;
    uint32_t limit;
    size_t longest; /* bytes */
} hp__vocab;

/* A short text lies in the token itself, where looking it up has just been. */
typedef struct hp__token {
    const char *text;
    size_t len;
    uint32_t hash;
    int32_t id;
    char own[24];
} hp__token;

HP_CHECKED
hp_status hp__vocab_init(hp__vocab *v, hp__arena *a, size_t room,
                         uint32_t limit, hp_error *err);
/* `id` is a number of a file: HP_FORMAT when it is no integer, negative, past
 * the limit, or there, as the text is, already. */
HP_CHECKED
hp_status hp__vocab_add(hp__vocab *v, hp__arena *a, const char *text,
                        size_t len, double id, hp_error *err);
/* The same for an added token, which hp__vocab_find does not find unless it is
 * a token already; then its id must be the same. */
HP_CHECKED
hp_status hp__vocab_claim(hp__vocab *v, hp__arena *a, const char *text,
                          size_t len, double id, hp_error *err);
/* -1: no such token. */
int32_t hp__vocab_find(const hp__vocab *v, const char *text, size_t len);
/* NULL: no token has that id. */
const hp__token *hp__vocab_find_id(const hp__vocab *v, int32_t id);
int32_t hp__vocab_find_hashed(const hp__vocab *v, uint32_t hash,
                              const char *text, size_t len);
/* Soon the text with that hash will be looked for. */
void hp__vocab_prefetch(const hp__vocab *v, uint32_t hash);
/* The same, a little later. */
void hp__vocab_prefetch_token(const hp__vocab *v, uint32_t hash);

/* FNV-1a, so that the hashes of all beginnings of a text cost one pass. */
#define HP__HASH_START UINT32_C(2166136261)
static inline uint32_t hp__hash_byte(uint32_t hash, char c)
{
    return (hash ^ (unsigned char)c) * UINT32_C(16777619);
}
static inline uint32_t hp__hash_text(const char *text, size_t len)
{
    uint32_t hash = HP__HASH_START;
    for (size_t i = 0; i < len; i++)
        hash = hp__hash_byte(hash, text[i]);
    return hash;
}

#endif
