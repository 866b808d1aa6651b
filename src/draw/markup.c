#include "draw/markup.h"

#include "base/utf8.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* U+FFFE and U+FFFF are no characters of XML. */
static int is_noncharacter(const char *text, size_t len)
{
    return len == 3 && !memcmp(text, "\xEF\xBF", 2) &&
           (unsigned char)text[2] >= 0xBE;
}

static void put_character(hp__buffer *b, const char *text, size_t len)
{
    unsigned char c = (unsigned char)*text;
    if (c == '&')
        hp__buffer_text(b, "&amp;");
    else if (c == '<')
        hp__buffer_text(b, "&lt;");
    else if (c == '>')
        hp__buffer_text(b, "&gt;");
    else if (c == '"')
        hp__buffer_text(b, "&quot;");
    else if (c == '\'')
        hp__buffer_text(b, "&#39;");
    else if (c == '\t' || c == '\n')
        hp__buffer_text(b, " ");
    else if (!len || c < 0x20 || c == 0x7F || is_noncharacter(text, len))
        hp__buffer_text(b, replacement);
    else
        hp__buffer_add(b, text, len);
}

void hp__put_cut(hp__buffer *b, const char *text, size_t most)
{
    size_t left = strlen(text);
    for (size_t i = 0; left; i++) {
        size_t len = hp__utf8_length(text, left);
        size_t step = len ? len : 1;
        if (i + 1 >= most && left > step) {
            hp__buffer_text(b, "\xE2\x80\xA6");
            return;
        }
        put_character(b, text, len);
        text += step;
        left -= step;
    }
}

void hp__put_text(hp__buffer *b, const char *text)
{
    hp__put_cut(b, text, SIZE_MAX);
}

void hp__put_number(hp__buffer *b, double value)
{
    if (isnan(value))
        hp__buffer_text(b, "\xE2\x80\x93");
    else
        hp__buffer_printf(b, "%.6g", value);
}

void hp__svg_rect(hp__buffer *b, hp__box box, const char *attributes)
{
    hp__buffer_printf(b,
                      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                      "height=\"%.1f\" %s/>\n",
                      box.x, box.y, box.w, box.h, attributes);
}

void hp__svg_line(hp__buffer *b, double x1, double y1, double x2, double y2,
                  const char *class_name)
{
    hp__buffer_printf(b, "<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s\"/>\n",
                      x1, y1, x2, y2, class_name);
}

void hp__svg_hatch(hp__buffer *b, hp__box box, double step)
{
    double x1 = box.x + box.w, y1 = box.y + box.h;
    if (box.w <= 0 || box.h <= 0)
        return;
    size_t n = (size_t)((box.w + box.h) / step + 0.5);
    hp__buffer_text(b, "<path class=\"hatch\" d=\"");
    /* Every line is x + y = sum, cut where it leaves the box. */
    for (size_t i = 0; i < n; i++) {
        double sum = box.x + box.y + ((double)i + 0.5) * step;
        hp__buffer_printf(b, "M%.1f %.1fL%.1f %.1f", fmax(box.x, sum - y1),
                          fmin(y1, sum - box.x), fmin(x1, sum - box.y),
                          fmax(box.y, sum - x1));
    }
    hp__buffer_text(b, "\"/>\n");
}

void hp__svg_cross(hp__buffer *b, hp__box box)
{
    static const char *const classes[] = {"rim", "cross"};
    double in = box.w * 0.2, x0 = box.x + in, y0 = box.y + in;
    double x1 = box.x + box.w - in, y1 = box.y + box.h - in;
    for (size_t i = 0; i < 2; i++)
        hp__buffer_printf(b,
                          "<path class=\"%s\" d=\"M%.1f %.1fL%.1f %.1f"
                          "M%.1f %.1fL%.1f %.1f\"/>\n",
                          classes[i], x0, y0, x1, y1, x0, y1, x1, y0);
}

void hp__svg_text(hp__buffer *b, double x, double y, hp__anchor anchor,
                  const char *class_name)
{
    static const char *const names[] = {"start", "middle", "end"};
    hp__buffer_printf(
        b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y,
        names[anchor], class_name);
}

void hp__svg_text_up(hp__buffer *b, double x, double y, const char *class_name)
{
    hp__buffer_printf(b,
                      "<text transform=\"translate(%.1f %.1f) rotate(-90)\" "
                      "text-anchor=\"middle\" class=\"%s\">",
                      x, y, class_name);
}

void hp__svg_text_end(hp__buffer *b)
{
    hp__buffer_text(b, "</text>\n");
}

void hp__svg_label(hp__buffer *b, double x, double y, hp__anchor anchor,
                   const char *text)
{
    hp__svg_text(b, x, y, anchor, "text");
    hp__put_cut(b, text, 48);
    hp__svg_text_end(b);
}

void hp__table_start(hp__buffer *b, const char *caption,
                     const char *const *columns, size_t n, unsigned numbers)
{
    hp__buffer_text(b, "<table><caption>");
    hp__put_text(b, caption);
    hp__buffer_text(b, "</caption><thead><tr>");
    for (size_t i = 0; i < n; i++) {
        hp__buffer_text(b, numbers >> i & 1 ? "<th scope=\"col\" class=\"n\">"
                                            : "<th scope=\"col\">");
        hp__put_text(b, columns[i]);
        hp__buffer_text(b, "</th>");
    }
    hp__buffer_text(b, "</tr></thead><tbody>");
}

void hp__table_row(hp__buffer *b)
{
    hp__buffer_text(b, "\n<tr>");
}

void hp__table_text(hp__buffer *b, const char *text)
{
    hp__buffer_text(b, "<td>");
    hp__put_text(b, text);
    hp__buffer_text(b, "</td>");
}

void hp__table_number(hp__buffer *b, double value)
{
    hp__buffer_text(b, "<td class=\"n\">");
    hp__put_number(b, value);
    hp__buffer_text(b, "</td>");
}

void hp__table_end(hp__buffer *b)
{
    hp__buffer_text(b, "\n</tbody></table>\n");
}
