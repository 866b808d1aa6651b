/*
 * Scores for people: on a terminal a map of layers x heads and the head of the
 * ranking, in a pipe the whole ranking, one head a line.
 */
#include "cli/print.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pale to strong; the strongest goes first. */
static const int shades[] = {231, 230, 223, 216, 209, 203, 196};
enum { N_SHADES = sizeof shades / sizeof *shades, CELL = 9, SHOWN = 20 };

typedef struct heat {
    int coloured;
    double low, high; /* of the scores */
    int strong_high;
} heat;

static void heat_init(heat *h, const cli *c, const hp_scores *s)
{
    *h =
        (heat){.coloured = c->con.colour_out, .strong_high = s->prunes_highest};
    for (size_t i = 0; i < s->n_heads; i++) {
        double v = s->values[i];
        if (!i || v < h->low)
            h->low = v;
        if (!i || v > h->high)
            h->high = v;
    }
}

static void put_score(const heat *h, int width, const char *text, double value)
{
    if (!h->coloured) {
        printf("%*s", width, text);
        return;
    }
    double span = h->high - h->low;
    double share = span > 0 ? (value - h->low) / span : 0;
    if (!h->strong_high)
        share = 1 - share;
    int shade = shades[(int)(share * (N_SHADES - 1) + 0.5)];
    printf("\033[30;48;5;%dm%*s\033[0m", shade, width, text);
}

/* Three digits of the largest score; -1 where points would not line up. */
static int map_decimals(const heat *h)
{
    double largest = h->high > -h->low ? h->high : -h->low;
    if (largest >= 1e5 || (largest > 0 && largest < 1e-3))
        return -1;
    int decimals = 2;
    double unit = 10;
    while (largest >= unit && decimals) {
        unit *= 10;
        decimals--;
    }
    unit = 1;
    while (largest > 0 && largest < unit) {
        unit /= 10;
        decimals++;
    }
    return decimals;
}

static int format_cell(char out[32], int decimals, double value)
{
    return decimals < 0 ? snprintf(out, 32, "%.3g", value)
                        : snprintf(out, 32, "%.*f", decimals, value);
}

static size_t widest_block(const hp_scores *s)
{
    size_t widest = 0, run = 0;
    for (size_t i = 0; i < s->n_heads; i++) {
        run = i && s->heads[i].block == s->heads[i - 1].block ? run + 1 : 1;
        if (run > widest)
            widest = run;
    }
    return widest;
}

/* "9" of "9:3", "dec.0.self" of "dec.0.self:2". */
static int label_length(const hp_head *head)
{
    const char *colon = strrchr(head->id, ':');
    return colon ? (int)(colon - head->id) : 0;
}

/* Layers down, heads across; nothing when it would not fit. */
static void put_map(const hp_scores *s, const heat *h)
{
    char text[32];
    int label = (int)strlen("layer"), cell = 3, decimals = map_decimals(h);
    size_t widest = widest_block(s);
    for (size_t i = 0; i < s->n_heads; i++) {
        int len = label_length(&s->heads[i]);
        int digits = format_cell(text, decimals, s->values[i]);
        label = len > label ? len : label;
        cell = digits > cell ? digits : cell;
    }
    if ((size_t)label + widest * (size_t)(cell + 1) >
        console_width(STDOUT_FILENO))
        return;
    printf("%-*s", label, "layer");
    for (size_t i = 0; i < widest; i++)
        printf(" %*zu", cell, i);
    for (size_t i = 0; i < s->n_heads; i++) {
        const hp_head *head = &s->heads[i];
        if (!i || head->block != head[-1].block)
            printf("\n%*.*s", label, label_length(head), head->id);
        putchar(' ');
        format_cell(text, decimals, s->values[i]);
        put_score(h, cell, text, s->values[i]);
    }
    fputs("\n\n", stdout);
}

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

static hp_status print_human(const cli *c, const hp_scores *s, hp_error *err)
{
    uint32_t *order = NULL;
    hp_status st = new_order(&order, s, err);
    if (st)
        return st;
    heat h;
    heat_init(&h, c, s);
    int terminal = isatty(STDOUT_FILENO);
    if (terminal) {
        printf("%s: %s, %u heads; ", s->model.path, s->model.model_type,
               s->model.heads);
        print_method(stdout, s->method, s->unit, s->prunes_highest);
        fputs("\n\n", stdout);
        put_map(s, &h);
    }
    size_t shown = terminal && s->n_heads > SHOWN ? SHOWN : s->n_heads;
    printf("%-6s%-12s%*s\n", "rank", "head", CELL, "score");
    for (size_t i = 0; i < shown; i++) {
        char text[32];
        printf("%-6zu%-12s", i, s->heads[order[i]].id);
        snprintf(text, sizeof text, "%.6g", s->values[order[i]]);
        put_score(&h, CELL, text, s->values[order[i]]);
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
