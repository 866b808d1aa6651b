#ifndef HEADPRUNE_CLI_INSPECT_H
#define HEADPRUNE_CLI_INSPECT_H

#include "cli/work.h"

/* What inspect found, before it is printed. */
typedef struct inspection {
    output_form form;
    const hp_checkpoint *checkpoint;
    const hp_model *model; /* NULL: not one that headprune runs */
    int has_tokenizer;
    char tokenizer_problem[sizeof((hp_error *)0)->message];
} inspection;

/* headprune.inspect/1; on one line for ndjson. */
void inspect_print_json(const inspection *n);

#endif
