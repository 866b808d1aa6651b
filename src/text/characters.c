/* Reading the characters of a text that was checked once. */
#include "text/characters.h"
#include "base/utf8.h"

#include <string.h>

static size_t skip_ascii(const char *s, size_t at, size_t len)
{
    uint64_t eight;
    while (len - at >= sizeof eight) {
        memcpy(&eight, s + at, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
        at += sizeof eight;
    }
    return at;
}

size_t hp__utf8_check(const char *s, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t n = hp__utf8_length(s + at, len - at);
        if (!n)
            return at;
        at = n == 1 ? skip_ascii(s, at + 1, len) : at + n;
    }
    return len;
}

uint32_t hp__utf8_next(const char *s, size_t *at)
{
    const unsigned char *u = (const unsigned char *)s + *at;
    if (u[0] < 0x80) {
        *at += 1;
        return u[0];
    }
    if (u[0] < 0xE0) {
        *at += 2;
        return (u[0] & 0x1Fu) << 6 | (u[1] & 0x3Fu);
    }
    if (u[0] < 0xF0) {
        *at += 3;
        return (u[0] & 0x0Fu) << 12 | (u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu);
    }
    *at += 4;
    return (u[0] & 0x07u) << 18 | (u[1] & 0x3Fu) << 12 | (u[2] & 0x3Fu) << 6 |
           (u[3] & 0x3Fu);
}

uint32_t hp__utf8_before(const char *s, size_t at)
{
    do
        at--;
    while (((unsigned char)s[at] & 0xC0) == 0x80);
    return hp__utf8_next(s, &at);
}
