/* Heads kept in every block: a full bar is a block with all its heads. */
#include "draw/figure.h"

#include <math.h>
#include <string.h>

enum { TOP = 8, BAR = 260, CHARACTER = 7 };

static void put_row(hp__figure *f, const hp__view *v, size_t first, size_t next,
                    hp__box box, double unit)
{
    char label[20] = "";
    size_t gone = 0;
    for (size_t i = first; i < next; i++)
        gone += v->pruned[i] != 0;
    size_t kept = next - first - gone;
    memcpy(label, v->heads[first].id,
           (size_t)hp__view_label_length(&v->heads[first]));
    hp__svg_text(&f->body, box.x - 6, box.y + box.h / 2 + 4, HP__END, "text");
    hp__put_text(&f->body, label);
    hp__svg_text_end(&f->body);
    hp__box solid = {box.x, box.y, (double)kept * unit, box.h};
    hp__box open = {box.x + solid.w, box.y, (double)gone * unit, box.h};
    if (kept)
        hp__svg_rect(&f->body, solid, "class=\"kept\"");
    if (gone) {
        hp__svg_rect(&f->body, open, "class=\"gone\"");
        hp__svg_hatch(&f->body, open, 7);
    }
    hp__svg_text(&f->body, open.x + open.w + 7, box.y + box.h / 2 + 4,
                 HP__START, "text");
    hp__buffer_printf(&f->body, "%zu of %zu", kept, next - first);
    hp__svg_text_end(&f->body);
    hp__table_row(&f->table);
    hp__table_text(&f->table, label);
    hp__table_text(&f->table, v->heads[first].name);
    hp__table_number(&f->table, (double)kept);
    hp__table_number(&f->table, (double)gone);
    hp__buffer_text(&f->table, "</tr>");
}

static double label_width(const hp__view *v, size_t *widest)
{
    int longest = 2;
    *widest = 1;
    for (size_t i = 0, next; i < v->n; i = next) {
        next = hp__view_next_row(v, i);
        int len = hp__view_label_length(&v->heads[i]);
        longest = len > longest ? len : longest;
        *widest = next - i > *widest ? next - i : *widest;
    }
    return 28 + longest * CHARACTER;
}

static void put_key(hp__figure *f, double x, double y)
{
    hp__box solid = {x, y, 14, 14}, open = {x + 70, y, 14, 14};
    hp__svg_rect(&f->body, solid, "class=\"kept\"");
    hp__svg_label(&f->body, x + 20, y + 11, HP__START, "kept");
    hp__svg_rect(&f->body, open, "class=\"gone\"");
    hp__svg_hatch(&f->body, open, 7);
    hp__svg_label(&f->body, open.x + 20, y + 11, HP__START, "pruned");
}

void hp__draw_kept(hp__figure *f, const hp__view *v)
{
    static const char *const columns[] = {"layer", "block", "kept", "pruned"};
    size_t rows = hp__view_rows(v), widest;
    double left = label_width(v, &widest), y = TOP;
    double pitch = rows <= 16 ? 24 : 16;
    hp__buffer_printf(&f->title, "Heads kept in every %s",
                      hp__view_row_name(v));
    hp__table_start(&f->table, "Heads kept and pruned", columns, 4, 12);
    for (size_t i = 0, next; i < v->n; i = next) {
        next = hp__view_next_row(v, i);
        put_row(f, v, i, next, (hp__box){left, y, BAR, pitch - 4},
                (double)BAR / (double)widest);
        y += pitch;
    }
    hp__table_end(&f->table);
    hp__svg_text_up(&f->body, 12, (TOP + y) / 2, "text");
    hp__buffer_text(&f->body, hp__view_row_name(v));
    hp__svg_text_end(&f->body);
    put_key(f, left, y + 8);
    f->width = left + BAR + 76;
    f->height = y + 30;
    hp__buffer_printf(&f->caption, "%zu of %u heads are pruned.",
                      hp__view_pruned(v), (unsigned)v->model->heads);
}
