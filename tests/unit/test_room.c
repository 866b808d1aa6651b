/* Working memory with a file behind it. */
#include "fixture.h"
#include "io/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* All files, one turn of the first and a part of one of the second. */
#define BYTES ((HP__ROOM_FILES + 1) * HP__ROOM_TURN + 700)

static unsigned char value_of(size_t i)
{
    return (unsigned char)(i * i / 7 + 1);
}

/* Puts all but the first 1000 bytes in pieces, last one first. */
static void fill(const hp__room *r, hp_error *err)
{
    static unsigned char bytes[BYTES];
    const size_t ends[] = {BYTES, 3 * HP__ROOM_TURN + 5, 1001, 1000};
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = value_of(i);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hp__room_put(r, ends[i + 1], bytes + ends[i + 1],
                                      ends[i] - ends[i + 1], err),
                         HP_OK);
}

static void assert_filled(const hp__room *r, hp_error *err)
{
    static unsigned char got[BYTES];
    memset(got, 255, sizeof got);
    assert_int_equal(hp__room_get(r, 0, got, BYTES, err), HP_OK);
    for (size_t i = 0; i < BYTES; i++)
        if (got[i] != (i < 1000 ? 0 : value_of(i)))
            fail_msg("byte %zu is %u", i, got[i]);
}

static void what_was_put_is_got(void **state)
{
    (void)state;
    const size_t in_memory[] = {BYTES, BYTES - 1, 0};
    for (size_t i = 0; i < 3; i++) {
        hp__room r = {0};
        hp_error err = {0};
        if (hp__room_open(&r, BYTES, in_memory[i], &err))
            fail_msg("%s", err.message);
        assert_int_equal(r.n_files, i > 0 ? HP__ROOM_FILES : 0);
        fill(&r, &err);
        assert_filled(&r, &err);
        hp__room_close(&r);
    }
}

static void nothing_is_left_in_the_folder(void **state)
{
    (void)state;
    char *folder = fixture_folder();
    hp__room r = {0};
    hp_error err = {0};
    setenv("TMPDIR", folder, 1);
    assert_int_equal(hp__room_open(&r, BYTES, 0, &err), HP_OK);
    unsetenv("TMPDIR");
    assert_int_equal(rmdir(folder), 0); /* it is empty while files are open */
    hp__room_close(&r);
    free(folder);
}

static void failures_are_told(void **state)
{
    (void)state;
    hp__room r = {0};
    hp_error err = {0};
    setenv("TMPDIR", "/no/such/folder", 1);
    assert_int_equal(hp__room_open(&r, BYTES, 0, &err), HP_IO);
    unsetenv("TMPDIR");
    hp__room_close(&r);
    assert_int_equal(hp__room_open(&r, UINT64_MAX, 0, &err), HP_NOMEM);
    hp__room_close(&r);
    assert_int_equal(hp__room_open(&r, (uint64_t)1 << 62, 0, &err), HP_IO);
    assert_non_null(strstr(err.message, "reserve a temporary file"));
    hp__room_close(&r);
    assert_int_equal(hp__room_open(&r, 700, 0, &err), HP_OK);
    assert_int_equal(r.n_files, 1);
    unsigned char byte = 1;
    assert_int_equal(hp__room_get(&r, HP__ROOM_TURN, &byte, 1, &err), HP_IO);
    assert_string_equal(err.message, "a temporary file got shorter");
    close(r.fds[0]);
    assert_int_equal(hp__room_put(&r, 0, &byte, 1, &err), HP_IO);
    assert_non_null(strstr(err.message, "write a temporary file"));
    assert_int_equal(hp__room_get(&r, 0, &byte, 1, &err), HP_IO);
    assert_non_null(strstr(err.message, "read a temporary file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_got),
        cmocka_unit_test(nothing_is_left_in_the_folder),
        cmocka_unit_test(failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
