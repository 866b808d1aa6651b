/* Do two methods want the same heads gone? Ranks, not scores, are compared:
 * they have neither unit nor direction. */
#include "draw/figure.h"

#include "base/arena.h"
#include "eval/statistics.h"

#include <math.h>
#include <stdlib.h>

/* What goes first is smallest; [n_heads]. */
static void put_in_order(double *out, const hp_scores *s)
{
    for (size_t i = 0; i < s->n_heads; i++)
        out[i] = s->prunes_highest ? -s->values[i] : s->values[i];
}

/* Ranks of both from 0 on, [2 * n_heads], freed by free(). */
static hp_status compare(double **ranks, double *rho, const hp_scores *a,
                         const hp_scores *b, hp_error *err)
{
    size_t n = a->n_heads;
    double *values = NULL;
    hp_status st = hp__new(&values, 2 * n, sizeof *values, err);
    if (!st)
        st = hp__new(ranks, 2 * n, sizeof **ranks, err);
    if (st)
        goto done;
    put_in_order(values, a);
    put_in_order(values + n, b);
    st = hp__spearman(rho, values, values + n, n, err);
    if (!st)
        st = hp__mean_ranks(*ranks, values, n, err);
    if (!st)
        st = hp__mean_ranks(*ranks + n, values + n, n, err);
    for (size_t i = 0; i < 2 * n; i++)
        (*ranks)[i] -= 1;
done:
    free(values);
    return st;
}

static void put_points(hp__figure *f, const hp_scores *a, const double *ranks,
                       const hp__scale *x, const hp__scale *y)
{
    for (size_t i = 0; i < a->n_heads; i++) {
        double first = ranks[i], second = ranks[a->n_heads + i];
        hp__buffer_printf(&f->body,
                          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" "
                          "class=\"point\"><title>",
                          hp__scale_at(x, first), hp__scale_at(y, second));
        hp__put_cut(&f->body, a->heads[i].id, 48);
        hp__buffer_printf(&f->body, ": rank %g and %g</title></circle>\n",
                          first, second);
        hp__table_row(&f->table);
        hp__table_text(&f->table, a->heads[i].id);
        hp__table_number(&f->table, first);
        hp__table_number(&f->table, second);
        hp__buffer_text(&f->table, "</tr>");
    }
}

static void put_method(hp__buffer *b, const hp_scores *s)
{
    hp__put_method(b, s->method, "", s->has_seed, s->seed);
}

hp_status hp__draw_agreement(hp__figure *f, const hp_scores *a,
                             const hp_scores *b, hp_error *err)
{
    double *ranks = NULL;
    double rho = (double)NAN;
    hp_status st = compare(&ranks, &rho, a, b, err);
    if (st)
        goto done;
    const char *columns[] = {"head", a->method, b->method};
    hp__scale x = hp__scale_fit(0, (double)(a->n_heads - 1), 0), y = x;
    f->width = 440;
    f->height = 420;
    hp__axes axes = {.x = &x,
                     .y = &y,
                     .x_name = a->method,
                     .y_name = b->method,
                     .x_unit = "rank, 0 goes first",
                     .y_unit = "rank, 0 goes first"};
    hp__draw_axes(f, &axes);
    hp__svg_line(&f->body, x.from, y.from, x.to, y.to, "same");
    hp__table_start(&f->table, "Ranks by both", columns, 3, 6);
    put_points(f, a, ranks, &x, &y);
    hp__table_end(&f->table);
    hp__buffer_text(&f->title, "Agreement of ");
    put_method(&f->title, a);
    hp__buffer_text(&f->title, " and ");
    put_method(&f->title, b);
    hp__buffer_text(&f->caption, "One point a head; on the dotted line both "
                                 "give it the same rank. Spearman's "
                                 "\xCF\x81 = ");
    if (isnan(rho))
        hp__buffer_text(&f->caption, "not defined (all scores are equal).");
    else
        hp__buffer_printf(&f->caption,
                          "%.3f (1: the same order, 0: unrelated, "
                          "\xE2\x88\x92"
                          "1: the reverse).",
                          rho);
done:
    free(ranks);
    return st;
}
