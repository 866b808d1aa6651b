/*
 * Tokens -> bytes -> characters. Bytes wait until they are a whole character or
 * can no longer become one.
 */
#include "base/utf8.h"
#include "text/characters.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

struct hp_detokenizer {
    const hp_tokenizer *tokenizer;
    hp__decode decode;
    hp__buffer text; /* what was handed out last */
};

hp_status hp_detokenizer_open(hp_detokenizer **out, const hp_tokenizer *t,
                              hp_error *err)
{
    hp_detokenizer *d = NULL;
    char name[HP__SHORT];
    *out = NULL;
    if (t->decoding.unknown)
        return hp_fail(err, HP_UNSUPPORTED,
                       "the tokenizer's decoder '%s' is not supported",
                       hp__shorten_text(name, t->decoding.unknown));
    hp_status st = hp__new(&d, 1, sizeof *d, err);
    if (st)
        return st;
    d->tokenizer = t;
    d->decode.list = &t->decoding;
    *out = d;
    return HP_OK;
}

void hp_detokenizer_free(hp_detokenizer *d)
{
    if (!d)
        return;
    hp__decode_clear(&d->decode);
    hp__buffer_clear(&d->text);
    free(d);
}

static int is_special(const hp_tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->special.n; i++)
        if (t->special.ids[i] == id)
            return 1;
    return 0;
}

static void add_token(hp_detokenizer *d, int32_t id)
{
    const hp__token *token = hp__vocab_find_id(&d->tokenizer->vocab, id);
    if (token && !is_special(d->tokenizer, id))
        hp__decode_token(&d->decode, token->text, token->len);
}

/* ---- bytes to characters ---- */

/* What a second byte may be, so that the sequence is neither overlong nor a
 * surrogate nor too large. */
static int may_follow(unsigned char lead, unsigned char second)
{
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return second >= low && second <= high;
}

/* Of bytes that begin no whole character: how many of them could have begun
 * one. *cut: they still could, more are to come. */
static size_t broken_length(int *cut, const char *text, size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t whole = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
                   : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
                   : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                  : 1;
    size_t n = 1;
    if (n < whole && n < len && may_follow(s[0], s[1]))
        n++;
    while (n > 1 && n < whole && n < len && (s[n] & 0xC0) == 0x80)
        n++;
    *cut = n < whole && n == len;
    return n;
}

/* Moves characters from bytes to text; at the end also what is cut. */
static hp_status hand_out(const char **text, size_t *len, hp_detokenizer *d,
                          int end, hp_error *err)
{
    hp__buffer *bytes = &d->decode.out;
    size_t at = 0;
    d->text.len = 0;
    hp__buffer_text(&d->text, "");
    while (at < bytes->len) {
        const char *from = bytes->data + at;
        size_t left = bytes->len - at, n = hp__utf8_length(from, left);
        int cut = 0;
        if (n) {
            hp__buffer_add(&d->text, from, n);
        } else {
            n = broken_length(&cut, from, left);
            if (cut && !end)
                break;
            hp__buffer_text(&d->text, "\xEF\xBF\xBD");
        }
        at += n;
    }
    if (bytes->failed || d->text.failed)
        return hp_fail(err, HP_NOMEM, "out of memory (text)");
    if (at)
        memmove(bytes->data, bytes->data + at, bytes->len - at);
    bytes->len -= at;
    *text = d->text.data;
    *len = d->text.len;
    return HP_OK;
}

hp_status hp_detokenizer_add(const char **text, size_t *len, hp_detokenizer *d,
                             const int32_t *ids, size_t n, hp_error *err)
{
    *text = NULL;
    for (size_t i = 0; i < n; i++)
        add_token(d, ids[i]);
    return hand_out(text, len, d, 0, err);
}

hp_status hp_detokenizer_end(const char **text, size_t *len, hp_detokenizer *d,
                             hp_error *err)
{
    *text = NULL;
    hp__decode_end(&d->decode);
    return hand_out(text, len, d, 1, err);
}
