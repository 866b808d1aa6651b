/* Rows as lines of JSON, in the form that README.md gives. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_string(const char *key, const char *text)
{
    printf("\"%s\":\"", key);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else
            putchar((unsigned char)*text < 0x20 ? ' ' : *text);
    putchar('"');
}

static void print_values(const char *key, const double *values, int n)
{
    printf(",\"%s\":[", key);
    for (int i = 0; i < n; i++)
        printf("%s%.7g", i ? "," : "", values[i]);
    putchar(']');
}

void bench_add(bench_row *row, double value, int steady)
{
    if (row->n == BENCH_MOST || row->n_dropped == BENCH_MOST)
        bench_fail("%s: more than %d repetitions", row->name, BENCH_MOST);
    if (!isfinite(value))
        bench_fail("%s: a value is not a number", row->name);
    if (steady)
        row->values[row->n++] = value;
    else
        row->dropped[row->n_dropped++] = value;
}

void bench_print(const bench_row *row)
{
    putchar('{');
    print_string("row", row->name);
    putchar(',');
    print_string("unit", row->unit);
    print_values("values", row->values, row->n);
    print_values("dropped", row->dropped, row->n_dropped);
    if (row->bar > 0.0)
        printf(",\"bar\":%g", row->bar);
    else
        printf(",\"bar\":null");
    printf(",\"better\":\"%s\"", row->lower ? "lower" : "higher");
    if (row->note) {
        putchar(',');
        print_string("note", row->note);
    }
    puts("}");
}

void bench_skip(const char *name, const char *why)
{
    putchar('{');
    print_string("row", name);
    putchar(',');
    print_string("skipped", why);
    puts("}");
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const double *values, int n)
{
    double sorted[BENCH_MOST];
    if (n < 1 || n > BENCH_MOST)
        return (double)NAN;
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
}
