#ifndef HEADPRUNE_CLI_PRINT_PRINT_H
#define HEADPRUNE_CLI_PRINT_PRINT_H

#include "cli/term/cli.h"

/*
 * Scores and plans in the forms of --format. JSON is the library's document;
 * tsv, md and ndjson have one head a line; the human form is for reading.
 */
HP_CHECKED
hp_status print_scores(const cli *c, const hp_scores *s, hp_error *err);
/* `out`: standard error when standard output carries the checkpoint. */
HP_CHECKED
hp_status print_plan(FILE *out, const cli *c, const hp_plan *p, hp_error *err);

/* What auto chose, why, and the curve behind it; nothing when it did not. */
void print_choice(FILE *out, const hp_choice *c);

/* Two lines on a refit; nothing when no head goes. */
void print_refit(FILE *out, const hp_refit *r);

/* What heads can replace: a table with groups and pairs, or a row a head. */
HP_CHECKED
hp_status print_redundancy(const cli *c, const hp_redundancy *r, hp_error *err);

/* An evaluation: a few lines, or one row. */
HP_CHECKED
hp_status print_eval(const cli *c, const hp_eval *e, hp_error *err);

/* What becomes of size and speed: as a table, or in two lines. */
void print_forecast(FILE *out, const hp_forecast *f, int table);

/* Two checkpoints: the counts, and what differs. */
HP_CHECKED
hp_status print_diff(const cli *c, const hp_diff *d, hp_error *err);

/* The sweep in the form of --format. */
HP_CHECKED
hp_status print_sweep(const cli *c, const hp_sweep *s, hp_error *err);
/* Its samples, after an empty line; nothing when there are none. */
void print_samples(const hp_sweep *s);
void print_samples_md(const hp_sweep *s);
/* A last member of an object. */
void print_samples_json(const hp_samples *s);

/* " +- 1.5", two digits; nothing where there is no error. */
void print_error(double error);

/* One line per block: its layer, how many heads of `mask`, and which. */
void print_blocks(FILE *out, const hp_head *heads, size_t n,
                  const unsigned char *mask);
/* "entropy (nat), highest first" */
void print_method(FILE *out, const char *method, const char *unit,
                  int prunes_highest);

/* Columns of a table in tsv or md; ndjson has its own rows. */
void print_table_head(FILE *out, output_form form, const char *const *names,
                      size_t n);
void print_cell(FILE *out, output_form form, size_t column, const char *text);
void print_row_end(FILE *out, output_form form);

#endif
