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

/* What stands between two ids, or ends the list. */
static hp_status take_separator(int *more, line *l, hp_error *err)
{
    int comma = take(l, ',');
    *more = comma || (l->at < l->len && !l->bracket);
    if (*more || (!l->bracket && l->at == l->len))
        return HP_OK;
    if (!l->bracket || !take(l, ']'))
        return fail_word(l, "',' or ']' was expected", err);
    return HP_OK;
}

/* The ids of a sequence, past its bracket where there is one; `out` NULL: they
 * are only checked. */
static hp_status parse_ids(hp__token_rows *out, line *l,
                           const hp__line_rules *rules, hp_error *err)
{
    size_t n = 0;
    int more = 1;
    while (more) {
        int32_t id = 0;
        hp_status st = take_id(&id, l, rules->vocab, err);
        if (!st)
            st = take_separator(&more, l, err);
        if (st)
            return st;
        n++;
        if (out)
            hp__token_rows_add(out, &id, 1);
    }
    if (rules->max_length && n > rules->max_length)
        return hp_fail(err, HP_FORMAT,
                       "line %zu: %zu tokens are more than the model's maximum "
                       "of %zu",
                       l->number, n, rules->max_length);
    if (out)
        hp__token_rows_end(out);
    return HP_OK;
}

static hp_status end_line(const line *l, hp_error *err)
{
    return l->at == l->len ? HP_OK
                           : fail_word(l, "the line should end here", err);
}

static hp_status parse_line(hp__token_rows *out, line *l,
                            const hp__line_rules *rules, hp_error *err)
{
    l->bracket = take(l, '[');
    if (l->bracket && l->at < l->len && l->text[l->at] == '[')
        return hp_fail(err, HP_FORMAT,
                       "line %zu: a pair of sequences where one is read",
                       l->number);
    hp_status st = parse_ids(out, l, rules, err);
    return st ? st : end_line(l, err);
}

/* [[encoder's ids], [decoder's ids]] */
static hp_status parse_pair(hp__token_rows *const out[2], line *l,
                            const hp__line_rules *rules, hp_error *err)
{
    static const char marks[2] = {'[', ','};
    l->bracket = 1;
    for (int i = 0; i < 2; i++) {
        if (!take(l, marks[i]) || !take(l, '['))
            return fail_word(l,
                             "a pair, [[encoder ids], [decoder ids]], was "
                             "expected",
                             err);
        hp_status st = parse_ids(out[i], l, rules, err);
        if (st)
            return st;
    }
    if (!take(l, ']'))
        return fail_word(l, "the pair should end with ']' here", err);
    return end_line(l, err);
}

hp_status hp__token_rows_parse(hp__token_rows *out, hp__token_rows *decoder,
                               const char *text, size_t len,
                               const hp__line_rules *rules, hp_error *err)
{
    hp_status st = HP_OK;
    size_t number = 1;
    for (size_t at = 0; at < len && !st; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        line l = {.text = text + at, .len = n, .number = number};
        skip_blanks(&l);
        int keep = !rules->most || out->n < rules->most;
        hp__token_rows *const to[2] = {keep ? out : NULL,
                                       keep ? decoder : NULL};
        if (l.at < l.len)
            st = decoder ? parse_pair(to, &l, rules, err)
                         : parse_line(to[0], &l, rules, err);
        at += n + 1;
    }
    if (!st && !out->n)
        st = hp_fail(err, HP_FORMAT, "no sequence of token ids");
    return st;
}
