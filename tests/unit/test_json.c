/* The strict check in front of cJSON, and the typed members. */
#include "io/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TEXT(s)  (s), sizeof(s) - 1

typedef struct text {
    const char *text;
    size_t len;
    const char *fragment;
} text;

static void refuse_all(const text *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hp__json *j = NULL;
        hp_error err = {0};
        hp_status st = hp__json_parse(&j, list[i].text, list[i].len, &err);
        if (st != HP_FORMAT || !strstr(err.message, list[i].fragment))
            fail_msg("%s\n  gave %d: %s", list[i].text, st, err.message);
        assert_null(j);
    }
}

static hp__json *parse(const char *s)
{
    hp__json *j = NULL;
    hp_error err = {0};
    if (hp__json_parse(&j, s, strlen(s), &err))
        fail_msg("%s\n  gave %s", s, err.message);
    return j;
}

static void what_cjson_lets_pass_is_refused(void **state)
{
    (void)state;
    static const text cases[] = {
        {TEXT(""), "JSON: line 1, column 1: expected a value, found the end"},
        {TEXT("01"), "invalid number"},
        {TEXT("-2."), "invalid number"},
        {TEXT("2.e3"), "invalid number"},
        {TEXT("-.5"), "invalid number"},
        {TEXT(".5"), "unexpected character"},
        {TEXT("[1,]"), "expected a value, found ']'"},
        {TEXT("{\"a\":}"), "expected a value, found '}'"},
        {TEXT("nul"), "unexpected character"},
        {TEXT("NaN"), "unexpected character"},
        {TEXT("\"a\nb\""), "raw control character in a string (byte 0x0a)"},
        {TEXT("\"a\0b\""), "raw control character in a string (byte 0x00)"},
        {TEXT("\"\\u0000\""), "string with \\u0000"},
        {TEXT("{\"\\u0000\":1}"), "string with \\u0000"},
        {TEXT("\"\\uZZZZ\""), "invalid escape"},
        {TEXT("\"\\ud800\""), "invalid escape"},
        {TEXT("\"\\udc00\""), "invalid escape"},
        {TEXT("\"\\'\""), "invalid escape"},
        {TEXT("\"\xc3\x28\""), "not valid UTF-8 (byte 0xc3)"},
        {TEXT("\xef\xbb\xbf{}"), "byte order mark"},
        {TEXT("{} 1"), "expected nothing more"},
        {TEXT("{}\0"), "unexpected character (byte 0x00)"},
        {TEXT("[1\f,2]"), "unexpected character (byte 0x0c)"},
        {TEXT("{\"n_head\":2,\"n_head\":3}"), "duplicate key 'n_head'"},
        {TEXT("[{\"a\":{\"b\":1,\"\\u0062\":2}}]"), "duplicate key 'b'"},
        {TEXT("{\"a\":1\n,\n  b:2}"), "line 3, column 3: unexpected"},
    };
    refuse_all(cases, COUNT(cases));
}

static void valid_texts_are_read(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "0",
        "-0",
        "1e400",
        "-0.5E-3",
        "\"\\ud83d\\ude00 \\\" \\/\"",
        "[]",
        " {\"a\":{\"a\":[{\"a\":1},{\"a\":1}]},\"A\":null}\r\n\t ",
        "true",
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        hp__json_free(parse(cases[i]));
}

static void sixty_four_levels_are_the_most(void **state)
{
    (void)state;
    char deep[131];
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = '\0';
    text one = {deep, 130, "nested more than 64 levels deep"};
    refuse_all(&one, 1);
    deep[129] = '\0';
    hp__json_free(parse(deep + 1));
}

static void a_large_object_is_no_slower_a_member(void **state)
{
    (void)state;
    enum { MANY = 150000, ROOM = 24 };
    char *large = malloc((size_t)MANY * ROOM);
    assert_non_null(large);
    size_t len = 0;
    for (unsigned i = 0; i < MANY; i++)
        len += (size_t)snprintf(large + len, ROOM, "%c\"k%u\":%u",
                                i ? ',' : '{', i, i);
    memcpy(large + len, "}", 2);
    hp__json *j = parse(large);
    assert_int_equal(hp__node_count(hp__json_root(j)), MANY);
    hp__json_free(j);
    memcpy(large + len, ",\"k777\":1}", 11);
    text one = {large, len + 10, "duplicate key 'k777'"};
    refuse_all(&one, 1);
    free(large);
}

static void nodes_have_kinds_and_children_in_order(void **state)
{
    (void)state;
    static const hp__kind kinds[] = {HP__NULL,   HP__BOOL,   HP__BOOL,
                                     HP__NUMBER, HP__STRING, HP__ARRAY,
                                     HP__OBJECT};
    hp__json *j = parse("[null,true,false,1.5,\"x\",[],{\"k\":7}]");
    size_t i = 0;
    const hp__node *last = NULL;
    for (const hp__node *n = hp__node_first(hp__json_root(j)); n;
         n = hp__node_next(n)) {
        assert_int_equal(hp__node_kind(n), kinds[i++]);
        last = n;
    }
    assert_int_equal(i, COUNT(kinds));
    assert_int_equal(hp__node_count(hp__json_root(j)), COUNT(kinds));
    const hp__node *k = hp__node_first(last);
    assert_string_equal(hp__node_key(k), "k");
    assert_true(hp__node_number(k) == 7);
    assert_null(hp__node_string(k));
    assert_null(hp__node_find(hp__json_root(j), "k"));
    assert_null(hp__node_find(NULL, "k"));
    hp__json_free(j);
}

static const char MEMBERS[] =
    "{\"two\":2,\"N_HEAD\":9,\"half\":2.5,\"float\":2.0,\"exponent\":2e0,"
    "\"minus\":-2,\"text\":\"2\",\"huge\":1e400,\"over\":4294967296,"
    "\"most\":4294967295,\"null\":null,\"yes\":true,\"no\":false,"
    "\"list\":[1.0],\"object\":{\"x\":1.0},\"name\":\"a\\u00e9\"}";

static void whole_numbers_are_written_as_such(void **state)
{
    (void)state;
    static const struct {
        const char *key, *fragment;
    } bad[] = {
        {"n_head", "key 'n_head' is missing"}, /* N_HEAD is another key */
        {"half", "key 'half' is 2.5: not a whole number"},
        {"float", "key 'float' is 2, written with a fraction"},
        {"exponent", "key 'exponent' is 2, written with a fraction"},
        {"minus", "key 'minus' is -2: not in the range 0 to 4294967295"},
        {"over", "key 'over' is 4294967296: not in the range"},
        {"text", "key 'text' is \"2\": not a whole number"},
        {"huge", "key 'huge' is inf: not a whole number"},
        {"null", "key 'null' is null: not a whole number"},
        {"yes", "key 'yes' is true: not a whole number"},
        {"list", "key 'list' is an array: not a whole number"},
        {"object", "key 'object' is an object: not a whole number"},
    };
    hp__json *j = parse(MEMBERS);
    const hp__node *o = hp__json_root(j);
    hp_error err = {0};
    uint32_t n = 77;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(hp__node_get_u32(&n, o, bad[i].key, &err), HP_FORMAT);
        if (!strstr(err.message, bad[i].fragment))
            fail_msg("%s: %s", bad[i].key, err.message);
    }
    assert_int_equal(n, 77);
    assert_int_equal(hp__node_get_u32(&n, o, "two", &err), HP_OK);
    assert_int_equal(n, 2);
    assert_int_equal(hp__node_get_u32(&n, o, "most", &err), HP_OK);
    assert_int_equal(n, UINT32_MAX);
    hp__json_free(j);
}

static void absent_and_null_leave_the_default(void **state)
{
    (void)state;
    hp__json *j = parse(MEMBERS);
    const hp__node *o = hp__json_root(j);
    hp_error err = {0};
    static const char *const keys[] = {"absent", "null"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        uint32_t n = 5;
        double d = 0.5;
        int b = 7;
        const char *s = "old";
        assert_int_equal(hp__node_find_u32(&n, o, keys[i], &err), HP_OK);
        assert_int_equal(hp__node_find_double(&d, o, keys[i], &err), HP_OK);
        assert_int_equal(hp__node_find_bool(&b, o, keys[i], &err), HP_OK);
        assert_int_equal(hp__node_find_string(&s, o, keys[i], &err), HP_OK);
        assert_int_equal(n, 5);
        assert_true(d == 0.5);
        assert_int_equal(b, 7);
        assert_string_equal(s, "old");
    }
    hp__json_free(j);
}

static void members_have_the_type_that_is_asked_for(void **state)
{
    (void)state;
    hp__json *j = parse(MEMBERS);
    const hp__node *o = hp__json_root(j);
    hp_error err = {0};
    double d = 0;
    int b = 7;
    const char *s = NULL;
    assert_int_equal(hp__node_get_double(&d, o, "half", &err), HP_OK);
    assert_true(d == 2.5);
    assert_int_equal(hp__node_find_double(&d, o, "float", &err), HP_OK);
    assert_true(d == 2);
    assert_int_equal(hp__node_get_double(&d, o, "huge", &err), HP_FORMAT);
    assert_string_equal(err.message, "key 'huge' is inf: not a finite number");
    assert_int_equal(hp__node_find_double(&d, o, "text", &err), HP_FORMAT);
    assert_string_equal(err.message, "key 'text' is \"2\": not a number");
    assert_int_equal(hp__node_get_double(&d, o, "absent", &err), HP_FORMAT);
    assert_string_equal(err.message, "key 'absent' is missing");
    assert_int_equal(hp__node_find_bool(&b, o, "yes", &err), HP_OK);
    assert_int_equal(b, 1);
    assert_int_equal(hp__node_find_bool(&b, o, "no", &err), HP_OK);
    assert_int_equal(b, 0);
    assert_int_equal(hp__node_find_bool(&b, o, "two", &err), HP_FORMAT);
    assert_string_equal(err.message, "key 'two' is 2: not true or false");
    assert_int_equal(hp__node_get_string(&s, o, "name", &err), HP_OK);
    assert_string_equal(s, "a\xc3\xa9");
    assert_int_equal(hp__node_find_string(&s, o, "no", &err), HP_FORMAT);
    assert_string_equal(err.message, "key 'no' is false: not a string");
    assert_int_equal(hp__node_get_string(&s, o, "null", &err), HP_FORMAT);
    assert_string_equal(err.message, "key 'null' is null: not a string");
    hp__json_free(j);
}

static void a_file_is_named_in_the_error(void **state)
{
    (void)state;
    hp__json *j = NULL;
    hp_error err = {0};
    assert_int_equal(hp__json_open(&j, "tests/absent.json", 100, &err), HP_IO);
    assert_string_equal(err.message, "no such file");
    assert_string_equal(err.file, "tests/absent.json");
    assert_int_equal(hp__json_open(&j, "CMakeLists.txt", 1 << 20, &err),
                     HP_FORMAT);
    assert_string_equal(err.file, "CMakeLists.txt");
    assert_int_equal(hp__json_open(&j, "CMakeLists.txt", 10, &err), HP_FORMAT);
    assert_string_equal(err.message, "larger than 10 bytes");
    assert_int_equal(hp__json_open(&j, "CMakePresets.json", 1 << 20, &err),
                     HP_OK);
    hp__json_free(j);
    hp__json_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cjson_lets_pass_is_refused),
        cmocka_unit_test(valid_texts_are_read),
        cmocka_unit_test(sixty_four_levels_are_the_most),
        cmocka_unit_test(a_large_object_is_no_slower_a_member),
        cmocka_unit_test(nodes_have_kinds_and_children_in_order),
        cmocka_unit_test(whole_numbers_are_written_as_such),
        cmocka_unit_test(absent_and_null_leave_the_default),
        cmocka_unit_test(members_have_the_type_that_is_asked_for),
        cmocka_unit_test(a_file_is_named_in_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
