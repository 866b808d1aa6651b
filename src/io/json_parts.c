#include "io/json_parts.h"

#include <stdlib.h>
#include <string.h>

static int is_container(char token)
{
    return token == '{' || token == '[';
}

static hp_status step(hp__scan *s, char bracket, int *more, hp_error *err)
{
    return bracket == '{' ? hp__scan_member(s, more, err)
                          : hp__scan_element(s, more, err);
}

static hp_status measure(hp__json_part *p, hp__scan *s, hp_error *err)
{
    int more = 1, trusted = s->trusted;
    p->kind = s->token;
    p->at = s->span.at;
    p->count = 0;
    if (!is_container(p->kind))
        return hp__scan_skip(s, err);
    hp_status st = hp__scan_open(s, p->kind, err);
    s->trusted = 1;
    while (!st) {
        st = step(s, p->kind, &more, err);
        if (st || !more)
            break;
        p->count++;
        st = hp__scan_skip(s, err);
    }
    s->trusted = trusted;
    p->len = (size_t)(s->text + s->at - p->at);
    return st;
}

/* The members of an object that holds parts, or, `object` NULL, of the root. */
static hp_status find_parts(hp__json_part *parts, size_t n, const char *object,
                            hp__scan *s, hp_error *err)
{
    int more = 1;
    hp_status st = hp__scan_open(s, '{', err);
    while (!st) {
        st = hp__scan_member(s, &more, err);
        if (st || !more)
            break;
        hp__json_part *part = NULL;
        const char *inner = NULL;
        for (size_t i = 0; i < n; i++) {
            if (!object && hp__scan_is(s->key, parts[i].object))
                inner = parts[i].object;
            if (object && strcmp(parts[i].object, object) == 0 &&
                hp__scan_is(s->key, parts[i].key))
                part = &parts[i];
        }
        if (part)
            st = measure(part, s, err);
        else if (inner && s->token == '{')
            st = find_parts(parts, n, inner, s, err);
        else
            st = hp__scan_skip(s, err);
    }
    return st;
}

static hp_status find_all(hp__json_part *parts, size_t n, const char *text,
                          size_t len, hp_error *err)
{
    hp__scan s = {.text = text, .len = len, .name = "JSON", .refuse_nul = 1};
    hp_status st = hp__scan_next(&s, err);
    if (!st && s.token == '{')
        st = find_parts(parts, n, NULL, &s, err);
    else if (!st)
        st = hp__scan_skip(&s, err);
    if (!st)
        st = hp__scan_end(&s, err);
    hp__scan_clear(&s);
    return st;
}

static int compare_places(const void *a, const void *b)
{
    const hp__json_part *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* The text without its parts. */
static hp_status cut_out(hp__buffer *out, hp__json_part *parts, size_t n,
                         hp__span text, hp_error *err)
{
    hp__json_part found[8];
    size_t n_found = 0;
    const char *done = text.at, *end = text.at + text.len;
    for (size_t i = 0; i < n && n_found < 8; i++)
        if (is_container(parts[i].kind))
            found[n_found++] = parts[i];
    if (n_found)
        qsort(found, n_found, sizeof found[0], compare_places);
    for (size_t i = 0; i < n_found; i++) {
        hp__buffer_add(out, done, (size_t)(found[i].at - done));
        hp__buffer_text(out, "null");
        done = found[i].at + found[i].len;
    }
    hp__buffer_add(out, done, (size_t)(end - done));
    return out->failed ? hp_fail(err, HP_NOMEM,
                                 "out of memory (JSON of %zu bytes)", text.len)
                       : HP_OK;
}

hp_status hp__json_parse_parts(hp__json **out, hp__json_part *parts, size_t n,
                               const char *text, size_t len, hp_error *err)
{
    hp__buffer rest = {0};
    hp_status st = find_all(parts, n, text, len, err);
    if (!st)
        st = cut_out(&rest, parts, n, (hp__span){text, len, 0}, err);
    if (!st)
        st = hp__json_parse(out, rest.data, rest.len, err);
    hp__buffer_clear(&rest);
    return st;
}

hp_status hp__json_whole(hp__json_part *out, const char *text, size_t len,
                         hp_error *err)
{
    hp__scan s = {.text = text, .len = len, .name = "JSON", .refuse_nul = 1};
    hp_status st = hp__scan_next(&s, err);
    if (!st)
        st = measure(out, &s, err);
    if (!st)
        st = hp__scan_end(&s, err);
    hp__scan_clear(&s);
    return st;
}

hp_status hp__json_part_open(hp__scan *out, const hp__json_part *part,
                             hp_error *err)
{
    *out = (hp__scan){.text = part->at,
                      .len = part->len,
                      .name = "JSON",
                      .refuse_nul = 1,
                      .trusted = 1};
    hp_status st = hp__scan_next(out, err);
    return st ? st : hp__scan_open(out, part->kind, err);
}
