#ifndef HEADPRUNE_CLI_PROMPTS_H
#define HEADPRUNE_CLI_PROMPTS_H

#include "cli/work.h"

/* What generate continues: --prompt, lines of --data, or --tokens. */
typedef struct prompt {
    const char *text; /* [len], as given; NULL: of --tokens */
    size_t len;
    const int32_t *ids; /* [n] */
    size_t n;
    int32_t *owned; /* the ids, when they are the prompt's own */
} prompt;

typedef struct prompts {
    prompt *items; /* [n] */
    size_t n, room;
    char **files; /* [n_files] texts of --data */
    size_t n_files;
} prompts;

/* HP_INVALID unless exactly one source is given. */
HP_CHECKED
hp_status prompts_check(const cli *c, hp_error *err);
/* Reads and encodes all of them; opens the tokenizer for texts. Released also
 * after a failure. */
HP_CHECKED
hp_status prompts_read(prompts *p, work *w, cli *c, hp_error *err);
/* Those of --prompt alone, whatever --data and --tokens are. */
HP_CHECKED
hp_status prompts_read_given(prompts *p, work *w, cli *c, hp_error *err);
void prompts_clear(prompts *p);

#endif
