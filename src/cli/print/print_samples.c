/* The samples of a sweep: under each prompt how every point goes on. */
#include "cli/print/print.h"

/* One line; a model may say anything, and a terminal shall not obey it. */
static void put_text(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    for (; *c; c++) {
        int c1 = c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;
        if (*c == '\n' || *c == '\t')
            putchar(' ');
        else if (*c < 0x20 || *c == 0x7f || c1)
            putchar('?');
        else
            putchar(*c);
        c += c1;
    }
    putchar('\n');
}

static void put_seed(char out[32], const hp_sweep_point *p)
{
    out[0] = '\0';
    if (p->has_seed)
        snprintf(out, 32, "%llu", (unsigned long long)p->seed);
}

void print_samples(const hp_sweep *s)
{
    for (size_t k = 0; k < s->samples.n; k++) {
        fputs("\nafter: ", stdout);
        put_text(s->samples.at[k].prompt);
        printf("%-11s %5s %5s  ", "as it is", "", "");
        put_text(s->samples.at[k].text);
        for (size_t i = 0; i < s->n_points; i++) {
            const hp_sweep_point *p = &s->points[i];
            char seed[32];
            if (k >= p->samples.n)
                continue;
            put_seed(seed, p);
            printf("%-11s %5.3g %5s  ", p->method, p->ratio, seed);
            put_text(p->samples.at[k].text);
        }
    }
}

/* A row; the point is NULL for the model as it is. */
static void put_row(const hp_sweep_point *p, const hp_sample *sample)
{
    char ratio[32] = "", seed[32] = "";
    if (p) {
        put_seed(seed, p);
        snprintf(ratio, sizeof ratio, "%.6g", p->ratio);
    }
    print_cell(stdout, FORM_MD, 0, sample->prompt);
    print_cell(stdout, FORM_MD, 1, p ? p->method : "");
    print_cell(stdout, FORM_MD, 2, ratio);
    print_cell(stdout, FORM_MD, 3, seed);
    print_cell(stdout, FORM_MD, 4, sample->text);
    print_row_end(stdout, FORM_MD);
}

void print_samples_md(const hp_sweep *s)
{
    static const char *const names[] = {"prompt", "method", "ratio", "seed",
                                        "text"};
    if (!s->samples.n)
        return;
    putchar('\n');
    print_table_head(stdout, FORM_MD, names, sizeof names / sizeof *names);
    for (size_t k = 0; k < s->samples.n; k++) {
        put_row(NULL, &s->samples.at[k]);
        for (size_t i = 0; i < s->n_points; i++)
            if (k < s->points[i].samples.n)
                put_row(&s->points[i], &s->points[i].samples.at[k]);
    }
}

void print_samples_json(const hp_samples *s)
{
    if (!s->n)
        return;
    fputs(", \"samples\": [", stdout);
    for (size_t i = 0; i < s->n; i++) {
        fputs(i ? ", {" : "{", stdout);
        print_json_pair(stdout, "prompt", s->at[i].prompt);
        fputs("\"text\": ", stdout);
        print_json_text(stdout, s->at[i].text);
        putchar('}');
    }
    putchar(']');
}
