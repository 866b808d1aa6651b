#ifndef HEADPRUNE_PRUNE_EMIT_H
#define HEADPRUNE_PRUNE_EMIT_H

#include "base/arena.h"
#include "headprune/rewrite.h"

/* A small file that a form puts into the output folder. */
typedef struct hp__added {
    const char *name;
    const char *bytes; /* [len] */
    size_t len;
} hp__added;

/* What a form makes of a checkpoint. All of it lives in the arena, or is
 * constant. */
typedef struct hp__edition {
    const hp_change *changes; /* [n_changes], by shard and offset */
    size_t n_changes;
    int cut;            /* the bands are left out; 0: they become zero bytes */
    const char *config; /* [config_len] config.json; NULL: as it is */
    size_t config_len;
    const hp__added *added; /* [n_added] */
    size_t n_added;
    const char *left_out;        /* a file that does not go along, or NULL */
    const char *const *loads_in; /* what reads the output; ends with NULL */
    const char *size, *speed;    /* what becomes of them, one line each */
    /* Class that loads it, NULL: that of the input; and what from_pretrained
     * needs beside the folder. */
    const char *loader, *loader_arguments;
    int not_loadable; /* transformers do not load what was made */
    const char *note; /* what is to be known before it is used, or NULL */
} hp__edition;

/* What a form is asked for. */
typedef struct hp__order {
    const hp_model *model;
    const unsigned char *mask; /* [heads of model] 1: goes */
    const hp_rewrite_options *options;
} hp__order;

/*
 * The row an output form adds to the table in emit.c. All that headprune knows
 * about the form stands in its one file.
 */
typedef struct hp__form {
    hp_emit emit;
    /* 1: every block must keep a head; NULL: need not. */
    int (*keeps_one)(const hp_rewrite_options *o);
    int folder_only; /* files beside the weights belong to it */
    /* Whether the form exists for a model, whatever heads go; NULL: always. */
    hp_status (*check)(const hp_model *m, const hp_rewrite_options *o,
                       hp_error *err);
    hp_status (*edit)(hp__edition *out, hp__arena *a, const hp__order *o,
                      hp_error *err);
} hp__form;

extern const hp__form hp__form_zero, hp__form_zero_all, hp__form_gate,
    hp__form_mask, hp__form_remove;

/* The row of a public form; NULL: not one of the table. */
const hp__form *hp__form_find(const hp_emit *emit);

#endif
