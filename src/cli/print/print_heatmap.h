#ifndef HEADPRUNE_CLI_PRINT_PRINT_HEATMAP_H
#define HEADPRUNE_CLI_PRINT_PRINT_HEATMAP_H

#include "cli/term/cli.h"

/* Scores as colours, or as shades where there are none: the stronger, the
 * sooner a head goes. */
typedef struct heat {
    int coloured;
    double low, high; /* of the scores */
    int strong_high;
} heat;

heat heat_of(const cli *c, const hp_scores *s);
/* A number right-aligned in `width` columns, on its colour. */
void heat_put(const heat *h, int width, const char *text, double value);

/*
 * Layers down, heads across, two columns a head (one where the terminal is
 * narrow), and what the shades mean; nothing when even that does not fit.
 * Heads of `pruned` (NULL: none are) are crossed. On standard output.
 */
void print_heatmap(const heat *h, const hp_scores *s,
                   const unsigned char *pruned);

#endif
