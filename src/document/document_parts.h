#ifndef HEADPRUNE_DOCUMENT_DOCUMENT_PARTS_H
#define HEADPRUNE_DOCUMENT_DOCUMENT_PARTS_H

#include "headprune/document.h"
#include "io/emit_json.h"

/* Pieces that the documents share. */

#define HP__SCORES_SCHEMA     "headprune.scores/1"
#define HP__PLAN_SCHEMA       "headprune.plan/1"
#define HP__EVAL_SCHEMA       "headprune.eval/1"
#define HP__REPORT_SCHEMA     "headprune.report/1"
#define HP__SWEEP_SCHEMA      "headprune.sweep/1"
#define HP__REDUNDANCY_SCHEMA "headprune.redundancy/1"

/* The rank of a head that a plan's document does not tell. */
#define HP__NO_RANK UINT32_MAX

/* From the opening brace to the time stamp, and to the model. HP_INVALID:
 * SOURCE_DATE_EPOCH is not a number of seconds. */
HP_CHECKED
hp_status hp__document_open(hp__emitter *e, const char *schema, hp_error *err);
HP_CHECKED
hp_status hp__document_start(hp__emitter *e, const char *schema,
                             const hp_model_info *model, hp_error *err);

/* Ends the document and hands it over; `st` is what happened so far. */
HP_CHECKED
hp_status hp__document_finish(char **out, hp__emitter *e, hp_status st,
                              hp_error *err);

/* "method": how scores were made. */
typedef struct hp__told_method {
    const char *name, *unit;
    int prunes_highest, has_seed;
    uint64_t seed;
    const char *mix; /* NULL: none */
    double step;     /* 0: none */
} hp__told_method;

/* "seed": a number, text when over 2^53. */
void hp__document_seed(hp__emitter *e, uint64_t seed);
/* To six digits, as scores are: processors differ in the last bits. */
void hp__document_rounded(hp__emitter *e, const char *key, double value);
/* "calibration"; NULL: null. */
void hp__document_calibration(hp__emitter *e, const hp_calibration_info *c);

/* Members of a head's object, up to rank; opens the object, which the caller
 * closes. "group" where heads of the table share keys and values. */
void hp__document_head(hp__emitter *e, const hp_head *h, int shared,
                       double score, uint32_t rank);

/* "forecast" */
void hp__document_forecast(hp__emitter *e, const hp_forecast *f);

/* From "method" to "blocks": a plan without its model. */
HP_CHECKED
hp_status hp__document_plan(hp__emitter *e, const hp_plan *p, hp_error *err);

#endif
