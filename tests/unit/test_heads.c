/* Head lists: what is read, what is refused and how, what is written. */
#include "head_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static head_table table;
static unsigned char mask[HEAD_TABLE_MOST];
static hp_error err;

static int make_table(void **state)
{
    (void)state;
    memset(mask, 0, sizeof mask);
    head_table_make(&table, 12, 12);
    return 0;
}

static hp_status parse(const char *text)
{
    return hp_heads_parse(mask, text, table.heads, table.n, &err);
}

/* Reads the list and writes it again. */
static void assert_list(const char *text, const char *expected)
{
    char *out = NULL;
    memset(mask, 0, sizeof mask);
    assert_int_equal(parse(text), HP_OK);
    assert_int_equal(hp_heads_format(&out, mask, table.heads, table.n, &err),
                     HP_OK);
    assert_string_equal(out, expected);
    free(out);
}

static void test_reads(void **state)
{
    (void)state;
    assert_list("9:3 11:3,7-10", "9:3 11:3,7,8,9,10");
    assert_list("3:2 0:4,1", "0:1,4 3:2");
    assert_list(" \t0:0\n1:11\r\n", "0:0 1:11");
    assert_list("2:5-5", "2:5");
    assert_list("4:1 4:1 4:0-2", "4:0,1,2");
    assert_list("", "");
    assert_list("  \n", "");
    assert_list("11:*", "11:0,1,2,3,4,5,6,7,8,9,10,11");
}

static void test_adds_to_mask(void **state)
{
    (void)state;
    mask[5] = 1;
    assert_int_equal(parse("0:2"), HP_OK);
    assert_int_equal(mask[5], 1);
    assert_int_equal(mask[2], 1);
    assert_int_equal(mask[3], 0);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"9:12", "'9:12': block 9 has heads 0-11"},
        {"0:1 9:3,12", "'9:3,12': block 9 has heads 0-11"},
        {"9:10-12", "'9:10-12': block 9 has heads 0-11"},
        {"12:0", "'12:0': there is no block 12, blocks are 0 to 11"},
        {"enc.0:1", "there is no block enc.0"},
        {"9:10-7", "'9:10-7': a range runs from low to high"},
        {"9", "'9': expected LAYER:HEADS"},
        {"9:", "'9:': expected LAYER:HEADS"},
        {":3", "':3': there is no block"},
        {"9:3,", "'9:3,': expected LAYER:HEADS"},
        {"9:,3", "'9:,3': expected LAYER:HEADS"},
        {"9:3-", "'9:3-': expected a number after '-'"},
        {"9:-3", "'9:-3': expected LAYER:HEADS"},
        {"9:3;4", "'9:3;4': expected a comma"},
        {"9:*,3", "'9:*,3': expected LAYER:HEADS"},
        {"9:3*", "'9:3*': expected a comma"},
        {"9:4294967299", "'9:4294967299': "},
        {"09:3", "there is no block 09"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(cases[i].text), HP_INVALID);
        if (!strstr(err.message, cases[i].message))
            fail_msg("%s: message is \"%s\"", cases[i].text, err.message);
    }
}

static void test_bad_list_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse("0:1 0:12"), HP_INVALID);
    for (size_t i = 0; i < table.n; i++)
        assert_int_equal(mask[i], 0);
}

static void test_reads_named_stacks(void **state)
{
    (void)state;
    table.n = 0;
    head_table_add(&table, "enc.0", 2);
    head_table_add(&table, "dec.0.self", 2);
    head_table_add(&table, "dec.0.cross", 4);
    assert_list("dec.0.cross:3 enc.0:1", "enc.0:1 dec.0.cross:3");
    assert_list("dec.0.self:*", "dec.0.self:0,1");
    assert_int_equal(parse("dec.0:1"), HP_INVALID);
    assert_non_null(strstr(err.message, "blocks are enc.0 to dec.0.cross"));
}

static void test_names_gaps(void **state)
{
    (void)state;
    table.n = 0;
    head_table_add(&table, "0", 5);
    table.heads[1].head = 2; /* as if heads 1, 4 and 5 were gone */
    table.heads[2].head = 3;
    table.heads[3].head = 6;
    table.heads[4].head = 7;
    assert_int_equal(parse("0:1"), HP_INVALID);
    assert_non_null(strstr(err.message, "block 0 has heads 0,2-3,6-7"));
    assert_int_equal(parse("0:2,6-7"), HP_OK);
    assert_int_equal(mask[1] + mask[3] + mask[4], 3);
    assert_int_equal(mask[0] + mask[2], 0);
}

static void test_long_words(void **state)
{
    (void)state;
    static char text[6000];
    memset(text, '1', sizeof text - 1);
    assert_int_equal(parse(text), HP_INVALID);
    assert_non_null(strstr(err.message, "longer than 4096"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"lists are read, and written in model order", test_reads, make_table,
         NULL, NULL},
        {"heads that are not named stay as they were", test_adds_to_mask,
         make_table, NULL, NULL},
        {"malformed and absent heads are refused by name", test_refuses,
         make_table, NULL, NULL},
        {"a list with a mistake changes nothing", test_bad_list_changes_nothing,
         make_table, NULL, NULL},
        {"what stands before the last colon names the block",
         test_reads_named_stacks, make_table, NULL, NULL},
        {"heads that are gone leave gaps in the message", test_names_gaps,
         make_table, NULL, NULL},
        {"a word of any length is refused safely", test_long_words, make_table,
         NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
