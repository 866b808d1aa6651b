#include "text/charsmap.h"
#include "text/characters.h"
#include "text/unicode.h"

#include <string.h>

enum { LONGEST_CLUSTER = 5 };

struct hp__charsmap {
    const uint32_t *units; /* [n_units] */
    size_t n_units;
    const char *text; /* replacements, each ended by a NUL */
    size_t len;
    unsigned char changes[128]; /* an ASCII character is a key */
};

/* ---- the double array ---- */

/* https://github.com/s-yata/darts-clone: a unit holds a label in its lowest
 * byte, whether a key ends (bit 8), and the offset to its children; the unit of
 * a value has bit 31. */
static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* The text that the shortest key beginning `s` stands for; NULL: none does. An
 * index past the end finds nothing. */
static const char *find(const hp__charsmap *m, const char *s, size_t len)
{
    if (!m->n_units)
        return NULL;
    uint32_t at = offset_of(m->units[0]);
    for (size_t i = 0; i < len && s[i]; i++) {
        uint32_t label = (unsigned char)s[i];
        at ^= label;
        if (at >= m->n_units || (m->units[at] & (1u << 31 | 0xFF)) != label)
            return NULL;
        uint32_t unit = m->units[at];
        at ^= offset_of(unit);
        if (!(unit >> 8 & 1))
            continue;
        if (at >= m->n_units || !(m->units[at] >> 31))
            return NULL;
        uint32_t value = m->units[at] & ~(1u << 31);
        return value < m->len ? m->text + value : NULL;
    }
    return NULL;
}

/* ---- reading ---- */

static uint32_t read_u32(const unsigned char *b)
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}

static hp_status read_units(hp__charsmap *m, hp__arena *a, const char *bytes,
                            size_t len, hp_error *err)
{
    uint32_t *units = NULL;
    m->n_units = len / sizeof *units;
    hp_status st = hp__arena_alloc(&units, a, m->n_units, sizeof *units, err);
    for (size_t i = 0; i < m->n_units && !st; i++)
        units[i] = read_u32((const unsigned char *)bytes + 4 * i);
    m->units = units;
    return st;
}

static hp_status read_text(hp__charsmap *m, hp__arena *a, const char *text,
                           size_t len, hp_error *err)
{
    char *copy = NULL;
    size_t bad = hp__utf8_check(text, len);
    if (bad < len)
        return hp_fail(err, HP_FORMAT,
                       "precompiled_charsmap: replacements are not valid "
                       "UTF-8 at byte %zu of %zu",
                       bad, len);
    hp_status st = hp__arena_copy(&copy, a, text, len, err);
    m->text = copy;
    m->len = len;
    return st;
}

/* A value that points into the middle of a character. */
static hp_status check_values(const hp__charsmap *m, hp_error *err)
{
    for (size_t i = 0; i < m->n_units; i++) {
        uint32_t value = m->units[i] & ~(1u << 31);
        if (m->units[i] >> 31 && value < m->len &&
            ((unsigned char)m->text[value] & 0xC0) == 0x80)
            return hp_fail(err, HP_FORMAT,
                           "precompiled_charsmap: unit %zu points into a "
                           "character",
                           i);
    }
    return HP_OK;
}

hp_status hp__charsmap_read(hp__charsmap **out, hp__arena *a, const char *bytes,
                            size_t len, hp_error *err)
{
    hp__charsmap *m = NULL;
    size_t size = len < 4 ? 0 : read_u32((const unsigned char *)bytes);
    if (len < 4 || size > len - 4 || size % 4)
        return hp_fail(err, HP_FORMAT,
                       "precompiled_charsmap: %zu bytes cannot hold a trie of "
                       "%zu bytes",
                       len, size);
    hp_status st = hp__arena_alloc(&m, a, 1, sizeof *m, err);
    if (!st)
        st = read_units(m, a, bytes + 4, size, err);
    if (!st)
        st = read_text(m, a, bytes + 4 + size, len - 4 - size, err);
    if (!st)
        st = check_values(m, err);
    if (st)
        return st;
    for (unsigned c = 0; c < 128; c++) {
        char byte = (char)c;
        m->changes[c] = find(m, &byte, 1) != NULL;
    }
    *out = m;
    return HP_OK;
}

int hp__charsmap_keeps_space(const hp__charsmap *m)
{
    const char *to = find(m, " ", 1);
    return !to || strcmp(to, " ") == 0;
}

/* ---- running ---- */

static void put_characters(const hp__charsmap *m, hp__buffer *out,
                           const char *s, size_t len)
{
    for (size_t at = 0, next = 0; at < len; at = next) {
        hp__utf8_next(s, &next);
        const char *to = find(m, s + at, next - at);
        if (to)
            hp__buffer_text(out, to);
        else
            hp__buffer_add(out, s + at, next - at);
    }
}

/* Bytes from `at` on that stay as they are, each a cluster of its own. */
static size_t count_plain(const hp__charsmap *m, const char *s, size_t at,
                          size_t len)
{
    size_t from = at;
    for (; at < len; at++) {
        unsigned char c = (unsigned char)s[at];
        if (c >= 128 || m->changes[c] || c == '\r' ||
            (at + 1 < len && (unsigned char)s[at + 1] >= 128))
            break;
    }
    return at - from;
}

void hp__charsmap_run(const hp__charsmap *m, hp__buffer *out, const char *s,
                      size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t plain = count_plain(m, s, at, len);
        hp__buffer_add(out, s + at, plain);
        at += plain;
        if (at == len)
            break;
        size_t n = hp__unicode_cluster(s + at, len - at);
        const char *to = n <= LONGEST_CLUSTER ? find(m, s + at, n) : NULL;
        if (to)
            hp__buffer_text(out, to);
        else
            put_characters(m, out, s + at, n);
        at += n;
    }
}
