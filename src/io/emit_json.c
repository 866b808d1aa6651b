/*
 * JSON text as the documents have it: two spaces a level, one member a line
 * except where a caller wants a line.
 */
#include "io/emit_json.h"
#include "base/utf8.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hp__emit_start(hp__emitter *e, hp__buffer *out)
{
    *e = (hp__emitter){.out = out};
}

static void break_line(hp__emitter *e)
{
    hp__buffer_text(e->out, "\n");
    for (unsigned i = 0; i < e->depth; i++)
        hp__buffer_text(e->out, "  ");
}

/* How many bytes of ASCII stand in JSON as they are. */
static size_t plain_length(const char *text)
{
    size_t n = 0;
    while (text[n] >= ' ' && text[n] <= '~' && text[n] != '"' &&
           text[n] != '\\')
        n++;
    return n;
}

/* One character that may need more than itself; returns its bytes. */
static size_t emit_character(hp__buffer *out, const char *text, size_t len)
{
    static const char short_from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
    size_t n = hp__utf8_length(text, len);
    const char *escape = strchr(short_from, *text);
    if (!n)
        hp__buffer_text(out, "\xef\xbf\xbd");
    else if (escape)
        hp__buffer_printf(out, "\\%c", to[escape - short_from]);
    else if ((unsigned char)*text < 0x20 || *text == 0x7f)
        hp__buffer_printf(out, "\\u%04x", (unsigned)(unsigned char)*text);
    else
        hp__buffer_add(out, text, n);
    return n ? n : 1;
}

static void emit_text(hp__buffer *out, const char *text)
{
    size_t len = strlen(text);
    hp__buffer_text(out, "\"");
    while (len) {
        size_t n = plain_length(text);
        if (n)
            hp__buffer_add(out, text, n);
        else
            n = emit_character(out, text, len);
        text += n;
        len -= n;
    }
    hp__buffer_text(out, "\"");
}

/* Comma, line break and key in front of a value. */
static void lead(hp__emitter *e, const char *key)
{
    if (e->depth) {
        unsigned d = e->depth - 1;
        if (!e->empty[d])
            hp__buffer_text(e->out, e->inline_[d] ? ", " : ",");
        e->empty[d] = 0;
        if (!e->inline_[d])
            break_line(e);
    }
    if (key) {
        emit_text(e->out, key);
        hp__buffer_text(e->out, ": ");
    }
}

static void open_bracket(hp__emitter *e, const char *key, char bracket,
                         int inline_)
{
    assert(e->depth < sizeof e->empty);
    lead(e, key);
    hp__buffer_add(e->out, &bracket, 1);
    int outer = e->depth && e->inline_[e->depth - 1];
    e->inline_[e->depth] = (unsigned char)(inline_ || outer);
    e->empty[e->depth] = 1;
    e->closer[e->depth++] = bracket == '{' ? '}' : ']';
}

void hp__emit_object(hp__emitter *e, const char *key, int inline_)
{
    open_bracket(e, key, '{', inline_);
}

void hp__emit_array(hp__emitter *e, const char *key, int inline_)
{
    open_bracket(e, key, '[', inline_);
}

void hp__emit_end(hp__emitter *e)
{
    assert(e->depth);
    unsigned d = --e->depth;
    if (!e->empty[d] && !e->inline_[d])
        break_line(e);
    hp__buffer_add(e->out, &e->closer[d], 1);
    if (!d)
        hp__buffer_text(e->out, "\n");
}

void hp__emit_string(hp__emitter *e, const char *key, const char *text)
{
    if (!text) {
        hp__emit_null(e, key);
        return;
    }
    lead(e, key);
    emit_text(e->out, text);
}

static void add_digits(hp__buffer *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    hp__buffer_add(out, digits + at, sizeof digits - at);
}

void hp__emit_uint(hp__emitter *e, const char *key, uint64_t value)
{
    lead(e, key);
    add_digits(e->out, value);
}

void hp__emit_int(hp__emitter *e, const char *key, int64_t value)
{
    lead(e, key);
    if (value < 0)
        hp__buffer_text(e->out, "-");
    add_digits(e->out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* Whatever the locale has for a decimal point, JSON has '.'. */
static void add_number(hp__buffer *out, const char *text)
{
    size_t n;
    while (*text) {
        n = strspn(text, "0123456789+-e");
        hp__buffer_add(out, text, n);
        text += n;
        n = strcspn(text, "0123456789+-e");
        if (n)
            hp__buffer_text(out, ".");
        text += n;
    }
}

void hp__emit_double(hp__emitter *e, const char *key, double value)
{
    char text[64];
    if (!isfinite(value)) {
        hp__emit_null(e, key);
        return;
    }
    lead(e, key);
    /* Any 15 digits survive a normal double, so no fewer need be tried. */
    int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG;
    do
        snprintf(text, sizeof text, "%.*g", digits, value);
    while (strtod(text, NULL) != value && digits++ < DBL_DECIMAL_DIG);
    add_number(e->out, text);
}

void hp__emit_bool(hp__emitter *e, const char *key, int value)
{
    lead(e, key);
    hp__buffer_text(e->out, value ? "true" : "false");
}

void hp__emit_null(hp__emitter *e, const char *key)
{
    lead(e, key);
    hp__buffer_text(e->out, "null");
}
