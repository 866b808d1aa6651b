#ifndef HEADPRUNE_CLI_OUTPUT_H
#define HEADPRUNE_CLI_OUTPUT_H

#include "cli/work.h"

/* The new checkpoint: its name, its report, and what is said about it. */
typedef struct output {
    char *path; /* folder, X.safetensors or "-" */
    hp_rewrite_options options;
    hp_rewrite *rewrite;
    char *report; /* the document */
} output;

/* The name and form from the command line, checked before any work: what
 * cannot be written later is said now. `plan` may be NULL (METHOD). */
HP_CHECKED
hp_status output_prepare(output *o, const work *w, const cli *c, hp_error *err);
/* With --round, makes w->plan one that the form can write, and says what became
 * of it. */
HP_CHECKED
hp_status output_round(const output *o, work *w, const cli *c, hp_error *err);
/* Writes checkpoint and report; they appear whole or not at all. With --dry-run
 * it is only worked out what they would be. */
HP_CHECKED
hp_status output_write(output *o, const work *w, cli *c, hp_error *err);
/* Says what was done, or with --dry-run would be done. */
HP_CHECKED
hp_status output_tell(const output *o, const work *w, const cli *c,
                      hp_error *err);
void output_clear(output *o);

/* The name of a checkpoint for the names of what is made from it: the
 * folder's, or the file's without .safetensors. Freed by the caller; NULL when
 * memory is short. */
char *output_model_name(const char *path);

#endif
