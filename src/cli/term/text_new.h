#ifndef HEADPRUNE_CLI_TERM_TEXT_NEW_H
#define HEADPRUNE_CLI_TERM_TEXT_NEW_H

#include "headprune/error.h"

/* A new text; NULL when memory is short. */
char *text_new(const char *fmt, ...) HP_PRINTF(1, 2);
int text_ends_with(const char *text, const char *end);

#endif
