/* Plans: the list of heads that go, in the forms of --format. */
#include "cli/print/print.h"

#include <stdlib.h>

static void print_policy(FILE *out, const hp_plan *p)
{
    const hp_policy *policy = &p->policy;
    fprintf(out, "%zu of %zu heads", p->n_pruned, p->n_heads);
    if (p->method[0]) {
        fputs(" by ", out);
        print_method(out, p->method, p->unit, p->prunes_highest);
        if (policy->has_count)
            fprintf(out, "; count %zu", policy->count);
        else
            fprintf(out, "; ratio %.15g", policy->ratio);
        fprintf(out, ", scope %s, keep %zu",
                policy->scope == HP_SCOPE_LAYER ? "layer" : "global",
                policy->keep);
        if (policy->group != HP_GROUP_NONE)
            fprintf(out, ", group %s", hp_group_name(policy->group));
    }
    fputc('\n', out);
}

/* With -q the list alone: what --heads takes. */
static hp_status print_human(FILE *out, const cli *c, const hp_plan *p,
                             hp_error *err)
{
    char *list = NULL;
    hp_status st = hp_heads_format(&list, p->pruned, p->heads, p->n_heads, err);
    if (st)
        return st;
    if (c->con.level >= 0) {
        print_policy(out, p);
        print_blocks(out, p->heads, p->n_heads, p->pruned);
        fprintf(out, "heads: %s\n", list);
    } else {
        fprintf(out, "%s\n", list);
    }
    free(list);
    return HP_OK;
}

static void format_value(char out[32], const double *values, uint32_t head)
{
    if (values)
        snprintf(out, 32, "%.6g", values[head]);
    else
        out[0] = '\0';
}

static void print_rows(FILE *out, const hp_plan *p, output_form form)
{
    static const char *const names[] = {"id",   "block", "layer",
                                        "head", "score", "rank"};
    print_table_head(out, form, names, 6);
    for (size_t i = 0; i < p->n_pruned; i++) {
        const hp_head *h = &p->heads[p->order[i]];
        char text[32];
        print_cell(out, form, 0, h->id);
        snprintf(text, sizeof text, "%u", h->block);
        print_cell(out, form, 1, text);
        snprintf(text, sizeof text, "%u", h->layer);
        print_cell(out, form, 2, text);
        snprintf(text, sizeof text, "%u", h->head);
        print_cell(out, form, 3, text);
        format_value(text, p->values, p->order[i]);
        print_cell(out, form, 4, text);
        text[0] = '\0';
        if (p->rank)
            snprintf(text, sizeof text, "%u", p->rank[p->order[i]]);
        print_cell(out, form, 5, text);
        print_row_end(out, form);
    }
}

static void print_ndjson(FILE *out, const hp_plan *p)
{
    for (size_t i = 0; i < p->n_pruned; i++) {
        const hp_head *h = &p->heads[p->order[i]];
        fputs("{\"type\": \"head\", ", out);
        print_json_pair(out, "id", h->id);
        fprintf(out, "\"block\": %u, ", h->block);
        print_json_pair(out, "name", h->name);
        fprintf(out, "\"layer\": %u, \"head\": %u", h->layer, h->head);
        if (p->values && p->rank)
            fprintf(out, ", \"score\": %.6g, \"rank\": %u",
                    p->values[p->order[i]], p->rank[p->order[i]]);
        fputs("}\n", out);
    }
    fputs("{\"type\": \"summary\", ", out);
    print_json_pair(out, "model", p->model.path);
    print_json_pair(out, "fingerprint", p->model.fingerprint);
    print_json_pair(out, "method", p->method);
    fprintf(out, "\"total\": %zu, \"pruned\": %zu}\n", p->n_heads, p->n_pruned);
}

hp_status print_plan(FILE *out, const cli *c, const hp_plan *p, hp_error *err)
{
    switch (cli_form(c)) {
    case FORM_HUMAN:
        return print_human(out, c, p, err);
    case FORM_NDJSON:
        print_ndjson(out, p);
        return HP_OK;
    case FORM_TSV:
    case FORM_MD:
        print_rows(out, p, cli_form(c));
        return HP_OK;
    case FORM_JSON:
        break;
    }
    char *text = NULL;
    hp_status st = hp_document_plan(&text, p, err);
    if (!st)
        fputs(text, out);
    free(text);
    return st;
}
