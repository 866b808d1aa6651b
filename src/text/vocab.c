/* Two tables of slots over one list of tokens; at most half of them is full. */
#include "text/vocab.h"
#include "base/checked.h"
#include "base/utf8.h"

#include <string.h>

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

static int is_text(const hp__token *t, uint32_t hash, const char *text,
                   size_t len)
{
    return t->hash == hash && t->len == len &&
           (!len || memcmp(t->text, text, len) == 0);
}

/* The slot that holds the text, or the free one where it would go. */
static size_t text_slot(const hp__vocab *v, uint32_t hash, const char *text,
                        size_t len)
{
    size_t slot = (hash ^ hash >> 15) & v->mask;
    while (v->by_text[slot] &&
           !is_text(&v->tokens[v->by_text[slot] - 1], hash, text, len))
        slot = (slot + 1) & v->mask;
    return slot;
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
    uint32_t index = v->by_text[text_slot(v, hash, text, len)];
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

static hp_status check_id(const hp__vocab *v, const char *name, double id,
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
    if (id != (double)(int32_t)id)
        return hp_fail(err, HP_FORMAT, "token '%s': id %.15g is no integer",
                       name, id);
    return HP_OK;
}

static hp_status check_new(const hp__vocab *v, uint32_t by_text, uint32_t by_id,
                           const char *name, hp_error *err)
{
    char other[HP__SHORT];
    if (by_text)
        return hp_fail(err, HP_FORMAT,
                       "token '%s' is there twice, first with id %d", name,
                       (int)v->tokens[by_text - 1].id);
    if (!by_id)
        return HP_OK;
    const hp__token *t = &v->tokens[by_id - 1];
    return hp_fail(err, HP_FORMAT, "tokens '%s' and '%s' have the same id %d",
                   hp__shorten(other, t->text, t->len), name, (int)t->id);
}

static hp_status add_token(hp__vocab *v, hp__arena *a, hp__token token,
                           uint32_t *by_text, hp_error *err)
{
    char *copy = NULL;
    hp_status st = hp__arena_copy(&copy, a, token.text, token.len, err);
    if (st)
        return st;
    token.text = copy;
    v->tokens[v->n++] = token;
    v->by_id[id_slot(v, token.id)] = (uint32_t)v->n;
    if (by_text) {
        *by_text = (uint32_t)v->n;
        if (token.len > v->longest)
            v->longest = token.len;
    }
    return HP_OK;
}

hp_status hp__vocab_add(hp__vocab *v, hp__arena *a, const char *text,
                        size_t len, double id, hp_error *err)
{
    char name[HP__SHORT];
    hp_status st = check_id(v, hp__shorten(name, text, len), id, err);
    if (st)
        return st;
    uint32_t hash = hp__hash_text(text, len);
    uint32_t *by_text = &v->by_text[text_slot(v, hash, text, len)];
    st = check_new(v, *by_text, v->by_id[id_slot(v, (int32_t)id)], name, err);
    if (st)
        return st;
    return add_token(v, a, (hp__token){text, len, hash, (int32_t)id}, by_text,
                     err);
}

hp_status hp__vocab_claim(hp__vocab *v, hp__arena *a, const char *text,
                          size_t len, double id, hp_error *err)
{
    char name[HP__SHORT];
    hp_status st = check_id(v, hp__shorten(name, text, len), id, err);
    if (st)
        return st;
    uint32_t hash = hp__hash_text(text, len);
    uint32_t by_text = v->by_text[text_slot(v, hash, text, len)];
    uint32_t by_id = v->by_id[id_slot(v, (int32_t)id)];
    if (by_id && is_text(&v->tokens[by_id - 1], hash, text, len))
        return HP_OK;
    st = check_new(v, by_text, by_id, name, err);
    if (st)
        return st;
    return add_token(v, a, (hp__token){text, len, hash, (int32_t)id}, NULL,
                     err);
}
