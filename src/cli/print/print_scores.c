/*
 * Scores for people: on a terminal a map of layers x heads and the head of the
 * ranking, in a pipe the whole ranking, one head a line.
 */
#include "cli/print/print.h"
#include "cli/print/print_heatmap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELL = 9, SHOWN = 20 };

/* Heads by rank; freed by the caller. */
static hp_status new_order(uint32_t **out, const hp_scores *s, hp_error *err)
{
    *out = calloc(s->n_heads ? s->n_heads : 1, sizeof **out);
    if (!*out)
        return hp_fail(err, HP_NOMEM, "no memory for %zu heads", s->n_heads);
    for (size_t i = 0; i < s->n_heads; i++)
        if (s->rank[i] < s->n_heads)
            (*out)[s->rank[i]] = (uint32_t)i;
    return HP_OK;
}

/* Columns of the longest id and a space, 12 at least. */
static int name_columns(const hp_scores *s)
{
    int columns = 12;
    for (size_t i = 0; i < s->n_heads; i++) {
        int own = (int)strlen(s->heads[i].id) + 1;
        columns = own > columns ? own : columns;
    }
    return columns;
}

static hp_status print_human(const cli *c, const hp_scores *s, hp_error *err)
{
    uint32_t *order = NULL;
    hp_status st = new_order(&order, s, err);
    if (st)
        return st;
    heat h = heat_of(c, s);
    int terminal = isatty(STDOUT_FILENO);
    if (terminal) {
        printf("%s: %s, %u heads; ", s->model.path, s->model.model_type,
               s->model.heads);
        print_method(stdout, s->method, s->unit, s->prunes_highest);
        fputs("\n\n", stdout);
        print_heatmap(&h, s, NULL);
    }
    size_t shown = terminal && s->n_heads > SHOWN ? SHOWN : s->n_heads;
    int name = name_columns(s);
    printf("%-6s%-*s%*s\n", "rank", name, "head", CELL, "score");
    for (size_t i = 0; i < shown; i++) {
        char text[32];
        printf("%-6zu%-*s", i, name, s->heads[order[i]].id);
        snprintf(text, sizeof text, "%.6g", s->values[order[i]]);
        heat_put(&h, CELL, text, s->values[order[i]]);
        putchar('\n');
    }
    if (shown < s->n_heads)
        printf("%zu more with --format tsv\n", s->n_heads - shown);
    free(order);
    return HP_OK;
}

static void print_rows(const hp_scores *s, output_form form)
{
    static const char *const names[] = {"id",   "block", "layer",
                                        "head", "score", "rank"};
    print_table_head(stdout, form, names, 6);
    for (size_t i = 0; i < s->n_heads; i++) {
        const hp_head *h = &s->heads[i];
        char text[32];
        print_cell(stdout, form, 0, h->id);
        snprintf(text, sizeof text, "%u", h->block);
        print_cell(stdout, form, 1, text);
        snprintf(text, sizeof text, "%u", h->layer);
        print_cell(stdout, form, 2, text);
        snprintf(text, sizeof text, "%u", h->head);
        print_cell(stdout, form, 3, text);
        snprintf(text, sizeof text, "%.6g", s->values[i]);
        print_cell(stdout, form, 4, text);
        snprintf(text, sizeof text, "%u", s->rank[i]);
        print_cell(stdout, form, 5, text);
        print_row_end(stdout, form);
    }
}

static void print_ndjson(const hp_scores *s)
{
    for (size_t i = 0; i < s->n_heads; i++) {
        const hp_head *h = &s->heads[i];
        fputs("{\"type\": \"head\", ", stdout);
        print_json_pair(stdout, "id", h->id);
        printf("\"block\": %u, ", h->block);
        print_json_pair(stdout, "name", h->name);
        printf("\"layer\": %u, \"head\": %u, \"score\": %.6g, "
               "\"rank\": %u}\n",
               h->layer, h->head, s->values[i], s->rank[i]);
    }
    fputs("{\"type\": \"summary\", ", stdout);
    print_json_pair(stdout, "model", s->model.path);
    print_json_pair(stdout, "fingerprint", s->model.fingerprint);
    print_json_pair(stdout, "method", s->method);
    print_json_pair(stdout, "prunes", s->prunes_highest ? "highest" : "lowest");
    if (s->has_calibration)
        printf("\"sequences\": %zu, \"tokens\": %zu, ",
               s->calibration.sequences, s->calibration.tokens);
    printf("\"heads\": %zu}\n", s->n_heads);
}

hp_status print_scores(const cli *c, const hp_scores *s, hp_error *err)
{
    switch (cli_form(c)) {
    case FORM_HUMAN:
        return print_human(c, s, err);
    case FORM_NDJSON:
        print_ndjson(s);
        return HP_OK;
    case FORM_TSV:
    case FORM_MD:
        print_rows(s, cli_form(c));
        return HP_OK;
    case FORM_JSON:
        break;
    }
    char *text = NULL;
    hp_status st = hp_document_scores(&text, s, err);
    if (!st)
        fputs(text, stdout);
    free(text);
    return st;
}
