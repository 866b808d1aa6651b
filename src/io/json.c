/*
 * cJSON behind a strict check. cJSON takes leading zeros, raw control
 * characters, \uZZZZ, cut strings at NUL, passes invalid UTF-8 and keeps
 * duplicate keys; the scanner refuses all of that first.
 */
#include "io/json.h"
#include "base/arena.h"
#include "base/utf8.h"
#include "io/file.h"
#include "io/json_scan.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cJSON uses the lowest 10 bits of a type. */
#define WRITTEN_REAL (1 << 16)

struct hp__json {
    cJSON *root;
};

static hp_status check(int *reals, const char *text, size_t len, hp_error *err)
{
    hp__scan s = {.text = text, .len = len, .name = "JSON", .refuse_nul = 1};
    hp_status st = hp__scan_next(&s, err);
    if (!st)
        st = hp__scan_skip(&s, err);
    if (!st)
        st = hp__scan_end(&s, err);
    hp__scan_clear(&s);
    *reals = s.reals;
    return st;
}

/* 1: the next number of the text has a fraction or an exponent. */
static int next_is_real(hp__scan *s)
{
    while (hp__scan_next(s, NULL) == HP_OK && s->token && s->token != 'n')
        ;
    return s->real;
}

/*
 * cJSON does not tell 2.0 from 2. A bit of the type that it leaves alone is
 * made to say so: the numbers of the tree and of the text come in one order.
 */
static void mark_reals(cJSON *node, hp__scan *s)
{
    for (; node; node = node->next) {
        if (cJSON_IsNumber(node) && next_is_real(s))
            node->type |= WRITTEN_REAL;
        else if (node->child)
            mark_reals(node->child, s);
    }
}

hp_status hp__json_parse(hp__json **out, const char *text, size_t len,
                         hp_error *err)
{
    hp__json *j = NULL;
    int reals = 0;
    hp_status st = check(&reals, text, len, err);
    if (!st)
        st = hp__new(&j, 1, sizeof *j, err);
    if (st)
        return st;
    j->root = cJSON_ParseWithLengthOpts(text, len + 1, NULL, 1);
    if (!j->root) {
        free(j);
        return hp_fail(err, HP_NOMEM, "out of memory (JSON of %zu bytes)", len);
    }
    hp__scan s = {.text = text, .len = len, .name = "JSON"};
    if (reals)
        mark_reals(j->root, &s);
    *out = j;
    return HP_OK;
}

hp_status hp__json_open(hp__json **out, const char *path, size_t most,
                        hp_error *err)
{
    char *text = NULL;
    size_t len;
    hp_status st = hp__file_slurp(&text, &len, path, most, err);
    if (st)
        return st;
    st = hp__json_parse(out, text, len, err);
    free(text);
    if (!st)
        return st;
    return hp_fail_file(err, st,
                        strcmp(path, "-") == 0 ? "standard input" : path);
}

void hp__json_free(hp__json *j)
{
    if (!j)
        return;
    cJSON_Delete(j->root);
    free(j);
}

const hp__node *hp__json_root(const hp__json *j)
{
    return j->root;
}

hp__kind hp__node_kind(const hp__node *n)
{
    if (cJSON_IsBool(n))
        return HP__BOOL;
    if (cJSON_IsNumber(n))
        return HP__NUMBER;
    if (cJSON_IsString(n))
        return HP__STRING;
    if (cJSON_IsArray(n))
        return HP__ARRAY;
    return cJSON_IsObject(n) ? HP__OBJECT : HP__NULL;
}

const hp__node *hp__node_first(const hp__node *n)
{
    return n->child;
}

const hp__node *hp__node_next(const hp__node *n)
{
    return n->next;
}

size_t hp__node_count(const hp__node *n)
{
    size_t count = 0;
    for (const cJSON *c = n->child; c; c = c->next)
        count++;
    return count;
}

const char *hp__node_key(const hp__node *member)
{
    return member->string;
}

const char *hp__node_string(const hp__node *n)
{
    return cJSON_IsString(n) ? n->valuestring : NULL;
}

double hp__node_number(const hp__node *n)
{
    return n->valuedouble;
}

int hp__node_bool(const hp__node *n)
{
    return cJSON_IsTrue(n);
}

const hp__node *hp__node_find(const hp__node *object, const char *key)
{
    return cJSON_IsObject(object)
               ? cJSON_GetObjectItemCaseSensitive(object, key)
               : NULL;
}

static hp_status fail_absent(const char *key, hp_error *err)
{
    return hp_fail(err, HP_FORMAT, "key '%s' is missing", key);
}

/* "key 'n_head' is 2.5: not a whole number". */
static hp_status fail_kind(const hp__node *n, const char *key,
                           const char *wanted, hp_error *err)
{
    char shown[HP__SHORT];
    switch (hp__node_kind(n)) {
    case HP__NUMBER:
        return hp_fail(err, HP_FORMAT, "key '%s' is %.15g: not %s", key,
                       n->valuedouble, wanted);
    case HP__STRING:
        return hp_fail(err, HP_FORMAT, "key '%s' is \"%s\": not %s", key,
                       hp__shorten_text(shown, n->valuestring), wanted);
    case HP__BOOL:
        return hp_fail(err, HP_FORMAT, "key '%s' is %s: not %s", key,
                       cJSON_IsTrue(n) ? "true" : "false", wanted);
    case HP__ARRAY:
        return hp_fail(err, HP_FORMAT, "key '%s' is an array: not %s", key,
                       wanted);
    case HP__OBJECT:
        return hp_fail(err, HP_FORMAT, "key '%s' is an object: not %s", key,
                       wanted);
    case HP__NULL:
        break;
    }
    return hp_fail(err, HP_FORMAT, "key '%s' is null: not %s", key, wanted);
}

static hp_status read_u32(uint32_t *out, const hp__node *n, const char *key,
                          hp_error *err)
{
    if (!cJSON_IsNumber(n) || !isfinite(n->valuedouble) ||
        n->valuedouble != floor(n->valuedouble))
        return fail_kind(n, key, "a whole number", err);
    if (n->type & WRITTEN_REAL)
        return hp_fail(err, HP_FORMAT,
                       "key '%s' is %.15g, written with a fraction or an "
                       "exponent: not a whole number",
                       key, n->valuedouble);
    if (n->valuedouble < 0 || n->valuedouble > (double)UINT32_MAX)
        return fail_kind(n, key, "in the range 0 to 4294967295", err);
    *out = (uint32_t)n->valuedouble;
    return HP_OK;
}

static hp_status read_double(double *out, const hp__node *n, const char *key,
                             hp_error *err)
{
    if (!cJSON_IsNumber(n))
        return fail_kind(n, key, "a number", err);
    if (!isfinite(n->valuedouble))
        return fail_kind(n, key, "a finite number", err);
    *out = n->valuedouble;
    return HP_OK;
}

/* A member that is present and not null. */
static const hp__node *find_value(const hp__node *object, const char *key)
{
    const hp__node *n = hp__node_find(object, key);
    return n && !cJSON_IsNull(n) ? n : NULL;
}

hp_status hp__node_get_u32(uint32_t *out, const hp__node *object,
                           const char *key, hp_error *err)
{
    const hp__node *n = hp__node_find(object, key);
    return n ? read_u32(out, n, key, err) : fail_absent(key, err);
}

hp_status hp__node_find_u32(uint32_t *out, const hp__node *object,
                            const char *key, hp_error *err)
{
    const hp__node *n = find_value(object, key);
    return n ? read_u32(out, n, key, err) : HP_OK;
}

hp_status hp__node_get_double(double *out, const hp__node *object,
                              const char *key, hp_error *err)
{
    const hp__node *n = hp__node_find(object, key);
    return n ? read_double(out, n, key, err) : fail_absent(key, err);
}

hp_status hp__node_find_double(double *out, const hp__node *object,
                               const char *key, hp_error *err)
{
    const hp__node *n = find_value(object, key);
    return n ? read_double(out, n, key, err) : HP_OK;
}

hp_status hp__node_find_bool(int *out, const hp__node *object, const char *key,
                             hp_error *err)
{
    const hp__node *n = find_value(object, key);
    if (n && !cJSON_IsBool(n))
        return fail_kind(n, key, "true or false", err);
    if (n)
        *out = cJSON_IsTrue(n);
    return HP_OK;
}

hp_status hp__node_get_string(const char **out, const hp__node *object,
                              const char *key, hp_error *err)
{
    const hp__node *n = hp__node_find(object, key);
    if (!n)
        return fail_absent(key, err);
    if (!cJSON_IsString(n))
        return fail_kind(n, key, "a string", err);
    *out = n->valuestring;
    return HP_OK;
}

hp_status hp__node_find_string(const char **out, const hp__node *object,
                               const char *key, hp_error *err)
{
    const hp__node *n = find_value(object, key);
    return n ? hp__node_get_string(out, object, key, err) : HP_OK;
}

hp_status hp__node_get_object(const hp__node **out, const hp__node *object,
                              const char *key, hp_error *err)
{
    const hp__node *n = hp__node_find(object, key);
    if (!n)
        return fail_absent(key, err);
    *out = n;
    return cJSON_IsObject(n) ? HP_OK : fail_kind(n, key, "an object", err);
}

hp_status hp__node_get_array(const hp__node **out, const hp__node *object,
                             const char *key, hp_error *err)
{
    const hp__node *n = hp__node_find(object, key);
    if (!n)
        return fail_absent(key, err);
    *out = n;
    return cJSON_IsArray(n) ? HP_OK : fail_kind(n, key, "an array", err);
}
