/*
 * The grammar above the tokens: brackets, commas, unique keys. Keys of open
 * objects lie on one stack; an object's own are sorted by hash when it closes,
 * so 100,000 members cost no more than sorting them.
 */
#include "io/json_scan.h"
#include "base/checked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct key {
    uint64_t hash;  /* of the decoded text */
    const char *at; /* past its opening quote */
} key;

/* The decoded bytes of a string one after the other; -1 at its end, which is
 * `end` or the closing quote. */
typedef struct reader {
    const char *at, *end;
    int to_quote;
    char held[4];
    size_t n, i;
} reader;

static reader reader_of(hp__span s)
{
    return (reader){.at = s.at, .end = s.at + s.len};
}

static unsigned long hex4(const char *at)
{
    char digits[5] = {at[0], at[1], at[2], at[3], '\0'};
    return strtoul(digits, NULL, 16);
}

/* The scanner has seen that escapes are whole and surrogates paired. */
static void read_escape(reader *r)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char c = r->at[1];
    r->i = 0;
    if (c != 'u') {
        const char *simple = strchr(from, c);
        r->held[0] = (char)(simple ? to[simple - from] : c);
        r->n = 1;
        r->at += 2;
        return;
    }
    unsigned long code = hex4(r->at + 2);
    r->at += 6;
    if (code >= 0xd800 && code < 0xdc00) {
        code = 0x10000 + ((code - 0xd800) << 10) + (hex4(r->at + 2) - 0xdc00);
        r->at += 6;
    }
    r->n = hp__utf8_write(r->held, code);
}

static int read_byte(reader *r)
{
    if (r->i == r->n) {
        if (r->to_quote ? *r->at == '"' : r->at == r->end)
            return -1;
        if (*r->at != '\\')
            return (unsigned char)*r->at++;
        read_escape(r);
    }
    return (unsigned char)r->held[r->i++];
}

static size_t decode(char *out, size_t room, reader r)
{
    size_t n = 0;
    for (int c; n < room && (c = read_byte(&r)) >= 0; n++)
        out[n] = (char)c;
    return n;
}

size_t hp__scan_decode(char *out, size_t room, hp__span string)
{
    return decode(out, room, reader_of(string));
}

hp_status hp__scan_string(const char **out, size_t *len, hp__buffer *scratch,
                          hp__span string, hp_error *err)
{
    *out = string.at;
    *len = string.len;
    if (!string.len || !memchr(string.at, '\\', string.len))
        return HP_OK;
    scratch->len = 0;
    if (!hp__buffer_reserve(scratch, string.len + 1))
        return hp_fail(err, HP_NOMEM, "out of memory (string of %zu bytes)",
                       string.len);
    *len = hp__scan_decode(scratch->data, string.len, string);
    scratch->data[*len] = '\0';
    *out = scratch->data;
    return HP_OK;
}

const char *hp__scan_shorten(char out[HP__SHORT], hp__span string)
{
    char start[HP__SHORT];
    size_t n = hp__scan_decode(start, sizeof start, string);
    return hp__shorten(out, start, n);
}

static int compare_texts(const char *a, const char *b)
{
    reader x = {.at = a, .to_quote = 1}, y = {.at = b, .to_quote = 1};
    int c, d;
    do {
        c = read_byte(&x);
        d = read_byte(&y);
    } while (c == d && c >= 0);
    return c - d;
}

int hp__scan_is(hp__span string, const char *text)
{
    reader r = reader_of(string);
    int c;
    while ((c = read_byte(&r)) > 0 && c == (unsigned char)*text)
        text++;
    return c < 0 && !*text;
}

int hp__scan_u64(uint64_t *out, const hp__scan *s)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s->span.len; i++) {
        unsigned digit = (unsigned char)s->span.at[i] - (unsigned)'0';
        if (digit > 9 || !hp__mul(&value, value, 10U) ||
            !hp__add(&value, value, digit))
            return 0;
    }
    *out = value;
    return s->token == 'n';
}

static hp_status push_key(hp__scan *s, hp_error *err)
{
    if (s->trusted)
        return HP_OK;
    key k = {0xcbf29ce484222325, s->key.at}; /* FNV-1a */
    reader r = reader_of(s->key);
    for (int c; (c = read_byte(&r)) >= 0;)
        k.hash = (k.hash ^ (unsigned)c) * 0x100000001b3;
    hp__buffer_add(&s->keys, &k, sizeof k);
    if (s->keys.failed)
        return hp_fail(err, HP_NOMEM, "out of memory (%zu bytes of keys)",
                       s->keys.len);
    return HP_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return compare_texts(x->at, y->at);
}

static hp_status check_unique(hp__scan *s, size_t base, hp_error *err)
{
    size_t n = (s->keys.len - base) / sizeof(key);
    if (n < 2)
        return HP_OK;
    key *keys = (key *)(void *)(s->keys.data + base);
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) {
            char name[HP__SHORT], start[HP__SHORT];
            size_t len = decode(start, sizeof start,
                                (reader){.at = keys[i].at, .to_quote = 1});
            return hp_fail(err, HP_FORMAT, "%s: duplicate key '%s'", s->name,
                           hp__shorten(name, start, len));
        }
    }
    return HP_OK;
}

hp_status hp__scan_open(hp__scan *s, char bracket, hp_error *err)
{
    if (s->token != bracket)
        return hp__scan_fail(s, err,
                             bracket == '{' ? "expected an object"
                                            : "expected an array");
    if (s->depth == HP__SCAN_DEPTH)
        return hp__scan_fail(s, err, "nested more than 64 levels deep");
    s->base[s->depth++] = s->keys.len;
    s->first = 1;
    return HP_OK;
}

static hp_status close_bracket(hp__scan *s, hp_error *err)
{
    size_t base = s->base[--s->depth];
    hp_status st = check_unique(s, base, err);
    s->keys.len = base;
    s->first = 0;
    return st;
}

/* To the first token of the next member or element, past the comma. */
static hp_status advance(hp__scan *s, int *more, char bracket, hp_error *err)
{
    hp_status st = hp__scan_next(s, err);
    if (st)
        return st;
    *more = s->token != bracket;
    if (!*more)
        return close_bracket(s, err);
    if (s->first) {
        s->first = 0;
        return HP_OK;
    }
    if (s->token != ',')
        return hp__scan_fail(s, err,
                             bracket == '}' ? "expected ',' or '}'"
                                            : "expected ',' or ']'");
    return hp__scan_next(s, err);
}

hp_status hp__scan_member(hp__scan *s, int *more, hp_error *err)
{
    hp_status st = advance(s, more, '}', err);
    if (st || !*more)
        return st;
    if (s->token != 's')
        return hp__scan_fail(s, err, "expected a key in double quotes");
    s->key = s->span;
    st = push_key(s, err);
    if (!st)
        st = hp__scan_next(s, err);
    if (!st && s->token != ':')
        st = hp__scan_fail(s, err, "expected ':'");
    return st ? st : hp__scan_next(s, err);
}

hp_status hp__scan_element(hp__scan *s, int *more, hp_error *err)
{
    return advance(s, more, ']', err);
}

hp_status hp__scan_skip(hp__scan *s, hp_error *err)
{
    int more = 1;
    char bracket = s->token;
    if (bracket != '{' && bracket != '[')
        return bracket && strchr("sntfz", bracket)
                   ? HP_OK
                   : hp__scan_fail(s, err, "expected a value");
    hp_status st = hp__scan_open(s, bracket, err);
    while (!st) {
        st = bracket == '{' ? hp__scan_member(s, &more, err)
                            : hp__scan_element(s, &more, err);
        if (st || !more)
            break;
        st = hp__scan_skip(s, err);
    }
    return st;
}

hp_status hp__scan_end(hp__scan *s, hp_error *err)
{
    hp_status st = hp__scan_next(s, err);
    if (!st && s->token)
        st = hp__scan_fail(s, err, "expected nothing more");
    return st;
}

void hp__scan_clear(hp__scan *s)
{
    hp__buffer_clear(&s->keys);
}
