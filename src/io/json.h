#ifndef HEADPRUNE_IO_JSON_H
#define HEADPRUNE_IO_JSON_H

#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Strict JSON: the only user of cJSON. Before cJSON sees a text it is checked
 * for what cJSON lets pass: invalid UTF-8, raw control characters, \u0000,
 * bad escapes and numbers, duplicate keys, depth over 64, trailing text.
 */
typedef struct hp__json hp__json;
typedef struct cJSON hp__node; /* borrowed until hp__json_free */

typedef enum hp__kind {
    HP__NULL,
    HP__BOOL,
    HP__NUMBER,
    HP__STRING,
    HP__ARRAY,
    HP__OBJECT
} hp__kind;

/* Parses `len` bytes (NUL-terminated besides). HP_FORMAT says what and where
 * (line and column). */
HP_CHECKED
hp_status hp__json_parse(hp__json **out, const char *text, size_t len,
                         hp_error *err);
/* The same from a file ("-": standard input), the error naming it. */
HP_CHECKED
hp_status hp__json_open(hp__json **out, const char *path, size_t most,
                        hp_error *err);
void hp__json_free(hp__json *j); /* NULL is fine */
const hp__node *hp__json_root(const hp__json *j);

hp__kind hp__node_kind(const hp__node *n);
/* Children of an array or object in order: for (c = first; c; c = next). */
const hp__node *hp__node_first(const hp__node *n);
const hp__node *hp__node_next(const hp__node *n);
size_t hp__node_count(const hp__node *n);
const char *hp__node_key(const hp__node *member);
const char *hp__node_string(const hp__node *n); /* NULL: not a string */
double hp__node_number(const hp__node *n);      /* of a NUMBER */
int hp__node_bool(const hp__node *n);           /* of a BOOL */
/* Case-sensitive; NULL when absent, or when `object` is not an object. */
const hp__node *hp__node_find(const hp__node *object, const char *key);

/*
 * Typed members. `get`: HP_FORMAT when the key is absent or not of that type
 * (integers: a number without fraction in range). `find`: an absent or null
 * member leaves *out as it is and is HP_OK; a wrong type is HP_FORMAT. The
 * message names the key.
 */
HP_CHECKED
hp_status hp__node_get_u32(uint32_t *out, const hp__node *object,
                           const char *key, hp_error *err);
HP_CHECKED
hp_status hp__node_find_u32(uint32_t *out, const hp__node *object,
                            const char *key, hp_error *err);
HP_CHECKED
hp_status hp__node_get_double(double *out, const hp__node *object,
                              const char *key, hp_error *err);
HP_CHECKED
hp_status hp__node_find_double(double *out, const hp__node *object,
                               const char *key, hp_error *err);
HP_CHECKED
hp_status hp__node_find_bool(int *out, const hp__node *object, const char *key,
                             hp_error *err);
HP_CHECKED
hp_status hp__node_get_string(const char **out, const hp__node *object,
                              const char *key, hp_error *err);
HP_CHECKED
hp_status hp__node_find_string(const char **out, const hp__node *object,
                               const char *key, hp_error *err);
HP_CHECKED
hp_status hp__node_get_object(const hp__node **out, const hp__node *object,
                              const char *key, hp_error *err);
HP_CHECKED
hp_status hp__node_get_array(const hp__node **out, const hp__node *object,
                             const char *key, hp_error *err);

#endif
