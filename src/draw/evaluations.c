/*
 * Evaluations of one metric: a row a document, its value with its standard
 * error, and what it was compared with as an open mark.
 */
#include "draw/figure.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 480, LEFT = 150, RIGHT = 20, TOP = 14, ROW = 30 };

static int is_of(const hp_document *d, hp_metric metric)
{
    return d->eval && d->eval->metric == metric && isfinite(d->eval->value);
}

static void widen(double *low, double *high, double value)
{
    if (!isfinite(value))
        return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

static size_t fit(hp__scale *x, const hp_document *const *docs, size_t n,
                  hp_metric metric)
{
    double low = HUGE_VAL, high = -HUGE_VAL;
    size_t rows = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_of(docs[i], metric))
            continue;
        const hp_eval *e = docs[i]->eval;
        double error = isfinite(e->value_error) ? e->value_error : 0;
        widen(&low, &high, e->value - error);
        widen(&low, &high, e->value + error);
        widen(&low, &high, e->has_base ? e->base_value : (double)NAN);
        rows++;
    }
    *x = hp__scale_fit(low, high, 0);
    x->from = LEFT;
    x->to = WIDTH - RIGHT;
    return rows;
}

/* The last name of a path: what tells documents apart. */
static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void put_row(hp__figure *f, const hp_document *d, const hp__scale *x,
                    double y)
{
    const hp_eval *e = d->eval;
    double at = hp__scale_at(x, e->value);
    hp__svg_text(&f->body, LEFT - 10, y + 4, HP__END, "text");
    hp__put_cut(&f->body, file_name(d->path), 19);
    hp__svg_text_end(&f->body);
    hp__buffer_text(&f->body, "<g><title>");
    hp__put_text(&f->body, d->path);
    hp__buffer_text(&f->body, ": ");
    hp__put_number(&f->body, e->value);
    hp__put_error(&f->body, e->value_error);
    hp__buffer_text(&f->body, "</title>");
    if (isfinite(e->value_error)) {
        double low = hp__scale_at(x, e->value - e->value_error);
        double high = hp__scale_at(x, e->value + e->value_error);
        hp__svg_line(&f->body, low, y, high, y, "line s0");
        hp__svg_line(&f->body, low, y - 4, low, y + 4, "line s0");
        hp__svg_line(&f->body, high, y - 4, high, y + 4, "line s0");
    }
    hp__buffer_printf(&f->body,
                      "<circle class=\"mark s0\" cx=\"%.1f\" cy=\"%.1f\" "
                      "r=\"5\"/></g>\n",
                      at, y);
    if (e->has_base && isfinite(e->base_value))
        hp__buffer_printf(&f->body,
                          "<path class=\"same\" d=\"M%.1f %.1fv20\"/>\n",
                          hp__scale_at(x, e->base_value), y - 10);
}

static void put_axis(hp__figure *f, const hp__scale *x, double y,
                     const char *name)
{
    double ticks[HP__MAX_TICKS];
    char text[32];
    size_t n = hp__scale_ticks(ticks, x, 4);
    for (size_t i = 0; i < n; i++) {
        double at = hp__scale_at(x, ticks[i]);
        hp__svg_line(&f->body, at, TOP, at, y, "grid");
        hp__svg_label(&f->body, at, y + 18, HP__MIDDLE,
                      hp__scale_label(text, ticks[i]));
    }
    hp__svg_line(&f->body, x->from, y, x->to, y, "axis");
    hp__svg_label(&f->body, (x->from + x->to) / 2, y + 37, HP__MIDDLE, name);
}

static void put_numbers(hp__figure *f, const hp_document *d)
{
    const hp_eval *e = d->eval;
    double none = (double)NAN;
    hp__table_row(&f->table);
    hp__table_text(&f->table, d->path);
    hp__table_text(&f->table, e->model.path);
    hp__table_text(&f->table, *e->heads ? e->heads : "none");
    hp__table_number(&f->table, e->value);
    hp__table_number(&f->table, e->value_error);
    hp__table_number(&f->table, e->loss);
    hp__table_number(&f->table, e->has_base ? e->base_value : none);
    hp__table_number(&f->table, e->has_base ? e->delta : none);
    hp__table_number(&f->table, e->has_base ? e->delta_error : none);
    hp__table_number(&f->table, e->has_base ? e->kl : none);
    hp__table_number(&f->table, e->has_base ? e->same_top1 : none);
    hp__table_number(&f->table, (double)e->tokens);
    hp__table_text(&f->table, e->source);
    hp__buffer_text(&f->table, "</tr>");
}

int hp__draw_evaluations(hp__figure *f, const hp_document *const *docs,
                         size_t n, hp_metric metric)
{
    static const char *const columns[] = {
        "document",   "model",      "heads masked", "value",    "\xC2\xB1",
        "loss",       "base value", "loss change",  "\xC2\xB1", "KL",
        "same top-1", "tokens",     "data"};
    hp__scale x;
    size_t rows = fit(&x, docs, n, metric);
    if (!rows)
        return 0;
    double y = TOP + ROW / 2.0;
    const char *name = hp_metric_name(metric);
    hp__table_start(&f->table, "Evaluations", columns, 13, 0x0FF8);
    put_axis(f, &x, TOP + (double)rows * ROW, name);
    for (size_t i = 0; i < n; i++) {
        if (!is_of(docs[i], metric))
            continue;
        put_row(f, docs[i], &x, y);
        put_numbers(f, docs[i]);
        y += ROW;
    }
    hp__table_end(&f->table);
    f->width = WIDTH;
    f->height = TOP + (double)rows * ROW + 48;
    hp__buffer_printf(&f->title, "Evaluations: %s", name);
    hp__buffer_printf(&f->caption,
                      "%s is better. Bars are standard errors; a dotted line "
                      "is what the model was compared with.",
                      hp_metric_rises(metric) ? "Higher" : "Lower");
    return 1;
}
