/*
 * Reading the merges of a BPE model. Each needs three tokens and a slot, which
 * lie anywhere in tens of megabytes: several merges are taken together, so that
 * the memory works on all of them at once.
 */
#include "base/checked.h"
#include "base/utf8.h"
#include "text/bpe.h"
#include "text/characters.h"

#include <string.h>

hp_status hp__bpe_init(hp__subword *m, hp__arena *a, const hp__vocab *v,
                       size_t merges, hp_error *err)
{
    size_t slots = 16, least; /* a third at least stays free */
    if (!hp__mul(&least, merges, 3) || merges >= UINT32_MAX / 4)
        return hp_fail(err, HP_FORMAT, "%zu merges are too many", merges);
    while (slots < least / 2)
        slots *= 2;
    *m = (hp__subword){.encode = hp__bpe_encode, .vocab = v, .unk = -1};
    m->merge_mask = slots - 1;
    hp__subword_bytes(m);
    return hp__arena_alloc(&m->merges, a, slots, sizeof *m->merges, err);
}

static hp_status fail_part(const char *text, size_t len, hp_error *err)
{
    char name[HP__SHORT];
    return hp_fail(err, HP_FORMAT, "merge needs '%s', which is no token",
                   hp__shorten(name, text, len));
}

static hp_status find_joined(int32_t *out, const hp__subword *m,
                             const hp__merge_text *merge, uint32_t hash,
                             hp_error *err)
{
    char small[128];
    hp__buffer large = {0};
    size_t len = merge->left_len + merge->right_len;
    char *text = small;
    if (len > sizeof small) {
        if (!hp__buffer_reserve(&large, len))
            return hp_fail(err, HP_NOMEM, "out of memory (merges)");
        text = large.data;
    }
    memcpy(text, merge->left, merge->left_len);
    memcpy(text + merge->left_len, merge->right, merge->right_len);
    *out = hp__vocab_find_hashed(m->vocab, hash, text, len);
    hp_status st = *out < 0 ? fail_part(text, len, err) : HP_OK;
    hp__buffer_clear(&large);
    return st;
}

/* Whether the token holds the beginning of a word behind something else. */
static int crosses_words(const hp__merge_text *merge)
{
    const size_t n = sizeof HP__WORD_MARK - 1;
    const char *left = merge->left, *right = merge->right;
    return merge->left_len && merge->right_len >= n &&
           memcmp(right, HP__WORD_MARK, n) == 0 &&
           (merge->left_len < n ||
            memcmp(left + merge->left_len - n, HP__WORD_MARK, n) != 0);
}

/* A merge on its way: hashes of the parts and of both, then their ids. */
typedef struct pending {
    uint32_t left_hash, right_hash, hash;
    int32_t left, right, id;
} pending;

static void start(pending *out, const hp__vocab *v, const hp__merge_text *merge)
{
    uint32_t hash = hp__hash_text(merge->left, merge->left_len);
    out->left_hash = hash;
    out->right_hash = hp__hash_text(merge->right, merge->right_len);
    for (size_t i = 0; i < merge->right_len; i++)
        hash = hp__hash_byte(hash, merge->right[i]);
    out->hash = hash;
    hp__vocab_prefetch(v, out->left_hash);
    hp__vocab_prefetch(v, out->right_hash);
    hp__vocab_prefetch(v, out->hash);
}

static hp_status find(pending *p, const hp__subword *m,
                      const hp__merge_text *merge, hp_error *err)
{
    const hp__vocab *v = m->vocab;
    p->left =
        hp__vocab_find_hashed(v, p->left_hash, merge->left, merge->left_len);
    p->right =
        hp__vocab_find_hashed(v, p->right_hash, merge->right, merge->right_len);
    if (p->left < 0)
        return fail_part(merge->left, merge->left_len, err);
    if (p->right < 0)
        return fail_part(merge->right, merge->right_len, err);
    hp_status st = find_joined(&p->id, m, merge, p->hash, err);
    if (!st)
        __builtin_prefetch(hp__merge_first(m, p->left, p->right));
    return st;
}

hp_status hp__bpe_add(hp__subword *m, const hp__merge_text *merges, size_t n,
                      hp_error *err)
{
    pending list[HP__MERGES_MOST];
    const hp__vocab *v = m->vocab;
    hp_status st = HP_OK;
    for (size_t i = 0; i < n; i++)
        start(&list[i], v, &merges[i]);
    for (size_t i = 0; i < n; i++) {
        hp__vocab_prefetch_token(v, list[i].left_hash);
        hp__vocab_prefetch_token(v, list[i].right_hash);
        hp__vocab_prefetch_token(v, list[i].hash);
    }
    for (size_t i = 0; i < n && !st; i++)
        st = find(&list[i], m, &merges[i], err);
    /* Of a pair that is there twice the library keeps the last. */
    for (size_t i = 0; i < n && !st; i++) {
        const pending *p = &list[i];
        m->crosses_words |= crosses_words(&merges[i]);
        *hp__merge_slot(m, p->left, p->right) =
            (struct hp__merge){p->left, p->right, p->id, merges[i].rank + 1};
    }
    return st;
}

hp_status hp__merge_parse(hp__merge_text *out, const char *text, size_t len,
                          hp_error *err)
{
    char name[HP__SHORT];
    const char *space = len ? memchr(text, ' ', len) : NULL;
    size_t left = space ? (size_t)(space - text) : len;
    if (!space || !left || left + 1 == len ||
        memchr(space + 1, ' ', len - left - 1))
        return hp_fail(err, HP_FORMAT,
                       "merge '%s' is not two tokens with a space between",
                       hp__shorten(name, text, len));
    out->left = text;
    out->left_len = left;
    out->right = space + 1;
    out->right_len = len - left - 1;
    return HP_OK;
}
