/* Hashing by a thread of its own gives what hashing in one go gives. */
#define _GNU_SOURCE /* pthread_setattr_default_np; NOLINT(cert-dcl51-cpp) */
#include "base/sha256.h"
#include "prune/hashing.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* More than the ring holds. */
#define BYTES ((size_t)9 << 20)

static unsigned char *make_bytes(void)
{
    unsigned char *bytes = malloc(BYTES);
    uint32_t x = 1;
    assert_non_null(bytes);
    for (size_t i = 0; i < BYTES; i++) {
        x = x * 1664525U + 1013904223U;
        bytes[i] = (unsigned char)(x >> 24);
    }
    return bytes;
}

static void hash_in_one(char out[65], const void *bytes, size_t n)
{
    hp__sha256 s;
    hp__sha256_init(&s);
    hp__sha256_add(&s, bytes, n);
    hp__sha256_hex(&s, out);
}

/* In pieces of `step` bytes, from one buffer that is filled again each time. */
static void hash_in_pieces(char out[65], const unsigned char *bytes, size_t n,
                           size_t step)
{
    hp__hashing *h;
    hp_error err = {0};
    unsigned char *piece = malloc(step);
    assert_non_null(piece);
    assert_int_equal(hp__hashing_open(&h, n, &err), HP_OK);
    for (size_t at = 0; at < n; at += step) {
        size_t part = n - at < step ? n - at : step;
        memcpy(piece, bytes + at, part);
        hp__hashing_add(h, piece, part);
        memset(piece, 0xaa, step);
    }
    hp__hashing_hex(h, out);
    hp__hashing_free(h);
    free(piece);
}

static void check_all(const unsigned char *bytes)
{
    static const size_t lengths[] = {0, 1, 1000, 1 << 20, BYTES - 1, BYTES};
    static const size_t steps[] = {4097, 1 << 19, 3 << 20, BYTES};
    char want[65], got[65];
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        hash_in_one(want, bytes, lengths[i]);
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            hash_in_pieces(got, bytes, lengths[i], steps[k]);
            assert_string_equal(got, want);
        }
    }
}

static void pieces_of_any_length_give_the_same_digest(void **state)
{
    (void)state;
    unsigned char *bytes = make_bytes();
    check_all(bytes);
    free(bytes);
}

static void *nothing(void *payload)
{
    return payload;
}

static void without_a_thread_it_is_the_same(void **state)
{
    (void)state;
    pthread_attr_t before, much;
    pthread_t thread;
    unsigned char *bytes = make_bytes();
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    assert_int_equal(pthread_attr_init(&much), 0);
    assert_int_equal(pthread_attr_setstacksize(&much, (size_t)1 << 47), 0);
    assert_int_equal(pthread_setattr_default_np(&much), 0);
    assert_int_not_equal(pthread_create(&thread, NULL, nothing, NULL), 0);
    check_all(bytes);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    pthread_attr_destroy(&much);
    pthread_attr_destroy(&before);
    free(bytes);
}

static void it_can_be_given_up_at_any_point(void **state)
{
    (void)state;
    hp_error err = {0};
    unsigned char *bytes = make_bytes();
    for (size_t n = 0; n <= BYTES; n += BYTES / 8) {
        hp__hashing *h;
        assert_int_equal(hp__hashing_open(&h, BYTES, &err), HP_OK);
        hp__hashing_add(h, bytes, n);
        hp__hashing_free(h);
    }
    hp__hashing_free(NULL);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_length_give_the_same_digest),
        cmocka_unit_test(without_a_thread_it_is_the_same),
        cmocka_unit_test(it_can_be_given_up_at_any_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
