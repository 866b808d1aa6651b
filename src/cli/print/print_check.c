/* The outcome of a check: a line for every rule, whoever reads it. */
#include "cli/print/print_check.h"
#include "cli/print/print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void print_human(const cli *c, const hp_check *check)
{
    for (size_t i = 0; i < check->n_findings; i++) {
        const hp_finding *f = &check->findings[i];
        const char *word = f->holds ? "holds" : "broken";
        const char *colour = f->holds ? "\033[32m" : "\033[1;31m";
        if (c->con.colour_out)
            printf("%s%-6s\033[0m", colour, word);
        else
            printf("%-6s", word);
        printf(" %s: %s\n", hp_rule_name(f->rule), f->message);
    }
}

/* As GitHub's runner wants it: data escapes %, CR and LF, properties ':' and
 * ',' besides. */
static void put_escaped(const char *text, int property)
{
    for (; *text; text++) {
        if (*text == '%' || *text == '\r' || *text == '\n' ||
            (property && (*text == ':' || *text == ',')))
            printf("%%%02X", (unsigned)*text);
        else
            putchar(*text);
    }
}

static void print_github(const hp_check *check)
{
    for (size_t i = 0; i < check->n_findings; i++) {
        const hp_finding *f = &check->findings[i];
        fputs(f->holds ? "::notice " : "::error ", stdout);
        if (strcmp(check->baseline, "-") != 0) {
            fputs("file=", stdout);
            put_escaped(check->baseline, 1);
            putchar(',');
        }
        fputs("title=", stdout);
        put_escaped("headprune ", 1);
        put_escaped(hp_rule_name(f->rule), 1);
        fputs("::", stdout);
        put_escaped(check->model->path, 0);
        fputs(": ", stdout);
        put_escaped(f->message, 0);
        putchar('\n');
    }
}

static void put_number(FILE *out, output_form form, size_t column, double value,
                       int percent)
{
    char text[48] = "";
    if (isfinite(value))
        snprintf(text, sizeof text, "%.6g%s", percent ? 100 * value : value,
                 percent ? " %" : "");
    print_cell(out, form, column, text);
}

void print_check_rows(FILE *out, const hp_check *check, output_form form)
{
    static const char *const names[] = {"rule",  "holds",  "before", "after",
                                        "limit", "change", "message"};
    print_table_head(out, form, names, 7);
    for (size_t i = 0; i < check->n_findings; i++) {
        const hp_finding *f = &check->findings[i];
        double limit = f->rule == HP_RULE_HEADS ? (double)NAN : f->limit.value;
        print_cell(out, form, 0, hp_rule_name(f->rule));
        print_cell(out, form, 1, f->holds ? "yes" : "no");
        put_number(out, form, 2, f->before, 0);
        put_number(out, form, 3, f->after, 0);
        put_number(out, form, 4, limit, f->limit.relative);
        put_number(out, form, 5, f->change, f->limit.relative);
        print_cell(out, form, 6, f->message);
        print_row_end(out, form);
    }
}

static void print_ndjson(const hp_check *check)
{
    for (size_t i = 0; i < check->n_findings; i++) {
        const hp_finding *f = &check->findings[i];
        fputs("{\"type\": \"rule\", ", stdout);
        print_json_pair(stdout, "rule", hp_rule_name(f->rule));
        printf("\"holds\": %s, \"message\": ", f->holds ? "true" : "false");
        print_json_text(stdout, f->message);
        fputs("}\n", stdout);
    }
    fputs("{\"type\": \"summary\", ", stdout);
    print_json_pair(stdout, "model", check->model->path);
    print_json_pair(stdout, "baseline", check->baseline);
    printf("\"passed\": %s}\n", hp_check_passes(check) ? "true" : "false");
}

hp_status print_check(const cli *c, const hp_check *check, hp_error *err)
{
    char *text = NULL;
    hp_status st = HP_OK;
    if (c->opt.value[OPT_FORMAT].number == FORM_GITHUB) {
        print_github(check);
        return HP_OK;
    }
    switch (cli_form(c)) {
    case FORM_HUMAN:
        print_human(c, check);
        break;
    case FORM_NDJSON:
        print_ndjson(check);
        break;
    case FORM_TSV:
    case FORM_MD:
        print_check_rows(stdout, check, cli_form(c));
        break;
    case FORM_JSON:
        st = hp_document_check(&text, check, err);
        if (!st)
            fputs(text, stdout);
        free(text);
        break;
    }
    return st;
}
