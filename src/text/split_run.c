/* The stages at work: cutting at delimiters, and ByteLevel's two rewritings. */
#include "text/characters.h"
#include "text/split_stages.h"
#include "text/unicode.h"

#include <string.h>

hp_status hp__split_run(hp__split *s, size_t stage, const char *text,
                        size_t len, hp_error *err)
{
    if (!len || s->stop)
        return HP_OK;
    if (stage == s->list->n)
        return s->word(s->to, text, len, err);
    const hp__splitter *p = &s->list->items[stage];
    return p->run(p, s, stage, text, len, err);
}

/* A delimiter, or what lies between two. */
typedef struct span {
    size_t from, to;
    int is_match;
} span;

static void next_by_character(span *out, const hp__splitter *p,
                              const char *text, size_t len, size_t at)
{
    size_t next = at;
    *out = (span){at, at, p->is(hp__utf8_next(text, &next))};
    out->to = next;
    while (!out->is_match && next < len) {
        if (p->is(hp__utf8_next(text, &next)))
            break;
        out->to = next;
    }
}

/* The text being cut. `found` is the last match, for when a gap lies before
 * it. */
typedef struct cutter {
    const hp__splitter *p;
    hp__matcher *matcher;
    hp__subject subject;
    size_t found[2];
} cutter;

/* The span that begins at `at`. */
static hp_status next_span(span *out, cutter *c, size_t at, hp_error *err)
{
    if (c->p->is) {
        next_by_character(out, c->p, c->subject.text, c->subject.len, at);
        return HP_OK;
    }
    if (c->found[0] < at || !at) {
        c->subject.from = at;
        hp_status st =
            hp__regex_find(c->found, c->p->regex, c->matcher, &c->subject, err);
        if (st)
            return st;
    }
    int is_match = c->found[0] == at && c->found[1] > at;
    *out = (span){at, c->found[is_match], is_match};
    return HP_OK;
}

static int belong_together(const hp__splitter *p, span held, span next)
{
    switch (p->behavior) {
    case HP__CONTIGUOUS:
        return held.is_match == next.is_match;
    case HP__MERGED_WITH_PREVIOUS:
        return !held.is_match && next.is_match;
    case HP__MERGED_WITH_NEXT:
        return held.is_match && !next.is_match;
    case HP__REMOVED:
    case HP__ISOLATED:
        break;
    }
    return 0;
}

/* A text that is cut into pieces for the next stage. */
typedef struct whole {
    hp__split *split;
    size_t stage;
    const char *text;
    int at_start;
} whole;

static hp_status hand_on(const whole *w, size_t from, size_t to, hp_error *err)
{
    w->split->at_start = w->at_start && from == 0;
    return hp__split_run(w->split, w->stage + 1, w->text + from, to - from,
                         err);
}

static hp_status hand_on_span(const hp__splitter *p, const whole *w, span held,
                              hp_error *err)
{
    if (p->behavior == HP__REMOVED && held.is_match)
        return HP_OK;
    return hand_on(w, held.from, held.to, err);
}

hp_status hp__stage_cut(const hp__splitter *p, hp__split *s, size_t stage,
                        const char *text, size_t len, hp_error *err)
{
    cutter c = {.p = p, .matcher = s->matcher, .subject = {text, len, 0}};
    whole w = {s, stage, text, s->at_start};
    span held = {0, 0, 0}, next;
    hp_status st = HP_OK;
    while (!st && !s->stop && held.to < len) {
        st = next_span(&next, &c, held.to, err);
        if (st)
            return st;
        next.is_match ^= p->invert;
        if (held.to > held.from && belong_together(p, held, next)) {
            held.to = next.to;
            held.is_match = next.is_match;
            continue;
        }
        st = hand_on_span(p, &w, held, err);
        held = next;
    }
    return st ? st : hand_on_span(p, &w, held, err);
}

hp_status hp__stage_prefix_space(const hp__splitter *p, hp__split *s,
                                 size_t stage, const char *text, size_t len,
                                 hp_error *err)
{
    (void)p;
    if (text[0] == ' ')
        return hp__split_run(s, stage + 1, text, len, err);
    hp__buffer *b = &s->scratch[stage];
    b->len = 0;
    hp__buffer_add(b, " ", 1);
    hp__buffer_add(b, text, len);
    if (b->failed)
        return hp_fail(err, HP_NOMEM, "out of memory (text)");
    return hp__split_run(s, stage + 1, b->data, b->len, err);
}

/* ---- marks for spaces ---- */

static int begins(const char *text, size_t len, const char *with)
{
    size_t n = strlen(with);
    return len >= n && memcmp(text, with, n) == 0;
}

static void put_marks(hp__buffer *out, const char *mark, const char *text,
                      size_t len)
{
    size_t done = 0;
    for (const char *space; done < len; done = (size_t)(space - text) + 1) {
        space = memchr(text + done, ' ', len - done);
        if (!space)
            break;
        hp__buffer_add(out, text + done, (size_t)(space - text) - done);
        hp__buffer_text(out, mark);
    }
    hp__buffer_add(out, text + done, len - done);
}

/* The next mark behind the first character of a piece; its end when there is
 * none. */
static size_t next_mark(const char *text, size_t from, size_t len,
                        const char *mark)
{
    size_t at = from + 1;
    while (at < len) {
        const char *first = memchr(text + at, mark[0], len - at);
        if (!first)
            return len;
        at = (size_t)(first - text);
        if (begins(first, len - at, mark))
            return at;
        at++;
    }
    return len;
}

hp_status hp__stage_metaspace(const hp__splitter *p, hp__split *s, size_t stage,
                              const char *text, size_t len, hp_error *err)
{
    hp__buffer *b = &s->scratch[stage];
    int first = p->prepending == HP__PREPEND_ALWAYS ||
                (p->prepending == HP__PREPEND_FIRST && s->at_start);
    b->len = 0;
    if (first && text[0] != ' ' && !begins(text, len, p->mark))
        hp__buffer_text(b, p->mark);
    put_marks(b, p->mark, text, len);
    if (b->failed)
        return hp_fail(err, HP_NOMEM, "out of memory (text)");
    if (p->behavior != HP__MERGED_WITH_NEXT)
        return hp__split_run(s, stage + 1, b->data, b->len, err);
    whole w = {s, stage, b->data, s->at_start};
    hp_status st = HP_OK;
    for (size_t from = 0, to = 0; from < b->len && !st && !s->stop; from = to) {
        to = next_mark(b->data, from, b->len, p->mark);
        st = hand_on(&w, from, to, err);
    }
    return st;
}

hp_status hp__stage_words(const hp__splitter *p, hp__split *s, size_t stage,
                          const char *text, size_t len, hp_error *err)
{
    whole w = {s, stage, text, s->at_start};
    size_t n = strlen(p->mark);
    hp_status st = HP_OK;
    for (size_t from = 0, to = 0; from < len && !st && !s->stop; from = to) {
        to = from;
        while (begins(text + to, len - to, p->mark))
            to += n;
        to = to == len ? len : next_mark(text, to, len, p->mark);
        st = hand_on(&w, from, to, err);
    }
    return st;
}

/* ---- ByteLevel ---- */

/* GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes, in
 * order, for U+0100 and on. */
static int is_itself(unsigned b)
{
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
}

static uint32_t character_of_byte(unsigned b)
{
    if (is_itself(b))
        return b;
    uint32_t n = b <= 0x20 ? b : b == 0xAD ? 0x43 : b - 0x7F + 0x21;
    return 0x100 + n;
}

int hp__byte_of_character(uint32_t c)
{
    for (unsigned b = 0; b < 0x100; b++)
        if (character_of_byte(b) == c)
            return (int)b;
    return -1;
}

static char *put_byte(char *to, unsigned char b)
{
    uint32_t c = character_of_byte(b);
    if (c >= 0x80) {
        *to++ = (char)(0xC0 | c >> 6);
        c = 0x80 | (c & 0x3F);
    }
    *to++ = (char)c;
    return to;
}

hp_status hp__stage_bytes(const hp__splitter *p, hp__split *s, size_t stage,
                          const char *text, size_t len, hp_error *err)
{
    (void)p;
    hp__buffer *b = &s->scratch[stage];
    b->len = 0;
    if (len > (size_t)-1 / 4 || !hp__buffer_reserve(b, 2 * len + 4))
        return hp_fail(err, HP_NOMEM, "out of memory (text)");
    char *to = b->data;
    for (size_t i = 0; i < len; i++)
        to = put_byte(to, (unsigned char)text[i]);
    return hp__split_run(s, stage + 1, b->data, (size_t)(to - b->data), err);
}
