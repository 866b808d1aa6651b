#ifndef HEADPRUNE_TESTS_JOB_H
#define HEADPRUNE_TESTS_JOB_H

#include "headprune/headprune.h"

/* A model with a plan, ready to be rewritten; what goes wrong in job_open
 * fails the running test. */
typedef struct job {
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_plan *plan;
} job;

/* `heads` is the text of a list; `config` as for hp_checkpoint_open. */
void job_open(job *j, const char *path, const char *config, const char *heads);
void job_close(job *j);

/* Options for the form "zero". */
hp_rewrite_options job_options(const char *out, int replace);
/* hp_rewrite_begin, commit and free. */
hp_status job_run(const job *j, const hp_rewrite_options *o, hp_error *err);
/* All of it in the form `emit`, from a folder to a folder; fails the test when
 * it fails. */
void job_emit(const char *path, const char *heads, const char *out,
              const char *emit);
/* The status and error of what must fail; nothing may be left at `out`. */
hp_status job_refused(const char *path, const char *heads, const char *out,
                      const char *emit, hp_error *err);
/* The same with the form "zero"; fails the test when it fails. */
void job_prune(const char *path, const char *heads, const char *out);

#endif
