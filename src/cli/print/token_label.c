/* Tokens as labels: what they are made of must be seen, and must not break the
 * line that they stand in. */
#include "cli/print/print_attention.h"

#include <string.h>

enum { LABEL = 64 };

/* One character of a label, and the columns that it takes. */
typedef struct glyph {
    char text[8];
    int columns;
} glyph;

static const struct {
    uint32_t low, high;
} wide[] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},  {0xac00, 0xd7a3},
            {0xf900, 0xfaff},   {0xfe30, 0xfe6f},  {0xff00, 0xff60},
            {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};

static int columns_of(uint32_t c)
{
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (c >= wide[i].low && c <= wide[i].high)
            return 2;
    return c < 0x300 || c > 0x36f; /* combining marks stand on another */
}

/* The glyph of the character at `*s`, which moves past it. */
static glyph next_glyph(const char **s)
{
    const unsigned char *u = (const unsigned char *)*s;
    glyph g = {"?", 1};
    size_t n = text_sequence_length(u);
    *s += n ? n : 1;
    if (*u == ' ')
        memcpy(g.text, "\xc2\xb7", 3);
    else if (*u == '\n')
        g = (glyph){"\\n", 2};
    else if (*u == '\t')
        g = (glyph){"\\t", 2};
    else if (n && *u >= 0x20 && *u != 0x7f && !(*u == 0xc2 && u[1] < 0xa0)) {
        static const unsigned char first[] = {0, 0x7f, 0x1f, 0xf, 0x7};
        uint32_t code = u[0] & first[n];
        for (size_t i = 1; i < n; i++)
            code = code << 6 | (u[i] & 0x3f);
        memset(g.text, 0, sizeof g.text);
        memcpy(g.text, u, n);
        g.columns = columns_of(code);
    }
    return g;
}

static const char *text_of(char number[32], const hp_attention_tokens *t,
                           size_t token)
{
    if (t->texts && t->texts[token][0])
        return t->texts[token];
    snprintf(number, 32, "#%d", (int)t->ids[token]);
    return number;
}

int token_columns(const hp_attention_tokens *t, size_t token)
{
    char number[32];
    int columns = 0;
    for (const char *s = text_of(number, t, token); *s && columns < LABEL;)
        columns += next_glyph(&s).columns;
    return columns;
}

void print_token(FILE *out, const hp_attention_tokens *t, size_t token,
                 int columns)
{
    char number[32];
    const char *s = text_of(number, t, token);
    int left = columns;
    if (token_columns(t, token) > columns)
        left--; /* for the mark that something is missing */
    while (*s) {
        glyph g = next_glyph(&s);
        if (g.columns > left)
            break;
        fputs(g.text, out);
        left -= g.columns;
    }
    if (token_columns(t, token) > columns)
        fputs("\xe2\x80\xa6", out);
    for (; left > 0; left--)
        fputc(' ', out);
}
