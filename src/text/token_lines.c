/* Lines of token ids, as `--tokens` reads them. */
#include "base/utf8.h"
#include "text/token_rows.h"

#include <string.h>

typedef struct line {
    const char *text;
    size_t len, at, number;
    int bracket; /* a JSON array */
} line;

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int ends_word(char c)
{
    return is_blank(c) || c == ',' || c == ']';
}

static void skip_blanks(line *l)
{
    while (l->at < l->len && is_blank(l->text[l->at]))
        l->at++;
}

static int take(line *l, char c)
{
    if (l->at == l->len || l->text[l->at] != c)
        return 0;
    l->at++;
    skip_blanks(l);
    return 1;
}

static hp_status fail_word(const line *l, const char *what, hp_error *err)
{
    size_t end = l->at;
    char word[HP__SHORT];
    while (end < l->len && !ends_word(l->text[end]))
        end++;
    if (end == l->at)
        return hp_fail(err, HP_FORMAT, "line %zu, column %zu: %s", l->number,
                       l->at + 1, what);
    return hp_fail(err, HP_FORMAT, "line %zu, column %zu: %s, found '%s'",
                   l->number, l->at + 1, what,
                   hp__shorten(word, l->text + l->at, end - l->at));
}

static int is_digit(const line *l, size_t at)
{
    return at < l->len && l->text[at] >= '0' && l->text[at] <= '9';
}

static hp_status take_id(int32_t *out, line *l, uint32_t vocab, hp_error *err)
{
    uint64_t id = 0;
    size_t at = l->at;
    if (at < l->len && l->text[at] == '-' && is_digit(l, at + 1))
        return fail_word(l, "a token id is negative", err);
    for (; is_digit(l, at); at++)
        if (id <= INT32_MAX)
            id = id * 10 + (uint64_t)(l->text[at] - '0');
    int ended = at == l->len || ends_word(l->text[at]);
    if (at == l->at || !ended)
        return fail_word(l, "a token id was expected", err);
    if (id >= vocab || id > INT32_MAX) {
        char shown[HP__SHORT];
        return hp_fail(err, HP_FORMAT,
                       "line %zu: token id %s is not below the model's "
                       "vocabulary of %u",
                       l->number,
                       hp__shorten(shown, l->text + l->at, at - l->at),
                       (unsigned)vocab);
    }
    *out = (int32_t)id;
    l->at = at;
    skip_blanks(l);
    return HP_OK;
}

/* What stands between two ids, or ends the line. */
static hp_status take_separator(int *more, line *l, hp_error *err)
{
    int comma = take(l, ',');
    *more = comma || (l->at < l->len && !l->bracket);
    if (*more || (!l->bracket && l->at == l->len))
        return HP_OK;
    if (!l->bracket || !take(l, ']'))
        return fail_word(l, "',' or ']' was expected", err);
    return l->at == l->len ? HP_OK
                           : fail_word(l, "the line should end here", err);
}

static hp_status parse_line(hp__token_rows *out, line *l,
                            const hp__line_rules *rules, int keep,
                            hp_error *err)
{
    size_t n = 0;
    int more = 1;
    l->bracket = take(l, '[');
    while (more) {
        int32_t id = 0;
        hp_status st = take_id(&id, l, rules->vocab, err);
        if (!st)
            st = take_separator(&more, l, err);
        if (st)
            return st;
        n++;
        if (keep)
            hp__token_rows_add(out, &id, 1);
    }
    if (rules->max_length && n > rules->max_length)
        return hp_fail(err, HP_FORMAT,
                       "line %zu: %zu tokens are more than the model's maximum "
                       "of %zu",
                       l->number, n, rules->max_length);
    if (keep)
        hp__token_rows_end(out);
    return HP_OK;
}

hp_status hp__token_rows_parse(hp__token_rows *out, const char *text,
                               size_t len, const hp__line_rules *rules,
                               hp_error *err)
{
    hp_status st = HP_OK;
    size_t number = 1;
    for (size_t at = 0; at < len && !st; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        line l = {.text = text + at, .len = n, .number = number};
        skip_blanks(&l);
        int keep = !rules->most || out->n < rules->most;
        if (l.at < l.len)
            st = parse_line(out, &l, rules, keep, err);
        at += n + 1;
    }
    if (!st && !out->n)
        st = hp_fail(err, HP_FORMAT, "no sequence of token ids");
    return st;
}
