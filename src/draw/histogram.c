/* How many heads have which score. */
#include "draw/figure.h"
#include "draw/scale.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 440, HEIGHT = 290, MOST_BINS = 40 };

/* Of equal width, or with equal ratios of their ends. */
typedef struct bins {
    double low, width; /* of coordinates: values or their logarithms */
    int logarithmic;
    size_t n, most; /* most: heads of the fullest bin */
    size_t kept[MOST_BINS], gone[MOST_BINS];
} bins;

static double coordinate(const bins *b, double value)
{
    return b->logarithmic ? log(value) : value;
}

static double value_at(const bins *b, double coordinate)
{
    return b->logarithmic ? exp(coordinate) : coordinate;
}

/* Where bin k begins. */
static double edge(const bins *b, size_t k)
{
    return value_at(b, b->low + (double)k * b->width);
}

/* Rice's rule: twice the cube root of how many there are; and one more when
 * the bins are moved so that a cut lies between two of them. */
static void place_bins(bins *b, const hp__view *v)
{
    double low = 0, high = 1, cut;
    hp__view_range(&low, &high, v);
    b->logarithmic = hp__view_skewed(v);
    low = coordinate(b, low);
    high = coordinate(b, high);
    b->n = (size_t)ceil(2 * cbrt((double)v->n));
    b->n = b->n < 4 ? 4 : b->n > MOST_BINS - 1 ? MOST_BINS - 1 : b->n;
    if (!(high > low)) {
        b->n = 1;
        low -= 0.5;
        high = low + 1;
    }
    b->low = low;
    b->width = (high - low) / (double)b->n;
    if (b->n > 1 && hp__view_cut(&cut, v)) {
        cut = coordinate(b, cut);
        b->low = cut - ceil((cut - low) / b->width) * b->width;
        b->n++;
    }
}

static void fill_bins(bins *b, const hp__view *v)
{
    memset(b, 0, sizeof *b);
    place_bins(b, v);
    for (size_t i = 0; i < v->n; i++) {
        double at = floor((coordinate(b, v->values[i]) - b->low) / b->width);
        size_t k = at > 0 ? (size_t)fmin(at, (double)(b->n - 1)) : 0;
        if (v->pruned && v->pruned[i])
            b->gone[k]++;
        else
            b->kept[k]++;
        if (b->kept[k] + b->gone[k] > b->most)
            b->most = b->kept[k] + b->gone[k];
    }
}

static void put_bin(hp__figure *f, const bins *b, size_t k, const hp__scale *x,
                    const hp__scale *y)
{
    double from = edge(b, k), to = edge(b, k + 1);
    double left = hp__scale_at(x, from), right = hp__scale_at(x, to);
    double middle = hp__scale_at(y, (double)b->kept[k]);
    double top = hp__scale_at(y, (double)(b->kept[k] + b->gone[k]));
    hp__buffer_text(&f->body, "<g><title>");
    hp__put_number(&f->body, from);
    hp__buffer_text(&f->body, " to ");
    hp__put_number(&f->body, to);
    hp__buffer_printf(&f->body, ": %zu kept, %zu pruned</title>", b->kept[k],
                      b->gone[k]);
    if (b->kept[k])
        hp__svg_rect(
            &f->body,
            (hp__box){left + 1, middle, right - left - 2, y->from - middle},
            "class=\"kept\"");
    if (b->gone[k]) {
        hp__box box = {left + 1, top, right - left - 2, middle - top};
        hp__svg_rect(&f->body, box, "class=\"gone\"");
        hp__svg_hatch(&f->body, box, 7);
    }
    hp__buffer_text(&f->body, "</g>\n");
    hp__table_row(&f->table);
    hp__table_number(&f->table, from);
    hp__table_number(&f->table, to);
    hp__table_number(&f->table, (double)b->kept[k]);
    hp__table_number(&f->table, (double)b->gone[k]);
    hp__buffer_text(&f->table, "</tr>");
}

static void put_cut(hp__figure *f, const hp__view *v, const hp__scale *x,
                    const hp__scale *y)
{
    double cut;
    if (!v->pruned || !hp__view_pruned(v))
        return;
    if (!hp__view_cut(&cut, v)) {
        hp__buffer_text(&f->caption,
                        " There is no single cut: heads were taken layer by "
                        "layer, or some were held back.");
        return;
    }
    double at = hp__scale_at(x, cut);
    int left = at > (x->from + x->to) / 2;
    hp__svg_line(&f->body, at, y->from, at, y->to - 8, "cut");
    hp__svg_text(&f->body, left ? at - 6 : at + 6, y->to - 2,
                 left ? HP__END : HP__START, "text");
    hp__buffer_text(&f->body,
                    v->prunes_highest ? "pruned above " : "pruned below ");
    hp__buffer_printf(&f->body, "%.4g", cut);
    hp__svg_text_end(&f->body);
    hp__buffer_text(&f->caption, " The dashed line lies halfway between the "
                                 "last head pruned and the first kept.");
}

void hp__draw_histogram(hp__figure *f, const hp__view *v)
{
    static const char *const columns[] = {"from", "to", "kept", "pruned"};
    bins b;
    fill_bins(&b, v);
    f->width = WIDTH;
    f->height = HEIGHT;
    double high = b.low + (double)b.n * b.width;
    /* Ends that are not round: bins may stick out of the scores. */
    double room = (high - b.low) / 50;
    hp__scale x = {.low = value_at(&b, b.low - room),
                   .high = value_at(&b, high + room),
                   .logarithmic = b.logarithmic};
    hp__scale y = hp__scale_fit(0, (double)b.most, 0);
    hp__axes axes = {.x = &x,
                     .y = &y,
                     .y_name = "heads",
                     .x_name = v->method,
                     .x_unit = v->unit};
    hp__draw_axes(f, &axes);
    hp__buffer_text(&f->title, "How the scores are spread");
    hp__buffer_text(&f->caption, v->pruned
                                     ? "Heads by score; the hatched ones are "
                                       "pruned."
                                     : "Heads by score.");
    if (b.logarithmic)
        hp__buffer_text(&f->caption, " The axis is logarithmic.");
    hp__table_start(&f->table, "Heads by score", columns, 4, 15);
    for (size_t k = 0; k < b.n; k++)
        put_bin(f, &b, k, &x, &y);
    hp__table_end(&f->table);
    put_cut(f, v, &x, &y);
}
