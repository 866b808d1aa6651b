/* Heads that config.json says are gone: by transformers 4's key pruned_heads,
 * by headprune's own headprune_heads_kept, or by both. */
#include "base/checked.h"
#include "model/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A layer number as an object key: plain decimal digits. */
static int parse_layer(uint32_t *out, const char *key, uint32_t n_layers)
{
    size_t digits = strspn(key, "0123456789");
    if (digits == 0 || digits > 9 || key[digits] != '\0' ||
        (key[0] == '0' && digits > 1))
        return 0;
    *out = (uint32_t)strtoul(key, NULL, 10);
    return *out < n_layers;
}

static int compare_pair(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    if (x[0] != y[0])
        return x[0] < y[0] ? -1 : 1;
    return (x[1] > y[1]) - (x[1] < y[1]);
}

static hp_status read_layer(uint32_t (*heads)[2], size_t *n,
                            const hp__node *list, const hp_spec *spec,
                            hp_error *err)
{
    const char *key = hp__node_key(list);
    uint32_t layer = 0;
    if (!parse_layer(&layer, key, spec->n_layers))
        return hp_fail(err, HP_FORMAT,
                       "pruned_heads: '%s' is not a layer, expected 0 to %u",
                       key, (unsigned)(spec->n_layers - 1));
    for (const hp__node *c = hp__node_first(list); c; c = hp__node_next(c)) {
        double value = -1;
        if (hp__node_kind(c) == HP__NUMBER)
            value = hp__node_number(c);
        if (!(value >= 0 && value < spec->n_heads && value == floor(value)))
            return hp_fail(err, HP_FORMAT,
                           "pruned_heads: layer %s lists a head that is not "
                           "in 0 to %u",
                           key, (unsigned)(spec->n_heads - 1));
        heads[*n][0] = layer;
        heads[*n][1] = (uint32_t)value;
        ++*n;
    }
    return HP_OK;
}

static size_t sort_unique(uint32_t (*heads)[2], size_t n)
{
    qsort(heads, n, sizeof *heads, compare_pair);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept && compare_pair(heads[kept - 1], heads[i]) == 0)
            continue;
        memmove(heads[kept++], heads[i], sizeof *heads);
    }
    return kept;
}

static hp_status read_pruned(hp__pruned *out, hp__arena *a, const hp__node *all,
                             const hp_spec *spec, hp_error *err)
{
    if (hp__node_kind(all) != HP__OBJECT)
        return hp_fail(err, HP_FORMAT, "key 'pruned_heads' is not an object");
    size_t most = 0, n = 0;
    for (const hp__node *c = hp__node_first(all); c; c = hp__node_next(c)) {
        if (hp__node_kind(c) != HP__ARRAY)
            return hp_fail(err, HP_FORMAT,
                           "pruned_heads: layer '%s' is not a list of heads",
                           hp__node_key(c));
        most += hp__node_count(c);
    }
    uint32_t(*heads)[2] = NULL;
    hp_status st = hp__arena_alloc(&heads, a, most, sizeof *heads, err);
    if (st)
        return st;
    for (const hp__node *c = hp__node_first(all); c && !st;
         c = hp__node_next(c))
        st = read_layer(heads, &n, c, spec, err);
    if (st)
        return st;
    out->n = sort_unique(heads, n);
    out->heads = (const uint32_t(*)[2])heads;
    return HP_OK;
}

/* ---- headprune_heads_kept ---- */

/* Heads from..to-1 of a layer are gone. */
static void add_gone(hp__pruned *out, uint32_t (*heads)[2], uint32_t layer,
                     uint32_t from, uint32_t to)
{
    for (; from < to; from++, out->n++) {
        heads[out->n][0] = layer;
        heads[out->n][1] = from;
    }
}

/* Adds the heads of one layer that are not in its list. */
static hp_status read_kept(hp__pruned *out, uint32_t (*heads)[2],
                           uint32_t layer, const hp__node *list,
                           const hp_spec *spec, hp_error *err)
{
    uint32_t next = 0;
    if (hp__node_kind(list) != HP__ARRAY)
        return hp_fail(err, HP_FORMAT,
                       "headprune_heads_kept: layer %u is not a list of heads",
                       (unsigned)layer);
    for (const hp__node *c = hp__node_first(list); c; c = hp__node_next(c)) {
        double value = hp__node_kind(c) == HP__NUMBER ? hp__node_number(c) : -1;
        if (!(value >= next && value < spec->n_heads && value == floor(value)))
            return hp_fail(err, HP_FORMAT,
                           "headprune_heads_kept: layer %u does not list heads "
                           "of 0 to %u in ascending order",
                           (unsigned)layer, (unsigned)(spec->n_heads - 1));
        add_gone(out, heads, layer, next, (uint32_t)value);
        next = (uint32_t)value + 1;
    }
    add_gone(out, heads, layer, next, spec->n_heads);
    return HP_OK;
}

static hp_status read_all_kept(hp__pruned *out, hp__arena *a,
                               const hp__node *all, const hp_spec *spec,
                               hp_error *err)
{
    uint32_t(*heads)[2] = NULL, layer = 0;
    size_t room;
    if (hp__node_kind(all) != HP__ARRAY ||
        hp__node_count(all) != spec->n_layers)
        return hp_fail(err, HP_FORMAT,
                       "key 'headprune_heads_kept' is not an array of %u lists",
                       (unsigned)spec->n_layers);
    if (!hp__mul(&room, spec->n_layers, spec->n_heads))
        return hp_fail(err, HP_NOMEM, "out of memory (heads)");
    hp_status st = hp__arena_alloc(&heads, a, room, sizeof *heads, err);
    for (const hp__node *c = hp__node_first(all); c && !st;
         c = hp__node_next(c))
        st = read_kept(out, heads, layer++, c, spec, err);
    out->heads = (const uint32_t(*)[2])heads;
    return st;
}

/* ---- both ---- */

static const hp__node *find_value(const hp__node *config, const char *key)
{
    const hp__node *n = hp__node_find(config, key);
    return n && hp__node_kind(n) != HP__NULL ? n : NULL;
}

hp_status hp__config_pruned(hp__pruned *out, hp__arena *a,
                            const hp__node *config, const hp_spec *spec,
                            hp_error *err)
{
    const hp__node *gone = find_value(config, "pruned_heads");
    const hp__node *kept = find_value(config, "headprune_heads_kept");
    hp__pruned other = {0};
    hp_status st = gone ? read_pruned(out, a, gone, spec, err) : HP_OK;
    if (st || !kept)
        return st;
    st = read_all_kept(&other, a, kept, spec, err);
    if (!st && gone &&
        (other.n != out->n ||
         (other.n &&
          memcmp(other.heads, out->heads, other.n * sizeof *other.heads) != 0)))
        st = hp_fail(err, HP_FORMAT,
                     "keys 'pruned_heads' and 'headprune_heads_kept' do not "
                     "say the same");
    *out = other;
    return st;
}
