#ifndef HEADPRUNE_IO_JSON_PARTS_H
#define HEADPRUNE_IO_JSON_PARTS_H

#include "io/json.h"
#include "io/json_scan.h"

/*
 * A large list or object that never becomes a tree: its place in the text is
 * kept and it is read by a scanner, which takes a fifth of the time.
 */
typedef struct hp__json_part {
    const char *object, *key; /* it is text[object][key]; set by the caller */
    /* '{' or '['; else the value is in the tree ('s', 'n', ...) or absent (0).
     */
    char kind;
    const char *at; /* [len] into the text */
    size_t len;
    size_t count; /* members or elements */
} hp__json_part;

/* As hp__json_parse; in the tree stands null where a part was. Of the keys of
 * a part nothing is known but that they are strings: some may be equal. */
HP_CHECKED
hp_status hp__json_parse_parts(hp__json **out, hp__json_part *parts, size_t n,
                               const char *text, size_t len, hp_error *err);
/* A text that is nothing but a part. */
HP_CHECKED
hp_status hp__json_whole(hp__json_part *out, const char *text, size_t len,
                         hp_error *err);

/* A scanner inside a part, for hp__scan_member or hp__scan_element. */
HP_CHECKED
hp_status hp__json_part_open(hp__scan *out, const hp__json_part *part,
                             hp_error *err);

#endif
