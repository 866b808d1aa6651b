/* One case for every rule of docs/formats.md on the safetensors container:
 * headers written by hand, judged in memory. */
#include "io/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TEXT(s)  (s), sizeof(s) - 1
/* One entry of a header. */
#define T(name, dtype, shape, range)                                           \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape                   \
    ",\"data_offsets\":" range "}"
#define ONE(dtype, shape, range) "{" T("a", dtype, shape, range) "}"
#define ONE_OF(name)             "{" T(name, "U8", "[1]", "[0,1]") "}"

typedef struct judged {
    const char *header;
    size_t len;
    uint64_t data; /* bytes behind the header */
    const char *fragment;
} judged;

static hp_status judge(hp__tensors *out, hp__arena *a, const judged *j,
                       hp_error *err)
{
    /* Of exactly that size, so that a sanitizer sees a read past it. */
    char *header = malloc(j->len ? j->len : 1);
    assert_non_null(header);
    memcpy(header, j->header, j->len);
    hp_status st = hp__safetensors_tensors(out, a, header, j->len,
                                           8 + j->len + j->data, err);
    free(header);
    return st;
}

static void refuse_all(const judged *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hp__tensors t = {0};
        hp__arena a = {0};
        hp_error err = {0};
        hp_status st = judge(&t, &a, &list[i], &err);
        if (st != HP_FORMAT || !strstr(err.message, list[i].fragment))
            fail_msg("%s\n  gave %d: %s\n  wanted: %s", list[i].header, st,
                     err.message, list[i].fragment);
        assert_null(t.list);
        hp__arena_clear(&a);
    }
}

static void accept_all(const judged *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hp__tensors t = {0};
        hp__arena a = {0};
        hp_error err = {0};
        hp_status st = judge(&t, &a, &list[i], &err);
        if (st)
            fail_msg("%s\n  gave %d: %s", list[i].header, st, err.message);
        hp__arena_clear(&a);
    }
}

static void st01_to_st03_the_length_must_be_possible(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        uint64_t size;
        const char *fragment;
    } cases[] = {
        {"", 0, "0 bytes: too short for a safetensors file"},
        {"\2\0\0\0\0\0\0", 7, "7 bytes: too short"},
        {"\x01\xe1\xf5\x05\0\0\0\0", 200000000, "100000001 is over 100000000"},
        {"\0\0\0\0\0\0\0\x80", 64, "9223372036854775808 is over 100000000"},
        {"\xf8\xff\xff\xff\xff\xff\xff\xff", 64, "18446744073709551608"},
        {"\x03\0\0\0\0\0\0\0{}", 10,
         "truncated: a header of 3 bytes does not fit into a file of 10"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char start[HP__SAFETENSORS_START] = {0};
        memcpy(start, cases[i].start, cases[i].size < 10 ? cases[i].size : 8);
        hp_error err = {0};
        size_t n = 77;
        assert_int_equal(hp__safetensors_length(&n, start, cases[i].size, &err),
                         HP_FORMAT);
        assert_non_null(strstr(err.message, cases[i].fragment));
        assert_int_equal(n, 77);
    }
}

static void st02_the_largest_length_is_allowed(void **state)
{
    (void)state;
    char start[HP__SAFETENSORS_START] = "\0\xe1\xf5\x05";
    hp_error err = {0};
    size_t n = 0;
    assert_int_equal(hp__safetensors_length(&n, start, 100000008, &err), HP_OK);
    assert_int_equal(n, 100000000);
    assert_int_equal(hp__safetensors_length(&n, start, 100000007, &err),
                     HP_FORMAT);
}

static void files_of_other_kinds_are_called_by_their_name(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        const char *message, *hint;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:12",
         "a git-lfs pointer", "git lfs pull"},
        {"<!DOCTYPE html><html>", "an HTML page", "download"},
        {"<!doctype html>", "an HTML page", "download"},
        {"<html lang=\"en\">", "an HTML page", "download"},
        {"PK\3\4\x14\0\x08\x08", "a zip file", "convert"},
        {"\x80\2\x8a\nl\xfc\x9c\x46", "a Python pickle", "convert"},
        {"\x1f\x8b\x08\0\0\0\0\0\x02\xff", "gzip data", "gzip -d"},
        {"\x28\xb5\x2f\xfd\x24\x10\x81\x01", "zstd data", "zstd -d"},
        {"GGUF\3\0\0\0\1", "a GGUF file", "safetensors"},
        {"\x89HDF\r\n\x1a\n", "an HDF5 file", "convert"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char start[HP__SAFETENSORS_START] = {0};
        memcpy(start, cases[i].start, strlen(cases[i].start));
        hp_error err = {0};
        size_t n = 0;
        assert_int_equal(hp__safetensors_length(&n, start, 500, &err),
                         HP_FORMAT);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_non_null(strstr(err.hint, cases[i].hint));
    }
}

static void a_length_that_looks_like_gzip_is_a_length(void **state)
{
    (void)state;
    char start[HP__SAFETENSORS_START] = "\x1f\x8b\x08\0\0\0\0\0{";
    hp_error err = {0};
    size_t n = 0;
    assert_int_equal(hp__safetensors_length(&n, start, 600000, &err), HP_OK);
    assert_int_equal(n, 0x088b1f);
}

static void st04_the_header_must_be_utf8(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT("{\"\xff\":1}"), 0, "column 3: not valid UTF-8 (byte 0xff)"},
        {TEXT("{\"\xc0\x80\":1}"), 0, "not valid UTF-8 (byte 0xc0)"},
        {TEXT("{\"\xe0\x9f\x80\":1}"), 0, "not valid UTF-8 (byte 0xe0)"},
        {TEXT("{\"\xed\xa0\x80\":1}"), 0, "not valid UTF-8 (byte 0xed)"},
        {TEXT("{\"\xf4\x90\x80\x80\":1}"), 0, "not valid UTF-8 (byte 0xf4)"},
        {TEXT("{\"\xe2\x82\":1}"), 0, "not valid UTF-8 (byte 0xe2)"},
        {TEXT("{\"\x80\":1}"), 0, "not valid UTF-8 (byte 0x80)"},
        {TEXT("{\"a\":\"\xe2\x82"), 0, "not valid UTF-8 (byte 0xe2)"},
        {TEXT("{}\xff"), 0, "not valid UTF-8 (byte 0xff)"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st05_the_header_must_be_one_json_value(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT(""), 0, "expected an object, found the end"},
        {TEXT("{"), 0, "found the end"},
        {TEXT("{\"a"), 0, "column 2: string without an end"},
        {TEXT("{} {}"), 0, "column 4: expected nothing more, found an object"},
        {TEXT("{}}"), 0, "column 3: expected nothing more, found '}'"},
        {TEXT("{}\0"), 0, "column 3: unexpected character (byte 0x00)"},
        {TEXT("{}\f"), 0, "unexpected character (byte 0x0c)"},
        {TEXT("\xef\xbb\xbf{}"), 0, "byte order mark"},
        {TEXT("{/* */}"), 0, "unexpected character (byte 0x2f)"},
        {TEXT("{'a':1}"), 0, "unexpected character (byte 0x27)"},
        {TEXT("{a:1}"), 0, "unexpected character (byte 0x61)"},
        {TEXT("{1:1}"), 0, "expected a key in double quotes, found a number"},
        {TEXT("{\"__metadata__\" {}}"), 0, "expected ':', found an object"},
        {TEXT("{\"__metadata__\":{},}"), 0, "expected a key in double quotes"},
        {TEXT("{\"__metadata__\":{} \"a\""), 0, "expected ',' or '}'"},
        {TEXT("{\"a\tb\":1}"), 0, "raw control character in a string (byte"},
        {TEXT("{\"\\x41\":1}"), 0, "invalid escape in a string"},
        {TEXT("{\"\\uZZZZ\":1}"), 0, "invalid escape in a string"},
        {TEXT("{\"\\u12\":1}"), 0, "invalid escape in a string"},
        {TEXT("{\"\\ud800\":1}"), 0, "invalid escape in a string"},
        {TEXT("{\"\\ud800\\u0041\":1}"), 0, "invalid escape in a string"},
        {TEXT("{\"\\udc00\":1}"), 0, "invalid escape in a string"},
        {TEXT(ONE("U8", "[01]", "[0,1]")), 1, "invalid number"},
        {TEXT(ONE("U8", "[1.]", "[0,1]")), 1, "invalid number"},
        {TEXT(ONE("U8", "[1e]", "[0,1]")), 1, "invalid number"},
        {TEXT(ONE("U8", "[-]", "[0,1]")), 1, "invalid number"},
        {TEXT(ONE("U8", "[+1]", "[0,1]")), 1, "unexpected character"},
        {TEXT(ONE("U8", "[1 1]", "[0,1]")), 1, "expected ',' or ']'"},
        {TEXT(ONE("U8", "[1,]", "[0,1]")), 1, "shape holds"},
        {TEXT("{\n \"a\": tru}"), 0, "line 2, column 7: unexpected character"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st06_the_top_must_be_an_object(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT("null"), 0, "expected an object, found null"},
        {TEXT("[]"), 0, "expected an object, found an array"},
        {TEXT("\"a\""), 0, "expected an object, found a string"},
        {TEXT("1"), 0, "expected an object, found a number"},
        {TEXT("true"), 0, "expected an object, found true"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st07_white_space_around_the_object_is_accepted(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT("{}"), 0, NULL},
        {TEXT(" \t\r\n{}"), 0, NULL},
        {TEXT("{}   \n\r\t "), 0, NULL},
        {TEXT(" { \"__metadata__\" : { } } "), 0, NULL},
    };
    accept_all(cases, COUNT(cases));
}

static void st08_no_key_may_stand_twice(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT("{" T("a", "U8", "[1]", "[0,1]") "," T("a", "U8", "[1]",
                                                     "[0,1]") "}"),
         1, "header: duplicate key 'a'"},
        {TEXT("{" T("a", "U8", "[1]", "[0,1]") "," T("\\u0061", "U8", "[1]",
                                                     "[1,2]") "}"),
         2, "header: duplicate key 'a'"},
        {TEXT("{" T("\\ud83d\\ude00", "U8", "[1]", "[0,1]") "," T(
             "\xf0\x9f\x98\x80", "U8", "[1]", "[1,2]") "}"),
         2, "header: duplicate key '\xf0\x9f\x98\x80'"},
        {TEXT("{" T("\\n", "U8", "[0]", "[0,0]") "," T(
             "b", "U8", "[0]", "[0,0]") "," T("\\u000A", "U8", "[0]",
                                              "[0,0]") "}"),
         0, "header: duplicate key '?'"},
        {TEXT("{\"__metadata__\":{},\"__metadata__\":{}}"), 0,
         "duplicate key '__metadata__'"},
        {TEXT("{\"__metadata__\":{\"x\":\"1\",\"x\":\"1\"}}"), 0,
         "duplicate key 'x'"},
        {TEXT("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],"
              "\"data_offsets\":[0,1]}}"),
         1, "tensor 'a': dtype stands there twice"},
        {TEXT("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"sh\\u0061pe\":[1],"
              "\"data_offsets\":[0,1]}}"),
         1, "tensor 'a': shape stands there twice"},
        {TEXT("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],"
              "\"data_offsets\":[0,1],\"data_offsets\":[0,1]}}"),
         1, "tensor 'a': data_offsets stands there twice"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st09_metadata_maps_strings_to_strings(void **state)
{
    (void)state;
    static const judged bad[] = {
        {TEXT("{\"__metadata__\":[]}"), 0, "__metadata__ is an array"},
        {TEXT("{\"__metadata__\":\"x\"}"), 0, "__metadata__ is a string"},
        {TEXT("{\"__metadata__\":{\"k\":1}}"), 0, "'k' is not a string"},
        {TEXT("{\"__metadata__\":{\"k\":null}}"), 0, "'k' is not a string"},
        {TEXT("{\"__metadata__\":{\"k\":{}}}"), 0, "'k' is not a string"},
    };
    static const judged good[] = {
        {TEXT("{\"__metadata__\":{}}"), 0, NULL},
        {TEXT("{\"__metadata__\":null}"), 0, NULL},
        {TEXT("{\"__metadata__\":{\"\":\"\\u0000\\ud83d\\ude00\\\"\"}}"), 0,
         NULL},
    };
    refuse_all(bad, COUNT(bad));
    accept_all(good, COUNT(good));
}

static void st10_an_entry_has_its_three_fields(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT("{\"a\":1}"), 0, "tensor 'a': its entry is not an object"},
        {TEXT("{\"a\":[\"U8\",[1],[0,1]]}"), 1, "entry is not an object"},
        {TEXT("{\"a\":{}}"), 0, "tensor 'a': dtype is missing"},
        {TEXT("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}"), 1,
         "tensor 'a': dtype is missing"},
        {TEXT("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}"), 1,
         "tensor 'a': shape is missing"},
        {TEXT("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}"), 1,
         "tensor 'a': data_offsets is missing"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st11_the_dtype_must_be_known(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT(ONE("F128", "[1]", "[0,16]")), 16, "unknown dtype 'F128'"},
        {TEXT(ONE("f32", "[1]", "[0,4]")), 4, "unknown dtype 'f32'"},
        {TEXT(ONE("F3", "[1]", "[0,4]")), 4, "unknown dtype 'F3'"},
        {TEXT(ONE("F32\\u0000", "[1]", "[0,4]")), 4, "unknown dtype 'F32?'"},
        {TEXT(ONE("", "[1]", "[0,4]")), 4, "unknown dtype ''"},
        {TEXT("{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,1]}}"), 1,
         "tensor 'a': dtype is not a string"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st12_a_shape_holds_plain_integers(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT(ONE("U8", "1", "[0,1]")), 1, "shape is not an array"},
        {TEXT(ONE("U8", "null", "[0,1]")), 1, "shape is not an array"},
        {TEXT(ONE("U8", "[-1]", "[0,1]")), 1, "shape holds -1"},
        {TEXT(ONE("U8", "[-0]", "[0,0]")), 0, "shape holds -0"},
        {TEXT(ONE("U8", "[1.0]", "[0,1]")), 1, "shape holds 1.0"},
        {TEXT(ONE("U8", "[1e0]", "[0,1]")), 1, "shape holds 1e0"},
        {TEXT(ONE("U8", "[\"1\"]", "[0,1]")), 1, "shape holds a string"},
        {TEXT(ONE("U8", "[true]", "[0,1]")), 1, "shape holds true"},
        {TEXT(ONE("U8", "[[1]]", "[0,1]")), 1, "shape holds an array"},
        {TEXT(ONE("U8", "[18446744073709551616]", "[0,0]")), 0,
         "shape holds 18446744073709551616: not a whole number"},
        {TEXT(ONE("U8", "[18446744073709551617]", "[0,1]")), 1,
         "not a whole number from 0 to 2^64 - 1"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st13_data_offsets_are_two_integers(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT(ONE("U8", "[1]", "1")), 1, "data_offsets is not an array"},
        {TEXT(ONE("U8", "[1]", "[]")), 1, "fewer than 2 numbers"},
        {TEXT(ONE("U8", "[1]", "[0]")), 1, "fewer than 2 numbers"},
        {TEXT(ONE("U8", "[1]", "[0,1,1]")), 1, "more than 2 numbers"},
        {TEXT(ONE("U8", "[1]", "[0.0,1.0]")), 1, "data_offsets holds 0.0"},
        {TEXT(ONE("U8", "[1]", "[-0,1]")), 1, "data_offsets holds -0"},
        {TEXT(ONE("U8", "[1]", "[\"0\",1]")), 1, "data_offsets holds a string"},
        {TEXT(ONE("U8", "[1]", "[0,18446744073709551617]")), 1,
         "data_offsets holds 18446744073709551617"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st14_sizes_must_not_overflow(void **state)
{
    (void)state;
    static const judged bad[] = {
        {TEXT(ONE("U8", "[2,18446744073709551614]", "[0,0]")), 0,
         "tensor 'a': its shape has more than 2^64 bits"},
        {TEXT(ONE("U8", "[18446744073709551615,18446744073709551615,0]",
                  "[0,0]")),
         0, "more than 2^64 bits"},
        {TEXT(ONE("F64", "[288230376151711744]", "[0,0]")), 0,
         "more than 2^64 bits"},
    };
    static const judged good[] = {
        {TEXT(ONE("U8", "[0,18446744073709551615,18446744073709551615]",
                  "[0,0]")),
         0, NULL},
    };
    refuse_all(bad, COUNT(bad));
    accept_all(good, COUNT(good));
}

static void st15_tensors_lie_back_to_back(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT(ONE("U8", "[1]", "[1,0]")), 1, "[1, 0] are reversed"},
        {TEXT(ONE("U8", "[1]", "[1,2]")), 2,
         "start at 1, the tensor before ends at 0 (hole)"},
        {TEXT("{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]",
                                                     "[3,5]") "}"),
         5, "'b': its bytes start at 3, the tensor before ends at 2 (hole)"},
        {TEXT("{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]",
                                                     "[1,3]") "}"),
         3, "'b': its bytes start at 1, the tensor before ends at 2 (overlap)"},
        {TEXT("{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]",
                                                     "[0,2]") "}"),
         2, "'b': its bytes start at 0, the tensor before ends at 2 (overlap)"},
        {TEXT("{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[0]",
                                                     "[1,1]") "}"),
         2, "'b': its bytes start at 1, the tensor before ends at 2 (overlap)"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st16_bytes_are_what_dtype_and_shape_say(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT(ONE("F32", "[2]", "[0,4]")), 4,
         "tensor 'a': 2 values of F32 need 8 bytes, data_offsets give 4"},
        {TEXT(ONE("F32", "[]", "[0,0]")), 0,
         "1 values of F32 need 4 bytes, data_offsets give 0"},
        {TEXT(ONE("F32", "[0]", "[0,4]")), 4, "need 0 bytes"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st17_all_data_is_accounted_for(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT(ONE("U8", "[4]", "[0,4]")), 5,
         "the last tensor ends at 4 of 5 bytes of data"},
        {TEXT(ONE("U8", "[4]", "[0,4]")), 3,
         "truncated: tensor 'a' ends at 4 of 3 bytes of data"},
        {TEXT("{}"), 1, "the last tensor ends at 0 of 1 bytes of data"},
        {TEXT(ONE("U8", "[18446744073709551615]", "[0,18446744073709551615]")),
         4, "more than 2^64 bits"},
        {TEXT(ONE("U8", "[2305843009213693951]", "[0,2305843009213693951]")), 4,
         "truncated: tensor 'a' ends at 2305843009213693951"},
    };
    refuse_all(cases, COUNT(cases));
}

static void st18_small_types_end_on_a_byte(void **state)
{
    (void)state;
    static const judged bad[] = {
        {TEXT(ONE("F4", "[3]", "[0,1]")), 1,
         "3 values of F4 do not end on a whole byte"},
        {TEXT(ONE("F6_E2M3", "[2]", "[0,2]")), 2,
         "2 values of F6_E2M3 do not end on a whole byte"},
    };
    static const judged good[] = {
        {TEXT(ONE("F4", "[4]", "[0,2]")), 2, NULL},
        {TEXT(ONE("F6_E3M2", "[4]", "[0,3]")), 3, NULL},
    };
    refuse_all(bad, COUNT(bad));
    accept_all(good, COUNT(good));
}

static void st19_a_name_has_no_nul(void **state)
{
    (void)state;
    static const judged bad[] = {
        {TEXT("{" T("a\\u0000b", "U8", "[1]", "[0,1]") "}"), 1,
         "tensor 'a?b': its name has a NUL character"},
    };
    static const judged good[] = {
        {TEXT("{" T("", "U8", "[1]", "[0,1]") "}"), 1, NULL},
        {TEXT("{" T("\\u0001\xf0\x9f\x98\x80", "U8", "[1]", "[0,1]") "}"), 1,
         NULL},
    };
    refuse_all(bad, COUNT(bad));
    accept_all(good, COUNT(good));
}

static void st20_an_entry_has_no_other_field(void **state)
{
    (void)state;
    static const judged cases[] = {
        {TEXT("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],"
              "\"stride\":[1]}}"),
         1, "tensor 'a': unknown field 'stride'"},
        {TEXT(
             "{\"a\":{\"Dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"),
         1, "tensor 'a': unknown field 'Dtype'"},
    };
    refuse_all(cases, COUNT(cases));
}

static void every_dtype_has_its_width(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned bits;
        hp_dtype dtype;
    } types[] = {
        {"BOOL", 8, HP_DTYPE_OTHER},        {"F4", 4, HP_DTYPE_OTHER},
        {"F6_E2M3", 6, HP_DTYPE_OTHER},     {"F6_E3M2", 6, HP_DTYPE_OTHER},
        {"U8", 8, HP_DTYPE_OTHER},          {"I8", 8, HP_DTYPE_OTHER},
        {"F8_E5M2", 8, HP_DTYPE_OTHER},     {"F8_E4M3", 8, HP_DTYPE_OTHER},
        {"F8_E8M0", 8, HP_DTYPE_OTHER},     {"F8_E4M3FNUZ", 8, HP_DTYPE_OTHER},
        {"F8_E5M2FNUZ", 8, HP_DTYPE_OTHER}, {"I16", 16, HP_DTYPE_OTHER},
        {"U16", 16, HP_DTYPE_OTHER},        {"F16", 16, HP_DTYPE_F16},
        {"BF16", 16, HP_DTYPE_BF16},        {"I32", 32, HP_DTYPE_OTHER},
        {"U32", 32, HP_DTYPE_OTHER},        {"F32", 32, HP_DTYPE_F32},
        {"C64", 64, HP_DTYPE_OTHER},        {"F64", 64, HP_DTYPE_F64},
        {"I64", 64, HP_DTYPE_OTHER},        {"U64", 64, HP_DTYPE_OTHER},
    };
    for (size_t i = 0; i < COUNT(types); i++) {
        char header[160];
        int len = snprintf(header, sizeof header, ONE("%s", "[2,4]", "[0,%u]"),
                           types[i].name, types[i].bits);
        judged j = {header, (size_t)len, types[i].bits, NULL};
        hp__tensors t = {0};
        hp__arena a = {0};
        hp_error err = {0};
        assert_int_equal(judge(&t, &a, &j, &err), HP_OK);
        assert_string_equal(t.list[0].dtype_name, types[i].name);
        assert_int_equal(t.list[0].dtype, types[i].dtype);
        assert_int_equal(t.list[0].size, types[i].bits);
        hp__arena_clear(&a);
    }
}

static void tensors_come_in_the_order_of_their_bytes(void **state)
{
    (void)state;
    static const judged j = {
        TEXT("{" T("z", "F32", "[2,3]", "[0,24]") "," T(
            "\\u0061\\n", "U8", "[1]",
            "[26,27]") "," T("b", "F16", "[]",
                             "[24,26]") "," T("e2", "F32", "[0,7]",
                                              "[24,24]") "," T("e1", "F32",
                                                               "[0]",
                                                               "[24,24]") "} "
                                                                          " "),
        27, NULL};
    static const struct {
        const char *name;
        uint64_t from, size, n;
        unsigned dims;
    } wanted[] = {{"z", 0, 24, 6, 2},
                  {"e1", 24, 0, 0, 1},
                  {"e2", 24, 0, 0, 2},
                  {"b", 24, 2, 1, 0},
                  {"a\n", 26, 1, 1, 1}};
    hp__tensors t = {0};
    hp__arena a = {0};
    hp_error err = {0};
    assert_int_equal(judge(&t, &a, &j, &err), HP_OK);
    assert_int_equal(t.n, COUNT(wanted));
    for (size_t i = 0; i < t.n; i++) {
        assert_string_equal(t.list[i].name, wanted[i].name);
        assert_int_equal(t.list[i].offset, 8 + j.len + wanted[i].from);
        assert_int_equal(t.list[i].size, wanted[i].size);
        assert_int_equal(t.list[i].n_elements, wanted[i].n);
        assert_int_equal(t.list[i].n_dims, wanted[i].dims);
    }
    assert_int_equal(t.list[0].dims[0], 2);
    assert_int_equal(t.list[0].dims[1], 3);
    assert_int_equal(t.list[2].dims[1], 7);
    hp__arena_clear(&a);
}

static void long_names_are_cut_in_messages_only(void **state)
{
    (void)state;
    enum { LONG = 60000 };
    char *header = calloc(1, LONG + 100);
    assert_non_null(header);
    snprintf(header, LONG + 100, ONE_OF("%*s"), LONG, "");
    memset(header + 2, 'n', LONG);
    judged j = {header, strlen(header), 1, NULL};
    hp__tensors t = {0};
    hp__arena a = {0};
    hp_error err = {0};
    assert_int_equal(judge(&t, &a, &j, &err), HP_OK);
    assert_int_equal(strlen(t.list[0].name), LONG);
    hp__arena_clear(&a);
    j.data = 2;
    strchr(header, 'U')[0] = 'V';
    assert_int_equal(judge(&t, &a, &j, &err), HP_FORMAT);
    assert_non_null(strstr(err.message, "nnn...': unknown dtype 'V8'"));
    assert_true(strlen(err.message) < 140);
    hp__arena_clear(&a);
    free(header);
}

static void many_tensors_and_keys_cost_no_more_than_sorting(void **state)
{
    (void)state;
    enum { MANY = 100000, ROOM = 80 };
    char *header = malloc((size_t)MANY * ROOM);
    assert_non_null(header);
    size_t len = 1;
    header[0] = '{';
    for (unsigned i = 0; i < MANY; i++)
        len += (size_t)snprintf(header + len, ROOM,
                                "%s" T("t%u", "U8", "[1]", "[%u,%u]"),
                                i ? "," : "", i * 7919 % MANY, i, i + 1);
    header[len++] = '}';
    judged j = {header, len, MANY, NULL};
    hp__tensors t = {0};
    hp__arena a = {0};
    hp_error err = {0};
    assert_int_equal(judge(&t, &a, &j, &err), HP_OK);
    assert_int_equal(t.n, MANY);
    assert_string_equal(t.list[1].name, "t7919");
    hp__arena_clear(&a);
    free(header);
}

/* Every byte of a valid header, every value: a verdict, and nothing outside
 * the text is read (sanitizers see that: judge() copies into a tight block). */
static void no_mutation_of_a_byte_does_harm(void **state)
{
    (void)state;
    static const char valid[] = "{\"__metadata__\":{\"format\":\"pt\"}," T(
        "a", "F32", "[2,2]", "[0,16]") "," T("b\\u00e9", "U8", "[3]",
                                             "[16,19]") "}  ";
    char header[sizeof valid];
    size_t accepted = 0;
    for (size_t i = 0; i < sizeof valid - 1; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            memcpy(header, valid, sizeof valid);
            header[i] = (char)byte;
            judged j = {header, sizeof valid - 1, 19, NULL};
            hp__tensors t = {0};
            hp__arena a = {0};
            hp_error err = {0};
            hp_status st = judge(&t, &a, &j, &err);
            assert_true(st == HP_OK || (st == HP_FORMAT && err.message[0]));
            accepted += st == HP_OK;
            hp__arena_clear(&a);
        }
    }
    assert_true(accepted > sizeof valid && accepted < 256 * sizeof valid / 4);
}

static void no_cut_of_a_header_is_accepted(void **state)
{
    (void)state;
    static const char valid[] = ONE("F32", "[2,2]", "[0,16]");
    for (size_t len = 0; len < sizeof valid - 1; len++) {
        judged j = {valid, len, 16, NULL};
        hp__tensors t = {0};
        hp__arena a = {0};
        hp_error err = {0};
        assert_int_equal(judge(&t, &a, &j, &err), HP_FORMAT);
        hp__arena_clear(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(st01_to_st03_the_length_must_be_possible),
        cmocka_unit_test(st02_the_largest_length_is_allowed),
        cmocka_unit_test(files_of_other_kinds_are_called_by_their_name),
        cmocka_unit_test(a_length_that_looks_like_gzip_is_a_length),
        cmocka_unit_test(st04_the_header_must_be_utf8),
        cmocka_unit_test(st05_the_header_must_be_one_json_value),
        cmocka_unit_test(st06_the_top_must_be_an_object),
        cmocka_unit_test(st07_white_space_around_the_object_is_accepted),
        cmocka_unit_test(st08_no_key_may_stand_twice),
        cmocka_unit_test(st09_metadata_maps_strings_to_strings),
        cmocka_unit_test(st10_an_entry_has_its_three_fields),
        cmocka_unit_test(st11_the_dtype_must_be_known),
        cmocka_unit_test(st12_a_shape_holds_plain_integers),
        cmocka_unit_test(st13_data_offsets_are_two_integers),
        cmocka_unit_test(st14_sizes_must_not_overflow),
        cmocka_unit_test(st15_tensors_lie_back_to_back),
        cmocka_unit_test(st16_bytes_are_what_dtype_and_shape_say),
        cmocka_unit_test(st17_all_data_is_accounted_for),
        cmocka_unit_test(st18_small_types_end_on_a_byte),
        cmocka_unit_test(st19_a_name_has_no_nul),
        cmocka_unit_test(st20_an_entry_has_no_other_field),
        cmocka_unit_test(every_dtype_has_its_width),
        cmocka_unit_test(tensors_come_in_the_order_of_their_bytes),
        cmocka_unit_test(long_names_are_cut_in_messages_only),
        cmocka_unit_test(many_tensors_and_keys_cost_no_more_than_sorting),
        cmocka_unit_test(no_mutation_of_a_byte_does_harm),
        cmocka_unit_test(no_cut_of_a_header_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
