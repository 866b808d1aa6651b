/* Differences of two checkpoints: for people what differs, for programs a line
 * for every tensor and every head. */
#include "cli/print/print.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One tensor or head. */
typedef struct line {
    const char *what, *name;
    hp_diff_verdict verdict;
    const hp_difference *values;
} line;

static line tensor_line(const hp_diff_tensor *t)
{
    return (line){"tensor", t->name, t->verdict, &t->values};
}

static line head_line(const hp_diff_head *h)
{
    return (line){"head", h->head->id, h->verdict, &h->values};
}

/* ---- for people ---- */

/* The heads of one verdict, as --heads takes them. */
static hp_status put_list(const hp_diff *d, hp_diff_verdict verdict,
                          hp_error *err)
{
    const hp_diff_side *side = verdict == HP_DIFF_ADDED ? &d->b : &d->a;
    size_t n = hp_model_n_heads(side->model);
    const hp_head *heads = side->heads;
    unsigned char *mask = calloc(n + 1, 1);
    char *text = NULL;
    if (!mask)
        return hp_fail(err, HP_NOMEM, "no memory for %zu heads", n);
    for (size_t i = 0; i < d->n_heads; i++)
        if (d->heads[i].verdict == verdict)
            mask[d->heads[i].head - heads] = 1;
    hp_status st = hp_heads_format(&text, mask, heads, n, err);
    if (!st)
        printf("heads %s: %s\n", hp_diff_verdict_name(verdict), text);
    free(text);
    free(mask);
    return st;
}

static void put_counts(const char *what, const size_t counts[HP_DIFF_VERDICTS])
{
    const char *before = "";
    printf("%-9s", what);
    for (int v = 0; v < HP_DIFF_VERDICTS; v++) {
        if (!counts[v])
            continue;
        printf("%s%zu %s", before, counts[v],
               hp_diff_verdict_name((hp_diff_verdict)v));
        before = ", ";
    }
    puts(*before ? "" : "none");
}

static void put_side(const char *name, const hp_diff_side *s)
{
    printf("%-9s%s", name, hp_checkpoint_path(s->checkpoint));
    if (s->model)
        printf(" (%s, %u heads)", hp_model_info_get(s->model)->model_type,
               hp_model_info_get(s->model)->heads);
    putchar('\n');
}

static const char *number(char out[32], double value)
{
    if (isnan(value))
        return "not a number";
    snprintf(out, 32, "%.3g", value);
    return out;
}

static void put_line(const line *l)
{
    char max_abs[32], relative[32], count[32];
    const hp_difference *v = l->values;
    printf("%-10s", hp_diff_verdict_name(l->verdict));
    if (v->differing) {
        snprintf(count, sizeof count, "%" PRIu64 " of %" PRIu64, v->differing,
                 v->compared);
        printf("%-24s  %-12s  %-12s  ", count, number(max_abs, v->max_abs),
               number(relative, v->relative));
    } else {
        printf("%-24s  %-12s  %-12s  ", "", "", "");
    }
    printf("%s%s", strcmp(l->what, "head") ? "" : "head ", l->name);
}

static void put_shape(const hp_tensor *t)
{
    putchar('[');
    for (unsigned i = 0; i < t->n_dims; i++)
        printf("%s%" PRIu64, i ? ", " : "", t->dims[i]);
    putchar(']');
}

/* What is stored differently. */
static void put_storage(const hp_diff_tensor *t)
{
    if (!t->a || !t->b)
        return;
    int resized = t->verdict == HP_DIFF_RESIZED || t->verdict == HP_DIFF_SHAPE;
    if (resized) {
        fputs("  ", stdout);
        put_shape(t->a);
        fputs(" -> ", stdout);
        put_shape(t->b);
    }
    if (strcmp(t->a->dtype_name, t->b->dtype_name) != 0)
        printf("  %s -> %s", t->a->dtype_name, t->b->dtype_name);
}

static void put_lines(const hp_diff *d)
{
    printf("\n%-10s%-24s  %-12s  %-12s  %s\n", "verdict", "values differ",
           "max abs", "relative", "where");
    for (size_t i = 0; i < d->n_tensors; i++) {
        line l = tensor_line(&d->tensors[i]);
        if (l.verdict == HP_DIFF_IDENTICAL)
            continue;
        put_line(&l);
        put_storage(&d->tensors[i]);
        putchar('\n');
    }
    for (size_t i = 0; i < d->n_heads; i++) {
        line l = head_line(&d->heads[i]);
        if (l.verdict != HP_DIFF_CHANGED)
            continue;
        put_line(&l);
        putchar('\n');
    }
}

static hp_status print_human(const hp_diff *d, hp_error *err)
{
    size_t tensors[HP_DIFF_VERDICTS], heads[HP_DIFF_VERDICTS];
    hp_status st = HP_OK;
    hp_diff_count(tensors, heads, d);
    put_side("A", &d->a);
    put_side("B", &d->b);
    put_counts("tensors", tensors);
    if (d->a.model && d->b.model)
        put_counts("heads", heads);
    if (d->same) {
        puts("no difference");
        return HP_OK;
    }
    for (int v = HP_DIFF_ZEROED; v < HP_DIFF_VERDICTS && !st; v++)
        if (heads[v])
            st = put_list(d, (hp_diff_verdict)v, err);
    put_lines(d);
    return st;
}

/* ---- for programs ---- */

static void put_count(output_form form, size_t column, uint64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, n);
    print_cell(stdout, form, column, text);
}

static void put_number(output_form form, size_t column, double value)
{
    char text[32] = "";
    if (!isnan(value))
        snprintf(text, sizeof text, "%.9g", value);
    print_cell(stdout, form, column, text);
}

static void put_row(const line *l, output_form form)
{
    print_cell(stdout, form, 0, l->what);
    print_cell(stdout, form, 1, l->name);
    print_cell(stdout, form, 2, hp_diff_verdict_name(l->verdict));
    put_count(form, 3, l->values->compared);
    put_count(form, 4, l->values->differing);
    put_count(form, 5, l->values->zeroed);
    put_number(form, 6, l->values->max_abs);
    put_number(form, 7, l->values->relative);
    print_row_end(stdout, form);
}

static void put_member(const char *name, double value)
{
    if (isnan(value))
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %.17g", name, value);
}

static void put_object(const line *l)
{
    const hp_difference *v = l->values;
    putchar('{');
    print_json_pair(stdout, "type", l->what);
    print_json_pair(stdout, "name", l->name);
    print_json_pair(stdout, "verdict", hp_diff_verdict_name(l->verdict));
    printf("\"compared\": %" PRIu64 ", \"differing\": %" PRIu64
           ", \"zeroed\": %" PRIu64,
           v->compared, v->differing, v->zeroed);
    put_member("max_abs", v->max_abs);
    put_member("relative", v->relative);
    puts("}");
}

static void put_any(const line *l, output_form form)
{
    if (form == FORM_NDJSON)
        put_object(l);
    else
        put_row(l, form);
}

static void print_rows(const hp_diff *d, output_form form)
{
    static const char *const names[] = {"what",     "name",      "verdict",
                                        "compared", "differing", "zeroed",
                                        "max_abs",  "relative"};
    if (form != FORM_NDJSON)
        print_table_head(stdout, form, names, 8);
    for (size_t i = 0; i < d->n_tensors; i++) {
        line l = tensor_line(&d->tensors[i]);
        put_any(&l, form);
    }
    for (size_t i = 0; i < d->n_heads; i++) {
        line l = head_line(&d->heads[i]);
        put_any(&l, form);
    }
    if (form != FORM_NDJSON)
        return;
    fputs("{\"type\": \"summary\", ", stdout);
    print_json_pair(stdout, "a", hp_checkpoint_path(d->a.checkpoint));
    print_json_pair(stdout, "b", hp_checkpoint_path(d->b.checkpoint));
    printf("\"same\": %s}\n", d->same ? "true" : "false");
}

hp_status print_diff(const cli *c, const hp_diff *d, hp_error *err)
{
    char *text = NULL;
    hp_status st;
    switch (cli_form(c)) {
    case FORM_HUMAN:
        return print_human(d, err);
    case FORM_NDJSON:
    case FORM_TSV:
    case FORM_MD:
        print_rows(d, cli_form(c));
        return HP_OK;
    case FORM_JSON:
        break;
    }
    st = hp_document_diff(&text, d, err);
    if (!st)
        fputs(text, stdout);
    free(text);
    return st;
}
