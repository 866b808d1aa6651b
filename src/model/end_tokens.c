/* Which tokens end a text. Only who generates asks, so a file that is wrong
 * here spoils nothing else. */
#include "io/file.h"
#include "io/json.h"
#include "model/graph.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MOST ((size_t)16 << 20)

static hp_status take_id(int32_t **next, const hp__node *node, hp_error *err)
{
    double id = hp__node_kind(node) == HP__NUMBER ? hp__node_number(node) : -1;
    if (!(id >= 0 && id <= INT32_MAX) || id != (double)(int32_t)id)
        return hp_fail(err, HP_FORMAT,
                       "key 'eos_token_id' is neither a token id nor a list "
                       "of them");
    *(*next)++ = (int32_t)id;
    return HP_OK;
}

/* Without the key, or null: no ids, *found 0. */
static hp_status read_ids(int32_t **ids, size_t *n, int *found,
                          const hp__node *root, hp_error *err)
{
    const hp__node *node = hp__node_find(root, "eos_token_id");
    *found = node && hp__node_kind(node) != HP__NULL;
    if (!*found)
        return HP_OK;
    int list = hp__node_kind(node) == HP__ARRAY;
    hp_status st =
        hp__new(ids, (list ? hp__node_count(node) : 1) + 1, sizeof **ids, err);
    int32_t *next = *ids;
    if (!st && !list)
        st = take_id(&next, node, err);
    const hp__node *c = list ? hp__node_first(node) : NULL;
    for (; c && !st; c = hp__node_next(c))
        st = take_id(&next, c, err);
    if (st) {
        free(*ids);
        *ids = NULL;
        return st;
    }
    *n = (size_t)(next - *ids);
    return HP_OK;
}

static hp_status read_generation(int32_t **ids, size_t *n, int *found,
                                 const hp_model *m, hp_error *err)
{
    static const char name[] = "generation_config.json";
    const char *folder = hp_checkpoint_folder(m->checkpoint), *path = NULL;
    hp__arena arena = {0};
    hp__json *json = NULL;
    if (!folder || !hp__file_exists(folder, name))
        return HP_OK;
    hp_status st = hp__arena_printf(&path, &arena, err, "%s/%s", folder, name);
    if (!st)
        st = hp__json_open(&json, path, FILE_MOST, err);
    if (!st)
        st = read_ids(ids, n, found, hp__json_root(json), err);
    if (st)
        hp_fail_file(err, st, path ? path : name);
    hp__json_free(json);
    hp__arena_clear(&arena);
    return st;
}

hp_status hp_model_end_tokens(int32_t **ids, size_t *n, const hp_model *m,
                              hp_error *err)
{
    int found = 0;
    size_t len = 0;
    hp__json *json = NULL;
    *ids = NULL;
    *n = 0;
    hp_status st = read_generation(ids, n, &found, m, err);
    const char *config = hp_checkpoint_config(m->checkpoint, &len);
    if (st || found || !config)
        return st;
    st = hp__json_parse(&json, config, len, err);
    if (!st)
        st = read_ids(ids, n, &found, hp__json_root(json), err);
    hp__json_free(json);
    return st ? hp_fail_file(err, st, "config.json") : HP_OK;
}
