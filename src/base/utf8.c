/* UTF-8 as in RFC 3629, table 3-7 of the Unicode standard. */
#include "base/utf8.h"

#include <string.h>

#define SHOWN 80

static int in_range(unsigned char byte, unsigned low, unsigned high)
{
    return byte >= low && byte <= high;
}

/* The second byte carries the limits against overlong forms, surrogates and
 * what lies past U+10FFFF. */
static int second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return in_range(second, 0xa0, 0xbf);
    case 0xed:
        return in_range(second, 0x80, 0x9f);
    case 0xf0:
        return in_range(second, 0x90, 0xbf);
    case 0xf4:
        return in_range(second, 0x80, 0x8f);
    default:
        return in_range(second, 0x80, 0xbf);
    }
}

size_t hp__utf8_length(const char *text, size_t len)
{
    unsigned char first = len ? (unsigned char)*text : 0xff;
    if (first < 0x80)
        return 1;
    size_t n = in_range(first, 0xc2, 0xdf)   ? 2
               : in_range(first, 0xe0, 0xef) ? 3
               : in_range(first, 0xf0, 0xf4) ? 4
                                             : 0;
    if (!n || n > len || !second_fits(first, (unsigned char)text[1]))
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!in_range((unsigned char)text[i], 0x80, 0xbf))
            return 0;
    return n;
}

size_t hp__utf8_write(char out[4], unsigned long code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[n] | code);
    return n;
}

const char *hp__shorten(char out[HP__SHORT], const char *name, size_t len)
{
    size_t n = len;
    if (n > SHOWN)
        for (n = SHOWN; n && ((unsigned char)name[n] & 0xc0) == 0x80; n--)
            ;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(name[i] ? name[i] : '?');
    memcpy(out + n, "...", 4);
    if (n == len)
        out[n] = '\0';
    return out;
}

const char *hp__shorten_text(char out[HP__SHORT], const char *name)
{
    return hp__shorten(out, name, strlen(name));
}
