/* Two tables of slots over one list of tokens; at most half of them is full. */
#include "text/vocab.h"
#include "base/checked.h"
#include "base/utf8.h"

#include <string.h>

struct hp__text_slot {
    uint32_t hash;
    uint32_t index; /* 1 + index into tokens; 0: free */
};

hp_status hp__vocab_init(hp__vocab *v, hp__arena *a, size_t room,
                         uint32_t limit, hp_error *err)
{
    size_t slots = 16, least;
    if (!hp__mul(&least, room, 2) || room > INT32_MAX)
        return hp_fail(err, HP_FORMAT, "%zu tokens are too many", room);
    while (slots < least)
        slots *= 2;
    *v = (hp__vocab){.room = room, .mask = slots - 1, .limit = limit};
    hp_status st = hp__arena_alloc(&v->tokens, a, room, sizeof *v->tokens, err);
    if (!st)
        st = hp__arena_alloc(&v->by_text, a, slots, sizeof *v->by_text, err);
    if (!st)
        st = hp__arena_alloc(&v->by_id, a, slots, sizeof *v->by_id, err);
    return st;
}

static int is_text(const hp__token *t, const char *text, size_t len)
{
    return t->len == len && (!len || memcmp(t->text, text, len) == 0);
}

static size_t first_slot(const hp__vocab *v, uint32_t hash)
{
    return (hash ^ hash >> 15) & v->mask;
}

void hp__vocab_prefetch(const hp__vocab *v, uint32_t hash)
{
    __builtin_prefetch(&v->by_text[first_slot(v, hash)]);
}

void hp__vocab_prefetch_token(const hp__vocab *v, uint32_t hash)
{
    uint32_t index = v->by_text[first_slot(v, hash)].index;
    __builtin_prefetch(&v->tokens[index ? index - 1 : 0]);
}

/* The slot that holds the text, or the free one where it would go. */
static struct hp__text_slot *text_slot(const hp__vocab *v, uint32_t hash,
                                       const char *text, size_t len)
{
    size_t slot = first_slot(v, hash);
    for (; v->by_text[slot].index; slot = (slot + 1) & v->mask)
        if (v->by_text[slot].hash == hash &&
            is_text(&v->tokens[v->by_text[slot].index - 1], text, len))
            break;
    return &v->by_text[slot];
}

static size_t id_slot(const hp__vocab *v, int32_t id)
{
    size_t slot = (uint32_t)id & v->mask;
    while (v->by_id[slot] && v->tokens[v->by_id[slot] - 1].id != id)
        slot = (slot + 1) & v->mask;
    return slot;
}

int32_t hp__vocab_find_hashed(const hp__vocab *v, uint32_t hash,
                              const char *text, size_t len)
{
    if (len > v->longest)
        return -1;
    uint32_t index = text_slot(v, hash, text, len)->index;
    return index ? v->tokens[index - 1].id : -1;
}

int32_t hp__vocab_find(const hp__vocab *v, const char *text, size_t len)
{
    if (len > v->longest)
        return -1;
    return hp__vocab_find_hashed(v, hp__hash_text(text, len), text, len);
}

const hp__token *hp__vocab_find_id(const hp__vocab *v, int32_t id)
{
    uint32_t index = v->by_id[id_slot(v, id)];
    return index ? &v->tokens[index - 1] : NULL;
}

static int is_id(const hp__vocab *v, double id)
{
    return id >= 0 && id < (double)v->limit && id <= INT32_MAX &&
           id == (double)(int32_t)id;
}

static hp_status fail_id(const hp__vocab *v, const char *name, double id,
                         hp_error *err)
{
    if (!(id >= 0))
        return hp_fail(err, HP_FORMAT, "token '%s': id %.15g is negative", name,
                       id);
    if (id >= (double)v->limit || id > INT32_MAX)
        return hp_fail(err, HP_FORMAT,
                       "token '%s': id %.15g is not below the %u rows of the "
                       "model's embedding",
                       name, id, (unsigned)v->limit);
    return hp_fail(err, HP_FORMAT, "token '%s': id %.15g is no integer", name,
                   id);
}

/* The text or the id is there already; 1 + index into tokens, 0: not. */
static hp_status fail_there(const hp__vocab *v, uint32_t by_text,
                            uint32_t by_id, const char *name, hp_error *err)
{
    char other[HP__SHORT];
    if (by_text)
        return hp_fail(err, HP_FORMAT,
                       "token '%s' is there twice, first with id %d", name,
                       (int)v->tokens[by_text - 1].id);
    const hp__token *t = &v->tokens[by_id - 1];
    return hp_fail(err, HP_FORMAT, "tokens '%s' and '%s' have the same id %d",
                   hp__shorten(other, t->text, t->len), name, (int)t->id);
}

static hp_status copy_text(hp__token *t, hp__arena *a, hp_error *err)
{
    char *copy = t->own;
    if (t->len >= sizeof t->own) {
        hp_status st = hp__arena_copy(&copy, a, t->text, t->len, err);
        if (st)
            return st;
    } else if (t->len) {
        memcpy(copy, t->text, t->len);
    }
    t->text = copy;
    return HP_OK;
}

/* `slot` NULL: it is not found by its text. */
static hp_status add_token(hp__vocab *v, hp__arena *a, hp__token token,
                           struct hp__text_slot *slot, hp_error *err)
{
    hp__token *t = &v->tokens[v->n];
    *t = token;
    hp_status st = copy_text(t, a, err);
    if (st)
        return st;
    v->n++;
    v->by_id[id_slot(v, t->id)] = (uint32_t)v->n;
    if (!slot)
        return HP_OK;
    *slot = (struct hp__text_slot){t->hash, (uint32_t)v->n};
    if (t->len > v->longest)
        v->longest = t->len;
    return HP_OK;
}

static hp__token token_of(const char *text, size_t len, double id)
{
    return (hp__token){.text = text,
                       .len = len,
                       .hash = hp__hash_text(text, len),
                       .id = (int32_t)id};
}

hp_status hp__vocab_add(hp__vocab *v, hp__arena *a, const char *text,
                        size_t len, double id, hp_error *err)
{
    char name[HP__SHORT];
    if (!is_id(v, id))
        return fail_id(v, hp__shorten(name, text, len), id, err);
    hp__token token = token_of(text, len, id);
    struct hp__text_slot *slot = text_slot(v, token.hash, text, len);
    uint32_t by_id = v->by_id[id_slot(v, token.id)];
    if (slot->index || by_id)
        return fail_there(v, slot->index, by_id, hp__shorten(name, text, len),
                          err);
    return add_token(v, a, token, slot, err);
}

hp_status hp__vocab_claim(hp__vocab *v, hp__arena *a, const char *text,
                          size_t len, double id, hp_error *err)
{
    char name[HP__SHORT];
    hp__shorten(name, text, len);
    if (!is_id(v, id))
        return fail_id(v, name, id, err);
    hp__token token = token_of(text, len, id);
    uint32_t by_text = text_slot(v, token.hash, text, len)->index;
    uint32_t by_id = v->by_id[id_slot(v, token.id)];
    if (by_id && is_text(&v->tokens[by_id - 1], text, len))
        return HP_OK;
    if (by_text || by_id)
        return fail_there(v, by_text, by_id, name, err);
    return add_token(v, a, token, NULL, err);
}
