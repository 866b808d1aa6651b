#include "base/base64.h"

#include <stdint.h>
#include <string.h>

/* -1: no digit. */
static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

hp_status hp__base64_decode(hp__buffer *out, const char *text, const char *what,
                            hp_error *err)
{
    size_t len = strlen(text), n = len;
    uint32_t bits = 0;
    while (n && len - n < 2 && text[n - 1] == '=')
        n--;
    if (len % 4)
        return hp_fail(err, HP_FORMAT,
                       "%s: %zu characters are no whole number of base64 "
                       "groups",
                       what, len);
    if (!hp__buffer_reserve(out, len / 4 * 3 + 1))
        return hp_fail(err, HP_NOMEM, "out of memory (%zu bytes)", len);
    for (size_t i = 0; i < n; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return hp_fail(err, HP_FORMAT,
                           "%s: byte 0x%02X at %zu is no base64 digit", what,
                           (unsigned)(unsigned char)text[i], i);
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 == 0)
            continue;
        out->data[out->len++] = (char)(bits >> (6 - i % 4 * 2) & 0xFF);
    }
    out->data[out->len] = '\0';
    return HP_OK;
}
