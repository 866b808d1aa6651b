#ifndef HEADPRUNE_DRAW_MARKUP_H
#define HEADPRUNE_DRAW_MARKUP_H

#include "base/buffer.h"

/*
 * Pieces of SVG and HTML, added to a buffer whose errors are sticky. What
 * comes from a document passes through hp__put_text; everything else is ours.
 * Lengths are in pixels of the figure, kept to a tenth.
 */

/* Escaped for XML and HTML, in text and in quoted attributes. What XML cannot
 * hold (control characters, invalid UTF-8) becomes U+FFFD. */
void hp__put_text(hp__buffer *b, const char *text);
/* At most `most` characters of it; a cut one ends with an ellipsis. */
void hp__put_cut(hp__buffer *b, const char *text, size_t most);
/* Six significant digits; a dash for NaN. */
void hp__put_number(hp__buffer *b, double value);

typedef struct hp__box {
    double x, y, w, h;
} hp__box;

/* `attributes` is trusted: "class=\"kept\"". */
void hp__svg_rect(hp__buffer *b, hp__box box, const char *attributes);
void hp__svg_line(hp__buffer *b, double x1, double y1, double x2, double y2,
                  const char *class_name);
/* Diagonal lines `step` apart inside a box: the mark of what is pruned. */
void hp__svg_hatch(hp__buffer *b, hp__box box, double step);
/* Both diagonals of a box, dark on a pale rim, so that they show on any
 * colour. */
void hp__svg_cross(hp__buffer *b, hp__box box);

typedef enum hp__anchor { HP__START, HP__MIDDLE, HP__END } hp__anchor;
/* A text to be filled in and closed with hp__svg_text_end. */
void hp__svg_text(hp__buffer *b, double x, double y, hp__anchor anchor,
                  const char *class_name);
/* The same, read from bottom to top, centred on (x, y). */
void hp__svg_text_up(hp__buffer *b, double x, double y, const char *class_name);
void hp__svg_text_end(hp__buffer *b);
/* A whole text of our own or a document's. */
void hp__svg_label(hp__buffer *b, double x, double y, hp__anchor anchor,
                   const char *text);

/* <table> with a caption and column heads; `numbers`: bit i set where column i
 * holds numbers. */
void hp__table_start(hp__buffer *b, const char *caption,
                     const char *const *columns, size_t n, unsigned numbers);
void hp__table_row(hp__buffer *b);
void hp__table_text(hp__buffer *b, const char *text);
void hp__table_number(hp__buffer *b, double value);
void hp__table_end(hp__buffer *b);

#endif
