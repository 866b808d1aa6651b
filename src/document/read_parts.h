#ifndef HEADPRUNE_DOCUMENT_READ_PARTS_H
#define HEADPRUNE_DOCUMENT_READ_PARTS_H

#include "base/arena.h"
#include "document/document_parts.h"
#include "io/json.h"

/* Pieces of documents, read. Text is copied into the arena. */

/* Size limit of a document: about 400,000 heads. */
#define HP__DOCUMENT_MOST ((size_t)64 << 20)

/* HP_FORMAT unless the schema is `wanted`, or `also` (NULL: no other). */
HP_CHECKED
hp_status hp__read_schema(const hp__node *root, const char *wanted,
                          const char *also, hp_error *err);
HP_CHECKED
hp_status hp__read_model(hp_model_info *out, hp__arena *a, const hp__node *root,
                         hp_error *err);

/* "method"; mix and step, which not all have, may be absent. */
HP_CHECKED
hp_status hp__read_method(hp__told_method *out, hp__arena *a,
                          const hp__node *root, hp_error *err);

/* "seed" of an object; absent and null: none. Text when over 2^53. */
HP_CHECKED
hp_status hp__read_seed(int *has_seed, uint64_t *out, const hp__node *object,
                        hp_error *err);
/* "calibration"; null: none. */
HP_CHECKED
hp_status hp__read_calibration(int *has, hp_calibration_info *out, hp__arena *a,
                               const hp__node *root, hp_error *err);
/* A member that must be a string, copied. */
HP_CHECKED
hp_status hp__read_text(const char **out, hp__arena *a, const hp__node *object,
                        const char *key, hp_error *err);

/* "group" of a policy; absent: none. */
HP_CHECKED
hp_status hp__read_group(hp_group *out, const hp__node *policy, hp_error *err);
/* id, block, name, layer, head and group (absent: its own) of an object; not
 * checked. */
HP_CHECKED
hp_status hp__read_head(hp_head *out, hp__arena *a, const hp__node *n,
                        hp_error *err);
/* HP_FORMAT unless heads are in model order and ids unique and of their form.
 */
HP_CHECKED
hp_status hp__check_heads(const hp_head *heads, size_t n, hp_error *err);
/* The number behind the last colon of an id; 0: there is none. */
int hp__head_of_id(uint32_t *out, const char *id);

/* Whole documents. Of a report, `*out` stays NULL when it does not know all
 * scores. */
HP_CHECKED
hp_status hp__read_eval(hp_eval **out, const hp__node *root, hp_error *err);
HP_CHECKED
hp_status hp__read_scores(hp_scores **out, const hp__node *root, hp_error *err);
HP_CHECKED
hp_status hp__read_report_scores(hp_scores **out, const hp__node *root,
                                 hp_error *err);
/* Of a report of auto; another leaves `*out` NULL. Freed by free(), after a
 * failure too. */
HP_CHECKED
hp_status hp__read_choice(hp_choice **out, const hp__node *root, hp_error *err);
HP_CHECKED
hp_status hp__read_plan(hp_plan **out, const hp__node *root, hp_error *err);

HP_CHECKED
hp_status hp__read_redundancy(hp_redundancy **out, const hp__node *root,
                              hp_error *err);

/* Key "metric" of an evaluation. */
HP_CHECKED
hp_status hp__read_metric(hp_metric *out, const hp__node *n, hp_error *err);

/* A file of attention; any other is refused. */
HP_CHECKED
hp_status hp__read_thumbnails(hp_thumbnails **out, const char *path,
                              hp_error *err);
void hp__thumbnails_free(hp_thumbnails *t); /* NULL is fine */

/* Puts where it happened in front of a message: "heads[3]: ...". */
hp_status hp__within(hp_error *err, hp_status st, const char *array, size_t i);

#endif
