/*
 * Which head stands in for which: a square a block, in which row h and column k
 * say what of head h only head k supplies. Squares stand side by side and wrap.
 */
#include "draw/figure.h"

#include <stdio.h>

/* Narrow enough to shrink to a phone's width. */
enum { LEFT = 12, TOP = 12, NAME = 20, GAP = 12, LEGEND = 46, WIDTH = 480 };
/* Room for the name of a block: "dec.11.cross". */
enum { LEAST = 76 };

static const double shades[] = {0.01, 0.03, 0.1, 0.25, 0.5};
enum { SHADES = sizeof shades / sizeof *shades };

static size_t shade_of(double value)
{
    size_t k = 0;
    while (k < SHADES && value >= shades[k])
        k++;
    return k;
}

static double side_of(const hp_redundant_block *b)
{
    return b->n_heads <= 16 ? 12.0 * (double)b->n_heads : 192.0;
}

static void put_cells(hp__buffer *out, const hp_redundant_block *b)
{
    for (size_t i = 0; i < b->n_heads; i++)
        for (size_t j = 0; j < b->n_heads; j++) {
            double value = b->supplied[i * b->n_heads + j];
            size_t k = shade_of(value);
            if (!k)
                continue;
            hp__buffer_printf(out,
                              "<path class=\"shade l%zu\" d=\"M%zu "
                              "%zu.5h1\"><title>",
                              k, j, i);
            hp__put_cut(out, b->heads[i].id, 40);
            hp__buffer_printf(out, ": %.1f %% only by ", 100 * value);
            hp__put_cut(out, b->heads[j].id, 40);
            hp__buffer_text(out, "</title></path>\n");
        }
}

/* "layer 3" of "3:7", "dec.3.self" of "dec.3.self:7". */
static void put_name(hp__buffer *b, const hp_head *first, double x, double y)
{
    size_t len = (size_t)hp__view_label_length(first);
    char label[32];
    snprintf(label, sizeof label, "%s%.*s",
             hp__head_names_stack(first) ? "" : "layer ",
             (int)(len < 20 ? len : 20), first->id);
    hp__buffer_text(b, "<g><title>");
    hp__put_text(b, first->name);
    hp__buffer_text(b, "</title>");
    hp__svg_label(b, x, y, HP__START, label);
    hp__buffer_text(b, "</g>\n");
}

static void put_square(hp__figure *f, const hp_redundant_block *b, double x,
                       double y)
{
    double side = side_of(b);
    put_name(&f->body, &b->heads[0], x, y + 14);
    hp__buffer_printf(&f->body,
                      "<g transform=\"translate(%.1f %.1f)scale(%.6g)\" "
                      "shape-rendering=\"crispEdges\"><rect class=\"sheet\" "
                      "width=\"%zu\" height=\"%zu\"/>\n",
                      x, y + NAME, side / (double)b->n_heads, b->n_heads,
                      b->n_heads);
    put_cells(&f->body, b);
    hp__buffer_text(&f->body, "</g>\n");
}

static void put_rows(hp__figure *f, const hp_redundant_block *b)
{
    for (size_t i = 0; i < b->n_heads; i++) {
        size_t best = b->n_heads;
        const double *row = b->supplied + i * b->n_heads;
        for (size_t k = 0; k < b->n_heads; k++)
            if (row[k] > 0 && (best == b->n_heads || row[k] > row[best]))
                best = k;
        hp__table_row(&f->table);
        hp__table_text(&f->table, b->heads[i].id);
        hp__table_number(&f->table, b->at[i].energy);
        hp__table_number(&f->table, b->at[i].cost);
        hp__table_number(&f->table, b->at[i].predicted);
        hp__table_text(&f->table, best < b->n_heads ? b->heads[best].id : "");
        hp__buffer_text(&f->table, "</tr>");
    }
}

static void put_legend(hp__figure *f, double y)
{
    for (size_t k = 0; k < SHADES; k++) {
        double x = LEFT + 80 * (double)k;
        hp__svg_rect(&f->body, (hp__box){x, y, 14, 14}, "class=\"sheet\"");
        hp__buffer_printf(&f->body,
                          "<path class=\"shade l%zu\" stroke-width=\"14\" "
                          "d=\"M%.1f %.1fh14\"/>\n",
                          k + 1, x, y + 7);
        hp__svg_text(&f->body, x + 20, y + 11.5, HP__START, "text");
        hp__buffer_printf(&f->body, "\xE2\x89\xA5 %.0f %%", 100 * shades[k]);
        hp__svg_text_end(&f->body);
    }
}

void hp__draw_supplied(hp__figure *f, const hp_redundancy *r)
{
    static const char *const columns[] = {"head", "energy", "cost", "predicted",
                                          "most of it by"};
    double x = LEFT, y = TOP, tallest = 0;
    f->width = WIDTH;
    hp__buffer_text(&f->title, "Which head stands in for which");
    hp__buffer_text(&f->caption,
                    "A square a block; row h, column k: the share of what head "
                    "h puts out that head k supplies and no third head does. "
                    "Heads count from the top left.");
    hp__table_start(&f->table, "What other heads of the block replace", columns,
                    5, 30);
    for (size_t i = 0; i < r->n_blocks; i++) {
        const hp_redundant_block *b = &r->blocks[i];
        double side = side_of(b), wide = side > LEAST ? side : LEAST;
        if (x > LEFT && x + wide > WIDTH - LEFT) {
            x = LEFT;
            y += tallest;
            tallest = 0;
        }
        put_square(f, b, x, y);
        put_rows(f, b);
        x += wide + GAP;
        if (side + NAME + GAP > tallest)
            tallest = side + NAME + GAP;
    }
    hp__table_end(&f->table);
    f->height = y + tallest + LEGEND;
    put_legend(f, f->height - LEGEND + 16);
}
