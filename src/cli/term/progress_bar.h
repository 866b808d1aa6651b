#ifndef HEADPRUNE_CLI_TERM_PROGRESS_BAR_H
#define HEADPRUNE_CLI_TERM_PROGRESS_BAR_H

#include "cli/term/console.h"
#include "headprune/progress.h"

/*
 * One line on standard error that shows how far a call is, how fast, and how
 * long it may take; erased at the end. Also carries interrupts into the call.
 */
typedef struct progress_bar {
    int shown;
    const char *what; /* "scoring" */
    const char *unit; /* "tokens"; NULL: bytes */
    uint64_t per;     /* steps a unit: layers a token */
    double started, drawn;
} progress_bar;

void progress_start(progress_bar *b, const console *c, const char *what,
                    const char *unit, uint64_t per);
/* For the options of a library call; the bar must outlive the call. */
hp_progress progress_hook(progress_bar *b);
void progress_end(progress_bar *b);

#endif
