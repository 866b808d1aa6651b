/*
 * Attention of all heads: a square a head, in which queries go down and keys
 * across. Cells of one shade are strokes of one path, each as long as the run
 * of cells beside each other, so that many heads stay a small file.
 */
#include "draw/figure.h"

enum { LEFT = 12, TOP = 22, NAME = 20, LEGEND = 46, LEAST_WIDTH = 440 };

/* A cell has the last shade whose share it reaches; below the first it stays
 * empty. */
static const float shades[] = {0.02F, 0.05F, 0.15F, 0.35F, 0.65F};
enum { SHADES = sizeof shades / sizeof *shades };

typedef struct sheet {
    double side, gap; /* of a square, and between two */
    size_t cells;
} sheet;

static size_t most_heads(const hp_thumbnails *t)
{
    size_t most = 1;
    for (size_t i = 0; i < t->n_blocks; i++)
        if (t->blocks[i].n_heads > most)
            most = t->blocks[i].n_heads;
    return most;
}

static sheet sheet_of(const hp_thumbnails *t)
{
    size_t heads = most_heads(t);
    sheet s = {.side = 36, .gap = 6, .cells = t->cells};
    if (heads <= 16)
        s.side = heads <= 12 ? 72 : 60;
    return s;
}

static size_t shade_of(float value)
{
    size_t k = 0;
    while (k < SHADES && value >= shades[k])
        k++;
    return k;
}

/* Runs of shade `k` (1 to SHADES), counted in cells. */
static void put_shade(hp__buffer *b, const float *values, size_t n, size_t k)
{
    int begun = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0, to; j < n; j = to) {
            const float *row = values + i * n;
            size_t shade = shade_of(row[j]);
            for (to = j + 1; to < n && shade_of(row[to]) == shade;)
                to++;
            if (shade != k)
                continue;
            if (!begun)
                hp__buffer_printf(b, "<path class=\"shade l%zu\" d=\"", k);
            begun = 1;
            hp__buffer_printf(b, "M%zu %zu.5h%zu", j, i, to - j);
        }
    if (begun)
        hp__buffer_text(b, "\"/>\n");
}

static void put_square(hp__buffer *b, const hp_thumbnail_block *block,
                       size_t head, const sheet *s, double y)
{
    double scale = s->side / (double)s->cells;
    hp__buffer_printf(b,
                      "<g transform=\"translate(%.1f %.1f)scale(%.6g)\" "
                      "shape-rendering=\"crispEdges\"><title>block ",
                      LEFT + (double)head * (s->side + s->gap), y, scale);
    hp__put_cut(b, block->name, 80);
    hp__buffer_printf(b, " head %zu</title>", head);
    hp__buffer_printf(b,
                      "<rect class=\"sheet\" width=\"%zu\" height=\"%zu\"/>\n",
                      s->cells, s->cells);
    for (size_t k = 1; k <= SHADES; k++)
        put_shade(b, block->heads[head].values, s->cells, k);
    hp__buffer_text(b, "</g>\n");
}

static void put_row(hp__figure *f, const hp_thumbnail_block *block,
                    const sheet *s, double y)
{
    hp__svg_label(&f->body, LEFT, y + 14, HP__START, block->name);
    for (size_t i = 0; i < block->n_heads; i++) {
        const hp_thumbnail *h = &block->heads[i];
        put_square(&f->body, block, i, s, y + NAME);
        hp__table_row(&f->table);
        hp__table_text(&f->table, block->name);
        hp__table_number(&f->table, (double)i);
        hp__table_number(&f->table, h->first);
        hp__table_number(&f->table, h->previous);
        hp__table_number(&f->table, h->own);
        hp__buffer_text(&f->table, "</tr>");
    }
}

static void put_head_numbers(hp__figure *f, const sheet *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hp__svg_text(&f->body,
                     LEFT + (double)i * (s->side + s->gap) + s->side / 2,
                     TOP - 6, HP__MIDDLE, "dim");
        hp__buffer_printf(&f->body, i ? "%zu" : "head %zu", i);
        hp__svg_text_end(&f->body);
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
        hp__buffer_printf(&f->body, "\xE2\x89\xA5 %.0f %%",
                          100 * (double)shades[k]);
        hp__svg_text_end(&f->body);
    }
}

static void put_words(hp__figure *f, const hp_thumbnails *t)
{
    hp__buffer_printf(&f->title, "What every head attends to, on %zu token%s",
                      t->n_tokens, t->n_tokens == 1 ? "" : "s");
    hp__buffer_text(&f->caption,
                    "Rows of a square attend to its columns; the first token "
                    "is at the top left. The darker or, on a dark ground, the "
                    "brighter a cell, the larger the share.");
    if (t->cells < t->n_tokens)
        hp__buffer_printf(&f->caption,
                          " A square has %zu x %zu cells; each shows the "
                          "greatest share in it.",
                          t->cells, t->cells);
}

void hp__draw_thumbnails(hp__figure *f, const hp_thumbnails *t)
{
    static const char *const columns[] = {"block", "head", "on the first token",
                                          "on the previous", "on itself"};
    sheet s = sheet_of(t);
    size_t heads = most_heads(t);
    double row = NAME + s.side + s.gap;
    f->width = 2 * LEFT + (double)heads * (s.side + s.gap) - s.gap;
    f->width = f->width < LEAST_WIDTH ? LEAST_WIDTH : f->width;
    f->height = TOP + row * (double)t->n_blocks + LEGEND;
    put_words(f, t);
    put_head_numbers(f, &s, heads);
    hp__table_start(&f->table, "Mean shares that queries pay", columns, 5, 30);
    for (size_t i = 0; i < t->n_blocks; i++)
        put_row(f, &t->blocks[i], &s, TOP + row * (double)i);
    hp__table_end(&f->table);
    put_legend(f, f->height - LEGEND + 16);
}
