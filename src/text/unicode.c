/*
 * Normal forms, categories and case by utf8proc, brought into line with the
 * Hugging Face library: its BERT components take categories from Unicode 8,
 * numbers and lower case from Unicode 17 (utf8proc 2.8 has Unicode 15).
 */
#include "text/unicode.h"
#include "base/arena.h"
#include "text/characters.h"

#include <stdlib.h>
#include <utf8proc.h>

typedef struct span {
    uint32_t first, last;
} span;

/* Where marks, punctuation or format characters are newer than Unicode 8. The
 * spans hold nothing that was one of these before. */
static const span later[] = {
    {0x05c8, 0x05c9},   {0x061d, 0x061d},   {0x07fd, 0x07fd},
    {0x0890, 0x08e2},   {0x09fd, 0x09fe},   {0x0a76, 0x0a76},
    {0x0afa, 0x0aff},   {0x0b53, 0x0b55},   {0x0c04, 0x0c3c},
    {0x0c77, 0x0c77},   {0x0c84, 0x0c84},   {0x0d00, 0x0d00},
    {0x0d3b, 0x0d3c},   {0x0d81, 0x0d81},   {0x0eba, 0x0eba},
    {0x0ece, 0x0ece},   {0x180f, 0x1886},   {0x1abf, 0x1af0},
    {0x1b4e, 0x1b4f},   {0x1b7d, 0x1b7f},   {0x1df6, 0x1dfb},
    {0x2e43, 0x2e63},   {0xa82c, 0xa82c},   {0xa8c5, 0xa8c5},
    {0xa8ff, 0xa8ff},   {0xa9bd, 0xa9bd},   {0x10d24, 0x10f89},
    {0x11070, 0x11074}, {0x110c2, 0x110cd}, {0x111cf, 0x111cf},
    {0x1123e, 0x11241}, {0x1133b, 0x1133b}, {0x113bb, 0x1145e},
    {0x11660, 0x1166c}, {0x116b9, 0x116b9}, {0x1182f, 0x11fff},
    {0x12ff1, 0x13455}, {0x1611e, 0x1612f}, {0x16d6d, 0x16f4f},
    {0x16fe2, 0x16fe4}, {0x1cf00, 0x1d128}, {0x1d25b, 0x1d25c},
    {0x1e000, 0x1e6f5}, {0x1e944, 0x1e95f},
};

/* StripAccents knows the marks of Unicode 9: those among `later`, and newer
 * ones, spacing marks most of them, that are not there. */
static const span marks_of_9[] = {
    {0x8d4, 0x8e1},     {0x1885, 0x1886},   {0x1dfb, 0x1dfb},
    {0xa8c5, 0xa8c5},   {0xa9bd, 0xa9bd},   {0x1123e, 0x1123e},
    {0x11435, 0x11446}, {0x11c2f, 0x11c3f}, {0x11c92, 0x11cb6},
    {0x1e000, 0x1e02a}, {0x1e944, 0x1e94a},
};
static const span later_marks[] = {
    {0xcf3, 0xcf3},     {0x1715, 0x1715},   {0x1cf7, 0x1cf7},
    {0x11145, 0x11146}, {0x111c9, 0x111c9}, {0x111ce, 0x111ce},
    {0x1182c, 0x1182e}, {0x16f7f, 0x16f87}, {0x16ff0, 0x16ff1},
};

static const span cjk[] = {
    {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
    {0x20000, 0x2a6df}, {0x2a700, 0x2b81f}, {0x2b920, 0x2ceaf},
    {0x2f800, 0x2fa1f},
};

/* Unicode 16 and 17. */
static const span later_numbers[] = {
    {0x10d40, 0x10d49}, {0x116d0, 0x116e3}, {0x11bf0, 0x11bf9},
    {0x11de0, 0x11de9}, {0x16130, 0x16139}, {0x16d70, 0x16d79},
    {0x16ff4, 0x16ff6}, {0x1ccf0, 0x1ccf9}, {0x1e5f1, 0x1e5fa},
};

/* Capitals that Unicode 15 lacks; `lower` belongs to the first of the span. */
static const struct {
    span upper;
    uint32_t lower;
} later_case[] = {
    {{0x1c89, 0x1c89}, 0x1c8a},    {{0xa7cb, 0xa7cb}, 0x264},
    {{0xa7cc, 0xa7cc}, 0xa7cd},    {{0xa7ce, 0xa7ce}, 0xa7cf},
    {{0xa7d2, 0xa7d2}, 0xa7d3},    {{0xa7d4, 0xa7d4}, 0xa7d5},
    {{0xa7da, 0xa7da}, 0xa7db},    {{0xa7dc, 0xa7dc}, 0x19b},
    {{0x10d50, 0x10d65}, 0x10d70}, {{0x16ea0, 0x16eb8}, 0x16ebb},
};

static int is_within(const span *spans, size_t n, uint32_t c)
{
    size_t lo = 0;
    while (n > lo) {
        size_t mid = lo + (n - lo) / 2;
        if (c > spans[mid].last)
            lo = mid + 1;
        else if (c < spans[mid].first)
            n = mid;
        else
            return 1;
    }
    return 0;
}

static int is_later(uint32_t c)
{
    return is_within(later, sizeof later / sizeof later[0], c);
}

static utf8proc_category_t category(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

int hp__unicode_is_space(uint32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

int hp__unicode_is_number(uint32_t c)
{
    if (c < 0x80)
        return c >= '0' && c <= '9';
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL ||
           k == UTF8PROC_CATEGORY_NO ||
           is_within(later_numbers,
                     sizeof later_numbers / sizeof later_numbers[0], c);
}

int hp__unicode_is_mark(uint32_t c)
{
    if (c < 0x300)
        return 0;
    /* Its category has changed since; U+111C9 was punctuation. */
    if (c == 0x1734 || c == 0x1171e)
        return 1;
    return category(c) == UTF8PROC_CATEGORY_MN && c != 0x111c9 && !is_later(c);
}

int hp__unicode_is_combining(uint32_t c)
{
    if (c < 0x300)
        return 0;
    if (c == 0x1cf2 || c == 0x1cf3) /* no longer */
        return 1;
    utf8proc_category_t k = category(c);
    if (k != UTF8PROC_CATEGORY_MN && k != UTF8PROC_CATEGORY_MC &&
        k != UTF8PROC_CATEGORY_ME)
        return 0;
    if (is_later(c))
        return is_within(marks_of_9, sizeof marks_of_9 / sizeof *marks_of_9, c);
    return !is_within(later_marks, sizeof later_marks / sizeof *later_marks, c);
}

int hp__unicode_is_other(uint32_t c)
{
    if (c < 0x80)
        return c < 0x20 || c == 0x7F;
    utf8proc_category_t k = category(c);
    return (k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF ||
            k == UTF8PROC_CATEGORY_CO) &&
           !is_later(c);
}

static int is_ascii_punctuation(uint32_t c)
{
    return (c > 0x20 && c < '0') || (c > '9' && c < 'A') ||
           (c > 'Z' && c < 'a') || (c > 'z' && c < 0x7F);
}

int hp__unicode_is_punctuation(uint32_t c)
{
    if (c < 0x80)
        return is_ascii_punctuation(c);
    if (c == 0x166d || c == 0x111c9)
        return 1;
    utf8proc_category_t k = category(c);
    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO &&
           !is_later(c);
}

int hp__unicode_is_cjk(uint32_t c)
{
    return c >= 0x3400 && is_within(cjk, sizeof cjk / sizeof cjk[0], c);
}

int hp__unicode_is_word(uint32_t c)
{
    utf8proc_category_t k = category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) ||
           k == UTF8PROC_CATEGORY_PC;
}

int hp__unicode_is_alphabetic(uint32_t c)
{
    static const span others[] = {{0x200c, 0x200d},
                                  {0x24b6, 0x24e9},
                                  {0x1f130, 0x1f149},
                                  {0x1f150, 0x1f169},
                                  {0x1f170, 0x1f189}};
    if (c < 0x80)
        return c == '_' || (c >= '0' && c <= '9') ||
               ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return hp__unicode_is_word(c) ||
           is_within(others, sizeof others / sizeof others[0], c);
}

static int are_apart(uint32_t c, uint32_t d, utf8proc_int32_t *state)
{
    return utf8proc_grapheme_break_stateful((utf8proc_int32_t)c,
                                            (utf8proc_int32_t)d, state);
}

size_t hp__unicode_cluster(const char *s, size_t len)
{
    utf8proc_int32_t state = 0;
    size_t end = 0;
    uint32_t c = hp__utf8_next(s, &end);
    while (end < len) {
        size_t next = end;
        uint32_t d = hp__utf8_next(s, &next);
        if (are_apart(c, d, &state))
            break;
        c = d;
        end = next;
    }
    return end;
}

int hp__unicode_takes_space(uint32_t before)
{
    utf8proc_int32_t state = 0;
    return !are_apart(before, ' ', &state);
}

size_t hp__unicode_lower(uint32_t out[2], uint32_t c)
{
    out[0] = c;
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
        return 1;
    }
    if (c == 0x130) { /* the one character that grows: i, dot above */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    for (size_t i = 0; i < sizeof later_case / sizeof later_case[0]; i++)
        if (c >= later_case[i].upper.first && c <= later_case[i].upper.last) {
            out[0] = later_case[i].lower + (c - later_case[i].upper.first);
            return 1;
        }
    out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
    return 1;
}

static utf8proc_option_t form_options(hp__form form)
{
    int o = UTF8PROC_STABLE;
    o |= form == HP__NFC || form == HP__NFKC ? UTF8PROC_COMPOSE
                                             : UTF8PROC_DECOMPOSE;
    if (form == HP__NFKC || form == HP__NFKD)
        o |= UTF8PROC_COMPAT;
    return (utf8proc_option_t)o;
}

static hp_status normalize_run(hp__buffer *out, utf8proc_option_t options,
                               const char *s, size_t len, hp_error *err)
{
    utf8proc_int32_t small[128], *points = small;
    void *large = NULL;
    const utf8proc_uint8_t *u = (const utf8proc_uint8_t *)s;
    hp_status st = HP_OK;
    /* One place stays free: re-encoding ends the text with a NUL. */
    utf8proc_ssize_t n = (utf8proc_ssize_t)(sizeof small / sizeof small[0] - 1);
    utf8proc_ssize_t need =
        utf8proc_decompose(u, (utf8proc_ssize_t)len, small, n, options);
    if (need > n) {
        st = hp__new(&large, (size_t)need + 1, sizeof *points, err);
        if (st)
            return st;
        points = large;
        need =
            utf8proc_decompose(u, (utf8proc_ssize_t)len, points, need, options);
    }
    if (need >= 0)
        need = utf8proc_reencode(points, need, options);
    if (need < 0)
        st = hp_fail(err, HP_FORMAT, "text cannot be normalised: %s",
                     utf8proc_errmsg(need));
    else
        hp__buffer_add(out, points, (size_t)need);
    free(large);
    return st;
}

hp_status hp__unicode_normalize(hp__buffer *out, hp__form form, const char *s,
                                size_t len, hp_error *err)
{
    const unsigned char *u = (const unsigned char *)s;
    utf8proc_option_t options = form_options(form);
    size_t done = 0, at = 0;
    /* ASCII is its own normal form; only an ASCII character that stands
     * right before another character may be part of a composition. */
    while (at < len) {
        if (u[at] < 0x80) {
            at++;
            continue;
        }
        size_t from = at > done ? at - 1 : at;
        while (at < len && u[at] >= 0x80)
            at++;
        hp__buffer_add(out, s + done, from - done);
        hp_status st = normalize_run(out, options, s + from, at - from, err);
        if (st)
            return st;
        done = at;
    }
    hp__buffer_add(out, s + done, len - done);
    return HP_OK;
}
