/* Grows by doubling; the NUL behind the last byte is not counted in len. */
#include "base/buffer.h"
#include "base/checked.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hp__buffer_reserve(hp__buffer *b, size_t n)
{
    size_t need;
    if (b->failed)
        return 0;
    if (hp__add(&need, b->len, n) && hp__add(&need, need, 1)) {
        if (need <= b->room)
            return 1;
        size_t room = b->room < 128 ? 256 : b->room;
        while (room < need && room <= SIZE_MAX / 2)
            room *= 2;
        char *data = room >= need ? realloc(b->data, room) : NULL;
        if (data) {
            b->data = data;
            b->room = room;
            return 1;
        }
    }
    b->failed = 1;
    return 0;
}

void hp__buffer_add(hp__buffer *b, const void *bytes, size_t len)
{
    if (!hp__buffer_reserve(b, len))
        return;
    if (len)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void hp__buffer_text(hp__buffer *b, const char *text)
{
    hp__buffer_add(b, text, strlen(text));
}

void hp__buffer_printf(hp__buffer *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    /* There is room most of the time. */
    int some = hp__buffer_reserve(b, 0);
    size_t left = some ? b->room - b->len : 0;
    int len = vsnprintf(some ? b->data + b->len : NULL, left, fmt, ap);
    va_end(ap);
    if (len < 0)
        b->failed = 1;
    else if ((size_t)len < left)
        b->len += (size_t)len;
    else if (hp__buffer_reserve(b, (size_t)len)) {
        vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

hp_status hp__buffer_take(char **out, size_t *len, hp__buffer *b, hp_error *err)
{
    hp__buffer_add(b, "", 0);
    if (b->failed) {
        size_t reached = b->len;
        hp__buffer_clear(b);
        return hp_fail(err, HP_NOMEM, "out of memory (text of %zu bytes)",
                       reached);
    }
    *out = b->data;
    if (len)
        *len = b->len;
    *b = (hp__buffer){0};
    return HP_OK;
}

void hp__buffer_clear(hp__buffer *b)
{
    free(b->data);
    *b = (hp__buffer){0};
}
