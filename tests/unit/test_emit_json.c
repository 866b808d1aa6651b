/* The text that documents are made of. */
#include "io/emit_json.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *taken(hp__buffer *b)
{
    char *text = NULL;
    hp_error err = {0};
    assert_int_equal(hp__buffer_take(&text, NULL, b, &err), HP_OK);
    return text;
}

static void a_document_has_a_member_a_line(void **state)
{
    (void)state;
    hp__buffer b = {0};
    hp__emitter e;
    hp__emit_start(&e, &b);
    hp__emit_object(&e, NULL, 0);
    hp__emit_string(&e, "schema", "headprune.plan/1");
    hp__emit_object(&e, "tool", 1);
    hp__emit_string(&e, "name", "headprune");
    hp__emit_array(&e, "list", 0); /* inside a line, so on it */
    hp__emit_uint(&e, NULL, 1);
    hp__emit_int(&e, NULL, -2);
    hp__emit_end(&e);
    hp__emit_end(&e);
    hp__emit_array(&e, "heads", 0);
    hp__emit_object(&e, NULL, 1);
    hp__emit_bool(&e, "pruned", 1);
    hp__emit_null(&e, "score");
    hp__emit_end(&e);
    hp__emit_bool(&e, NULL, 0);
    hp__emit_end(&e);
    hp__emit_array(&e, "none", 0);
    hp__emit_end(&e);
    hp__emit_object(&e, "nothing", 1);
    hp__emit_end(&e);
    hp__emit_end(&e);
    char *text = taken(&b);
    assert_string_equal(text, "{\n"
                              "  \"schema\": \"headprune.plan/1\",\n"
                              "  \"tool\": {\"name\": \"headprune\", "
                              "\"list\": [1, -2]},\n"
                              "  \"heads\": [\n"
                              "    {\"pruned\": true, \"score\": null},\n"
                              "    false\n"
                              "  ],\n"
                              "  \"none\": [],\n"
                              "  \"nothing\": {}\n"
                              "}\n");
    free(text);
}

static void strings_are_escaped_and_always_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain", "\"plain\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x1b[2J\x7f", "\"\\u001b[2J\\u007f\""},
        {"\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {"a\xff\xed\xa0\x80", "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                              "\xef\xbf\xbd\""},
        {"cut\xe2\x82", "\"cut\xef\xbf\xbd\xef\xbf\xbd\""},
        {NULL, "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hp__buffer b = {0};
        hp__emitter e;
        hp__emit_start(&e, &b);
        hp__emit_string(&e, NULL, cases[i].in);
        char *text = taken(&b);
        assert_string_equal(text, cases[i].out);
        free(text);
    }
}

static char *number(double value)
{
    hp__buffer b = {0};
    hp__emitter e;
    hp__emit_start(&e, &b);
    hp__emit_double(&e, NULL, value);
    return taken(&b);
}

static void doubles_are_the_shortest_that_reads_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {0.1, "0.1"},
        {2.19481, "2.19481"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e21, "1e+21"},
        {5e-324, "5e-324"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {9007199254740993.0, "9007199254740992"},
        {(double)NAN, "null"},
        {-HUGE_VAL, "null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = number(cases[i].value);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

static void doubles_read_back_bit_for_bit(void **state)
{
    (void)state;
    uint64_t bits = 0x9e3779b97f4a7c15;
    for (int i = 0; i < 20000; i++) {
        double value;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char *text = number(value);
        double back = strtod(text, NULL);
        assert_memory_equal(&back, &value, sizeof value);
        free(text);
    }
}

static void whole_numbers_keep_all_digits(void **state)
{
    (void)state;
    hp__buffer b = {0};
    hp__emitter e;
    hp__emit_start(&e, &b);
    hp__emit_array(&e, NULL, 1);
    hp__emit_uint(&e, NULL, UINT64_MAX);
    hp__emit_int(&e, NULL, INT64_MIN);
    hp__emit_end(&e);
    char *text = taken(&b);
    assert_string_equal(text, "[18446744073709551615, -9223372036854775808]\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_has_a_member_a_line),
        cmocka_unit_test(strings_are_escaped_and_always_utf8),
        cmocka_unit_test(doubles_are_the_shortest_that_reads_back),
        cmocka_unit_test(doubles_read_back_bit_for_bit),
        cmocka_unit_test(whole_numbers_keep_all_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
