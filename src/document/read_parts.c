/* What documents share, read strictly: unknown keys are passed over, known
 * ones must be what the schema says. */
#include "document/read_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hp_status hp__within(hp_error *err, hp_status st, const char *array, size_t i)
{
    if (!st || !err)
        return st;
    hp_error cause = *err;
    hp_fail(err, st, "%s[%zu]: %s", array, i, cause.message);
    if (cause.hint[0])
        hp_fail_hint(err, st, "%s", cause.hint);
    return st;
}

hp_status hp__read_schema(const hp__node *root, const char *wanted,
                          const char *also, hp_error *err)
{
    const char *schema = hp__node_string(hp__node_find(root, "schema"));
    if (!schema)
        return hp_fail(err, HP_FORMAT,
                       "no document of headprune: key 'schema' is missing or "
                       "no string");
    if (strcmp(schema, wanted) == 0 || (also && strcmp(schema, also) == 0))
        return HP_OK;
    return hp_fail(err, HP_FORMAT, "schema '%.80s' where '%s' is needed",
                   schema, wanted);
}

hp_status hp__read_text(const char **out, hp__arena *a, const hp__node *object,
                        const char *key, hp_error *err)
{
    const char *text = NULL;
    hp_status st = hp__node_get_string(&text, object, key, err);
    return st ? st : hp__arena_strdup(out, a, text, err);
}

static hp_status get_u64(uint64_t *out, const hp__node *object, const char *key,
                         hp_error *err)
{
    double value = 0;
    hp_status st = hp__node_get_double(&value, object, key, err);
    if (st)
        return st;
    if (value < 0 || value > 0x1p53 || value != floor(value))
        return hp_fail(err, HP_FORMAT,
                       "key '%s' is %.17g: not a whole number up to 2^53", key,
                       value);
    *out = (uint64_t)value;
    return HP_OK;
}

hp_status hp__read_model(hp_model_info *out, hp__arena *a, const hp__node *root,
                         hp_error *err)
{
    const hp__node *m;
    hp_status st = hp__node_get_object(&m, root, "model", err);
    if (!st)
        st = hp__read_text(&out->path, a, m, "path", err);
    if (!st)
        st = hp__read_text(&out->model_type, a, m, "model_type", err);
    if (!st)
        st = hp__read_text(&out->architecture, a, m, "architecture", err);
    if (!st)
        st = hp__read_text(&out->fingerprint, a, m, "fingerprint", err);
    if (!st)
        st = hp__node_get_u32(&out->layers, m, "layers", err);
    if (!st)
        st = hp__node_get_u32(&out->heads, m, "heads", err);
    if (!st)
        st = hp__node_get_u32(&out->head_dim, m, "head_dim", err);
    if (!st)
        st = get_u64(&out->parameters, m, "parameters", err);
    return st;
}

/* Seeds over 2^53 are text: no number of JSON holds them everywhere. */
hp_status hp__read_seed(int *has_seed, uint64_t *out, const hp__node *object,
                        hp_error *err)
{
    const hp__node *n = hp__node_find(object, "seed");
    const char *text = n ? hp__node_string(n) : NULL;
    char *end = NULL;
    if (!n || hp__node_kind(n) == HP__NULL)
        return HP_OK;
    *has_seed = 1;
    if (!text)
        return get_u64(out, object, "seed", err);
    *out = strtoull(text, &end, 10);
    char again[32];
    snprintf(again, sizeof again, "%llu", (unsigned long long)*out);
    if (strcmp(again, text) != 0)
        return hp_fail(err, HP_FORMAT,
                       "key 'seed' is '%.40s': not a whole number up to "
                       "2^64 - 1",
                       text);
    return HP_OK;
}

static hp_status read_parameters(hp__told_method *out, hp__arena *a,
                                 const hp__node *method, hp_error *err)
{
    hp_status st = hp__read_seed(&out->has_seed, &out->seed, method, err);
    if (!st && hp__node_find(method, "mix"))
        st = hp__read_text(&out->mix, a, method, "mix", err);
    if (!st)
        st = hp__node_find_double(&out->step, method, "step", err);
    if (!st && hp__node_find(method, "step") &&
        !(out->step > 0 && out->step <= 1))
        st = hp_fail(err, HP_FORMAT,
                     "key 'step' is %g: not above 0 and up to 1", out->step);
    return st;
}

hp_status hp__read_method(hp__told_method *out, hp__arena *a,
                          const hp__node *root, hp_error *err)
{
    const hp__node *m;
    const char *prunes = NULL;
    hp_status st = hp__node_get_object(&m, root, "method", err);
    if (!st)
        st = hp__read_text(&out->name, a, m, "name", err);
    if (!st)
        st = hp__read_text(&out->unit, a, m, "unit", err);
    if (!st)
        st = hp__node_get_string(&prunes, m, "prunes", err);
    if (st)
        return st;
    out->prunes_highest = strcmp(prunes, "highest") == 0;
    if (!out->prunes_highest && strcmp(prunes, "lowest") != 0)
        return hp_fail(err, HP_FORMAT,
                       "key 'prunes' is '%.40s': not 'highest' or 'lowest'",
                       prunes);
    if (!*out->name)
        return hp_fail(err, HP_FORMAT, "key 'name' of the method is empty");
    return read_parameters(out, a, m, err);
}

hp_status hp__read_calibration(int *has, hp_calibration_info *out, hp__arena *a,
                               const hp__node *root, hp_error *err)
{
    const hp__node *c = hp__node_find(root, "calibration");
    uint32_t n[4] = {0};
    if (!c)
        return hp_fail(err, HP_FORMAT, "key 'calibration' is missing");
    if (hp__node_kind(c) == HP__NULL)
        return HP_OK;
    hp_status st = hp__read_text(&out->source, a, c, "source", err);
    if (!st)
        st = hp__read_text(&out->sha256, a, c, "sha256", err);
    if (!st)
        st = hp__node_get_u32(&n[0], c, "sequences", err);
    if (!st)
        st = hp__node_get_u32(&n[1], c, "length", err);
    if (!st)
        st = hp__node_get_u32(&n[2], c, "tokens", err);
    if (!st && hp__node_find(c, "held_out"))
        st = hp__node_get_u32(&n[3], c, "held_out", err);
    *has = 1;
    out->sequences = n[0];
    out->length = n[1];
    out->tokens = n[2];
    out->held_out = n[3];
    return st;
}

hp_status hp__read_head(hp_head *out, hp__arena *a, const hp__node *n,
                        hp_error *err)
{
    hp_status st = hp__read_text(&out->id, a, n, "id", err);
    if (!st)
        st = hp__node_get_u32(&out->block, n, "block", err);
    if (!st)
        st = hp__read_text(&out->name, a, n, "name", err);
    if (!st)
        st = hp__node_get_u32(&out->layer, n, "layer", err);
    if (!st)
        st = hp__node_get_u32(&out->head, n, "head", err);
    out->group = out->head;
    return st ? st : hp__node_find_u32(&out->group, n, "group", err);
}

hp_status hp__read_group(hp_group *out, const hp__node *policy, hp_error *err)
{
    static const hp_group all[] = {HP_GROUP_NONE, HP_GROUP_KV, HP_GROUP_EVEN};
    const char *name = hp_group_name(HP_GROUP_NONE);
    hp_status st = hp__node_find_string(&name, policy, "group", err);
    for (size_t i = 0; i < sizeof all / sizeof *all && !st; i++)
        if (strcmp(name, hp_group_name(all[i])) == 0) {
            *out = all[i];
            return HP_OK;
        }
    return st ? st
              : hp_fail(err, HP_FORMAT,
                        "key 'group' is '%.40s': not 'none', 'kv' or 'even'",
                        name);
}

int hp__head_of_id(uint32_t *out, const char *id)
{
    const char *colon = strrchr(id, ':');
    if (!colon || colon == id || strlen(colon) > 10)
        return 0;
    char again[16];
    *out = (uint32_t)strtoul(colon + 1, NULL, 10);
    snprintf(again, sizeof again, "%u", (unsigned)*out);
    return strcmp(again, colon + 1) == 0;
}

/* What hp_heads_parse takes and hp_heads_format joins: a block's ids differ
 * in nothing but the number, and hold no white space. */
static int is_id(const hp_head *h, const hp_head *before)
{
    uint32_t number;
    if (!hp__head_of_id(&number, h->id) || number != h->head)
        return 0;
    if (strpbrk(h->id, " \t\r\n\v\f"))
        return 0;
    size_t prefix = (size_t)(strrchr(h->id, ':') - h->id) + 1;
    return !before || before->block != h->block ||
           strncmp(before->id, h->id, prefix) == 0;
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static hp_status check_unique(const hp_head *heads, size_t n, hp_error *err)
{
    const char **ids = NULL;
    hp_status st = hp__new(&ids, n, sizeof *ids, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        ids[i] = heads[i].id;
    qsort(ids, n, sizeof *ids, by_text);
    for (size_t i = 1; i < n && !st; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            st = hp_fail(err, HP_FORMAT, "two heads have the id '%.80s'",
                         ids[i]);
    free(ids);
    return st;
}

hp_status hp__check_heads(const hp_head *heads, size_t n, hp_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const hp_head *h = &heads[i], *before = i ? h - 1 : NULL;
        if (!is_id(h, before))
            return hp_fail(err, HP_FORMAT,
                           "head %u of block %u cannot have the id '%.80s'",
                           (unsigned)h->head, (unsigned)h->block, h->id);
        if (before && (h->block < before->block ||
                       (h->block == before->block && h->head < before->head)))
            return hp_fail(err, HP_FORMAT,
                           "heads are not in model order: '%.80s' after "
                           "'%.80s'",
                           h->id, before->id);
    }
    return check_unique(heads, n, err);
}

hp_status hp__read_metric(hp_metric *out, const hp__node *n, hp_error *err)
{
    static const hp_metric all[] = {HP_METRIC_PERPLEXITY,
                                    HP_METRIC_MASKED_LM_LOSS,
                                    HP_METRIC_HIDDEN_COSINE};
    const char *text = NULL;
    hp_status st = hp__node_get_string(&text, n, "metric", err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(text, hp_metric_name(all[i]))) {
            *out = all[i];
            return HP_OK;
        }
    return hp_fail(err, HP_FORMAT, "key 'metric' is '%.40s': not known", text);
}
