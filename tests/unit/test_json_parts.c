/* Large members that stay out of the tree, and the numbers in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/json_parts.h"

#include <string.h>

#define PARTS                                                                  \
    {                                                                          \
        {.object = "model", .key = "vocab"},                                   \
        {                                                                      \
            .object = "model", .key = "merges"                                 \
        }                                                                      \
    }

static hp__json *parse(hp__json_part parts[2], const char *text)
{
    hp__json *j = NULL;
    hp_error err = {0};
    if (hp__json_parse_parts(&j, parts, 2, text, strlen(text), &err))
        fail_msg("%s", err.message);
    return j;
}

static void parts_are_found_and_the_rest_is_a_tree(void **state)
{
    (void)state;
    hp__json_part parts[2] = PARTS;
    hp__json *j =
        parse(parts, "{\"a\": [1, 2], \"model\": {\"merges\": [\"x\", "
                     "[\"y\", {}]], \"b\": 3.5, \"vocab\" : {\"p\": "
                     "0, \"p\": 1, \"q\": {}} }, \"vocab\": {}}");
    const hp__node *root = hp__json_root(j);
    const hp__node *model = hp__node_find(root, "model");
    double b = 0;
    assert_int_equal(hp__node_count(hp__node_find(root, "a")), 2);
    assert_int_equal(hp__node_count(hp__node_find(root, "vocab")), 0);
    assert_int_equal(hp__node_kind(hp__node_find(root, "vocab")), HP__OBJECT);
    assert_int_equal(hp__node_kind(hp__node_find(model, "vocab")), HP__NULL);
    assert_int_equal(hp__node_kind(hp__node_find(model, "merges")), HP__NULL);
    assert_int_equal(hp__node_get_double(&b, model, "b", NULL), HP_OK);
    assert_true(b == 3.5);
    assert_int_equal(parts[0].kind, '{');
    assert_int_equal(parts[0].count, 3);
    assert_int_equal(parts[0].len, strlen("{\"p\": 0, \"p\": 1, \"q\": {}}"));
    assert_int_equal(parts[1].kind, '[');
    assert_int_equal(parts[1].count, 2);
    assert_memory_equal(parts[1].at, "[\"x\", [\"y\", {}]]", parts[1].len);
    hp__json_free(j);
}

static void other_values_stay_in_the_tree(void **state)
{
    (void)state;
    hp__json_part parts[2] = PARTS;
    hp__json *j = parse(parts, "{\"model\": {\"vocab\": \"x\"}}");
    const hp__node *model = hp__node_find(hp__json_root(j), "model");
    assert_string_equal(hp__node_string(hp__node_find(model, "vocab")), "x");
    assert_int_equal(parts[0].kind, 's');
    assert_int_equal(parts[1].kind, 0);
    hp__json_free(j);
    j = parse(parts, "[{\"model\": {\"vocab\": {}}}]");
    assert_int_equal(hp__node_kind(hp__json_root(j)), HP__ARRAY);
    hp__json_free(j);
}

static void parts_are_checked_too(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"model\":{\"vocab\":{\"a\":01}}}",
         "line 1, column 24: invalid number"},
        {"{\"model\":{\"vocab\":{\"a\":}}}", "expected a value"},
        {"{\"model\":{\"vocab\":{\"a\":1}", "found the end"},
        {"{\"model\":{\"vocab\":{\"\\u0000\":1}}}", "\\u0000"},
        {"{\"model\":{\"vocab\":{},\"vocab\":{}}}", "duplicate key 'vocab'"},
        {"{\"model\":{},\"model\":{}}", "duplicate key 'model'"},
        {"{\"model\":{\"merges\":[1,]}}", "expected a value"},
        {"{\"model\":{}} x", "unexpected"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hp__json *j = NULL;
        hp_error err = {0};
        hp__json_part parts[2] = PARTS;
        assert_int_equal(hp__json_parse_parts(&j, parts, 2, rows[i][0],
                                              strlen(rows[i][0]), &err),
                         HP_FORMAT);
        if (!strstr(err.message, rows[i][1]))
            fail_msg("'%s' lacks '%s'", err.message, rows[i][1]);
        assert_null(j);
    }
}

static double number(const char *text)
{
    hp__scan s = {.text = text, .len = strlen(text), .name = "JSON"};
    assert_int_equal(hp__scan_next(&s, NULL), HP_OK);
    assert_int_equal(s.token, 'n');
    return hp__scan_number(&s);
}

/* The right column is what tokenizers 0.22.2 makes of the left one. */
static void numbers_are_those_of_serde(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } rows[] = {
        {"0", 0},
        {"-17", -17},
        {"-2.301572561264038", -2.301572561264038},
        {"1e3", 1000},
        {"25E-2", 0.25},
        {"1.5e+2", 150},
        {"18446744073709551615", 0x1p64},
        {"184467440737095516150", 0xap64},
        {"0e999999999999", 0},
        {"1e-400", 0},
        {"-14.492589913944117", -0x1.cfc34bec57578p+3},
        {"-13.615981907236081", -0x1.b3b61fb05036ap+3},
        {"-10.162051017494109", -0x1.452f859d8d768p+3},
        {"-15.342290420526111", -0x1.eaf40b0a3c998p+3},
        {"-15.665894784709301", -0x1.f54f02945ce8bp+3},
        {"-15.555521901531363", -0x1.f1c6d5dde93f0p+3},
        {"-10.151904474738405", -0x1.44dc66c5e3c29p+3},
        {"-6.3671435233978653", -0x1.977f478c7ba6ap+2},
        {"-1234567.123456789012345678", -0x1.2d6871f9add38p+20},
        {"-12.5e-7", -0x1.4f8b588e368f1p-20},
        {"-123456789012345678901.5", -0x1.ac53a7e04bcd9p+66},
        {"-3.25e18", -0x1.68d28e3f00280p+61},
        {"-1.1e-310", -0x0.0143fcc95c9fcp-1022},
        {"-9.87654321e-320", -0x0.0000000004e16p-1022},
        {"-7.123456789012345e-30", -0x1.20f63461a5f6ep-97},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (number(rows[i].text) != rows[i].value)
            fail_msg("%s became %a", rows[i].text, number(rows[i].text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found_and_the_rest_is_a_tree),
        cmocka_unit_test(other_values_stay_in_the_tree),
        cmocka_unit_test(parts_are_checked_too),
        cmocka_unit_test(numbers_are_those_of_serde),
    };
    return cmocka_run_group_tests_name("json parts", tests, NULL, NULL);
}
