#ifndef HEADPRUNE_IO_JSON_EDIT_H
#define HEADPRUNE_IO_JSON_EDIT_H

#include "base/buffer.h"
#include "io/json_scan.h"

/*
 * Changes single members of a JSON object and leaves every other byte of its
 * text as it is: numbers, order, white space.
 */

/* A member as it stands there. */
typedef struct hp__member {
    hp__span key;
    char token;     /* of the value, as in hp__scan */
    const char *at; /* [len] text of the value */
    size_t len;
} hp__member;

typedef enum hp__fate { HP__KEEP, HP__REPLACE, HP__DROP } hp__fate;

/* A member that is put at the end; both are JSON text, the key without quotes.
 */
typedef struct hp__new_member {
    const char *key, *value;
} hp__new_member;

typedef struct hp__json_editor {
    /* Called for every member in order. HP__REPLACE: the text of the new value
     * is in `value`, which is empty before. */
    hp_status (*member)(hp__fate *fate, hp__buffer *value, const hp__member *m,
                        void *payload, hp_error *err);
    void *payload;
    /* Called at the end: members to add, in `*list`; NULL: none. */
    hp_status (*finish)(const hp__new_member **list, size_t *n, void *payload,
                        hp_error *err);
    const char *name; /* of the text, starts messages */
} hp__json_editor;

/* The object `text` [len], edited, is added to `out`. What is added is set like
 * the last member before it. HP_FORMAT: the text is no JSON object. */
HP_CHECKED
hp_status hp__json_edit(hp__buffer *out, const char *text, size_t len,
                        const hp__json_editor *e, hp_error *err);

#endif
