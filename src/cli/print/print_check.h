#ifndef HEADPRUNE_CLI_PRINT_PRINT_CHECK_H
#define HEADPRUNE_CLI_PRINT_PRINT_CHECK_H

#include "cli/term/cli.h"

/* The outcome in the forms of --format, github among them. */
HP_CHECKED
hp_status print_check(const cli *c, const hp_check *check, hp_error *err);
/* --junit and --summary: whether they can be written, and writing them. */
HP_CHECKED
hp_status check_files_prepare(const cli *c, hp_error *err);
HP_CHECKED
hp_status check_files_write(const cli *c, const hp_check *check, hp_error *err);
/* The rows of a table in md or tsv. */
void print_check_rows(FILE *out, const hp_check *check, output_form form);

#endif
