/* Numbers for people, and JSON strings for programs. */
#include "cli/term/console.h"

#include <string.h>

const char *format_count(char out[32], uint64_t n)
{
    char digits[24];
    size_t len =
        (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

const char *format_bytes(char out[32], uint64_t n)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)n;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    snprintf(out, 32, unit && value < 99.95 ? "%.1f %s" : "%.0f %s", value,
             units[unit]);
    return out;
}

size_t text_sequence_length(const unsigned char *c)
{
    if (c[0] < 0x80)
        return 1;
    size_t n = 0;
    if (c[0] >= 0xc2 && c[0] <= 0xdf)
        n = 2;
    else if ((c[0] & 0xf0) == 0xe0)
        n = 3;
    else if (c[0] >= 0xf0 && c[0] <= 0xf4)
        n = 4;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return n;
}

void print_json_bytes(FILE *out, const char *text, size_t len)
{
    fputc('"', out);
    const unsigned char *c = (const unsigned char *)text, *end = c + len;
    while (c < end) {
        size_t n = text_sequence_length(c);
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            fprintf(out, "\\u%04x", *c);
        else if (n)
            fwrite(c, 1, n, out);
        else
            fputs("\\ufffd", out);
        c += n ? n : 1;
    }
    fputc('"', out);
}

void print_json_text(FILE *out, const char *text)
{
    print_json_bytes(out, text, strlen(text));
}

void print_json_pair(FILE *out, const char *name, const char *text)
{
    fprintf(out, "\"%s\": ", name);
    print_json_text(out, text);
    fputs(", ", out);
}
