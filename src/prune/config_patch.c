/* config.json as text: loaders are strict about numbers, so none is reprinted
 * but those that change. */
#include "prune/config_patch.h"
#include "io/json_edit.h"

typedef struct patch {
    const hp__config_value *values; /* [n] */
    size_t n;
    unsigned char *seen;   /* [n] */
    hp__new_member *added; /* [n] */
} patch;

static hp_status edit(hp__fate *fate, hp__buffer *value, const hp__member *m,
                      void *payload, hp_error *err)
{
    const patch *p = payload;
    (void)err;
    for (size_t i = 0; i < p->n; i++) {
        if (!hp__scan_is(m->key, p->values[i].key))
            continue;
        p->seen[i] = 1;
        *fate = p->values[i].json ? HP__REPLACE : HP__DROP;
        if (p->values[i].json)
            hp__buffer_text(value, p->values[i].json);
    }
    return HP_OK;
}

static hp_status add(const hp__new_member **list, size_t *n, void *payload,
                     hp_error *err)
{
    const patch *p = payload;
    (void)err;
    *n = 0;
    *list = p->added;
    for (size_t i = 0; i < p->n; i++)
        if (!p->seen[i] && p->values[i].json)
            p->added[(*n)++] =
                (hp__new_member){p->values[i].key, p->values[i].json};
    return HP_OK;
}

hp_status hp__config_patch(hp__text *out, hp__arena *a, hp__text text,
                           const hp__config_value *values, size_t n_values,
                           hp_error *err)
{
    patch p = {.values = values, .n = n_values};
    const hp__json_editor e = {
        .member = edit, .payload = &p, .finish = add, .name = "config.json"};
    hp__buffer b = {0};
    char *copy = NULL;
    hp_status st = hp__arena_alloc(&p.seen, a, n_values, 1, err);
    if (!st)
        st = hp__arena_alloc(&p.added, a, n_values, sizeof *p.added, err);
    if (!st)
        st = hp__json_edit(&b, text.bytes, text.len, &e, err);
    if (!st)
        st = hp__arena_copy(&copy, a, b.data, b.len, err);
    *out = (hp__text){copy, b.len};
    hp__buffer_clear(&b);
    return st;
}
