/* What pruning saves, for people. */
#include "cli/print/print.h"

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100 * (double)part / (double)whole : 0;
}

static void put_row(FILE *out, const char *name, const hp_cost *c,
                    const hp_cost *before)
{
    char text[32];
    fprintf(out, "%-10s%-16s", name, format_count(text, c->parameters));
    fprintf(out, "%-11s", format_bytes(text, c->bytes));
    if (!before->multiply_adds)
        fputs("not known", out);
    else
        fputs(format_count(text, c->multiply_adds), out);
    if (c->multiply_adds < before->multiply_adds)
        fprintf(out, " (%.1f %% fewer)",
                share(before->multiply_adds - c->multiply_adds,
                      before->multiply_adds));
    fputc('\n', out);
}

static void put_table(FILE *out, const hp_forecast *f)
{
    fprintf(out,
            "%.1f %% of the parameters are in heads, %.1f %% in those that go\n"
            "%-10s%-16s%-11smultiply-adds a token, in sequences of %llu\n",
            share(f->in_heads, f->before.parameters),
            share(f->in_pruned_heads, f->before.parameters), "", "parameters",
            "bytes", (unsigned long long)f->length);
    put_row(out, "now", &f->before, &f->before);
    put_row(out, "removed", &f->removed, &f->before);
}

void print_forecast(FILE *out, const hp_forecast *f, int table)
{
    if (table)
        put_table(out, f);
    fprintf(out, "size: %s\nspeed: %s\n", f->size, f->speed);
}
