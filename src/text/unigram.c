/*
 * Unigram: of all ways to cut a word into tokens, the one whose scores (log
 * probabilities) add up to most, by Viterbi's algorithm from left to right; of
 * equals the first found. A character that is no token of its own may be
 * unknown, at a price (Kudo 2018, https://arxiv.org/abs/1804.10959).
 */
#include "text/characters.h"
#include "text/subword.h"

#include <stdio.h>
#include <string.h>

#define NONE        UINT32_MAX
#define UNK_PENALTY 10.0

/* The best way to the place. */
typedef struct way {
    double score;
    uint32_t from; /* where its last token begins; NONE: there is no way yet */
    int32_t id;
} way;

static void offer(way *to, double score, size_t from, int32_t id)
{
    if (to->from == NONE || score > to->score)
        *to = (way){score, (uint32_t)from, id};
}

/* The tokens that begin at `at`. 1: the character alone is one. */
static int offer_tokens(const hp__subword *m, const hp__word *w, way *ways,
                        size_t at, size_t character)
{
    const hp__trie_node *node = m->trie.nodes;
    int single = 0;
    for (size_t end = at; end < w->len;) {
        node = hp__trie_next(&m->trie, node, w->text[end++]);
        if (!node)
            break;
        if (node->id < 0)
            continue;
        offer(&ways[end], m->scores[node->id] + ways[at].score, at, node->id);
        single |= end == character;
    }
    return single;
}

/* 0: the vocabulary cannot express a character; w->bad_at says which. */
static int find_ways(const hp__subword *m, hp__word *w)
{
    way *ways = (void *)w->symbols.data;
    for (size_t i = 1; i <= w->len; i++)
        ways[i].from = NONE;
    ways[0] = (way){0, NONE, -1};
    for (size_t at = 0, next = 0; at < w->len; at = next) {
        hp__utf8_next(w->text, &next);
        if (offer_tokens(m, w, ways, at, next))
            continue;
        double score = m->unk_score + ways[at].score;
        if (m->unk < 0 &&
            (ways[next].from == NONE || score > ways[next].score)) {
            w->bad_at = at;
            w->bad_len = next - at;
            return 0;
        }
        offer(&ways[next], score, at, m->unk);
    }
    return 1;
}

/* What is unknown, as one piece: it may be a token after all, made of
 * characters that are none. */
static void put_unknown(const hp__subword *m, hp__word *w, size_t from,
                        size_t to)
{
    int32_t id = hp__vocab_find(m->vocab, w->text + from, to - from);
    size_t before = w->ids.len;
    if (id < 0 && m->byte_fallback) {
        size_t i = to;
        while (i > from && m->bytes[(unsigned char)w->text[i - 1]] >= 0) {
            i--; /* ids are put in reverse */
            hp__buffer_add(&w->ids, &m->bytes[(unsigned char)w->text[i]],
                           sizeof id);
        }
        if (i == from)
            return;
        w->ids.len = before;
    }
    id = id < 0 ? m->unk : id;
    hp__buffer_add(&w->ids, &id, sizeof id);
}

static void reverse(int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        int32_t id = ids[i];
        ids[i] = ids[n - 1 - i];
        ids[n - 1 - i] = id;
    }
}

static void put_ids(const hp__subword *m, hp__word *w)
{
    const way *ways = (const void *)w->symbols.data;
    for (size_t to = w->len; to;) {
        size_t from = ways[to].from;
        int32_t id = ways[to].id;
        if (id == m->unk) {
            while (from && ways[from].id == m->unk)
                from = ways[from].from;
            put_unknown(m, w, from, to);
        } else {
            hp__buffer_add(&w->ids, &id, sizeof id);
        }
        to = from;
    }
    reverse((void *)w->ids.data, w->ids.len / sizeof(int32_t));
}

static hp_status encode(const hp__subword *m, hp__word *w, hp_error *err)
{
    w->ids.len = w->symbols.len = 0;
    if (w->len >= NONE)
        return hp_fail(err, HP_FORMAT, "a word of %zu bytes", w->len);
    if (!hp__buffer_reserve(&w->symbols, (w->len + 1) * sizeof(way)))
        return hp_fail(err, HP_NOMEM, "out of memory (word of %zu bytes)",
                       w->len);
    if (find_ways(m, w))
        put_ids(m, w);
    return HP_OK;
}

hp_status hp__unigram_init(hp__subword *m, hp__arena *a, const hp__vocab *v,
                           const double *scores, int32_t unk, hp_error *err)
{
    double least = 0;
    for (size_t i = 0; i < v->n; i++)
        if (!i || scores[v->tokens[i].id] < least)
            least = scores[v->tokens[i].id];
    *m = (hp__subword){.encode = encode,
                       .vocab = v,
                       .scores = scores,
                       .unk_score = least - UNK_PENALTY,
                       .unk = unk};
    hp__subword_bytes(m);
    return hp__trie_build(&m->trie, a, v, err);
}
