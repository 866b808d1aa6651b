#ifndef HEADPRUNE_CLI_TERM_CLI_H
#define HEADPRUNE_CLI_TERM_CLI_H

#include "cli/term/console.h"
#include "headprune/headprune.h"

/* One call of the program: its command line, understood. */
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
