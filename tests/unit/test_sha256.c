/* SHA-256 against the examples of FIPS 180-4 and NIST's byte-oriented test
 * vectors, by the portable rounds and by the processor's instructions. */
#include "base/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    size_t repeat;
    const char *digest;
} CASES[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1,
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 1000000,
     "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void hash(char out[65], const char *text, size_t repeat, int x86)
{
    hp__sha256 s;
    hp__sha256_init(&s);
    s.x86 = x86;
    for (size_t i = 0; i < repeat; i++)
        hp__sha256_add(&s, text, strlen(text));
    hp__sha256_hex(&s, out);
}

static void digests_are_those_of_the_standard(void **state)
{
    (void)state;
    char digest[65];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        for (int x86 = 0; x86 <= hp__sha256_x86_usable(); x86++) {
            hash(digest, CASES[i].text, CASES[i].repeat, x86);
            assert_string_equal(digest, CASES[i].digest);
        }
}

static void pieces_of_any_length_give_the_same_digest(void **state)
{
    (void)state;
    char bytes[300], whole[65], digest[65];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    hp__sha256 s;
    hp__sha256_init(&s);
    s.x86 = 0;
    hp__sha256_add(&s, bytes, sizeof bytes);
    hp__sha256_hex(&s, whole);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        hp__sha256_init(&s);
        hp__sha256_add(&s, bytes, cut);
        hp__sha256_add(&s, bytes + cut, sizeof bytes - cut);
        hp__sha256_hex(&s, digest);
        assert_string_equal(digest, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standard),
        cmocka_unit_test(pieces_of_any_length_give_the_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
