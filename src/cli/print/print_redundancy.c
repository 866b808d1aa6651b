/* Redundancy for people, and a line a head for programs. */
#include "cli/print/print.h"

#include <stdlib.h>

enum { MOST_PAIRS = 10 };

/* The head of the block that alone supplies most of head h; n_heads: none. */
static size_t best_of(const hp_redundant_block *b, size_t h)
{
    size_t best = b->n_heads;
    const double *row = b->supplied + h * b->n_heads;
    for (size_t k = 0; k < b->n_heads; k++)
        if (row[k] > 0 && (best == b->n_heads || row[k] > row[best]))
            best = k;
    return best;
}

static void print_head(const hp_redundant_block *b, size_t h)
{
    const hp_redundant_head *r = &b->at[h];
    size_t best = best_of(b, h);
    printf("%-10s%9.1f %%%9.1f %%%12.1f %%", b->heads[h].id, 100 * r->energy,
           100 * r->cost, 100 * r->predicted);
    if (best < b->n_heads)
        printf("   %s (%.1f %%)", b->heads[best].id,
               100 * b->supplied[h * b->n_heads + best]);
    putchar('\n');
}

static void print_groups(const hp_redundancy *r)
{
    int any = 0;
    for (size_t i = 0; i < r->n_blocks; i++) {
        const hp_redundant_block *b = &r->blocks[i];
        for (uint32_t g = 0; g < b->n_groups; g++) {
            printf("%s", any++ ? ";"
                               : "\ngroups (one head supplies what no "
                                 "third does):");
            for (size_t h = 0; h < b->n_heads; h++)
                if (b->at[h].group == g)
                    printf(" %s", b->heads[h].id);
        }
    }
    puts(any ? "" : "\nno groups of heads that stand in for each other");
}

typedef struct found {
    const hp_redundant_block *block;
    const hp_redundant_pair *pair;
} found;

static int by_excess(const void *a, const void *b)
{
    const found *x = a, *y = b;
    double p = x->pair->excess, q = y->pair->excess;
    if (p < q || p > q)
        return p > q ? -1 : 1;
    return x->block < y->block ? -1 : x->block > y->block;
}

static hp_status print_pairs(const hp_redundancy *r, hp_error *err)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < r->n_blocks; i++)
        n += r->blocks[i].n_pairs;
    found *all = calloc(n + 1, sizeof *all);
    if (!all)
        return hp_fail(err, HP_NOMEM, "no memory for %zu pairs", n);
    for (size_t i = 0; i < r->n_blocks; i++)
        for (size_t p = 0; p < r->blocks[i].n_pairs; p++)
            all[k++] = (found){&r->blocks[i], &r->blocks[i].pairs[p]};
    qsort(all, n, sizeof *all, by_excess);
    if (n)
        puts("\npairs that cost more together than one by one (share of the "
             "block's output)");
    for (size_t i = 0; i < n && i < MOST_PAIRS; i++)
        printf("%s %s: %.2f %%, %.2f %% more\n",
               all[i].block->heads[all[i].pair->first].id,
               all[i].block->heads[all[i].pair->second].id,
               100 * all[i].pair->joint, 100 * all[i].pair->excess);
    if (n > MOST_PAIRS)
        printf("and %zu more (--json has all)\n", n - MOST_PAIRS);
    free(all);
    return HP_OK;
}

static hp_status print_human(const hp_redundancy *r, hp_error *err)
{
    puts("head          energy       cost   predicted   most of it by");
    for (size_t i = 0; i < r->n_blocks; i++)
        for (size_t h = 0; h < r->blocks[i].n_heads; h++)
            print_head(&r->blocks[i], h);
    print_groups(r);
    return print_pairs(r, err);
}

static void print_rows(output_form form, const hp_redundancy *r)
{
    static const char *const names[] = {"id", "energy", "cost", "predicted"};
    char text[3][32];
    if (form != FORM_NDJSON)
        print_table_head(stdout, form, names, 4);
    for (size_t i = 0; i < r->n_blocks; i++)
        for (size_t h = 0; h < r->blocks[i].n_heads; h++) {
            const char *id = r->blocks[i].heads[h].id;
            const hp_redundant_head *a = &r->blocks[i].at[h];
            snprintf(text[0], sizeof text[0], "%.6g", a->energy);
            snprintf(text[1], sizeof text[1], "%.6g", a->cost);
            snprintf(text[2], sizeof text[2], "%.6g", a->predicted);
            if (form == FORM_NDJSON) {
                printf("{\"id\": \"%s\", \"energy\": %s, \"cost\": %s, "
                       "\"predicted\": %s}\n",
                       id, text[0], text[1], text[2]);
                continue;
            }
            print_cell(stdout, form, 0, id);
            for (size_t k = 0; k < 3; k++)
                print_cell(stdout, form, k + 1, text[k]);
            print_row_end(stdout, form);
        }
}

hp_status print_redundancy(const cli *c, const hp_redundancy *r, hp_error *err)
{
    output_form form = cli_form(c);
    char *text = NULL;
    if (form == FORM_HUMAN)
        return print_human(r, err);
    if (form != FORM_JSON) {
        print_rows(form, r);
        return HP_OK;
    }
    hp_status st = hp_document_redundancy(&text, r, err);
    if (!st)
        fputs(text, stdout);
    free(text);
    return st;
}
