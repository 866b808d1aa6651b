#ifndef HEADPRUNE_CLI_WORK_H
#define HEADPRUNE_CLI_WORK_H

#include "cli/command.h"

/*
 * The stages that commands are made of, in the order of the data: checkpoint,
 * model, calibration, scores, plan. Each stage reads its options from the
 * command line and leaves its result here.
 */
typedef struct work {
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_tokenizer *tokenizer;
    hp_calibration *calibration;
    hp_stats *stats; /* of --stats */
    hp_backend *backend;
    hp_scores *scores;
    hp_plan *plan;
    /* Of masked models, for methods that need a loss. */
    hp_special special;
    int32_t special_ids[HP_MAX_SPECIAL]; /* room for them */
    hp_refit *refit;                     /* of the plan, with --compensate */
    size_t least;     /* heads that a block keeps without --keep */
    double most;      /* of a sweep: the largest ratio asked for */
    hp_choice choice; /* of auto; method NULL: it was named */
} work;

/* HP_INVALID when `input` and the options read standard input twice. */
HP_CHECKED
hp_status work_check_stdin(const cli *c, const char *input, hp_error *err);
HP_CHECKED
hp_status work_open_checkpoint(work *w, cli *c, const char *path,
                               hp_error *err);
/* The model of w->checkpoint, read as the options say. */
HP_CHECKED
hp_status work_bind_model(work *w, const cli *c, hp_error *err);
/* What a user may not know of the model: heads that a mask beside the weights
 * silences, an output that others read elsewhere. */
void work_tell_model(const cli *c, const hp_model *m);
/* The checkpoint and its model. */
HP_CHECKED
hp_status work_open_model(work *w, cli *c, const char *path, hp_error *err);
/* HP_UNSUPPORTED, with the methods that work: nothing can be computed with
 * w->model. */
HP_CHECKED
hp_status work_check_runs(const work *w, hp_error *err);
/* work_open_model, for commands that compute. */
HP_CHECKED
hp_status work_open_running(work *w, cli *c, const char *path, hp_error *err);
HP_CHECKED
hp_status work_open_tokenizer(work *w, cli *c, hp_error *err);
/* What the model asks of data. */
hp_calibration_options work_data_options(const work *w);
HP_CHECKED
hp_status work_calibrate(work *w, cli *c, hp_error *err);
/* The same data options, but all windows of a text unless --sequences says how
 * many, for an evaluation. */
HP_CHECKED
hp_status work_read_windows(work *w, cli *c, hp_error *err);
/* The statistics of --stats, which must be of w->model; nothing without. */
HP_CHECKED
hp_status work_open_stats(work *w, cli *c, hp_error *err);
/* What moments are taken from: --stats, or data, which are read unless that is
 * done; with the backend. */
HP_CHECKED
hp_status work_open_moments(work *w, cli *c, hp_error *err);
/* What moments are of. */
const hp_calibration_info *work_moments_info(const work *w);
HP_CHECKED
hp_status work_open_backend(work *w, cli *c, hp_error *err);
/* Threads and budget of the command line, with the backend. */
hp_run_options work_run_options(const work *w, const cli *c);
/* What a method that needs a loss asks of the model and its tokenizer; nothing
 * for others. HP_UNSUPPORTED: the model has no output. */
HP_CHECKED
hp_status work_prepare_method(work *w, cli *c, const hp_method *method,
                              hp_error *err);
/* Scores of any method, with what is open. */
HP_CHECKED
hp_status work_score_with(hp_scores **out, const work *w, cli *c,
                          const hp_method *method, uint64_t seed,
                          hp_error *err);
/* Calibration (unless there is one) and backend when the method needs them;
 * then the scores. */
HP_CHECKED
hp_status work_score(work *w, cli *c, hp_error *err);
/* HP_INVALID unless exactly one of --ratio and --count is there. */
HP_CHECKED
hp_status work_check_policy(const cli *c, hp_error *err);
/* A mask [n] from LIST, @FILE or -; freed by the caller, after a failure too.
 */
HP_CHECKED
hp_status work_parse_heads(unsigned char **out, const char *list,
                           const hp_head *heads, size_t n, hp_error *err);
/* Of masked models, tokens that are never masked and the one to mask with: the
 * tokenizer's, or those of config.json, which go to `room`. */
HP_CHECKED
hp_status work_find_special(hp_special *out, int32_t room[HP_MAX_SPECIAL],
                            work *w, cli *c, hp_error *err);
/* The policy of the options for w->scores; `*protect` is freed by the caller,
 * after a failure too. */
HP_CHECKED
hp_status work_read_policy(hp_policy *out, unsigned char **protect,
                           const work *w, const cli *c, hp_error *err);
/* The plan that the options make of w->scores. */
HP_CHECKED
hp_status work_make_plan(work *w, cli *c, hp_error *err);
/* The plan of --plan or --heads for w->model. */
HP_CHECKED
hp_status work_read_plan(work *w, cli *c, hp_error *err);
/* The plan's heads as a mask over the model's, freed by the caller, after a
 * failure too; a plan of a document numbers heads in its own way. */
HP_CHECKED
hp_status work_plan_mask(unsigned char **out, const work *w, hp_error *err);
/* HP_INVALID: options of --compensate without it. */
HP_CHECKED
hp_status work_check_compensate(const cli *c, hp_error *err);
/* With --compensate the refit of w->plan; reads data and opens the backend
 * unless that is done. */
HP_CHECKED
hp_status work_refit(work *w, cli *c, hp_error *err);
/* The same for any masks [n]. */
HP_CHECKED
hp_status work_refit_masks(hp_refit **out, work *w, cli *c,
                           const unsigned char *const *masks, size_t n,
                           hp_error *err);
void work_clear(work *w);

/* The dtypes of a checkpoint in order of appearance. */
enum { MAX_DTYPES = 32 };
typedef struct dtype_count {
    const char *name;
    size_t tensors;
    uint64_t bytes;
} dtype_count;
size_t work_count_dtypes(dtype_count out[MAX_DTYPES], const hp_checkpoint *c);

/* Where the tokenizer is: --tokenizer, or the model's folder; NULL: nowhere. */
const char *work_tokenizer_path(const work *w, const cli *c);

#endif
