/*
 * One head's attention as a picture of characters. A share is one of five
 * shades whatever the text, so that heads can be compared; a cell of several
 * tokens is the share that its queries pay to all its keys.
 */
#include "cli/print/print_attention.h"

#include <math.h>
#include <unistd.h>

enum { MOST_LABEL = 14, NUMBERED = 5 };

static const struct {
    double from;
    const char *shade;
    int colour;
} shades[] = {{0.50, "\xe2\x96\x88", 196},
              {0.20, "\xe2\x96\x93", 209},
              {0.05, "\xe2\x96\x92", 223},
              {0.01, "\xe2\x96\x91", 230},
              {0.00, " ", 231}};
enum { N_SHADES = sizeof shades / sizeof *shades };

typedef struct layout {
    const hp_attention *a;
    const hp_attention_tokens *queries, *keys;
    int coloured;
    size_t group; /* tokens of a cell, in both directions */
    int cell;     /* columns of a cell */
    int named;    /* columns have tokens above them and hold numbers */
    int digits, label;
} layout;

static int widest(const hp_attention_tokens *t)
{
    int columns = 1;
    for (size_t i = 0; i < t->n; i++) {
        int n = token_columns(t, i);
        columns = n > columns ? n : columns;
    }
    return columns;
}

static layout layout_of(const cli *c, const hp_attention *a)
{
    const hp_attention_head *v = &a->values[a->head];
    layout l = {.a = a,
                .queries = v->queries,
                .keys = v->keys,
                .coloured = c->con.colour_out,
                .group = 1};
    size_t n = l.keys->n;
    int label = widest(l.queries), width = (int)console_width(STDOUT_FILENO);
    l.label = label < MOST_LABEL ? label : MOST_LABEL;
    label = widest(l.keys);
    for (size_t last = l.queries->n - 1; last; last /= 10)
        l.digits++;
    l.digits += !l.digits;
    int room = width - l.digits - l.label - 2;
    size_t columns = room > 2 ? (size_t)room : 2;
    l.cell = (label > NUMBERED - 1 ? label : NUMBERED - 1) + 1;
    l.named = label <= MOST_LABEL && n * (size_t)l.cell <= columns;
    if (l.named)
        return l;
    l.cell = 2;
    while ((n + l.group - 1) / l.group * 2 > columns)
        l.group++;
    return l;
}

static double share_of(const layout *l, size_t query, size_t key)
{
    size_t n = l->keys->n, past = l->queries->n, queries = 0;
    double sum = 0;
    for (size_t i = query; i < query + l->group && i < past; i++, queries++)
        for (size_t j = key; j < key + l->group && j < n; j++)
            sum += (double)l->a->matrix[i * n + j];
    return sum / (double)queries;
}

static void put_cell(const layout *l, double share)
{
    size_t s = 0;
    while (s + 1 < N_SHADES && share < shades[s].from)
        s++;
    if (l->coloured)
        printf("\033[30;48;5;%dm", shades[s].colour);
    if (l->named)
        printf("%*s%s%3.0f", l->cell - NUMBERED, "",
               l->coloured ? " " : shades[s].shade, 100 * share);
    else
        for (int i = 0; i < l->cell; i++)
            fputs(l->coloured ? " " : shades[s].shade, stdout);
    fputs(l->coloured ? "\033[0m" : "", stdout);
}

/* Above the columns: tokens, or the numbers of every tenth. */
static void put_head(const layout *l)
{
    size_t n = l->keys->n;
    printf("%*s", l->digits + l->label + 2, "");
    for (size_t j = 0; l->named && j < n; j++) {
        printf("%*s", l->cell - (j ? 0 : 1) - token_columns(l->keys, j), "");
        print_token(stdout, l->keys, j, token_columns(l->keys, j));
    }
    for (size_t j = 0; !l->named && j * l->group < n; j += 5)
        printf("%-*zu", (j + 5) * l->group < n ? 5 * l->cell : 0, j * l->group);
    putchar('\n');
}

static void put_legend(const layout *l)
{
    printf("\nrows attend to columns, %s",
           l->named ? "in percent" : "share of a row:");
    for (size_t s = N_SHADES - 1; s-- && !l->named;) {
        if (l->coloured)
            printf(" \033[30;48;5;%dm  \033[0m", shades[s].colour);
        else
            printf(" %s%s", shades[s].shade, shades[s].shade);
        printf(" %g %%%s", 100 * shades[s].from, s ? "," : " and more");
    }
    if (l->group > 1)
        printf("; a cell is %zu x %zu tokens", l->group, l->group);
    putchar('\n');
}

void print_heat(const cli *c, const hp_attention *a)
{
    layout l = layout_of(c, a);
    size_t n = l.keys->n;
    int causal = l.keys == l.queries && isnan(a->values[a->head].next);
    put_head(&l);
    for (size_t i = 0; i < l.queries->n; i += l.group) {
        printf("%*zu ", l.digits, i);
        print_token(stdout, l.queries, i, l.label);
        putchar(' ');
        for (size_t j = 0; j < n && !(causal && j > i); j += l.group) {
            fputs(l.named && j ? " " : "", stdout);
            put_cell(&l, share_of(&l, i, j));
        }
        putchar('\n');
    }
    put_legend(&l);
}
