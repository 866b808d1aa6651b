#ifndef HEADPRUNE_CLI_TERM_OPTIONS_H
#define HEADPRUNE_CLI_TERM_OPTIONS_H

#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The command line. One table describes every option; the parser, the help
 * texts, the man page and the shell completions are all read from it.
 */

/* Which commands take an option. */
enum {
    TAKES_METHOD = 1, /* entropy, magnitude, ...: score, plan and apply */
    TAKES_INSPECT = 2,
    TAKES_SCORE = 4,
    TAKES_PLAN = 8,
    TAKES_APPLY = 16,
    TAKES_METHODS = 32,
    TAKES_TOKENS = 64,
    TAKES_HELP = 128,
    TAKES_REPORT = 256,
    TAKES_GENERATE = 512,
    TAKES_EVAL = 2048,
    TAKES_ATTENTION = 1024,
    TAKES_SWEEP = 4096,
    TAKES_CHECK = 8192,
    TAKES_DIFF = 16384,
    TAKES_STATS = 1 << 20,
    TAKES_MERGE = 1 << 21,
    TAKES_REDUNDANCY = 1 << 22,
    TAKES_RESTORE = 1 << 23,
    TAKES_AUTO = 1 << 24
};
#define TAKES_WRITERS (TAKES_METHOD | TAKES_APPLY | TAKES_AUTO)
#define TAKES_SCORERS (TAKES_METHOD | TAKES_SCORE)
#define TAKES_POLICY  (TAKES_METHOD | TAKES_PLAN | TAKES_CHECK | TAKES_AUTO)
#define TAKES_SWEPT   (TAKES_SCORERS | TAKES_SWEEP)
/* statistics, from a pass or a file */
#define TAKES_MOMENTS (TAKES_SWEPT | TAKES_APPLY | TAKES_REDUNDANCY)
/* forward passes */
#define TAKES_RUNS                                                             \
    (TAKES_MOMENTS | TAKES_ATTENTION | TAKES_EVAL | TAKES_CHECK |              \
     TAKES_STATS | TAKES_AUTO)
#define TAKES_MODEL                                                            \
    (TAKES_RUNS | TAKES_GENERATE | TAKES_INSPECT | TAKES_APPLY | TAKES_TOKENS)
#define TAKES_ALL 0x1FFFFFF

typedef enum option_type {
    OPTION_FLAG,
    OPTION_COUNT,   /* a flag that may repeat */
    OPTION_TEXT,    /* anything but an empty text */
    OPTION_LIST,    /* the same, may repeat */
    OPTION_NUMBER,  /* min .. max of the row */
    OPTION_SHARE,   /* 0 .. 1 */
    OPTION_DECIMAL, /* min .. max of the row, fractions too */
    OPTION_SIZE,    /* bytes: 64MiB, 512K */
    OPTION_LIMIT,   /* 0.05, or with number 1 a share: 5% */
    OPTION_CHOICE   /* a word of the row's choices */
} option_type;

typedef enum option_id {
    OPT_METHODS,
    OPT_RATIOS,
    OPT_SEEDS,
    OPT_RATIO,
    OPT_COUNT,
    OPT_SCOPE,
    OPT_GROUP,
    OPT_KEEP,
    OPT_PROTECT,
    OPT_PLAN,
    OPT_HEADS,
    OPT_ANY_MODEL,
    OPT_AGAINST,
    OPT_TEXT,
    OPT_PROMPT,
    OPT_DATA,
    OPT_TOKENS,
    OPT_STATS,
    OPT_EVAL_DATA,
    OPT_EVAL_TOKENS,
    OPT_EVAL_SEQUENCES,
    OPT_SEQUENCES,
    OPT_LENGTH,
    OPT_STRIDE,
    OPT_MASK_ID,
    OPT_LINES,
    OPT_NULL,
    OPT_NO_SPECIAL,
    OPT_BASELINE,
    OPT_MAX_PERPLEXITY,
    OPT_MAX_LOSS,
    OPT_MAX_SCORE,
    OPT_EXPECT_HEADS,
    OPT_ANY_DATA,
    OPT_JUNIT,
    OPT_SUMMARY,
    OPT_EXIT_ZERO,
    OPT_LAYER,
    OPT_HEAD,
    OPT_MAX_TOKENS,
    OPT_TEMPERATURE,
    OPT_TOP_K,
    OPT_TOP_P,
    OPT_IGNORE_EOS,
    OPT_SEED,
    OPT_RELATIVE,
    OPT_NORMALIZE,
    OPT_MIX,
    OPT_ITERATE,
    OPT_CONFIG,
    OPT_AS,
    OPT_N_HEADS,
    OPT_QKV_ORDER,
    OPT_TOKENIZER,
    OPT_THREADS,
    OPT_BUDGET,
    OPT_OUTPUT,
    OPT_SVG,
    OPT_RESUME,
    OPT_COMPENSATE,
    OPT_SEQUENTIAL,
    OPT_DAMP,
    OPT_EMIT,
    OPT_UNIFORM,
    OPT_NO_REMOTE_CODE,
    OPT_ROUND,
    OPT_UNDO,
    OPT_REPORT,
    OPT_FORCE,
    OPT_DRY_RUN,
    OPT_FORMAT,
    OPT_JSON,
    OPT_QUIET,
    OPT_VERBOSE,
    OPT_PROGRESS,
    OPT_COLOR,
    OPT_HELP,
    OPT_VERSION,
    OPT_GENERATE,
    N_OPTIONS
} option_id;

typedef struct option_row {
    const char *name;
    char letter; /* 0: none */
    option_type type;
    const char *argument; /* NULL for flags */
    const char *choices;  /* "global|layer" */
    uint64_t min, max;    /* of OPTION_NUMBER */
    unsigned takes;
    const char *help;
} option_row;

/* [N_OPTIONS], by option_id */
extern const option_row option_rows[];

typedef struct option_value {
    unsigned given; /* how often */
    const char *text;
    uint64_t number; /* NUMBER, SIZE; of CHOICE the word's index */
    double share;    /* SHARE, DECIMAL, LIMIT */
} option_value;

typedef struct options {
    option_value value[N_OPTIONS];
    const char **words; /* [n_words] what is not an option, in order */
    size_t n_words;
    const char **data; /* [n_data] --data, in order */
    size_t n_data;
    const char **eval_data; /* [n_eval_data] --eval-data, in order */
    size_t n_eval_data;
    const char **prompts; /* [n_prompts] --prompt, in order */
    size_t n_prompts;
} options;

/* HP_INVALID: what is wrong with the command line. */
HP_CHECKED
hp_status options_parse(options *o, int argc, char **argv, hp_error *err);
void options_clear(options *o);
/* 1 when the command line asks for JSON errors; before it was parsed. */
int options_want_json(int argc, char **argv);
/* HP_INVALID: an option that the command of bit `takes` has no use for. */
HP_CHECKED
hp_status options_check(const options *o, unsigned takes, const char *command,
                        hp_error *err);
static inline int options_has(const options *o, option_id id)
{
    return o->value[id].given != 0;
}

/* The value of an option from its text. HP_INVALID names both. */
HP_CHECKED
hp_status option_value_parse(option_value *v, const option_row *row,
                             const char *text, hp_error *err);

/*
 * How many letters must change to get from `a` to `b`; the best name so far is
 * kept by the caller. suggest_closer returns 1 when `name` is near enough to
 * `word` and nearer than `*best`.
 */
int suggest_closer(size_t *best, const char *word, const char *name);

#endif
