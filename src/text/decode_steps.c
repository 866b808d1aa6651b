/*
 * The steps of decoding.c at work. A step has a buffer of its own, so that what
 * it hands on stays while the next ones work.
 */
#include "text/decode_steps.h"
#include "text/characters.h"
#include "text/splitters.h"

#include <string.h>

static void give(hp__decode *d, size_t step, const char *text, size_t len)
{
    if (step == d->list->n)
        hp__buffer_add(&d->out, text, len);
    else
        d->list->items[step].run(&d->list->items[step], d, step, text, len);
}

/* Exactly one token, unless what comes is parts of one. */
static void hand_on(hp__decode *d, size_t step, const char *text, size_t len)
{
    give(d, step + 1, text, len);
}

static void hand_on_own(hp__decode *d, size_t step)
{
    const hp__buffer *own = &d->own[step];
    d->out.failed |= own->failed;
    hand_on(d, step, own->data ? own->data : "", own->len);
}

void hp__decode_token(hp__decode *d, const char *text, size_t len)
{
    give(d, 0, text, len);
}

void hp__decode_end(hp__decode *d)
{
    for (size_t i = 0; i < d->list->n; i++) {
        if (d->list->items[i].end)
            d->list->items[i].end(&d->list->items[i], d, i);
        d->own[i].len = d->seen[i] = 0;
    }
}

void hp__decode_clear(hp__decode *d)
{
    hp__buffer_clear(&d->out);
    for (size_t i = 0; i < HP__DECODERS_MOST; i++)
        hp__buffer_clear(&d->own[i]);
}

static int begins(const char *text, size_t len, const char *with, size_t n)
{
    return len >= n && memcmp(text, with, n) == 0;
}

/* ---- ByteLevel ---- */

/* One character that stands for no byte, and the token is its own text. */
void hp__decode_bytes(const hp__decoder *p, hp__decode *d, size_t step,
                      const char *text, size_t len)
{
    (void)p;
    d->own[step].len = 0;
    for (size_t at = 0; at < len;) {
        int byte = hp__byte_of_character(hp__utf8_next(text, &at));
        char c = (char)byte;
        if (byte < 0) {
            hand_on(d, step, text, len);
            return;
        }
        hp__buffer_add(&d->own[step], &c, 1);
    }
    hand_on_own(d, step);
}

/* ---- WordPiece ---- */

/* The library's clean-up of English, in its order. */
static const char *const cleaned[][2] = {
    {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
    {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
    {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

static void replace(hp__buffer *to, const char *text, size_t len,
                    const char *what, const char *by)
{
    size_t n = strlen(what);
    to->len = 0;
    for (size_t at = 0; at < len;) {
        if (begins(text + at, len - at, what, n)) {
            hp__buffer_text(to, by);
            at += n;
        } else {
            hp__buffer_add(to, text + at++, 1);
        }
    }
}

static void clean(hp__buffer *word)
{
    hp__buffer other = {0};
    for (size_t i = 0; i < sizeof cleaned / sizeof *cleaned; i++) {
        replace(&other, word->data, word->len, cleaned[i][0], cleaned[i][1]);
        hp__buffer swap = *word;
        *word = other;
        other = swap;
    }
    word->failed |= other.failed;
    hp__buffer_clear(&other);
}

void hp__decode_word(const hp__decoder *p, hp__decode *d, size_t step,
                     const char *text, size_t len)
{
    hp__buffer *word = &d->own[step];
    size_t n = strlen(p->prefix);
    int inside = d->seen[step] > 0;
    int goes_on = n && begins(text, len, p->prefix, n);
    size_t skip = inside && goes_on ? n : 0;
    d->seen[step] = 1;
    word->len = 0;
    if (inside && !goes_on)
        hp__buffer_text(word, " ");
    hp__buffer_add(word, text + skip, len - skip);
    if (p->cleanup && !word->failed)
        clean(word);
    hand_on_own(d, step);
}

/* ---- marks ---- */

void hp__decode_replace(const hp__decoder *p, hp__decode *d, size_t step,
                        const char *text, size_t len)
{
    replace(&d->own[step], text, len, p->from, p->to);
    hand_on_own(d, step);
}

/* All marks of the first token fall away. */
void hp__decode_metaspace(const hp__decoder *p, hp__decode *d, size_t step,
                          const char *text, size_t len)
{
    int first = !d->seen[step] && !p->keep_first;
    d->seen[step] = !p->fused;
    replace(&d->own[step], text, len, p->from, first ? "" : " ");
    hand_on_own(d, step);
}

/* ---- Strip ---- */

/* Past `most` times `what`, counting in *done, which is `most` once something
 * else came. */
static size_t skip_front(size_t *done, size_t most, const char *what,
                         const char *text, size_t len)
{
    size_t n = strlen(what), at = 0;
    while (*done < most && begins(text + at, len - at, what, n)) {
        at += n;
        ++*done;
    }
    if (at < len)
        *done = most;
    return at;
}

void hp__decode_strip(const hp__decoder *p, hp__decode *d, size_t step,
                      const char *text, size_t len)
{
    size_t n = strlen(p->from), here = 0, from;
    size_t *done = p->fused ? &d->seen[step] : &here;
    from = skip_front(done, p->start, p->from, text, len);
    for (size_t i = 0; i < p->stop && len - from >= n; i++) {
        if (memcmp(text + len - n, p->from, n) != 0)
            break;
        len -= n;
    }
    hand_on(d, step, text + from, len - from);
}

/* ---- ByteFallback ---- */

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

int hp__byte_token(const char *text, size_t len)
{
    if (len != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    int high = digit_of(text[3]), low = digit_of(text[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* The bytes that wait: characters, or else every one of them is broken. */
void hp__decode_fallback_end(const hp__decoder *p, hp__decode *d, size_t step)
{
    hp__buffer *own = &d->own[step];
    (void)p;
    if (own->len && hp__utf8_check(own->data, own->len) == own->len)
        hand_on_own(d, step);
    else
        for (size_t i = 0; i < own->len; i++)
            hand_on(d, step, "\xEF\xBF\xBD", 3);
    d->out.failed |= own->failed;
    own->len = 0;
}

void hp__decode_fallback(const hp__decoder *p, hp__decode *d, size_t step,
                         const char *text, size_t len)
{
    int byte = hp__byte_token(text, len);
    char c = (char)byte;
    if (byte >= 0) {
        hp__buffer_add(&d->own[step], &c, 1);
        return;
    }
    hp__decode_fallback_end(p, d, step);
    hand_on(d, step, text, len);
}
