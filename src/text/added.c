/*
 * A plain scan: most bytes of a text begin no added token, and those that do
 * begin few.
 */
#include "text/added.h"
#include "text/characters.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

static int order(const void *a, const void *b)
{
    const hp__added_token *x = a, *y = b;
    unsigned char p = (unsigned char)x->text[0], q = (unsigned char)y->text[0];
    if (p != q)
        return p < q ? -1 : 1;
    return x->len == y->len ? 0 : x->len > y->len ? -1 : 1;
}

void hp__added_index(hp__added *a, hp__added_token *tokens, size_t n)
{
    *a = (hp__added){.tokens = tokens, .n = n};
    if (n)
        qsort(tokens, n, sizeof *tokens, order);
    for (size_t i = 0, byte = 0; byte <= 256; byte++) {
        while (i < n && (unsigned char)tokens[i].text[0] < byte)
            i++;
        a->first[byte] = i;
    }
}

static const hp__added_token *token_at(const hp__added *a, const char *s,
                                       size_t len)
{
    unsigned char byte = (unsigned char)*s;
    for (size_t i = a->first[byte]; i < a->first[byte + 1]; i++)
        if (a->tokens[i].len <= len &&
            memcmp(a->tokens[i].text, s, a->tokens[i].len) == 0)
            return &a->tokens[i];
    return NULL;
}

static int stands_alone(const hp__added_scan *s, size_t from, size_t to)
{
    size_t at = to;
    return (!from || !hp__unicode_is_word(hp__utf8_before(s->text, from))) &&
           (to == s->len || !hp__unicode_is_word(hp__utf8_next(s->text, &at)));
}

static size_t strip_left(const hp__added_scan *s, size_t from, size_t least)
{
    while (from > least) {
        size_t at = from - 1;
        while (((unsigned char)s->text[at] & 0xC0) == 0x80)
            at--;
        size_t next = at;
        if (!hp__unicode_is_space(hp__utf8_next(s->text, &next)))
            break;
        from = at;
    }
    return from;
}

static size_t strip_right(const hp__added_scan *s, size_t to)
{
    for (size_t at = to; at < s->len; to = at)
        if (!hp__unicode_is_space(hp__utf8_next(s->text, &at)))
            break;
    return to;
}

/* The next token as it will be handed out. */
static int find_token(const hp__added *a, hp__added_scan *s)
{
    for (size_t at = s->search; at < s->len; at++) {
        unsigned char byte = (unsigned char)s->text[at];
        if (a->first[byte] == a->first[byte + 1])
            continue;
        const hp__added_token *t = token_at(a, s->text + at, s->len - at);
        if (!t)
            continue;
        size_t from = at, to = at + t->len;
        s->search = to;
        if (t->single_word && !stands_alone(s, from, to)) {
            at = to - 1;
            continue;
        }
        s->next_from = t->lstrip ? strip_left(s, from, s->to) : from;
        s->next_to = t->rstrip ? strip_right(s, to) : to;
        s->next_id = t->id;
        return 1;
    }
    s->search = s->len;
    return 0;
}

static void hand_out(hp__added_scan *s, size_t from, size_t to, int32_t id)
{
    s->from = from;
    s->to = to;
    s->id = id;
}

int hp__added_next(const hp__added *a, hp__added_scan *s)
{
    if (!s->pending && a->n && find_token(a, s)) {
        s->pending = 1;
        if (s->next_from > s->to) {
            hand_out(s, s->to, s->next_from, -1);
            return 1;
        }
    }
    if (s->pending) {
        s->pending = 0;
        hand_out(s, s->next_from, s->next_to, s->next_id);
        return 1;
    }
    if (s->to == s->len)
        return 0;
    hand_out(s, s->to, s->len, -1);
    return 1;
}
