#include "cli/print/print_heatmap.h"

#include <string.h>
#include <unistd.h>

/* Pale to strong: 256-colour numbers, and block characters. */
static const int colours[] = {231, 230, 223, 216, 209, 203, 196};
static const char *const blocks[] = {"\xE2\x96\x91", "\xE2\x96\x92",
                                     "\xE2\x96\x93", "\xE2\x96\x88"};
enum {
    N_COLOURS = sizeof colours / sizeof *colours,
    N_BLOCKS = sizeof blocks / sizeof *blocks
};

heat heat_of(const cli *c, const hp_scores *s)
{
    heat h = {.coloured = c->con.colour_out, .strong_high = s->prunes_highest};
    for (size_t i = 0; i < s->n_heads; i++) {
        double v = s->values[i];
        if (!i || v < h.low)
            h.low = v;
        if (!i || v > h.high)
            h.high = v;
    }
    return h;
}

/* Which of `n` shades, pale to strong, a score has. */
static size_t shade_of(const heat *h, double value, size_t n)
{
    double span = h->high - h->low;
    double share = span > 0 ? (value - h->low) / span : 0;
    if (!h->strong_high)
        share = 1 - share;
    return (size_t)(share * (double)(n - 1) + 0.5);
}

void heat_put(const heat *h, int width, const char *text, double value)
{
    if (h->coloured)
        printf("\033[30;48;5;%dm%*s\033[0m",
               colours[shade_of(h, value, N_COLOURS)], width, text);
    else
        printf("%*s", width, text);
}

static void put_cell(const heat *h, int width, double value, int pruned)
{
    const char *cross = width > 1 ? "><" : "x";
    if (h->coloured) {
        heat_put(h, width, pruned ? cross : "", value);
        return;
    }
    const char *block = blocks[shade_of(h, value, N_BLOCKS)];
    for (int i = 0; i < width && !pruned; i++)
        fputs(block, stdout);
    if (pruned)
        fputs(cross, stdout);
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

static int widest_label(const hp_scores *s)
{
    int widest = (int)strlen("layer");
    for (size_t i = 0; i < s->n_heads; i++) {
        int len = label_length(&s->heads[i]);
        widest = len > widest ? len : widest;
    }
    return widest;
}

/* Pale to strong, with the scores at both ends. */
static void put_key(const heat *h, const hp_scores *s, int label, int crossed)
{
    printf("%*s ", label, "");
    printf("%.4g ", h->strong_high ? h->low : h->high);
    if (h->coloured)
        for (size_t i = 0; i < N_COLOURS; i++)
            printf("\033[48;5;%dm \033[0m", colours[i]);
    else
        for (size_t i = 0; i < N_BLOCKS; i++)
            fputs(blocks[i], stdout);
    printf(" %.4g", h->strong_high ? h->high : h->low);
    if (s->unit[0])
        printf(" %s", s->unit);
    fputs(crossed ? " goes first, >< pruned\n\n" : " goes first\n\n", stdout);
}

void print_heatmap(const heat *h, const hp_scores *s,
                   const unsigned char *pruned)
{
    size_t widest = widest_block(s), room = console_width(STDOUT_FILENO);
    int label = widest_label(s);
    int width = (size_t)label + 1 + 2 * widest <= room ? 2 : 1;
    if ((size_t)label + 1 + widest > room)
        return;
    printf("%-*s ", label, "layer");
    for (size_t i = 0; i < widest; i += 5)
        printf("%-*zu", i + 5 < widest ? 5 * width : 0, i);
    for (size_t i = 0; i < s->n_heads; i++) {
        const hp_head *head = &s->heads[i];
        if (!i || head->block != head[-1].block)
            printf("\n%*.*s ", label, label_length(head), head->id);
        put_cell(h, width, s->values[i], pruned && pruned[i]);
    }
    putchar('\n');
    put_key(h, s, label, pruned != NULL);
}
