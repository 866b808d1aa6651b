/* Tokens of JSON: the strict reading of strings, numbers and words. */
#include "io/json_scan.h"

#include <stdio.h>
#include <string.h>

static hp_status fail_at(const hp__scan *s, size_t at, hp_error *err,
                         const char *what)
{
    size_t line = 1, start = 0;
    for (size_t i = 0; i < at; i++) {
        if (s->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    return hp_fail(err, HP_FORMAT, "%s: line %zu, column %zu: %s", s->name,
                   line, at - start + 1, what);
}

const char *hp__scan_kind(const hp__scan *s)
{
    switch (s->token) {
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 's':
        return "a string";
    case 'n':
        return "a number";
    case 't':
        return "true";
    case 'f':
        return "false";
    case 'z':
        return "null";
    default:
        return "no value";
    }
}

hp_status hp__scan_fail(const hp__scan *s, hp_error *err, const char *what)
{
    char text[128], found[HP__SHORT];
    size_t at = (size_t)(s->span.at - s->text);
    if (s->token == 's')
        at--;
    if (!s->token)
        snprintf(text, sizeof text, "%s, found the end", what);
    else if (strchr("}]:,", s->token))
        snprintf(text, sizeof text, "%s, found '%c'", what, s->token);
    else
        snprintf(text, sizeof text, "%s, found %s", what, hp__scan_kind(s));
    return fail_at(s, at, err, hp__shorten_text(found, text));
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* 1: an escape of four hex digits stands at `at`. */
static int hex_escape(const hp__scan *s, size_t at, unsigned *code)
{
    if (s->len - at < 6 || s->text[at] != '\\' || s->text[at + 1] != 'u')
        return 0;
    *code = 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        char c = s->text[i];
        if (!is_hex(c))
            return 0;
        unsigned digit = is_digit(c) ? (unsigned)(c - '0')
                                     : (unsigned)((c | 0x20) - 'a') + 10;
        *code = *code * 16 + digit;
    }
    return 1;
}

/* Bytes of the escape at `at`, 0: it is none. */
static size_t escape_length(hp__scan *s, size_t at)
{
    unsigned code, low;
    if (s->len - at < 2)
        return 0;
    if (s->text[at + 1] != 'u')
        return s->text[at + 1] && strchr("\"\\/bfnrt", s->text[at + 1]) ? 2 : 0;
    if (!hex_escape(s, at, &code) || (code >= 0xdc00 && code <= 0xdfff))
        return 0;
    if (!code)
        s->span.nul = 1;
    if (code < 0xd800 || code > 0xdfff)
        return 6;
    return hex_escape(s, at + 6, &low) && low >= 0xdc00 && low <= 0xdfff ? 12
                                                                         : 0;
}

static hp_status fail_byte(const hp__scan *s, size_t at, hp_error *err,
                           const char *what)
{
    char text[96];
    snprintf(text, sizeof text, "%s (byte 0x%02x)", what,
             (unsigned)(unsigned char)s->text[at]);
    return fail_at(s, at, err, text);
}

/* Stands for itself in a string, which goes on behind it. */
static int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static hp_status scan_string(hp__scan *s, hp_error *err)
{
    size_t start = s->at + 1, at = start;
    s->span.nul = 0;
    for (;;) {
        while (at < s->len && is_plain((unsigned char)s->text[at]))
            at++;
        if (at == s->len || s->text[at] == '"')
            break;
        unsigned char c = (unsigned char)s->text[at];
        if (c < 0x20)
            return fail_byte(s, at, err, "raw control character in a string");
        size_t n = c == '\\' ? escape_length(s, at)
                             : hp__utf8_length(s->text + at, s->len - at);
        if (!n && c == '\\')
            return fail_at(s, at, err, "invalid escape in a string");
        if (!n)
            return fail_byte(s, at, err, "not valid UTF-8");
        at += n;
    }
    if (at == s->len)
        return fail_at(s, s->at, err, "string without an end");
    if (s->span.nul && s->refuse_nul)
        return fail_at(s, s->at, err, "string with \\u0000");
    s->token = 's';
    s->span.at = s->text + start;
    s->span.len = at - start;
    s->at = at + 1;
    return HP_OK;
}

static size_t digits(const hp__scan *s, size_t at)
{
    size_t n = 0;
    while (at + n < s->len && is_digit(s->text[at + n]))
        n++;
    return n;
}

static hp_status scan_number(hp__scan *s, hp_error *err)
{
    size_t at = s->at;
    at += s->text[at] == '-';
    size_t n = digits(s, at);
    int ok = n == 1 || (n && s->text[at] != '0');
    at += n;
    size_t whole = at;
    if (ok && at < s->len && s->text[at] == '.') {
        n = digits(s, at + 1);
        ok = n > 0;
        at += 1 + n;
    }
    if (ok && at < s->len && (s->text[at] | 0x20) == 'e') {
        at++;
        at += at < s->len && (s->text[at] == '+' || s->text[at] == '-');
        n = digits(s, at);
        ok = n > 0;
        at += n;
    }
    if (!ok)
        return fail_at(s, s->at, err, "invalid number");
    s->real = at > whole;
    s->reals |= s->real;
    s->token = 'n';
    s->span = (hp__span){s->text + s->at, at - s->at, 0};
    s->at = at;
    return HP_OK;
}

static hp_status scan_word(hp__scan *s, hp_error *err)
{
    static const struct {
        const char *word;
        size_t len;
        char token;
    } words[] = {{"true", 4, 't'}, {"false", 5, 'f'}, {"null", 4, 'z'}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (s->len - s->at >= words[i].len &&
            memcmp(s->text + s->at, words[i].word, words[i].len) == 0) {
            s->token = words[i].token;
            s->span = (hp__span){s->text + s->at, words[i].len, 0};
            s->at += words[i].len;
            return HP_OK;
        }
    }
    if (!hp__utf8_length(s->text + s->at, s->len - s->at))
        return fail_byte(s, s->at, err, "not valid UTF-8");
    if (s->len - s->at >= 3 && memcmp(s->text + s->at, "\xef\xbb\xbf", 3) == 0)
        return fail_at(s, s->at, err, "byte order mark: not allowed in JSON");
    return fail_byte(s, s->at, err, "unexpected character");
}

static int is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static int is_mark(char c)
{
    return c == '{' || c == '}' || c == '[' || c == ']' || c == ':' || c == ',';
}

hp_status hp__scan_next(hp__scan *s, hp_error *err)
{
    while (s->at < s->len && is_space(s->text[s->at]))
        s->at++;
    if (s->at == s->len) {
        s->token = '\0';
        s->span = (hp__span){s->text + s->at, 0, 0};
        return HP_OK;
    }
    char c = s->text[s->at];
    if (c == '"')
        return scan_string(s, err);
    if (c == '-' || is_digit(c))
        return scan_number(s, err);
    if (!is_mark(c))
        return scan_word(s, err);
    s->token = c;
    s->span = (hp__span){s->text + s->at++, 1, 0};
    return HP_OK;
}
