#ifndef HEADPRUNE_CLI_CHECK_PARTS_H
#define HEADPRUNE_CLI_CHECK_PARTS_H

#include "cli/work.h"

enum { MOST_RULES = 4 };

typedef struct checking {
    work w;
    hp_document *baseline;
    hp_eval *eval; /* of MODEL, when the baseline is one */
    hp_finding findings[MOST_RULES];
    size_t n;
    const char *data[1]; /* the baseline's, where none is given */
} checking;

static inline int has(const cli *c, option_id id)
{
    return options_has(&c->opt, id);
}

/* check_data.c: reads the data that the baseline names; HP_INVALID when it is
 * not the same, unless --any-data. */
HP_CHECKED
hp_status check_read_data(checking *k, cli *c, hp_error *err);
/* check_rules.c: what the baseline lets be checked, and checking it. */
HP_CHECKED
hp_status check_request(const hp_document *baseline, const cli *c,
                        hp_error *err);
HP_CHECKED
hp_status check_judge(checking *k, cli *c, hp_error *err);

#endif
