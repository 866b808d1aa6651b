#ifndef HEADPRUNE_CLI_PRINT_PRINT_ATTENTION_H
#define HEADPRUNE_CLI_PRINT_PRINT_ATTENTION_H

#include "cli/term/cli.h"

/* The heads of `mask` as a table, or, where one head's matrix was computed,
 * that matrix. */
HP_CHECKED
hp_status print_attention(const cli *c, const hp_attention *a,
                          const unsigned char *mask, hp_error *err);
/* The matrix for people: labelled with tokens, a cell for several of them
 * where the terminal is narrow. */
void print_heat(const cli *c, const hp_attention *a);

/* A token as it can stand in a line: spaces seen, no line breaks, what is not
 * UTF-8 as '?'; cut or filled to `columns`. Its id where its text is not
 * known. */
void print_token(FILE *out, const hp_attention_tokens *t, size_t token,
                 int columns);
/* Columns that print_token needs for the whole of it. */
int token_columns(const hp_attention_tokens *t, size_t token);

#endif
