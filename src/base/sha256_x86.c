/*
 * SHA-256 by the SHA instructions of x86 processors (Intel, "New Instructions
 * Supporting the Secure Hash Algorithm", 2013). The two halves of the state
 * are held as ABEF and CDGH, four rounds need two sha256rnds2, and the message
 * schedule runs four words ahead. About eight times as fast as portable C,
 * which counts because every byte written is hashed for the report.
 */
#include "base/sha256.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define USES_SHA __attribute__((target("sha,sse4.1,ssse3")))

int hp__sha256_x86_usable(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) ||
        !(c & bit_SSSE3))
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}

/* The state as sha256rnds2 wants it, and back. */
USES_SHA static void load_state(__m128i halves[2], const uint32_t state[8])
{
    __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    halves[0] = _mm_alignr_epi8(cdab, efgh, 8);
    halves[1] = _mm_blend_epi16(efgh, cdab, 0xf0);
}

USES_SHA static void store_state(uint32_t state[8], const __m128i halves[2])
{
    __m128i feba = _mm_shuffle_epi32(halves[0], 0x1b);
    __m128i dchg = _mm_shuffle_epi32(halves[1], 0xb1);
    __m128i dcba = _mm_blend_epi16(feba, dchg, 0xf0);
    __m128i hgfe = _mm_alignr_epi8(dchg, feba, 8);
    _mm_storeu_si128((__m128i *)(void *)state, dcba);
    _mm_storeu_si128((__m128i *)(void *)(state + 4), hgfe);
}

USES_SHA static void rounds(__m128i halves[2], __m128i words, const uint32_t *k)
{
    __m128i wk =
        _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)(const void *)k));
    __m128i next = _mm_sha256rnds2_epu32(halves[1], halves[0], wk);
    wk = _mm_shuffle_epi32(wk, 0x0e);
    halves[1] = halves[0];
    halves[0] = next;
    next = _mm_sha256rnds2_epu32(halves[1], halves[0], wk);
    halves[1] = halves[0];
    halves[0] = next;
}

/* Words t .. t + 3 of the schedule from the sixteen before them. */
USES_SHA static __m128i schedule(const __m128i w[4])
{
    __m128i seven_back = _mm_alignr_epi8(w[3], w[2], 4);
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[0], w[1]), seven_back);
    return _mm_sha256msg2_epu32(sum, w[3]);
}

USES_SHA void hp__sha256_x86(uint32_t state[8], const unsigned char *blocks,
                             size_t n_blocks, const uint32_t k[64])
{
    const __m128i big_endian =
        _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i halves[2];
    load_state(halves, state);
    for (; n_blocks; n_blocks--, blocks += 64) {
        const __m128i before[2] = {halves[0], halves[1]};
        __m128i w[4];
        for (int i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(
                _mm_loadu_si128((const __m128i *)(const void *)blocks + i),
                big_endian);
        for (size_t i = 0; i < 16; i++) {
            rounds(halves, w[0], k + 4 * i);
            __m128i next = schedule(w);
            w[0] = w[1];
            w[1] = w[2];
            w[2] = w[3];
            w[3] = next;
        }
        halves[0] = _mm_add_epi32(halves[0], before[0]);
        halves[1] = _mm_add_epi32(halves[1], before[1]);
    }
    store_state(state, halves);
}

#else

int hp__sha256_x86_usable(void)
{
    return 0;
}

void hp__sha256_x86(uint32_t state[8], const unsigned char *blocks,
                    size_t n_blocks, const uint32_t k[64])
{
    (void)state, (void)blocks, (void)n_blocks, (void)k;
}

#endif
