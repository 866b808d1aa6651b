#include "headprune/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *hp_status_text(hp_status status)
{
    switch (status) {
#define X(name, text)                                                          \
    case HP_##name:                                                            \
        return text;
        HP_STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

/* Names come from files: no control character of theirs may reach a terminal,
 * nor one of U+0080 to U+009F, in UTF-8 0xc2 and 0x80 to 0x9f. */
static int is_control(const char *c)
{
    unsigned char first = (unsigned char)c[0], second = (unsigned char)c[1];
    return first < 0x20 || first == 0x7f ||
           (first == 0xc2 && second >= 0x80 && second <= 0x9f);
}

static void HP_PRINTF(3, 0)
    set_line(char *out, size_t size, const char *fmt, va_list ap)
{
    vsnprintf(out, size, fmt, ap);
    for (char *c = out; *c; c++) {
        if (!is_control(c))
            continue;
        if ((unsigned char)*c == 0xc2)
            c[1] = '?';
        *c = '?';
    }
}

hp_status hp_fail(hp_error *err, hp_status status, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        set_line(err->message, sizeof err->message, fmt, ap);
        va_end(ap);
        err->file[0] = err->hint[0] = '\0';
    }
    return status;
}

static void set_words(char *out, size_t size, const char *fmt, ...)
    HP_PRINTF(3, 4);
static void set_words(char *out, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_line(out, size, fmt, ap);
    va_end(ap);
}

hp_status hp_fail_file(hp_error *err, hp_status status, const char *file)
{
    if (err && !err->file[0])
        set_words(err->file, sizeof err->file, "%s", file);
    return status;
}

hp_status hp_fail_hint(hp_error *err, hp_status status, const char *fmt, ...)
{
    if (err && !err->hint[0]) {
        va_list ap;
        va_start(ap, fmt);
        set_line(err->hint, sizeof err->hint, fmt, ap);
        va_end(ap);
    }
    return status;
}
