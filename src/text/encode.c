/*
 * Text to ids. Words repeat, so what a word became is kept in a cache of the
 * call's own; text goes through in pieces cut between a character and a space,
 * where no tokenizer that allows it can tell, so that memory does not grow
 * with the text and a caller who wants few ids pays for few.
 */
#include "base/utf8.h"
#include "text/characters.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

enum { CACHED_BYTES = 26, CACHED_IDS = 8, CACHE_MOST = 1 << 14 };

typedef struct cached {
    uint32_t hash;
    uint8_t len, n; /* n 0: free */
    char text[CACHED_BYTES];
    int32_t ids[CACHED_IDS];
} cached;

typedef struct encoder {
    const hp_tokenizer *t;
    hp__buffer *ids;
    size_t most, had;
    hp__split split;
    hp__word word;
    cached *cache;
    size_t cache_mask;
    hp__buffer normal, spare;
    const char *text;     /* the whole, for messages */
    size_t piece, length; /* the part of it that is at work */
    int inside;           /* which goes on with the part before */
} encoder;

hp_status hp__text_check(const char *text, size_t len, hp_error *err)
{
    size_t at = hp__utf8_check(text, len);
    if (at == len)
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "text is not valid UTF-8: byte 0x%02X at offset %zu",
                   (unsigned)(unsigned char)text[at], at);
}

static void add_ids(encoder *e, const void *ids, size_t n)
{
    hp__buffer_add(e->ids, ids, n * sizeof(int32_t));
    if ((e->ids->len - e->had) / sizeof(int32_t) >= e->most)
        e->split.stop = 1;
}

/* ---- what the vocabulary lacks ---- */

/* The character that holds byte `at` of the piece at work. */
static hp_status fail_at(const encoder *e, size_t at, hp_error *err)
{
    const char *piece = e->text + e->piece;
    char shown[HP__SHORT] = "";
    while (at && ((unsigned char)piece[at] & 0xC0) == 0x80)
        at--;
    size_t end = at;
    uint32_t c = hp__utf8_next(piece, &end);
    if (!hp__unicode_is_other(c))
        hp__shorten(shown, piece + at, end - at);
    return hp_fail(err, HP_FORMAT,
                   "character U+%04X%s%s%s at byte %zu cannot be expressed by "
                   "the tokenizer's vocabulary",
                   (unsigned)c, *shown ? " '" : "", shown, *shown ? "'" : "",
                   e->piece + at);
}

/* Every place of the word's character fails, so where it stands in the text is
 * the first place of it in the piece at work, if normalising left it as it
 * was. */
static hp_status fail_character(const encoder *e, hp_error *err)
{
    const char *bad = e->word.text + e->word.bad_at;
    size_t n = e->word.bad_len, seen = 0;
    char byte;
    if (e->t->splitters.bytes) {
        byte = (char)hp__byte_of_character(hp__utf8_next(bad, &seen));
        bad = &byte;
        n = 1;
    }
    for (size_t at = 0; at + n <= e->length; at++)
        if (memcmp(e->text + e->piece + at, bad, n) == 0)
            return fail_at(e, at, err);
    return hp_fail(err, HP_FORMAT,
                   "what the text behind byte %zu is normalised to cannot be "
                   "expressed by the tokenizer's vocabulary",
                   e->piece);
}

/* ---- words ---- */

static cached *cache_slot(const encoder *e, uint32_t hash)
{
    return &e->cache[(hash ^ hash >> 16) & e->cache_mask];
}

static void keep(encoder *e, cached *slot, uint32_t hash)
{
    size_t n = e->word.ids.len / sizeof(int32_t);
    if (e->word.len > CACHED_BYTES || !n || n > CACHED_IDS)
        return;
    slot->hash = hash;
    slot->len = (uint8_t)e->word.len;
    slot->n = (uint8_t)n;
    memcpy(slot->text, e->word.text, e->word.len);
    memcpy(slot->ids, e->word.ids.data, e->word.ids.len);
}

static hp_status encode_word(void *to, const char *text, size_t len,
                             hp_error *err)
{
    encoder *e = to;
    uint32_t hash = len <= CACHED_BYTES ? hp__hash_text(text, len) : 0;
    cached *slot = cache_slot(e, hash);
    if (slot->n && slot->hash == hash && slot->len == len &&
        memcmp(slot->text, text, len) == 0) {
        add_ids(e, slot->ids, slot->n);
        return HP_OK;
    }
    e->word.text = text;
    e->word.len = len;
    e->word.bad_len = 0;
    hp_status st = e->t->subword.encode(&e->t->subword, &e->word, err);
    if (!st && e->word.bad_len)
        st = fail_character(e, err);
    if (!st && e->word.ids.failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (word of %zu bytes)", len);
    if (st)
        return st;
    keep(e, slot, hash);
    add_ids(e, e->word.ids.data, e->word.ids.len / sizeof(int32_t));
    return HP_OK;
}

/* ---- pieces ---- */

static hp_status encode_piece(encoder *e, const char *text, size_t len,
                              hp_error *err)
{
    const hp_tokenizer *t = e->t;
    hp__added_scan scan = {.text = text, .len = len};
    hp__piece piece = {text, len, e->inside, 0};
    if (t->normalizers.n) {
        hp_status st = hp__normalizers_run(&t->normalizers, &e->normal,
                                           &e->spare, &piece, err);
        if (st)
            return st;
        scan.text = e->normal.data;
        scan.len = e->normal.len;
    }
    hp_status st = HP_OK;
    while (!st && !e->split.stop && hp__added_next(&t->normal, &scan)) {
        e->split.at_start = !e->piece && !scan.from && !piece.moved;
        if (scan.id >= 0)
            add_ids(e, &scan.id, 1);
        else
            st = hp__split_run(&e->split, 0, scan.text + scan.from,
                               scan.to - scan.from, err);
    }
    return st;
}

/* Whether a cut before a space that follows this can be seen. */
static int holds_space(uint32_t before)
{
    return hp__unicode_is_space(before) || before == 0x2581 ||
           hp__unicode_takes_space(before);
}

/* Where to cut: before the first space from `at` on that follows something
 * else; `len` when there is none. */
static size_t cut_at(const char *text, size_t at, size_t len)
{
    while (at < len) {
        const char *space = memchr(text + at, ' ', len - at);
        if (!space)
            return len;
        at = (size_t)(space - text);
        if (at && !holds_space(hp__utf8_before(text, at)))
            return at;
        at++;
    }
    return len;
}

static hp_status encode_between(encoder *e, size_t from, size_t to,
                                hp_error *err)
{
    size_t chunk = e->t->chunk, begin = from;
    hp_status st = HP_OK;
    while (from < to && !st && !e->split.stop) {
        const char *text = e->text + from;
        size_t len = to - from;
        if (chunk && len > chunk)
            len = cut_at(text, chunk, len);
        e->piece = from;
        e->length = len;
        e->inside = from > begin;
        st = encode_piece(e, text, len, err);
        from += len;
    }
    return st;
}

static hp_status start(encoder *e, size_t len, hp_error *err)
{
    size_t slots = 64;
    while (slots < CACHE_MOST && slots < len / 8)
        slots *= 2;
    e->cache_mask = slots - 1;
    hp_status st = hp__new(&e->cache, slots, sizeof *e->cache, err);
    if (!st)
        st = hp__matcher_open(&e->split.matcher, err);
    e->split.list = &e->t->splitters;
    e->split.word = encode_word;
    e->split.to = e;
    return st;
}

hp_status hp__tokenizer_encode(hp__buffer *ids, const hp_tokenizer *t,
                               const char *text, size_t len, size_t most,
                               hp_error *err)
{
    encoder e = {
        .t = t, .ids = ids, .most = most, .had = ids->len, .text = text};
    hp__added_scan scan = {.text = text, .len = len};
    hp_status st = hp__text_check(text, len, err);
    if (st || !most)
        return st;
    st = start(&e, len, err);
    while (!st && !e.split.stop && hp__added_next(&t->raw, &scan))
        if (scan.id >= 0)
            add_ids(&e, &scan.id, 1);
        else
            st = encode_between(&e, scan.from, scan.to, err);
    if (!st && ids->failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (token ids)");
    hp__split_clear(&e.split);
    hp__matcher_free(e.split.matcher);
    hp__word_clear(&e.word);
    hp__buffer_clear(&e.normal);
    hp__buffer_clear(&e.spare);
    free(e.cache);
    return st;
}

hp_status hp_tokenizer_encode(hp_ids *out, const hp_tokenizer *t,
                              const char *text, size_t len, int special,
                              hp_error *err)
{
    hp__buffer b = {0};
    char *bytes = NULL;
    size_t n_bytes = 0;
    *out = (hp_ids){NULL, 0};
    if (special)
        hp__buffer_add(&b, t->before, t->n_before * sizeof *t->before);
    hp_status st = hp__tokenizer_encode(&b, t, text, len, SIZE_MAX, err);
    if (!st && special)
        hp__buffer_add(&b, t->after, t->n_after * sizeof *t->after);
    if (!st)
        st = hp__buffer_take(&bytes, &n_bytes, &b, err);
    hp__buffer_clear(&b);
    if (!st)
        *out = (hp_ids){(void *)bytes, n_bytes / sizeof *out->ids};
    return st;
}
