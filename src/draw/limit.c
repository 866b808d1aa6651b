/*
 * The search of auto: how far the loss on held-out text had risen at the steps
 * that were looked at, the limit, and where it ended.
 */
#include "draw/figure.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 480, HEIGHT = 330, LINE = 20, KEY = 62 };

typedef struct plot {
    hp__buffer *b;
    const hp_curve *c;
    double limit; /* nats */
    size_t taken; /* heads */
    hp__scale x, y;
} plot;

static void fit(plot *p)
{
    double low = 0, high = p->limit, most = 0;
    for (size_t i = 0; i < p->c->n; i++) {
        const hp_curve_point *at = &p->c->points[i];
        double error = isfinite(at->delta_error) ? at->delta_error : 0;
        if (!isfinite(at->delta))
            continue;
        low = fmin(low, at->delta - error);
        high = fmax(high, at->delta + error);
        most = fmax(most, at->ratio);
    }
    p->x = hp__scale_fit(0, most > 0 ? most : 1, 0);
    p->y = hp__scale_fit(low, high, 0);
}

static void put_mark(hp__buffer *b, double x, double y, int within)
{
    hp__buffer_printf(
        b, "<path class=\"mark s%d\" d=\"M%.1f %.1f%s\"/>\n", !within, x, y,
        within ? "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0" : "m-4.5-4.5h9v9h-9z");
}

static void put_ring(hp__buffer *b, double x, double y)
{
    hp__buffer_printf(b,
                      "<path class=\"axis\" d=\"M%.1f %.1fm-9 0a9 9 0 1 0 18 "
                      "0a9 9 0 1 0-18 0\"/>\n",
                      x, y);
}

static void put_point(const plot *p, const hp_curve_point *at)
{
    double x = hp__scale_at(&p->x, at->ratio);
    int within = at->delta <= p->limit;
    hp__buffer_printf(p->b, "<g><title>%zu heads pruned: ", at->n_pruned);
    hp__put_number(p->b, at->delta);
    hp__put_error(p->b, at->delta_error);
    hp__buffer_text(p->b, "</title>");
    if (isfinite(at->delta_error) && at->delta_error > 0)
        hp__buffer_printf(p->b,
                          "<path class=\"error line s%d\" d=\"M%.1f "
                          "%.1fV%.1f\"/>\n",
                          !within, x,
                          hp__scale_at(&p->y, at->delta - at->delta_error),
                          hp__scale_at(&p->y, at->delta + at->delta_error));
    put_mark(p->b, x, hp__scale_at(&p->y, at->delta), within);
    if (at->n_pruned == p->taken)
        put_ring(p->b, x, hp__scale_at(&p->y, at->delta));
    hp__buffer_text(p->b, "</g>\n");
}

static void put_points(const plot *p)
{
    int begun = 0;
    for (size_t i = 0; i < p->c->n; i++) {
        const hp_curve_point *at = &p->c->points[i];
        if (!isfinite(at->delta))
            continue;
        hp__buffer_printf(
            p->b, "%s%.1f %.1f", begun ? "L" : "<path class=\"mean\" d=\"M",
            hp__scale_at(&p->x, at->ratio), hp__scale_at(&p->y, at->delta));
        begun = 1;
    }
    if (begun)
        hp__buffer_text(p->b, "\"/>\n");
    for (size_t i = 0; i < p->c->n; i++)
        if (isfinite(p->c->points[i].delta))
            put_point(p, &p->c->points[i]);
}

/* The middle of a new line of the legend, with its text. */
static double new_key(hp__figure *f, const char *text)
{
    double y = f->height + 6;
    hp__svg_label(&f->body, KEY + 36, y + 4, HP__START, text);
    f->height += LINE;
    return y;
}

static void put_keys(hp__figure *f, const hp_limit *limit)
{
    char text[64];
    double y = new_key(f, "within the limit");
    put_mark(&f->body, KEY + 14, y, 1);
    y = new_key(f, "within it, and taken");
    put_mark(&f->body, KEY + 14, y, 1);
    put_ring(&f->body, KEY + 14, y);
    y = new_key(f, "beyond the limit");
    put_mark(&f->body, KEY + 14, y, 0);
    snprintf(text, sizeof text, "the limit: %.6g%s",
             limit->relative ? 100 * limit->value : limit->value,
             limit->relative ? " % of the loss" : " nat");
    y = new_key(f, text);
    hp__svg_line(&f->body, KEY, y, KEY + 28, y, "cut");
}

static void put_table(hp__figure *f, const plot *p)
{
    static const char *const columns[] = {"heads pruned", "share",    "loss",
                                          "rise",         "\xC2\xB1", "within"};
    hp__table_start(&f->table, "What was measured on the way", columns, 6, 31);
    for (size_t i = 0; i < p->c->n; i++) {
        const hp_curve_point *at = &p->c->points[i];
        hp__table_row(&f->table);
        hp__table_number(&f->table, (double)at->n_pruned);
        hp__table_number(&f->table, at->ratio);
        hp__table_number(&f->table, at->loss);
        hp__table_number(&f->table, at->delta);
        hp__table_number(&f->table, at->delta_error);
        hp__table_text(&f->table, at->delta <= p->limit ? "yes" : "no");
        hp__buffer_text(&f->table, "</tr>");
    }
    hp__table_end(&f->table);
}

void hp__draw_limit(hp__figure *f, const hp_choice *c, size_t taken)
{
    plot p = {.b = &f->body, .c = &c->curve, .taken = taken};
    p.limit = c->limit.value;
    if (c->limit.relative)
        p.limit *= c->curve.n ? c->curve.points[0].loss : 0;
    fit(&p);
    f->width = WIDTH;
    f->height = HEIGHT;
    hp__draw_axes(f, &(hp__axes){.x = &p.x,
                                 .y = &p.y,
                                 .x_name = "share of heads pruned",
                                 .y_name = "rise of the loss",
                                 .y_unit = "nat"});
    double y = hp__scale_at(&p.y, p.limit);
    hp__svg_line(&f->body, p.x.from, y, p.x.to, y, "cut");
    put_points(&p);
    f->height += 6;
    put_keys(f, &c->limit);
    f->height += 4;
    hp__buffer_text(&f->title, "How many heads may go");
    hp__buffer_text(&f->caption,
                    "Measured on the windows held out of the calibration data, "
                    "at the steps that the search looked at. Bars are standard "
                    "errors of the rise.");
    put_table(f, &p);
}
