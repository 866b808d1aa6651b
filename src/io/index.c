/*
 * The index of a checkpoint in several files: weight_map says which file holds
 * which tensor. Only that is read; metadata and other keys must be JSON and
 * are passed over. Counted first, then filled, like a header.
 */
#include "io/index.h"
#include "io/json_scan.h"

#include <stdlib.h>
#include <string.h>

/* Where the entries go; NULL in the counting pass. */
typedef struct sink {
    hp__index_entry *entries;
    char *names;
    size_t n, n_bytes;
    int found;
} sink;

static const char *take_name(sink *to, hp__span text)
{
    char *name = to->names ? to->names + to->n_bytes : NULL;
    if (name)
        name[hp__scan_decode(name, text.len, text)] = '\0';
    to->n_bytes += text.len + 1;
    return name;
}

/*
 * A shard is named by one plain component, so that no index reaches out of its
 * folder. Links in the folder itself are followed: caches are made of them.
 */
static int is_plain_name(hp__span name)
{
    char text[3] = {0};
    size_t n = hp__scan_decode(text, sizeof text, name);
    if (!n || name.nul || (n == 1 && text[0] == '.') ||
        (n == 2 && text[0] == '.' && text[1] == '.'))
        return 0;
    return 1;
}

static int has_bad_byte(const char *name)
{
    for (; *name; name++)
        if (*name == '/' || (unsigned char)*name < 0x20 || *name == 0x7f)
            return 1;
    return 0;
}

static hp_status fail_name(hp__span shard, hp__span tensor, hp_error *err)
{
    char name[HP__SHORT], of[HP__SHORT];
    return hp_fail(err, HP_FORMAT,
                   "weight_map: file '%s' of tensor '%s' is not a plain file "
                   "name",
                   hp__scan_shorten(name, shard), hp__scan_shorten(of, tensor));
}

static hp_status read_shard(sink *to, const hp__scan *s, hp_error *err)
{
    char name[HP__SHORT];
    if (s->token != 's')
        return hp_fail(err, HP_FORMAT,
                       "weight_map: the file of tensor '%s' is %s: not a "
                       "string",
                       hp__scan_shorten(name, s->key), hp__scan_kind(s));
    if (s->key.nul)
        return hp_fail(err, HP_FORMAT,
                       "weight_map: tensor name '%s' has a NUL character",
                       hp__scan_shorten(name, s->key));
    if (!is_plain_name(s->span))
        return fail_name(s->span, s->key, err);
    const char *tensor = take_name(to, s->key);
    const char *shard = take_name(to, s->span);
    if (to->entries) {
        if (has_bad_byte(shard))
            return fail_name(s->span, s->key, err);
        to->entries[to->n] =
            (hp__index_entry){.tensor = tensor, .shard = shard};
    }
    to->n++;
    return HP_OK;
}

static hp_status read_map(sink *to, hp__scan *s, hp_error *err)
{
    int more = 1;
    if (s->token != '{')
        return hp_fail(err, HP_FORMAT, "weight_map is %s: not an object",
                       hp__scan_kind(s));
    hp_status st = hp__scan_open(s, '{', err);
    while (!st && !(st = hp__scan_member(s, &more, err)) && more)
        st = read_shard(to, s, err);
    return st;
}

static hp_status read_index(sink *to, hp__scan *s, hp_error *err)
{
    int more = 1;
    hp_status st = hp__scan_next(s, err);
    if (!st)
        st = hp__scan_open(s, '{', err);
    while (!st && !(st = hp__scan_member(s, &more, err)) && more) {
        if (hp__scan_is(s->key, "weight_map")) {
            to->found = 1;
            st = read_map(to, s, err);
        } else {
            st = hp__scan_skip(s, err);
        }
    }
    if (!st)
        st = hp__scan_end(s, err);
    if (!st && !to->found)
        st = hp_fail(err, HP_FORMAT, "key 'weight_map' is missing");
    if (!st && !to->n)
        st = hp_fail(err, HP_FORMAT, "weight_map is empty");
    return st;
}

static int compare_entries(const void *a, const void *b)
{
    const hp__index_entry *x = a, *y = b;
    int order = strcmp(x->shard, y->shard);
    return order ? order : strcmp(x->tensor, y->tensor);
}

static hp_status number_shards(hp__index *x, hp__arena *a, hp_error *err)
{
    x->n_shards = 0;
    for (size_t i = 0; i < x->n_entries; i++) {
        hp__index_entry *e = &x->entries[i];
        if (!i || strcmp(e->shard, e[-1].shard) != 0)
            x->n_shards++;
        e->shard_id = (uint32_t)(x->n_shards - 1);
    }
    hp_status st =
        hp__arena_alloc(&x->shards, a, x->n_shards, sizeof *x->shards, err);
    for (size_t i = 0; !st && i < x->n_entries; i++)
        x->shards[x->entries[i].shard_id] = x->entries[i].shard;
    return st;
}

hp_status hp__index_parse(hp__index *out, hp__arena *a, const char *text,
                          size_t len, hp_error *err)
{
    sink to = {0};
    hp__index x = {0};
    hp__scan s = {.text = text, .len = len, .name = "index"};
    hp_status st = read_index(&to, &s, err);
    hp__scan_clear(&s);
    if (!st)
        st = hp__arena_alloc(&to.entries, a, to.n, sizeof *to.entries, err);
    if (!st)
        st = hp__arena_alloc(&to.names, a, to.n_bytes, 1, err);
    if (st)
        return st;
    to.n = to.n_bytes = 0;
    s = (hp__scan){.text = text, .len = len, .name = "index", .trusted = 1};
    st = read_index(&to, &s, err);
    if (st)
        return st;
    x.entries = to.entries;
    x.n_entries = to.n;
    qsort(x.entries, x.n_entries, sizeof *x.entries, compare_entries);
    st = number_shards(&x, a, err);
    if (!st)
        *out = x;
    return st;
}
