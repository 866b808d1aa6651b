#ifndef HEADPRUNE_CLI_COMMAND_H
#define HEADPRUNE_CLI_COMMAND_H

#include "cli/term/cli.h"

/*
 * A command: one row of the table in main.c and one cmd_*.c. A run function
 * prints its answer to standard output and returns a status; errors, exit
 * codes and flushing are main's.
 */
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

#endif
