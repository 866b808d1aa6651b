/*
 * Byte-pair encoding of one word: its characters are tokens; of all adjacent
 * pairs that a merge names, the one of lowest rank (the leftmost of equals)
 * becomes one token, until there is none. A heap of candidate pairs keeps this
 * at n log n, however long the word is; entries that a later merge made stale
 * are passed over when they come up.
 */
#include "text/bpe.h"
#include "base/utf8.h"
#include "text/characters.h"

#include <string.h>

#define NONE UINT32_MAX

typedef struct symbol {
    int32_t id; /* -1: merged into the one before */
    uint32_t before, after;
} symbol;

typedef struct candidate {
    uint32_t rank, at;
    int32_t left, right, id;
} candidate;

/* ---- candidates: a binary heap, lowest rank first, then leftmost ---- */

static int comes_first(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void push(hp__buffer *queue, candidate c)
{
    hp__buffer_add(queue, &c, sizeof c);
    if (queue->failed)
        return;
    candidate *heap = (void *)queue->data;
    size_t at = queue->len / sizeof c - 1;
    while (at && comes_first(&c, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = c;
}

static candidate pop(hp__buffer *queue)
{
    candidate *heap = (void *)queue->data, first = heap[0];
    queue->len -= sizeof first;
    size_t n = queue->len / sizeof first, at = 0;
    candidate last = heap[n];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < n && comes_first(&heap[child + 1], &heap[child]))
            child++;
        if (child >= n || !comes_first(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

static void push_pair(const hp__subword *m, hp__word *w, uint32_t at)
{
    const symbol *s = (const void *)w->symbols.data;
    if (at == NONE || s[at].after == NONE)
        return;
    int32_t left = s[at].id, right = s[s[at].after].id;
    const struct hp__merge *merge = hp__merge_slot(m, left, right);
    if (merge->rank)
        push(&w->queue, (candidate){merge->rank, at, left, right, merge->id});
}

static void merge_all(const hp__subword *m, hp__word *w)
{
    symbol *s = (void *)w->symbols.data;
    size_t n = w->symbols.len / sizeof *s;
    for (size_t i = 0; i + 1 < n; i++)
        push_pair(m, w, (uint32_t)i);
    while (w->queue.len && !w->queue.failed) {
        candidate c = pop(&w->queue);
        uint32_t next = s[c.at].after;
        if (s[c.at].id != c.left || next == NONE || s[next].id != c.right)
            continue;
        s[c.at].id = c.id;
        s[c.at].after = s[next].after;
        s[next].id = -1;
        if (s[c.at].after != NONE)
            s[s[c.at].after].before = c.at;
        push_pair(m, w, s[c.at].before);
        push_pair(m, w, c.at);
    }
}

/* ---- the word's characters ---- */

static void add_symbol(hp__word *w, int32_t id)
{
    uint32_t n = (uint32_t)(w->symbols.len / sizeof(symbol));
    symbol s = {id, n ? n - 1 : NONE, n + 1};
    hp__buffer_add(&w->symbols, &s, sizeof s);
}

/* The character as tokens <0x00> .. <0xFF>; 0 when one of them is missing. */
static int add_bytes(const hp__subword *m, hp__word *w, const char *s,
                     size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (m->bytes[(unsigned char)s[i]] < 0)
            return 0;
    for (size_t i = 0; i < len; i++)
        add_symbol(w, m->bytes[(unsigned char)s[i]]);
    return 1;
}

/* 0: the vocabulary cannot express a character; w->bad_at says which. As in the
 * library, an unknown token waits for the next known character, and bytes go
 * ahead of it. */
static int add_characters(const hp__subword *m, hp__word *w)
{
    int unknown = 0; /* one waits */
    for (size_t at = 0, next = 0; at < w->len; at = next) {
        hp__utf8_next(w->text, &next);
        int32_t id = hp__vocab_find(m->vocab, w->text + at, next - at);
        if (id < 0 && m->byte_fallback &&
            add_bytes(m, w, w->text + at, next - at))
            continue;
        if (id < 0 && m->unk < 0) {
            w->bad_at = at;
            w->bad_len = next - at;
            return 0;
        }
        if (unknown && (id >= 0 || !m->fuse_unk))
            add_symbol(w, m->unk);
        if (id >= 0)
            add_symbol(w, id);
        unknown = id < 0;
    }
    if (unknown)
        add_symbol(w, m->unk);
    return 1;
}

static void put_ids(hp__word *w)
{
    const symbol *s = (const void *)w->symbols.data;
    for (uint32_t at = 0; at != NONE; at = s[at].after)
        hp__buffer_add(&w->ids, &s[at].id, sizeof s[at].id);
}

hp_status hp__bpe_encode(const hp__subword *m, hp__word *w, hp_error *err)
{
    w->ids.len = w->symbols.len = w->queue.len = 0;
    if (m->ignore_merges) {
        int32_t id = hp__vocab_find(m->vocab, w->text, w->len);
        if (id >= 0) {
            hp__buffer_add(&w->ids, &id, sizeof id);
            return HP_OK;
        }
    }
    if (w->len >= NONE)
        return hp_fail(err, HP_FORMAT, "a word of %zu bytes", w->len);
    if (!add_characters(m, w))
        return HP_OK;
    if (!w->symbols.failed && w->symbols.len) {
        symbol *s = (void *)w->symbols.data;
        s[w->symbols.len / sizeof *s - 1].after = NONE;
        merge_all(m, w);
        if (!w->queue.failed)
            put_ids(w);
    }
    if (w->symbols.failed || w->queue.failed || w->ids.failed)
        return hp_fail(err, HP_NOMEM, "out of memory (word of %zu bytes)",
                       w->len);
    return HP_OK;
}
