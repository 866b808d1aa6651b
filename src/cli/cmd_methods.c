/* methods: the table of methods. */
#include "cli/command.h"
#include "cli/print/print.h"

static const char *end_of(const hp_method *m)
{
    return m->prunes_highest ? "highest" : "lowest";
}

static const char *needs_of(const hp_method *m)
{
    if (m->needs_loss)
        return m->needs_backward ? "data, gradients" : "data, a loss";
    return m->needs_data ? "calibration data" : "weights only";
}

static const char *word_of(int truth)
{
    return truth ? "true" : "false";
}

static void print_object(const hp_method *m)
{
    putchar('{');
    print_json_pair(stdout, "name", m->name);
    print_json_pair(stdout, "unit", m->unit);
    print_json_pair(stdout, "prunes", end_of(m));
    print_json_pair(stdout, "passes", m->passes);
    printf("\"needs_data\": %s, \"needs_loss\": %s, \"needs_backward\": %s, ",
           word_of(m->needs_data), word_of(m->needs_loss),
           word_of(m->needs_backward));
    if (m->choice)
        printf("\"choice\": %u, ", m->choice);
    printf("\"measured\": {\"zeroed\": %.1f, \"refitted\": %.1f}, "
           "\"summary\": ",
           m->zeroed, m->refitted);
    print_json_text(stdout, m->summary);
    putchar('}');
}

static void print_json(void)
{
    printf("{\n  \"schema\": \"headprune.methods/1\",\n"
           "  \"tool\": {\"name\": \"headprune\", \"version\": \"%s\"},\n"
           "  \"methods\": [",
           hp_version());
    const hp_method *m;
    for (size_t i = 0; (m = hp_method_at(i)) != NULL; i++) {
        fputs(i ? ",\n    " : "\n    ", stdout);
        print_object(m);
    }
    fputs("\n  ]\n}\n", stdout);
}

static void print_ndjson(void)
{
    const hp_method *m;
    for (size_t i = 0; (m = hp_method_at(i)) != NULL; i++) {
        print_object(m);
        putchar('\n');
    }
}

static void print_rows(output_form form)
{
    enum { COLUMNS = 8 };
    static const char *const names[COLUMNS] = {"method",   "unit",   "prunes",
                                               "needs",    "passes", "zeroed",
                                               "refitted", "summary"};
    print_table_head(stdout, form, names, COLUMNS);
    const hp_method *m;
    for (size_t i = 0; (m = hp_method_at(i)) != NULL; i++) {
        char zeroed[32], refitted[32];
        snprintf(zeroed, sizeof zeroed, "%.1f", m->zeroed);
        snprintf(refitted, sizeof refitted, "%.1f", m->refitted);
        const char *const cells[COLUMNS] = {m->name,     m->unit,   end_of(m),
                                            needs_of(m), m->passes, zeroed,
                                            refitted,    m->summary};
        for (size_t j = 0; j < COLUMNS; j++)
            print_cell(stdout, form, j, cells[j]);
        print_row_end(stdout, form);
    }
}

static void print_human(void)
{
    printf("%-12s%-10s%-8s%-18s%-8s%-8s%-10s%s\n", "method", "unit", "prunes",
           "needs", "passes", "zeroed", "refitted", "score");
    const hp_method *m;
    for (size_t i = 0; (m = hp_method_at(i)) != NULL; i++)
        printf("%-12s%-10s%-8s%-18s%-8s%-8.1f%-10.1f%s\n", m->name,
               m->unit[0] ? m->unit : "-", end_of(m), needs_of(m), m->passes,
               m->zeroed, m->refitted, m->summary);
    fputs("\nzeroed, refitted: perplexity of a sample model with 30 % of its "
          "heads "
          "pruned, without\nand with --compensate (docs/results.md)\n",
          stdout);
}

hp_status cmd_methods(cli *c, hp_error *err)
{
    (void)err;
    switch (cli_form(c)) {
    case FORM_HUMAN:
        print_human();
        break;
    case FORM_JSON:
        print_json();
        break;
    case FORM_NDJSON:
        print_ndjson();
        break;
    case FORM_TSV:
    case FORM_MD:
        print_rows(cli_form(c));
        break;
    }
    return HP_OK;
}
