#ifndef HEADPRUNE_TESTS_HEAD_TABLE_H
#define HEADPRUNE_TESTS_HEAD_TABLE_H

#include "headprune/heads.h"

/*
 * Head tables for tests without a model: `layers` blocks of `heads` heads,
 * ids "0:0" and on.
 */
#define HEAD_TABLE_MOST 512

typedef struct head_table {
    hp_head heads[HEAD_TABLE_MOST];
    char text[HEAD_TABLE_MOST][40];
    size_t n;
} head_table;

/* Adds a block whose ids are PREFIX:0, PREFIX:1, ... */
void head_table_add(head_table *t, const char *prefix, unsigned heads);
void head_table_make(head_table *t, unsigned layers, unsigned heads);

#endif
