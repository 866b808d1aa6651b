/*
 * Texts of option values to numbers, strictly: the whole text must be the
 * number, in plain decimal, within its range. And the nearest name for a word
 * that is none.
 */
#include "cli/term/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits only; 0 when there are none or the value does not fit. `*end` is the
 * first character after them. */
static int read_digits(uint64_t *out, const char **end, const char *text)
{
    uint64_t value = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9'; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return 0;
        value = 10 * value + digit;
    }
    *out = value;
    *end = c;
    return c != text;
}

static hp_status parse_number(option_value *v, const option_row *row,
                              const char *text, hp_error *err)
{
    const char *end = text;
    if (!read_digits(&v->number, &end, text) || *end)
        return hp_fail(err, HP_INVALID, "--%s '%s' is not a whole number",
                       row->name, text);
    if (v->number < row->min || v->number > row->max)
        return hp_fail(err, HP_INVALID, "--%s %s is outside of %llu to %llu",
                       row->name, text, (unsigned long long)row->min,
                       (unsigned long long)row->max);
    return HP_OK;
}

/* strtod also takes hexadecimal, infinity, nan, signs and leading blanks. */
static int is_plain_decimal(const char *text)
{
    size_t whole = strspn(text, "0123456789");
    const char *c = text + whole;
    size_t fraction = 0;
    if (*c == '.')
        fraction = strspn(++c, "0123456789");
    c += fraction;
    if (whole + fraction == 0)
        return 0;
    if (*c == 'e' || *c == 'E') {
        c++;
        c += *c == '+' || *c == '-';
        size_t digits = strspn(c, "0123456789");
        if (!digits)
            return 0;
        c += digits;
    }
    return *c == '\0';
}

static hp_status parse_share(option_value *v, const option_row *row,
                             const char *text, hp_error *err)
{
    if (!is_plain_decimal(text))
        return hp_fail(err, HP_INVALID, "--%s '%s' is not a number from 0 to 1",
                       row->name, text);
    v->share = strtod(text, NULL);
    if (v->share >= 0 && v->share <= 1)
        return HP_OK;
    hp_status st = hp_fail(err, HP_INVALID, "--%s %s is outside of 0 to 1",
                           row->name, text);
    return v->share <= 100 ? hp_fail_hint(err, st, "%.6g %% is %.6g", v->share,
                                          v->share / 100)
                           : st;
}

static hp_status parse_decimal(option_value *v, const option_row *row,
                               const char *text, hp_error *err)
{
    if (!is_plain_decimal(text))
        return hp_fail(err, HP_INVALID, "--%s '%s' is not a number", row->name,
                       text);
    v->share = strtod(text, NULL);
    if (!(v->share >= (double)row->min && v->share <= (double)row->max))
        return hp_fail(err, HP_INVALID, "--%s %s is outside of %llu to %llu",
                       row->name, text, (unsigned long long)row->min,
                       (unsigned long long)row->max);
    return HP_OK;
}

/* "0.05", or "5%" as 0.05 with number 1. */
static hp_status parse_limit(option_value *v, const option_row *row,
                             const char *text, hp_error *err)
{
    char number[64];
    size_t len = strlen(text);
    v->number = len && text[len - 1] == '%';
    len -= v->number;
    snprintf(number, sizeof number, "%.*s", (int)(len < 63 ? len : 63), text);
    v->share = is_plain_decimal(number) ? strtod(number, NULL) : -1;
    if (len > 63 || !(v->share >= 0 && v->share <= 1e300))
        return hp_fail(err, HP_INVALID,
                       "--%s '%s' is not a limit such as 0.05 or 2%%",
                       row->name, text);
    if (v->number)
        v->share /= 100;
    return HP_OK;
}

/* 0: not a unit. K, KiB: 1024; kB, KB: 1000; and so on. */
static uint64_t unit_bytes(const char *unit)
{
    if (!*unit || !strcmp(unit, "B"))
        return 1;
    static const char letters[] = "KMGT";
    const char *at = strchr(letters, *unit == 'k' ? 'K' : *unit);
    if (!at)
        return 0;
    uint64_t base = 1024;
    if (!strcmp(unit + 1, "B"))
        base = 1000;
    else if (unit[1] && strcmp(unit + 1, "iB") != 0)
        return 0;
    uint64_t bytes = 1;
    for (const char *c = letters; c <= at; c++)
        bytes *= base;
    return bytes;
}

static hp_status parse_size(option_value *v, const option_row *row,
                            const char *text, hp_error *err)
{
    const char *end = text;
    uint64_t unit = 0;
    if (read_digits(&v->number, &end, text))
        unit = unit_bytes(end);
    if (!unit)
        return hp_fail(err, HP_INVALID, "--%s '%s' is not a size such as 64MiB",
                       row->name, text);
    if (!v->number || v->number > SIZE_MAX / unit)
        return hp_fail(err, HP_INVALID, "--%s %s is out of range", row->name,
                       text);
    v->number *= unit;
    return HP_OK;
}

static hp_status parse_choice(option_value *v, const option_row *row,
                              const char *text, hp_error *err)
{
    const char *c = row->choices;
    for (v->number = 0;; v->number++) {
        size_t len = strcspn(c, "|");
        if (strlen(text) == len && !strncmp(c, text, len))
            return HP_OK;
        if (!c[len])
            break;
        c += len + 1;
    }
    return hp_fail(err, HP_INVALID, "--%s '%s' is none of %s", row->name, text,
                   row->choices);
}

hp_status option_value_parse(option_value *v, const option_row *row,
                             const char *text, hp_error *err)
{
    v->text = text;
    switch (row->type) {
    case OPTION_NUMBER:
        return parse_number(v, row, text, err);
    case OPTION_SHARE:
        return parse_share(v, row, text, err);
    case OPTION_DECIMAL:
        return parse_decimal(v, row, text, err);
    case OPTION_LIMIT:
        return parse_limit(v, row, text, err);
    case OPTION_SIZE:
        return parse_size(v, row, text, err);
    case OPTION_CHOICE:
        return parse_choice(v, row, text, err);
    case OPTION_FLAG:
    case OPTION_COUNT:
    case OPTION_TEXT:
    case OPTION_LIST:
        break;
    }
    /* An empty list of heads is a list. */
    if (!*text && row != &option_rows[OPT_HEADS] &&
        row != &option_rows[OPT_PROTECT] &&
        row != &option_rows[OPT_EXPECT_HEADS])
        return hp_fail(err, HP_INVALID, "--%s is empty", row->name);
    return HP_OK;
}

enum { MAX_NAME = 40 };

/* Damerau-Levenshtein with adjacent swaps; names here are short. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t d[MAX_NAME + 1][MAX_NAME + 1];
    for (size_t i = 0; i <= n; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

int suggest_closer(size_t *best, const char *word, const char *name)
{
    size_t n = strcspn(word, "="), m = strlen(name);
    if (n > MAX_NAME || m > MAX_NAME)
        return 0;
    size_t far = distance(word, n, name, m);
    /* A third of the letters may be wrong. `*best` is 1 + the best so far; of
     * two as near, a name that the word begins with is nearer. */
    size_t limit = 1 + (n > m ? n : m) / 3;
    size_t rank = 2 * far + (n < m || strncmp(word, name, m) != 0);
    if (far > limit || far >= m || (*best && rank + 1 >= *best))
        return 0;
    *best = rank + 1;
    return 1;
}
