/* Rows of tsv and md tables, and what tables of heads share. */
#include "cli/print/print.h"

#include <string.h>

/* A tab or line break would split a cell; a bar would end one. */
static void put_clean(FILE *out, output_form form, const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20)
            fputc(' ', out);
        else if (form == FORM_MD && *text == '|')
            fputs("\\|", out);
        else
            fputc(*text, out);
    }
}

void print_cell(FILE *out, output_form form, size_t column, const char *text)
{
    if (form == FORM_MD)
        fputs(column ? " | " : "| ", out);
    else if (column)
        fputc('\t', out);
    put_clean(out, form, text);
}

void print_row_end(FILE *out, output_form form)
{
    fputs(form == FORM_MD ? " |\n" : "\n", out);
}

void print_table_head(FILE *out, output_form form, const char *const *names,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        print_cell(out, form, i, names[i]);
    print_row_end(out, form);
    if (form != FORM_MD)
        return;
    for (size_t i = 0; i < n; i++)
        fputs(i ? " --- |" : "| --- |", out);
    fputc('\n', out);
}

void print_method(FILE *out, const char *method, const char *unit,
                  int prunes_highest)
{
    fputs(method, out);
    if (*unit)
        fprintf(out, " (%s)", unit);
    fprintf(out, ", %s first", prunes_highest ? "highest" : "lowest");
}

static void put_heads(FILE *out, const hp_head *heads, size_t from, size_t to,
                      const unsigned char *mask)
{
    char before = ':';
    for (size_t i = from; i < to; i++) {
        if (!mask[i])
            continue;
        fprintf(out, "%c%u", before, heads[i].head);
        before = ',';
    }
}

/* Columns of the longest name of a block, 10 at least. */
static int name_columns(const hp_head *heads, size_t n)
{
    int columns = 10;
    for (size_t i = 0; i < n; i++) {
        int own = (int)strcspn(heads[i].id, ":");
        columns = own > columns ? own : columns;
    }
    return columns;
}

void print_blocks(FILE *out, const hp_head *heads, size_t n,
                  const unsigned char *mask)
{
    int name = name_columns(heads, n);
    fprintf(out, "%-*s pruned  heads\n", name + 1, "layer");
    for (size_t from = 0, to = 0; from < n; from = to) {
        size_t pruned = 0;
        while (to < n && heads[to].block == heads[from].block)
            pruned += mask[to++];
        /* "9" of "9:3", "dec.0.self" of "dec.0.self:2" */
        const char *id = heads[from].id;
        const char *colon = strrchr(id, ':');
        int len = colon ? (int)(colon - id) : (int)strlen(id);
        fprintf(out, "%-*.*s%4zu of %zu", name, len, id, pruned, to - from);
        if (pruned) {
            fprintf(out, "  %.*s", len, id);
            put_heads(out, heads, from, to, mask);
        }
        fputc('\n', out);
    }
}
