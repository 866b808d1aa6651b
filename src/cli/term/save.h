#ifndef HEADPRUNE_CLI_TERM_SAVE_H
#define HEADPRUNE_CLI_TERM_SAVE_H

#include "headprune/error.h"

#include <stddef.h>

/*
 * A small file of the program's own (--report FILE): written beside its place
 * under a temporary name, then moved there. Pipes and devices are written as
 * they are.
 */
typedef struct save_file {
    char *path, *temporary; /* temporary NULL: nothing is waiting */
} save_file;

/* HP_IO: it exists and may not be replaced, or its folder is missing. */
HP_CHECKED
hp_status save_check(const char *path, int replace, hp_error *err);
HP_CHECKED
hp_status save_begin(save_file *f, const char *path, const char *bytes,
                     size_t len, hp_error *err);
HP_CHECKED
hp_status save_commit(save_file *f, hp_error *err);
/* Leaves no trace of what was not committed. */
void save_discard(save_file *f);

#endif
