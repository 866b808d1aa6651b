/* Attention in the forms of --format: a table of heads, or one matrix. */
#include "cli/print/print_attention.h"
#include "cli/print/print.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_percent(double share)
{
    if (isnan(share))
        printf("%10s", "-");
    else
        printf("%8.1f %%", 100 * share);
}

/* Columns of the longest name and two spaces. */
static int name_columns(const hp_attention *a, const unsigned char *mask)
{
    int columns = 10;
    for (size_t i = 0; i < a->n_heads; i++) {
        int own = mask[i] ? (int)strlen(a->heads[i].id) + 2 : 0;
        columns = own > columns ? own : columns;
    }
    return columns;
}

static void print_human(const hp_attention *a, const unsigned char *mask)
{
    int name = name_columns(a, mask);
    printf("%s: %s, %u heads; %zu tokens", a->model.path, a->model.model_type,
           a->model.heads, a->tokens.n);
    if (a->decoder.n)
        printf(", the decoder's %zu", a->decoder.n);
    putchar('\n');
    printf("%-*s%10s%10s%10s%10s%10s  %s\n", name, "head", "entropy", "first",
           "previous", "own", "next", "most");
    for (size_t i = 0; i < a->n_heads; i++) {
        const hp_attention_head *v = &a->values[i];
        if (!mask[i])
            continue;
        printf("%-*s%10.4f", name, a->heads[i].id, v->entropy);
        put_percent(v->first);
        put_percent(v->previous);
        put_percent(v->own);
        put_percent(v->next);
        printf("  %.1f %% on %u ", 100 * v->top_share, v->top);
        print_token(stdout, v->keys, v->top, token_columns(v->keys, v->top));
        putchar('\n');
    }
}

static void put_share(output_form form, size_t column, double share)
{
    char text[32] = "";
    if (!isnan(share))
        snprintf(text, sizeof text, "%.6g", share);
    print_cell(stdout, form, column, text);
}

static void print_rows(const hp_attention *a, const unsigned char *mask,
                       output_form form)
{
    static const char *const names[] = {"id",      "block", "layer",    "head",
                                        "entropy", "first", "previous", "own",
                                        "next",    "top",   "top_share"};
    print_table_head(stdout, form, names, 11);
    for (size_t i = 0; i < a->n_heads; i++) {
        const hp_head *h = &a->heads[i];
        const hp_attention_head *v = &a->values[i];
        const uint32_t places[] = {h->block, h->layer, h->head};
        const double shares[] = {v->entropy, v->first, v->previous, v->own,
                                 v->next};
        char text[32];
        if (!mask[i])
            continue;
        print_cell(stdout, form, 0, h->id);
        for (size_t j = 0; j < 3; j++) {
            snprintf(text, sizeof text, "%u", places[j]);
            print_cell(stdout, form, 1 + j, text);
        }
        for (size_t j = 0; j < 5; j++)
            put_share(form, 4 + j, shares[j]);
        snprintf(text, sizeof text, "%u", v->top);
        print_cell(stdout, form, 9, text);
        put_share(form, 10, v->top_share);
        print_row_end(stdout, form);
    }
}

/* Rows are queries, columns keys; both have the tokens' positions. */
static void print_matrix(const hp_attention *a, output_form form)
{
    size_t keys = a->values[a->head].keys->n;
    char text[32];
    print_cell(stdout, form, 0, "query");
    for (size_t j = 0; j < keys; j++) {
        snprintf(text, sizeof text, "%zu", j);
        print_cell(stdout, form, 1 + j, text);
    }
    print_row_end(stdout, form);
    for (size_t j = 0; form == FORM_MD && j <= keys; j++)
        fputs(j < keys ? (j ? " --- |" : "| --- |") : " --- |\n", stdout);
    for (size_t i = 0; i < a->values[a->head].queries->n; i++) {
        snprintf(text, sizeof text, "%zu", i);
        print_cell(stdout, form, 0, text);
        for (size_t j = 0; j < keys; j++)
            put_share(form, 1 + j, (double)a->matrix[i * keys + j]);
        print_row_end(stdout, form);
    }
}

static void put_json_share(const char *name, double share)
{
    if (isnan(share))
        printf("\"%s\": null, ", name);
    else
        printf("\"%s\": %.6g, ", name, share);
}

static void print_query(const hp_attention *a, size_t i)
{
    const hp_attention_tokens *t = a->values[a->head].queries;
    size_t keys = a->values[a->head].keys->n;
    printf("{\"type\": \"query\", \"position\": %zu, ", i);
    if (t->texts)
        print_json_pair(stdout, "token", t->texts[i]);
    printf("\"id\": %d, \"shares\": [", (int)t->ids[i]);
    for (size_t j = 0; j < keys; j++)
        printf(j ? ", %.6g" : "%.6g", (double)a->matrix[i * keys + j]);
    fputs("]}\n", stdout);
}

static void print_ndjson(const hp_attention *a, const unsigned char *mask)
{
    for (size_t i = 0; a->matrix && i < a->values[a->head].queries->n; i++)
        print_query(a, i);
    for (size_t i = 0; i < a->n_heads; i++) {
        const hp_head *h = &a->heads[i];
        const hp_attention_head *v = &a->values[i];
        if (!mask[i])
            continue;
        fputs("{\"type\": \"head\", ", stdout);
        print_json_pair(stdout, "id", h->id);
        printf("\"block\": %u, ", h->block);
        print_json_pair(stdout, "name", h->name);
        printf("\"layer\": %u, \"head\": %u, \"entropy\": %.6g, ", h->layer,
               h->head, v->entropy);
        put_json_share("first", v->first);
        put_json_share("previous", v->previous);
        put_json_share("own", v->own);
        put_json_share("next", v->next);
        printf("\"top\": %u, \"top_share\": %.6g}\n", v->top, v->top_share);
    }
    fputs("{\"type\": \"summary\", ", stdout);
    print_json_pair(stdout, "model", a->model.path);
    print_json_pair(stdout, "fingerprint", a->model.fingerprint);
    printf("\"tokens\": %zu, ", a->tokens.n);
    if (a->decoder.n)
        printf("\"decoder_tokens\": %zu, ", a->decoder.n);
    printf("\"heads\": %zu}\n", a->n_heads);
}

hp_status print_attention(const cli *c, const hp_attention *a,
                          const unsigned char *mask, hp_error *err)
{
    char *text = NULL;
    hp_status st = HP_OK;
    switch (cli_form(c)) {
    case FORM_HUMAN:
        if (a->matrix)
            print_heat(c, a);
        else
            print_human(a, mask);
        break;
    case FORM_NDJSON:
        print_ndjson(a, mask);
        break;
    case FORM_TSV:
    case FORM_MD:
        if (a->matrix)
            print_matrix(a, cli_form(c));
        else
            print_rows(a, mask, cli_form(c));
        break;
    case FORM_JSON:
        st = hp_document_attention(&text, a, mask, err);
        if (!st)
            fputs(text, stdout);
        free(text);
        break;
    }
    return st;
}
