/*
 * A sweep: the metric against the share of heads pruned. The reference (random
 * choices) is a band from its best to its worst seed; every other method is a
 * line with a mark of its own shape, so that no line is told by colour alone.
 */
#include "draw/figure.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 480, HEIGHT = 350, LINE = 20, SHAPES = 6, LOG_FROM = 4 };

typedef struct plot {
    hp__buffer *b;
    const hp_sweep *s;
    const hp_sweep_row **rows; /* [n_rows] of one method, by heads pruned */
    size_t n;
    double aside; /* pixels, so that marks of methods do not hide each other */
    hp__scale x, y;
} plot;

static int by_share(const void *a, const void *b)
{
    const hp_sweep_row *x = *(const hp_sweep_row *const *)a;
    const hp_sweep_row *y = *(const hp_sweep_row *const *)b;
    if (x->n_pruned != y->n_pruned)
        return x->n_pruned < y->n_pruned ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* What can be drawn of a method. */
static void take_rows(plot *p, const char *method)
{
    p->n = 0;
    for (size_t i = 0; i < p->s->n_rows; i++)
        if (!strcmp(p->s->rows[i].method, method) &&
            isfinite(p->s->rows[i].value))
            p->rows[p->n++] = &p->s->rows[i];
    if (p->n)
        qsort(p->rows, p->n, sizeof(void *), by_share);
}

static int is_reference(const char *method)
{
    return !strcmp(method, HP_SWEEP_REFERENCE);
}

/* 1 for the first row of its method. */
static int starts_method(const hp_sweep *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!strcmp(s->rows[k].method, s->rows[i].method))
            return 0;
    return 1;
}

static double share_x(const plot *p, size_t n_pruned)
{
    double heads = p->s->model.heads;
    return hp__scale_at(&p->x, heads > 0 ? (double)n_pruned / heads : 0) +
           (n_pruned ? p->aside : 0);
}

static double value_y(const plot *p, double value)
{
    /* An error bar may leave a logarithmic axis. */
    double inside = fmin(fmax(value, p->y.low), p->y.high);
    return hp__scale_at(&p->y, inside);
}

/* The standard error of a method's point; NaN for a mean over seeds. */
static double error_of(const hp_sweep *s, const hp_sweep_row *row)
{
    double error = (double)NAN;
    size_t n = 0;
    for (size_t i = 0; i < s->n_points; i++) {
        const hp_sweep_point *point = &s->points[i];
        if (strcmp(point->method, row->method) != 0 ||
            point->n_pruned != row->n_pruned)
            continue;
        error = point->error;
        n++;
    }
    return n == 1 ? error : (double)NAN;
}

static void widen(double *low, double *high, double value)
{
    if (!isfinite(value))
        return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

static void fit(plot *p)
{
    double low = HUGE_VAL, high = -HUGE_VAL, most = 0;
    widen(&low, &high, p->s->baseline.value);
    for (size_t i = 0; i < p->s->n_rows; i++) {
        const hp_sweep_row *row = &p->s->rows[i];
        double error = error_of(p->s, row);
        widen(&low, &high, row->value);
        widen(&low, &high, row->value - (isnan(error) ? 0 : error));
        widen(&low, &high, row->value + (isnan(error) ? 0 : error));
        widen(&low, &high, row->min);
        widen(&low, &high, row->max);
        most = fmax(most, (double)row->n_pruned);
    }
    double heads = fmax(p->s->model.heads, 1);
    p->x = hp__scale_fit(0, most > 0 ? most / heads : 1, 0);
    p->y = hp__scale_fit(low, high, low > 0 && high / low > LOG_FROM);
}

static void put_band(const plot *p)
{
    if (p->n < 2)
        return;
    hp__buffer_text(p->b, "<path class=\"band\" d=\"");
    for (size_t i = 0; i < p->n; i++)
        hp__buffer_printf(p->b, "%c%.1f %.1f", i ? 'L' : 'M',
                          share_x(p, p->rows[i]->n_pruned),
                          value_y(p, p->rows[i]->max));
    for (size_t i = p->n; i--;)
        hp__buffer_printf(p->b, "L%.1f %.1f", share_x(p, p->rows[i]->n_pruned),
                          value_y(p, p->rows[i]->min));
    hp__buffer_text(p->b, "Z\"/>\n");
}

static void put_seeds(const plot *p)
{
    for (size_t i = 0; i < p->s->n_points; i++) {
        const hp_sweep_point *point = &p->s->points[i];
        if (!is_reference(point->method) || !isfinite(point->value))
            continue;
        hp__buffer_printf(p->b,
                          "<circle class=\"seed\" cx=\"%.1f\" cy=\"%.1f\" "
                          "r=\"2.5\"><title>",
                          share_x(p, point->n_pruned),
                          value_y(p, point->value));
        hp__put_method(p->b, point->method, "", point->has_seed, point->seed);
        hp__buffer_printf(p->b, ", %zu heads pruned: ", point->n_pruned);
        hp__put_number(p->b, point->value);
        hp__buffer_text(p->b, "</title></circle>\n");
    }
}

static void put_mark(hp__buffer *b, double x, double y, size_t shape)
{
    static const char *const marks[SHAPES] = {
        "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0",
        "m-4.5-4.5h9v9h-9z",
        "m0-6l5.5 10h-11z",
        "m0-6l5.5 6l-5.5 6l-5.5-6z",
        "m0 6l5.5-10h-11z",
        "m-5-5l10 10m0-10l-10 10"};
    hp__buffer_printf(b, "<path class=\"mark s%zu\" d=\"M%.1f %.1f%s\"/>\n",
                      shape, x, y, marks[shape]);
}

static void put_error_bar(const plot *p, double x, double value, double error,
                          size_t shape)
{
    if (isnan(error))
        return;
    double low = value_y(p, value - error), high = value_y(p, value + error);
    hp__buffer_printf(p->b,
                      "<path class=\"error line s%zu\" d=\"M%.1f %.1fV%.1f"
                      "M%.1f %.1fh8M%.1f %.1fh8\"/>\n",
                      shape, x, low, high, x - 4, low, x - 4, high);
}

static void put_line(const plot *p, size_t shape)
{
    hp__buffer_printf(p->b, "<path class=\"line s%zu\" d=\"M%.1f %.1f", shape,
                      share_x(p, 0), value_y(p, p->s->baseline.value));
    for (size_t i = 0; i < p->n; i++)
        hp__buffer_printf(p->b, "L%.1f %.1f", share_x(p, p->rows[i]->n_pruned),
                          value_y(p, p->rows[i]->value));
    hp__buffer_text(p->b, "\"/>\n");
    for (size_t i = 0; i < p->n; i++) {
        const hp_sweep_row *row = p->rows[i];
        double x = share_x(p, row->n_pruned), error = error_of(p->s, row);
        hp__buffer_text(p->b, "<g><title>");
        hp__put_cut(p->b, row->method, 40);
        hp__buffer_printf(p->b, ", %zu heads pruned: ", row->n_pruned);
        hp__put_number(p->b, row->value);
        hp__put_error(p->b, error);
        hp__buffer_text(p->b, "</title>");
        put_error_bar(p, x, row->value, error, shape);
        put_mark(p->b, x, value_y(p, row->value), shape);
        hp__buffer_text(p->b, "</g>\n");
    }
}

/* One line of the legend for every method, and one for the baseline. */
static void put_key(hp__figure *f, size_t shape, int reference,
                    const char *method)
{
    double x = 62, y = f->height + 6;
    f->height += LINE;
    if (reference)
        hp__svg_rect(&f->body, (hp__box){x, y - 7, 28, 14}, "class=\"band\"");
    hp__buffer_printf(&f->body, "<path class=\"%s\" d=\"M%.1f %.1fh28\"/>\n",
                      reference ? "mean" : "base", x, y);
    if (shape < SHAPES) {
        hp__buffer_printf(&f->body,
                          "<path class=\"line s%zu\" d=\"M%.1f %.1fh28\"/>\n",
                          shape, x, y);
        put_mark(&f->body, x + 14, y, shape);
    }
    hp__svg_text(&f->body, x + 36, y + 4, HP__START, "text");
    hp__put_cut(&f->body, method, 32);
    if (reference)
        hp__buffer_text(&f->body, ": all seeds, and their mean");
    hp__svg_text_end(&f->body);
}

static void put_methods(hp__figure *f, plot *p)
{
    size_t shape = 0;
    take_rows(p, HP_SWEEP_REFERENCE);
    put_band(p);
    put_seeds(p);
    if (p->n) {
        hp__buffer_text(p->b, "<path class=\"mean\" d=\"");
        for (size_t i = 0; i < p->n; i++)
            hp__buffer_printf(p->b, "%c%.1f %.1f", i ? 'L' : 'M',
                              share_x(p, p->rows[i]->n_pruned),
                              value_y(p, p->rows[i]->value));
        hp__buffer_text(p->b, "\"/>\n");
        put_key(f, SHAPES, 1, HP_SWEEP_REFERENCE);
    }
    for (size_t i = 0; i < p->s->n_rows; i++) {
        const char *method = p->s->rows[i].method;
        if (is_reference(method) || !starts_method(p->s, i))
            continue;
        take_rows(p, method);
        p->aside = shape % 2 ? 4 : -4;
        put_line(p, shape % SHAPES);
        put_key(f, shape++ % SHAPES, 0, method);
    }
}

static void put_table(hp__figure *f, const hp_sweep *s)
{
    static const char *const columns[] = {
        "method",       "share pruned", "heads", "value",  "\xC2\xB1",
        "change",       "random mean",  "min",   "max",    "z",
        "seeds beaten", "seeds",        "p",     "verdict"};
    hp__table_start(&f->table, "Every method and share, against random choices",
                    columns, 14, 0x1FFE);
    for (size_t i = 0; i < s->n_rows; i++) {
        const hp_sweep_row *r = &s->rows[i];
        int judged = r->verdict != HP_VERDICT_NONE;
        double none = (double)NAN;
        hp__table_row(&f->table);
        hp__table_text(&f->table, r->method);
        hp__table_number(&f->table, r->ratio);
        hp__table_number(&f->table, (double)r->n_pruned);
        hp__table_number(&f->table, r->value);
        hp__table_number(&f->table, error_of(s, r));
        hp__table_number(&f->table, r->delta);
        hp__table_number(&f->table, r->mean);
        hp__table_number(&f->table, r->min);
        hp__table_number(&f->table, r->max);
        hp__table_number(&f->table, judged ? r->z : none);
        hp__table_number(&f->table, judged ? (double)r->wins : none);
        hp__table_number(&f->table, (double)r->n_seeds);
        hp__table_number(&f->table, judged ? r->p : none);
        hp__table_text(&f->table, judged ? hp_verdict_text(r->verdict) : "");
        hp__buffer_text(&f->table, "</tr>");
    }
    hp__table_end(&f->table);
}

hp_status hp__draw_curves(hp__figure *f, const hp_sweep *s, hp_error *err)
{
    plot p = {.b = &f->body, .s = s};
    hp_status st = hp__new(&p.rows, s->n_rows + 1, sizeof(void *), err);
    if (st)
        return st;
    const char *metric = hp_metric_name(s->baseline.metric);
    fit(&p);
    f->width = WIDTH;
    f->height = HEIGHT;
    hp__axes axes = {.x = &p.x,
                     .y = &p.y,
                     .x_name = "share of heads pruned",
                     .y_name = metric,
                     .y_unit = hp_metric_rises(s->baseline.metric)
                                   ? "higher is better"
                                   : "lower is better"};
    hp__draw_axes(f, &axes);
    double base = value_y(&p, s->baseline.value);
    hp__svg_line(&f->body, p.x.from, base, p.x.to, base, "base");
    f->height += 6;
    put_methods(f, &p);
    put_key(f, SHAPES, 0, "nothing pruned");
    hp__buffer_text(&f->title, "What pruning costs");
    hp__buffer_printf(&f->caption,
                      "Metric: %s%s. The band spans the seeds of random "
                      "choices. Bars are standard errors over the windows of "
                      "the text; all points share these, so differences "
                      "between points are surer than the bars suggest.",
                      metric, p.y.logarithmic ? ", on a logarithmic axis" : "");
    put_table(f, s);
    free(p.rows);
    return HP_OK;
}
