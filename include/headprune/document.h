#ifndef HEADPRUNE_DOCUMENT_H
#define HEADPRUNE_DOCUMENT_H

#include "headprune/attention.h"
#include "headprune/diff.h"
#include "headprune/forecast.h"
#include "headprune/gate.h"
#include "headprune/redundancy.h"
#include "headprune/rewrite.h"
#include "headprune/search.h"
#include "headprune/sweep.h"

/*
 * The JSON documents (docs/schema/): plain data in, UTF-8 text out, and back.
 * Keys stand in a fixed order, numbers read back as the rounded value, NaN and
 * infinity are null, and there are no time stamps unless SOURCE_DATE_EPOCH is
 * set: the same input gives the same bytes.
 */
#ifdef __cplusplus
extern "C" {
#endif

/* headprune.scores/1, headprune.plan/1. `*out` is NUL-terminated, ends with a
 * line feed and is freed by the caller with free(). */
HP_CHECKED
hp_status hp_document_scores(char **out, const hp_scores *s, hp_error *err);
HP_CHECKED
hp_status hp_document_plan(char **out, const hp_plan *p, hp_error *err);
/* headprune.plan/1 with what would become of size and speed. */
HP_CHECKED
hp_status hp_document_forecast(char **out, const hp_plan *p,
                               const hp_forecast *f, hp_error *err);

/* What headprune.report/1 says beside the plan, the scores and the rewrite. */
typedef struct hp_report {
    const hp_model *model;
    const hp_scores *scores; /* NULL: a plan or a list was applied */
    const hp_plan *plan;
    const hp_rewrite *rewrite;
    const hp_refit *refit;                        /* NULL: none was made */
    const hp_calibration_info *refit_calibration; /* what it was made from */
    const hp_choice *choice; /* of auto; NULL: the method was named */
    const hp_emit *emit;
    const char *blas_core;      /* NULL: no product was computed */
    const char *const *command; /* the words of the command line */
    size_t n_command;
} hp_report;
HP_CHECKED
hp_status hp_document_report(char **out, const hp_report *r, hp_error *err);
/* headprune.eval/1 */
HP_CHECKED
hp_status hp_document_eval(char **out, const hp_eval *e, hp_error *err);
/* headprune.sweep/1 */
HP_CHECKED
hp_status hp_document_sweep(char **out, const hp_sweep *s, hp_error *err);

/* headprune.redundancy/1 */
HP_CHECKED
hp_status hp_document_redundancy(char **out, const hp_redundancy *r,
                                 hp_error *err);

/* headprune.attention/1: the heads of `mask` [heads] (NULL: all), and the
 * matrix when there is one. */
HP_CHECKED
hp_status hp_document_attention(char **out, const hp_attention *a,
                                const unsigned char *mask, hp_error *err);

/* headprune.check/1 */
HP_CHECKED
hp_status hp_document_check(char **out, const hp_check *c, hp_error *err);

/* headprune.diff/1 */
HP_CHECKED
hp_status hp_document_diff(char **out, const hp_diff *d, hp_error *err);

/*
 * Reads a scores document (hp_document_read_plan: a plan or a report) from a
 * path, or "-" for standard input. HP_FORMAT: not such a document; a later
 * schema version is named.
 */
HP_CHECKED
hp_status hp_document_read_scores(hp_scores **out, const char *path,
                                  hp_error *err);
HP_CHECKED
hp_status hp_document_read_plan(hp_plan **out, const char *path, hp_error *err);
HP_CHECKED
hp_status hp_document_read_eval(hp_eval **out, const char *path, hp_error *err);
HP_CHECKED
hp_status hp_document_read_sweep(hp_sweep **out, const char *path,
                                 hp_error *err);
/* The same from memory. */
HP_CHECKED
hp_status hp_document_parse_sweep(hp_sweep **out, const char *text, size_t len,
                                  hp_error *err);
HP_CHECKED
hp_status hp_document_parse_scores(hp_scores **out, const char *text,
                                   size_t len, hp_error *err);
HP_CHECKED
hp_status hp_document_parse_plan(hp_plan **out, const char *text, size_t len,
                                 hp_error *err);
HP_CHECKED
hp_status hp_document_parse_eval(hp_eval **out, const char *text, size_t len,
                                 hp_error *err);

/* The attention of all heads on one sequence, made small: what a file of
 * hp_attention_run holds. */
typedef struct hp_thumbnail {
    const float *values; /* [cells, cells] queries down; the greatest share in
                            each cell */
    double first, previous, own; /* as of hp_attention_head */
} hp_thumbnail;

typedef struct hp_thumbnail_block {
    const char *name;
    size_t n_heads;
    const hp_thumbnail *heads; /* [n_heads] */
} hp_thumbnail_block;

typedef struct hp_thumbnails {
    size_t n_tokens;
    size_t cells; /* a side: n_tokens, but at most 24 */
    size_t n_blocks;
    const hp_thumbnail_block *blocks; /* h.10 comes after h.9 */
} hp_thumbnails;

/* Any document: what its schema says is in it is there, the rest is NULL. */
typedef struct hp_document {
    const char *path; /* as given; "standard input" */
    const char *text; /* [len] and a NUL: the bytes that were read; NULL for a
                         file of attention, which is no text */
    size_t len;
    hp_scores *scores;         /* scores/1; report/1 when it knows all scores */
    hp_plan *plan;             /* plan/1 and report/1 */
    hp_choice *choice;         /* report/1 of auto; `method` NULL when there is
                                  none of that name */
    hp_eval *eval;             /* eval/1 */
    hp_sweep *sweep;           /* sweep/1 */
    hp_redundancy *redundancy; /* redundancy/1: heads and what they supply */
    hp_thumbnails *thumbnails; /* of X.safetensors: matrices of attention */
} hp_document;

/* From a path, or "-"; a path that ends in ".safetensors" is a file of
 * attention, of which one band of rows at a time is in memory. HP_FORMAT: no
 * document of headprune, or of a kind that holds none of these. */
HP_CHECKED
hp_status hp_document_open(hp_document **out, const char *path, hp_error *err);
void hp_document_free(hp_document *d); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
