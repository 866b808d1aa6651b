/* Evaluations in the forms of --format. */
#include "cli/print/print.h"

#include <math.h>
#include <stdlib.h>

/* ---- a few lines ---- */

void print_error(double error)
{
    if (!isnan(error))
        printf(error < 99.5 ? " +- %.2g" : " +- %.0f", error);
}

static void print_value(const hp_eval *e)
{
    switch (e->metric) {
    case HP_METRIC_PERPLEXITY:
        printf("perplexity %.2f", e->value);
        print_error(e->value_error);
        printf(" (loss %.4f)", e->loss);
        break;
    case HP_METRIC_MASKED_LM_LOSS:
        printf("masked-LM loss %.4f", e->value);
        print_error(e->value_error);
        printf(" (%.1f %% right)", 100.0 * e->top1);
        break;
    case HP_METRIC_HIDDEN_COSINE:
        printf("hidden cosine %.6f", e->value);
        print_error(e->value_error);
        printf(" against %s", e->base.path);
        break;
    }
}

static void print_size(const hp_eval *e)
{
    char tokens[32], windows[32];
    printf(", %s tokens in %s window%s of %s%zu",
           format_count(tokens, e->tokens), format_count(windows, e->windows),
           e->windows == 1 ? "" : "s",
           e->metric == HP_METRIC_PERPLEXITY ? "" : "up to ", e->length);
    if (e->stride < e->length)
        printf(", stride %zu", e->stride);
    putchar('\n');
}

static void print_base(const hp_eval *e)
{
    int grows = e->metric == HP_METRIC_PERPLEXITY;
    printf(grows ? "base %s: perplexity %.2f (loss %.4f)\n"
                 : "base %s: masked-LM loss %.4f\n",
           e->base.path, e->base_value, e->base_loss);
    printf("difference in loss %+.4g", e->delta);
    print_error(e->delta_error);
    if (grows)
        printf(" (perplexity %+.2f %%)", 100.0 * expm1(e->delta));
    if (!isnan(e->kl))
        printf("; KL %.4g nats a token, %.1f %% same first choice", e->kl,
               100.0 * e->same_top1);
    putchar('\n');
}

static void print_human(const cli *c, const hp_eval *e)
{
    if (c->con.level < 0) {
        printf("%.9g\n", e->value);
        return;
    }
    print_value(e);
    print_size(e);
    if (e->n_masked)
        printf("%zu of %u heads silent: %s\n", e->n_masked, e->model.heads,
               e->heads);
    if (e->has_base && e->metric != HP_METRIC_HIDDEN_COSINE)
        print_base(e);
}

/* ---- one row ---- */

typedef struct figure {
    const char *name;
    double value;
} figure;

#define N_FIGURES 14U

static void list_figures(figure out[N_FIGURES], const hp_eval *e)
{
    const figure all[N_FIGURES] = {{"value", e->value},
                                   {"stderr", e->value_error},
                                   {"loss", e->loss},
                                   {"tokens", (double)e->tokens},
                                   {"windows", (double)e->windows},
                                   {"length", (double)e->length},
                                   {"stride", (double)e->stride},
                                   {"pruned", (double)e->n_masked},
                                   {"base_value", e->base_value},
                                   {"base_loss", e->base_loss},
                                   {"delta_loss", e->delta},
                                   {"delta_stderr", e->delta_error},
                                   {"kl", e->kl},
                                   {"same_top1", e->same_top1}};
    for (size_t i = 0; i < N_FIGURES; i++)
        out[i] = all[i];
}

static void print_row(const hp_eval *e, output_form form)
{
    figure figures[N_FIGURES];
    const char *names[N_FIGURES + 1] = {"metric"};
    list_figures(figures, e);
    for (size_t i = 0; i < N_FIGURES; i++)
        names[i + 1] = figures[i].name;
    print_table_head(stdout, form, names, N_FIGURES + 1);
    print_cell(stdout, form, 0, hp_metric_name(e->metric));
    for (size_t i = 0; i < N_FIGURES; i++) {
        char text[32] = "";
        if (!isnan(figures[i].value))
            snprintf(text, sizeof text, "%.9g", figures[i].value);
        print_cell(stdout, form, i + 1, text);
    }
    print_row_end(stdout, form);
}

static void print_ndjson(const hp_eval *e)
{
    figure figures[N_FIGURES];
    list_figures(figures, e);
    fputs("{\"type\": \"summary\", ", stdout);
    print_json_pair(stdout, "model", e->model.path);
    print_json_pair(stdout, "fingerprint", e->model.fingerprint);
    print_json_pair(stdout, "heads", e->heads);
    print_json_pair(stdout, "source", e->source);
    printf("\"metric\": \"%s\"", hp_metric_name(e->metric));
    for (size_t i = 0; i < N_FIGURES; i++) {
        printf(", \"%s\": ", figures[i].name);
        if (isfinite(figures[i].value))
            printf("%.9g", figures[i].value);
        else
            fputs("null", stdout);
    }
    fputs("}\n", stdout);
}

hp_status print_eval(const cli *c, const hp_eval *e, hp_error *err)
{
    char *text = NULL;
    hp_status st = HP_OK;
    switch (cli_form(c)) {
    case FORM_HUMAN:
        print_human(c, e);
        break;
    case FORM_NDJSON:
        print_ndjson(e);
        break;
    case FORM_TSV:
    case FORM_MD:
        print_row(e, cli_form(c));
        break;
    case FORM_JSON:
        st = hp_document_eval(&text, e, err);
        if (!st)
            fputs(text, stdout);
        free(text);
        break;
    }
    return st;
}
