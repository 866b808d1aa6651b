/* gzip files as they come, and as they come damaged. */
#include "fixture.h"
#include "io/zio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define MOST ((size_t)1 << 20)

static char *folder;

static int make_folder(void **state)
{
    (void)state;
    folder = fixture_folder();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

/* One gzip (or zlib) stream of `text` at `out`; its length. */
static size_t pack(unsigned char *out, size_t room, const char *text,
                   size_t len, int bits)
{
    z_stream z = {0};
    assert_int_equal(
        deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    unsigned char *copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    z.next_in = copy;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = room - z.avail_out;
    deflateEnd(&z);
    free(copy);
    return n;
}

typedef struct slurped {
    char *text;
    size_t len;
    hp_error err;
} slurped;

/* Writes the bytes to a file and slurps it. */
static hp_status slurp(slurped *out, const char *name, const void *bytes,
                       size_t n, size_t most)
{
    char *path = fixture_path(folder, name);
    *out = (slurped){0};
    fixture_put(folder, name, bytes, n);
    hp_status st = hp__zio_slurp(&out->text, &out->len, path, most, &out->err);
    if (st)
        assert_string_equal(out->err.file, path);
    free(path);
    return st;
}

static void expect_text(const char *name, const void *bytes, size_t n,
                        const char *wanted)
{
    slurped s;
    assert_int_equal(slurp(&s, name, bytes, n, MOST), HP_OK);
    assert_int_equal(s.len, strlen(wanted));
    assert_string_equal(s.text, wanted);
    free(s.text);
}

static void expect_refusal(const char *name, const void *bytes, size_t n,
                           const char *fragment)
{
    slurped s;
    assert_int_equal(slurp(&s, name, bytes, n, MOST), HP_FORMAT);
    if (!strstr(s.err.message, fragment))
        fail_msg("%s: %s", fragment, s.err.message);
    assert_null(s.text);
}

static void plain_text_comes_as_it_is(void **state)
{
    (void)state;
    expect_text("plain.txt", "", 0, "");
    expect_text("plain.txt", "a\r\nb", 4, "a\r\nb");
    expect_text("plain.txt", "\x1f", 1, "\x1f");
}

static void members_are_joined_and_zero_padding_passed_over(void **state)
{
    (void)state;
    unsigned char gz[400] = {0};
    size_t n = pack(gz, sizeof gz, "one\n", 4, 31);
    expect_text("text.gz", gz, n, "one\n");
    expect_text("text", gz, n, "one\n"); /* by content, not by name */
    size_t m = pack(gz + n, sizeof gz - n, "two", 3, 31);
    expect_text("text.gz", gz, n + m, "one\ntwo");
    memset(gz + n + m, 0, 20);
    expect_text("text.gz", gz, n + m + 20, "one\ntwo");
}

static void every_cut_is_seen(void **state)
{
    (void)state;
    unsigned char gz[400];
    size_t n = pack(gz, sizeof gz, "some text to pack", 17, 31);
    for (size_t cut = 2; cut < n; cut++)
        expect_refusal("cut.txt", gz, cut, "gzip data ends too early");
    size_t m = pack(gz + n, sizeof gz - n, "more", 4, 31);
    for (size_t cut = n + 2; cut < n + m; cut++)
        expect_refusal("cut.gz", gz, cut, "gzip data ends too early");
    expect_refusal("cut.gz", gz, 0, "not gzip data, as its name says");
    expect_refusal("cut.gz", "text", 4, "not gzip data, as its name says");
}

static void damage_is_seen(void **state)
{
    (void)state;
    unsigned char gz[400];
    size_t n = pack(gz, sizeof gz, "some text to pack", 17, 31);
    gz[n - 1] ^= 1; /* length */
    expect_refusal("bad.gz", gz, n, "damaged: incorrect length check");
    gz[n - 1] ^= 1;
    gz[n - 5] ^= 1; /* checksum */
    expect_refusal("bad.gz", gz, n, "damaged: incorrect data check");
    gz[n - 5] ^= 1;
    gz[2] = 7; /* method */
    expect_refusal("bad.gz", gz, n, "damaged: unknown compression method");
    gz[2] = 8;
    memset(gz + n, 't', 4);
    expect_refusal("bad.gz", gz, n + 4, "4 bytes follow the gzip data");
}

static void more_than_the_most_is_refused_while_inflating(void **state)
{
    (void)state;
    static char zeros[200000];
    unsigned char gz[2000];
    slurped s;
    size_t n = pack(gz, sizeof gz, zeros, sizeof zeros, 31);
    assert_int_equal(slurp(&s, "bomb.gz", gz, n, 150000), HP_FORMAT);
    assert_string_equal(s.err.message, "larger than 150000 bytes inflated");
    assert_int_equal(slurp(&s, "bomb.gz", gz, n, 200000), HP_OK);
    assert_int_equal(s.len, 200000);
    free(s.text);
    assert_int_equal(slurp(&s, "big.txt", zeros, 9, 8), HP_FORMAT);
    assert_string_equal(s.err.message, "larger than 8 bytes");
}

static void memory_is_inflated_to_the_size_that_is_known(void **state)
{
    (void)state;
    unsigned char z[100];
    char out[8] = "";
    hp_error err = {0};
    static const int bits[] = {15, 31}; /* zlib, gzip */
    for (size_t i = 0; i < 2; i++) {
        size_t n = pack(z, sizeof z, "sample", 6, bits[i]);
        assert_int_equal(hp__zio_inflate(out, 6, z, n, &err), HP_OK);
        assert_memory_equal(out, "sample", 6);
        assert_int_equal(hp__zio_inflate(out, 5, z, n, &err), HP_FORMAT);
        assert_int_equal(hp__zio_inflate(out, 7, z, n, &err), HP_FORMAT);
        assert_string_equal(err.message, "7 bytes were expected, 6 inflated");
        assert_int_equal(hp__zio_inflate(out, 6, z, n - 1, &err), HP_FORMAT);
    }
}

static void an_absent_file_is_an_io_error(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    hp_error err = {0};
    assert_int_equal(hp__zio_slurp(&text, &len, "tests/absent.txt", MOST, &err),
                     HP_IO);
    assert_string_equal(err.message, "no such file");
    assert_int_equal(hp__zio_slurp(&text, &len, "tests", MOST, &err), HP_IO);
    assert_string_equal(err.message, "is a folder");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_comes_as_it_is),
        cmocka_unit_test(members_are_joined_and_zero_padding_passed_over),
        cmocka_unit_test(every_cut_is_seen),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(more_than_the_most_is_refused_while_inflating),
        cmocka_unit_test(memory_is_inflated_to_the_size_that_is_known),
        cmocka_unit_test(an_absent_file_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
