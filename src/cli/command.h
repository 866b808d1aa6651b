#ifndef HEADPRUNE_CLI_COMMAND_H
#define HEADPRUNE_CLI_COMMAND_H

#include "cli/console.h"
#include "headprune/headprune.h"

/*
 * A command: one row of the table in main.c and one cmd_*.c. A run function
 * prints its answer to standard output and returns a status; errors, exit
 * codes and flushing are main's.
 */
typedef struct cli {
    options opt;
    console con;
    const hp_method *method; /* of METHOD and score */
    const char **args;       /* [n_args] words after the command's name */
    size_t n_args;
    const char *const *command_line; /* [n_command_line], for the report */
    size_t n_command_line;
    int answer_is_no; /* exit 1 in place of 0 */
} cli;

#define SOME_ARGS SIZE_MAX /* one or more */
typedef struct command {
    const char *name;
    unsigned takes; /* TAKES_* bit */
    size_t n_args;
    const char *arguments; /* "MODEL" */
    const char *summary;   /* one line, for lists */
    const char *about;     /* paragraphs of its help */
    const char *examples;  /* lines of its help */
    hp_status (*run)(cli *c, hp_error *err);
} command;

/* Row i, NULL past the end; row 0 stands for every METHOD. */
const command *command_at(size_t i);
/* Also by the name of a method; NULL: none. */
const command *command_find(const char *name);

hp_status cmd_prune(cli *c, hp_error *err);
hp_status cmd_inspect(cli *c, hp_error *err);
hp_status cmd_score(cli *c, hp_error *err);
hp_status cmd_plan(cli *c, hp_error *err);
hp_status cmd_apply(cli *c, hp_error *err);
hp_status cmd_eval(cli *c, hp_error *err);
hp_status cmd_methods(cli *c, hp_error *err);
hp_status cmd_tokens(cli *c, hp_error *err);
hp_status cmd_attention(cli *c, hp_error *err);
hp_status cmd_check(cli *c, hp_error *err);
hp_status cmd_diff(cli *c, hp_error *err);
hp_status cmd_report(cli *c, hp_error *err);
hp_status cmd_redundancy(cli *c, hp_error *err);
hp_status cmd_stats(cli *c, hp_error *err);
hp_status cmd_merge(cli *c, hp_error *err);
hp_status cmd_sweep(cli *c, hp_error *err);
hp_status cmd_generate(cli *c, hp_error *err);
hp_status cmd_restore(cli *c, hp_error *err);
hp_status cmd_auto(cli *c, hp_error *err);

/* help.c */
void help_usage(FILE *out); /* a few lines */
void help_full(FILE *out);
void help_command(FILE *out, const command *cmd);
void version_print(const console *c);
/* generate.c: man page and completions; `what` is the choice's index. */
void generate_print(FILE *out, uint64_t what);

/* The form of standard output, in the order of --format's choices. */
typedef enum output_form {
    FORM_HUMAN,
    FORM_JSON,
    FORM_NDJSON,
    FORM_TSV,
    FORM_MD
} output_form;
/* --format github, which check alone knows. */
enum { FORM_GITHUB = FORM_MD + 1 };
output_form cli_form(const cli *c);

#endif
