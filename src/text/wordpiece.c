/*
 * WordPiece: the longest token that begins the word, then, with the
 * continuation mark in front, the longest that begins the rest, and so on; a
 * word that cannot be finished is unknown as a whole.
 */
#include "text/characters.h"
#include "text/subword.h"

#include <string.h>

static size_t count_characters(const char *s, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)s[i] & 0xC0) != 0x80;
    return n;
}

/*
 * The longest token that begins `text`; its length, 0 for none. One pass takes
 * the hashes of all beginnings, the longest are looked up first.
 */
static size_t longest_token(int32_t *id, const hp__vocab *v, const char *text,
                            size_t len, uint32_t *hashes)
{
    size_t most = len < v->longest ? len : v->longest;
    uint32_t hash = HP__HASH_START;
    for (size_t i = 0; i < most; i++) {
        hash = hp__hash_byte(hash, text[i]);
        hashes[i] = hash;
    }
    for (size_t n = most; n; n--) {
        if (n < len && ((unsigned char)text[n] & 0xC0) == 0x80)
            continue;
        *id = hp__vocab_find_hashed(v, hashes[n - 1], text, n);
        if (*id >= 0)
            return n;
    }
    return 0;
}

static int put_pieces(const hp__subword *m, hp__word *w)
{
    /* The word stands behind room for the mark: from the second piece on the
     * mark is written over what is done with. */
    size_t mark = m->prefix_len, from = mark, end = mark + w->len;
    char *text = w->piece.data;
    uint32_t *hashes = (void *)w->symbols.data;
    while (from < end) {
        size_t skip = 0;
        int32_t id = -1;
        if (from > mark) {
            skip = mark;
            memcpy(text + from - mark, m->prefix, mark);
        }
        size_t n = longest_token(&id, m->vocab, text + from - skip,
                                 end - from + skip, hashes);
        if (n <= skip)
            return 0;
        hp__buffer_add(&w->ids, &id, sizeof id);
        from += n - skip;
    }
    return 1;
}

static hp_status encode(const hp__subword *m, hp__word *w, hp_error *err)
{
    size_t whole = m->prefix_len + w->len;
    w->ids.len = w->piece.len = w->symbols.len = 0;
    int fits = count_characters(w->text, w->len) <= m->most_characters;
    if (fits) {
        if (!hp__buffer_reserve(&w->piece, whole) ||
            !hp__buffer_reserve(&w->symbols, whole * sizeof(uint32_t)))
            return hp_fail(err, HP_NOMEM, "out of memory (word of %zu bytes)",
                           w->len);
        memcpy(w->piece.data + m->prefix_len, w->text, w->len);
        fits = put_pieces(m, w);
    }
    if (!fits) {
        w->ids.len = 0;
        hp__buffer_add(&w->ids, &m->unk, sizeof m->unk);
    }
    return HP_OK;
}

void hp__wordpiece_init(hp__subword *m, const hp__vocab *v, const char *prefix,
                        uint32_t most_characters, int32_t unk)
{
    *m = (hp__subword){.encode = encode,
                       .vocab = v,
                       .unk = unk,
                       .prefix = prefix,
                       .prefix_len = strlen(prefix),
                       .most_characters = most_characters};
}
