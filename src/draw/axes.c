/* The frame that charts share: grid, ticks, names. */
#include "draw/figure.h"

enum { LEFT = 62, RIGHT = 14, TOP = 24, BOTTOM = 46 };

static void put_name(hp__buffer *b, const char *name, const char *unit)
{
    hp__put_cut(b, name, 40);
    if (unit && *unit) {
        hp__buffer_text(b, " (");
        hp__put_cut(b, unit, 24);
        hp__buffer_text(b, ")");
    }
    hp__svg_text_end(b);
}

void hp__draw_axes(hp__figure *f, const hp__axes *a)
{
    double ticks[HP__MAX_TICKS];
    char text[32];
    a->x->from = LEFT;
    a->x->to = f->width - RIGHT;
    a->y->from = f->height - BOTTOM;
    a->y->to = TOP;
    size_t n = hp__scale_ticks(ticks, a->y, 5);
    for (size_t i = 0; i < n; i++) {
        double y = hp__scale_at(a->y, ticks[i]);
        hp__svg_line(&f->body, LEFT, y, a->x->to, y, "grid");
        hp__svg_label(&f->body, LEFT - 7, y + 4, HP__END,
                      hp__scale_label(text, ticks[i]));
    }
    n = hp__scale_ticks(ticks, a->x, 5);
    for (size_t i = 0; i < n; i++) {
        double x = hp__scale_at(a->x, ticks[i]);
        hp__svg_line(&f->body, x, a->y->from, x, a->y->from + 5, "axis");
        hp__svg_label(&f->body, x, a->y->from + 19, HP__MIDDLE,
                      hp__scale_label(text, ticks[i]));
    }
    hp__svg_line(&f->body, LEFT, a->y->from, a->x->to, a->y->from, "axis");
    hp__svg_text(&f->body, (LEFT + a->x->to) / 2, f->height - 8, HP__MIDDLE,
                 "text");
    put_name(&f->body, a->x_name, a->x_unit);
    hp__svg_text_up(&f->body, 13, (a->y->from + TOP) / 2, "text");
    put_name(&f->body, a->y_name, a->y_unit);
}
