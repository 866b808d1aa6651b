/*
 * The input is JSON text. What the scanner accepts cJSON must read, and every
 * string that comes out must survive being written and read once more.
 */
#include "fuzz.h"
#include "io/emit_json.h"
#include "io/json.h"

#include <string.h>

static void check_string(const char *text)
{
    hp__buffer b = {0};
    hp__emitter e;
    hp__json *again = NULL;
    hp_error err = {0};
    char *written = NULL;
    size_t len = 0;
    hp__emit_start(&e, &b);
    hp__emit_string(&e, NULL, text);
    MUST(hp__buffer_take(&written, &len, &b, &err) == HP_OK);
    MUST(hp__json_parse(&again, written, len, &err) == HP_OK);
    MUST(strcmp(hp__node_string(hp__json_root(again)), text) == 0);
    hp__json_free(again);
    free(written);
}

static void walk(const hp__node *n)
{
    hp_error err = {0};
    uint32_t whole;
    double number;
    if (hp__node_string(n))
        check_string(hp__node_string(n));
    for (const hp__node *c = hp__node_first(n); c; c = hp__node_next(c)) {
        const char *key = hp__node_key(c);
        if (key) {
            MUST(hp__node_find(n, key) == c);
            hp_status st = hp__node_get_u32(&whole, n, key, &err);
            MUST(st == HP_FORMAT || hp__node_number(c) == (double)whole);
            st = hp__node_find_double(&number, n, key, &err);
            MUST(st == HP_FORMAT || hp__node_kind(c) == HP__NUMBER ||
                 hp__node_kind(c) == HP__NULL);
        }
        walk(c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hp__json *j = NULL;
    hp_error err = {0};
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    hp_status st = hp__json_parse(&j, text, size, &err);
    MUST(st == HP_OK || (st == HP_FORMAT && err.message[0] && !j));
    if (!st)
        walk(hp__json_root(j));
    hp__json_free(j);
    free(text);
    return 0;
}
