/* config.json is edited as text: only what changes changes. */
#include "prune/config_patch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* "n" becomes 7, "gone" goes, "new" and "last" come. */
static const hp__config_value values[] = {
    {"n", "7"}, {"gone", NULL}, {"new", "[[0, 2]]"}, {"last", "{\"a\": 1}"}};

static hp_status patch(char **out, hp__arena *a, const char *text,
                       hp_error *err)
{
    hp__text edited = {NULL, 0};
    hp_status st = hp__config_patch(&edited, a, (hp__text){text, strlen(text)},
                                    values, 4, err);
    if (st)
        return st;
    return hp__arena_copy(out, a, edited.bytes, edited.len, err);
}

static void only_these_bytes_change(void **state)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"{\n  \"n\": 12,\n  \"eps\": 1e-05\n}\n",
         "{\n  \"n\": 7,\n  \"eps\": 1e-05,\n  \"new\": [[0, 2]],\n  \"last\": "
         "{\"a\": 1}\n}\n"},
        {"{\"n\":1.0,\"big\":9007199254740993,\"f\":1.0}",
         "{\"n\":7,\"big\":9007199254740993,\"f\":1.0,\"new\":[[0, "
         "2]],\"last\":{\"a\": 1}}"},
        /* first, in the middle, last, all of them */
        {"{\"gone\": {\"n\": [1, {}]}, \"n\": 1}",
         "{\"n\": 7, \"new\": [[0, 2]], \"last\": {\"a\": 1}}"},
        {"{ \"n\" : 1 , \"gone\" : \"}\" , \"y\" : 2 }",
         "{ \"n\" : 7 , \"y\" : 2, \"new\" : [[0, 2]], \"last\" : {\"a\": 1} "
         "}"},
        {"{\"n\": 1, \"gone\": null}",
         "{\"n\": 7, \"new\": [[0, 2]], \"last\": {\"a\": 1}}"},
        {"{\n\t\"gone\": 1\n}",
         "{\n\t\"n\": 7,\n\t\"new\": [[0, 2]],\n\t\"last\": {\"a\": 1}\n}"},
        {"{}", "{\"n\": 7,\"new\": [[0, 2]],\"last\": {\"a\": 1}}"},
        /* keys of other objects, and keys with escapes */
        {"{\"in\": {\"n\": 1, \"gone\": 2}, \"\\u006e\": 3, \"new\": null}",
         "{\"in\": {\"n\": 1, \"gone\": 2}, \"\\u006e\": 7, \"new\": [[0, 2]], "
         "\"last\": {\"a\": 1}}"},
        {"{\"s\": \"a \\\" \\\\ b\", \"N\": 1, \"n \": 2}",
         "{\"s\": \"a \\\" \\\\ b\", \"N\": 1, \"n \": 2, \"n\": 7, \"new\": "
         "[[0, 2]], \"last\": {\"a\": 1}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hp__arena a = {0};
        hp_error err = {0};
        char *out = NULL;
        assert_int_equal(patch(&out, &a, rows[i].from, &err), HP_OK);
        /* What is added to an empty object has nothing to be set like. */
        assert_string_equal(out, rows[i].to);
        hp__arena_clear(&a);
    }
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const texts[] = {
        "",  "[1]", "{\"n\": 1, \"n\": 2}", "{\"n\": }", "{\"n\": 1",
        "7", "{} x"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hp__arena a = {0};
        hp_error err = {0};
        char *out = NULL;
        assert_int_equal(patch(&out, &a, texts[i], &err), HP_FORMAT);
        assert_non_null(strstr(err.message, "config.json"));
        hp__arena_clear(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_these_bytes_change),
        cmocka_unit_test(what_is_no_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
