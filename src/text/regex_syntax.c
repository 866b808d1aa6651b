/*
 * From Oniguruma's meaning of a pattern (Ruby syntax, Unicode 16), which the
 * tokenizers library follows, to PCRE2's (Unicode 14 in 10.42): white space
 * without U+180E, letters and numbers of later versions, and a clear "no" to
 * what would silently match something else.
 */
#include "text/regex.h"

#include <string.h>

#define SPACES                                                                 \
    "\\t-\\r\\x20\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}"          \
    "\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
#define NOT_SPACES                                                             \
    "\\x{0}-\\x{8}\\x{E}-\\x{1F}!-\\x{84}\\x{86}-\\x{9F}\\x{A1}-\\x{167F}"     \
    "\\x{1681}-\\x{1FFF}\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}"                \
    "\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}\\x{3001}-\\x{10FFFF}"

/* Unicode 15 and 16. */
#define LETTERS                                                                \
    "\\p{L}\\x{1c89}-\\x{1c8a}\\x{a7cb}-\\x{a7cd}\\x{a7da}-\\x{a7dc}"          \
    "\\x{105c0}-\\x{105f3}\\x{10d4a}-\\x{10d65}\\x{10d6f}-\\x{10d85}"          \
    "\\x{10ec2}-\\x{10ec4}\\x{1123f}-\\x{11240}\\x{11380}-\\x{11389}"          \
    "\\x{1138b}\\x{1138e}\\x{11390}-\\x{113b5}\\x{113b7}\\x{113d1}"            \
    "\\x{113d3}\\x{11bc0}-\\x{11be0}\\x{11f02}\\x{11f04}-\\x{11f10}"           \
    "\\x{11f12}-\\x{11f33}\\x{1342f}\\x{13441}-\\x{13446}"                     \
    "\\x{13460}-\\x{143fa}\\x{16100}-\\x{1611d}\\x{16d40}-\\x{16d6c}"          \
    "\\x{18cff}\\x{1b132}\\x{1b155}\\x{1df25}-\\x{1df2a}"                      \
    "\\x{1e030}-\\x{1e06d}\\x{1e4d0}-\\x{1e4eb}\\x{1e5d0}-\\x{1e5ed}"          \
    "\\x{1e5f0}\\x{2b739}\\x{2ebf0}-\\x{2ee5d}\\x{31350}-\\x{323af}"
#define NUMBERS                                                                \
    "\\p{N}\\x{10d40}-\\x{10d49}\\x{116d0}-\\x{116e3}"                         \
    "\\x{11bf0}-\\x{11bf9}\\x{11f50}-\\x{11f59}\\x{16130}-\\x{16139}"          \
    "\\x{16d70}-\\x{16d79}\\x{1ccf0}-\\x{1ccf9}\\x{1d2c0}-\\x{1d2d3}"          \
    "\\x{1e4f0}-\\x{1e4f9}\\x{1e5f1}-\\x{1e5fa}"

/* `members` as part of a class; NULL where `negated` needs a class of its own
 * and has none. */
static const struct {
    const char *escape, *members, *negated;
} classes[] = {
    {"\\s", SPACES, NULL},     {"\\S", NOT_SPACES, SPACES},
    {"\\p{L}", LETTERS, NULL}, {"\\P{L}", NULL, LETTERS},
    {"\\p{N}", NUMBERS, NULL}, {"\\P{N}", NULL, NUMBERS},
};

static hp_status fail_construct(const char *at, size_t len, hp_error *err)
{
    return hp_fail(err, HP_UNSUPPORTED,
                   "regular expression with '%.*s' is not supported", (int)len,
                   at);
}

/* 0: not one of the classes above. */
static size_t put_class(hp__buffer *out, const char *p, int inside)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        size_t n = strlen(classes[i].escape);
        if (strncmp(p, classes[i].escape, n) != 0)
            continue;
        if (inside && !classes[i].members)
            return 0;
        if (inside) {
            hp__buffer_text(out, classes[i].members);
            return n;
        }
        hp__buffer_text(out, classes[i].negated ? "[^" : "[");
        hp__buffer_text(out, classes[i].negated ? classes[i].negated
                                                : classes[i].members);
        hp__buffer_text(out, "]");
        return n;
    }
    return 0;
}

/* An escape that means the same in both; returns its length so far as it
 * matters here, 0 when it is none. */
static size_t plain_escape(const char *p, int inside)
{
    static const char same[] = "rntfaedDpPxAzZ";
    unsigned char c = (unsigned char)p[1];
    int has_no_members =
        strncmp(p, "\\P{L}", 5) == 0 || strncmp(p, "\\P{N}", 5) == 0;
    if (!c || has_no_members)
        return 0;
    if (strchr(same, c) || (c == 'b' && !inside))
        return 2;
    int word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
               (c >= 'a' && c <= 'z');
    return word ? 0 : 2;
}

static hp_status put_escape(hp__buffer *out, const char **p, int inside,
                            hp_error *err)
{
    size_t n = put_class(out, *p, inside);
    if (!n) {
        n = plain_escape(*p, inside);
        if (!n)
            return fail_construct(*p, (*p)[1] ? 2 : 1, err);
        hp__buffer_add(out, *p, n);
    }
    *p += n;
    return HP_OK;
}

/* Oniguruma has sets inside sets and && there; PCRE2 10.42 has neither. */
static hp_status check_in_class(const char *p, hp_error *err)
{
    if (p[0] == '[' || (p[0] == '&' && p[1] == '&'))
        return fail_construct(p, 2, err);
    return HP_OK;
}

hp_status hp__regex_translate(hp__buffer *out, const char *pattern,
                              hp_error *err)
{
    const char *p = pattern, *opened = NULL;
    hp_status st = HP_OK;
    while (*p && !st) {
        if (*p == '\\') {
            st = put_escape(out, &p, opened != NULL, err);
            continue;
        }
        if (!opened && *p == '[')
            opened = p[1] == '^' ? p + 1 : p;
        else if (opened && *p == ']' && p > opened + 1)
            opened = NULL;
        else if (opened && p > opened)
            st = check_in_class(p, err);
        hp__buffer_add(out, p++, 1);
    }
    return st;
}
