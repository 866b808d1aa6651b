/* Sweeps: the summary as a table, one point a line in ndjson. */
#include "cli/print/print.h"

#include <math.h>
#include <stdlib.h>

enum { TEXT = 32 };

static const char *figure(char out[TEXT], double value, const char *none)
{
    if (isnan(value))
        return none;
    snprintf(out, TEXT, "%.6g", value);
    return out;
}

/* Six digits of it, null when there is none. */
static void json_figure(const char *name, double value, const char *end)
{
    if (isfinite(value))
        printf("\"%s\": %.6g%s", name, value, end);
    else
        printf("\"%s\": null%s", name, end);
}

/* ---- for people ---- */

static void put_head(const hp_sweep *s)
{
    const hp_eval *b = &s->baseline;
    char value[TEXT];
    printf("%s: %s, %u heads; evaluated on %s, %zu windows, %zu tokens\n",
           s->model.path, s->model.model_type, s->model.heads, b->source,
           b->windows, b->tokens);
    printf("%s of the model as it is: %s", hp_metric_name(b->metric),
           figure(value, b->value, "-"));
    print_error(b->value_error);
    printf(" (%s is better)\n\n",
           hp_metric_rises(b->metric) ? "higher" : "lower");
}

static const char *sign_figure(char out[TEXT], double value)
{
    if (isnan(value))
        return "-";
    snprintf(out, TEXT, "%+.4g", value);
    return out;
}

static void put_row(const hp_sweep_row *r)
{
    char value[TEXT], delta[TEXT], mean[TEXT], sd[TEXT], z[TEXT], p[TEXT];
    char wins[TEXT] = "-";
    if (r->n_seeds && !isnan(r->z))
        snprintf(wins, sizeof wins, "%zu/%zu", r->wins, r->n_seeds);
    printf("%-11s %5.3g %6zu %9s %9s", r->method, r->ratio, r->n_pruned,
           figure(value, r->value, "-"), sign_figure(delta, r->delta));
    snprintf(mean, sizeof mean, "%.5g", r->mean);
    snprintf(sd, sizeof sd, "%.3g", r->sd);
    snprintf(z, sizeof z, "%+.2f", r->z);
    snprintf(p, sizeof p, "%.2g", r->p);
    printf(" %8s %7s %6s %6s %7s%s%s\n", isnan(r->mean) ? "-" : mean,
           isnan(r->sd) ? "-" : sd, isnan(r->z) ? "-" : z, wins,
           isnan(r->p) ? "-" : p, r->verdict == HP_VERDICT_NONE ? "" : "  ",
           r->verdict == HP_VERDICT_NONE ? "" : hp_verdict_text(r->verdict));
}

static void print_human(const hp_sweep *s)
{
    put_head(s);
    printf("%-11s %5s %6s %9s %9s %8s %7s %6s %6s %7s  %s\n", "method", "ratio",
           "heads", "value", "delta", "random", "sd", "z", "wins", "p",
           "verdict");
    for (size_t i = 0; i < s->n_rows; i++)
        put_row(&s->rows[i]);
    if (s->n_agreements)
        putchar('\n');
    for (size_t i = 0; i < s->n_agreements; i++) {
        const hp_sweep_agreement *g = &s->agreements[i];
        char text[TEXT];
        printf("rankings of %s and %s: Spearman %s\n", g->first, g->second,
               figure(text, g->spearman, "-"));
    }
}

/* ---- for programs ---- */

static void print_rows(const hp_sweep *s, output_form form)
{
    static const char *const names[] = {
        "method", "ratio", "heads", "value", "delta", "seeds", "mean",
        "sd",     "min",   "max",   "z",     "wins",  "p",     "verdict"};
    print_table_head(stdout, form, names, sizeof names / sizeof *names);
    for (size_t i = 0; i < s->n_rows; i++) {
        const hp_sweep_row *r = &s->rows[i];
        const double figures[] = {r->ratio,
                                  (double)r->n_pruned,
                                  r->value,
                                  r->delta,
                                  (double)r->n_seeds,
                                  r->mean,
                                  r->sd,
                                  r->min,
                                  r->max,
                                  r->z,
                                  isnan(r->z) ? r->z : (double)r->wins,
                                  r->p};
        char text[TEXT];
        size_t n = sizeof figures / sizeof *figures;
        print_cell(stdout, form, 0, r->method);
        for (size_t k = 0; k < n; k++)
            print_cell(stdout, form, k + 1, figure(text, figures[k], ""));
        print_cell(stdout, form, n + 1,
                   r->verdict == HP_VERDICT_NONE ? ""
                                                 : hp_verdict_text(r->verdict));
        print_row_end(stdout, form);
    }
}

static void ndjson_point(const hp_sweep_point *p)
{
    fputs("{\"type\": \"point\", ", stdout);
    print_json_pair(stdout, "method", p->method);
    if (p->has_seed)
        printf("\"seed\": %llu, ", (unsigned long long)p->seed);
    else
        fputs("\"seed\": null, ", stdout);
    printf("\"ratio\": %.15g, \"pruned\": %zu, ", p->ratio, p->n_pruned);
    print_json_pair(stdout, "heads", p->heads);
    json_figure("value", p->value, ", ");
    json_figure("stderr", p->error, ", ");
    json_figure("loss", p->loss, ", ");
    json_figure("delta", p->delta, ", ");
    json_figure("delta_stderr", p->delta_error, ", ");
    json_figure("kl", p->kl, ", ");
    json_figure("same_top1", p->same_top1, "");
    print_samples_json(&p->samples);
    fputs("}\n", stdout);
}

static void ndjson_row(const hp_sweep_row *r)
{
    fputs("{", stdout);
    print_json_pair(stdout, "method", r->method);
    printf("\"ratio\": %.15g, ", r->ratio);
    json_figure("value", r->value, ", ");
    json_figure("delta", r->delta, ", ");
    printf("\"seeds\": %zu, ", r->n_seeds);
    json_figure("mean", r->mean, ", ");
    json_figure("sd", r->sd, ", ");
    json_figure("z", r->z, ", ");
    json_figure("p", r->p, ", ");
    printf("\"wins\": %zu}", r->wins);
}

static void print_ndjson(const hp_sweep *s)
{
    for (size_t i = 0; i < s->n_points; i++)
        ndjson_point(&s->points[i]);
    fputs("{\"type\": \"summary\", ", stdout);
    print_json_pair(stdout, "model", s->model.path);
    print_json_pair(stdout, "fingerprint", s->model.fingerprint);
    print_json_pair(stdout, "metric", hp_metric_name(s->baseline.metric));
    json_figure("baseline", s->baseline.value, ", ");
    fputs("\"rows\": [", stdout);
    for (size_t i = 0; i < s->n_rows; i++) {
        fputs(i ? ", " : "", stdout);
        ndjson_row(&s->rows[i]);
    }
    putchar(']');
    print_samples_json(&s->samples);
    fputs("}\n", stdout);
}

hp_status print_sweep(const cli *c, const hp_sweep *s, hp_error *err)
{
    switch (cli_form(c)) {
    case FORM_HUMAN:
        print_human(s);
        print_samples(s);
        return HP_OK;
    case FORM_NDJSON:
        print_ndjson(s);
        return HP_OK;
    case FORM_TSV:
    case FORM_MD:
        print_rows(s, cli_form(c));
        if (cli_form(c) == FORM_MD)
            print_samples_md(s);
        return HP_OK;
    case FORM_JSON:
        break;
    }
    char *text = NULL;
    hp_status st = hp_document_sweep(&text, s, err);
    if (!st)
        fputs(text, stdout);
    free(text);
    return st;
}
