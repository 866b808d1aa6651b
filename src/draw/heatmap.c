/* Layers down, heads across. */
#include "draw/colour.h"
#include "draw/figure.h"

#include <math.h>
#include <string.h>

enum { TOP = 42, CHARACTER = 7, LEGEND = 66 };

typedef struct grid {
    double left, cell, gap;
    size_t rows, columns;
    double low, high; /* of the scores */
    int has_values, logarithmic;
} grid;

static double cell_size(size_t columns)
{
    if (columns <= 12)
        return 30;
    if (columns <= 16)
        return 25;
    return columns <= 32 ? 18 : 12;
}

static grid grid_of(const hp__view *v)
{
    grid g = {.rows = hp__view_rows(v), .columns = hp__view_columns(v)};
    int label = 2;
    for (size_t i = 0; i < v->n; i = hp__view_next_row(v, i)) {
        int len = hp__view_label_length(&v->heads[i]);
        label = len > label ? len : label;
    }
    g.left = 28 + label * CHARACTER;
    g.cell = cell_size(g.columns);
    g.gap = g.cell > 20 ? 2 : 1;
    g.has_values = hp__view_range(&g.low, &g.high, v);
    g.logarithmic = hp__view_skewed(v);
    return g;
}

static double share_of(const grid *g, double value)
{
    if (g->logarithmic)
        return log(value / g->low) / log(g->high / g->low);
    return g->high > g->low ? (value - g->low) / (g->high - g->low) : 0.5;
}

void hp__put_error(hp__buffer *b, double error)
{
    if (!isfinite(error))
        return;
    hp__buffer_text(b, " \xC2\xB1 ");
    hp__buffer_printf(b, error < 99.5 ? "%.2g" : "%.0f", error);
}

void hp__put_value(hp__buffer *b, double value, const char *unit)
{
    hp__put_number(b, value);
    if (*unit) {
        hp__buffer_text(b, " ");
        hp__put_cut(b, unit, 24);
    }
}

void hp__put_method(hp__buffer *b, const char *method, const char *unit,
                    int has_seed, uint64_t seed)
{
    hp__put_cut(b, *method ? method : "a list of heads", 40);
    if (*unit) {
        hp__buffer_text(b, " (");
        hp__put_cut(b, unit, 24);
        hp__buffer_text(b, ")");
    }
    if (has_seed)
        hp__buffer_printf(b, " (seed %llu)", (unsigned long long)seed);
}

/* "L3 H7" of "3:7"; ids of models with several stacks are said as they are. */
static void put_head_name(hp__buffer *b, const hp_head *h)
{
    if (hp__head_names_stack(h))
        hp__put_cut(b, h->id, 48);
    else
        hp__buffer_printf(b, "L%u H%u", (unsigned)h->layer, (unsigned)h->head);
}

static void put_tooltip(hp__buffer *b, const hp__view *v, size_t i)
{
    hp__buffer_text(b, "<title>");
    put_head_name(b, &v->heads[i]);
    if (v->values && isfinite(v->values[i])) {
        hp__buffer_text(b, " score ");
        hp__put_value(b, v->values[i], v->unit);
    }
    if (v->rank && v->rank[i] < v->model->heads)
        hp__buffer_printf(b, " rank %u of %u", (unsigned)v->rank[i],
                          (unsigned)v->model->heads);
    if (v->pruned)
        hp__buffer_text(b, v->pruned[i] ? ", pruned" : ", kept");
    hp__buffer_text(b, "</title>");
}

static void put_cell(hp__buffer *b, const hp__view *v, const grid *g, size_t i,
                     hp__box box)
{
    char fill[16];
    int known = v->values && isfinite(v->values[i]);
    hp__buffer_text(b, known && share_of(g, v->values[i]) > 0.6
                           ? "<g class=\"bright\">"
                           : "<g>");
    put_tooltip(b, v, i);
    hp__svg_rect(b, box,
                 known ? hp__colour_fill(fill, share_of(g, v->values[i]))
                       : "class=\"unknown\"");
    if (v->pruned && v->pruned[i]) {
        if (box.w > 16)
            hp__svg_hatch(b, box, 6);
        hp__svg_cross(b, box);
    }
    hp__buffer_text(b, "</g>\n");
}

static void put_cells(hp__figure *f, const hp__view *v, const grid *g)
{
    double y = TOP;
    for (size_t i = 0, first = 0, next; i < v->n; i = first = next) {
        const hp_head *h = &v->heads[i];
        next = hp__view_next_row(v, i);
        hp__svg_text(&f->body, g->left - 6, y + g->cell / 2 + 4, HP__END,
                     "text");
        char label[20] = "";
        memcpy(label, h->id, (size_t)hp__view_label_length(h));
        hp__put_text(&f->body, label);
        hp__svg_text_end(&f->body);
        for (; i < next; i++)
            put_cell(&f->body, v, g, i,
                     (hp__box){g->left + (double)hp__view_column(v, first, i) *
                                             g->cell,
                               y, g->cell - g->gap, g->cell - g->gap});
        y += g->cell;
    }
}

static void put_axes(hp__figure *f, const hp__view *v, const grid *g)
{
    size_t every = 1;
    int digits = g->columns > 100 ? 3 : 2;
    while ((double)every * g->cell < digits * CHARACTER + 4)
        every *= every == 2 ? 5 : 2;
    for (size_t i = 0; i < g->columns; i += every) {
        hp__svg_text(&f->body,
                     g->left + ((double)i + 0.5) * g->cell - g->gap / 2,
                     TOP - 7, HP__MIDDLE, "text");
        hp__buffer_printf(&f->body, "%zu", i);
        hp__svg_text_end(&f->body);
    }
    hp__svg_label(&f->body, g->left + (double)g->columns * g->cell / 2, 14,
                  HP__MIDDLE, "head");
    hp__svg_text_up(&f->body, 12, TOP + (double)g->rows * g->cell / 2, "text");
    hp__buffer_text(&f->body, hp__view_row_name(v));
    hp__svg_text_end(&f->body);
}

static void put_bar(hp__figure *f, const hp__view *v, const grid *g, double y)
{
    enum { WIDTH = 160, PIECES = 40 };
    char fill[16];
    double x = g->left, piece = (double)WIDTH / PIECES;
    for (int i = 0; i < PIECES; i++) {
        /* Overlapping, so that no seam shows between the pieces. */
        hp__svg_rect(&f->body, (hp__box){x + i * piece, y, piece + 0.5, 12},
                     hp__colour_fill(fill, (i + 0.5) / PIECES));
    }
    hp__svg_text(&f->body, x, y + 27, HP__START, "text");
    hp__buffer_printf(&f->body, "%.4g", g->low);
    hp__svg_text_end(&f->body);
    hp__svg_text(&f->body, x + WIDTH, y + 27, HP__END, "text");
    hp__buffer_printf(&f->body, "%.4g", g->high);
    hp__svg_text_end(&f->body);
    hp__svg_text(&f->body, x, y + 45, HP__START, "dim");
    hp__put_cut(&f->body, v->method, 16);
    if (*v->unit) {
        hp__buffer_text(&f->body, ", ");
        hp__put_cut(&f->body, v->unit, 12);
    }
    hp__buffer_text(&f->body, v->prunes_highest
                                  ? ": highest go first \xE2\x86\x92"
                                  : ": \xE2\x86\x90 lowest go first");
    hp__svg_text_end(&f->body);
}

static void put_key(hp__figure *f, const hp__view *v, double x, double y)
{
    hp__box box = {x, y - 3, 18, 18};
    hp__svg_rect(&f->body, box, "class=\"unknown\"");
    hp__svg_hatch(&f->body, box, 6);
    hp__svg_cross(&f->body, box);
    hp__svg_text(&f->body, x + 25, y + 11, HP__START, "text");
    hp__buffer_printf(&f->body, "pruned (%zu of %zu)", hp__view_pruned(v),
                      (size_t)v->model->heads);
    hp__svg_text_end(&f->body);
}

static void put_table(hp__figure *f, const hp__view *v)
{
    static const char *const columns[] = {"head", "block", "score", "rank",
                                          "pruned"};
    hp__table_start(&f->table, "Every head", columns, v->pruned ? 5 : 4, 12);
    for (size_t i = 0; i < v->n; i++) {
        hp__table_row(&f->table);
        hp__table_text(&f->table, v->heads[i].id);
        hp__table_text(&f->table, v->heads[i].name);
        hp__table_number(&f->table, v->values ? v->values[i] : (double)NAN);
        hp__table_number(&f->table, v->rank && v->rank[i] < v->model->heads
                                        ? v->rank[i]
                                        : (double)NAN);
        if (v->pruned)
            hp__table_text(&f->table, v->pruned[i] ? "yes" : "no");
        hp__buffer_text(&f->table, "</tr>");
    }
    hp__table_end(&f->table);
}

void hp__draw_heatmap(hp__figure *f, const hp__view *v)
{
    grid g = grid_of(v);
    double legend = TOP + (double)g.rows * g.cell + 16;
    int beside = g.has_values && (double)g.columns * g.cell >= 330;
    f->width = fmax(g.left + (double)g.columns * g.cell + 8, g.left + 250);
    f->height = legend + (g.has_values ? LEGEND - 16 : 24);
    hp__buffer_text(&f->title, g.has_values ? "Scores of all heads"
                                            : "Heads that are pruned");
    put_axes(f, v, &g);
    put_cells(f, v, &g);
    if (g.has_values)
        put_bar(f, v, &g, legend);
    if (v->pruned && beside)
        put_key(f, v, g.left + 190, legend);
    else if (v->pruned) {
        put_key(f, v, g.left, legend + (g.has_values ? LEGEND - 8 : 0));
        f->height = legend + (g.has_values ? LEGEND + 16 : 24);
    }
    hp__buffer_printf(&f->caption, "One cell a head; rows are %ss%s. ",
                      hp__view_row_name(v),
                      v->n && hp__head_names_stack(v->heads)
                          ? " of attention: of the encoder (enc), and of the "
                            "decoder (dec), in which self- and "
                            "cross-attention are apart"
                          : "");
    if (v->pruned)
        hp__buffer_text(&f->caption, "Hatched and crossed cells are pruned. ");
    if (!g.has_values)
        hp__buffer_text(&f->caption, "The document holds no scores.");
    else if (g.logarithmic)
        hp__buffer_text(&f->caption, "Colours are logarithmic. ");
    if (g.has_values && !v->scores)
        hp__buffer_text(&f->caption,
                        "A plan knows the scores of pruned heads only: give "
                        "its scores document too to see the others.");
    put_table(f, v);
}
